"""A program that does what every origin process does besides answering: completes checkouts, takes up imports. Without
the pauses, and with an errand first that no caller can be made to run when a test wants it."""

import asyncio
import sys

from contracts import crash_points
from contracts.tenant import StoreId
from origin.carts import Carts
from origin.checkout.completer import Completer
from origin.checkout.flow import Checkouts
from origin.db import Database
from origin.errors import OriginError
from origin.imports.leases import resume_due
from origin.payments import Payments
from origin.settings import OriginSettings


async def tend(settings: OriginSettings, to_give_up: list[str]) -> None:
    """`to_give_up`: STORE:ATTEMPT of attempts whose time is up and whose payment nobody knows."""
    db = Database(settings.app_database_url, settings.router_database_url, connections=4)
    await db.open()
    carts, _ = Carts.connect(settings.state_url)
    payments = Payments(settings)
    checkouts = Checkouts(db, carts, payments, settings)
    completer = Completer(db, checkouts, payments, settings.reservation_seconds)
    for named in to_give_up:
        store, attempt = named.split(":")
        try:
            await checkouts.give_up(StoreId(int(store)), int(attempt))
        except OriginError as error:
            print(error, file=sys.stderr)
    while True:
        for tended in (completer.run_once, lambda: resume_due(db)):
            try:
                await tended()
            except OriginError as error:
                print(error, file=sys.stderr)
        await asyncio.sleep(0.02)


def main() -> None:
    settings = OriginSettings()
    crash_points.arm(settings.crash_at)
    asyncio.run(tend(settings, sys.argv[1:]))
