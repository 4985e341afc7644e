"""A product's parts as one whole: its options, variants and images, and the variants that join, change or leave it."""

from collections.abc import Sequence
from typing import Any

from contracts.tenant import StoreId
from origin.catalog import images as image_rows
from origin.catalog import options as option_rows
from origin.catalog import shops
from origin.catalog import variants as variant_rows
from origin.catalog.changes import products_changed
from origin.catalog.images import ImageChange
from origin.catalog.options import Option, OptionChange, default_options, planned_options
from origin.catalog.shops import Shop
from origin.catalog.variant_plan import Entry, Planned, Variant, VariantChange, planned_variants
from origin.db import Tx
from origin.errors import Invalid, NotFound

_OF_THE_WHOLE = {"base", "options", "variants", "images"}


async def lock(tx: Tx, store_id: StoreId, product_id: int) -> None:
    """Nobody else changes this product or its parts until the transaction ends. Raises NotFound."""
    cursor = await tx.execute(
        "SELECT id FROM product WHERE store_id = %s AND id = %s FOR NO KEY UPDATE", [store_id, product_id]
    )
    if await cursor.fetchone() is None:
        raise NotFound("product")


async def load_variants(tx: Tx, store_id: StoreId, product_id: int) -> list[Variant]:
    return [variant_rows.from_row(row) for row in await variant_rows.of_products(tx, store_id, [product_id])]


async def write(
    tx: Tx,
    store_id: StoreId,
    product_id: int,
    shop: Shop,
    *,
    options: Sequence[OptionChange] | None,
    variants: Sequence[VariantChange] | None,
    images: Sequence[ImageChange] | None,
    is_new: bool = False,
) -> None:
    """Each list that is given is the whole list. The caller holds the product. Raises Invalid."""
    image_of_variant: dict[int, int] = {}
    if images is not None:
        image_of_variant = await image_rows.replace_all(tx, store_id, product_id, images)
    if is_new or options is not None or variants is not None:
        existing = await option_rows.load(tx, store_id, product_id)
        before = await load_variants(tx, store_id, product_id)
        entries = _entries(before, variants, is_new=is_new)
        wanted = _wanted_options(existing, options, entries)
        try:
            await _write_variants(tx, store_id, product_id, existing, wanted, before, entries, shop)
        except Invalid as error:
            raise Invalid(
                {name if name in _OF_THE_WHOLE else f"variants.{name}": texts for name, texts in error.fields.items()}
            ) from error
    await image_rows.assign(tx, store_id, product_id, image_of_variant)


def _entries(before: Sequence[Variant], changes: Sequence[VariantChange] | None, *, is_new: bool) -> list[Entry]:
    if changes is None or (is_new and not changes):
        return [(variant, VariantChange()) for variant in before] or [(None, VariantChange())]
    if not changes:
        raise Invalid({"variants": ["can't be empty: a product has at least one variant"]})
    known = {variant.id: variant for variant in before}
    return [(known.get(change.get("id", 0)), change) for change in changes]


def _wanted_options(
    existing: Sequence[Option], changes: Sequence[OptionChange] | None, entries: Sequence[Entry]
) -> list[Option]:
    if changes is not None:
        return planned_options(existing, changes)
    if existing:
        return list(existing)
    used = max((n for _, change in entries for n in (1, 2, 3) if change.get(f"option{n}")), default=1)
    return default_options(used)


async def _write_variants(
    tx: Tx,
    store_id: StoreId,
    product_id: int,
    existing: Sequence[Option],
    wanted: Sequence[Option],
    before: Sequence[Variant],
    entries: Sequence[Entry],
    shop: Shop,
) -> list[Variant]:
    """The one way in which a product's options and variants change."""
    filled = [(old, _first_values(wanted, change) if old is None else change) for old, change in entries]
    planned = planned_variants(wanted, filled, shop.currency, shop.weight_unit)
    await _refuse_foreign_images(tx, store_id, product_id, before, planned)
    await option_rows.save(tx, store_id, product_id, existing, wanted)
    return await variant_rows.save(tx, store_id, product_id, before, planned, shop.currency)


def _first_values(wanted: Sequence[Option], change: VariantChange) -> VariantChange:
    """A new variant that says nothing of any option has the first value of each."""
    if any(change.get(f"option{n}") for n in (1, 2, 3)):
        return change
    values: dict[str, Any] = {f"option{option.position}": option.first_value for option in wanted}
    return VariantChange(**{**change, **values})  # type: ignore[typeddict-item]


async def _refuse_foreign_images(
    tx: Tx, store_id: StoreId, product_id: int, before: Sequence[Variant], planned: Sequence[Planned]
) -> None:
    known = {variant.image_id for variant in before} | {None}
    named = {each.variant.image_id for each in planned} - known
    if named and not named <= {image.id for image in await image_rows.load(tx, store_id, product_id)}:
        raise Invalid({"image_id": ["must be an image of this product"]})


async def add_variant(tx: Tx, store_id: StoreId, product_id: int, change: VariantChange) -> int:
    """At its position, or as the last; returns its id. Raises NotFound, Invalid."""
    await lock(tx, store_id, product_id)
    before = await load_variants(tx, store_id, product_id)
    entries: list[Entry] = [(variant, VariantChange()) for variant in before]
    place = change.get("position", len(entries) + 1) - 1
    entries.insert(max(0, min(place, len(entries))), (None, change))
    saved = await _write_entries(tx, store_id, product_id, before, entries)
    known = {variant.id for variant in before}
    return next(variant.id for variant in saved if variant.id not in known)


async def change_variant(tx: Tx, store_id: StoreId, product_id: int, variant_id: int, change: VariantChange) -> None:
    await lock(tx, store_id, product_id)
    before = await load_variants(tx, store_id, product_id)
    chosen = _chosen(before, variant_id)
    entries: list[Entry] = [(variant, VariantChange()) for variant in before if variant is not chosen]
    place = change.get("position", chosen.position) - 1
    entries.insert(max(0, min(place, len(entries))), (chosen, change))
    await _write_entries(tx, store_id, product_id, before, entries)


async def remove_variant(tx: Tx, store_id: StoreId, product_id: int, variant_id: int) -> None:
    await lock(tx, store_id, product_id)
    before = await load_variants(tx, store_id, product_id)
    chosen = _chosen(before, variant_id)
    if len(before) == 1:
        raise Invalid({"base": ["The last variant can't be deleted; delete the product instead"]})
    entries: list[Entry] = [(variant, VariantChange()) for variant in before if variant is not chosen]
    await _write_entries(tx, store_id, product_id, before, entries)


def _chosen(variants_before: Sequence[Variant], variant_id: int) -> Variant:
    found = next((variant for variant in variants_before if variant.id == variant_id), None)
    if found is None:
        raise NotFound("variant")
    return found


async def _write_entries(
    tx: Tx, store_id: StoreId, product_id: int, before: Sequence[Variant], entries: Sequence[Entry]
) -> list[Variant]:
    existing = await option_rows.load(tx, store_id, product_id)
    shop = await shops.read(tx, store_id)
    saved = await _write_variants(tx, store_id, product_id, existing, existing, before, entries, shop)
    await products_changed(tx, store_id, [product_id])
    return saved


async def add_image(tx: Tx, store_id: StoreId, product_id: int, change: ImageChange) -> int:
    """At its position, or as the last; returns its id. Raises NotFound, Invalid."""
    await lock(tx, store_id, product_id)
    image_id = await image_rows.add(tx, store_id, product_id, change)
    await _show_by(tx, store_id, product_id, image_id, change)
    await products_changed(tx, store_id, [product_id])
    return image_id


async def change_image(tx: Tx, store_id: StoreId, product_id: int, image_id: int, change: ImageChange) -> None:
    await lock(tx, store_id, product_id)
    await image_rows.change_one(tx, store_id, product_id, image_id, change)
    await _show_by(tx, store_id, product_id, image_id, change)
    await products_changed(tx, store_id, [product_id])


async def remove_image(tx: Tx, store_id: StoreId, product_id: int, image_id: int) -> None:
    await lock(tx, store_id, product_id)
    await image_rows.remove(tx, store_id, product_id, image_id)
    await products_changed(tx, store_id, [product_id])


async def _show_by(tx: Tx, store_id: StoreId, product_id: int, image_id: int, change: ImageChange) -> None:
    if "variant_ids" in change:
        await image_rows.unassign_others(tx, store_id, image_id, change["variant_ids"])
        await image_rows.assign(tx, store_id, product_id, dict.fromkeys(change["variant_ids"], image_id))
