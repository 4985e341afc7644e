"""Makes many small shops at once, straight into the tables: what a load test asks for, the same for the same seed.

Nothing goes over the admin API: two thousand shops take seconds. A batch has a name, which is the end of its shops'
hosts, so that it can be found and removed again, and so that a new batch is one that no cache has ever heard of.
"""

import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from contracts import keys
from contracts.tenant import StoreId

_FIRST_DAY = datetime(2025, 1, 6, 9, 30, tzinfo=UTC)
_MATERIALS = ("Oak", "Linen", "Clay", "Brass", "Wool", "Glass", "Cork", "Slate", "Felt", "Ash", "Copper", "Cotton")
_THINGS = ("Bowl", "Lamp", "Tray", "Scarf", "Mug", "Stool", "Vase", "Apron", "Clock", "Basket", "Board", "Throw")
_SHELVES = ("New in", "For the table", "Gifts", "Last pieces")
_COLORS = ("Sand", "Moss", "Ink", "Rust")
_SENTENCES = (
    "Made in small runs by people who know each other by name.",
    "It takes on a patina over the years, and looks the better for it.",
    "Wipe clean with a damp cloth; keep away from strong sun.",
    "Each piece differs a little from the next, which is rather the point.",
    "We send it in plain card, without plastic.",
    "Fits most kitchens, shelves and ways of life.",
)
_CURRENCIES = ("EUR", "USD", "GBP", "SEK")

# Table -> the columns that are written, parents before children. Those with an `id` of their own count up a sequence.
_TABLES: dict[str, str] = {
    "store": "id name subdomain",
    "host": "name store_id is_primary",
    "shop": "store_id currency locale email description theme_settings navigation",
    "counter": "store_id name value",
    "location": "store_id id name is_primary",
    "product": "store_id id title handle body_html vendor product_type published_at tags price_min_minor "
    "price_max_minor availability units_sold created_at updated_at",
    "product_option": "store_id id product_id name position",
    "product_image": "store_id id product_id position src alt width height",
    "inventory_item": "store_id id sku is_tracked",
    "variant": "store_id id product_id inventory_item_id title position option1 price_minor compare_at_minor sku grams "
    "inventory_management availability",
    "inventory_level": "store_id inventory_item_id location_id available",
    "collection": "store_id id kind title handle body_html published_at",
    "collect": "store_id id collection_id product_id position",
}
# What somebody may have written in the meantime goes too.
_EMPTIED = ("product_import", "payment", "refund_line", "refund", "fulfillment_line", "fulfillment",
            "checkout_attempt", "reservation", "order_line", "sales_order", "customer", "static_page", "asset",
            "access_token", "deadline")  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoadShop:
    """A shop of a batch, and the paths of all its pages that a visitor walks through."""

    store_id: StoreId
    host: str
    paths: tuple[str, ...]


@asynccontextmanager
async def made_up_shops(
    database_url: str, batch: str, shops: int, *, seed: int = 1, domain: str = "stoa.localhost", products: int = 12
) -> AsyncIterator[list[LoadShop]]:
    """The shops, for as long as they are needed. The role must be the administrator's: it writes into every shop."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        try:
            yield await make_shops(connection, batch, shops, seed=seed, domain=domain, products=products)
        finally:
            await remove_shops(connection, batch)


async def make_shops(
    connection: psycopg.AsyncConnection[Any],
    batch: str,
    shops: int,
    *,
    seed: int = 1,
    domain: str = "stoa.localhost",
    products: int = 12,
) -> list[LoadShop]:
    """One transaction; afterwards PostgreSQL knows what it has, as it would of shops that grew slowly."""
    async with connection.transaction():
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _TABLES}
        firsts = {table: await _first_id(connection, table) for table in _TABLES if _has_id(table)}
        ids = {table: count(first) for table, first in firsts.items()}
        made = [_Shop(number, batch, domain, seed, ids, rows).make(products) for number in range(shops)]
        for table, columns in _TABLES.items():
            await _copy(connection, table, columns, rows[table])
        for table, numbers in ids.items():
            await connection.execute(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", [table, next(numbers)]
            )
    await connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(map(sql.Identifier, _TABLES))))
    return made


async def remove_shops(connection: psycopg.AsyncConnection[Any], batch: str) -> int:
    """Every shop of the batch and all that it has; edges hear that its hosts are nobody's. Returns how many."""
    async with connection.transaction():
        cursor = await connection.execute(
            "SELECT id, host.name FROM store JOIN host ON host.store_id = store.id WHERE subdomain LIKE %s",
            [f"%-{batch}"],
        )
        found = await cursor.fetchall()
        ids = [store_id for store_id, _ in found]
        for table in (*_EMPTIED, *reversed(_TABLES)):
            column = sql.Identifier("id" if table == "store" else "store_id")
            await connection.execute(
                sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(sql.Identifier(table), column), [ids]
            )
        async with connection.cursor() as writing, writing.copy("COPY outbox (store_id, tags) FROM STDIN") as copy:
            for store_id, host in found:
                await copy.write_row((store_id, [keys.host_tag(host), keys.shop_tag(StoreId(store_id))]))
    return len(ids)


def _has_id(table: str) -> bool:
    return "id" in _TABLES[table].split()


async def _first_id(connection: psycopg.AsyncConnection[Any], table: str) -> int:
    cursor = await connection.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
    row = await cursor.fetchone()
    return int(row[0]) if row else 1


async def _copy(
    connection: psycopg.AsyncConnection[Any], table: str, columns: str, rows: list[tuple[Any, ...]]
) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns.split()))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)


class _Shop:
    """Writes one shop's rows. Its own random numbers, so that shop 7 is the same in a batch of ten and of a million."""

    def __init__(
        self,
        number: int,
        batch: str,
        domain: str,
        seed: int,
        ids: Mapping[str, Iterator[int]],
        rows: dict[str, list[tuple[Any, ...]]],
    ) -> None:
        self._random = random.Random(f"{seed}/{number}")  # noqa: S311 - a catalog, not a secret
        self._number = number
        self._subdomain = f"s{number}-{batch}"
        self._host = f"{self._subdomain}.{domain}"
        self._ids = ids
        self._rows = rows
        self._store_id = StoreId(next(ids["store"]))

    def make(self, products: int) -> LoadShop:
        store, pick = self._store_id, self._random.choice
        name = f"{pick(_MATERIALS)} & {pick(_THINGS)} No. {self._number}"
        self._rows["store"].append((store, name, self._subdomain))
        self._rows["host"].append((self._host, store, True))
        links = [{"title": title, "url": f"/collections/{_handle(title)}"} for title in _SHELVES[:3]]
        settings = {"tagline": pick(_SENTENCES), "color_accent": f"#{self._random.randrange(0x303030, 0x909090):06x}"}
        self._rows["shop"].append(
            (store, pick(_CURRENCIES), "en", f"hello@{self._host}", pick(_SENTENCES), Jsonb(settings),
             Jsonb({"main": links})),
        )  # fmt: skip
        self._rows["counter"].append((store, "order_number", 1000))
        location = self._add("location", "Main location", True)
        made = [self._product(number, location) for number in range(products)]
        shelves = [self._collection(number, title, made) for number, title in enumerate(_SHELVES[:3])]
        return LoadShop(store, self._host, ("/", *shelves, *(f"/products/{handle}" for _, handle in made)))

    def _add(self, table: str, *values: Any) -> int:
        number = next(self._ids[table])
        self._rows[table].append((self._store_id, number, *values))
        return number

    def _product(self, number: int, location: int) -> tuple[int, str]:
        pick, below = self._random.choice, self._random.randrange
        kind = _THINGS[number % len(_THINGS)]
        title = f"{pick(_MATERIALS)} {kind.lower()} {number + 1}"
        sizes = _COLORS[: pick((1, 1, 2, 3, 4))]
        price = below(9, 180) * 100
        text = "".join(f"<p>{sentence}</p>" for sentence in self._random.sample(_SENTENCES, 3))
        day = _FIRST_DAY + timedelta(days=number, minutes=below(600), microseconds=below(1_000_000))
        product = self._add(
            "product", title, _handle(title), text, f"{pick(_MATERIALS)} Works", kind, day, [kind.lower(), "daily"],
            price, price + 500 * (len(sizes) - 1), "in_stock", below(400), day, day,
        )  # fmt: skip
        self._add("product_option", product, "Color" if len(sizes) > 1 else "Title", 1)
        for position in range(1, below(4) + 1):  # one in four has no picture yet, and gets the theme's drawn one
            source = f"https://images.example.com/{self._subdomain}/{product}-{position}.jpg"
            self._add("product_image", product, position, source, f"{title}, view {position}", 1200, 1200)
        for position, size in enumerate(sizes):
            self._variant(product, location, position, size if len(sizes) > 1 else "Default Title", price)
        return product, _handle(title)

    def _variant(self, product: int, location: int, position: int, title: str, price: int) -> None:
        sku = f"{self._number}-{product}-{position}"
        item = self._add("inventory_item", sku, True)
        reduced_from = price + 1500 if self._random.random() < 0.15 else None
        self._add(
            "variant", product, item, title, position + 1, title, price + 500 * position, reduced_from, sku,
            self._random.randrange(100, 3000), "shopify", "in_stock",
        )  # fmt: skip
        self._rows["inventory_level"].append((self._store_id, item, location, self._random.randrange(20, 90)))

    def _collection(self, number: int, title: str, made: list[tuple[int, str]]) -> str:
        collection = self._add(
            "collection", "custom", title, _handle(title), f"<p>{self._random.choice(_SENTENCES)}</p>", _FIRST_DAY
        )
        for position, (product, _) in enumerate(made[number::2], start=1):
            self._add("collect", collection, product, position)
        return f"/collections/{_handle(title)}"


def _handle(title: str) -> str:
    return title.lower().replace(" ", "-")
