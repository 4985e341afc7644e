"""Whose host it is: the tenants' records, kept in the tiers like pages and purged by the host's own tag.

The request for a host that is in no cache names the page as well, whose snapshot then comes along: for a small shop,
which is met once every few minutes, a second request would be most of what a page costs.
"""

from functools import partial

import msgpack

from contracts.keys import host_key
from contracts.tenant import StoreId, Tenant
from edge_renderer.cache.entry import Entry
from edge_renderer.cache.local import Held
from edge_renderer.cache.made import Built, NotModified
from edge_renderer.cache.tiers import Tiers
from edge_renderer.errand import Errand
from edge_renderer.errors import OriginUnavailable
from edge_renderer.snapshots import OriginClient
from edge_renderer.turns import Turns

_MOST_DECODED = 50_000


class Tenants:
    def __init__(self, tiers: Tiers, origin: OriginClient, turns: Turns, unknown_ms: int) -> None:
        self._tiers = tiers
        self._origin = origin
        self._turns = turns
        self._unknown_ms = unknown_ms
        self._decoded: dict[str, tuple[Entry, Tenant | None]] = {}

    async def for_host(self, host: str | None, errand: Errand | None = None) -> Tenant | None:
        """None: no shop has this host. Raises OriginUnavailable or Overloaded if that cannot be known now.

        `errand`: what to bring along if the origin has to be asked."""
        if host is None:
            return None
        found = await self._tiers.get(host_key(host), None, partial(self._ask, host, errand))
        entry = found.entry
        kept = self._decoded.get(host)
        if kept is not None and kept[0] is entry:
            return kept[1]
        tenant = _decoded(entry)
        if len(self._decoded) >= _MOST_DECODED:
            self._decoded.clear()
        self._decoded[host] = (entry, tenant)
        return tenant

    def record(self, host: str) -> Held | None:
        """The record of a host that was just asked for, as it is held in memory."""
        return self._tiers.held(host_key(host))

    async def _ask(self, host: str, errand: Errand | None, previous: Entry | None) -> Built | NotModified:
        """That a host is nobody's is a record too, of the same tag: a new shop purges it. A shop that is known already
        takes a turn of its own, not one of those that all unknown hosts share."""
        async with self._turns.turn(_owner(previous)):
            answer = await (errand.run(self._origin, host) if errand is not None else self._origin.host(host))
        record = answer.tenant.encode() if answer.tenant else None
        lifetime_ms = None if answer.tenant else self._unknown_ms
        return Built(200, (), msgpack.packb(record), answer.tags, lifetime_ms=lifetime_ms)


def _owner(record: Entry | None) -> StoreId | None:
    """Whose the host was when that was asked last."""
    try:
        tenant = _decoded(record) if record is not None else None
    except OriginUnavailable:
        return None
    return tenant.store_id if tenant is not None else None


def _decoded(entry: Entry) -> Tenant | None:
    try:
        record = msgpack.unpackb(entry.body)
        return None if record is None else Tenant.decode(record)
    except (KeyError, TypeError, ValueError) as error:
        raise OriginUnavailable("the record of a host cannot be read") from error
