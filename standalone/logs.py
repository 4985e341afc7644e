"""One log file for each child, bounded: what grew past the limit is kept once, as NAME.log.1, and begun anew."""

from pathlib import Path
from typing import IO

LOG_BYTES = 10 * 1024 * 1024
TAIL_BYTES = 2_000


def open_log(folder: Path, name: str) -> IO[bytes]:
    """For appending. The limit is looked at when a program starts; nothing rotates under its feet."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def tail_of(folder: Path, name: str) -> tuple[Path, str]:
    """The log's path and its last lines, for a person who wonders what went wrong."""
    path = folder / f"{name}.log"
    if not path.exists():
        return path, "(empty)"
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        text = file.read().decode("utf-8", "replace").strip()
    return path, text or "(empty)"
