"""`stoa doctor`: looks at every part of a running platform and says, for each, what is wrong and what to do."""

import asyncio
import re
import shutil
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]

from standalone.checks import check_database, check_valkey
from standalone.data_folder import NEEDED_BYTES
from standalone.errors import StandaloneError
from standalone.output import Output
from standalone.programs import answers
from standalone.ready_file import EdgeWorker, Ready, read_ready

ANSWER_SECONDS = 3
METRIC = r"^{}(?:\{{[^}}]*\}})? (\S+)$"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part, and what to do if it is not well."""

    part: str
    is_well: bool
    text: str


async def examine(data_dir: Path) -> list[Finding]:
    """Raises StandaloneError when no platform runs there."""
    ready = read_ready(data_dir)
    logs = data_dir / "logs"
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
        examined = [
            _server("postgres", check_database(ready.database_url), logs),
            _server("state", check_valkey(ready.state_url, "The state server"), logs),
            _server("cache", check_valkey(ready.cache_url, "The cache server"), logs),
            _health("origin", ready.origin, logs),
            _health("relay", ready.relay_ops_url, logs),
            _books(client, ready, logs),
            _storefront(client, ready),
            *(_edge(client, number, worker, logs) for number, worker in enumerate(ready.edge_workers, 1)),
        ]
        outside = {"smtp": ready.mail_url, "payments": ready.stripe_url}
        examined += [_health(part, url, logs) for part, url in outside.items() if url]
        answered = await asyncio.gather(*examined)
    return [_supervisor(data_dir), *_processes(ready, logs), *answered, _disk(data_dir)]


def show_findings(findings: list[Finding], output: Output) -> None:
    is_well = all(finding.is_well for finding in findings)
    value = {"is_well": is_well, "findings": [asdict(finding) for finding in findings]}
    output.rows(value, ("", "", ""), [["ok" if it.is_well else "BAD", it.part, it.text] for it in findings])


def _supervisor(data_dir: Path) -> Finding:
    try:
        pid = int((data_dir / "lock").read_text(encoding="ascii"))
        is_alive = bool(psutil.pid_exists(pid))
    except (OSError, ValueError):
        is_alive = False
    return Finding("stoa up", is_alive, "runs" if is_alive else "has died: start it again with `stoa up`")


def _processes(ready: Ready, logs: Path) -> list[Finding]:
    findings = []
    for group, pids in ready.pids.items():
        dead = [pid for pid in pids if not psutil.pid_exists(pid)]
        alive = f"runs ({', '.join(map(str, pids))})"
        wrong = f"process {dead} is gone and should be back within 10 s; if not, read {logs}/{group}*.log"
        findings.append(Finding(f"{group} process", not dead, wrong if dead else alive))
    return findings


async def _server(part: str, check: Awaitable[None], logs: Path) -> Finding:
    try:
        await check
    except StandaloneError:
        return Finding(part, False, f"does not answer: read {logs / part}.log")
    return Finding(part, True, "answers")


async def _health(part: str, url: str, logs: Path) -> Finding:
    if await answers(f"{url}/health")():
        return Finding(part, True, f"answers at {url}")
    return Finding(part, False, f"does not answer at {url}: read {logs / part}.log")


async def _storefront(client: httpx.AsyncClient, ready: Ready) -> Finding:
    """A real page through the shared port; any shop will do."""
    if not ready.stores:
        return Finding("storefront", True, "no shop to look at yet: stoa store create NAME")
    host = ready.stores[0].host
    try:
        status = (await client.get(ready.edge, headers={"Host": host})).status_code
    except httpx.HTTPError:
        return Finding("storefront", False, f"{host} does not answer: read the edge logs")
    is_well = status == 200
    return Finding("storefront", is_well, f"{host} answers {status}" + ("" if is_well else ": read the origin's log"))


async def _edge(client: httpx.AsyncClient, number: int, worker: EdgeWorker, logs: Path) -> Finding:
    part = f"edge-{number}"
    try:
        (await client.get(f"{worker.ops_url}/health")).raise_for_status()
        metrics = (await client.get(f"{worker.ops_url}/metrics")).text
    except httpx.HTTPError:
        return Finding(part, False, f"is not well at {worker.ops_url}: read {logs / part}.log")
    age_seconds = _metric(metrics, "stoa_edge_lease_age_seconds")
    if _metric(metrics, "stoa_edge_has_lease") != 1:
        return Finding(part, False, "has no lease, so it asks the origin about every page: look at state and relay")
    return Finding(part, True, f"answers; what it knows of the bus is {age_seconds or 0:.2f} s old")


async def _books(client: httpx.AsyncClient, ready: Ready, logs: Path) -> Finding:
    """What the origin saw when it last looked at its shops' stock, orders and payments."""
    log = logs / "origin.log"
    try:
        metrics = (await client.get(f"{ready.origin_ops_url}/metrics")).text
    except httpx.HTTPError:
        return Finding("books", False, f"cannot be asked about at {ready.origin_ops_url}: read {log}")
    broken = int(_metric(metrics, "stoa_origin_books_broken") or 0)
    if broken:
        return Finding("books", False, f"do not hold in {broken} places: {log} says where (“the books do not hold”)")
    return Finding("books", True, "of stock, orders and payments hold")


def _metric(metrics: str, name: str) -> float | None:
    found = re.search(METRIC.format(name), metrics, re.MULTILINE)
    return float(found.group(1)) if found else None


def _disk(data_dir: Path) -> Finding:
    free_bytes = shutil.disk_usage(data_dir).free
    is_well = free_bytes >= NEEDED_BYTES
    return Finding("disk", is_well, f"{free_bytes // 1024**2} MB free" + ("" if is_well else ": free some space"))
