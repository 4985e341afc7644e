"""What clients send of products and their parts, and what it means to the catalog."""

from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field

from origin.api.admin.fields import Amount, Flag, Html, Identifier, Input, Moment, Place, Short, Tags, Text, Whole
from origin.catalog.assets import checked_upload
from origin.catalog.images import ImageChange
from origin.catalog.products import ProductChange
from origin.catalog.variant_plan import VariantChange


class VariantInput(Input):
    """One way to buy a product. `inventory_quantity` is for a new variant only; afterwards stock is set by level."""

    id: Identifier | None = None
    option1: Short | None = None
    option2: Short | None = None
    option3: Short | None = None
    price: Amount | None = None
    compare_at_price: Amount | None = None
    cost: Amount | None = None
    sku: Short | None = None
    barcode: Short | None = None
    position: Place | None = None
    grams: Whole | None = None
    weight: Amount | None = None
    weight_unit: Short | None = Field(None, description="g, kg, oz or lb")
    inventory_management: Short | None = Field(None, description="null: stock is not counted")
    inventory_policy: Short | None = Field(None, description="deny, or continue to sell what is not there")
    inventory_quantity: Whole | None = None
    fulfillment_service: Short | None = None
    requires_shipping: Flag | None = None
    taxable: Flag | None = None
    tax_code: Short | None = None
    image_id: Identifier | None = None
    max_per_order: Whole | None = Field(None, description="what one checkout can order of it at most; null: no limit")

    def change(self) -> VariantChange:
        return cast(VariantChange, self.given("id", "position", "inventory_quantity"))


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class OptionInput(Input):
    """What variants differ in, such as Size. Its values are those the variants have."""

    id: Identifier | None = None
    name: Short | None = None
    position: Place | None = None
    values: list[Short] | None = Field(None, max_length=2048)


class ImageInput(Input):
    """`src` is an address on the web, stored and not fetched; or `attachment` is a base64 file of at most 5 MB."""

    id: Identifier | None = None
    src: Text | None = None
    attachment: Text | None = None
    filename: Short | None = None
    alt: Annotated[Text, Field(max_length=1000)] | None = None
    position: Place | None = None
    variant_ids: list[Identifier] | None = Field(None, max_length=2048)

    async def change(self) -> ImageChange:
        """Looks into the attachment, if there is one. Raises Invalid."""
        given = self.given("id", "position", "variant_ids")
        attachment, filename = given.pop("attachment", None), given.pop("filename", None)
        change = cast(ImageChange, given)
        if attachment:
            change["upload"] = await checked_upload(attachment, filename or "image")
        return change


class ProductInput(Input):
    """A product. Absent keys stay as they are; a list of variants or images is the whole list."""

    title: Text | None = None
    body_html: Html | None = None
    vendor: Short | None = None
    product_type: Short | None = None
    handle: Short | None = Field(None, description="the product's name in its URL; made from the title if absent")
    status: Short | None = Field(None, description="active, draft or archived")
    published: Flag | None = None
    published_at: Moment | None = None
    published_scope: Short | None = None
    template_suffix: Short | None = None
    tags: Tags | None = None
    metafields_global_title_tag: Short | None = Field(None, description="title for search engines")
    metafields_global_description_tag: Annotated[Text, Field(max_length=1000)] | None = None
    options: list[Annotated[OptionInput, BeforeValidator(_named)]] | None = None
    variants: list[VariantInput] | None = None
    images: list[ImageInput] | None = None

    async def change(self) -> ProductChange:
        """Looks into attached files. Raises Invalid."""
        given = self.given("published", "options", "variants", "images")
        for name, ours in _SEO.items():
            if name in given:
                given[ours] = given.pop(name)
        if self.options is not None:
            given["options"] = [option.given("id", "name", "values") for option in self.options]
        if self.variants is not None:
            given["variants"] = [variant.change() for variant in self.variants]
        if self.images is not None:
            given["images"] = [await image.change() for image in self.images]
        return cast(ProductChange, given)


_SEO = {"metafields_global_title_tag": "seo_title", "metafields_global_description_tag": "seo_description"}
