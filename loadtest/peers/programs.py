"""The programs a comparison needs: where they are, their versions, or a sentence about what is missing."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from standalone.errors import StandaloneError

_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
_VERSION_OPTIONS = {"nginx": "-v", "varnishd": "-V", "wrk": "-v"}
_DEBIAN_PACKAGES = {"nginx": "nginx", "varnishd": "varnish", "wrk": "wrk", "taskset": "util-linux"}
_VERSION = re.compile(r"\d+(\.\d+)+")


def program(name: str) -> str | None:
    """Servers lie where only root's shell looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM_FOLDERS}")


def programs(names: Sequence[str]) -> dict[str, str]:
    """Raises StandaloneError, naming all that is missing and what brings it; nothing is ever installed from here."""
    found = {name: program(name) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        packages = " ".join(dict.fromkeys(_DEBIAN_PACKAGES[name] for name in missing))
        raise StandaloneError(
            f"Not installed here: {', '.join(missing)}. This benchmark measures with and against Debian's own; "
            f"install them first: apt-get install {packages}"
        )
    return {name: path for name, path in found.items() if path is not None}


def versions() -> dict[str, str]:
    """Of those that are installed."""
    found = {}
    for name, option in _VERSION_OPTIONS.items():
        path = program(name)
        if path:
            said = subprocess.run([path, option], capture_output=True, text=True, timeout=10, check=False)
            version = _VERSION.search(said.stderr + said.stdout)
            found[name] = version[0] if version else "unknown"
    return found


def two_cores() -> tuple[int, int]:
    """One for the server, one for who asks it. Raises StandaloneError on a machine with one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise StandaloneError("This benchmark needs two processor cores: one for the server, one for who asks it.")
    return cores[0], cores[1]
