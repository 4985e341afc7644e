"""`stoa store create | list | close`: the platform API of a running platform, in words."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from standalone.errors import StandaloneError, UnknownStoreError
from standalone.origin_client import OriginClient
from standalone.output import Output
from standalone.ready_file import Ready, StoreAccess, read_ready
from standalone.store_book import StoreBook


async def create(data_dir: Path, wanted: Mapping[str, Any], output: Output) -> None:
    ready = read_ready(data_dir)
    async with OriginClient(ready.origin, ready.platform_token) as origin:
        try:
            store, access = await origin.create_store(wanted)
        except StandaloneError as error:
            if "subdomain has already been taken" in str(error):
                raise StandaloneError(f"{error}. Choose another address with --subdomain.") from error
            raise
    StoreBook(data_dir).add([access])
    url = _storefront_url(ready, access)
    output.result(
        {"store": store, "url": url, "admin_token": access.admin_token},
        f"{access.name} is open: {url}",
        f"store id     {access.store_id}",
        f"admin token  {access.admin_token}",
    )


async def show_list(data_dir: Path, limit: int, after: int | None, output: Output) -> None:
    ready = read_ready(data_dir)
    async with OriginClient(ready.origin, ready.platform_token) as origin:
        stores = await origin.list_stores(limit, after)
    rows = [[str(store.get(field, "")) for field in ("id", "name", "host", "status", "created_at")] for store in stores]
    output.rows({"stores": stores}, ("Id", "Name", "Host", "Status", "Made"), rows)


async def close(data_dir: Path, name: str, output: Output, confirm: Callable[[str], bool]) -> None:
    """`confirm` is asked with the shop's description, and nothing happens unless it says yes."""
    ready = read_ready(data_dir)
    store = store_to_close(ready, name)
    description = f"{store.name} ({store.host}, id {store.store_id})" if store.host else f"shop {store.store_id}"
    if not confirm(description):
        raise StandaloneError(f"{description} was left as it is.")
    async with OriginClient(ready.origin, ready.platform_token) as origin:
        answer = await origin.close_store(store.store_id)
    StoreBook(data_dir).remove(store.store_id)
    output.result({"closed": store.store_id} | answer, f"Closed: {description}.")


def store_to_close(ready: Ready, name: str) -> StoreAccess:
    """The one shop that can be meant. An id may be one this machine knows nothing else of."""
    try:
        store = ready.store_called(name)
    except UnknownStoreError:
        if not (name.isascii() and name.isdecimal()):
            raise
        return StoreAccess(int(name), "", "", "")
    if name.isascii() and name.isdecimal() and store.store_id != int(name):
        raise StandaloneError(
            f"{name!r} may mean {store.host} (id {store.store_id}) or the shop with the id {int(name)}. "
            "Say which by its host; `stoa store list` shows it."
        )
    return store


def subdomain_for(name: str) -> str:
    """`Ärzte & Co.` -> `arzte-co`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    subdomain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].rstrip("-")
    if not subdomain:
        raise StandaloneError(f"No subdomain can be made from {name!r}; choose one with --subdomain.")
    return subdomain


def _storefront_url(ready: Ready, store: StoreAccess) -> str:
    return f"http://{store.host}:{urlsplit(ready.edge).port}"
