"""The edge's log is JSON whatever is said, and an outage does not fill the disk."""

import json
import subprocess
import sys

import pytest
import structlog

from edge_renderer.logs import LineBudget
from tests.fixtures.bus import HandClock
from tests.house.sources import ROOT

SAYING = """
import logging
import structlog
from edge_renderer.logs import log_as_json

log_as_json()
logging.getLogger("some.library").warning('a "quoted" %s\\nand a second line', "word")
structlog.get_logger("edge").warning("unavailable", reason='the "origin"', request_id="1-2")
structlog.contextvars.bind_contextvars(request_id="1-3")
structlog.get_logger("edge").warning("a page could not be made")
for _ in range(1000):
    structlog.get_logger("edge").warning("unavailable")
"""


def written(budget: LineBudget, event: str, times: int) -> list[dict[str, object]]:
    lines = []
    for _ in range(times):
        try:
            lines.append(dict(budget(None, "warning", {"event": event})))
        except structlog.DropEvent:
            continue
    return lines


def test_every_line_is_a_json_object_and_a_storm_is_a_few_lines() -> None:
    ran = subprocess.run([sys.executable, "-c", SAYING], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert lines[0]["event"] == 'a "quoted" word\nand a second line'
    assert {line["level"] for line in lines} == {"warning"}
    assert [line.get("request_id") for line in lines[:3]] == [None, "1-2", "1-3"]
    assert len(lines) < 20


def test_of_each_event_a_few_lines_a_second_are_written_and_the_rest_is_told() -> None:
    clock = HandClock()
    budget = LineBudget(2, clock)
    assert written(budget, "unavailable", 500) == [{"event": "unavailable"}] * 2
    assert len(written(budget, "slow", 500)) == 2
    clock.now += 1
    assert written(budget, "unavailable", 500) == [{"event": "unavailable", "left_out": 498}, {"event": "unavailable"}]


@pytest.mark.parametrize("seconds", [1, 1000])
def test_a_quiet_time_does_not_save_lines_up(seconds: int) -> None:
    clock = HandClock()
    budget = LineBudget(3, clock)
    clock.now += seconds
    assert len(written(budget, "slow", 100)) == 3
