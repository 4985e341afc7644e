"""A product as a CSV file describes it: plain values, already checked, with nothing of the file left but its line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImportedImage:
    src: str
    alt: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedVariant:
    """`price_minor` and `quantity` are None where the file says nothing; `image_src` is one of the product's images."""

    options: tuple[str, ...]
    price_minor: int | None = None
    compare_at_minor: int | None = None
    cost_minor: int | None = None
    sku: str | None = None
    barcode: str | None = None
    grams: int = 0
    weight_unit: str | None = None
    is_tracked: bool = False
    quantity: int | None = None
    may_oversell: bool = False
    requires_shipping: bool = True
    is_taxable: bool = True
    tax_code: str | None = None
    image_src: str | None = None


@dataclass(frozen=True, slots=True)
class ImportedProduct:
    """A column that the file does not have leaves its default here; the header says which columns it has."""

    handle: str
    title: str
    option_names: tuple[str, ...]
    variants: tuple[ImportedVariant, ...]
    images: tuple[ImportedImage, ...] = ()
    body_html: str | None = None
    vendor: str = ""
    product_type: str = ""
    tags: tuple[str, ...] = ()
    is_published: bool = True
    status: str = "active"
    seo_title: str | None = None
    seo_description: str | None = None
    has_variant_rows: bool = True  # False if no row named an option's value, and the one variant is the default one
    line: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of an import's report."""

    line: int
    handle: str | None
    outcome: str  # failed, skipped or warning
    reason: str

    def encode(self) -> dict[str, object]:
        return {"line": self.line, "handle": self.handle, "outcome": self.outcome, "reason": self.reason}
