"""A product's options (Size, Colour): at most three, told apart by name; their values are those its variants have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from contracts.tenant import StoreId
from origin.db import Tx
from origin.errors import Invalid

MAX_OPTIONS = 3
DEFAULT_TITLE = "Default Title"
DEFAULT_NAMES = ("Title", "Option 2", "Option 3")


@dataclass(frozen=True, slots=True)
class Option:
    """`old_position` is where its values stand in variants written before this change; None for a new option."""

    name: str
    position: int
    id: int = 0
    old_position: int | None = None
    first_value: str = DEFAULT_TITLE


class OptionChange(TypedDict, total=False):
    id: int
    name: str
    values: list[str]


def default_options(count: int) -> list[Option]:
    return [Option(name, number) for number, name in enumerate(DEFAULT_NAMES[: max(count, 1)], start=1)]


def planned_options(existing: Sequence[Option], changes: Sequence[OptionChange]) -> list[Option]:
    """The options as asked for: an entry is the existing one of its id, else of its name, else new. Raises Invalid."""
    if len(changes) > MAX_OPTIONS:
        raise Invalid({"options": [f"can't be more than {MAX_OPTIONS}"]})
    known = {option.id for option in existing}
    named = [change for change in changes if change.get("name", "").strip() or change.get("id") in known]
    if not named:
        return list(existing) or default_options(1)
    planned = [
        _changed(old, change, position)
        for position, (old, change) in enumerate(zip(_matched(existing, named), named, strict=True), start=1)
    ]
    names = [option.name.casefold() for option in planned]
    if len(set(names)) < len(names):
        raise Invalid({"options": ["must have different names"]})
    return planned


def _matched(existing: Sequence[Option], changes: Sequence[OptionChange]) -> list[Option | None]:
    """For each change the option it means. What is left over is a renaming if it stands at the same position."""
    left = list(existing)

    def take(is_meant: Callable[[Option], bool]) -> Option | None:
        found = next((option for option in left if is_meant(option)), None)
        if found:
            left.remove(found)
        return found

    matched = [take(lambda option, change=change: option.id == change.get("id")) for change in changes]  # type: ignore[misc]
    for number, change in enumerate(changes):
        wanted = change.get("name", "").strip().casefold()
        matched[number] = matched[number] or take(lambda option, wanted=wanted: option.name.casefold() == wanted)  # type: ignore[misc]
    return [old or take(lambda option, n=n: option.position == n) for n, old in enumerate(matched, start=1)]  # type: ignore[misc]


def _changed(old: Option | None, change: OptionChange, position: int) -> Option:
    name = change.get("name", "").strip()
    first = next((value.strip() for value in change.get("values", []) if value.strip()), DEFAULT_TITLE)
    if old is None:
        return Option(name, position, first_value=first)
    return replace(old, name=name or old.name, position=position, old_position=old.position, first_value=first)


async def load(tx: Tx, store_id: StoreId, product_id: int) -> list[Option]:
    cursor = await tx.execute(
        "SELECT id, name, position FROM product_option WHERE store_id = %s AND product_id = %s ORDER BY position",
        [store_id, product_id],
    )
    return [Option(row["name"], row["position"], row["id"], row["position"]) for row in await cursor.fetchall()]


async def save(
    tx: Tx, store_id: StoreId, product_id: int, existing: Sequence[Option], planned: Sequence[Option]
) -> None:
    """Makes the stored options those of the plan; touches nothing when they are the same."""
    kept = {option.id for option in planned if option.id}
    gone = [option.id for option in existing if option.id not in kept]
    changed = [option for option in planned if option.id and option not in existing]
    new = [option for option in planned if not option.id]
    if gone:
        await tx.execute("DELETE FROM product_option WHERE store_id = %s AND id = ANY(%s)", [store_id, gone])
    if changed:
        await tx.execute(
            """UPDATE product_option SET name = given.name, position = given.position
               FROM unnest(%s::bigint[], %s::text[], %s::int[]) AS given (id, name, position)
               WHERE store_id = %s AND product_option.id = given.id""",
            [*_columns(changed, "id", "name", "position"), store_id],
        )
    if new:
        await tx.execute(
            """INSERT INTO product_option (store_id, product_id, name, position)
               SELECT %s, %s, name, position FROM unnest(%s::text[], %s::int[]) AS given (name, position)""",
            [store_id, product_id, *_columns(new, "name", "position")],
        )


def _columns(options: Sequence[Option], *names: str) -> list[list[object]]:
    return [[getattr(option, name) for option in options] for name in names]
