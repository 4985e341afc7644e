"""What the sandbox's routes share: its ledger, clock and dice, and the keys being worked on."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import stripe
from starlette.requests import Request

from standalone.payment_sandbox.clock import Clock
from standalone.payment_sandbox.faults import Dice, Faults
from standalone.payment_sandbox.ledger import Ledger
from standalone.payment_sandbox.parameters import KnownParameters
from standalone.payment_sandbox.webhooks import WebhookSender
from standalone.payment_sandbox.work import Work

MOST_SECONDS_BEFORE_ANSWER = 10  # a receiver that is away does not hold up answers for longer


@dataclass(slots=True)
class Sandbox:
    ledger: Ledger
    webhooks: WebhookSender
    known: KnownParameters = field(default_factory=KnownParameters)
    clock: Clock = field(default_factory=Clock)
    dice: Dice = field(default_factory=lambda: Dice(Faults()))
    running_keys: set[str] = field(default_factory=set)
    requests: int = 0
    _later: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def faults(self) -> Faults:
        return self.dice.faults

    @property
    def latency_ms(self) -> int:
        return self.faults.latency_ms

    @latency_ms.setter
    def latency_ms(self, wanted: int) -> None:
        self.faults.latency_ms = wanted

    @property
    def answer_ms(self) -> int:
        return self.faults.answer_ms

    @answer_ms.setter
    def answer_ms(self, wanted: int) -> None:
        self.faults.answer_ms = wanted

    def work(self, request: Request, key: str | None = None) -> Work:
        return Work(
            self.ledger,
            self.clock.now(),
            f"{request.scope['scheme']}://{request.headers.get('Host', '')}",
            request.headers.get("Stripe-Version", stripe.api_version),
            key,
            request.headers.get("Stripe-Account", ""),
            self.faults.search_lag_ms / 1000,
        )

    async def deliver(self, events: Sequence[str]) -> None:
        """Sends them in the background, or, when the dice say so, before this returns."""
        sent = [self.webhooks.send(event, delay) for event in events for delay in self.dice.event_delays_seconds()]
        tasks = [task for task in sent if task]
        if events and self.dice.comes_before_answer() and tasks:
            await asyncio.wait(tasks, timeout=MOST_SECONDS_BEFORE_ANSWER)

    def do_later(self, work: Work) -> None:
        """What happens by itself after this work, each in a transaction of its own."""
        for act in work.later:
            task = asyncio.create_task(self._do(act, work))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _do(self, act: Callable[[Work], object], after: Work) -> None:
        await asyncio.sleep(self.faults.refund_failure_ms / 1000)
        work = after.afterwards(self.clock.now())
        with self.ledger.transaction():
            act(work)
            work.write()
        await self.deliver(work.events)

    async def close(self) -> None:
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
        await self.webhooks.close()
        self.ledger.close()
