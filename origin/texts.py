"""Which texts can be kept: PostgreSQL takes no null character, and half a surrogate pair is no character at all."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
UNSTORABLE = "must not have a null character or half a surrogate pair"


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None
