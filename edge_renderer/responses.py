"""Entry + request -> answer: conditional requests, encodings, redirects, and the headers of what may be cached."""

from collections.abc import Iterable, Sequence

from edge_renderer.answer import FILE_POLICY, Answer, HeaderLine, secured
from edge_renderer.cache.entry import Entry
from edge_renderer.cache.made import Answer as Found
from edge_renderer.cache.made import Source, Standing
from edge_renderer.request import Request

MAX_SURROGATE_KEY_BYTES = 8 * 1024
_BROWSER: HeaderLine = (b"cache-control", b"public, max-age=0, must-revalidate")
_FOREVER: HeaderLine = (b"cache-control", b"public, max-age=31536000, immutable")
_VARY: HeaderLine = (b"vary", b"accept-encoding")
LOCAL_HIT = b"stoa-l1; hit"
"""What `cache_status` says of a page held in memory and known to be true."""
_NOT_IN_304 = frozenset({b"content-type", b"content-security-policy"})


def page_headers(content_type: str, tags: Iterable[str], cdn_seconds: int) -> tuple[HeaderLine, ...]:
    """A browser asks each time whether its copy is still good; a CDN may keep one for a moment, and knows the tags."""
    return tuple(secured(content_type, _BROWSER, *_for_cdn(tags, cdn_seconds), _VARY))


def file_headers(content_type: str, tags: Iterable[str], cdn_seconds: int) -> tuple[HeaderLine, ...]:
    return tuple(secured(content_type, _FOREVER, *_for_cdn(tags, cdn_seconds), _VARY, policy=FILE_POLICY))


def asset_headers(content_type: str) -> list[HeaderLine]:
    return secured(content_type, _FOREVER, _VARY)


def _for_cdn(tags: Iterable[str], cdn_seconds: int) -> list[HeaderLine]:
    """A page with more tags than a header holds could not be purged by each of them, so no CDN may keep it."""
    keys = " ".join(sorted(tags)).encode("ascii", "replace")
    if len(keys) > MAX_SURROGATE_KEY_BYTES or cdn_seconds == 0:
        return [(b"cdn-cache-control", b"no-store")]
    return [(b"cdn-cache-control", b"public, max-age=%d" % cdn_seconds), (b"surrogate-key", keys)]


def cache_status(found: Found) -> bytes:
    """RFC 9211: what each tier did, the one nearest to the origin first."""
    detail = b"" if found.state is Standing.FRESH else b"; detail=" + str(found.state).encode()
    if found.source is Source.LOCAL:
        return LOCAL_HIT + detail if detail else LOCAL_HIT
    kept = "; stored" if found.is_kept else ""
    collapsed = "; collapsed" if found.is_coalesced else ""
    local = f"stoa-l1; fwd={found.local_why}"
    if found.source is Source.SHARED:
        return b"stoa-l2; hit%s, %s" % (detail, f"{local}{kept}{collapsed}".encode())
    shared = "; stored" if kept and found.entry.position is not None else ""
    status = "; fwd-status=304" if found.state is Standing.REVALIDATED else ""
    return f"stoa-l2; fwd={found.shared_why}{status}{shared}, {local}{status}{kept}{collapsed}".encode()


def respond(encodings: frozenset[str], if_none_match: str, entry: Entry, cache_status: bytes) -> Answer:
    """The entry as this client takes it; only what is encoded for it differs, and so does its ETag."""
    is_hit = cache_status is LOCAL_HIT
    etag = confirmed(if_none_match, current_etags(encodings, entry)) if entry.status == 200 else None
    if etag is not None:
        marks = [(b"etag", etag.encode()), (b"cache-status", cache_status)]
        return Answer(304, [line for line in entry.headers if line[0] not in _NOT_IN_304] + marks, is_hit=is_hit)
    encoding, body = _chosen(encodings, entry.body, entry.br, entry.gzip)
    marks = [(b"etag", variant_etag(entry.etag, encoding).encode()), (b"cache-status", cache_status)]
    return Answer(entry.status, [*entry.headers, *_encoded(encoding), *marks], body, is_hit)


def current_etags(encodings: frozenset[str], entry: Entry) -> list[str]:
    """Of the page as it is now, in each encoding that this client takes, the one it would be sent first. Which of them
    is selected is the server's to say (RFC 9110, 12.1), so a copy in any of them is still good. Brotli counts before it
    is made here: another worker has sent it, or this one before the entry was made anew."""
    chosen, _ = _chosen(encodings, entry.body, entry.br, entry.gzip)
    taken = [name for name in ("br", "gzip") if name in encodings] if entry.gzip is not None else []
    return [variant_etag(entry.etag, name) for name in dict.fromkeys((chosen, *taken, "identity"))]


def respond_with_bytes(
    request: Request, headers: list[HeaderLine], etag: str, body: bytes, br: bytes | None, gzip: bytes | None
) -> Answer:
    """Something that was never a cache entry: a theme's asset."""
    encoding, chosen = _chosen(request.encodings, body, br, gzip)
    etag = variant_etag(etag, encoding)
    marks: list[HeaderLine] = [(b"etag", etag.encode())]
    if confirmed(request.header(b"if-none-match"), [etag]):
        return Answer(304, [line for line in headers if line[0] not in _NOT_IN_304] + marks)
    return Answer(200, [*headers, *_encoded(encoding), *marks], chosen)


def _chosen(taken: frozenset[str], body: bytes, br: bytes | None, gzip: bytes | None) -> tuple[str, bytes]:
    if br is not None and "br" in taken:
        return "br", br
    if gzip is not None and "gzip" in taken:
        return "gzip", gzip
    return "identity", body


def _encoded(encoding: str) -> list[HeaderLine]:
    return [] if encoding == "identity" else [(b"content-encoding", encoding.encode())]


def variant_etag(etag: str, encoding: str) -> str:
    """Strong, so each encoding's bytes have their own: "abc", "abc-br", "abc-gzip"."""
    return etag if encoding == "identity" else f'{etag[:-1]}-{encoding}"'


def confirmed(if_none_match: str, etags: Sequence[str]) -> str | None:
    """RFC 9110, 13.1.2: the first of `etags` that the list names, compared weakly; * names the first of all."""
    if not if_none_match:
        return None
    given = {item.strip().removeprefix("W/") for item in if_none_match.split(",")}
    return etags[0] if "*" in given else next((etag for etag in etags if etag in given), None)


def moved(location: str, cdn_seconds: int, tags: Iterable[str]) -> Answer:
    """To another spelling of the same page, which is so for everybody and does not change."""
    headers = page_headers("text/html; charset=utf-8", tags, cdn_seconds)
    return Answer(301, [*headers, (b"location", location.encode("ascii"))])
