"""The cart on a shop's host: plain forms answer with a redirect, scripts get the ecosystem's JSON."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from contracts.tenant import StoreId
from origin.api.storefront.forms import read_fields, wants_json
from origin.api.storefront.pages import problem_page
from origin.api.storefront.shop_routes import cart_routes
from origin.cart import editing
from origin.cart.ajax import cart_json, line_json
from origin.cart.editing import CartError, Wish
from origin.cart.shopping import Changed, Shopping
from origin.carts import TTL_SECONDS, Cart
from origin.collaborators import Collaborators
from origin.errors import Unavailable

CART_COOKIE = "cart"
COUNT_COOKIE = "cart_count"
MAX_ITEMS = 100


async def show(request: Request, store_id: StoreId, desk: Shopping, _origin: Collaborators) -> Response:
    return JSONResponse(cart_json(await desk.show(store_id, _token(request))), headers=_PRIVATE)


async def add(request: Request, store_id: StoreId, desk: Shopping, origin: Collaborators) -> Response:
    fields: dict[str, Any] = {}
    try:
        fields = await read_fields(request)
        items = fields.get("items")
        wishes = [_wish(item) for item in items[:MAX_ITEMS]] if isinstance(items, list) else [_wish(fields)]
        changed = await desk.add(store_id, _token(request), wishes, is_told_later=not wants_json(request))
    except (CartError, Unavailable) as error:
        return await _refused(request, error)
    if not wants_json(request) or changed.refusal:
        return await _answer(request, origin, changed, fields)
    added = [line_json(line, changed.priced.currency) for line in changed.priced.lines if line.line.key in changed.keys]
    body: Any = {"items": added} if isinstance(fields.get("items"), list) else added[0]
    return _with_cookies(JSONResponse(body, headers=_PRIVATE), origin, changed)


async def change(request: Request, store_id: StoreId, desk: Shopping, origin: Collaborators) -> Response:
    try:
        fields = await read_fields(request)
        quantity = _whole(fields.get("quantity", 1), "quantity")
        key = await _line(fields, store_id, desk, _token(request))
        quantities = {key: editing.check_quantity(quantity)}
        changed = await desk.set_quantities(
            store_id, _token(request), quantities, is_told_later=not wants_json(request)
        )
    except (CartError, Unavailable) as error:
        return await _refused(request, error)
    return await _answer(request, origin, changed, fields)


async def update(request: Request, store_id: StoreId, desk: Shopping, origin: Collaborators) -> Response:
    try:
        fields = await read_fields(request)
        changed = await desk.set_quantities(
            store_id,
            _token(request),
            await _quantities(fields, store_id, desk, _token(request)),
            also=_words(fields),
            is_told_later=not wants_json(request),
        )
    except (CartError, Unavailable) as error:
        return await _refused(request, error)
    return await _answer(request, origin, changed, fields)


async def clear(request: Request, store_id: StoreId, desk: Shopping, origin: Collaborators) -> Response:
    try:
        changed = await desk.clear(store_id, _token(request))
    except (CartError, Unavailable) as error:
        return await _refused(request, error)
    return await _answer(request, origin, changed, {})


async def _quantities(
    fields: Mapping[str, Any], store_id: StoreId, desk: Shopping, token: str | None
) -> dict[str, int]:
    """What `updates` names: by line key or variant id, or a list in the order of the lines."""
    updates = fields.get("updates") or {}
    if isinstance(updates, list):
        shown = await desk.show(store_id, token)
        updates = {line.line.key: quantity for line, quantity in zip(shown.lines, updates, strict=False)}
    if not isinstance(updates, dict):
        raise CartError(422, "updates must name quantities by item.")
    return {str(key): editing.check_quantity(_whole(value, "quantity")) for key, value in updates.items()}


def _words(fields: Mapping[str, Any]) -> Callable[[Cart], Cart]:
    """What the shopper says with the cart, as a change of it."""
    note, attributes = fields.get("note"), fields.get("attributes")

    def say(cart: Cart) -> Cart:
        if note is not None:
            cart = editing.with_note(cart, str(note))
        if isinstance(attributes, dict):
            cart = editing.with_attributes(cart, {str(name): str(value) for name, value in attributes.items()})
        return cart

    return say


async def _line(fields: Mapping[str, Any], store_id: StoreId, desk: Shopping, token: str | None) -> str:
    """The key of the line that `line` (counted from 1) or `id` (a key or a variant's id) names."""
    if fields.get("line") is not None:
        position = _whole(fields["line"], "line")
        shown = (await desk.show(store_id, token)).lines
        if not 1 <= position <= len(shown):
            raise CartError(422, f"There is no line {position} in the cart.")
        return shown[position - 1].line.key
    if not fields.get("id"):
        raise BadRequest("Say which item: id or line.")
    return str(fields["id"])


def _wish(item: Any) -> Wish:
    if not isinstance(item, dict):
        raise CartError(422, "items must be objects with id and quantity.")
    identifier = str(item.get("id") or "")
    if not identifier:
        raise BadRequest("Required parameter missing or invalid: id")
    is_id = identifier.isascii() and identifier.isdigit() and len(identifier) <= 16
    quantity = _whole(item.get("quantity", 1), "quantity")
    properties = item.get("properties") or {}
    if not isinstance(properties, dict):
        raise CartError(422, "properties must be an object of texts.")
    told = editing.check_properties({str(name): str(value) for name, value in properties.items()})
    return Wish(int(identifier) if is_id else 0, editing.check_quantity(quantity), told)


class BadRequest(CartError):
    def __init__(self, message: str) -> None:
        super().__init__(400, message, "Bad Request")


def _whole(value: Any, name: str) -> int:
    text = str(value).strip()
    digits = text.removeprefix("-")
    if isinstance(value, bool) or not (digits.isascii() and digits.isdigit()):
        raise BadRequest(f"expected String to be a Integer: {name}")
    # Longer than any number that means something: the limit refuses it by name.
    return int(text) if len(text) <= 15 else (-1 if text.startswith("-") else editing.MAX_QUANTITY + 1)


_PRIVATE = {"Cache-Control": "private, no-store"}


def _token(request: Request) -> str | None:
    return request.cookies.get(CART_COOKIE)


async def _answer(request: Request, origin: Collaborators, changed: Changed, fields: Mapping[str, Any]) -> Response:
    """The cart as JSON, or the way back to a page. A refusal does not undo what was possible: cookies go with it."""
    if not wants_json(request):
        return _with_cookies(RedirectResponse(_next_page(fields), 303, headers=_PRIVATE), origin, changed)
    if changed.refusal:
        return _with_cookies(await _refused(request, changed.refusal), origin, changed)
    return _with_cookies(JSONResponse(cart_json(changed.priced), headers=_PRIVATE), origin, changed)


def _next_page(fields: Mapping[str, Any]) -> str:
    if "checkout" in fields:
        return "/checkout"
    wanted = str(fields.get("return_to") or "")
    is_local = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_local and "\\" not in wanted and len(wanted) <= 2000 and wanted.isascii() else "/cart"


def _with_cookies(response: Response, origin: Collaborators, changed: Changed) -> Response:
    is_secure = origin.settings.storefront_scheme == "https"
    cart = changed.priced.cart
    if cart.token:
        response.set_cookie(
            CART_COOKIE, cart.token, TTL_SECONDS, path="/", secure=is_secure, httponly=True, samesite="lax"
        )
    count = str(changed.priced.item_count)
    response.set_cookie(COUNT_COOKIE, count, TTL_SECONDS, path="/", secure=is_secure, samesite="lax")
    return response


async def _refused(request: Request, error: CartError | Unavailable) -> Response:
    status = 503 if isinstance(error, Unavailable) else error.status
    headers = _PRIVATE | ({"Retry-After": "1"} if status == 503 else {})
    text = error.description if isinstance(error, CartError) else f"{str(error)[:1].upper()}{str(error)[1:]}."
    if not wants_json(request):
        return problem_page(status, text, headers)
    if status == 400:
        return JSONResponse({"status": "bad_request", "message": text, "description": text}, 400, headers)
    message = error.message if isinstance(error, CartError) else "Cart Error"
    return JSONResponse({"status": status, "message": message, "description": text}, status, headers)


ROUTES = (
    *cart_routes("GET", show, "/cart.js", "/cart.json"),
    *cart_routes("POST", add, "/cart/add", "/cart/add.js", "/cart/add.json"),
    *cart_routes("POST", change, "/cart/change", "/cart/change.js", "/cart/change.json"),
    *cart_routes("POST", update, "/cart", "/cart/update", "/cart/update.js", "/cart/update.json"),
    *cart_routes("POST", clear, "/cart/clear", "/cart/clear.js", "/cart/clear.json"),
)
