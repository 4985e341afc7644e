"""One request inside its transaction: what it reads, writes and will tell."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from standalone.payment_sandbox.errors import no_such
from standalone.payment_sandbox.ledger import Ledger, Movement, to_json
from standalone.payment_sandbox.resources import Resource, new_event, new_id

Params = dict[str, Any]
_NOBODY = '"data":{"object":null}'


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
    later: "list[Callable[[Work], object]]" = field(default_factory=list)
    """What happens by itself some time after the answer."""
    events: list[str] = field(default_factory=list)
    """As they are sent; there once all is written."""
    _changed: dict[str, Resource] = field(default_factory=dict)
    _told: list[tuple[Resource, str]] = field(default_factory=list)

    @property
    def second(self) -> int:
        return int(self.now)

    def afterwards(self, now: float) -> "Work":
        """For what happens by itself after this."""
        return replace(self, now=now, key=None, events=[], later=[], _changed={}, _told=[])

    def load(self, kind: str, identifier: str, param: str = "id") -> Resource:
        """Raises ProviderError for what there is not."""
        found = self._changed.get(identifier) or self.ledger.get(kind, identifier)
        if found is None or found["object"] != kind:
            raise no_such(kind, identifier, param)
        return found

    def save(self, resource: Resource) -> None:
        """Written at the end, once, as it is then."""
        self._changed[resource["id"]] = resource

    def write(self) -> None:
        texts = {name: to_json(resource) for name, resource in self._changed.items()}
        for name, resource in self._changed.items():
            self.ledger.put(resource, self.now, texts[name])
        for event, of in self._told:
            # The event holds what was just written; to encode that again would be most of the work.
            text = to_json(event).replace(_NOBODY, _NOBODY.replace("null", texts[of]), 1)
            self.ledger.put(event, self.now, text)
            self.events.append(text)
        self._changed.clear()
        self._told.clear()

    def tell(self, kind: str, subject: Resource) -> None:
        """Of what is saved in this request; the event shows it as it is written."""
        self._told.append((new_event(kind, None, self.api_version, self.key, self.second), subject["id"]))

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
