"""The whole read path on one screen: request -> tenant -> route -> cached entry -> answer."""

from collections.abc import Callable
from functools import partial

from structlog.contextvars import bind_contextvars

from contracts.keys import file_key, missing_key, page_key, shop_tag
from contracts.page import Page, Redirect
from contracts.tenant import StoreStatus, Tenant
from edge_renderer.admission import Admission
from edge_renderer.answer import PRIVATE, Answer, secured
from edge_renderer.apologies import Apologies
from edge_renderer.cache.made import Answer as Found
from edge_renderer.cache.made import Fill, Source
from edge_renderer.cache.tiers import Tiers
from edge_renderer.costs import Costs
from edge_renderer.errand import Errand
from edge_renderer.errors import BadRequest, OriginUnavailable, Overloaded, PageFailed
from edge_renderer.hit_path import HitPath
from edge_renderer.pages import PageMaker
from edge_renderer.passthrough import METHODS, Passthrough
from edge_renderer.precedence import Precedence
from edge_renderer.request import Request
from edge_renderer.responses import LOCAL_HIT, cache_status, moved, respond
from edge_renderer.routes import CartPage, Nowhere, Passed, ThemeAsset, UploadedFile, route
from edge_renderer.tenants import Tenants
from edge_renderer.theme_assets import ThemeAssets


class Shopfront:
    def __init__(
        self,
        tenants: Tenants,
        tiers: Tiers,
        pages: PageMaker,
        assets: ThemeAssets,
        carts: Passthrough,
        checkouts: Passthrough,
        apologies: Apologies,
        hit_path: HitPath,
        errand: Callable[[str], Errand],
        admission: Admission,
        costs: Costs,
        precedence: Precedence,
        cdn_seconds: int,
    ) -> None:
        self._tenants = tenants
        self._tiers = tiers
        self._pages = pages
        self._assets = assets
        self._carts = carts
        self._checkouts = checkouts
        self._apologies = apologies
        self._hit_path = hit_path
        self._errand = errand
        self._admission = admission
        self._costs = costs
        self._precedence = precedence
        self._cdn_seconds = cdn_seconds

    async def answer(self, request: Request, request_id: str) -> Answer:
        """Raises BadTarget and BadRequest; OriginUnavailable or Overloaded if it cannot be known whose host it is."""
        bind_contextvars(request_id=request_id)  # also for what is logged of a page that this request has made
        errand = self._errand(request.target)
        tenant = await self._tenants.for_host(request.host, errand)
        if tenant is None:
            return self._apologies.unknown_host(request)
        if tenant.status is not StoreStatus.ACTIVE:
            return self._apologies.closed(tenant, request)
        try:
            return await self._routed(tenant, request, request_id, errand)
        except (OriginUnavailable, Overloaded, PageFailed) as error:
            return self._apologies.unavailable(tenant, request, request_id, error)

    async def _routed(self, tenant: Tenant, request: Request, request_id: str, errand: Errand) -> Answer:
        found = route(request.target)
        if isinstance(found, Passed) or (isinstance(found, CartPage) and request.method == "POST"):
            if request.method not in METHODS:
                return self._apologies.wrong_method(b"GET, HEAD, POST")
            return await self._passed(tenant, request, request_id)
        if request.method not in {"GET", "HEAD"}:
            return self._apologies.wrong_method(b"GET, HEAD")
        if request.has_body:
            raise BadRequest("A page is asked for without a body.")
        match found:
            case Page():
                return await self._page(tenant, request, found, errand)
            case Redirect(location):
                return moved(location, self._cdn_seconds, [shop_tag(tenant.store_id)])
            case CartPage():
                return await self._cart(tenant, request)
            case UploadedFile(asset_id):
                return await self._file(tenant, request, asset_id)
            case ThemeAsset(path):
                return self._assets.answer(request, path) or await self._missing(tenant, request)
            case Nowhere():
                return await self._missing(tenant, request)
            case _:
                raise AssertionError(f"no answer for {found!r}")

    async def _page(self, tenant: Tenant, request: Request, page: Page, errand: Errand) -> Answer:
        make = partial(self._pages.page, tenant, page, errand)
        is_at_hand = errand.has_brought(tenant.store_id)
        renew = partial(self._pages.page, tenant, page, None)
        return await self._kept(tenant, request, page_key(tenant, page), make, is_at_hand=is_at_hand, renew=renew)

    async def _missing(self, tenant: Tenant, request: Request) -> Answer:
        make = partial(self._pages.missing, tenant)
        return await self._kept(tenant, request, missing_key(tenant), make)

    async def _kept(
        self,
        tenant: Tenant,
        request: Request,
        key: str,
        make: Fill,
        *,
        is_at_hand: bool = False,
        renew: Fill | None = None,
    ) -> Answer:
        """Only what this worker neither holds nor is making counts against the shop's budget."""
        look = partial(self._tiers.get, key, tenant.store_id, make, is_at_hand=is_at_hand, renew=renew)
        if self._tiers.knows(key):
            return self._respond(request, await look())
        self._admission.miss(tenant.store_id)
        with self._precedence.answering(tenant.store_id):
            found = await look()
        if found.source is not Source.FILL:
            self._admission.found(tenant.store_id)
        return self._respond(request, found)

    async def _passed(self, tenant: Tenant, request: Request, request_id: str) -> Answer:
        if request.path.startswith("/checkout"):
            self._admission.checkout(tenant.store_id)
            passthrough = self._checkouts
        else:
            self._admission.cart(tenant.store_id)
            passthrough = self._carts
        return await self._costs.work(tenant.store_id, partial(passthrough.answer, tenant, request, request_id))

    def _respond(self, request: Request, found: Found) -> Answer:
        status, condition = cache_status(found), request.header(b"if-none-match")
        answer = respond(request.encodings, condition, found.entry, status)
        if status is LOCAL_HIT and request.host is not None and found.held is not None:
            if self._tiers.local.refine(found.held) and answer.status != 304:
                answer = respond(request.encodings, condition, found.held.entry, status)
            self._hit_path.offer(request, self._tenants.record(request.host), found.held)
        return answer

    async def _cart(self, tenant: Tenant, request: Request) -> Answer:
        self._admission.cart(tenant.store_id)
        make = partial(self._pages.cart, tenant, request.cart_token)
        rendered = await self._costs.work(tenant.store_id, make)
        return Answer(rendered.status, secured(rendered.content_type, PRIVATE), rendered.body)

    async def _file(self, tenant: Tenant, request: Request, asset_id: int) -> Answer:
        """The name in the URL is decoration; were it in the key, made-up names could fill the cache."""
        make = partial(self._pages.file, tenant.store_id, asset_id)
        return await self._kept(tenant, request, file_key(tenant.store_id, f"/files/{asset_id}"), make)
