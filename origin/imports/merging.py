"""An imported product and the rows it has now, if any, to the rows that change. Pure: it reads and writes nothing.

A column that the file does not have leaves what is there; one that is there and blank blanks it, except prices and
quantities, which cannot be blank.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from origin.catalog.availability import LOW_STOCK
from origin.imports.dialects import OPTION_VALUES, Column, Header
from origin.imports.errors import ProductError
from origin.imports.parsing import DEFAULT_OPTION, DEFAULT_VALUE
from origin.imports.products import ImportedProduct, ImportedVariant
from origin.imports.stored import IMAGE, ITEM, LEVEL, OPTION, PRODUCT, VARIANT, Changes, Ids, Record, StoredProduct

# Database column -> the file's column it comes from, and the name of the parsed value.
_PRODUCT_FIELDS: Mapping[str, tuple[Column, str]] = {
    "title": (Column.TITLE, "title"),
    "body_html": (Column.BODY, "body_html"),
    "vendor": (Column.VENDOR, "vendor"),
    "product_type": (Column.TYPE, "product_type"),
    "status": (Column.STATUS, "status"),
    "tags": (Column.TAGS, "tags"),
    "seo_title": (Column.SEO_TITLE, "seo_title"),
    "seo_description": (Column.SEO_DESCRIPTION, "seo_description"),
}
_VARIANT_FIELDS: Mapping[str, tuple[Column, str]] = {
    "compare_at_minor": (Column.COMPARE_AT, "compare_at_minor"),
    "sku": (Column.SKU, "sku"),
    "barcode": (Column.BARCODE, "barcode"),
    "grams": (Column.GRAMS, "grams"),
    "requires_shipping": (Column.SHIPPING, "requires_shipping"),
    "taxable": (Column.TAXABLE, "is_taxable"),
    "tax_code": (Column.TAX_CODE, "tax_code"),
}
_ITEM_FIELDS: Mapping[str, tuple[Column, str]] = {
    "sku": (Column.SKU, "sku"),
    "cost_minor": (Column.COST, "cost_minor"),
    "is_tracked": (Column.TRACKER, "is_tracked"),
    "requires_shipping": (Column.SHIPPING, "requires_shipping"),
}
_VARIANT_COLUMNS = (Column.PRICE, Column.SKU, Column.QUANTITY, Column.COMPARE_AT)


@dataclass(frozen=True, slots=True)
class Merger:
    """For one batch of one file: what the file has, and what the shop takes for granted."""

    header: Header
    location_id: int
    weight_unit: str
    now: datetime

    def create(self, given: ImportedProduct, ids: Ids) -> Changes:
        merge = _Merge(self, given, StoredProduct({"id": next(ids["product"])}), ids, is_new=True)
        merge.everything()
        return merge.changes

    def overwrite(self, given: ImportedProduct, current: StoredProduct, ids: Ids) -> tuple[Changes, list[str]]:
        """The changes, none if it is all the same already, and what the merchant should know. Raises ProductError."""
        warnings = []
        merge = _Merge(self, given, current, ids, is_new=False)
        has_options = [row["name"] for row in current.options] != [DEFAULT_OPTION] or len(current.variants) > 1
        if has_options and not given.has_variant_rows:
            merge.all_but_variants()
            if any(map(self.header.has, _VARIANT_COLUMNS)):
                warnings.append("no line has an Option1 Value, so options and variants were left as they are")
            return merge.changes, warnings
        if len(current.options) > sum(map(self.header.has, OPTION_VALUES)) and has_options:
            reason = (
                f"the product has {len(current.options)} options; the file must have a column for the values of each"
            )
            raise ProductError(given.line, reason)
        merge.everything()
        gone = len(merge.changes.removed[VARIANT.table])
        if gone:
            warnings.append(f"{gone} variants that are not in the file were removed")
        return merge.changes, warnings


class _Merge:
    """One product on its way from what it is to what the file says."""

    def __init__(
        self, merger: Merger, given: ImportedProduct, current: StoredProduct, ids: Ids, *, is_new: bool
    ) -> None:
        self.merger, self.given, self.current, self.ids, self.is_new = merger, given, current, ids, is_new
        self.product_id: int = current.product["id"]
        self.changes = Changes()
        self._image_ids: dict[str, int] = {}

    def all_but_variants(self) -> None:
        self._product()
        self._images()

    def everything(self) -> None:
        self.all_but_variants()
        self._options()
        self._variants()

    def _has(self, column: Column) -> bool:
        return self.merger.header.has(column)

    def _taken(self, fields: Mapping[str, tuple[Column, str]], given: object, current: Record | None) -> Record:
        return {
            name: getattr(given, attribute) if current is None or self._has(column) else current[name]
            for name, (column, attribute) in fields.items()
        }

    def _put(self, table: str, row: Record, current: Record | None) -> None:
        if row != current:
            self.changes.rows[table].append(row)

    def _product(self) -> None:
        current = None if self.is_new else self.current.product
        row: Record = {"id": self.product_id, "handle": self.given.handle, "published_at": self._published_at(current)}
        row |= self._taken(_PRODUCT_FIELDS, self.given, current) | self._summary(current)
        self._put(PRODUCT.table, row | {"tags": list(row["tags"])}, current)

    def _summary(self, current: Record | None) -> Record:
        """What `products_changed` keeps. Right from the start for a new product, so that it is not written twice."""
        if current is not None:
            return {name: current[name] for name in ("price_min_minor", "price_max_minor", "availability")}
        prices = [variant.price_minor or 0 for variant in self.given.variants]
        states = {_availability(variant) for variant in self.given.variants}
        best = next(state for state in ("in_stock", "low", "sold_out") if state in states)
        return {"price_min_minor": min(prices), "price_max_minor": max(prices), "availability": best}

    def _published_at(self, current: Record | None) -> str | None:
        if current is not None and not self._has(Column.PUBLISHED):
            return str(current["published_at"]) if current["published_at"] else None
        if not self.given.is_published:
            return None
        return str((current and current["published_at"]) or self.merger.now.isoformat())

    def _options(self) -> None:
        there = {row["position"]: row for row in self.current.options}
        for position, name in enumerate(self.given.option_names, start=1):
            old = there.pop(position, None)
            row = {"id": old["id"] if old else next(self.ids[OPTION.table])}
            self._put(OPTION.table, row | {"product_id": self.product_id, "name": name, "position": position}, old)
        self.changes.removed[OPTION.table] += [row["id"] for row in there.values()]

    def _images(self) -> None:
        there = {row["src"]: row for row in self.current.images}
        wanted = [(image.src, image.alt) for image in self.given.images]
        if not self._has(Column.IMAGE) and not self.is_new:
            # Nothing is said about the product's own images; variants may still bring theirs.
            kept = [(row["src"], row["alt"]) for row in self.current.images]
            wanted = kept + [image for image in wanted if image[0] not in there]
        for position, (src, alt) in enumerate(wanted, start=1):
            old = there.get(src)
            row = {"id": old["id"] if old else next(self.ids[IMAGE.table]), "product_id": self.product_id}
            row |= {"position": position, "src": src}
            self._put(IMAGE.table, row | {"alt": alt if self._has(Column.IMAGE_ALT) or not old else old["alt"]}, old)
            self._image_ids[src] = row["id"]
        kept_ids = set(self._image_ids.values())
        self.changes.removed[IMAGE.table] += [row["id"] for row in self.current.images if row["id"] not in kept_ids]

    def _variants(self) -> None:
        there = {_options_of(row): row for row in self.current.variants}
        for position, variant in enumerate(self.given.variants, start=1):
            self._variant(position, variant, there.pop(variant.options, None))
        self.changes.removed[VARIANT.table] += [row["id"] for row in there.values()]
        self.changes.removed[ITEM.table] += [row["inventory_item_id"] for row in there.values()]

    def _variant(self, position: int, given: ImportedVariant, old: Record | None) -> None:
        item_id = old["inventory_item_id"] if old else next(self.ids[ITEM.table])
        row = {
            "id": old["id"] if old else next(self.ids[VARIANT.table]),
            "product_id": self.product_id,
            "inventory_item_id": item_id,
            "title": " / ".join(given.options),
            "position": position,
            "price_minor": given.price_minor if given.price_minor is not None else (old["price_minor"] if old else 0),
            "weight_unit": self._weight_unit(given, old),
            "inventory_management": "shopify" if given.is_tracked else None,
            "inventory_policy": "continue" if given.may_oversell else "deny",
            "image_id": self._image_id(given, old),
            "availability": old["availability"] if old else _availability(given),
        }
        if old and not self._has(Column.TRACKER):
            row["inventory_management"] = old["inventory_management"]
        if old and not self._has(Column.POLICY):
            row["inventory_policy"] = old["inventory_policy"]
        values = (*given.options, None, None)
        row |= {"option1": values[0], "option2": values[1], "option3": values[2]}
        self._put(VARIANT.table, row | self._taken(_VARIANT_FIELDS, given, old), old)
        item = self.current.items.get(item_id) if old else None
        self._put(ITEM.table, {"id": item_id} | self._taken(_ITEM_FIELDS, given, item), item)
        self._level(item_id, given.quantity, row["inventory_policy"] == "continue")

    def _weight_unit(self, given: ImportedVariant, old: Record | None) -> str:
        if old and not self._has(Column.WEIGHT_UNIT):
            return str(old["weight_unit"])
        return given.weight_unit or self.merger.weight_unit

    def _image_id(self, given: ImportedVariant, old: Record | None) -> int | None:
        if self._has(Column.VARIANT_IMAGE) or not old:
            return self._image_ids.get(given.image_src) if given.image_src else None
        image_id: int | None = old["image_id"]
        return image_id if image_id in self._image_ids.values() else None

    def _level(self, item_id: int, quantity: int | None, may_oversell: bool) -> None:
        """Stock that the file does not change is not written: it may have been sold since it was read."""
        old = self.current.levels.get(item_id)
        if quantity is not None and not may_oversell:
            quantity = max(quantity, 0)
        row = {"inventory_item_id": item_id, "location_id": self.merger.location_id, "may_oversell": may_oversell}
        if old is None or (quantity is not None and quantity != old["available"]):
            self.changes.rows[LEVEL.table].append(row | {"available": quantity or 0})
        if old is not None and old["may_oversell"] != may_oversell:
            self.changes.policies.append({"inventory_item_id": item_id, "may_oversell": may_oversell})


def _options_of(row: Record) -> tuple[str, ...]:
    values = (row["option1"], row["option2"], row["option3"])
    return tuple(value for value in values if value is not None) or (DEFAULT_VALUE,)


def _availability(given: ImportedVariant) -> str:
    if not given.is_tracked or given.may_oversell:
        return "in_stock"
    available = given.quantity or 0
    return "in_stock" if available > LOW_STOCK else "low" if available > 0 else "sold_out"
