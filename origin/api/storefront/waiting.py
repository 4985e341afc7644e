"""The waiting room as buyers see it: a page that looks by itself, with and without scripts, and 429 for programs.

Neither costs a question to PostgreSQL of its own: how a shop looks is remembered for some seconds, as is its stock.
"""

import math
import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from contracts.snapshot import Part
from contracts.tenant import StoreId
from origin.api.errors import problem
from origin.api.storefront.cart import CART_COOKIE
from origin.api.storefront.pages import PRIVATE, shop_page
from origin.checkout.answers import Answer, AnswerKind
from origin.checkout.waiting_room import Left, Waiting
from origin.collaborators import Collaborators
from origin.errors import Invalid, Unavailable
from origin.snapshots.shop import shop_part

PLACE_COOKIE = "checkout_place"
QUEUE_PATH = "/checkout/queue"
_LOOK_SECONDS = 5.0
_MOST_SHOPS = 1000


@dataclass(frozen=True, slots=True)
class _Look:
    part: Part
    until: float


class ShopLooks:
    """How shops look, for pages that many ask for at once."""

    def __init__(self) -> None:
        self._looks: dict[StoreId, _Look] = {}

    async def of(self, store_id: StoreId, origin: Collaborators) -> Part:
        look = self._looks.get(store_id)
        if look is None or look.until <= time.monotonic():
            async with origin.db.tenant(store_id) as tx:
                part = (await shop_part(tx, store_id, origin.settings)).part
            if len(self._looks) >= _MOST_SHOPS:
                self._looks.clear()
            look = self._looks[store_id] = _Look(part, time.monotonic() + _LOOK_SECONDS)
        return look.part


def place_of(request: Request) -> str:
    return request.cookies.get(PLACE_COOKIE, "")


def keep_place(response: Response, token: str) -> Response:
    """The place goes along with the buyer's cart; an empty token takes it away."""
    if token:
        response.set_cookie(PLACE_COOKIE, token, path="/checkout", httponly=True, samesite="lax")
    else:
        response.delete_cookie(PLACE_COOKIE, path="/checkout", httponly=True, samesite="lax")
    return response


def to_the_line(waiting: Waiting) -> Response:
    """For a form: what was typed is kept, and the page of the line can be loaded again without sending it again."""
    return keep_place(RedirectResponse(QUEUE_PATH, 303, headers=PRIVATE), waiting.token)


async def waiting_page(store_id: StoreId, origin: Collaborators, looks: ShopLooks, waiting: Waiting) -> Response:
    values = {"waiting": waiting, "estimate": estimate(waiting.seconds), "gone": None}
    page = shop_page("queue.html", await looks.of(store_id, origin), values, uses_own_script=True)
    return keep_place(page, waiting.token)


async def sold_out_page(store_id: StoreId, origin: Collaborators, looks: ShopLooks, answer: Answer) -> Response:
    values = {"waiting": None, "estimate": "", "gone": answer.more["lines"]}
    page = shop_page("queue.html", await looks.of(store_id, origin), values, status=answer.status)
    return keep_place(page, "")


def waiting_problem(waiting: Waiting) -> Response:
    """429 for a program: send the same request again after Retry-After, with the place."""
    response = problem(
        429,
        "Waiting for your turn",
        f"Many are buying here right now; {waiting.ahead} are before you. Send the same request again with this place.",
        type="urn:stoa:waiting",
        kind="waiting",
        **_facts(waiting),
    )
    response.headers["Retry-After"] = str(waiting.look_seconds)
    response.headers.update(PRIVATE)
    return keep_place(response, waiting.token)


async def look(request: Request, store_id: StoreId, origin: Collaborators) -> Response:
    """What the page's script asks: `waiting`, or `go`, which means that the page is to be loaded again."""
    try:
        found = await origin.waiting_room.look(store_id, request.cookies.get(CART_COOKIE, ""), place_of(request))
    except (Invalid, Unavailable):
        found = None  # the page itself will say it
    if not isinstance(found, Waiting) or found.is_near:
        is_sold_out = isinstance(found, Answer) and found.kind == AnswerKind.STOCK_GONE
        return JSONResponse({"status": "sold-out" if is_sold_out else "go"}, headers=PRIVATE)
    facts = _facts(found) | {"estimate": estimate(found.seconds), "status": "waiting"}
    return keep_place(JSONResponse(facts, headers=PRIVATE), found.token)


def _facts(waiting: Waiting) -> dict[str, object]:
    return {
        "place": waiting.token,
        "ahead": waiting.ahead,
        "position": waiting.ahead + 1,
        "ahead_at_first": waiting.ahead_at_first,
        "estimate_seconds": math.ceil(waiting.seconds),
        "is_later": waiting.is_later,
        "look_seconds": waiting.look_seconds,
        "stock": [_stock(left) for left in waiting.stock],
    }


def _stock(left: Left) -> dict[str, object]:
    return {"variant_id": left.variant_id, "title": left.title, "available": left.available}


def estimate(seconds: float) -> str:
    """In the words of somebody who does not know it to the second."""
    if seconds < 15:
        return "any moment now"
    if seconds < 90:
        return f"about {math.ceil(seconds / 15) * 15} seconds"
    return f"about {math.ceil(seconds / 60)} minutes"
