"""Tells the shop's platform what happened: signed as the provider signs, again a few times when nobody answers."""

import asyncio

import stripe
import structlog

from standalone.payment_sandbox.post_lines import PostLines

log = structlog.get_logger()

RETRY_SECONDS = (0.0, 0.5, 2.0, 10.0, 30.0)
DELIVERY_SECONDS = 10.0
AT_ONCE = 8
"""Deliveries; more would be a load test of their receiver."""


class WebhookSender:
    """`url`: where to; nothing is sent while it is empty."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self._secret = secret
        self._lines = PostLines()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, event: str, delay_seconds: float = 0.0) -> asyncio.Task[None] | None:
        """In the background; the task ends with the delivery. None while there is nobody to tell."""
        if not self.url:
            return None
        task = asyncio.create_task(self._deliver(event, delay_seconds))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    @property
    def is_busy(self) -> bool:
        """Whether something has not been delivered yet."""
        return bool(self._sending)

    async def close(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._lines.close()

    async def _deliver(self, payload: str, delay_seconds: float) -> None:
        await asyncio.sleep(delay_seconds)
        for pause in RETRY_SECONDS:
            await asyncio.sleep(pause)
            try:
                status = await self._post(payload)
            except Exception as error:  # of whatever kind: without its task nobody would hear of this event, or why
                log.warning("event not delivered", url=self.url, error=repr(error))
            else:
                if status < 400:
                    return
                log.warning("event not taken", url=self.url, status=status)

    async def _post(self, payload: str) -> int:
        # Signed anew each time: the receiver refuses old signatures.
        signature = stripe.WebhookSignature.generate_signature_header(payload, self._secret)
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        async with self._places, asyncio.timeout(DELIVERY_SECONDS):
            return await self._lines.post(self.url, payload.encode(), headers)
