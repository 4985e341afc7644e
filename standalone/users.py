"""The other user root needs: PostgreSQL refuses to run as root, so root runs it as a user made for that."""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from standalone.errors import StandaloneError

_STANDS_IN = "embedded_postgres"


def user_for_postgres() -> str:
    """Empty: as ourselves. Otherwise the name of a user that exists."""
    if os.geteuid() != 0:
        return ""
    try:
        pwd.getpwnam(_STANDS_IN)
    except KeyError:
        _make_user()
    return _STANDS_IN


def let_others_pass(path: Path) -> None:
    """Each folder down to `path` gets the x bit another user needs to pass; nothing becomes readable."""
    for folder in (path.resolve() / "x").parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _make_user() -> None:
    program = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        raise StandaloneError(
            f"PostgreSQL does not run as root, and there is no useradd here to make the user {_STANDS_IN!r}. "
            "Make that user, or start Stoa as a user other than root."
        )
    done = subprocess.run(
        [program, "--system", "--shell", "/bin/sh", _STANDS_IN], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 9):  # 9: somebody else has just made it
        raise StandaloneError(
            f"PostgreSQL does not run as root, and its user {_STANDS_IN!r} could not be made: "
            f"{done.stderr.strip()}. Make that user, or start Stoa as a user other than root."
        )
