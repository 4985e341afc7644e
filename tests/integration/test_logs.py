"""What the programs write into their logs: why something failed and where, and never what it was working with."""

import json
import os
import subprocess
import sys

import pytest

from tests.house.sources import ROOT

SECRET = "a-secret-that-nobody-may-read-in-a-log"
PROGRAMS = ("edge_renderer", "invalidation", "origin", "origin.jobs")

# Without settings a program ends at once, but its log is set up by then.
FAILING = """
import logging
import structlog
from {program}.__main__ import main

try:
    main()
except SystemExit:
    pass

def fail(headers):
    raise RuntimeError("no such luck")

for tell in (structlog.get_logger().error, logging.getLogger("psycopg.pool").warning):
    try:
        fail({{"stoa-edge-secret": "{part}" + "{rest}"}})
    except RuntimeError:
        tell("unexpected error", exc_info=True)
logging.getLogger("uvicorn.error").info("too much to say")
"""

# The origin's own answer to what nobody foresaw, with the edge's secret among the headers of the request.
FAILING_REQUEST = """
import asyncio
import httpx
from fastapi import FastAPI, Request
from origin.api.errors import install_error_handlers
from origin.logs import log_as_json

log_as_json()
app = FastAPI()
install_error_handlers(app)

@app.get("/")
async def root(request: Request):
    headers = dict(request.headers)
    raise RuntimeError("no such luck")

async def ask():
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://origin") as client:
        return await client.get("/", headers={{"Stoa-Edge-Secret": "{part}" + "{rest}"}})

assert asyncio.run(ask()).status_code == 500
"""


def output_of(program: str, **environment: str) -> str:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("STOA_")}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=bare | environment, capture_output=True, text=True, check=True
    )
    return ran.stdout + ran.stderr


def entries(output: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_failure_is_told_with_its_traceback_and_without_what_it_worked_with(program):
    output = output_of(FAILING.format(program=program, part=SECRET[:9], rest=SECRET[9:]))
    [entry] = [entry for entry in entries(output) if "level" in entry and "logger" not in entry]
    assert (entry["event"], entry["level"]) == ("unexpected error", "error")
    assert "RuntimeError: no such luck" in entry["exception"]
    assert "in fail" in entry["exception"]
    assert "psycopg.pool" in output
    assert "too much to say" not in output
    assert SECRET not in output


def test_the_headers_of_a_request_that_fails_are_not_in_the_origins_log():
    output = output_of(FAILING_REQUEST.format(part=SECRET[:9], rest=SECRET[9:]))
    [entry] = entries(output)
    assert entry["path"] == "/"
    assert "RuntimeError: no such luck" in entry["exception"]
    assert SECRET not in output


@pytest.mark.parametrize("program", ["invalidation", "origin", "origin.jobs"])
def test_a_program_that_cannot_start_names_the_setting_and_not_its_value(program):
    ran = subprocess.run(
        [sys.executable, "-m", program],
        cwd=ROOT,
        env=os.environ | {"STOA_SIGNING_KEY": "short", "STOA_RELAY_OPS_PORT": "no-port-at-all"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "cannot start. STOA_" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "short" not in ran.stderr.replace("too short", "")
    assert "no-port-at-all" not in ran.stderr
