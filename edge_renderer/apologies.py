"""Answers to what cannot be answered: in the shop's look for people, as problem details for scripts, never stored."""

from typing import Any

import structlog

from contracts.page import BadTarget
from contracts.snapshot import Part, Snapshot
from contracts.tenant import StoreStatus, Tenant
from edge_renderer.answer import NEVER_STORED, Answer, secured
from edge_renderer.errors import BadRequest, EdgeError, OriginUnavailable, Overloaded, OverShare, PageFailed
from edge_renderer.metrics import EdgeMetrics
from edge_renderer.render import Renderer, RenderError
from edge_renderer.request import Request, logged_path
from edge_renderer.twins import encode_json

log: Any = structlog.get_logger("edge")

HTML_TYPE = "text/html; charset=utf-8"
_PROBLEM_TYPE = "application/problem+json"
_ORIGIN_RETRY_SECONDS = 5
_MOST_KEPT = 256
_REASONS: dict[type[EdgeError], str] = {
    Overloaded: "The shop is too busy at the moment; please try again.",
    OverShare: "The shop is too busy at the moment; please try again.",
    OriginUnavailable: "The shop cannot be reached at the moment; please try again.",
    PageFailed: "This page could not be made; please try again.",
}
_PLAIN = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="robots" content="noindex"><title>{title}</title><body><h1>{title}</h1><p>{text}</p></body></html>'
)


class Apologies:
    def __init__(self, renderer: Renderer, metrics: EdgeMetrics) -> None:
        self._renderer = renderer
        self._metrics = metrics
        self._kept: dict[Tenant | None, bytes] = {}

    def unknown_host(self, request: Request) -> Answer:
        """Says nothing of the host that was asked for: it is a stranger's text."""
        text = "No shop has this address."
        return (
            _problem(404, "Not Found", text) if request.wants_json else plain_page(404, "There is no shop here", text)
        )

    def bad_request(self, request: Request, error: BadRequest | BadTarget) -> Answer:
        status = error.status if isinstance(error, BadRequest) else 414 if "too long" in str(error) else 400
        text = f"{str(error)[:1].upper()}{str(error)[1:].removesuffix('.')}."
        if request.wants_json:
            return _problem(status, "Bad Request", text)
        return plain_page(status, "That request cannot be answered", text)

    def wrong_method(self, allowed: bytes) -> Answer:
        answer = plain_page(405, "That cannot be done here", "Pages can be read, and nothing else.")
        return Answer(405, [*answer.headers, (b"allow", allowed)], answer.body)

    def closed(self, tenant: Tenant, request: Request) -> Answer:
        """A suspended shop may or may not come back, so no time is promised; a closed one will not."""
        is_closed = tenant.status is StoreStatus.CLOSED
        status, title = (410, "Gone") if is_closed else (503, "Service Unavailable")
        if request.wants_json:
            return _problem(status, title, "This shop is closed." if is_closed else "This shop is not open now.")
        return Answer(status, secured(HTML_TYPE, NEVER_STORED), self._kept_page(tenant))

    def unavailable(self, tenant: Tenant | None, request: Request, request_id: str, error: EdgeError) -> Answer:
        """429 for what is beyond the shop's own share, 503 for all else. Logged here, for this is where what went wrong
        last meets who was told of it."""
        store_id = tenant.store_id if tenant else None
        path = logged_path(request.path)
        log.warning("unavailable", reason=str(error), store_id=store_id, path=path, request_id=request_id)
        self._count(error)
        seconds = error.retry_after_seconds if isinstance(error, Overloaded) else _ORIGIN_RETRY_SECONDS
        status, title = (429, "Too Many Requests") if isinstance(error, OverShare) else (503, "Service Unavailable")
        if request.wants_json:
            answer = _problem(status, title, _REASONS.get(type(error), _REASONS[PageFailed]))
        else:
            answer = Answer(status, secured(HTML_TYPE, NEVER_STORED), self._kept_page(tenant))
        return Answer(status, [*answer.headers, (b"retry-after", str(seconds).encode())], answer.body)

    def _count(self, error: EdgeError) -> None:
        if isinstance(error, Overloaded):
            self._metrics.refused.labels(error.refusal).inc()
        elif isinstance(error, OriginUnavailable):
            self._metrics.origin_failures.inc()

    def _kept_page(self, tenant: Tenant | None) -> bytes:
        """Made once a shop: a storm of failures must not cost a render each."""
        page = self._kept.get(tenant)
        if page is None:
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            page = self._kept[tenant] = self._render(tenant)
        return page

    def _render(self, tenant: Tenant | None) -> bytes:
        try:
            if tenant is None or tenant.status is not StoreStatus.CLOSED:
                return self._renderer.render_unavailable(tenant)
            shop = Part({"name": tenant.name, "locale": tenant.locale})
            gone = Snapshot(410, parts={"shop": shop, "missing": Part({"path": ""})})
            return self._renderer.render(tenant, None, gone).body
        except RenderError:  # a theme that cannot even say so
            return plain_page(503, "Back soon", "This shop cannot be shown at the moment.").body


def plain_page(status: int, title: str, text: str) -> Answer:
    """Without a theme. Both texts are ours, never a client's."""
    return Answer(status, secured(HTML_TYPE, NEVER_STORED), _PLAIN.format(title=title, text=text).encode())


def _problem(status: int, title: str, detail: str) -> Answer:
    """RFC 9457, with the names that cart scripts of the ecosystem look for beside its own."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body |= {"message": title, "description": detail}
    return Answer(status, secured(_PROBLEM_TYPE, NEVER_STORED), encode_json(body))
