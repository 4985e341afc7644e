"""Stores and their hosts: provisioning, status, and the directory's answer to "whose host is this?"."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from contracts import keys
from contracts.money import is_known_currency
from contracts.tenant import StoreId, StoreStatus, Tenant
from invalidation import outbox
from origin.auth import issue_token
from origin.db import Database, Tx
from origin.errors import Invalid, NotFound

_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RESERVED = frozenset(
    """admin api app assets auth billing blog cdn checkout dashboard dev docs edge files ftp help host imap internal
    localhost login mail metrics mx ns ns1 ns2 origin pay payments platform pop root security shop smtp sso staging
    static status stoa store support system test webmail www""".split()
)


@dataclass(frozen=True, slots=True)
class NewStore:
    """What a caller asks for; `create_store` checks it."""

    name: str
    subdomain: str
    currency: str
    locale: str = "en"
    email: str | None = None
    description: str = ""
    theme: str = "agora"
    settings: Mapping[str, Any] = field(default_factory=dict)
    navigation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Store:
    id: StoreId
    name: str
    host: str
    status: StoreStatus
    created_at: datetime


def check_subdomain(subdomain: str) -> str | None:
    """Why it cannot be had, in words; None if it can."""
    if not _SUBDOMAIN.fullmatch(subdomain):
        return "must be 1 to 63 lower-case letters, digits or hyphens, with no hyphen at either end"
    if subdomain.startswith("xn--") or "--" in subdomain[2:4]:
        return "must not look like an encoded international name (xn--)"
    if subdomain in _RESERVED:
        return "is reserved for the platform"
    return None


def _check(new: NewStore, themes: frozenset[str]) -> None:
    problems: dict[str, list[str]] = {}
    reason = check_subdomain(new.subdomain)
    if reason:
        problems["subdomain"] = [reason]
    if not 1 <= len(new.name.strip()) <= 255:
        problems["name"] = ["must have 1 to 255 characters"]
    if not is_known_currency(new.currency):
        problems["currency"] = ["must be an ISO 4217 code such as EUR"]
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Z]{2})?", new.locale):
        problems["locale"] = ["must be a language tag such as en or de-AT"]
    if new.theme not in themes:
        problems["theme"] = [f"is not installed; there are {', '.join(sorted(themes))}"]
    if problems:
        raise Invalid(problems)


async def create_store(
    db: Database, domain: str, new: NewStore, *, themes: frozenset[str] = frozenset({"agora"})
) -> tuple[Store, str]:
    """Makes a store that serves at once; returns it and its admin token, which is never seen again.

    Raises Invalid, field by field. One transaction: a crash leaves no half of a shop.
    """
    _check(new, themes)
    host = f"{new.subdomain}.{domain}"
    async with db.directory() as tx:
        row = await (await tx.execute("SELECT nextval('store_id_seq') AS id")).fetchone()
    store_id = StoreId(row["id"] if row else 0)
    try:
        async with db.tenant(store_id, step="store.create") as tx:
            created_at = await _insert_store(tx, store_id, host, new)
            token = await issue_token(tx, store_id, "admin")
            await outbox.add(tx, store_id, [keys.host_tag(host), keys.shop_tag(store_id)])
    except psycopg.errors.UniqueViolation as error:
        raise Invalid({"subdomain": ["has already been taken"]}) from error
    return Store(store_id, new.name.strip(), host, StoreStatus.ACTIVE, created_at), token


async def _insert_store(tx: Tx, store_id: StoreId, host: str, new: NewStore) -> datetime:
    cursor = await tx.execute(
        "INSERT INTO store (id, name, subdomain) VALUES (%s, %s, %s) RETURNING created_at",
        [store_id, new.name.strip(), new.subdomain],
    )
    row = await cursor.fetchone()
    assert row is not None
    await tx.execute("INSERT INTO host (name, store_id, is_primary) VALUES (%s, %s, true)", [host, store_id])
    await tx.execute(
        """INSERT INTO shop (store_id, currency, locale, email, description, theme, theme_settings, navigation)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        [
            store_id,
            new.currency,
            new.locale,
            new.email,
            new.description,
            new.theme,
            Jsonb(dict(new.settings)),
            Jsonb(dict(new.navigation)),
        ],
    )
    await tx.execute("INSERT INTO location (store_id, name, is_primary) VALUES (%s, 'Main location', true)", [store_id])
    await tx.execute("INSERT INTO counter (store_id, name, value) VALUES (%s, 'order_number', 1000)", [store_id])
    created_at: datetime = row["created_at"]
    return created_at


async def list_stores(db: Database, *, after: int = 0, limit: int = 50) -> list[Store]:
    """In order of id, after the given one."""
    async with db.directory() as tx:
        cursor = await tx.execute(
            """SELECT store.id, store.name, host.name AS host, status, store.created_at
               FROM store JOIN host ON host.store_id = store.id AND host.is_primary
               WHERE store.id > %s ORDER BY store.id LIMIT %s""",
            [after, limit],
        )
        return [_store(row) for row in await cursor.fetchall()]


async def set_status(db: Database, store_id: StoreId, status: StoreStatus) -> Store:
    """Suspends, resumes or closes; every edge hears of it. A closed store stays closed. Raises NotFound, Invalid."""
    async with db.tenant(store_id, step="store.status") as tx:
        cursor = await tx.execute(
            """UPDATE store SET status = %s, closed_at = CASE WHEN %s = 'closed' THEN coalesce(closed_at, now()) END
               WHERE id = %s AND (status <> 'closed' OR %s = 'closed')
               RETURNING id, name, status, created_at, (SELECT name FROM host WHERE store_id = store.id AND is_primary)
                         AS host""",
            [status, status, store_id, status],
        )
        row = await cursor.fetchone()
        if row is None:
            await _refuse_change(tx, store_id)
            raise NotFound("store")
        hosts = await (await tx.execute("SELECT name FROM host WHERE store_id = %s", [store_id])).fetchall()
        await outbox.add(tx, store_id, [keys.shop_tag(store_id), *(keys.host_tag(host["name"]) for host in hosts)])
        return _store(row)


async def _refuse_change(tx: Tx, store_id: StoreId) -> None:
    cursor = await tx.execute("SELECT FROM store WHERE id = %s", [store_id])
    if await cursor.fetchone() is not None:
        raise Invalid({"base": ["the store is closed for good and cannot be opened again"]})


def _store(row: Mapping[str, Any]) -> Store:
    return Store(StoreId(row["id"]), row["name"], row["host"], StoreStatus(row["status"]), row["created_at"])


@dataclass(frozen=True, slots=True)
class Owner:
    """What the directory knows of the shop that a host leads to; the rest of a tenant is in the shop's own rows."""

    store_id: StoreId
    name: str
    status: StoreStatus
    host: str

    def tenant(self, shop: Mapping[str, Any]) -> Tenant:
        """`shop`: a row with the columns currency, locale, theme and theme_settings."""
        return Tenant(
            store_id=self.store_id,
            host=self.host,
            name=self.name,
            status=self.status,
            currency=shop["currency"],
            locale=shop["locale"],
            theme=shop["theme"],
            theme_version=_digest(shop["theme_settings"]),
        )


async def owner_of_host(db: Database, host: str) -> Owner | None:
    async with db.directory() as tx:
        cursor = await tx.execute(
            """SELECT store.id, store.name, store.status, first.name AS host
               FROM host JOIN store ON store.id = host.store_id
               JOIN host AS first ON first.store_id = store.id AND first.is_primary
               WHERE host.name = %s""",
            [host],
        )
        row = await cursor.fetchone()
    return None if row is None else Owner(StoreId(row["id"]), row["name"], StoreStatus(row["status"]), row["host"])


async def tenant_of(db: Database, owner: Owner) -> Tenant | None:
    """None if the shop is just being made, or taken apart."""
    statement = b"SELECT currency, locale, theme, theme_settings FROM shop WHERE store_id = %(store)s"
    row = await db.read_row(owner.store_id, statement, {"store": owner.store_id})
    return None if row is None else owner.tenant(row)


def _digest(settings: Mapping[str, Any]) -> str:
    """Names the merchant's choices; the edge adds the version of the theme's files."""
    return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=6).hexdigest()
