"""A product's images: addresses elsewhere or uploaded files, in order, and the variants they show.

An address elsewhere is stored, not fetched: whoever shows the page loads it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict
from urllib.parse import urlsplit

from contracts.tenant import StoreId
from origin.catalog import assets
from origin.catalog.assets import Upload
from origin.catalog.listing import Condition, Filters, Slice, Window, above_id, ids_in, select
from origin.db import Tx
from origin.errors import Invalid, NotFound

MAX_IMAGES = 250
MAX_URL_LENGTH = 2048
COLUMNS = """product_image.*, (SELECT coalesce(array_agg(variant.id ORDER BY variant.position), '{}') FROM variant
    WHERE variant.store_id = product_image.store_id AND variant.product_id = product_image.product_id
      AND variant.image_id = product_image.id) AS variant_ids"""
FILTERS: Filters = {"ids": ids_in("product_image.id"), "since_id": above_id("product_image.id")}


@dataclass(frozen=True, slots=True)
class ProductImage:
    """`id` is 0 until it is saved."""

    src: str = ""
    position: int = 1
    id: int = 0
    asset_id: int | None = None
    alt: str | None = None
    width: int | None = None
    height: int | None = None


class ImageChange(TypedDict, total=False):
    """What a client may send; `upload` is a checked attachment."""

    id: int
    src: str | None
    upload: Upload
    alt: str | None
    position: int
    variant_ids: list[int]


async def of_products(tx: Tx, store_id: StoreId, product_ids: Sequence[int]) -> list[dict[str, Any]]:
    cursor = await tx.execute(
        """SELECT * FROM product_image WHERE store_id = %s AND product_id = ANY(%s)
           ORDER BY product_id, position, id""",
        [store_id, list(product_ids)],
    )
    return await cursor.fetchall()


async def page(tx: Tx, store_id: StoreId, product_id: int, conditions: Sequence[Condition], window: Window) -> Slice:
    own = Condition("product_image.product_id = %s", (product_id,))
    return await select(tx, store_id, "product_image", COLUMNS, [own, *conditions], window)


async def load(tx: Tx, store_id: StoreId, product_id: int) -> list[ProductImage]:
    rows = await of_products(tx, store_id, [product_id])
    return [
        ProductImage(row["src"], row["position"], row["id"], row["asset_id"], row["alt"], row["width"], row["height"])
        for row in rows
    ]


async def replace_all(tx: Tx, store_id: StoreId, product_id: int, changes: Sequence[ImageChange]) -> dict[int, int]:
    """The product's images become these, in this order; an entry with an id is that image changed, a missing one goes.

    Returns the image of each variant that was named in `variant_ids`.
    """
    before = {image.id: image for image in await load(tx, store_id, product_id)}
    entries: list[tuple[ProductImage | None, ImageChange]] = []
    for change in changes:
        old = before.get(change["id"]) if change.get("id") else None
        if old is None and not (change.get("src") or "upload" in change):
            raise Invalid({"images": ["need a src (a web address) or an attachment"]})
        entries.append((old, change))
    # Positions that a client states win over the order of its list.
    entries.sort(key=lambda entry: entry[1].get("position", len(entries)) if _is_ordered(changes) else 0)
    return await _write(tx, store_id, product_id, list(before.values()), entries)


def _is_ordered(changes: Sequence[ImageChange]) -> bool:
    return all(change.get("position") for change in changes)


async def add(tx: Tx, store_id: StoreId, product_id: int, change: ImageChange) -> int:
    """At its position, or as the last; returns its id."""
    before = await load(tx, store_id, product_id)
    entries: list[tuple[ProductImage | None, ImageChange]] = [(image, ImageChange()) for image in before]
    place = change.get("position", len(entries) + 1) - 1
    entries.insert(max(0, min(place, len(entries))), (None, change))
    known = {image.id for image in before}
    await _write(tx, store_id, product_id, before, entries)
    return next(image.id for image in await load(tx, store_id, product_id) if image.id not in known)


async def change_one(tx: Tx, store_id: StoreId, product_id: int, image_id: int, change: ImageChange) -> None:
    before = await load(tx, store_id, product_id)
    chosen = next((image for image in before if image.id == image_id), None)
    if chosen is None:
        raise NotFound("image")
    entries: list[tuple[ProductImage | None, ImageChange]] = [
        (image, ImageChange()) for image in before if image is not chosen
    ]
    place = change.get("position", chosen.position) - 1
    entries.insert(max(0, min(place, len(entries))), (chosen, change))
    await _write(tx, store_id, product_id, before, entries)


async def remove(tx: Tx, store_id: StoreId, product_id: int, image_id: int) -> None:
    before = await load(tx, store_id, product_id)
    if image_id not in {image.id for image in before}:
        raise NotFound("image")
    await _write(tx, store_id, product_id, before, [(image, ImageChange()) for image in before if image.id != image_id])


async def _write(
    tx: Tx,
    store_id: StoreId,
    product_id: int,
    before: Sequence[ProductImage],
    entries: Sequence[tuple[ProductImage | None, ImageChange]],
) -> dict[int, int]:
    if len(entries) > MAX_IMAGES:
        raise Invalid({"images": [f"can't be more than {MAX_IMAGES}"]})
    planned = [
        replace(await _merged(tx, store_id, old or ProductImage(), change), position=position)
        for position, (old, change) in enumerate(entries, start=1)
    ]
    kept = {image.id for image in planned}
    gone = [image.id for image in before if image.id not in kept]
    if gone:
        await tx.execute("DELETE FROM product_image WHERE store_id = %s AND id = ANY(%s)", [store_id, gone])
    await _update(tx, store_id, [image for image in planned if image.id and image not in before])
    ids = iter(await _insert(tx, store_id, product_id, [image for image in planned if not image.id]))
    saved = [image.id or next(ids) for image in planned]
    return {
        variant_id: image_id
        for image_id, (_, change) in zip(saved, entries, strict=True)
        for variant_id in change.get("variant_ids", [])
    }


async def _merged(tx: Tx, store_id: StoreId, image: ProductImage, change: ImageChange) -> ProductImage:
    if "alt" in change:
        image = replace(image, alt=(change["alt"] or "").strip() or None)
    if "upload" in change:
        asset = await assets.store(tx, store_id, change["upload"])
        return replace(image, src=asset.path, asset_id=asset.id, width=asset.width, height=asset.height)
    src = (change.get("src") or "").strip()
    # A client sends back the address it was shown, which for a file of ours is its path on the shop's host.
    if not src or src == image.src or (image.asset_id and urlsplit(src).path == image.src):
        return image
    return replace(image, src=checked_url(src), asset_id=None, width=None, height=None)


def checked_url(src: str) -> str:
    """Raises Invalid unless a browser could load it from the web."""
    try:
        parts = urlsplit(src)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_web = False
    if not is_web or len(src) > MAX_URL_LENGTH or any(letter in src for letter in " \"'<>\\\n\r\t"):
        raise Invalid({"src": ["must be a web address such as https://example.com/cup.jpg, or use attachment"]})
    return src


async def _update(tx: Tx, store_id: StoreId, images: Sequence[ProductImage]) -> None:
    for image in images:
        await tx.execute(
            """UPDATE product_image SET src = %s, position = %s, asset_id = %s, alt = %s, width = %s, height = %s,
                      updated_at = now()
               WHERE store_id = %s AND id = %s""",
            [image.src, image.position, image.asset_id, image.alt, image.width, image.height, store_id, image.id],
        )


async def _insert(tx: Tx, store_id: StoreId, product_id: int, images: Sequence[ProductImage]) -> list[int]:
    ids = []
    for image in images:
        cursor = await tx.execute(
            """INSERT INTO product_image (store_id, product_id, src, position, asset_id, alt, width, height)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id""",
            [store_id, product_id, image.src, image.position, image.asset_id, image.alt, image.width, image.height],
        )
        row = await cursor.fetchone()
        assert row is not None
        ids.append(int(row["id"]))
    return ids


async def assign(tx: Tx, store_id: StoreId, product_id: int, image_of_variant: Mapping[int, int]) -> None:
    """Shows these variants by these images. Raises Invalid for a variant of another product."""
    if not image_of_variant:
        return
    cursor = await tx.execute(
        """UPDATE variant SET image_id = given.image_id, updated_at = now()
           FROM unnest(%s::bigint[], %s::bigint[]) AS given (variant_id, image_id)
           WHERE store_id = %s AND product_id = %s AND variant.id = given.variant_id""",
        [list(image_of_variant), list(image_of_variant.values()), store_id, product_id],
    )
    if cursor.rowcount < len(image_of_variant):
        raise Invalid({"variant_ids": ["must be variants of this product"]})


async def unassign_others(tx: Tx, store_id: StoreId, image_id: int, variant_ids: Sequence[int]) -> None:
    await tx.execute(
        "UPDATE variant SET image_id = NULL, updated_at = now()"
        " WHERE store_id = %s AND image_id = %s AND NOT id = ANY(%s)",
        [store_id, image_id, list(variant_ids)],
    )
