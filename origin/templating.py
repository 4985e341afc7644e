"""The origin's own templates: pages and e-mail. Ours only, so no sandbox; every value in HTML is escaped."""

import hashlib
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from contracts.money import to_display

TEMPLATES = Path(__file__).parent / "templates"


@lru_cache(maxsize=1)
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, disabled_extensions=("txt",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["money"] = to_display
    return made


@lru_cache(maxsize=8)
def static_file(name: str) -> tuple[bytes, str]:
    """The bytes, and a version for the address that changes with them."""
    body = (TEMPLATES / name).read_bytes()
    return body, hashlib.sha256(body).hexdigest()[:12]
