"""Processes an earlier run may have left behind: who they are, and how they are ended."""

from pathlib import Path

import psutil  # type: ignore[import-untyped]


def is_running_in(pid: int, folder: Path) -> bool:
    """Whether `pid` lives and works in `folder`: a pid alone may be somebody else's by now."""
    try:
        return Path(psutil.Process(pid).cwd()).resolve() == folder.resolve()
    except (psutil.Error, OSError):
        return False
