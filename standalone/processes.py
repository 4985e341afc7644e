"""Keeps a set of programs running: starts them, waits until they are ready, starts the dead again, stops them all.

If we die of kill -9, the kernel tells the children to end (standalone/child.py) and the guardian ends who does not
(standalone/guardian.py); what even that misses is found at the next start (standalone/leftovers.py).
"""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from standalone.command import Command, spawn
from standalone.errors import ServerNotReadyError, StandaloneError
from standalone.leftovers import end_session
from standalone.logs import open_log, tail_of

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
LONG_ENOUGH_SECONDS = 30.0
"""A program that stayed up this long has recovered: its next death counts as the first."""

POLL_SECONDS = 0.1

Say = Callable[[str], None]


async def _ready_at_once() -> bool:
    return True


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `prepare` is called before every start; `group` is the name its pid is published under."""

    command: Command
    group: str
    is_ready: Callable[[], Awaitable[bool]] = _ready_at_once
    prepare: Callable[[], None] = _nothing
    ready_seconds: float = 60.0

    @property
    def name(self) -> str:
        return self.command.name


@dataclass(slots=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes]
    started_at: float
    pause_seconds: float = 0.0
    watcher: asyncio.Task[None] | None = field(default=None)


def next_pause_seconds(previous_seconds: float, up_seconds: float) -> float:
    """How long to wait before a start, given the last such wait and how long the program was up since."""
    if previous_seconds == 0 or up_seconds >= LONG_ENOUGH_SECONDS:
        return FIRST_PAUSE_SECONDS
    return min(previous_seconds * 2, LONGEST_PAUSE_SECONDS)


class Supervisor:
    """Owns every process it started. `changed` is called whenever a pid is a new one."""

    def __init__(
        self,
        log_folder: Path,
        say: Say,
        changed: Callable[[], None],
        *,
        stop_seconds: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stop_seconds = stop_seconds
        self._log_folder = log_folder
        self._say = say
        self._changed = changed
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._stages: list[list[str]] = []

    def pids(self) -> dict[str, list[int]]:
        """By group, in the order of the start."""
        found: dict[str, list[int]] = {}
        for running in self._running.values():
            found.setdefault(running.program.group, []).append(running.process.pid)
        return found

    async def start(self, programs: Iterable[Program]) -> None:
        """Start them side by side, as one stage; return when all are ready. Raises ServerNotReadyError, saying why."""
        programs = list(programs)
        self._stages.append([program.name for program in programs])
        try:
            async with asyncio.TaskGroup() as group:
                for program in programs:
                    group.create_task(self._start(program))
        except ExceptionGroup as errors:  # not except*: before Python 3.11.4 what that raises stays wrapped in a group
            ours, others = errors.split(StandaloneError)
            raise others or (ours or errors).exceptions[0] from None

    async def stop(self) -> None:
        """The last stage first. Nothing of ours is left when this returns."""
        for running in self._running.values():
            if running.watcher:
                running.watcher.cancel()
        while self._stages:
            stage = [self._running.pop(name) for name in self._stages.pop() if name in self._running]
            await asyncio.gather(*(self._end(running) for running in stage))
        self._changed()

    async def _start(self, program: Program) -> None:
        running = _Running(program, self._spawn(program), self._clock())
        self._running[program.name] = running
        self._changed()
        await self._wait_until_ready(running)
        running.watcher = asyncio.create_task(self._keep_running(running), name=f"keep {program.name} running")

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        program.prepare()
        with open_log(self._log_folder, program.name) as log:
            return spawn(program.command, log)

    async def _wait_until_ready(self, running: _Running) -> None:
        program = running.program
        deadline = self._clock() + program.ready_seconds
        while not await program.is_ready():
            if running.process.poll() is not None:
                raise self._not_ready(program, f"ended at once ({_how_it_ended(running.process)})")
            if self._clock() > deadline:
                raise self._not_ready(program, f"was not ready within {program.ready_seconds:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    def _not_ready(self, program: Program, what: str) -> ServerNotReadyError:
        path, lines = tail_of(self._log_folder, program.name)
        return ServerNotReadyError(f"{program.name} {what}. The end of its log, {path}:\n{lines}")

    async def _keep_running(self, running: _Running) -> None:
        """For ever: nothing that goes wrong here (a full disk, no more processes) may leave a program dead."""
        while True:
            await _ended(running.process)
            up_seconds = self._clock() - running.started_at
            end_session(running.process.pid)  # what it started itself, like the work-horse of a killed rq worker
            problem = f"ended after {up_seconds:.0f} s ({_how_it_ended(running.process)})"
            while problem:
                running.pause_seconds = next_pause_seconds(running.pause_seconds, up_seconds)
                self._say(f"{running.program.name} {problem}; starting it again in {running.pause_seconds:g} s")
                await asyncio.sleep(running.pause_seconds)
                up_seconds = 0
                problem = self._start_again(running)
            await self._tell_of_new_pid(running)
            with contextlib.suppress(OSError, StandaloneError):  # if it ended, the next round sees to it
                await self._wait_until_ready(running)
                self._say(f"{running.program.name} is back after {self._clock() - running.started_at:.1f} s")

    def _start_again(self, running: _Running) -> str:
        """Empty, or why it could not be started."""
        try:
            running.process = self._spawn(running.program)
        except (OSError, StandaloneError) as error:
            return f"could not be started ({error})"
        running.started_at = self._clock()
        return ""

    async def _tell_of_new_pid(self, running: _Running) -> None:
        """Until it is written down, or the program has ended and has no pid to tell of."""
        pause_seconds = 0.0
        while running.process.poll() is None:
            try:
                self._changed()
            except (OSError, StandaloneError) as error:
                pause_seconds = next_pause_seconds(pause_seconds, 0)
                self._say(f"{running.program.name} has a new pid that could not be written down ({error})")
            else:
                return
            await asyncio.sleep(pause_seconds)

    async def _end(self, running: _Running) -> None:
        process = running.process
        process.send_signal(running.program.command.stop_signal)
        try:
            await asyncio.wait_for(_ended(process), self._stop_seconds)
        except TimeoutError:
            self._say(f"{running.program.name} did not stop within {self._stop_seconds:g} s; ending it")
            process.kill()
            process.wait()
        end_session(process.pid)


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Asks again and again: a child's end is no event that every platform's loop can wait for without a thread."""
    while process.poll() is None:  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
