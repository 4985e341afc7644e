"""The table of troubles: what breaks in each cell of the matrix, and what is asked of that cell beyond the promises."""

import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import redis.asyncio

from contracts.events import BUS_KEY
from loadtest.fault_proxy import NONE, Fault
from tests.faults.hall import Stall, until
from tests.faults.story import Trouble

FAULTS = {
    "down": Fault(is_down=True),
    "2 s late": Fault(latency_seconds=1.0),  # each way
    "blackhole": Fault(is_blackhole=True),
    "reset mid-reply": Fault(reset_bytes=40),
    "1 KB/s": Fault(bytes_per_second=1024),
    "split": Fault(slice_bytes=100, slice_pause_seconds=0.0005),
}
ORIGIN_IS_SLOW = {"slowest_seconds": 3.5, "settled_seconds": 3.5, "cold_seconds": 6.5}
"""A page that changed, or is new, takes as long as the origin takes, and at most its time-out: twice for a new page of
a new host."""
CARRIES_ON = {"split"}
"""Nobody should notice these."""


def lines(*names: str, fault: Fault, **holds: Any) -> Trouble:
    """On an edge's own lines (`state`, `cache`, `origin`) or on its backs' (`state_line`, `database_line`)."""

    async def begin(stall: Stall) -> None:
        await _inject(stall, names, fault)

    async def end(stall: Stall) -> None:
        await _inject(stall, names, NONE)

    return Trouble(begin, end, **holds)


async def _inject(stall: Stall, names: tuple[str, ...], fault: Fault) -> None:
    for name in names:
        await getattr(stall.backs if name.endswith("_line") else stall, name).inject(fault)


def of_one_edge() -> dict[str, Trouble]:
    """Cells that leave the backs well, so that all of them share one set."""
    cells = {}
    for name, fault in FAULTS.items():
        cells[f"cache: {name}"] = lines("cache", fault=fault, lasts_seconds=3.0)
        cells[f"state, one edge's line: {name}"] = lines("state", fault=fault)
        is_cut_off = name not in {"split", "2 s late", "1 KB/s"}
        cells[f"origin: {name}"] = lines(
            "origin", fault=fault, can_ask=not is_cut_off, is_cut_off=is_cut_off, **ORIGIN_IS_SLOW
        )
    for name in ("down", "blackhole"):
        cells[f"edge alone: {name}"] = lines(
            "cache",
            "state",
            "origin",
            fault=FAULTS[name],
            can_ask=False,
            is_cut_off=True,
            lasts_seconds=9.0,
            **ORIGIN_IS_SLOW,
        )
    return cells


async def nothing(_: Stall) -> None:
    pass


def of_the_state_server() -> dict[str, Trouble]:
    """The server itself, so that relay, origin and edge lose it at once."""
    cells = {
        f"state: {name}": lines("state", "state_line", fault=fault)
        for name, fault in FAULTS.items()
        if name not in CARRIES_ON
    }
    return cells | {
        "state: frozen": Trouble(_send_to_state(signal.SIGSTOP), _send_to_state(signal.SIGCONT)),
        "state: restarted empty": Trouble(_lose_state, nothing),
        "state: an older dataset": Trouble(_set_state_back, nothing),
        "state: bus trimmed": Trouble(_trim, nothing),
        "state: clients killed": Trouble(_kill_clients, nothing),
        "state: clients paused": Trouble(_pause_clients, nothing),
        "state: DEBUG SLEEP": Trouble(_sleep, nothing),
        "state: messages twice, out of order": Trouble(_repeat_messages, nothing),
    }


def of_the_database() -> dict[str, Trouble]:
    return {
        f"database: {name}": lines(
            "database_line",
            fault=FAULTS[name],
            can_ask=False,
            is_cut_off=name in {"down", "blackhole"},
            **ORIGIN_IS_SLOW,
        )
        for name in ("down", "2 s late", "blackhole", "1 KB/s")
    } | {
        "everything down": lines(
            "cache",
            "state",
            "origin",
            "state_line",
            "database_line",
            fault=FAULTS["down"],
            can_ask=False,
            is_cut_off=True,
            **ORIGIN_IS_SLOW,  # when all is back, the first questions wait until it is connected to its database
        )
    }


def of_the_relay() -> dict[str, Trouble]:
    """Which is a real process here. In this order the first that lives is the active one."""
    freeze, thaw = _to_the_active_relay(signal.SIGSTOP), _to_the_active_relay(signal.SIGCONT)
    kill = _to_the_active_relay(signal.SIGKILL)
    return {
        "relay: dead": Trouble(kill, _start_another_relay, relays=1),
        "relay: frozen": Trouble(freeze, thaw, relays=1),
        "relay: the active of two dead": Trouble(kill, nothing, relays=2),
        "relay: the active of two frozen": Trouble(freeze, thaw, relays=2),
    }


def _to_the_active_relay(number: signal.Signals) -> Callable[[Stall], Awaitable[None]]:
    async def send(stall: Stall) -> None:
        stall.backs.relays[0].send_signal(number)

    return send


async def _start_another_relay(stall: Stall) -> None:
    await stall.backs.start_relay()


def _send_to_state(number: signal.Signals) -> Callable[[Stall], Awaitable[None]]:
    async def send(stall: Stall) -> None:
        stall.backs.state.send(number)

    return send


async def _lose_state(stall: Stall) -> None:
    stall.backs.state.kill()
    stall.backs.state.lose_everything()
    await stall.backs.state.start()


async def _set_state_back(stall: Stall) -> None:
    """As if a replica took over that was behind: what was changed after the copy is forgotten there."""
    state = stall.backs.state
    async with redis.asyncio.Redis.from_url(state.url) as client:
        await client.bgrewriteaof()

        async def is_written() -> bool:
            return not (await client.info("persistence"))["aof_rewrite_in_progress"]

        await until(is_written, 20, "its file is written")
    state.copy_files("older")
    handle, variant_id = await stall.backs.add_product(stall.backs.acorn, "10.00")
    browser = stall.at(stall.backs.acorn)
    await browser.get(f"/products/{handle}.js")
    assert await stall.backs.set_price(stall.backs.acorn, variant_id, "11.00") == 200

    async def is_repriced() -> bool:
        return bool((await browser.get(f"/products/{handle}.js")).json()["price"] == 1100)

    await until(is_repriced, 20, "the change after the copy is seen")
    state.kill()
    state.go_back_to("older")
    await state.start()


async def _trim(stall: Stall) -> None:
    """Messages the follower never saw are gone: it is cut off while the bus goes on."""
    await stall.state.inject(FAULTS["down"])
    async with redis.asyncio.Redis.from_url(stall.backs.state.url) as client:
        await stall.backs.add_product(stall.backs.acorn, "10.00")
        start = (await client.xinfo_stream(BUS_KEY))["entries-added"]

        async def has_gone_on() -> bool:
            return bool((await client.xinfo_stream(BUS_KEY))["entries-added"] >= start + 2)

        await until(has_gone_on, 20, "the bus has gone on")
        await client.xtrim(BUS_KEY, maxlen=1, approximate=False)
    await stall.state.inject(NONE)


async def _kill_clients(stall: Stall) -> None:
    async with redis.asyncio.Redis.from_url(stall.backs.state.url) as client:
        await client.client_kill_filter(_type="normal", skipme=True)


async def _pause_clients(stall: Stall) -> None:
    async with redis.asyncio.Redis.from_url(stall.backs.state.url) as client:
        await client.client_pause(6000)


async def _sleep(stall: Stall) -> None:
    """Returns at once; the server works on nothing else for six seconds."""
    client = redis.asyncio.Redis.from_url(stall.backs.state.url, socket_timeout=0.2)
    with suppress(redis.exceptions.TimeoutError):
        await client.execute_command("DEBUG", "SLEEP", "6")
    with suppress(redis.exceptions.RedisError):
        await client.aclose()


async def _repeat_messages(stall: Stall) -> None:
    """Every message that is on the bus once more, the last first."""
    async with redis.asyncio.Redis.from_url(stall.backs.state.url) as client:
        for _, message in reversed(await client.xrange(BUS_KEY)):
            await client.xadd(BUS_KEY, message)
