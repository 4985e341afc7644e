"""What pages depend on beside snapshots: this release's code, the installed themes, the settings that show in headers.

Edges that differ in any of it keep their pages apart on the cache server: a new release never serves an old one's.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from edge_renderer.themes import Theme

_PACKAGES = ("edge_renderer", "contracts")


def release_of(themes: Iterable[Theme], cdn_seconds: int, packages: Path | None = None) -> str:
    """A short name for it, the same on every machine. `packages`: the folder they are in."""
    folder = packages or Path(__file__).resolve().parent.parent
    digest = hashlib.blake2b(str(cdn_seconds).encode(), digest_size=6)
    for theme in sorted(themes, key=lambda theme: theme.name):
        digest.update(f"/{theme.name}={theme.version}".encode())
    for path in sorted(path for name in _PACKAGES for path in (folder / name).rglob("*.py")):
        code = path.read_bytes()
        digest.update(f"/{path.relative_to(folder).as_posix()}={len(code)}/".encode())
        digest.update(code)
    return digest.hexdigest()
