"""The arena: one platform and two shops for all attacks."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.attacks.arena import Arena, furnish, port_of, settled
from tests.fixtures.merchant import Merchant
from tests.fixtures.platform import RunningPlatform, empty_platform

_PATIENT = {
    "STOA_EDGE_READ_SECONDS": "20",
    "STOA_EDGE_WAIT_SECONDS": "20",
    "STOA_EDGE_TENANT_FILLS_BURST": "100000",
    "STOA_EDGE_TENANT_PASSES_BURST": "100000",
}
"""Its edges wait for a slow machine, and refuse nothing to one that is quick at making attacks."""


@pytest.fixture(scope="package")
def platform() -> Iterator[RunningPlatform]:
    with empty_platform(**_PATIENT) as running:
        yield running


@pytest.fixture(scope="package")
def arena(platform: RunningPlatform) -> Iterator[Arena]:
    with httpx.Client(timeout=20, trust_env=False, verify=False) as client:
        shops = {}
        for name in ("acorn", "birch"):
            new = platform.create_store(f"{name}-attacked", "--currency=EUR")
            shops[name] = Merchant(platform, client, new["store"]["host"], new["admin_token"])
            furnish(shops[name], name)
        deadline = time.monotonic() + 60
        for _ in settled(shops):
            seen = {
                name: [page.status_code for page in shop.everywhere("/pages/about")] for name, shop in shops.items()
            }
            assert time.monotonic() < deadline, f"the shops are not to be seen: {seen}"
            time.sleep(0.05)
        ports = tuple(port_of(worker.url) for worker in platform.ready.edge_workers)
        made = Arena(platform, shops["acorn"], shops["birch"], ports)
        made.learn()
        yield made
