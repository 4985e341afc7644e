"""Product CSVs into real shops: what is stored, what is left alone, what is reported, and which pages are purged."""

import psycopg
import pytest

from contracts.keys import collection_tag, listing_tag, product_tag
from origin.catalog import availability
from tests.fixtures.product_csv import (
    COLUMNS,
    STOCK,
    counts,
    csv_text,
    imported,
    last_outbox_id,
    many,
    rows,
    sentences,
    tags_since,
)


@pytest.fixture
def shops(acorn, birch):
    return acorn.id, birch.id


CUP = b"""\
Handle,Title,Body (HTML),Tags,Published,Status,SEO Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,\
Variant Compare At Price,Variant Grams,Variant Weight Unit,Cost per item,Variant Inventory Tracker,\
Variant Inventory Qty,Variant Inventory Policy,Image Src,Image Alt Text,Variant Image
cup,Cup,"<p>A
cup, thrown</p>","b, a",TRUE,active,Cups,Size,S,C-S,19.99,\
25,300,g,8.50,shopify,3,deny,https://x.test/1.png,Front,https://x.test/2.png
cup,,,,,,,,L,C-L,29,,500,kg,,shopify,-2,continue,https://x.test/2.png,,
"""


async def test_a_product_is_stored_with_all_that_the_file_says(db, shops):
    acorn, _ = shops
    record = await imported(db, acorn, CUP)
    assert counts(record) == ("done", 1, 0, 0, 0)
    assert (record.rows_total, record.rows_read, record.bytes_read) == (2, 2, len(CUP))
    [product] = await rows(db, acorn, "SELECT * FROM product")
    assert (product["title"], product["body_html"], product["tags"]) == ("Cup", "<p>A\ncup, thrown</p>", ["a", "b"])
    assert (product["price_min_minor"], product["price_max_minor"]) == (1999, 2900)
    assert product["availability"] == "in_stock"
    assert product["published_at"] is not None
    variants = await rows(
        db,
        acorn,
        """SELECT variant.title, option1, option2, price_minor, compare_at_minor, grams, weight_unit, variant.sku,
                  cost_minor, is_tracked, level.available, may_oversell, availability, image.src
           FROM variant JOIN inventory_item AS item ON item.id = inventory_item_id
           JOIN inventory_level AS level ON level.inventory_item_id = item.id
           LEFT JOIN product_image AS image ON image.id = image_id ORDER BY variant.position""",
    )
    assert [tuple(variant.values()) for variant in variants] == [
        ("S", "S", None, 1999, 2500, 300, "g", "C-S", 850, True, 3, False, "low", "https://x.test/2.png"),
        ("L", "L", None, 2900, None, 500, "kg", "C-L", None, True, -2, True, "in_stock", None),
    ]
    images = await rows(db, acorn, "SELECT src, alt, position FROM product_image ORDER BY position")
    assert [tuple(image.values()) for image in images] == [
        ("https://x.test/1.png", "Front", 1),
        ("https://x.test/2.png", None, 2),
    ]
    assert sentences(record, "warning") == [
        "2: image addresses were kept as they are; the images were not fetched, so nobody has looked at them"
    ]


async def test_what_is_stored_needs_no_second_look(db, shops):
    """An import writes availability and prices itself, by the rule that everybody else goes by."""
    acorn, _ = shops
    stock = [
        ("shopify", 0, "deny"),
        ("shopify", 5, "deny"),
        ("shopify", 6, "deny"),
        ("shopify", 0, "continue"),
        ("", 0, ""),
    ]
    body = csv_text(
        (*COLUMNS, *STOCK), *([f"p{n}", f"P{n}", "", "", "", "", "", "1", *row] for n, row in enumerate(stock))
    )
    await imported(db, acorn, body)
    found = await rows(db, acorn, "SELECT id, availability FROM product ORDER BY handle")
    assert [row["availability"] for row in found] == ["sold_out", "low", "in_stock", "in_stock", "in_stock"]
    async with db.tenant(acorn) as tx:
        assert await availability.refresh(tx, acorn, [row["id"] for row in found]) == set()


async def test_an_import_into_acorn_leaves_birch_as_it_was(db, shops):
    acorn, birch = shops
    await imported(db, birch, CUP)
    before = await rows(db, birch, "SELECT * FROM product")
    marks = await last_outbox_id(db, acorn), await last_outbox_id(db, birch)
    await imported(db, acorn, CUP)
    await imported(db, acorn, CUP.replace(b"19.99", b"18.99"), overwrites=True)
    [product] = await rows(db, acorn, "SELECT id FROM product")
    assert await tags_since(db, acorn, marks[0]) == {product_tag(acorn, product["id"]), listing_tag(acorn)}
    assert await tags_since(db, birch, marks[1]) == set()
    assert await rows(db, birch, "SELECT * FROM product") == before
    assert [row["price_minor"] for row in await rows(db, birch, "SELECT price_minor FROM variant ORDER BY id")] == [
        1999,
        2900,
    ]


@pytest.mark.parametrize("overwrites", [False, True])
async def test_the_same_file_twice_changes_nothing_and_purges_nothing(db, shops, overwrites):
    acorn, _ = shops
    await imported(db, acorn, CUP)
    tables = ("product", "product_option", "product_image", "variant", "inventory_item", "inventory_level")
    before = [await rows(db, acorn, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
    mark = await last_outbox_id(db, acorn)
    record = await imported(db, acorn, CUP, overwrites=overwrites)
    assert counts(record) == ("done", 0, 0, 1, 0)
    assert [await rows(db, acorn, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables] == before
    assert await tags_since(db, acorn, mark) == set()
    reason = "nothing in the file differs from the product" if overwrites else "a product with this handle exists"
    assert sentences(record, "skipped")[0].startswith(f"2: {reason}")


async def test_overwriting_leaves_absent_columns_and_blanks_blank_cells(db, shops):
    acorn, _ = shops
    await imported(db, acorn, CUP)
    [before] = await rows(db, acorn, "SELECT id, published_at, body_html FROM product")
    ids = await rows(db, acorn, "SELECT id, inventory_item_id FROM variant ORDER BY position")
    change = csv_text(
        ("Handle", "Title", "Tags", "SEO Title", "Option1 Name", "Option1 Value", "Price", "Inventory quantity"),
        ["cup", "Big cup", "", "", "Size", "S", "", ""],
        ["cup", "", "", "", "", "L", "31", "7"],
    )
    record = await imported(db, acorn, change, overwrites=True)
    assert counts(record) == ("done", 0, 1, 0, 0)
    [product] = await rows(db, acorn, "SELECT * FROM product")
    assert (product["title"], product["tags"], product["seo_title"]) == ("Big cup", [], None)
    assert {name: product[name] for name in before} == before
    variants = await rows(
        db,
        acorn,
        """SELECT price_minor, compare_at_minor, available, may_oversell FROM variant
           JOIN inventory_level USING (store_id, inventory_item_id) ORDER BY position""",
    )
    assert [tuple(variant.values()) for variant in variants] == [(1999, 2500, 3, False), (3100, None, 7, True)]
    assert await rows(db, acorn, "SELECT id, inventory_item_id FROM variant ORDER BY position") == ids
    assert len(await rows(db, acorn, "SELECT id FROM product_image")) == 2


async def test_overwriting_adds_and_removes_variants_and_keeps_the_others(db, shops):
    acorn, _ = shops
    await imported(db, acorn, CUP)
    [small] = await rows(db, acorn, "SELECT id FROM variant WHERE option1 = 'S'")
    change = csv_text(
        COLUMNS, ["cup", "Cup", "", "", "Size", "M", "C-M", "22"], ["cup", "", "", "", "", "S", "C-S", "20"]
    )
    record = await imported(db, acorn, change, overwrites=True)
    found = await rows(db, acorn, "SELECT id, option1, position FROM variant ORDER BY position")
    assert [(row["option1"], row["position"]) for row in found] == [("M", 1), ("S", 2)]
    assert found[1]["id"] == small["id"]
    assert len(await rows(db, acorn, "SELECT id FROM inventory_item")) == 2
    assert "2: 1 variants that are not in the file were removed" in sentences(record, "warning")


async def test_without_option_values_a_products_variants_are_left_alone(db, shops):
    acorn, _ = shops
    await imported(db, acorn, CUP)
    before = await rows(db, acorn, "SELECT * FROM variant ORDER BY id")
    record = await imported(db, acorn, csv_text(("Handle", "Title", "Price"), ["cup", "New", "1"]), overwrites=True)
    assert counts(record) == ("done", 0, 1, 0, 0)
    assert await rows(db, acorn, "SELECT * FROM variant ORDER BY id") == before
    assert sentences(record, "warning") == [
        "2: no line has an Option1 Value, so options and variants were left as they are"
    ]


async def test_a_policy_that_ends_overselling_leaves_no_negative_stock(db, shops):
    acorn, _ = shops
    columns = ("Handle", "Title", *STOCK)
    await imported(db, acorn, csv_text(columns, ["cup", "Cup", "shopify", -4, "continue"]))
    change = csv_text(("Handle", "Title", STOCK[2]), ["cup", "Cup", "deny"])
    assert counts(await imported(db, acorn, change, overwrites=True)) == ("done", 0, 1, 0, 0)
    [level] = await rows(db, acorn, "SELECT available, may_oversell FROM inventory_level")
    assert level == {"available": 0, "may_oversell": False}
    [product] = await rows(db, acorn, "SELECT availability FROM product")
    assert product["availability"] == "sold_out"


async def test_a_bad_product_fails_alone_with_its_line(db, shops):
    acorn, _ = shops
    body = csv_text(
        COLUMNS,
        ["cup", "Cup", "", "", "", "", "A", "1"],
        ["mug", "Mug", "", "", "Size", "S", "B", "cheap"],
        ["mug", "", "", "", "", "M", "C", "2"],
        ["jug", "Jug", "", "", "", "", "D", "3"],
        ["cup", "Cup again", "", "", "", "", "E", "4"],
        ["pot", "x" * 300, "", "", "", "", "F", "4"],
    )
    record = await imported(db, acorn, body)
    assert counts(record) == ("done", 2, 0, 0, 4)
    assert [row["handle"] for row in await rows(db, acorn, "SELECT handle FROM product ORDER BY id")] == ["cup", "jug"]
    assert [sentence.partition(";")[0] for sentence in sentences(record, "failed")] == [
        '3: Variant Price is "cheap", which is not a number',
        "6: the handle is already on line 2",
        "7: Title has 300 characters",
    ]


async def test_what_only_the_database_refuses_does_not_take_the_others_along(db, shops, database):
    acorn, _ = shops
    async with await psycopg.AsyncConnection.connect(database.admin, autocommit=True) as admin:
        await admin.execute("ALTER TABLE product ADD CONSTRAINT surprise CHECK (title <> 'Item 1')")
    record = await imported(db, acorn, many(3))
    assert counts(record) == ("done", 2, 0, 0, 1)
    assert sentences(record, "failed") == ["3: the product cannot be stored as it is"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (many(300) + b'broken,"never closed\n', "line 302 is never closed"),
        (many(300) + "caf\xe9,x".encode("latin-1"), "line 302 is not UTF-8"),
        (csv_text(("Handle", "Vendor"), ["cup", "x"]), '"Title" is missing'),
        (many(2).decode().encode("utf-16"), "UTF-16"),
        (many(2).replace(b",", b";"), "not separated by commas"),
    ],
)
async def test_a_broken_file_fails_with_a_sentence_and_nothing_is_written(db, shops, body, reason):
    acorn, _ = shops
    record = await imported(db, acorn, body)
    assert counts(record) == ("failed", 0, 0, 0, 0)
    assert reason in record.error
    assert await rows(db, acorn, "SELECT id FROM product") == []
    assert await rows(db, acorn, "SELECT * FROM deadline") == []


async def test_a_cell_of_ten_megabytes_fails_its_product_only(db, shops):
    acorn, _ = shops
    body = csv_text(("Handle", "Title", "Description"), ["a", "A", "x" * 10_000_000], ["b", "B", "fine"])
    record = await imported(db, acorn, body)
    assert counts(record) == ("done", 1, 0, 0, 1)
    assert sentences(record, "failed") == ["2: Body (HTML) has 10,000,000 characters; at most 524,288 are allowed"]


async def test_new_products_enter_smart_collections_and_purge_them(db, shops):
    acorn, _ = shops
    rule = '[{"column": "tag", "relation": "equals", "condition": "gift", "number": null}]'
    [collection] = await rows(
        db,
        acorn,
        f"""INSERT INTO collection (store_id, kind, title, handle, rules)
            VALUES ({acorn}, 'smart', 'Gifts', 'gifts', '{rule}') RETURNING id""",
    )
    mark = await last_outbox_id(db, acorn)
    await imported(db, acorn, csv_text(COLUMNS, ["cup", "Cup", "", "gift"], ["mug", "Mug", "", "other"]))
    assert len(await rows(db, acorn, "SELECT id FROM collect")) == 1
    assert collection_tag(acorn, collection["id"]) in await tags_since(db, acorn, mark)


async def test_a_big_file_is_a_few_messages_and_the_report_keeps_what_failed(db, shops):
    acorn, _ = shops
    await imported(db, acorn, many(450))
    [purges] = await rows(db, acorn, "SELECT count(*) AS n FROM outbox WHERE cardinality(tags) > 40")
    assert purges["n"] == 3
    again = many(450) + csv_text(COLUMNS, ["", "", "x"]).partition(b"\n")[2]
    record = await imported(db, acorn, again)
    assert counts(record) == ("done", 0, 0, 450, 1)
    assert len(sentences(record, "skipped")) == 200
    assert sentences(record, "failed") == ["452: Title can't be blank on the first line of a product"]
