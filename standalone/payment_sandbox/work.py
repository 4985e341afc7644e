"""One request inside its transaction: what it reads, writes and will tell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from standalone.payment_sandbox.errors import no_such
from standalone.payment_sandbox.ledger import Ledger, Movement
from standalone.payment_sandbox.resources import Resource, new_event, new_id

Params = dict[str, Any]


@dataclass(slots=True)
class Work:
    """`account`: whose balance is spoken of (the Stripe-Account header; empty: the platform's own)."""

    ledger: Ledger
    now: float
    address: str
    api_version: str
    key: str | None = None
    account: str = ""
    search_lag_seconds: float = 0.0
    events: list[Resource] = field(default_factory=list)
    later: "list[Callable[[Work], object]]" = field(default_factory=list)
    """What happens by itself some time after the answer."""

    @property
    def second(self) -> int:
        return int(self.now)

    def load(self, kind: str, identifier: str, param: str = "id") -> Resource:
        """Raises ProviderError for what there is not."""
        found = self.ledger.get(kind, identifier)
        if found is None:
            raise no_such(kind, identifier, param)
        return found

    def save(self, resource: Resource) -> None:
        self.ledger.put(resource, self.now)

    def tell(self, kind: str, subject: Resource) -> None:
        event = new_event(kind, dict(subject), self.api_version, self.key, self.second)
        self.save(event)
        self.events.append(event)

    def move(self, account: str, amount: int, kind: str, of: Resource) -> str:
        """Money in (or, below zero, out) of an account's balance, because of `of`; the balance transaction's id."""
        identifier = new_id("txn")
        self.ledger.move(Movement(identifier, account, of["currency"], amount, kind, of["id"], self.second))
        return identifier

    def expanded(self, resource: Resource, params: Params) -> Resource:
        """With its charge in full, where that is asked for."""
        if "latest_charge" in params.get("expand", []) and resource.get("latest_charge"):
            return resource | {"latest_charge": self.load("charge", resource["latest_charge"])}
        return resource
