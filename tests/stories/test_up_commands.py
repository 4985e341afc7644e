"""The `stoa` command beside a running platform: shops made and closed, products imported, the doctor's round."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from tests.fixtures.platform import RunningPlatform

ROOT = Path(__file__).parents[2]
CSV = """Handle,Title,Vendor,Variant Price,Variant Inventory Tracker,Variant Inventory Qty
oak-stool,Oak stool,Acorn,49.00,shopify,5
ash-bench,Ash bench,Acorn,129.00,shopify,3
broken,Broken,Acorn,not a price,shopify,3
"""


def page(platform: RunningPlatform, host: str, path: str = "/") -> httpx.Response:
    return httpx.get(platform.ready.edge + path, headers={"Host": host}, timeout=10, trust_env=False)


def until(is_true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_shop_serves_from_its_making_to_its_closing_and_the_other_one_stays(platform: RunningPlatform) -> None:
    acorn = platform.create_store("Acorn Close", "--currency=EUR")
    birch = platform.create_store("Birch Stay")
    hosts = acorn["store"]["host"], birch["store"]["host"]
    assert [page(platform, host).status_code for host in hosts] == [200, 200]
    listed = json.loads(platform.stoa("store", "list", "--json").stdout)["stores"]
    assert set(hosts) <= {store["host"] for store in listed}
    taken = platform.stoa("store", "create", "Acorn Close")
    assert taken.returncode == 1
    assert "taken. Choose another address with --subdomain." in " ".join(taken.stderr.split())
    unsure = platform.stoa("store", "close", "acorn-close")
    assert unsure.returncode == 1
    assert "say that you mean it with --yes" in unsure.stderr
    assert page(platform, hosts[0]).status_code == 200
    assert platform.stoa("store", "close", "acorn-close", "--yes").returncode == 0
    until(lambda: page(platform, hosts[0]).status_code != 200, seconds=5)
    assert page(platform, hosts[1]).status_code == 200
    assert acorn["store"]["id"] not in {store.store_id for store in platform.ready.stores}


def test_a_csv_is_imported_with_a_report_and_a_second_time_changes_nothing(
    platform: RunningPlatform, tmp_path: Path
) -> None:
    acorn, birch = platform.create_store("Acorn Import"), platform.create_store("Birch Import")
    file = tmp_path / "products.csv"
    file.write_text(CSV)
    first = platform.stoa("import", str(file), "--store=acorn-import", "--json")
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)["import"]
    assert (report["state"], report["products_created"], report["rows_failed"]) == ("done", 2, 1)
    assert page(platform, acorn["store"]["host"], "/products/oak-stool").status_code == 200
    assert page(platform, birch["store"]["host"], "/products/oak-stool").status_code == 404
    second = platform.stoa("import", str(file), "--store=acorn-import")
    assert second.returncode == 0, second.stderr
    assert "0 created, 0 updated, 2 skipped, 1 rows failed" in second.stdout
    assert "line 4 (broken)" in second.stdout


def test_the_readmes_csv_is_there_and_imports_whole(platform: RunningPlatform) -> None:
    acorn, birch = platform.create_store("Acorn Readme"), platform.create_store("Birch Readme")
    (name,) = re.findall(r"^stoa import (\S+) ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    first = platform.stoa("import", str(ROOT / name), "--store=acorn-readme", "--json")
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)["import"]
    assert (report["state"], report["products_created"], report["rows_failed"]) == ("done", 4, 0)
    assert "Colour" in page(platform, acorn["store"]["host"], "/products/linen-apron").text
    assert page(platform, birch["store"]["host"], "/products/linen-apron").status_code == 404


def test_a_file_or_a_shop_that_is_not_there_is_a_sentence(platform: RunningPlatform, tmp_path: Path) -> None:
    platform.create_store("Acorn Missing")
    no_file = platform.stoa("import", str(tmp_path / "no.csv"), "--store=acorn-missing")
    assert no_file.returncode == 1
    assert "There is no file" in no_file.stderr
    (tmp_path / "products.csv").write_text(CSV)
    no_shop = platform.stoa("import", str(tmp_path / "products.csv"), "--store=cedar")
    assert no_shop.returncode == 1
    assert "No shop here is called 'cedar'" in no_shop.stderr


def test_the_doctor_sees_a_platform_that_is_well_and_one_part_that_is_not(platform: RunningPlatform) -> None:
    well = platform.stoa("doctor", "--json")
    assert well.returncode == 0, well.stdout
    assert json.loads(well.stdout)["is_well"] is True
    (smtp,) = platform.ready.pids["smtp"]
    os.kill(smtp, signal.SIGSTOP)  # alive, and deaf
    try:
        ill = platform.stoa("doctor", "--json")
    finally:
        os.kill(smtp, signal.SIGCONT)
    assert ill.returncode == 1
    assert [it["part"] for it in json.loads(ill.stdout)["findings"] if not it["is_well"]] == ["smtp"]


def test_a_killed_edge_is_replaced_and_ready_json_tells_its_new_pid(platform: RunningPlatform) -> None:
    old = platform.ready.pids["edge"]
    os.kill(old[0], signal.SIGKILL)
    until(lambda: platform.ready.pids["edge"][0] != old[0], seconds=15)
    assert platform.ready.pids["edge"][1] == old[1]
    url = platform.ready.edge_workers[0].ops_url
    until(lambda: answers(f"{url}/health"), seconds=30)
    assert "edge-1 ended after" in platform.log.read_text()


def test_what_nobody_waits_for_stands_back_once_it_has_started(platform: RunningPlatform) -> None:
    pids = platform.ready.pids
    usual = psutil.Process(pids["origin"][0]).nice()
    behind = [psutil.Process(pid) for pid in (*pids["worker"], *pids["smtp"])]
    assert len(behind) == 3
    until(lambda: all(process.nice() == usual + 10 for process in behind), seconds=15)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
