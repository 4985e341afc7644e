"""The rows of one product to an ImportedProduct, by the rules of the format.

Product columns count on the first row only. A row with a first option value is a variant, one without is an image.
The image on a row belongs to the product; a variant names its own image in a column of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from origin.imports import cells
from origin.imports.dialects import OPTION_NAMES, OPTION_VALUES, Column, Header
from origin.imports.errors import ProductError
from origin.imports.grouping import Group, Line, lines_of
from origin.imports.images import Gallery
from origin.imports.products import Finding, ImportedProduct, ImportedVariant

MAX_VARIANTS = 2048
MAX_TAGS = 250
DEFAULT_OPTION, DEFAULT_VALUE = "Title", "Default Title"
_MANUAL = ("", "manual")
_TRACKED_HERE = ("shopify", "stoa")


@dataclass(frozen=True, slots=True)
class Parser:
    """For one file of one shop. `parse` is pure: the same group gives the same product and warnings."""

    header: Header
    currency: str

    def parse(self, group: Group) -> tuple[ImportedProduct, list[Finding]]:
        """Raises ProductError with the line and the reason."""
        lines = lines_of(self.header, group)
        first = lines[0]
        if not first.cell(Column.TITLE):
            raise ProductError(first.number, "Title can't be blank on the first line of a product")
        if not group.handle:
            raise ProductError(first.number, "Handle must have at least one letter or digit")
        warnings = _Warnings(group.handle)
        names = _option_names(first)
        gallery = Gallery(lines, warnings.add)
        variant_lines = self._variant_lines(lines, names, warnings)
        variants = tuple(self._variant(line, names, gallery, warnings) for line in variant_lines)
        _refuse_twins(variant_lines, variants)
        return self._product(group, lines, names, variants, gallery, warnings), warnings.findings

    def _product(
        self,
        group: Group,
        lines: Sequence[Line],
        names: tuple[str, ...],
        variants: tuple[ImportedVariant, ...],
        gallery: Gallery,
        warnings: "_Warnings",
    ) -> ImportedProduct:
        first = lines[0]
        try:
            tags = cells.tags(Column.TAGS, first.cell(Column.TAGS))
            if len(tags) > MAX_TAGS:
                raise cells.CellError(f"{Column.TAGS} has {len(tags)} tags; at most {MAX_TAGS} are allowed")
            if cells.yes_or_no(Column.GIFT_CARD, first.cell(Column.GIFT_CARD), blank=False):
                warnings.add(first, "gift cards are not supported; it was imported as an ordinary product")
            return ImportedProduct(
                handle=group.handle,
                title=cells.text(Column.TITLE, first.cell(Column.TITLE)),
                option_names=names,
                variants=variants,
                images=gallery.images(),
                body_html=cells.optional_text(Column.BODY, first.cell(Column.BODY)),
                vendor=cells.text(Column.VENDOR, first.cell(Column.VENDOR)),
                product_type=cells.text(Column.TYPE, first.cell(Column.TYPE)),
                tags=tags,
                is_published=cells.yes_or_no(Column.PUBLISHED, first.cell(Column.PUBLISHED)),
                status=cells.one_of(Column.STATUS, first.cell(Column.STATUS), cells.STATUSES, blank="active"),
                seo_title=cells.optional_text(Column.SEO_TITLE, first.cell(Column.SEO_TITLE)),
                seo_description=cells.optional_text(Column.SEO_DESCRIPTION, first.cell(Column.SEO_DESCRIPTION)),
                has_variant_rows=any(row.cell(Column.OPTION1_VALUE) for row in lines),
                line=first.number,
            )
        except cells.CellError as error:
            raise ProductError(first.number, str(error)) from error

    def _variant_lines(self, lines: Sequence[Line], names: tuple[str, ...], warnings: "_Warnings") -> list[Line]:
        found = [line for line in lines if line.cell(Column.OPTION1_VALUE)]
        if not found:
            if names != (DEFAULT_OPTION,):
                raise ProductError(
                    lines[0].number, f'Option1 Value is blank, but the product has an option "{names[0]}"'
                )
            found = [lines[0]]
        if len(found) > MAX_VARIANTS:
            raise ProductError(lines[0].number, f"the product has {len(found)} variants; at most {MAX_VARIANTS:,}")
        for line in lines[1:]:
            if line.cell(Column.PRICE) and not line.cell(Column.OPTION1_VALUE):
                warnings.add(line, "the line has a price but no Option1 Value, so only its image was looked at")
            title = line.cell(Column.TITLE)
            if title and title != lines[0].cell(Column.TITLE):
                warnings.add(line, f"the title here is not the one on line {lines[0].number}, which was taken")
        return found

    def _variant(self, line: Line, names: tuple[str, ...], gallery: Gallery, warnings: "_Warnings") -> ImportedVariant:
        try:
            may_oversell = cells.continues(Column.POLICY, line.cell(Column.POLICY))
            return ImportedVariant(
                options=_option_values(line, names),
                price_minor=self._price(line, warnings),
                compare_at_minor=cells.amount(Column.COMPARE_AT, line.cell(Column.COMPARE_AT), self.currency),
                cost_minor=cells.amount(Column.COST, line.cell(Column.COST), self.currency),
                sku=cells.code(Column.SKU, line.cell(Column.SKU)),
                barcode=cells.code(Column.BARCODE, line.cell(Column.BARCODE)),
                grams=cells.grams(Column.GRAMS, line.cell(Column.GRAMS)),
                weight_unit=_weight_unit(line),
                is_tracked=self._is_tracked(line, warnings),
                quantity=_quantity(line, may_oversell, warnings),
                may_oversell=may_oversell,
                requires_shipping=cells.yes_or_no(Column.SHIPPING, line.cell(Column.SHIPPING)),
                is_taxable=cells.yes_or_no(Column.TAXABLE, line.cell(Column.TAXABLE)),
                tax_code=cells.optional_text(Column.TAX_CODE, line.cell(Column.TAX_CODE)),
                image_src=gallery.variant_image(line),
            )
        except cells.CellError as error:
            raise ProductError(line.number, str(error)) from error

    def _price(self, line: Line, warnings: "_Warnings") -> int | None:
        price = cells.amount(Column.PRICE, line.cell(Column.PRICE), self.currency)
        if price is None and self.header.has(Column.PRICE):
            warnings.add(line, "Variant Price is blank: a new variant costs 0, one that is there keeps its price")
        if line.cell(Column.FULFILLMENT).casefold() not in _MANUAL:
            warnings.add(line, "only the fulfillment service manual is supported; it was taken")
        return price

    def _is_tracked(self, line: Line, warnings: "_Warnings") -> bool:
        if not self.header.has(Column.TRACKER):
            # Who gives a quantity and does not say who counts wants it counted here.
            return bool(line.cell(Column.QUANTITY))
        tracker = line.cell(Column.TRACKER)
        if tracker and tracker.casefold() not in _TRACKED_HERE:
            warnings.add(line, f"stock kept by {cells.shown(tracker)} is not known here; the variant is not tracked")
        return tracker.casefold() in _TRACKED_HERE


@dataclass(slots=True)
class _Warnings:
    handle: str
    findings: list[Finding] = field(default_factory=list)

    def add(self, line: Line, reason: str) -> None:
        self.findings.append(Finding(line.number, self.handle, "warning", reason))


def _option_names(first: Line) -> tuple[str, ...]:
    names = [first.cell(column) for column in OPTION_NAMES]
    if not any(names):
        names[0] = DEFAULT_OPTION
        if first.cell(Column.OPTION1_VALUE) not in ("", DEFAULT_VALUE):
            raise ProductError(first.number, "Option1 Name is blank on the first line of a product with variants")
    used = [name for name in names if name]
    if names[: len(used)] != used:
        raise ProductError(first.number, f"{OPTION_NAMES[names.index('')]} is blank, but a later option has a name")
    if len({name.casefold() for name in used}) < len(used):
        raise ProductError(first.number, "two options have the same name")
    if any(len(name) > cells.MAX_TEXT for name in used):
        raise ProductError(first.number, f"an option's name has more than {cells.MAX_TEXT} characters")
    return tuple(used)


def _option_values(line: Line, names: tuple[str, ...]) -> tuple[str, ...]:
    values = []
    for index, (column, name_column) in enumerate(zip(OPTION_VALUES, OPTION_NAMES, strict=True)):
        value = cells.text(column, line.cell(column))
        if index < len(names):
            values.append(value)
            if not value and names != (DEFAULT_OPTION,):
                raise cells.CellError(f'{column} is blank, but the product has an option "{names[index]}"')
        elif value:
            raise cells.CellError(f"{column} is {cells.shown(value)}, but {name_column} is blank on the first line")
    return tuple(value or DEFAULT_VALUE for value in values)


def _weight_unit(line: Line) -> str | None:
    cell = line.cell(Column.WEIGHT_UNIT)
    return cells.one_of(Column.WEIGHT_UNIT, cell, cells.WEIGHT_UNITS, blank="") if cell else None


def _quantity(line: Line, may_oversell: bool, warnings: _Warnings) -> int | None:
    quantity = cells.quantity(Column.QUANTITY, line.cell(Column.QUANTITY))
    if quantity is not None and quantity < 0 and not may_oversell:
        warnings.add(line, f"the quantity {quantity} was taken as 0, because the variant is not sold when out of stock")
        return 0
    return quantity


def _refuse_twins(lines: Sequence[Line], variants: Sequence[ImportedVariant]) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for line, variant in zip(lines, variants, strict=True):
        if variant.options in seen:
            name = " / ".join(variant.options)
            raise ProductError(line.number, f'the variant "{name}" is already on line {seen[variant.options]}')
        seen[variant.options] = line.number
