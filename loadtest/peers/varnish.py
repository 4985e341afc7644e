"""Varnish as a measuring peer, set up as an expert would for small pages on one core.

Pages in memory, one pool with a thread that stays with each connection, cookies dropped before the look-up, the
built-in VCL's checks skipped, and the log in shared memory off.
"""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from loadtest.pinned import Server, pinned
from standalone.command import free_port

_VCL = """\
vcl 4.1;
backend edge {{ .host = "127.0.0.1"; .port = "{edge_port}"; }}
sub vcl_recv {{ unset req.http.Cookie; return (hash); }}
sub vcl_backend_response {{ set beresp.ttl = 1d; set beresp.grace = 1d; return (deliver); }}
sub vcl_deliver {{ return (deliver); }}
"""
_LOGGED = (
    "Begin End Link SessOpen SessClose ReqStart ReqMethod ReqURL ReqProtocol ReqHeader ReqUnset ReqAcct RespProtocol "
    "RespStatus RespReason RespHeader RespUnset Timestamp VCL_call VCL_return VCL_use Hit HitPass HitMiss Length Gzip"
)
_PARAMETERS = {
    "thread_pools": "1",
    "thread_pool_min": "200",
    "thread_pool_max": "1000",
    "timeout_idle": "600",
    "timeout_linger": "1",
    "vsl_mask": ",".join(f"-{tag}" for tag in _LOGGED.split()),
}


def varnish(program: str, folder: Path, core: int, edge_port: int) -> AbstractAsyncContextManager[Server]:
    folder.mkdir(exist_ok=True)
    vcl = folder / "edge.vcl"
    vcl.write_text(_VCL.format(edge_port=edge_port), encoding="ascii")
    port = free_port()
    parameters = [part for name, value in _PARAMETERS.items() for part in ("-p", f"{name}={value}")]
    place = ("-n", str(folder / "work"), "-a", f"127.0.0.1:{port}", "-f", str(vcl))
    argv = (program, "-F", "-j", "none", *place, "-s", "malloc,256m", *parameters)
    return pinned("varnish", argv, port, core, folder)
