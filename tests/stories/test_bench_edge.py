"""`stoa bench edge` from end to end: a short run beside the real nginx and Varnish, and nothing left of it."""

import json
from pathlib import Path

import psutil
import pytest

from loadtest.peers.programs import programs
from standalone.errors import StandaloneError
from tests.fixtures.merchant import Merchant
from tests.fixtures.platform import stoa

SHORT = ("--set=rounds=2", "--set=seconds=0.5", "--set=pages=4", "--set=connections=4")
PEERS = {"nginx-static", "nginx-cache", "varnish"}


@pytest.mark.alone  # on a full machine a server may answer nothing in a round as short as these
def test_the_edge_is_measured_beside_its_peers_on_the_same_bytes(
    acorn_and_birch: tuple[Merchant, Merchant], tmp_path: Path
) -> None:
    try:
        programs(("nginx", "varnishd", "wrk", "taskset"))
    except StandaloneError as error:
        pytest.skip(str(error))
    acorn, birch = acorn_and_birch
    for shop in (acorn, birch):
        shop.add_product("Blue Mug", "12.00", 9)
    data_dir = f"--data-dir={acorn.platform.data_dir}"
    done = stoa("bench", "edge", "--json", data_dir, *SHORT, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    wanted = {f"{kind}ratio_{peer.replace('-', '_')}" for peer in PEERS for kind in ("", "cpu_")}
    assert wanted <= set(result)
    assert set(result["servers"]) == {"stoa", *PEERS}
    assert result["errors"] == 0
    assert result["cpu_us_per_hit"] > 0
    assert result["hits"]["from_memory"] >= result["hits"]["requests"] > 0
    assert list(tmp_path.iterdir()) == []
    assert not [it for it in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(it.info["cmdline"] or ())]
