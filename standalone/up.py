"""`stoa up`: the platform from nothing to ready to Ctrl-C, told to the person at the terminal."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from standalone.errors import StandaloneError
from standalone.guardian import guarded
from standalone.output import plain, print_json
from standalone.platform import Platform, UpOptions
from standalone.ready_file import Ready, StoreAccess, ready_path
from standalone.settings import StandaloneSettings
from standalone.store_book import StoreBook

if TYPE_CHECKING:
    from standalone.demo.shops import DemoShop


async def run_up(options: UpOptions, console: Console, *, is_json: bool) -> None:
    """Returns when it was asked to stop (SIGINT, SIGTERM, SIGHUP) and all is stopped."""
    os.umask(0o077)  # mail, logs, queues: nobody else's to read
    shown = Console(stderr=True) if is_json else console
    platform = Platform(options, StandaloneSettings.read(), lambda line: _say(shown, line))
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked_to_stop.set)
    platform.folder.make()
    with platform.folder.locked(), guarded(platform.folder.pid_file):
        platform.end_leftovers()
        await platform.check()
        try:
            if await _unless(asked_to_stop, _bring_up(platform, options, shown)):
                show_ready(platform.ready(), options, console, is_json=is_json)
                await asked_to_stop.wait()
            _say(shown, "stopping")
        finally:
            await platform.stop()
        _say(shown, "stopped; your data stays in " + str(options.data_dir))


async def _unless(asked_to_stop: asyncio.Event, starting: Coroutine[Any, Any, None]) -> bool:
    """Whether the start came to its end; a request to stop cancels it."""
    start = asyncio.create_task(starting)
    stop = asyncio.create_task(asked_to_stop.wait())
    await asyncio.wait([start, stop], return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if start.done():
        start.result()
        return True
    start.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await start
    return False


async def _bring_up(platform: Platform, options: UpOptions, console: Console) -> None:
    started_at = time.monotonic()
    with console.status("starting"):
        ready = await platform.start()
    if options.has_demo:
        await _make_demo_shops_once(platform, ready, console)
    platform.publish()
    _say(console, f"ready after {time.monotonic() - started_at:.1f} s")


async def _make_demo_shops_once(platform: Platform, ready: Ready, console: Console) -> None:
    """A start that was interrupted here goes on at the next one."""
    book = StoreBook(platform.folder.path)
    if book.has_demo_shops():
        return
    from standalone.demo.filler import DemoShopError  # noqa: PLC0415 - the first start's only
    from standalone.demo.shops import ensure_demo_shops  # noqa: PLC0415

    _say(console, "making the demo shops (the first time only)")
    known = {store.host.partition(".")[0]: store.admin_token for store in book.stores()}
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def report(shop: str, done: int, total: int) -> None:
            if shop not in bars:
                bars[shop] = progress.add_task(shop)
            progress.update(bars[shop], completed=done, total=total)

        try:
            shops = await ensure_demo_shops(
                ready.origin, ready.platform_token, known, report, lambda shop: book.add([_access(shop)])
            )
        except DemoShopError as error:
            raise StandaloneError(f"The demo shops could not be made: {error}") from error
    book.add([_access(shop) for shop in shops], are_demo_shops=True)


def _access(shop: "DemoShop") -> StoreAccess:
    return StoreAccess(shop.store_id, shop.name, shop.host, shop.admin_token)


def show_ready(ready: Ready, options: UpOptions, console: Console, *, is_json: bool) -> None:
    if is_json:
        path = ready_path(options.data_dir)
        print_json(console, {"ready": str(path.absolute()), "edge": ready.edge, "origin": ready.origin})
        return
    table = Table.grid(padding=(0, 2))
    for store in ready.stores[:12]:
        table.add_row(plain(store.name), plain(f"http://{store.host}:{options.edge_port}"))
    if len(ready.stores) > 12:
        table.add_row("", f"and {len(ready.stores) - 12} more: stoa store list")
    table.add_row("Admin API", f"{ready.origin}/docs")
    if ready.mail_url:
        table.add_row("Mail", ready.mail_url)
    table.add_row("Addresses, tokens, pids", plain(str(ready_path(options.data_dir))))
    console.print(table)
    console.print("Ctrl-C stops everything.", style="dim")


def _say(console: Console, line: str) -> None:
    with contextlib.suppress(OSError):  # a full disk or a terminal that is gone does not stop the platform
        console.print(Text.assemble((time.strftime("%H:%M:%S "), "dim"), plain(line)), soft_wrap=True)
