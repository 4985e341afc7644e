"""The protocol with one rule broken at a time, for the test of the model test. Each breaks it through `monkeypatch`."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts.events import Position
from edge_renderer.cache import local, tiers
from edge_renderer.cache.entry import Entry
from edge_renderer.cache.local import LocalCache, OpenFill
from edge_renderer.cache.made import Standing
from edge_renderer.cache.proof import Proof
from edge_renderer.cache.tiers import Tiers
from invalidation.bus import Raw, Reading
from invalidation.follower import Follower
from invalidation.lease import Lease
from tests.model import events
from tests.model.state_server import StateServer

Patch = pytest.MonkeyPatch
_missed, _apply, _extend, _publish = (
    Follower._has_missed_something,
    Follower._apply,
    Lease.extend,
    StateServer.publish,
)


def the_fill_guard_hears_nothing(patch: Patch) -> None:
    patch.setattr(OpenFill, "note", lambda *_: None)


def the_drains_age_is_ignored(patch: Patch) -> None:
    patch.setattr(Lease, "extend", lambda lease, asked_at, age, _: _extend(lease, asked_at, age, 0.0))


def the_messages_age_is_ignored(patch: Patch) -> None:
    patch.setattr(Lease, "extend", lambda lease, asked_at, age, drain: _extend(lease, asked_at, 0.0, drain))


def the_lease_counts_from_the_reply(patch: Patch) -> None:
    def apply(self: Follower, raw: Raw, asked_at: float, server_ms: int) -> None:
        """As if the message were as old as when the read was asked for."""
        lease, before = self.lease, self.lease.until
        _apply(self, raw, asked_at, server_ms)
        if lease.until != before:
            lease.until += self._clock() - asked_at

    patch.setattr(Follower, "_apply", apply)


def another_epoch_changes_nothing(patch: Patch) -> None:
    def has_missed_something(self: Follower, reading: Reading, here: Position) -> bool:
        ours = Reading(
            reading.messages, reading.server_ms, here.epoch, reading.last, reading.first, reading.has_lost_messages
        )
        return _missed(self, ours, here)

    patch.setattr(Follower, "_has_missed_something", has_missed_something)


def trimmed_messages_are_not_missed(patch: Patch) -> None:
    def has_missed_something(self: Follower, reading: Reading, here: Position) -> bool:
        return reading.epoch != here.epoch or here.id > reading.last

    patch.setattr(Follower, "_has_missed_something", has_missed_something)


def a_reset_distrusts_nothing(patch: Patch) -> None:
    patch.setattr(LocalCache, "distrust", lambda _: None)


def shared_entries_are_not_held_against_positions(patch: Patch) -> None:
    async def holds(self: Proof, entry: Entry) -> bool:
        return entry.position is not None and self._is_of_our_time(entry.position)

    patch.setattr(Proof, "holds", holds)


def the_stale_window_is_ten_seconds(patch: Patch) -> None:
    patch.setattr(local, "STALE_SECONDS", 10.0)


def the_origins_word_is_good_for_ten_seconds(patch: Patch) -> None:
    patch.setattr(tiers, "WORD_SECONDS", 10.0)


def a_lapsed_lease_is_not_looked_at(patch: Patch) -> None:
    patch.setattr(Lease, "is_valid", lambda *_: True)


def what_could_not_be_verified_is_not_marked(patch: Patch) -> None:
    standing = Tiers._standing

    def silent(self: Tiers, held: local.Held, now: float) -> Standing | None:
        state = standing(self, held, now)
        return Standing.FRESH if state is Standing.UNVERIFIED else state

    patch.setattr(Tiers, "_standing", silent)


def the_bus_forgets_to_begin_a_new_epoch(patch: Patch) -> None:
    def publish(self: StateServer, messages: Any, known_last: Any, fresh_epoch: str, drain: Any, most: int) -> Any:
        self.data.epoch = self.data.epoch or "the only one"
        self.data.server = self.run_id
        return _publish(self, messages, None, fresh_epoch, drain, most)

    patch.setattr(StateServer, "publish", publish)


def the_bytes_of_what_goes_are_not_given_back(patch: Patch) -> None:
    remove = LocalCache._remove

    def forgetful(self: LocalCache, held: local.Held) -> None:
        remove(self, held)
        self.held_bytes += 1

    patch.setattr(LocalCache, "_remove", forgetful)


_ALWAYS = (events.some_seconds_pass, events.edit, events.edit_much)

MUTANTS: dict[Callable[[Patch], None], tuple[events.Event, ...]] = {
    the_fill_guard_hears_nothing: (events.heal,),
    the_drains_age_is_ignored: (events.cut_the_relays,),
    the_messages_age_is_ignored: (events.cut_an_edge_from_the_bus, events.kill_the_relays),
    the_lease_counts_from_the_reply: (events.cut_an_edge_from_the_bus, events.kill_the_relays),
    another_epoch_changes_nothing: (events.fail_over, events.heal),
    trimmed_messages_are_not_missed: (events.cut_an_edge_from_the_bus, events.trim_the_bus, events.heal),
    a_reset_distrusts_nothing: (events.cut_an_edge_from_the_bus, events.lose_the_bus, events.trim_the_bus),
    shared_entries_are_not_held_against_positions: (events.restart_an_edge,),
    the_stale_window_is_ten_seconds: (events.cut_an_edge_from_the_origin,),
    the_origins_word_is_good_for_ten_seconds: (events.kill_the_relays,),
    a_lapsed_lease_is_not_looked_at: (events.kill_the_relays,),
    what_could_not_be_verified_is_not_marked: (events.cut_an_edge_off,),
    the_bus_forgets_to_begin_a_new_epoch: (events.fail_over, events.heal),
    the_bytes_of_what_goes_are_not_given_back: (),
}
"""Each with the events under which it shows soonest, because the time of a suite is dear."""


def events_for(mutant: Callable[[Patch], None]) -> tuple[events.Event, ...]:
    return _ALWAYS + MUTANTS[mutant]
