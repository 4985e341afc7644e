"""Where a crash happens: shops, buyers who ask again, time that has gone by, and the books in the end."""

import asyncio
import itertools
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from contracts.keys import shop_tag
from invalidation import outbox
from origin.checkout.answers import AnswerKind
from origin.tenants import NewStore, create_store
from standalone.audit import audit, provider_intents
from tests.crash.programs import SOON_SECONDS, Program, Programs, until
from tests.fixtures.buying import fill, submission
from tests.fixtures.checkout import ADDRESS, RunningSandbox, StockedShop, Till, add_variant, rows
from tests.fixtures.origin import PLATFORM_TOKEN

CUPS = 5
LONG_AGO_SECONDS = 4000
_UNDECIDED = (AnswerKind.PROCESSING, AnswerKind.IN_PROGRESS)
_UNFINISHED = "SELECT id FROM checkout_attempt WHERE store_id = %s AND recovery_point <> 'finished'"


@dataclass(frozen=True, slots=True)
class Case:
    """Where it happens, at which passage, and how."""

    point: str
    passage: int
    mode: str

    def __str__(self) -> str:
        return f"{self.point}:{self.passage}:{self.mode}"


@dataclass(slots=True)
class Stage:
    till: Till
    sandbox: RunningSandbox
    programs: Programs
    mail_url: str
    origin_port: int
    random: random.Random
    armed: Program = field(init=False)
    shops: dict[int, StockedShop] = field(default_factory=dict)
    cases: dict[int, Case] = field(default_factory=dict)
    buyers: dict[str, Case] = field(default_factory=dict)
    numbers: Any = field(default_factory=itertools.count)

    async def shop(self, case: Case) -> StockedShop:
        """A new one for each case: what is wrong in the end says where it went wrong."""
        new = NewStore(name="Acorn", subdomain=f"acorn-{next(self.numbers)}", currency="EUR")
        store, token = await create_store(self.till.db, "stoa.localhost", new)
        cup = await add_variant(self.till.db, store.id, "Cup", 1999, CUPS)
        gift = await add_variant(self.till.db, store.id, "Gift", 0, CUPS, is_shipped=False)
        self.shops[store.id] = StockedShop(store.id, store.host, token, cup, gift)
        self.cases[store.id] = case
        return self.shops[store.id]

    def buyer(self, case: Case) -> str:
        email = f"buyer-{secrets.token_hex(6)}@example.com"
        self.buyers[email] = case
        return email

    async def ask(self, method: str, path: str, headers: dict[str, str], **named: Any) -> httpx.Response | None:
        """Of the armed origin; None when the line breaks or it is gone."""
        url = f"http://127.0.0.1:{self.origin_port}{path}"
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            try:
                return await client.request(method, url, headers=headers, timeout=20, **named)
            except httpx.HTTPError:
                return None

    async def ask_platform(self, method: str, path: str, body: Any) -> httpx.Response | None:
        return await self.ask(method, f"/platform/{path}", {"Authorization": f"Bearer {PLATFORM_TOKEN}"}, json=body)

    async def ask_admin(
        self, shop: StockedShop, method: str, path: str, *, type: str = "", headers: Any = None, **named: Any
    ) -> httpx.Response | None:
        sent = shop.admin_headers | (headers or {}) | ({"Content-Type": type} if type else {})
        return await self.ask(method, f"/admin/api/2024-10/{path}", sent, **named)

    async def insist(self, ask: Callable[[], Awaitable[httpx.Response | None]]) -> httpx.Response:
        """A client that asks again; by then another origin is there."""
        answer = await ask()
        if answer is None or answer.status_code >= 500:
            if answer is None:
                await until(self.armed.has_ended, "the end of an origin that did not answer")
                self.armed = await self.programs.origin(self.origin_port)
            answer = await ask()
        assert answer is not None
        return answer

    async def pass_time(self, shop: StockedShop, seconds: int = 0) -> None:
        """As if the leases of whoever died were over, and orders so much older. What is finished stays remembered."""
        db = self.till.db
        await rows(
            db,
            shop.id,
            f"""UPDATE deadline SET due_at = now() - interval '1 second' WHERE store_id = %s
                AND (kind <> 'checkout' OR subject_id IN ({_UNFINISHED})) RETURNING 1""",
            shop.id,
        )
        for table in ("checkout_attempt", "product_import"):
            await rows(
                db,
                shop.id,
                f"UPDATE {table} SET locked_until = now() - interval '1 second' WHERE store_id = %s RETURNING 1",
            )
        if seconds:
            age = "UPDATE sales_order SET created_at = created_at - make_interval(secs => %s) WHERE id > 0 RETURNING 1"
            async with db.tenant(shop.id) as tx:
                await tx.execute(age.encode(), [seconds])

    async def recover(self, shop: StockedShop, seconds: int = 0) -> None:
        await self.pass_time(shop, seconds)
        await self.till.completer.run_once()

    async def purchase(self, case: Case, shop: StockedShop, **wanted: Any) -> str:
        """A buyer whose cart and checkout meet the armed origin, and who asks again until somebody answers."""
        variant = wanted.pop("variant_id", shop.cup)
        added = await self.ask("POST", "/cart/add.js", shop.edge_headers, json={"id": variant, "quantity": 1})
        token = added.cookies["cart"] if added is not None and added.is_success else None
        return await self.pay(case, shop, token or await fill(self.till, shop, variant), **wanted)

    async def pay(self, case: Case, shop: StockedShop, token: str, *, times: int = 1, **wanted: Any) -> str:
        """The kind of answer it comes to. `times`: the answer is asked for again."""
        email = self.buyer(case)
        body = {"email": email, "shipping_address": ADDRESS, "payment_method": "pm_card_visa", "cart": token, **wanted}
        headers = shop.edge_headers | {"Idempotency-Key": email}
        for _ in range(times):
            answer = await self.ask("POST", "/checkout", headers, json=body)
            while answer is not None and answer.status_code == 503 and not self.armed.has_crashed:
                answer = await self.ask("POST", "/checkout", headers, json=body)  # as it says: the machine is busy
        if self.random.random() < 0.5:
            await self.recover(shop)  # the completer may come first, or the buyer
        else:
            await self.pass_time(shop)
        kept = {name: value for name, value in body.items() if name not in ("cart", "payment_method")}
        repeated = submission(token, body["payment_method"], **kept)
        async with asyncio.timeout(SOON_SECONDS):  # an origin that lives may be at it, too
            while (answer := await self.till.checkouts.submit(shop.id, email, repeated)).kind in _UNDECIDED:
                await self.recover(shop)
        if answer.kind != AnswerKind.PLACED:
            del self.buyers[email]
        return str(answer.kind)

    async def tell(self, shop: StockedShop) -> None:
        """Something for the relay to publish."""
        async with self.till.db.tenant(shop.id) as tx:
            await outbox.add(tx, shop.id, [shop_tag(shop.id)])

    async def outbox_is_empty(self) -> bool:
        return not any(
            [await rows(self.till.db, shop_id, "SELECT id FROM outbox WHERE store_id = %s") for shop_id in self.shops]
        )

    async def is_published_by(self, relay: Program) -> bool:
        return relay.has_crashed or await self.outbox_is_empty()

    async def all_is_decided(self) -> bool:
        """A provider too slow for stock that waits is asked again when the lease is over."""
        moving = "SELECT id FROM payment WHERE store_id = %s AND status = 'pending' AND payment_intent IS NOT NULL"
        return not any(
            [await rows(self.till.db, shop_id, asked) for shop_id in self.shops for asked in (_UNFINISHED, moving)]
        )

    async def everybody_was_told(self) -> bool:
        untold = "SELECT 1 FROM sales_order WHERE store_id = %s AND state = 'placed' AND confirmation_sent_at IS NULL"
        return not any([await rows(self.till.db, shop_id, untold) for shop_id in self.shops])

    async def every_import_is_done(self) -> bool:
        undone = "SELECT 1 FROM product_import WHERE store_id = %s AND state <> 'done'"
        return not any([await rows(self.till.db, shop_id, undone) for shop_id in self.shops])

    async def breaks(self, *, has_mail: bool) -> list[str]:
        """Of all books, with where the crash was."""
        intents = await provider_intents(self.sandbox.url)
        found = []
        for shop in self.shops.values():
            began = {shop.cup: CUPS, shop.plate: CUPS}
            async with self.till.db.tenant(shop.id) as tx:
                wrong = await audit(tx, shop.id, intents, began, has_relay=True, has_mail=has_mail)
            found += [f"{self.cases[shop.id]}: {each.rule} ({each.what})" for each in wrong]
        return found + (await self._mail_breaks() if has_mail else [])

    async def _mail_breaks(self) -> list[str]:
        """Each buyer has one e-mail, and as many have two as a worker ended between sending and noting it down."""
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            mails = (await client.get(f"{self.mail_url}/messages.json")).json()
        times = {email: sum(email in mail["to"] for mail in mails) for email in self.buyers}
        found = [f"{case}: no e-mail to {email}" for email, case in self.buyers.items() if not times[email]]
        unsure = sum(case.point in ("mail.sent", "mail.confirm.commit") for case in self.cases.values())
        doubled = [f"{case}: two e-mails to {email}" for email, case in self.buyers.items() if times[email] > 1]
        return found + (doubled if sum(times.values()) - len(times) > unsure else [])

    async def finish(self, *, has_mail: bool) -> None:
        """Everybody is at work again, until nothing is left to do. Without `has_mail`, e-mails stay queued."""
        for seconds in (0, LONG_AGO_SECONDS):  # then what nobody can pay for any more is given up
            for shop in self.shops.values():
                await self.recover(shop, seconds)
        self.programs.relay()
        self.programs.worker("imports")
        self.programs.tender()  # and not before: time that is made to pass takes leases from the living, too
        await until(self.all_is_decided, "the end of every checkout and payment", 90)
        if has_mail:
            self.programs.worker("events")
            await until(self.everybody_was_told, "an e-mail to every buyer", 90)
        await until(self.every_import_is_done, "every import done", 90)
        await until(self.outbox_is_empty, "an empty outbox")

    @staticmethod
    async def crash_of(program: Program, case: Case) -> None:
        async def has_crashed() -> bool:
            return program.has_crashed

        await until(has_crashed, f"{case} is reached", 20)
