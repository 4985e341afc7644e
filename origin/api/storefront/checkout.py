"""The checkout on a shop's host: a page that works without scripts, and JSON for those who bring their own."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.api.errors import problem
from origin.api.storefront.cart import CART_COOKIE, COUNT_COOKIE
from origin.api.storefront.forms import BadBody, is_json, read_fields
from origin.api.storefront.pages import PRIVATE, problem_page, shop_page
from origin.api.storefront.shop_routes import cart_desk, shop_routes
from origin.api.storefront.waiting import (
    ShopLooks,
    look,
    place_of,
    sold_out_page,
    to_the_line,
    waiting_page,
    waiting_problem,
)
from origin.checkout.answers import Answer, AnswerKind
from origin.checkout.flow import Checkouts
from origin.checkout.shipping import shipping_rate, total_minor
from origin.checkout.submission import countries, read_submission
from origin.checkout.waiting_room import Waiting
from origin.collaborators import Collaborators
from origin.errors import Invalid, NotFound, Unavailable
from origin.snapshots.shop import shop_part
from origin.templating import static_file

MAX_KEY = 255
KEY_HEADER = "Idempotency-Key"
LOOKS = ShopLooks()
TEST_CARDS = (
    ("pm_card_visa", "Visa •••• 4242", "Succeeds"),
    ("pm_card_mastercard", "Mastercard •••• 4444", "Succeeds"),
    ("pm_card_authenticationRequired", "Visa •••• 3184", "Asks your bank to confirm (3-D Secure)"),
    ("pm_card_visa_chargeDeclined", "Visa •••• 0002", "Is declined"),
)


@dataclass(slots=True)
class _Typed:
    """What the page shows in its fields, and what it says about them."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    alert: str = ""
    status: int = 200
    key: str = ""


async def static(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    media_type = "text/css" if name.endswith(".css") else "text/javascript"
    headers = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}
    return Response(static_file(name)[0], media_type=media_type, headers=headers)


async def show(request: Request, store_id: StoreId, origin: Collaborators) -> Response:
    return await _page(request, store_id, origin, _Typed())


async def submit(request: Request, store_id: StoreId, origin: Collaborators) -> Response:
    try:
        fields = await read_fields(request)
    except BadBody as error:
        if is_json(request):
            return problem(400, "Bad request", error.description)
        return problem_page(400, error.description, PRIVATE)
    if is_json(request):
        return await _submit_json(request, store_id, origin, fields)
    return await _submit_form(request, store_id, origin, fields)


async def wait(request: Request, store_id: StoreId, origin: Collaborators) -> Response:
    """The line's page: goes on with what the buyer had sent, as soon as it is their turn."""
    if "application/json" in request.headers.get("Accept", ""):
        return await look(request, store_id, origin)
    try:
        fields = await origin.waiting_room.forms.read(store_id, request.cookies.get(CART_COOKIE, ""))
    except Unavailable as error:
        return problem_page(503, f"{error}. This page tries again by itself.", PRIVATE | {"Refresh": "3"})
    if fields is None:
        return RedirectResponse("/checkout", 303, headers=PRIVATE)
    return await _submit_form(request, store_id, origin, fields)


async def _submit_form(
    request: Request, store_id: StoreId, origin: Collaborators, fields: Mapping[str, Any]
) -> Response:
    typed = _Typed(fields, key=str(fields.get("key") or "")[:MAX_KEY])
    checkouts, room, is_in_line = origin.checkouts, origin.waiting_room, request.method == "GET"
    cart = request.cookies.get(CART_COOKIE, "")
    try:
        wanted = read_submission(fields, cart)
        submit = partial(checkouts.submit, store_id, typed.key or secrets.token_urlsafe(16), wanted)
        answer = await room.through(store_id, cart, place_of(request), submit, is_forgiving=True)
        if isinstance(answer, Waiting):
            if is_in_line:
                return await waiting_page(store_id, origin, LOOKS, answer)
            await room.forms.keep(store_id, cart, {"key": secrets.token_urlsafe(16)} | dict(fields))
            return to_the_line(answer)
        if is_in_line:
            await room.forms.forget(store_id, cart)
        if is_in_line and answer.kind == AnswerKind.STOCK_GONE:
            return await sold_out_page(store_id, origin, LOOKS, answer)
    except Invalid as error:
        typed.status, typed.errors = 422, error.fields
        about_cart = error.fields.get("cart")
        typed.alert = f"Your cart {about_cart[0]}." if about_cart else "Please correct the marked fields."
        return await _page(request, store_id, origin, typed)
    except Unavailable as error:
        # The same key again: whatever was begun is gone on with, not begun twice.
        typed.status, typed.alert = 503, f"That did not work just now: {error}. Please press the button again."
        return await _page(request, store_id, origin, typed)
    onward = _onward(answer, _link(checkouts, store_id, answer))
    if onward:
        return _onward_response(onward, answer)
    typed.key, typed.status, typed.alert = "", answer.status, _alert(answer)
    return await _page(request, store_id, origin, typed)


async def come_back(request: Request, store_id: StoreId, origin: Collaborators) -> Response:
    """From the bank's page, or to see how a payment stands."""
    checkouts = origin.checkouts
    wants_json = "application/json" in request.headers.get("Accept", "")
    try:
        attempt_id = checkouts.read_link(store_id, request.query_params.get("attempt", ""))
        answer = await checkouts.look(store_id, attempt_id)
    except NotFound:
        if wants_json:
            raise
        return problem_page(404, "There is no checkout at this address any more. Your e-mail has your order.", PRIVATE)
    except Unavailable as error:
        if wants_json:
            raise
        text = (
            f"We cannot see how your payment stands: {error}. This page tries again by itself; please do not pay again."
        )
        return problem_page(503, text, PRIVATE | {"Refresh": "5"})
    link = checkouts.link(store_id, attempt_id)
    if wants_json:
        return _as_json(answer, link)
    if answer.kind == AnswerKind.PLACED:
        return _onward_response(_onward(answer, link), answer)
    if answer.kind in (AnswerKind.PROCESSING, AnswerKind.REQUIRES_ACTION):
        async with origin.db.tenant(store_id) as tx:
            shop = await shop_part(tx, store_id, origin.settings)
        page = shop_page("waiting.html", shop.part, {"redirect_url": answer.more.get("redirect_url")})
        page.headers["Refresh"] = "2"
        return page
    fields = await checkouts.typed(store_id, attempt_id)
    typed = _Typed(fields, alert=_alert(answer), status=answer.status)
    return await _page(request, store_id, origin, typed)


async def _submit_json(
    request: Request, store_id: StoreId, origin: Collaborators, fields: Mapping[str, Any]
) -> Response:
    checkouts = origin.checkouts
    key = request.headers.get(KEY_HEADER, "").strip()
    if not 1 <= len(key) <= MAX_KEY:
        text = (
            f"Send the header {KEY_HEADER} with a key of your own, at most {MAX_KEY} characters, new for each checkout."
        )
        return problem(400, "Idempotency key missing", text)
    token = str(fields.get("cart") or request.cookies.get(CART_COOKIE, ""))
    try:
        submit = partial(checkouts.submit, store_id, key, read_submission(fields, token))
        said, room = str(fields.get("place") or ""), origin.waiting_room
        answer = await room.through(store_id, token, said or place_of(request), submit, is_forgiving=not said)
    except Invalid as error:
        return problem(422, "Invalid submission", "Some fields need another value.", errors=error.fields)
    except Unavailable as error:
        refused = problem(503, "Temporarily unavailable", f"{error}. Please send the same request again.")
        refused.headers["Retry-After"] = "1"
        return refused
    if isinstance(answer, Waiting):
        return waiting_problem(answer)
    return _as_json(answer, _link(checkouts, store_id, answer))


def _link(checkouts: Checkouts, store_id: StoreId, answer: Answer) -> str:
    """Where it can be seen how an attempt stands; empty if there is none, or it is an order with a page of its own."""
    if answer.attempt_id is None or answer.kind == AnswerKind.PLACED:
        return ""
    return checkouts.link(store_id, answer.attempt_id)


def _as_json(answer: Answer, link: str) -> Response:
    if answer.is_problem:
        response = _problem(answer, link)
    elif answer.kind == AnswerKind.PLACED:
        response = JSONResponse({**answer.more, "deduplicated": answer.is_replay}, 201)
        response.headers["Location"] = answer.more["order"]["status_url"]
        response.set_cookie(COUNT_COOKIE, "0", path="/", samesite="lax")
    else:
        body = {"status": str(answer.kind), "detail": answer.detail, "status_url": link, **answer.more}
        response = JSONResponse(body, 202, {"Location": link, "Retry-After": "1"})
    if answer.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers.update(PRIVATE)
    return response


def _problem(answer: Answer, link: str) -> Response:
    is_busy = answer.kind in (AnswerKind.IN_PROGRESS, AnswerKind.CART_TAKEN)
    more = answer.more | ({"status_url": link} if is_busy and link else {})
    response = problem(
        answer.status, answer.title, answer.detail, **more, kind=str(answer.kind), type=f"urn:stoa:{answer.kind}"
    )
    if is_busy:
        response.headers["Retry-After"] = "1"
    return response


def _onward(answer: Answer, link: str) -> str:
    """Where a plain form is led to; empty when the page has to be shown again."""
    match answer.kind:
        case AnswerKind.PLACED:
            return "/orders/" + str(answer.more["order"]["status_url"]).rpartition("/")[2]
        case AnswerKind.REQUIRES_ACTION:
            return str(answer.more["redirect_url"])
        case AnswerKind.PROCESSING | AnswerKind.IN_PROGRESS | AnswerKind.CART_TAKEN:
            return link
        case AnswerKind.CART_EMPTY:
            return "/cart"
        case _:
            return ""


def _onward_response(location: str, answer: Answer) -> Response:
    response = RedirectResponse(location, 303, headers=PRIVATE)
    if answer.kind == AnswerKind.PLACED:
        response.set_cookie(COUNT_COOKIE, "0", path="/", samesite="lax")
    return response


def _alert(answer: Answer) -> str:
    match answer.kind:
        case AnswerKind.DECLINED:
            return f"{answer.detail} You have not been charged. Please try another card."
        case AnswerKind.KEY_REUSED:
            return "This page had already been sent once. Please check your details and confirm again."
        case _:
            return answer.detail


async def _page(request: Request, store_id: StoreId, origin: Collaborators, typed: _Typed) -> Response:
    """With what was typed, or the cart's page when there is nothing to pay for."""
    try:
        return await _filled_page(request, store_id, origin, typed)
    except NotFound:
        return problem_page(404, "There is no such shop.", PRIVATE)
    except Unavailable as error:
        text = f"The checkout is not available: {error}. You can send this page again: you are charged once at most."
        return problem_page(503, text, PRIVATE | {"Retry-After": "1"})


async def _filled_page(request: Request, store_id: StoreId, origin: Collaborators, typed: _Typed) -> Response:
    desk = cart_desk(origin)
    priced = await desk.show(store_id, request.cookies.get(CART_COOKIE))
    if not priced.lines and not typed.alert:
        return RedirectResponse("/cart", 303, headers=PRIVATE)
    async with origin.db.tenant(store_id) as tx:
        shop = (await shop_part(tx, store_id, origin.settings)).part
    await desk.forget_notice(store_id, priced.cart)
    total, rate, settings = total_minor(priced), shipping_rate(priced), origin.settings
    has_test_cards = settings.stripe_secret_key.startswith("sk_test_") and not settings.stripe_publishable_key
    values = {
        "cart": priced,
        "total_minor": total,
        "shipping": rate,
        "fields": typed.fields,
        "address": _nested(typed.fields.get("shipping_address")),
        "errors": typed.errors,
        "alert": typed.alert,
        "key": typed.key or secrets.token_urlsafe(16),
        "countries": countries(shop.data["locale"]),
        "default_country": _country_of(shop),
        "test_cards": TEST_CARDS if has_test_cards else (),
        "publishable_key": settings.stripe_publishable_key if settings.stripe_secret_key else "",
        "is_free": total == 0,
    }
    return shop_page(
        "checkout.html",
        shop,
        values,
        status=typed.status,
        api_base=settings.stripe_api_base,
        uses_card_field=bool(values["publishable_key"]),
    )


def _nested(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _country_of(shop: Part) -> str:
    """A guess the buyer can change: the shop's own language region, else what its currency suggests."""
    region = str(shop.data["locale"]).partition("-")[2]
    by_currency = {"EUR": "DE", "USD": "US", "GBP": "GB", "JPY": "JP", "CHF": "CH", "CAD": "CA", "AUD": "AU"}
    return region or by_currency.get(shop.data["currency"], "")


ROUTES = (
    *shop_routes("POST", submit, "/checkout"),
    *shop_routes("GET", show, "/checkout"),
    *shop_routes("GET", wait, "/checkout/queue"),
    *shop_routes("GET", come_back, "/checkout/return"),
    *(
        Route(f"/checkout/{name}", static, methods=["GET"], include_in_schema=False)
        for name in ("checkout.css", "card.js", "queue.js")
    ),
)
