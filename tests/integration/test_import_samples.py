"""Two real catalogs, read from the folder beside the project where there is one: all of it goes in, once."""

from pathlib import Path

import pytest

from tests.fixtures.product_csv import counts, imported, last_outbox_id, rows, tags_since

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "products"


@pytest.mark.parametrize(
    ("name", "products", "variants"), [("retail_demo.csv", 2465, 2465), ("luma_apparel.csv", 147, 1847)]
)
async def test_a_real_catalog_goes_in_whole_and_a_second_time_changes_nothing(
    db, acorn, birch, name, products, variants
):
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"{path} is not there: this catalog was NOT tried")
    body = path.read_bytes()
    assert counts(await imported(db, acorn.id, body)) == ("done", products, 0, 0, 0)
    [found] = await rows(
        db, acorn.id, "SELECT (SELECT count(*) FROM product) AS p, (SELECT count(*) FROM variant) AS v"
    )
    assert found == {"p": products, "v": variants}
    assert await rows(db, birch.id, "SELECT id FROM product") == []
    mark = await last_outbox_id(db, acorn.id)
    assert counts(await imported(db, acorn.id, body)) == ("done", 0, 0, products, 0)
    assert counts(await imported(db, acorn.id, body, overwrites=True)) == ("done", 0, 0, products, 0)
    assert await tags_since(db, acorn.id, mark) == set()
