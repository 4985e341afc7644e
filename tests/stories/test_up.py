"""`stoa up` from an empty folder: everything answers, Ctrl-C leaves no process, the next start has all the data."""

import sys

import httpx
import psutil
import pytest

from tests.fixtures.platform import RunningPlatform, new_folder, platform_in


def status_of(url: str, host: str | None = None) -> int:
    headers = {"Host": host} if host else {}
    return httpx.get(url, headers=headers, timeout=10, trust_env=False).status_code


def shows(platform: RunningPlatform, host: str, name: str) -> bool:
    """Every edge worker shows this shop's own front page."""
    pages = [
        httpx.get(worker.url, headers={"Host": host}, timeout=10, trust_env=False)
        for worker in platform.ready.edge_workers
    ]
    return [page.status_code for page in pages] == [200, 200] and all(name in page.text for page in pages)


def test_a_platform_comes_up_stops_without_a_trace_and_comes_back_with_its_shops() -> None:
    with new_folder() as data_dir:
        with platform_in(data_dir, "--no-demo") as platform:
            everything_answers(platform)
            acorn, birch = platform.create_store("Acorn"), platform.create_store("Birch")
            assert shows(platform, acorn["store"]["host"], "Acorn")
            assert shows(platform, birch["store"]["host"], "Birch")
            family = platform.family()
            assert len(family) >= 10
            assert platform.stop() == 0
            assert not [process for process in family if process.is_running()]
            assert not (data_dir / "ready.json").exists()
        with platform_in(data_dir, "--no-demo") as platform:
            assert {store.admin_token for store in platform.ready.stores} == {
                acorn["admin_token"],
                birch["admin_token"],
            }
            assert shows(platform, acorn["store"]["host"], "Acorn")
            assert shows(platform, birch["store"]["host"], "Birch")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the death signal is Linux's")
def test_kill_9_of_stoa_up_leaves_no_process_and_the_next_start_is_well() -> None:
    with new_folder() as data_dir:
        with platform_in(data_dir, "--no-demo", "--edge-workers=1") as platform:
            acorn = platform.create_store("Acorn")
            family = platform.family()
            platform.process.kill()
            platform.process.wait()
            _, left = psutil.wait_procs(family, timeout=15)
            assert not left
        (data_dir / "ready.json").unlink()
        with platform_in(data_dir, "--no-demo", "--edge-workers=1") as platform:
            assert [store.admin_token for store in platform.ready.stores] == [acorn["admin_token"]]
            assert status_of(platform.ready.edge, acorn["store"]["host"]) == 200


def everything_answers(platform: RunningPlatform) -> None:
    ready = platform.ready
    assert (platform.data_dir / "ready.json").stat().st_mode & 0o777 == 0o600
    assert set(ready.pids) >= {"edge", "origin", "relay", "worker", "postgres", "state", "cache"}
    assert len(ready.pids["edge"]) == len(ready.edge_workers) == 2
    healths = [ready.origin, ready.relay_ops_url, ready.mail_url, ready.stripe_url]
    healths += [worker.ops_url for worker in ready.edge_workers]
    assert {url: status_of(f"{url}/health") for url in healths} == dict.fromkeys(healths, 200)
    assert status_of(ready.edge, "nobody.stoa.localhost") == 404
    doctor = platform.stoa("doctor")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
