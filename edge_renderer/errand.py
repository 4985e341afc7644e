"""What a request has brought along when the origin has to be asked whose host it is: its own page's snapshot.

The snapshot was read before the page's fill began, so the fill's guard does not know what changed in between:
1. the origin is asked whose host it is, and reads the page's old row; 2. the merchant commits; 3. the purge is applied
and finds nothing to mark; 4. the fill makes the old page and would keep it as fresh. Hence the position from before the
question, and `take`, which gives the snapshot once, to the request that asked for it, and only if nothing it shows has
changed since that position as far as has been heard. What is heard later, the fill's guard knows.
"""

from dataclasses import dataclass

from contracts.events import Position
from contracts.tenant import StoreId
from edge_renderer.snapshots import FetchedSnapshot, HostAnswer, OriginClient
from invalidation.follower import Follower
from invalidation.lease import Clock

KEPT_SECONDS = 0.25
"""The origin's word is good for a second from when a fill began; this is how much earlier it may have been given."""


@dataclass(frozen=True, slots=True)
class Carried:
    fetched: FetchedSnapshot
    position: Position


class Errand:
    def __init__(self, target: str, follower: Follower, clock: Clock) -> None:
        self._target = target
        self._follower = follower
        self._clock = clock
        self._asked_at = 0.0
        self._owner: StoreId | None = None
        self._carried: Carried | None = None

    async def run(self, origin: OriginClient, host: str) -> HostAnswer:
        """Raises OriginUnavailable."""
        self._asked_at, position = self._clock(), self._follower.position  # before anything is read
        answer = await origin.host(host, self._target)
        if answer.tenant is not None and answer.snapshot is not None and position is not None:
            self._owner, self._carried = answer.tenant.store_id, Carried(answer.snapshot, position)
        return answer

    def has_brought(self, store_id: StoreId) -> bool:
        """A snapshot of this shop's, which nobody has taken yet."""
        return self._carried is not None and store_id == self._owner

    def take(self, store_id: StoreId) -> Carried | None:
        """Call it in the fill, so that its guard is open."""
        carried, self._carried = self._carried, None
        if carried is None or store_id != self._owner or not self._is_current(carried):
            return None
        return carried

    def _is_current(self, carried: Carried) -> bool:
        now, follower = self._clock(), self._follower
        if now - self._asked_at > KEPT_SECONDS or not follower.lease.is_valid(now):
            return False
        if not follower.remembers(carried.position):
            return False
        tags = {tag for part in carried.fetched.snapshot.parts.values() for tag in part.tags}
        changes = (follower.last_change(tag) for tag in tags)
        return all(change is None or change <= carried.position.id for change in changes)
