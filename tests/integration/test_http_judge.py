"""REDbot, an outside judge of HTTP, on every kind of answer: it asks again with conditions, encodings and ranges."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.fixtures import snapshots
from tests.fixtures.bus import HandRelay, bus_at
from tests.fixtures.edges import BOWL, Worker, listening, raw_answer, worker
from tests.fixtures.scripted_origin import scripted_origin

HOST = "127.0.0.1"
"""The shop's, for the judge asks whatever host it connects to."""
PAGES = ["/", BOWL, "/collections/table", "/collections", "/search?q=bowl", "/pages/about"]
TWINS = [f"{BOWL}.js", f"{BOWL}.json", "/collections.json", "/products.json", "/collections/table/products.json"]
TEXTS = ["/search/suggest.json?q=bowl", "/sitemap.xml", "/robots.txt", "/files/5/x.svg"]
OTHERS = ["/nowhere", "/products/nothing", f"{BOWL}/", "/cart", "/cart.js", "/theme/nothing.css"]
ACCEPTED = {
    # The design's spelling; it says for caches that know no better what the rest says by itself.
    "Cache-Control: public is probably not necessary.",
    "The no-store cache directive overrides other directives.",
    # REDbot asks for a 404 again by its ETag; only what was found can be unchanged.
    "An If-None-Match conditional request returned the full content unchanged.",
}
Verdicts = dict[str, list[list[str]]]


@pytest.fixture
async def edge(state_url: str) -> AsyncIterator[Worker]:
    """It follows a bus, so that it has a lease and answers from memory."""
    async with scripted_origin() as origin, bus_at(state_url) as bus:
        origin.add(replace(snapshots.tenant("acorn"), host=HOST))
        # That the judge's machine is late is not the shop's doing.
        async with worker(origin, state_url=state_url) as made:
            for _ in range(2):
                await made.has_heard((await HandRelay(bus).drain()).position)
            yield made


async def judged(questions: list[tuple[str, str]]) -> Verdicts:
    judge = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fixtures.redbot_judge",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        told, _ = await judge.communicate(json.dumps([(*question, {}) for question in questions]).encode())
    verdicts: Verdicts = json.loads(told)
    return verdicts


async def test_an_outside_judge_has_nothing_bad_to_say(edge: Worker) -> None:
    """Of what the application answers, and then, when it has offered all its hits, of what the hit path does. Were both
    asked at once, what they answer of each page would be a matter of who came first."""
    hits = edge.edge.hit_path.counters
    async with listening(edge) as quick, listening(edge, has_hit_path=False) as slow:
        front = await raw_answer(slow, f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        assets = sorted(set(re.findall(r'"(/theme/[^"]+)"', front.decode())))
        assert len(assets) >= 2
        targets = [*PAGES, *TWINS, *TEXTS, *OTHERS, *assets]
        verdicts = await judged(_questions(slow, targets))
        assert (len(verdicts), hits.hits) == (2 * len(targets), 0)
        verdicts |= await judged(_questions(quick, targets))
    assert len(verdicts) == 4 * len(targets)
    assert hits.found >= 2 * len(PAGES + TWINS)
    assert hits.unchanged >= 2 * len(PAGES + TWINS)
    said = {name: [note for note in notes if note[0] in {"bad", "warning"}] for name, notes in verdicts.items()}
    assert {name: notes for name, notes in said.items() if any(note[2] not in ACCEPTED for note in notes)} == {}


def _questions(port: int, targets: list[str]) -> list[tuple[str, str]]:
    return [(method, f"http://{HOST}:{port}{target}") for target in targets for method in ("GET", "HEAD")]


async def test_the_judge_sees_what_is_wrong() -> None:
    """So that its silence means something."""

    async def careless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nDate: yesterday\r\nETag: bare\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async with await asyncio.start_server(careless, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        verdicts = await judged([("GET", f"http://{HOST}:{port}/")])
    assert "bad" in {level for notes in verdicts.values() for level, _, _ in notes}
