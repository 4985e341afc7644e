"""Handles: the readable name of a product, collection or page in its URL, unique within its shop.

Always lower-case, because pages are looked up by the lower-cased path.
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum

from contracts.tenant import StoreId
from origin.db import Tx
from origin.errors import Invalid

MAX_HANDLE_LENGTH = 255
_SUFFIX_ROOM = 12  # for "-1", "-2" and so on
_NO_SEPARATOR = re.compile(r"['’ʼ`]")
_SEPARATORS = re.compile(r"[\W_]+")
_COUNTED = re.compile(r"(-\d+)+$")
# Letters that Unicode does not decompose but every reader of Latin script folds.
_FOLDS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "&": " and "}
)


class Handled(StrEnum):
    """What has handles: each is its own name space, and the value is its table."""

    PRODUCT = "product"
    COLLECTION = "collection"
    STATIC_PAGE = "static_page"


def slug(title: str) -> str:
    """ "Crème Brûlée & Co." -> "creme-brulee-and-co". Letters without a Latin spelling stay; may be empty."""
    # Lower-cased between the two: the first turns letter-like signs to capitals (TM, No), and some small letters
    # (of the dotted capital I) are made of a letter and a mark.
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", title).lower().translate(_FOLDS))
    words = _SEPARATORS.sub("-", unicodedata.normalize("NFC", _without_accents(_NO_SEPARATOR.sub("", folded))))
    return words.strip("-")[: MAX_HANDLE_LENGTH - _SUFFIX_ROOM].strip("-")


def _without_accents(decomposed: str) -> str:
    """Marks on Latin letters and digits go; those that other scripts need to be read stay."""
    kept: list[str] = []
    for character in decomposed:
        if not (unicodedata.combining(character) and kept and kept[-1].isascii() and kept[-1].isalnum()):
            kept.append(character)
    return "".join(kept)


async def unique(tx: Tx, store_id: StoreId, kind: Handled, wanted: Sequence[str]) -> list[str]:
    """A free handle for each wanted title or handle, in order: the slug, or with -1, -2 and so on.

    Serialised per stem until the transaction ends: 1. A finds "cup" free; 2. B finds "cup" free; 3. both insert it.
    Stems are locked in order, so that two bulk writers cannot wait for each other.
    """
    slugs = [slug(text) or str(kind).replace("_", "-") for text in wanted]
    taken = await _taken(tx, store_id, kind, slugs)
    chosen = []
    for handle in slugs:
        free = _first_free(handle, taken)
        taken.add(free)
        chosen.append(free)
    return chosen


async def claim(tx: Tx, store_id: StoreId, kind: Handled, wanted: str, own_id: int) -> str:
    """The handle somebody asked for by name; raises Invalid when another thing of this shop has it."""
    handle = slug(wanted)
    if not handle:
        raise Invalid({"handle": ["must have at least one letter or digit"]})
    await _lock(tx, store_id, kind, [handle])
    cursor = await tx.execute(
        f"SELECT id, handle FROM {kind} WHERE store_id = %s AND (handle = %s OR id = %s)".encode(),
        [store_id, handle, own_id],
    )
    owners = {row["id"]: row["handle"] for row in await cursor.fetchall()}
    # Clients send back the handle they read; an older one may be spelled in a way we would not choose today.
    if owners.get(own_id) == wanted == wanted.lower():
        return wanted
    if any(owner != own_id and taken == handle for owner, taken in owners.items()):
        raise Invalid({"handle": ["has already been taken"]})
    return handle


async def _taken(tx: Tx, store_id: StoreId, kind: Handled, slugs: Sequence[str]) -> set[str]:
    await _lock(tx, store_id, kind, slugs)
    cursor = await tx.execute(
        f"""SELECT handle FROM {kind} WHERE store_id = %(store_id)s AND (handle = ANY(%(slugs)s) OR handle IN (
                SELECT wanted || '-' || n FROM unnest(%(slugs)s::text[]) AS wanted, generate_series(1, 30) AS n
            ))""".encode(),
        {"store_id": store_id, "slugs": list(slugs)},
    )
    taken = {row["handle"] for row in await cursor.fetchall()}
    # More than thirty of one name are rare enough for a scan of their own.
    for handle in {handle for handle in slugs if f"{handle}-30" in taken}:
        cursor = await tx.execute(
            f"SELECT handle FROM {kind} WHERE store_id = %s AND starts_with(handle, %s)".encode(),
            [store_id, f"{handle}-"],
        )
        taken |= {row["handle"] for row in await cursor.fetchall()}
    return taken


async def _lock(tx: Tx, store_id: StoreId, kind: Handled, slugs: Sequence[str]) -> None:
    stems = sorted({_COUNTED.sub("", handle) or handle for handle in slugs})
    await tx.execute(
        """SELECT pg_advisory_xact_lock(hashtextextended(stem, %s))
           FROM unnest(%s::text[]) WITH ORDINALITY AS stems (stem, n) ORDER BY n""",
        [store_id, [f"{kind}/{stem}" for stem in stems]],
    )


def _first_free(handle: str, taken: set[str]) -> str:
    if handle not in taken:
        return handle
    number = 1
    while f"{handle}-{number}" in taken:
        number += 1
    return f"{handle}-{number}"
