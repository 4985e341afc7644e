"""L1 keeps to its limit as the process's memory sees it, whatever is asked for."""

import json
import subprocess
import sys

from tests.fixtures.flood import BIRCHS_PAGES

LIMIT_BYTES = 64 * 1024 * 1024


def test_a_million_urls_of_acorns_stay_within_the_limit_and_leave_birchs_pages_where_they_are() -> None:
    argv = [sys.executable, "-m", "tests.fixtures.flood", "1000000", str(LIMIT_BYTES)]
    told = json.loads(subprocess.run(argv, capture_output=True, check=True, timeout=300).stdout)
    assert told["birchs_hits"] == BIRCHS_PAGES
    assert told["pages"] > 5_000
    assert 0.9 * LIMIT_BYTES < told["held_bytes"] <= LIMIT_BYTES
    assert 0.9 * told["held_bytes"] < told["process_bytes"] < 1.1 * told["held_bytes"]
    assert told["process_bytes"] < 1.1 * LIMIT_BYTES
