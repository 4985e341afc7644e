"""Debian's nginx, varnish and haproxy as reverse proxies, for what they make of the same bytes."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from standalone.command import free_port

READY_SECONDS = 30
_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_set_header Host $host; }}
  }}
}}
"""
_HAPROXY = """
global
  maxconn 256
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend front
  bind 127.0.0.1:{port}
  default_backend back
backend back
  server one 127.0.0.1:{backend}
"""
_VARNISH = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{backend}"; }}
sub vcl_recv {{ return (pass); }}
"""

Start = Callable[[Path, int, int], list[str]]


def _nginx(folder: Path, port: int, backend: int) -> list[str]:
    return ["-p", str(folder), "-c", _written(folder, _NGINX.format(folder=folder, port=port, backend=backend))]


def _haproxy(folder: Path, port: int, backend: int) -> list[str]:
    return ["-db", "-f", _written(folder, _HAPROXY.format(port=port, backend=backend))]


def _varnish(folder: Path, port: int, backend: int) -> list[str]:
    vcl = _written(folder, _VARNISH.format(backend=backend))
    return ["-F", "-a", f"127.0.0.1:{port}", "-f", vcl, "-n", str(folder / "work"), "-s", "malloc,16m"]


def _written(folder: Path, text: str) -> str:
    path = folder / "configuration"
    path.write_text(text)
    return str(path)


PEERS: dict[str, Start] = {"nginx": _nginx, "haproxy": _haproxy, "varnishd": _varnish}


def program(name: str) -> str | None:
    """Where it is on this machine."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@contextmanager
def peer(name: str, backend: int) -> Iterator[int]:
    """Runs until left; yields its port."""
    found = program(name)
    assert found is not None
    folder = Path(tempfile.mkdtemp(prefix="stoa-peer-"))
    folder.chmod(0o755)
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, *PEERS[name](folder, port, backend)], stdout=log, stderr=log)
    try:
        _wait_until_listening(process, port, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
