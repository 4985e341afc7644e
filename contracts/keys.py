"""The only place that spells cache keys and tags.

A tag names one thing a page shows; it looks like a path and starts with its tenant, so that no tag of one shop can
ever equal a tag of another. The table of what pages carry and what changes purge:

    page carries                              a change of ... purges
    ----------------------------------------  ------------------------------------------------------------------
    every page           shop                 shop, settings, theme, navigation   shop
    product and twins    product/{id}, those  product, variant, image, option,
                         of related cards,    availability                        product/{id}, its collections
                         .../members                                              before and after, listing
    collection and twin  collection/{id}      collection, membership              collection/{id}, .../members, listing
    home                 collection/{id}...,  static page                         page/{id}, listing
                         listing
    search, feeds,       listing              host added, moved, removed          h/{host}
    sitemap, 404
    static page          page/{id}
"""

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from contracts.page import Page
from contracts.tenant import StoreId, Tenant


def shop_tag(store_id: StoreId) -> str:
    """The whole shop: every page carries it, so purging it is purging the shop."""
    return f"t/{store_id}/shop"


def listing_tag(store_id: StoreId) -> str:
    """What is for sale as a whole: search, feeds, the sitemap, and every "there is no such page"."""
    return f"t/{store_id}/listing"


def product_tag(store_id: StoreId, product_id: int) -> str:
    return f"t/{store_id}/product/{product_id}"


def collection_tag(store_id: StoreId, collection_id: int) -> str:
    return f"t/{store_id}/collection/{collection_id}"


def collection_members_tag(store_id: StoreId, collection_id: int) -> str:
    """Which products a collection has and what it is called, not what they cost: what their own pages show of it."""
    return f"t/{store_id}/collection/{collection_id}/members"


def static_page_tag(store_id: StoreId, page_id: int) -> str:
    return f"t/{store_id}/page/{page_id}"


def file_tag(store_id: StoreId, asset_id: int) -> str:
    return f"t/{store_id}/file/{asset_id}"


def host_tag(host: str) -> str:
    """Which shop a host belongs to, including "none": a new shop purges the edge's memory of an unknown host."""
    return f"h/{host}"


def product_change_tags(store_id: StoreId, product_id: int, collection_ids: Iterable[int]) -> frozenset[str]:
    """`collection_ids`: those the product was in before the change and those it is in after."""
    listed = (collection_tag(store_id, collection_id) for collection_id in collection_ids)
    return frozenset((product_tag(store_id, product_id), listing_tag(store_id), *listed))


def collection_change_tags(store_id: StoreId, collection_id: int) -> frozenset[str]:
    """A change of the collection itself (title, rules, membership), not of a product in it."""
    members = collection_members_tag(store_id, collection_id)
    return frozenset((collection_tag(store_id, collection_id), members, listing_tag(store_id)))


def store_of_tag(tag: str) -> StoreId | None:
    """The tenant a tag belongs to; None for a host tag."""
    kind, _, rest = tag.partition("/")
    return StoreId(int(rest.partition("/")[0])) if kind == "t" else None


def page_key(tenant: Tenant, page: Page) -> str:
    """Names one cached page. Every free text in it is percent-encoded, so no value can forge another key."""
    named = f"{page.kind}.{page.format}/{quote(page.handle, safe='')}?{urlencode(page.params)}"
    return f"p/{tenant.store_id}/{_look(tenant)}/{named}"


def missing_key(tenant: Tenant) -> str:
    """Names the one cached answer to every path that names no page: a scan of made-up paths costs a shop one entry."""
    return f"m/{tenant.store_id}/{_look(tenant)}"


def _look(tenant: Tenant) -> str:
    return f"{quote(tenant.theme_version, safe='')}/{quote(tenant.locale, safe='')}/{tenant.currency}"


def host_key(host: str) -> str:
    return f"h/{host}"


def file_key(store_id: StoreId, path: str) -> str:
    """A merchant's uploaded file, by its path on the shop's host."""
    return f"f/{store_id}/{quote(path, safe='/')}"


def positions_key(store_id: StoreId | None) -> str:
    """The state server's hash of tag -> last bus position, one per store; host tags have one of their own."""
    return "pos:hosts" if store_id is None else f"pos:{store_id}"
