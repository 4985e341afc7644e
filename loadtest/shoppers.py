"""Who asks, in benchmarks of the edge: pages, 1,000 browsers and ways to a page, as wrk draws requests from them.

A request has the eleven headers a browser sends for a page, in Firefox's order. A browser is a user agent and the
language its owner set; a visit is where the link was (the shop's own home, a collection of it, or a search engine).
"""

import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path

from loadtest.pages import ChosenPage

BROWSERS = 1000
_LANGUAGES = ("en-US,en;q=0.5", "en-GB,en;q=0.7", "de,en-US;q=0.7,en;q=0.3", "fr-FR,fr;q=0.8,en;q=0.5", "ja,en;q=0.5")
_DESKTOPS = (
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "X11; Linux x86_64",
    "X11; CrOS x86_64 14541.0.0",
)
_PHONES = ("K", "Pixel 8", "SM-S918B", "SM-A546B", "22101316G", "moto g84 5G")
_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
_SEARCH_ENGINE = "https://search.example/"


def user_agents(count: int = BROWSERS) -> list[str]:
    """Different ones, in the same mixed order every time."""
    chromium = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0"
    desktops = (
        f"Mozilla/5.0 ({system}) {chromium.format(version)} Safari/537.36"
        for system, version in itertools.product(_DESKTOPS, range(80, 150))
    )
    phones = (
        f"Mozilla/5.0 (Linux; Android {android}; {phone}) {chromium.format(version)} Mobile Safari/537.36"
        for android, phone, version in itertools.product(range(12, 16), _PHONES, range(120, 150))
    )
    iphones = (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS {major}_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        f"Version/{major}.{minor} Mobile/15E{build} Safari/604.1"
        for major, minor, build in itertools.product(range(14, 19), range(7), range(148, 158))
    )
    foxes = (
        f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
        for system, version in itertools.product(_DESKTOPS[:3], range(80, 145))
    )
    found = [*desktops, *phones, *iphones, *foxes]
    random.Random(1).shuffle(found)  # noqa: S311 - the same browsers every time
    return found[:count]


def browser_lines(count: int = BROWSERS) -> list[str]:
    """What one browser says with each request; gzip alone, so that all servers answer with the same bytes."""
    return [
        f"User-Agent: {agent}\r\nAccept: {_ACCEPT}\r\nAccept-Language: {_LANGUAGES[number % len(_LANGUAGES)]}\r\n"
        "Accept-Encoding: gzip\r\n"
        for number, agent in enumerate(user_agents(count))
    ]


def visits(page: ChosenPage) -> list[dict[str, str]]:
    """The headers before and after the cookie's own value; half of all visits come from the shop's home."""
    home = f"http://{page.host}/"
    return [_visit(referer) for referer in (home, home, f"{home}collections/all", _SEARCH_ENGINE)]


def _visit(referer: str) -> dict[str, str]:
    site = "cross-site" if referer == _SEARCH_ENGINE else "same-origin"
    return {
        "before": f"Referer: {referer}\r\nCookie: consent=all; visitor=",
        "after": "\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
        f"Sec-Fetch-Site: {site}\r\n\r\n",
    }


def write_for_wrk(path: Path, pages: Sequence[ChosenPage]) -> None:
    """As a Lua table. JSON's way of writing plain ASCII strings is Lua's too."""
    lines = ["return {", "pages = {"]
    for page in pages:
        pairs = ", ".join(
            f"{{before={json.dumps(it['before'])}, after={json.dumps(it['after'])}}}" for it in visits(page)
        )
        line = json.dumps(f"GET {page.target} HTTP/1.1\r\nHost: {page.host}\r\n")
        lines.append(f"{{line={line}, visits={{{pairs}}}}},")
    lines += ["},", "browsers = {", *(json.dumps(line) + "," for line in browser_lines()), "}}"]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
