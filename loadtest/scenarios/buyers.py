"""People at a flash sale, as they are: they hesitate, press twice, open a second tab, change cards, and leave."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

import gevent

from loadtest.scenarios.browser import Browser, Reply
from loadtest.scenarios.journal import Ending

ADDRESS = {
    "first_name": "Ada",
    "last_name": "Byron",
    "address1": "1 Analytical Row",
    "city": "London",
    "zip": "N1 9GU",
    "country_code": "GB",
}
GOOD_CARD, BAD_CARD = "pm_card_visa", "pm_card_visa_chargeDeclined"


class Habit(StrEnum):
    PLAIN = "plain"
    RETRIES = "retries"
    """Sends the same again after the answer, as a browser does whose connection broke."""
    DOUBLE_CLICK = "double click"
    TWO_TABS = "two tabs"
    CHANGES_CARD = "changes card"
    ONLY_BAD_CARD = "only a bad card"
    LEAVES = "leaves"
    """Closes the tab with a full cart, or while waiting in line."""


_SHARES = {
    Habit.PLAIN: 60,
    Habit.RETRIES: 10,
    Habit.DOUBLE_CLICK: 8,
    Habit.TWO_TABS: 6,
    Habit.CHANGES_CARD: 6,
    Habit.ONLY_BAD_CARD: 2,
    Habit.LEAVES: 8,
}


@dataclass(frozen=True, slots=True)
class Goods:
    """What everybody wants: a variant, and the page it is on."""

    path: str
    variant_id: int


class Buyer:
    """One buyer's journey. They give up `patience_seconds` after they came; thinking takes `pause_seconds` or so."""

    def __init__(
        self, browser: Browser, goods: Goods, chance: Random, patience_seconds: float, pause_seconds: float
    ) -> None:
        self._browser = browser
        self._goods = goods
        self._chance = chance
        self._patience_seconds = patience_seconds
        self._pause_seconds = pause_seconds
        self._gives_up_at = 0.0
        self.habit = chance.choices(list(_SHARES), list(_SHARES.values()))[0]
        self.waited_in_line = False

    def run(self, intended: float) -> Ending:
        self._gives_up_at = intended + self._patience_seconds
        self._browser.get("/", "home", intended)
        self._think()
        page = self._persistently(lambda: self._browser.get(self._goods.path, "product page"))
        if page is None:
            return Ending.GAVE_UP
        if b"schema.org/OutOfStock" in page.body:
            return Ending.SOLD_OUT
        self._think()
        added = self._persistently(
            lambda: self._browser.post("/cart/add.js", "add to cart", {"id": self._goods.variant_id, "quantity": 1})
        )
        if added is None:
            return Ending.GAVE_UP
        if added.status != 200:
            return Ending.SOLD_OUT
        self._think()
        return self._check_out()

    def _check_out(self) -> Ending:
        match self.habit:
            case Habit.LEAVES:
                if self._chance.random() < 0.5:
                    return Ending.GAVE_UP
                self._gives_up_at = min(self._gives_up_at, time.monotonic() + 5)
                return self._pay(GOOD_CARD)
            case Habit.DOUBLE_CLICK:
                return self._at_once(self._key(), None)
            case Habit.TWO_TABS:
                return self._at_once(self._key(), self._key())
            case Habit.CHANGES_CARD:
                ending = self._pay(BAD_CARD)
                self._think()
                return self._pay(GOOD_CARD) if ending == Ending.DECLINED else ending
            case Habit.ONLY_BAD_CARD:
                return self._pay(BAD_CARD)
            case Habit.RETRIES:
                key = self._key()
                ending = self._pay(GOOD_CARD, key)
                return self._pay(GOOD_CARD, key) if ending == Ending.BOUGHT else ending
        return self._pay(GOOD_CARD)

    def _at_once(self, key: str, other: str | None) -> Ending:
        """The same submission twice (a double click), or another one of the same cart (a second tab)."""
        tabs = [gevent.spawn(self._pay, GOOD_CARD, it) for it in (key, other or key)]
        gevent.joinall(tabs)
        endings = [tab.value for tab in tabs]
        return next((ending for ending in Ending if ending in endings), Ending.GAVE_UP)

    def _pay(self, card: str, key: str = "") -> Ending:
        """Until there is an order, or none can be. Whoever is told to wait, waits, and keeps their place."""
        key, place = key or self._key(), ""
        while time.monotonic() < self._gives_up_at:
            body: dict[str, Any] = {"email": "ada@example.com", "shipping_address": ADDRESS, "payment_method": card}
            body |= {"cart": self._browser.cookies.get("cart", "")} | ({"place": place} if place else {})
            reply = self._browser.post("/checkout", "checkout", body, key)
            said = reply.json()
            kind = said.get("kind", "")
            if reply.status == 201:
                return Ending.BOUGHT
            if kind == "waiting":
                place, self.waited_in_line = said["place"], True
            elif reply.status == 402:
                return Ending.DECLINED
            elif kind in ("stock-gone", "refunded"):
                return Ending.SOLD_OUT
            elif kind == "cart-empty":
                return Ending.BOUGHT if self.habit == Habit.TWO_TABS else Ending.GAVE_UP
            elif reply.status not in (0, 202, 409, 429, 502, 503, 504):
                return Ending.GAVE_UP
            gevent.sleep(reply.retry_after(1.0) * self._chance.uniform(1.0, 1.15))
        return Ending.GAVE_UP

    def _persistently(self, ask: Callable[[], Reply]) -> Reply | None:
        """Asks again when told to come back later; None when the buyer has had enough."""
        while time.monotonic() < self._gives_up_at:
            reply = ask()
            if reply.status not in (0, 429, 502, 503, 504):
                return reply
            gevent.sleep(reply.retry_after(1.0) * self._chance.uniform(1.0, 1.5))
        return None

    def _think(self) -> None:
        gevent.sleep(self._chance.uniform(0.5, 1.5) * self._pause_seconds)

    def _key(self) -> str:
        return secrets.token_urlsafe(12)
