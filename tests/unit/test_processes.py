"""The supervisor against real processes: start, restart, stop, and what it leaves behind (nothing)."""

import asyncio
import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from standalone.command import Command, spawn
from standalone.errors import ServerNotReadyError, StandaloneError
from standalone.leftovers import PidFile
from standalone.logs import LOG_BYTES, open_log
from standalone.processes import LONG_ENOUGH_SECONDS, Program, Supervisor, next_pause_seconds
from standalone.secrets_file import SecretsFile

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER
# In one write: print makes two where output is not buffered, and those of two processes mix.
WITH_HORSE = "import os, time\nif os.fork() == 0:\n os.setpgrp()\nos.write(1, b'%d\\n' % os.getpid())\ntime.sleep(600)"


def program(name: str, code: str, log_folder: Path, lines: int = 1) -> Program:
    """Ready once it has printed `lines` lines since its last start."""
    seen = 0

    async def is_ready() -> bool:
        return count_lines(log_folder, name) >= seen + lines

    def prepare() -> None:
        nonlocal seen
        seen = count_lines(log_folder, name)

    command = Command(name, (sys.executable, "-c", code))
    return Program(command, group="sleepers", is_ready=is_ready, prepare=prepare, ready_seconds=20)


def count_lines(log_folder: Path, name: str) -> int:
    path = log_folder / f"{name}.log"
    return path.read_bytes().count(b"\n") if path.exists() else 0


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_true():  # noqa: ASYNC110 - a process' state is no event
            await asyncio.sleep(0.02)


class Watched:
    """A supervisor and what it said."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[str] = []
        self.folder = folder
        self.supervisor = Supervisor(folder, self.lines.append, lambda: None, stop_seconds=0.5)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path / "logs")
    yield watched
    await watched.supervisor.stop()


def test_the_pause_doubles_to_ten_seconds_and_starts_over_after_a_long_life() -> None:
    pauses = [0.0]
    for _ in range(8):
        pauses.append(next_pause_seconds(pauses[-1], up_seconds=1))
    assert pauses[1:] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert next_pause_seconds(10.0, up_seconds=LONG_ENOUGH_SECONDS) == 0.2


async def test_a_dead_child_is_started_again_and_a_line_says_so(watched: Watched) -> None:
    await watched.supervisor.start([program("one", SLEEPER, watched.folder)])
    (first,) = watched.supervisor.pids()["sleepers"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: any("one is back" in line for line in watched.lines))
    (second,) = watched.supervisor.pids()["sleepers"]
    assert second != first
    assert re.search(r"one ended after \d+ s \(signal SIGKILL\); starting it again in 0\.2 s", watched.lines[0])


async def test_a_start_that_fails_is_tried_again_after_a_longer_pause(watched: Watched) -> None:
    refusals = [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), StandaloneError("no room for a cluster")]
    ready = program("one", SLEEPER, watched.folder)
    starts = 0

    def prepare() -> None:
        nonlocal starts
        starts += 1
        if starts > 1 and refusals:
            raise refusals.pop(0)
        ready.prepare()

    await watched.supervisor.start([replace(ready, prepare=prepare)])
    (first,) = watched.supervisor.pids()["sleepers"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: any("one is back" in line for line in watched.lines))
    assert watched.supervisor.pids()["sleepers"] != [first]
    assert "No space left on device" in watched.lines[1]
    assert "starting it again in 0.4 s" in watched.lines[1]
    assert "no room for a cluster" in watched.lines[2]
    assert "starting it again in 0.8 s" in watched.lines[2]


async def test_a_new_pid_that_cannot_be_written_down_is_told_again_and_the_program_goes_on(tmp_path: Path) -> None:
    lines: list[str] = []
    told: list[int] = []
    refusals = [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]

    def changed() -> None:
        if told and refusals:
            raise refusals.pop()
        told.extend(supervisor.pids().get("sleepers", []))

    supervisor = Supervisor(tmp_path, lines.append, changed, stop_seconds=0.5)
    try:
        await supervisor.start([program("one", SLEEPER, tmp_path)])
        os.kill(told[0], signal.SIGKILL)
        await until(lambda: any("one is back" in line for line in lines))
        assert [told[-1]] == supervisor.pids()["sleepers"]
        assert len(told) == 2
        assert "could not be written down ([Errno 28] No space left on device)" in lines[1]
    finally:
        await supervisor.stop()


async def test_stop_ends_everything_even_what_ignores_being_asked(watched: Watched) -> None:
    await watched.supervisor.start([program("one", SLEEPER, watched.folder), program("two", STUBBORN, watched.folder)])
    pids = watched.supervisor.pids()["sleepers"]
    await watched.supervisor.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert watched.supervisor.pids() == {}
    assert any("two did not stop" in line for line in watched.lines)


async def test_a_grandchild_that_left_the_process_group_goes_too(watched: Watched) -> None:
    await watched.supervisor.start([program("worker", WITH_HORSE, watched.folder, lines=2)])
    pids = {int(line) for line in (watched.folder / "worker.log").read_text().split()}
    assert len(pids) == 2
    await watched.supervisor.stop()
    await until(lambda: not any(is_alive(pid) for pid in pids))


async def test_a_program_that_ends_before_it_is_ready_is_an_error_that_shows_its_log(watched: Watched) -> None:
    broken = program("broken", "raise SystemExit('no database here')", watched.folder, lines=5)
    with pytest.raises(ServerNotReadyError, match=r"broken ended at once \(exit code 1\)[\s\S]*no database here"):
        await watched.supervisor.start([broken])


async def test_a_program_that_does_not_exist_is_an_error_that_names_it(watched: Watched) -> None:
    missing = Program(Command("missing", ("/nowhere/at-all",)), "sleepers", is_ready=lambda: asyncio.sleep(0, False))
    with pytest.raises(ServerNotReadyError, match="cannot run /nowhere/at-all"):
        await watched.supervisor.start([missing])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the death signal is Linux's")
async def test_children_end_when_their_supervisor_dies_of_kill_9(tmp_path: Path) -> None:
    marked = f"open({str(tmp_path / 'up')!r}, 'w').close(); " + SLEEPER
    code = (
        "import subprocess, sys, time; from standalone.command import Command, spawn; "
        f"child = spawn(Command('c', (sys.executable, '-c', {marked!r})), subprocess.DEVNULL); "
        "print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", code], stdout=subprocess.PIPE
    )
    assert parent.stdout
    with parent.stdout:
        child = int(parent.stdout.readline())
    await until((tmp_path / "up").exists)  # it is itself by now, no longer the wrapper
    parent.kill()
    parent.wait()
    await until(lambda: not is_alive(child))


async def test_leftovers_of_an_earlier_run_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    left = spawn(Command("left", (sys.executable, "-c", SLEEPER)), subprocess.DEVNULL)
    file = PidFile(tmp_path / "pids.json")
    file.write([left.pid])
    path = tmp_path / "pids.json"
    path.write_text(path.read_text().replace("}", f', "{os.getpid()}": 12345.0}}'))  # our pid, somebody else's birth
    ended = asyncio.create_task(asyncio.to_thread(file.end_leftovers))
    await until(lambda: left.poll() is not None)
    assert await ended == 1
    assert not path.exists()
    assert file.end_leftovers() == 0


async def test_the_guardian_ends_a_stubborn_child_of_a_supervisor_that_died_of_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "pids.json"
    code = (
        "import subprocess, sys, time; from pathlib import Path; from standalone.guardian import guarded\n"
        "from standalone.leftovers import PidFile\n"
        f"path = Path({str(path)!r})\n"
        "with guarded(path):\n"
        f"    child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], stdout=subprocess.PIPE)\n"
        "    child.stdout.readline()\n"
        "    PidFile(path).write([child.pid])\n"
        "    print(child.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", code], stdout=subprocess.PIPE
    )
    assert parent.stdout
    with parent.stdout:
        child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.kill()
    parent.wait()
    await until(lambda: not is_alive(child))


def test_a_log_that_grew_too_long_is_begun_anew_and_kept_once(tmp_path: Path) -> None:
    (tmp_path / "edge.log").write_bytes(b"x" * (LOG_BYTES + 1))
    with open_log(tmp_path, "edge") as log:
        log.write(b"new")
    assert (tmp_path / "edge.log").read_bytes() == b"new"
    assert (tmp_path / "edge.log.1").stat().st_size == LOG_BYTES + 1


def test_secrets_are_made_once_and_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = SecretsFile(path).get("superuser")
    assert SecretsFile(path).get("superuser") == first
    assert SecretsFile(path).get("other") != first
    assert path.stat().st_mode & 0o777 == 0o600


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False
