"""What clients send of orders, and what it means to the shop."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from origin.api.admin.fields import Amount, Flag, Identifier, Input, Short, Tags, Text, Whole
from origin.api.admin.refunds import RefundInput
from origin.checkout.submission import countries
from origin.orders.cancelling import Cancellation
from origin.orders.editing import OrderChange
from origin.orders.writing import WantedLine, WantedOrder

MAX_PAIRS = 250


def _email(text: str) -> str:
    if not text:
        return ""
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError("is not a valid e-mail address") from error


def _country(code: str) -> str:
    if code.upper() not in countries("en"):
        raise ValueError("is not a country we know")
    return code.upper()


def _country_code(name: str) -> str:
    for code, known in countries("en").items():
        if name.casefold() in (code.casefold(), known.casefold()):
            return code
    raise ValueError("has a country that we do not know; a country_code is safer")


def _sale(kind: str) -> str:
    if kind != "sale":
        raise ValueError("must be sale: what was paid by other means")
    return kind


def _pairs(value: Any) -> Any:
    """An object, or a list of {name, value}."""
    if not isinstance(value, list):
        return value
    if not all(isinstance(pair, dict) and "name" in pair for pair in value):
        raise ValueError("must be a list of objects with a name and a value")
    return {str(pair["name"]): pair.get("value") or "" for pair in value}


Email = Annotated[Short, AfterValidator(_email)]
Country = Annotated[Short, AfterValidator(_country)]
Note = Annotated[Text, Field(max_length=5000)]
Pairs = Annotated[
    dict[Short, Note],
    BeforeValidator(_pairs),
    Field(max_length=MAX_PAIRS, description="a list of {name, value}, or an object"),
]


class AddressInput(Input):
    """Where to; what is left out stays as it was. A country has a code or, without one, an English name."""

    first_name: Short | None = None
    last_name: Short | None = None
    name: Short | None = Field(None, description="of a person, where first_name and last_name are not given")
    company: Short | None = None
    address1: Short | None = None
    address2: Short | None = None
    city: Short | None = None
    province: Short | None = None
    province_code: Short | None = None
    zip: Short | None = None
    phone: Short | None = None
    country_code: Country | None = None
    country: Short | None = None

    @model_validator(mode="after")
    def _know_country(self) -> Self:
        if self.country and not self.country_code:
            self.country_code = _country_code(self.country)
        return self

    def data(self) -> dict[str, Any]:
        given = self.given()
        given.pop("country", None)
        if given.get("country_code"):
            given["country"] = countries("en")[given["country_code"]]
        name = given.pop("name", None) or ""
        if name and not (given.get("first_name") or given.get("last_name")):
            given["first_name"], _, given["last_name"] = name.rpartition(" ")
        if "first_name" in given or "last_name" in given:
            names = (given.get("first_name"), given.get("last_name"))
            given["name"] = " ".join(name for name in names if name)
        return given


class OrderChangeInput(Input):
    """What can be changed of a placed order; absent keys stay as they are."""

    note: Note | None = None
    tags: Tags | None = None
    email: Email | None = None
    phone: Short | None = None
    note_attributes: Pairs | None = None
    shipping_address: AddressInput | None = None

    def change(self) -> OrderChange:
        given = self.given("tags", "note_attributes")
        if "email" in given:
            given["email"] = given["email"] or ""
        if self.shipping_address:
            given["shipping_address"] = self.shipping_address.data()
        return cast(OrderChange, given)


class OrderLineInput(Input):
    """Of a variant, or of something with a title and a price that is in no catalog."""

    quantity: Whole = Field(1, ge=1, le=10**9)
    variant_id: Identifier | None = None
    title: Short | None = None
    price: Amount | None = None
    sku: Short | None = None
    vendor: Short | None = None
    grams: Whole | None = Field(None, ge=0)
    requires_shipping: Flag | None = None
    taxable: Flag | None = None
    properties: Pairs | None = None

    def wanted(self) -> WantedLine:
        said: Mapping[str, Any] = self.given()
        return WantedLine(**{**said, "quantity": self.quantity, "properties": self.properties or {}})


class ShippingLineInput(Input):
    title: Short | None = None
    price: Amount | None = None


class PaidInput(Input):
    """What was paid by other means."""

    amount: Amount
    kind: Annotated[Short, AfterValidator(_sale)] | None = Field(None, description="sale")


class BuyerInput(Input):
    """Who the order is for, known by e-mail address."""

    email: Email | None = None


class OrderInput(OrderChangeInput):
    """A merchant's own order. Stock is taken as `inventory_behaviour` says: bypass (not at all, unless said),
    decrement_ignoring_policy (as far as there is) or decrement_obeying_policy (or the order is refused)."""

    line_items: list[OrderLineInput] | None = Field(None, max_length=500)
    customer: BuyerInput | None = Field(None, description="whose e-mail address holds where the order has none")
    billing_address: AddressInput | None = None
    shipping_lines: list[ShippingLineInput] | None = Field(None, max_length=1)
    financial_status: Short | None = Field(None, description="paid, by other means (unless said), or pending")
    transactions: list[PaidInput] | None = Field(None, max_length=50)
    inventory_behaviour: Short | None = None
    send_receipt: Flag | None = Field(None, description="tells the buyer by e-mail")
    currency: Short | None = Field(None, description="of the prices: the shop's")

    def wanted(self) -> WantedOrder:
        shipping = next(iter(self.shipping_lines or ()), ShippingLineInput())
        return WantedOrder(
            lines=[line.wanted() for line in self.line_items or ()],
            email=self.email or (self.customer or BuyerInput()).email or "",
            phone=self.phone,
            note=self.note,
            note_attributes=self.note_attributes or {},
            tags=self.tags or (),
            shipping_address=self.shipping_address.data() if self.shipping_address else None,
            billing_address=self.billing_address.data() if self.billing_address else None,
            shipping_title=shipping.title,
            shipping_price=shipping.price,
            financial_status=self.financial_status or "paid",
            paid=None if self.transactions is None else [paid.amount for paid in self.transactions],
            inventory_behaviour=self.inventory_behaviour or "bypass",
            tells_buyer=bool(self.send_receipt),
            currency=self.currency,
        )


class CancelQuery(Input):
    """Clients send these in the address or in the body."""

    reason: Short | None = Field(None, description="customer, fraud, inventory, declined or other")
    restock: Flag | None = Field(None, description="its units can be sold again; unless said, they cannot")
    email: Flag | None = Field(None, description="tells the buyer by e-mail")
    amount: Amount | None = Field(None, description="to give back; unless said, all that was paid; 0: nothing")
    currency: Short | None = Field(None, description="of the amount: the order's")


class CancelInput(CancelQuery):
    refund: RefundInput | None = Field(None, description="what exactly is given back and restocked, as in a refund")

    def cancellation(self, query: CancelQuery) -> Cancellation:
        restock = query.restock if self.restock is None else self.restock
        return Cancellation(
            reason=self.reason or query.reason or "other",
            is_restocking=bool(restock),
            amount=self.amount or query.amount,
            currency=self.currency or query.currency,
            refund=self.refund.wanted() if self.refund else None,
            tells_buyer=bool(query.email if self.email is None else self.email),
        )
