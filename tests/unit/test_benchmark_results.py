"""What `stoa bench` makes of a result: options in, tables and a kept page out."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtest import results
from loadtest.generator import Measured
from loadtest.pages import ChosenPage
from loadtest.plot import svg
from loadtest.rounds import is_undisturbed, median_difference, median_ratio
from loadtest.shoppers import browser_lines, user_agents, visits
from loadtest.tables import Table, tables_of
from standalone.benchmarks import chosen_options, command_of
from standalone.errors import StandaloneError

RESULT = {
    "ratio": 1.25,
    "is_undisturbed": False,
    "hits": {"requests": 10},
    "servers": {"stoa": {"cpu_us": 15.5}, "nginx": {"cpu_us": 18.0, "errors": 0}},
    "plot": {
        "title": "Hits & <more>",
        "x": "round",
        "y": "requests/s",
        "lines": {"stoa": [3.0, 4.0], "nginx": [2.0, 2.5]},
    },
}


async def run(_data_dir: Path, _console: Console, rounds: int = 7, seconds: float = 4.0) -> dict[str, Any]:
    return {"rounds": rounds, "seconds": seconds}


def measured(requests_per_s: float, cpu_us: float = 20.0, *, server_share: float = 1.0) -> Measured:
    return Measured(100, requests_per_s, 1.0, 2.0, cpu_us, server_share, 0.5, 5000.0, 0)


def test_options_are_read_as_what_their_defaults_are() -> None:
    assert chosen_options(run, ["rounds=3", "seconds=0.5"]) == {"rounds": 3, "seconds": 0.5}
    assert chosen_options(run, []) == {}


@pytest.mark.parametrize("setting", ["rounds=many", "turns=3", "rounds"])
def test_an_option_that_cannot_be_meant_is_a_sentence(setting: str) -> None:
    with pytest.raises(StandaloneError, match=f"--set {setting}: .*7"):
        chosen_options(run, [setting])


def test_the_kept_command_names_no_place_on_this_machine() -> None:
    assert command_of("edge", ["rounds=3"]) == "stoa bench edge --set rounds=3 --keep"


def test_a_result_is_one_table_of_figures_and_one_of_each_group_of_rows() -> None:
    assert tables_of(RESULT) == [
        Table(("figure", "value"), [("ratio", 1.25), ("is_undisturbed", False), ("hits: requests", 10)]),
        Table(["servers", "cpu_us", "errors"], [["stoa", 15.5, ""], ["nginx", 18.0, 0]]),
    ]


def test_a_kept_result_says_how_it_came_about_and_has_its_picture_on_the_page(tmp_path: Path) -> None:
    path = results.keep("edge", RESULT, "stoa bench edge --keep", tmp_path)
    record = json.loads(path.read_text())
    assert record["result"] == RESULT
    assert {"date", "command", "commit", "is_dirty", "machine"} <= set(record)
    assert {"cpu", "cores", "memory_gb", "kernel", "python", "programs", "packages"} == set(record["machine"])
    page = (tmp_path / "README.md").read_text()
    assert "| ratio | 1.25 |" in page
    assert "| nginx | 18.0 | 0 |" in page
    assert "](edge.svg)" in page
    assert ET.parse(tmp_path / "edge.svg").getroot().tag.endswith("svg")


def test_the_page_of_kept_results_is_what_its_files_say() -> None:
    for name, text in results.page_and_pictures().items():
        assert (results.FOLDER / name).read_text() == text, "run `python -m loadtest.results`"


def test_a_picture_shows_every_line_and_labels_do_not_lie_on_one_another() -> None:
    root = ET.fromstring(svg({**RESULT["plot"], "lines": {"a": [1.0, 2.0], "b": [1.0, 2.0]}}))  # type: ignore[dict-item]
    places = [float(it.attrib["y"]) for it in root.iter("{http://www.w3.org/2000/svg}text") if it.text in {"a", "b"}]
    assert len(places) == 2
    assert abs(places[0] - places[1]) >= 12


def test_ratios_are_taken_round_by_round() -> None:
    ours, theirs = [measured(300), measured(100), measured(150)], [measured(200), measured(200), measured(100)]
    assert median_ratio(ours, theirs, lambda it: it.requests_per_s) == 1.5
    assert median_difference(ours, theirs, lambda it: it.requests_per_s) == 50


def test_a_core_that_others_used_too_is_noticed() -> None:
    assert is_undisturbed({"stoa": [measured(1), measured(1, server_share=0.95)]})
    assert not is_undisturbed({"stoa": [measured(1), measured(1, server_share=0.6)]})


def test_shoppers_are_a_thousand_browsers_with_a_browsers_eleven_headers() -> None:
    assert len(set(user_agents())) == len(set(browser_lines())) == 1000
    for visit in visits(ChosenPage("acorn.example", "/")):
        request = f"GET / HTTP/1.1\r\nHost: acorn.example\r\n{browser_lines()[0]}{visit['before']}1{visit['after']}"
        head, _, body = request.partition("\r\n\r\n")
        assert body == ""
        assert len(head.splitlines()) == 1 + 11
