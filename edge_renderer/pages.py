"""Making what is cached: from the origin's snapshot to a page, from its bytes to a file. Each is one fill.

It takes a turn, asks the origin once, renders, and says with which tags the result goes stale. Storing it is the
tiers' business.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote

from contracts.events import Position
from contracts.keys import file_tag
from contracts.page import Page
from contracts.snapshot import Snapshot
from contracts.tenant import StoreId, Tenant
from edge_renderer.answer import HeaderLine
from edge_renderer.cache.entry import Entry
from edge_renderer.cache.made import Built, NotModified
from edge_renderer.errand import Errand
from edge_renderer.errors import PageFailed
from edge_renderer.metrics import EdgeMetrics
from edge_renderer.render import Rendered, Renderer, RenderError
from edge_renderer.responses import file_headers, page_headers
from edge_renderer.settings import EdgeSettings
from edge_renderer.snapshots import FetchedSnapshot, OriginClient
from edge_renderer.turns import Turns
from edge_renderer.twins import is_twin, render_twin

_IMAGES = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/svg+xml", "image/x-icon"}
)


_Question = Callable[[str | None], Awaitable[FetchedSnapshot | None]]
"""Asks the origin for a snapshot, unless it still has this ETag."""


class PageMaker:
    def __init__(
        self, origin: OriginClient, renderer: Renderer, turns: Turns, metrics: EdgeMetrics, settings: EdgeSettings
    ) -> None:
        self._origin = origin
        self._renderer = renderer
        self._turns = turns
        self._metrics = metrics
        self._settings = settings

    async def page(
        self, tenant: Tenant, page: Page, errand: Errand | None, previous: Entry | None
    ) -> Built | NotModified:
        """Raises Overloaded, OriginUnavailable, or PageFailed when no page can be made of what came."""
        carried = errand.take(tenant.store_id) if errand is not None and previous is None else None
        if carried is not None:
            with self._metrics.fill_seconds.time():
                rendered = self.render(tenant, page, carried.fetched.snapshot)
                return self._built(rendered, carried.fetched, carried.position)
        return await self._made(tenant, page, partial(self._origin.snapshot, tenant.store_id, page), previous)

    async def missing(self, tenant: Tenant, previous: Entry | None) -> Built | NotModified:
        """The shop's answer to every path that names nothing. Raises as `page` does."""
        return await self._made(tenant, None, partial(self._origin.missing, tenant.store_id, "/"), previous)

    async def cart(self, tenant: Tenant, token: str) -> Rendered:
        """One shopper's cart page; for nobody else and never stored."""
        async with self._turns.turn(tenant.store_id):
            return self.render(tenant, None, await self._origin.cart(tenant.store_id, token))

    async def file(self, store_id: StoreId, asset_id: int, previous: Entry | None) -> Built | NotModified:
        """A file that is missing, or is no image, is a 404 without a body; it is stored as briefly as one."""
        async with self._turns.turn(store_id):
            fetched = await self._origin.file(store_id, asset_id)
        tags = frozenset({file_tag(store_id, asset_id)})
        if fetched is None or fetched.content_type.partition(";")[0].strip().lower() not in _IMAGES:
            headers = page_headers("text/plain; charset=utf-8", tags, 0)
            return Built(404, headers, b"There is no such file.\n", tags)
        headers = file_headers(fetched.content_type, tags, self._settings.edge_cdn_seconds)
        is_cacheable = len(fetched.body) <= self._settings.edge_file_bytes
        return Built(200, headers, fetched.body, tags, is_cacheable=is_cacheable)

    def render(self, tenant: Tenant, page: Page | None, snapshot: Snapshot) -> Rendered:
        """With the theme, or without where no theme has a say. Raises PageFailed."""
        try:
            with self._metrics.render_seconds.time():
                if page is not None and is_twin(page):
                    return render_twin(tenant, page, snapshot)
                return self._renderer.render(tenant, page, snapshot)
        except (RenderError, PageFailed) as error:
            self._metrics.render_failures.inc()
            raise PageFailed(str(error)) from error

    async def _made(
        self, tenant: Tenant, page: Page | None, ask: _Question, previous: Entry | None
    ) -> Built | NotModified:
        # Anew: its readers wait for it, or will in a second.
        async with self._turns.turn(tenant.store_id, is_urgent=previous is not None):
            with self._metrics.fill_seconds.time():
                fetched = await ask(previous.snapshot_etag if previous is not None else None)
                if fetched is None:
                    return NotModified()
                return self._built(self.render(tenant, page, fetched.snapshot), fetched)

    def _built(self, rendered: Rendered, fetched: FetchedSnapshot, made_from: Position | None = None) -> Built:
        cdn_seconds = self._settings.edge_cdn_seconds if rendered.status in {200, 301} else 0
        headers = page_headers(rendered.content_type, rendered.tags, cdn_seconds)
        if rendered.status == 301:
            headers = (*headers, _location(fetched.snapshot.location))
        return Built(
            rendered.status, headers, rendered.body, rendered.tags, snapshot_etag=fetched.etag, made_from=made_from
        )


def _location(path: str) -> HeaderLine:
    """Of the same shop, and free of what would end a header."""
    if not path.startswith("/") or path.startswith(("//", "/\\")):
        raise PageFailed("the snapshot redirects to another host")
    return b"location", quote(path, safe="/%?&=+-._~:@!$'()*,").encode()
