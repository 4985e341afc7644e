"""Requests made up from the OpenAPI description, against a real server: whatever is sent, no answer is a 5xx."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.integration.test_admin_client_library import port

__all__ = ["port"]
OURS = "^/admin/"


async def test_no_made_up_request_is_answered_by_a_server_error(port, acorn, tmp_path):
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run", f"http://127.0.0.1:{port}/openapi.json"),
        *("--include-path-regex", OURS, "--checks", "not_a_server_error", "--phases", "fuzzing"),
        *("--header", f"X-Stoa-Access-Token: {acorn.token}", "--max-examples", "2", "--generation-database", "none"),
        *("--no-color", "--seed", "1", "--max-time", "15", "--suppress-health-check", "all"),
    ]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


async def test_the_api_is_described_in_full(origin):
    """Asked without a socket, whose client would give up after some seconds: here the description is made when it is
    first asked for, out of a second of the processor's time, and how long that is beside others is not looked at."""
    described = (await origin.get("/openapi.json")).json()
    assert (await origin.get("/docs")).status_code == 200
    products = described["paths"]["/admin/api/{version}/products.json"]
    assert {"limit", "page_info", "fields", "vendor", "created_at_min"} <= {
        parameter["name"] for parameter in products["get"]["parameters"]
    }
    assert "ProductInput" in described["components"]["schemas"]
    operations = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations))


async def test_the_description_is_made_before_the_first_request_can_come(origin_settings):
    """What the program gives to its server has it already: to make it would hold up the requests of all shops."""
    look = "import uvicorn, origin.__main__; uvicorn.run = lambda app, **_: print('has', bool(app.openapi_schema)); "
    given = {
        f"STOA_{name.upper()}": str(value) for name, value in origin_settings.model_dump(exclude_unset=True).items()
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", look + "origin.__main__.main()"],
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "has True\n", done.stderr[-2000:]
