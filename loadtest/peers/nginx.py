"""nginx as a measuring peer, set up as an expert would for small pages on one core.

One worker, no logs, keep-alive without end, answers sent at once (tcp_nodelay), open files cached for longer than a
run, and sendfile off: pages of some kilobytes cost nginx 8 % less when it reads them into the answer (measured). The
answers carry the same header lines as the edge's, as far as nginx knows them.
"""

import grp
import gzip
import os
import pwd
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from loadtest.pages import Answered, ChosenPage
from loadtest.pinned import Server, pinned
from standalone.command import free_port

_MAIN = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
pcre_jit on;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; use epoll; multi_accept on; accept_mutex off; }}
http {{
  access_log off;
  server_tokens off;
  sendfile off;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  reset_timedout_connection on;
  open_file_cache max=4096 inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_min_uses 1;
  server_names_hash_bucket_size 128;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type "text/html; charset=utf-8";
  types {{ "application/json; charset=utf-8" json; "text/javascript; charset=utf-8" js; }}
{http}
}}
"""

_STATIC = """\
  server {{
    listen 127.0.0.1:{port};
    server_name {host};
    root {root};
    gzip_static on;
    gzip_vary on;
{headers}
    location = / {{ try_files /index.html =404; }}
  }}
"""

_CACHE = """\
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=pages:10m max_size=1g inactive=1d use_temp_path=off;
  upstream edge {{ server 127.0.0.1:{edge_port}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://edge;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header Accept-Encoding gzip;
      proxy_set_header Cookie "";
      proxy_cache pages;
      proxy_cache_key $host$request_uri;
      proxy_cache_valid 200 1d;
      proxy_ignore_headers Cache-Control Expires Vary;
      gunzip on;
    }}
  }}
"""

_EMPTY = "  server {{ listen 127.0.0.1:{port}; return 204; }}\n"

_NGINX_SAYS_ITSELF = frozenset(
    "date content-type content-length content-encoding etag vary connection transfer-encoding server last-modified "
    "cache-status x-request-id".split()
)


def static_files(
    program: str, folder: Path, core: int, pages: Sequence[tuple[ChosenPage, Answered]]
) -> AbstractAsyncContextManager[Server]:
    """The pages as files with ready .gz beside them, a server block and a folder for each host."""
    root = folder / "www"
    for page, answer in pages:
        path = root / page.host / ("index.html" if page.target == "/" else page.target.lstrip("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.decompress(answer.body))
        path.with_name(path.name + ".gz").write_bytes(answer.body)
    port = free_port()
    headers = "\n".join(_header_lines(pages[0][1]))
    hosts = dict.fromkeys(page.host for page, _ in pages)
    blocks = (_STATIC.format(port=port, host=host, root=root / host, headers=headers) for host in hosts)
    return _nginx("nginx-static", program, folder, core, port, "".join(blocks))


def caching_proxy(program: str, folder: Path, core: int, edge_port: int) -> AbstractAsyncContextManager[Server]:
    """proxy_cache in front of the edge. Only gzip is asked for and kept, so nothing hangs on Vary."""
    port = free_port()
    http = _CACHE.format(folder=folder, port=port, edge_port=edge_port)
    return _nginx("nginx-cache", program, folder, core, port, http)


def empty_answers(program: str, folder: Path, core: int) -> AbstractAsyncContextManager[Server]:
    """204 to everything: as little as a server can do, to see how much the asking side can."""
    port = free_port()
    return _nginx("nginx-empty", program, folder, core, port, _EMPTY.format(port=port))


def _nginx(
    name: str, program: str, folder: Path, core: int, port: int, http: str
) -> AbstractAsyncContextManager[Server]:
    folder.mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(_MAIN.format(user=_user(), folder=folder, http=http), encoding="ascii")
    argv = (program, "-p", str(folder), "-c", str(config), "-e", "stderr")
    return pinned(name, argv, port, core, folder)


def _user() -> str:
    """Root's nginx would give its worker to a user who cannot read our folder."""
    if os.getuid() != 0:
        return ""
    return f"user {pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name};"


def _header_lines(answer: Answered) -> Iterable[str]:
    for name, value in answer.headers.items():
        if name not in _NGINX_SAYS_ITSELF and '"' not in value and "$" not in value:
            yield f'    add_header {name} "{value}";'
