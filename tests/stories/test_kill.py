"""`kill -9` of each process in turn while shopping goes on: cached pages keep answering, and soon all is well again."""

import itertools
import os
import signal
import time
from collections.abc import Callable

import httpx
import pytest

from tests.fixtures.merchant import Merchant
from tests.stories.test_sale import mails_to

pytestmark = pytest.mark.alone  # it measures how long a way back takes

RECOVERY_SECONDS = 15.0
MAIL_SECONDS = 30.0  # a server that is away when its turn comes makes a mail wait for the next try
keys = itertools.count()


def until(is_true: Callable[[], bool], seconds: float, what: str) -> float:
    """Asks again and again, an unreachable server meaning no; fails with `what` when the time is over."""
    since = time.monotonic()
    while not _asked(is_true):
        assert time.monotonic() - since < seconds, f"after {seconds} s still not: {what}"
        time.sleep(0.02)
    return time.monotonic() - since


def _asked(is_true: Callable[[], bool]) -> bool:
    try:
        return is_true()
    except (httpx.HTTPError, AssertionError, KeyError):
        return False


@pytest.mark.parametrize("part", ["edge", "relay", "worker", "cache", "origin", "state", "postgres"])
def test_a_killed_process_is_replaced_and_a_sale_works_again(acorn_and_birch, part):
    acorn, birch = acorn_and_birch
    variant_id = acorn.add_product("Blue Mug", "12.00", 500)["variants"][0]["id"]
    birch.add_product("Blue Mug", "9.00", 5)
    until(lambda: "12.00" in acorn.get("/products/blue-mug").text, 5, "the new product's page")
    for shop in (acorn, birch):
        assert {page.status_code for page in shop.everywhere("/products/blue-mug")} == {200}

    assert acorn.buy(variant_id, f"before-{part}", email=f"before-{part}@example.com").status_code == 201
    victim = acorn.platform.ready.pids[part][0]
    os.kill(victim, signal.SIGKILL)

    cached = [acorn.get("/products/blue-mug") for _ in range(20)] if part != "edge" else _through_the_other_edge(acorn)
    assert {page.status_code for page in cached} == {200}
    after = f"after-{part}@example.com"
    waited = until(lambda: _sells(acorn, variant_id, after), RECOVERY_SECONDS, "a sale")
    price = f"{next(keys) + 20}.55"
    acorn.admin("PUT", f"variants/{variant_id}.json", {"variant": {"id": variant_id, "price": price}})
    waited += until(
        lambda: all(price in page.text for page in acorn.everywhere("/products/blue-mug")),
        RECOVERY_SECONDS,
        "the new price",
    )
    # Of a server that nobody has to wait for, such as the cache's, all else may be well before there is another.
    waited += until(
        lambda: (acorn.platform.ready.pids[part] or [victim])[0] != victim, RECOVERY_SECONDS, "another process"
    )
    assert waited < RECOVERY_SECONDS
    for buyer in (f"before-{part}@example.com", after):
        until(lambda buyer=buyer: bool(mails_to(acorn, buyer)), MAIL_SECONDS, f"the e-mail to {buyer}")
    print(f"{part}: well again after {waited:.1f} s")
    assert "9.00" in birch.get("/products/blue-mug").text


def _through_the_other_edge(acorn: Merchant) -> list[httpx.Response]:
    """The killed worker's connections are gone; the socket that both share leads to the one that lives."""
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers.append(acorn.get("/products/blue-mug"))
        return True

    until(answered, 2, "an answer from the other edge worker")
    return answers


def _sells(acorn: Merchant, variant_id: int, buyer: str) -> bool:
    return acorn.buy(variant_id, f"key-{next(keys)}-{variant_id}", email=buyer).status_code == 201
