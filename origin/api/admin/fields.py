"""The kinds of values clients send: every JSON spelling that means the same is taken, everything else is named."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from origin.catalog.listing import parse_time
from origin.texts import UNSTORABLE, is_storable

MAX_ID = 2**53 - 1
MAX_HTML_LENGTH = 1_000_000
_WHOLE = re.compile(r"[+-]?\d{1,16}(\.0+)?")


class Input(BaseModel):
    """Unknown and read-only keys are ignored: clients send back whole objects as they got them."""

    model_config = ConfigDict(extra="ignore")

    def given(self, *never_null: str) -> dict[str, Any]:
        """What the client sent, without what it left out; null counts as left out for `never_null`."""
        sent = self.model_dump(exclude_unset=True)
        return {name: value for name, value in sent.items() if value is not None or name not in never_null}


def _text(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a text")
    text = str(value)
    if not is_storable(text):
        raise ValueError(UNSTORABLE)
    return text


def _whole(value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not _WHOLE.fullmatch(str(value).strip()):
        raise ValueError("must be a whole number")
    return int(float(value)) if isinstance(value, float) else int(str(value).strip().partition(".")[0])


def _flag(value: Any) -> Any:
    if value is None:
        return None
    text = str(value).strip().lower()
    if text in {"true", "1", "yes"}:
        return True
    if text in {"false", "0", "no", ""}:
        return False
    raise ValueError("must be true or false")


def _moment(value: Any) -> Any:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("must be a time such as 2026-01-31T12:00:00Z")
    return parse_time(value)


def _tags(value: Any) -> Any:
    if value is None:
        return None
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list):
        raise ValueError("must be a text with commas or a list of texts")
    return parts


Text = Annotated[str, BeforeValidator(_text)]
Short = Annotated[str, BeforeValidator(_text), Field(max_length=255)]
Html = Annotated[str, BeforeValidator(_text), Field(max_length=MAX_HTML_LENGTH)]
Amount = Annotated[str, BeforeValidator(_text), Field(max_length=40, examples=["19.99"])]
Whole = Annotated[int, BeforeValidator(_whole), Field(ge=-(10**12), le=10**12)]
Place = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=2**31 - 1, description="1 is the first")]
Identifier = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=MAX_ID)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Tags = Annotated[list[Short], BeforeValidator(_tags), Field(description="a text with commas, or a list")]
