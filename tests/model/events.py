"""All that can happen to the fleet: merchants' changes, faults that end by themselves, and being healed.

An event gets all its details from the fleet's random numbers, which the model test seeds anew for every event.
"""

from collections.abc import Callable

from tests.model.edge import Read
from tests.model.fleet import ACORN, BIRCH, EDGES, HOSTS, MOVING, PRODUCTS, RELAYS, Fleet, Violation
from tests.model.state_server import Data
from tests.model.virtual_time import NOBODY
from tests.model.wire import Fault, Wire

HEALED_SECONDS = 5.0
SETTLED_SECONDS = 6.0
"""What was sent before all faults ended has come, or been given up, by then."""
LEASED_SECONDS = 8.0
"""Further time until the slowest client, the relay's of the database, has got over its last time-out and pause."""


Event = Callable[[Fleet], None]


def happen(fleet: Fleet, event: Event, luck: int) -> None:
    """The event, and shoppers who read while time goes on. Raises Violation."""
    fleet.rng.seed(luck)
    event(fleet)
    let_shoppers_read(fleet)
    fleet.check()


def let_shoppers_read(fleet: Fleet) -> None:
    rng = fleet.rng
    seconds = rng.choice((0.0, 0.02, 0.02, 0.1, 0.1, 0.3, 0.3, 1.0, 1.0, 3.0))
    moments = sorted(rng.random() * seconds for _ in range(rng.choice((0, 2, 8, 16, 32))))
    begin = fleet.loop.now
    for moment in moments:
        fleet.loop.run_until(begin + moment)
        fleet.ask(rng.choice(fleet.edges), rng.choice(tuple(HOSTS)), rng.randrange(PRODUCTS + 1))
    fleet.loop.run_until(begin + seconds)


def nothing(fleet: Fleet) -> None:
    """Time goes on."""


def some_seconds_pass(fleet: Fleet) -> None:
    """Long enough for what is untrue to be untrue for too long."""
    for _ in range(5):
        fleet.run_for(fleet.rng.random() * 2)
        let_shoppers_read(fleet)


def edit(fleet: Fleet) -> None:
    fleet.origin.edit(*_product(fleet))


def unpublish(fleet: Fleet) -> None:
    """An edit publishes it again."""
    fleet.origin.unpublish(*_product(fleet))


def edit_much(fleet: Fleet) -> None:
    """More rows than one batch of the relay takes, at once or while shoppers read."""
    product, seconds = _product(fleet), fleet.rng.choice((0.0, 0.5, 2.0))
    for _ in range(fleet.rng.randrange(2, 9)):
        fleet.loop.call_later(fleet.rng.random() * seconds, fleet.origin.edit, *product, context=NOBODY)


def change_in_bulk(fleet: Fleet) -> None:
    fleet.origin.change_in_bulk(fleet.rng.choice((ACORN, BIRCH)), products=600)


def change_theme(fleet: Fleet) -> None:
    fleet.origin.change_theme(fleet.rng.choice((ACORN, BIRCH)))


def move_host(fleet: Fleet) -> None:
    fleet.origin.move_host(MOVING, fleet.rng.choice((ACORN, BIRCH, None)))


def cut_an_edge_from_the_bus(fleet: Fleet) -> None:
    _disturb(fleet, fleet.rng.choice(fleet.edges).wires.state)


def cut_an_edge_from_the_cache(fleet: Fleet) -> None:
    _disturb(fleet, fleet.rng.choice(fleet.edges).wires.cache)


def cut_an_edge_from_the_origin(fleet: Fleet) -> None:
    _disturb(fleet, fleet.rng.choice(fleet.edges).wires.origin)


def cut_the_relays(fleet: Fleet) -> None:
    for wires in fleet.relay_wires:
        _disturb(fleet, fleet.rng.choice(wires))


def cut_an_edge_off(fleet: Fleet) -> None:
    wires = fleet.rng.choice(fleet.edges).wires
    for wire in (wires.state, wires.cache, wires.origin):
        wire.fault = Fault.DEAF
        _after_a_while(fleet, wire.heal)


def freeze_an_edge(fleet: Fleet) -> None:
    process = fleet.rng.choice(fleet.edges).process
    process.is_frozen = True
    _after_a_while(fleet, process.thaw)


def restart_an_edge(fleet: Fleet) -> None:
    fleet.restart_edge(fleet.rng.randrange(EDGES))


def freeze_a_relay(fleet: Fleet) -> None:
    process = fleet.rng.choice(fleet.relays)
    process.is_frozen = True
    _after_a_while(fleet, process.thaw)


def restart_a_relay(fleet: Fleet) -> None:
    fleet.restart_relay(fleet.rng.randrange(RELAYS))


def kill_the_relays(fleet: Fleet) -> None:
    for relay in fleet.relays:
        relay.end()
    _after_a_while(fleet, lambda: [fleet.restart_relay(number) for number in range(RELAYS)])


def lose_the_lock(fleet: Fleet) -> None:
    """The database forgets who the active relay is: soon there are two."""
    fleet.origin.relay_with_lock = None


def freeze_the_state_server(fleet: Fleet) -> None:
    fleet.state.freeze()
    _after_a_while(fleet, fleet.state.thaw)


def restart_the_state_server(fleet: Fleet) -> None:
    fleet.state.restart(fleet.state.backup())


def lose_the_bus(fleet: Fleet) -> None:
    fleet.state.restart(Data())


def fail_over(fleet: Fleet) -> None:
    """To a replica that had been left behind for a while, and maybe an edge with it."""
    replica = fleet.state.backup()
    _after_a_while(fleet, lambda: fleet.state.restart(replica))
    if fleet.rng.random() < 0.5:
        wire = fleet.rng.choice(fleet.edges).wires.state
        wire.fault = Fault.DEAF
        _after_a_while(fleet, wire.heal)


def trim_the_bus(fleet: Fleet) -> None:
    """Again and again for some seconds: who was not there has missed something."""
    for _ in range(fleet.rng.choice((1, 10))):
        fleet.loop.call_later(fleet.rng.random() * 4, fleet.state.trim, fleet.rng.choice((0, 1, 3)), context=NOBODY)


def set_the_clock_forward(fleet: Fleet) -> None:
    """The state server's; every other host's wall clock is looked at by nobody."""
    fleet.wall_offset_ms += fleet.rng.choice((500, 3_000, 60_000))


def set_the_clock_back(fleet: Fleet) -> None:
    """While all else is well. Were a drain on its way to the server in that very moment, and late, nobody could tell
    how late: the age of a drain is taken by this clock."""
    _end_all_faults(fleet)
    fleet.run_for(SETTLED_SECONDS)
    fleet.wall_offset_ms -= fleet.rng.choice((500, 3_000, 60_000))
    fleet.run_for(SETTLED_SECONDS)


def forget_cached(fleet: Fleet) -> None:
    for key in list(fleet.cache.entries):
        if fleet.rng.random() < 0.5:
            del fleet.cache.entries[key]


def back_up_the_cache(fleet: Fleet) -> None:
    fleet.cache_backup = dict(fleet.cache.entries)


def bring_old_entries_back(fleet: Fleet) -> None:
    fleet.cache.entries = fleet.cache.entries | fleet.cache_backup


def freeze_the_cache(fleet: Fleet) -> None:
    fleet.cache.freeze()
    _after_a_while(fleet, fleet.cache.thaw)


def freeze_the_origin(fleet: Fleet) -> None:
    fleet.origin.freeze()
    _after_a_while(fleet, fleet.origin.thaw)


def heal(fleet: Fleet) -> None:
    """Within seconds every edge shows every page as it is now, and soon after has its lease back."""
    _end_all_faults(fleet)
    fleet.run_for(HEALED_SECONDS)
    asked = [fleet.ask(edge, host, handle) for edge in fleet.edges for host in HOSTS for handle in range(PRODUCTS + 1)]
    fleet.run_for(3.0)
    for answer in asked:
        _assert_current(fleet, answer.result() if answer.done() else None)
    if fleet.rng.random() < 0.7:
        return
    fleet.run_for(LEASED_SECONDS)
    if fleet.state.now_ms() > fleet.state.data.last.ms:  # not while its clock, set back, has yet to catch up
        for edge in fleet.edges:
            if not edge.follower.lease.is_valid(edge.process.clock()):
                raise Violation("all is well, and an edge has no lease")


def _end_all_faults(fleet: Fleet) -> None:
    for wire in fleet.wires:
        wire.heal()
    for process in (*fleet.relays, *(edge.process for edge in fleet.edges)):
        process.thaw()
    for server in (fleet.state, fleet.cache, fleet.origin):
        server.thaw()
    for number, relay in enumerate(fleet.relays):
        if relay.is_ended:
            fleet.restart_relay(number)


def _assert_current(fleet: Fleet, read: Read | None) -> None:
    if read is None:
        raise Violation("all is well, and there is no answer")
    shown = ((read.host, read.host_text), (read.page, read.page_text))
    is_current = all(fleet.reference.is_current(name, text) for name, text in shown if name)
    if not is_current or read.is_host_excused or read.is_page_excused:
        raise Violation(f"all is well, and an edge still shows {read}")


def _product(fleet: Fleet) -> tuple[int, int]:
    return fleet.rng.choice((ACORN, BIRCH)), fleet.rng.randrange(1, PRODUCTS + 1)


def _disturb(fleet: Fleet, wire: Wire) -> None:
    wire.fault = fleet.rng.choice((Fault.REFUSED, Fault.DEAF, Fault.LOSES_REPLIES, Fault.SLOW, Fault.SLOW))
    wire.slow_seconds = fleet.rng.choice((0.05, 0.5, 2.0, 4.0))
    _after_a_while(fleet, wire.heal)


def _after_a_while(fleet: Fleet, end: Callable[[], object]) -> None:
    seconds = fleet.rng.choice((0.1, 0.5, 1.5, 3.0, 6.0, 10.0))
    fleet.loop.call_later(seconds, end, context=NOBODY)


EVENTS = (
    nothing,
    some_seconds_pass,
    edit,
    edit_much,
    unpublish,
    change_in_bulk,
    change_theme,
    move_host,
    cut_an_edge_from_the_bus,
    cut_an_edge_from_the_cache,
    cut_an_edge_from_the_origin,
    cut_an_edge_off,
    cut_the_relays,
    freeze_an_edge,
    restart_an_edge,
    freeze_a_relay,
    restart_a_relay,
    kill_the_relays,
    lose_the_lock,
    freeze_the_state_server,
    restart_the_state_server,
    lose_the_bus,
    fail_over,
    trim_the_bus,
    set_the_clock_forward,
    set_the_clock_back,
    forget_cached,
    back_up_the_cache,
    bring_old_entries_back,
    freeze_the_cache,
    freeze_the_origin,
    heal,
)
