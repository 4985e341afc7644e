"""What can go wrong at the origin, in its own words. `api/` turns these into answers; nothing else does."""

from collections.abc import Mapping, Sequence


class OriginError(Exception):
    """Any failure the origin knows by name."""


class Unavailable(OriginError):
    """PostgreSQL, the state server or the payment provider cannot be reached now; try again."""


class MisconfiguredError(OriginError):
    """The program must not start like this; the text says what to change."""


class NotFound(OriginError):
    """No such thing in this shop; another shop's id looks just the same."""


class Conflict(OriginError):
    """Somebody else changed it first, or it is in use."""


class Invalid(OriginError):
    """Input that breaks a rule, field by field. `base` is the key for what concerns the whole."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(f"{name} {text}" for name, texts in fields.items() for text in texts))
        self.fields = {name: list(texts) for name, texts in fields.items()}
