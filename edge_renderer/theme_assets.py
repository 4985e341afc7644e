"""The installed themes' own files: in memory since the start, the same for every shop."""

import hashlib

from edge_renderer.answer import Answer
from edge_renderer.request import Request
from edge_renderer.responses import asset_headers, respond_with_bytes
from edge_renderer.themes import Asset, ThemeLibrary


class ThemeAssets:
    def __init__(self, themes: ThemeLibrary) -> None:
        self._themes = themes
        self._etags: dict[str, str] = {}

    def answer(self, request: Request, path: str) -> Answer | None:
        """None if no theme has such a file. Its URL changes with its bytes, so it may be kept for a year."""
        asset = self._themes.asset(path)
        if asset is None:
            return None
        headers = asset_headers(asset.content_type)
        return respond_with_bytes(request, headers, self._etag(path, asset), asset.body, asset.br, asset.gzip)

    def _etag(self, path: str, asset: Asset) -> str:
        etag = self._etags.get(path)
        if etag is None:
            etag = self._etags[path] = f'"{hashlib.blake2b(asset.body, digest_size=16).hexdigest()}"'
        return etag
