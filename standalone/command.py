"""How one program is started, and what it needs for that: plain data for a supervisor or a test."""

import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_CHILD = Path(__file__).with_name("child.py")
_LOWEST_PORT, _PORTS = 10_000, 22_000  # Linux hands out ports from 32768 by itself, others from 49152
_ports = (_LOWEST_PORT + number % _PORTS for number in itertools.count(secrets.randbelow(_PORTS)))


@dataclass(frozen=True, slots=True)
class Command:
    """`environment` is added to ours. `stop_signal` asks for an orderly end; it is sent if we die, too."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM

    def wrapped_argv(self) -> list[str]:
        wrapper = [sys.executable, "-I", "-S", str(_CHILD), f"--parent={os.getpid()}"]
        options = (f"--signal={int(self.stop_signal)}", f"--user={self.user}")
        return [*wrapper, *options, "--", *self.argv]


def spawn(command: Command, log: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start it in a session of its own: Ctrl-C reaches only us, and we stop the others in order."""
    return subprocess.Popen(
        command.wrapped_argv(),
        env=clean_environment() | dict(command.environment),
        cwd=command.folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def clean_environment() -> dict[str, str]:
    """Ours without what opens a server or an account. A program gets its credentials from its Command or not at all:
    an edge renders strangers' themes and must not find the database's password in its environment."""
    return {name: value for name, value in os.environ.items() if not _is_credential(name)}


def _is_credential(name: str) -> bool:
    return name.startswith("STOA_") and name.endswith(("_URL", "_KEY", "_SECRET", "_TOKEN", "_PASSWORD"))


def free_port(host: str = "127.0.0.1") -> int:
    """A loopback port nobody listens on now, and none that this process was given before.

    Someone could take it before it is used. So it is none of those the system hands out by itself, to connections and
    to whoever binds port 0, and programs that start at the same moment begin to look in different places.
    """
    return next(port for port in _ports if port_is_free(port, host))


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
