"""What the `stoa` command makes of what it is told, and how it says what went wrong."""

import errno
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from standalone.benchmarks import benchmark_names, run_benchmark
from standalone.cli import _run as run_command
from standalone.command import free_port
from standalone.errors import OriginUnreachableError, StandaloneError
from standalone.import_command import SHOWN_ROWS, patiently, summary_of, token_of
from standalone.origin_client import OriginClient
from standalone.output import Output
from standalone.platform import UpOptions
from standalone.ready_file import Ready, StoreAccess
from standalone.settings import StandaloneSettings
from standalone.smtp_sink import Mailbox
from standalone.store_commands import store_to_close
from standalone.up import show_ready

ACORN = StoreAccess(1, "Acorn", "acorn.stoa.localhost", "token-a")
BIRCH = StoreAccess(365, "Birch", "birch.stoa.localhost", "token-b")
ODD = "Deals [/b] [red]now[/red] :smile: \x1b]0;title\x07"
SHOWN = "Deals [/b] [red]now[/red] :smile: \ufffd]0;title\ufffd"


def a_ready(*stores: StoreAccess) -> Ready:
    return Ready("http://127.0.0.1:1", "http://127.0.0.1:2", *["x"] * 9, stores=list(stores))


def a_console() -> Console:
    return Console(file=io.StringIO(), width=200)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_shops_name_is_shown_as_it_is_and_drives_no_terminal() -> None:
    console = a_console()
    show_ready(a_ready(replace(ACORN, name=ODD), BIRCH), UpOptions(Path("data")), console, is_json=False)
    Output(console).rows({}, ("Name",), [[ODD]])
    Output(console).result({}, ODD)
    shown = text_of(console)
    assert shown.count(SHOWN) == 3
    assert "Birch" in shown
    assert "\x1b" not in shown


def test_json_is_one_plain_object_even_where_a_terminal_would_have_colours() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=20)
    value = {"name": "Ä" * 40, "nested": {"number": 1}}
    Output(console, is_json=True).result(value, "a line for a person")
    assert json.loads(text_of(console)) == value


async def fail_with(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "The disk is full. Free some space"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/data/x"),
            "This machine refused: Permission denied (/data",
        ),
        (StandaloneError("Port 1 is in use."), "Port 1 is in use."),
    ],
)
def test_an_expected_failure_is_a_sentence_also_out_of_tasks_that_ran_together(
    error: Exception, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for raised in (error, ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("x"), error])])):
        with pytest.raises(typer.Exit) as exit_:
            run_command(fail_with(raised))
        assert exit_.value.exit_code == 1
        assert f"stoa: {sentence}" in capsys.readouterr().err


def test_a_failure_nobody_expected_is_not_hidden() -> None:
    with pytest.raises(ExceptionGroup):
        run_command(fail_with(ExceptionGroup("tasks", [ValueError("a defect")])))


def test_a_wrong_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_CACHE_MEMORY_BYTES", "hidden-value")
    with pytest.raises(StandaloneError, match=r"^STOA_CACHE_MEMORY_BYTES: .*integer.*Correct it") as caught:
        StandaloneSettings.read()
    assert "hidden-value" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_shop_to_close_is_found_by_its_names_and_an_unknown_one_by_its_id() -> None:
    ready = a_ready(ACORN, BIRCH)
    assert store_to_close(ready, "acorn") == ACORN
    assert store_to_close(ready, "365") == BIRCH
    assert store_to_close(ready, "77").store_id == 77
    with pytest.raises(StandaloneError, match="No shop here is called 'cedar'"):
        store_to_close(ready, "cedar")


@pytest.mark.parametrize("others", [(BIRCH,), ()])
def test_a_number_that_is_one_shops_id_and_anothers_subdomain_closes_neither(others: tuple[StoreAccess, ...]) -> None:
    numbered = StoreAccess(2, "Days", "365.stoa.localhost", "token-c")
    ready = a_ready(numbered, *others)
    with pytest.raises(StandaloneError, match=r"'365' may mean .*365\.stoa\.localhost.*by its host"):
        store_to_close(ready, "365")
    assert store_to_close(ready, "365.stoa.localhost") == numbered


def test_two_shops_of_one_name_are_told_apart_by_their_hosts() -> None:
    ready = a_ready(ACORN, replace(BIRCH, name="Acorn"))
    with pytest.raises(StandaloneError, match=r"'ACORN' may mean several shops: acorn.*birch"):
        ready.store_called("ACORN")
    assert ready.store_called("birch").store_id == 365


def test_the_token_of_the_environment_is_for_shops_this_machine_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StandaloneError, match=r"No shop here is called 'cedar'.*STOA_ADMIN_TOKEN"):
        token_of(a_ready(ACORN), "cedar")
    monkeypatch.setenv("STOA_ADMIN_TOKEN", "token-of-cedar")
    assert token_of(a_ready(ACORN), "cedar") == "token-of-cedar"
    assert token_of(a_ready(ACORN), "acorn") == "token-a"


async def test_following_an_import_survives_an_origin_that_is_away_for_a_moment() -> None:
    port = free_port()
    looks = 0

    async def read() -> dict[str, Any]:
        nonlocal looks
        looks += 1
        if looks <= 2:
            async with OriginClient(f"http://127.0.0.1:{port}", "") as origin:
                return await origin.read_import(1, "token")
        return {"state": "done"}

    assert await patiently(read) == {"state": "done"}
    assert looks == 3


async def test_an_origin_that_stays_away_ends_the_following_and_says_that_the_import_goes_on() -> None:
    async def read() -> dict[str, Any]:
        raise OriginUnreachableError("The origin does not answer.")

    with pytest.raises(StandaloneError, match=r"does not answer\. The import itself goes on"):
        await patiently(read, patience_seconds=0)


def test_an_imports_summary_shows_the_first_troubles_and_how_many_more_there_are() -> None:
    rows = [{"line": n, "handle": "a", "outcome": "warning", "reason": "odd"} for n in range(2, 32)]
    rows += [{"line": 40, "handle": "", "outcome": "failed", "reason": "no price"}]
    rows += [{"line": 41, "handle": "b", "outcome": "skipped", "reason": "is there already"}]
    counts = {"products_created": 1, "products_updated": 0, "products_skipped": 1, "rows_failed": 1}
    lines = summary_of(counts | {"report": rows})
    assert lines[0] == "1 created, 0 updated, 1 skipped, 1 rows failed"
    assert lines[1] == "  failed, line 40 (no handle): no price"
    assert lines[2] == "  warning, line 2 (a): odd"
    assert len(lines) == 1 + SHOWN_ROWS + 1
    assert lines[-1] == "  and 11 more; `--json` prints the whole report"
    assert not [line for line in lines if "is there already" in line]


def test_a_damaged_message_hides_no_other(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    mailbox.add(["a@acorn.example"], b"Subject: one\r\n\r\nbody")
    (tmp_path / "1.json").write_text('{"to": [')
    (tmp_path / "2.json").write_text("{}")
    (tmp_path / "3.new").write_text('{"to"')
    mailbox.add(["b@birch.example"], b"Subject: two\r\n\r\nbody")
    assert [message["subject"] for message in mailbox.newest_first()] == ["two", "one"]
    assert [message["subject"] for message in Mailbox(tmp_path).newest_first("A@acorn.example")] == ["one"]
    assert not list(tmp_path.glob("*.new"))


async def test_a_benchmark_is_called_with_dashes_or_underscores(tmp_path: Path) -> None:
    assert "import-rate" in benchmark_names()
    for name in ("import-rate", "import_rate"):
        with pytest.raises(StandaloneError, match="No platform is running"):
            await run_benchmark(name, tmp_path, Output(a_console()))
