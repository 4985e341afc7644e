"""What the origin's routes work with: built once by app.py when the program starts, handed to every request."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from origin.checkout.flow import Checkouts
from origin.checkout.waiting_room import WaitingRoom
from origin.db import Database
from origin.orders.failed_refunds import FailedRefunds
from origin.orders.moves import Moves
from origin.payments import Payments
from origin.settings import OriginSettings

if TYPE_CHECKING:
    from redis.asyncio import Redis


@dataclass(frozen=True, slots=True)
class Collaborators:
    settings: OriginSettings
    db: Database
    state: "Redis"
    payments: Payments
    checkouts: Checkouts
    waiting_room: WaitingRoom
    moves: Moves
    failed_refunds: FailedRefunds
    themes: frozenset[str]  # the names of the installed themes
