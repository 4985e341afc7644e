"""A merchant's product CSV by the command line, and then every page of it at every edge."""

import csv
from pathlib import Path

import pytest

LUMA = Path(__file__).parents[3] / "shared" / "data" / "products" / "luma_apparel.csv"

PLAIN = """Handle,Title,Option1 Name,Option1 Value,Variant Price,Variant Inventory Tracker,Variant Inventory Qty
red-bowl,Red Bowl,Size,Small,5.00,shopify,3
red-bowl,,,Large,7.50,shopify,0
blue-cup,Blue Cup,Title,Default Title,x,shopify,1
tea-pot,Tea Pot,Title,Default Title,20.00,shopify,2
"""


def test_what_can_be_imported_is_sold_and_what_cannot_is_named(platform, acorn_and_birch, tmp_path):
    acorn, birch = acorn_and_birch
    file = tmp_path / "products.csv"
    file.write_text(PLAIN)
    done = platform.stoa("import", str(file), "--store", acorn.host)
    assert "2 created" in done.stdout
    assert "blue-cup" in done.stdout + done.stderr
    for path, status in (("/products/red-bowl", 200), ("/products/tea-pot", 200), ("/products/blue-cup", 404)):
        assert {page.status_code for page in acorn.everywhere(path)} == {status}
        assert {page.status_code for page in birch.everywhere(path)} == {404}
    again = platform.stoa("import", str(file), "--store", acorn.host)
    assert "0 created, 0 updated, 2 skipped" in again.stdout


@pytest.mark.skipif(not LUMA.is_file(), reason=f"{LUMA} is not there: this catalog was NOT tried")
def test_every_page_of_a_real_catalog_answers_from_the_edge(platform, acorn_and_birch):
    acorn, birch = acorn_and_birch
    done = platform.stoa("import", str(LUMA), "--store", acorn.host)
    assert "147 created, 0 updated, 0 skipped, 0 rows failed" in done.stdout
    with LUMA.open(newline="", encoding="utf-8") as file:
        handles = {row["Handle"] for row in csv.DictReader(file)}
    assert len(handles) == 147
    assert {handle: acorn.get(f"/products/{handle}").status_code for handle in handles} == dict.fromkeys(handles, 200)
    assert birch.get(f"/products/{min(handles)}").status_code == 404
