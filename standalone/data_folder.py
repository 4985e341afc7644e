"""The data directory: what lies where in it, the ports it remembers, and the lock that keeps a second `stoa up` out."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from standalone.command import free_port, port_is_free
from standalone.errors import StandaloneError
from standalone.secrets_file import SecretsFile, write_private_json

NEEDED_BYTES = 1024**3


class DataFolder:
    """Everything one platform keeps on this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def mail(self) -> Path:
        return self.path / "mail"

    @property
    def payments(self) -> Path:
        return self.path / "payments"

    @property
    def pid_file(self) -> Path:
        return self.path / "pids.json"

    def secrets(self) -> SecretsFile:
        return SecretsFile(self.path / "secrets.json")

    def make(self) -> None:
        """Raises StandaloneError if it cannot be written to or there is too little room."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".probe"
            probe.touch()
            probe.unlink()
            free_bytes = shutil.disk_usage(self.path).free
        except OSError as error:
            raise StandaloneError(
                f"The data directory {self.path} cannot be written to ({error.strerror}). "
                "Free some space or fix its permissions, or choose another with --data-dir."
            ) from error
        if free_bytes < NEEDED_BYTES:
            raise StandaloneError(
                f"Only {free_bytes // 1024**2} MB are free where {self.path} lies, and the databases need room: at "
                f"least {NEEDED_BYTES // 1024**2} MB. Free some space, or choose another place with --data-dir."
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One platform a folder: two PostgreSQLs on the same files would destroy them."""
        with (self.path / "lock").open("a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise StandaloneError(
                    f"Stoa is already running with the data directory {self.path} (process {file.read().strip()}). "
                    "Stop it first, or choose another with --data-dir."
                ) from error
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
            yield

    def ports(self, names: list[str]) -> dict[str, int]:
        """A free loopback port for each name: the last run's where it can be, so that addresses stay the same."""
        path = self.path / "ports.json"
        known: dict[str, int] = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(path.read_text(encoding="utf-8"))
        taken: set[int] = set()
        for name in names:
            port = known.get(name, 0)
            while port == 0 or port in taken or not port_is_free(port):
                port = free_port()
            known[name] = port
            taken.add(port)
        write_private_json(path, known)
        return {name: known[name] for name in names}
