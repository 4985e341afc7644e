"""A thousand header names that some proxy, framework or application listens to, or sounds as if it did.

They are made by rule: what is told (a host, a scheme, a user ...) in each of the ways in which it is told
("X-Forwarded-", "X-Original-" ...); and beside them the names that standards give to requests.
"""

_TOLD = """
Host Server Scheme Proto Protocol Port Prefix Path Url Uri For By Method Query Client-Ip Real-Ip Ip User User-Id Email
Account Tenant Store Shop Site Domain Locale Language Country Region City Currency Timezone Theme Template Layout
Version Debug Trace Test Preview Cache Cache-Key Cache-Control Cookie Session Token Auth Authorization Role Admin Group
Device Browser Mobile Ssl Cert Referer Origin Base Script-Name Body Format Callback Redirect Return Backend Cluster
Cdn Edge Node Id
""".split()
_WAYS = """
{} X-{} X-Forwarded-{} X-Original-{} X-Rewrite-{} X-Override-{} X-HTTP-{} X-HTTP-{}-Override X-Client-{} X-Proxy-{}
X-Real-{} X-Store-{} Stoa-{} Stoa-Edge-{}
""".split()
_STANDARD = """
A-IM Accept Accept-Charset Accept-Datetime Accept-Encoding Accept-Language Accept-Patch Accept-Ranges
Access-Control-Request-Headers Access-Control-Request-Method Age Alt-Used Attribution-Reporting-Eligible
Authentication-Info Authorization Cache-Control CDN-Cache-Control CDN-Loop CF-Connecting-IP CF-IPCountry CF-RAY
CF-Visitor Content-Disposition Content-Encoding Content-Language Content-Location Content-Range Content-Type Cookie
Cookie2 DNT DPR Date Depth Destination Device-Memory Downlink ECT Early-Data ETag Fastly-Client-IP Fastly-SSL Forwarded
From Front-End-Https HTTP2-Settings If If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive
Last-Event-ID Link Location Lock-Token Max-Forwards NEL Origin Pragma Prefer Priority Proxy Proxy-Authorization
Proxy-Connection Purpose RTT Range Referer Referrer-Policy Refresh Retry-After SOAPAction Save-Data Sec-CH-UA
Sec-CH-UA-Arch Sec-CH-UA-Mobile Sec-CH-UA-Model Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site
Sec-Fetch-User Sec-GPC Sec-Purpose Service-Worker Set-Cookie Slug Surrogate-Capability Surrogate-Control Surrogate-Key
TE Timeout Trailer Traceparent Tracestate True-Client-IP Upgrade-Insecure-Requests User-Agent Vary Via
Viewport-Width Want-Digest Warning Width X-Amz-Cf-Id X-Api-Version X-ATT-DeviceId X-Correlation-ID X-Csrf-Token
X-Amzn-Trace-Id X-Envoy-Original-Path X-Frame-Options X-Middleware-Subrequest X-Request-ID X-Requested-With
X-Sendfile-Type X-Accel-Redirect X-Accel-Expires X-Accel-Mapping X-UIDH X-Varnish X-Wap-Profile X-WP-Nonce
X-Original-Host-Override X-Cache-Hash X-CSRFToken Baggage B3 X-B3-TraceId X-Cluster-Client-IP X-Azure-ClientIP
""".split()
# These say how the request itself is read; the tests of hosts and framing send them.
_FRAMING = {"host", "connection", "content-length", "transfer-encoding", "expect", "upgrade"}


def header_names() -> list[bytes]:
    made = (way.format(told) for told in _TOLD for way in _WAYS)
    by_spelling = {name.lower(): name for name in (*_STANDARD, *made)}
    return [name.encode() for spelling, name in by_spelling.items() if spelling not in _FRAMING]
