"""Themes as they lie in themes/<name>/: settings, template sources, texts and assets, read once and checked at load."""

import gzip
import hashlib
import json
import mimetypes
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import brotli

from edge_renderer.colors import as_hex
from edge_renderer.errors import ThemeError
from edge_renderer.filters import safe_url

__all__ = ["Asset", "Setting", "SettingType", "Theme", "ThemeError", "ThemeLibrary", "load_theme"]

MAX_FILE_BYTES = 512 * 1024
MAX_THEME_FILES = 500
DEFAULT_THEME = "agora"
ASSET_PREFIX = "/theme/"
_TEMPLATE_FOLDERS = ("layout", "templates", "sections", "snippets")
_TEXT_TYPES = ("text/", "application/javascript", "application/json", "image/svg+xml")
_MAX_SETTING_TEXT = 10_000


class SettingType(StrEnum):
    TEXT = "text"
    MULTILINE = "multiline"
    COLOR = "color"
    IMAGE = "image"
    URL = "url"
    SELECT = "select"
    INTEGER = "integer"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Setting:
    type: SettingType
    default: Any
    label: str = ""
    options: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 1000

    def accept(self, value: Any) -> Any:
        """The merchant's value if it is one of this type, else the default: a page never breaks over a setting."""
        accepted = self._accepted(value)
        return self.default if accepted is None else accepted

    def is_acceptable(self, value: Any) -> bool:
        """Whether the value is one of this type, as the merchant wrote it. An empty text stands for "the default"."""
        return self._accepted(value) is not None

    def _accepted(self, value: Any) -> Any:
        if self.type is SettingType.BOOLEAN:
            return value if isinstance(value, bool) else None
        if self.type is SettingType.INTEGER:
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            return value if is_whole and self.minimum <= value <= self.maximum else None
        if not isinstance(value, str) or len(value) > _MAX_SETTING_TEXT:
            return None
        return self._accepted_text(value)

    def _accepted_text(self, value: str) -> str | None:
        match self.type:
            case SettingType.SELECT:
                return value if value in self.options else None
            case SettingType.COLOR:
                return as_hex(value)
            case SettingType.URL | SettingType.IMAGE:
                return (safe_url(value) or None) if value else ""
            case _:
                return value


@dataclass(frozen=True, slots=True)
class Asset:
    content_type: str
    body: bytes
    br: bytes | None
    gzip: bytes | None


@dataclass(frozen=True, slots=True)
class Theme:
    """`version` is the digest of every file; `asset_version`, of the assets alone, stands in their URLs."""

    name: str
    version: str
    asset_version: str
    settings: Mapping[str, Setting]
    defaults: Mapping[str, Any]
    """Of every setting."""
    navigation: Mapping[str, list[dict[str, str]]]
    sources: Mapping[str, str]
    kept_macros: frozenset[str]
    """Each as "file:name"."""
    assets: Mapping[str, Asset]
    messages: Mapping[str, Mapping[str, Any]]
    """By language, each complete: what a language lacks is taken from the one it is a kind of, and from English."""

    def asset_url(self, name: str) -> str:
        return f"{ASSET_PREFIX}{self.name}-{self.asset_version}/{name}"

    def texts(self, locale: str) -> Mapping[str, Any]:
        """Each a text, or a dict of plural forms; in English where the language lacks it."""
        for language in (locale, locale.partition("-")[0], "en"):
            if language in self.messages:
                return self.messages[language]
        return {}

    def accepted_settings(self, chosen: Any) -> dict[str, Any]:
        """What a shop has chosen and may: the rest of its settings are `defaults`."""
        given = chosen if isinstance(chosen, dict) else {}
        return {name: self.settings[name].accept(value) for name, value in given.items() if name in self.settings}


class ThemeLibrary:
    """The installed themes. A shop whose theme is not installed is shown with the default one."""

    def __init__(self, themes: Iterable[Theme], default: str = DEFAULT_THEME) -> None:
        self._themes = {theme.name: theme for theme in themes}
        if default not in self._themes:
            raise ThemeError(f"there is no theme {default!r}; put it into the themes folder")
        self._default = default
        self._assets = {
            theme.asset_url(name): asset for theme in self._themes.values() for name, asset in theme.assets.items()
        }

    @classmethod
    def load(cls, folder: Path, default: str = DEFAULT_THEME) -> "ThemeLibrary":
        found = sorted(path.parent for path in folder.glob("*/theme.toml"))
        return cls((load_theme(path) for path in found), default)

    def __iter__(self) -> Any:
        return iter(self._themes.values())

    def get(self, name: str) -> Theme:
        return self._themes.get(name) or self._themes[self._default]

    def asset(self, path: str) -> Asset | None:
        """The file at `/theme/<name>-<digest>/<file>`; its URL changes with its bytes, so it may be kept for a year."""
        return self._assets.get(path)


def load_theme(folder: Path) -> Theme:
    """Reads and checks one theme's folder. Raises ThemeError."""
    files = _read_files(folder)
    about = _read_toml(folder.name, files.get("theme.toml", b""))
    assets = {path.removeprefix("assets/"): body for path, body in files.items() if path.startswith("assets/")}
    sources = {
        path: _decoded(folder.name, path, body)
        for path, body in files.items()
        if path.partition("/")[0] in _TEMPLATE_FOLDERS
    }
    settings = {name: _setting(folder.name, name, raw) for name, raw in about.get("settings", {}).items()}
    return Theme(
        name=folder.name,
        version=_digest(files),
        asset_version=_digest(assets),
        settings=settings,
        defaults={name: setting.default for name, setting in settings.items()},
        navigation=about.get("navigation", {}),
        sources=sources,
        kept_macros=frozenset(about.get("kept_macros", ())),
        assets={name: _asset(name, body) for name, body in assets.items()},
        messages=_completed(
            {
                Path(path).stem: _messages(folder.name, path, body)
                for path, body in files.items()
                if path.startswith("locales/") and path.endswith(".json")
            }
        ),
    )


def _read_files(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise ThemeError(f"{folder.name}: {path.name} is a link; a theme holds its own files only")
        if not path.is_file() or path.name.startswith("."):
            continue
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ThemeError(f"{folder.name}: {path.name} is over {MAX_FILE_BYTES} bytes; make it smaller")
        files[path.relative_to(folder).as_posix()] = path.read_bytes()
        if len(files) > MAX_THEME_FILES:
            raise ThemeError(f"{folder.name}: a theme has {MAX_THEME_FILES} files at most")
    return files


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name, body in sorted(files.items()):
        digest.update(f"{len(name)}/{name}/{len(body)}/".encode())
        digest.update(body)
    return digest.hexdigest()


def _decoded(theme: str, path: str, body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise ThemeError(f"{theme}: {path} is not UTF-8; save it as UTF-8") from error


def _read_toml(theme: str, body: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(_decoded(theme, "theme.toml", body))
    except tomllib.TOMLDecodeError as error:
        raise ThemeError(f"{theme}: theme.toml: {error}") from error


def _setting(theme: str, name: str, raw: Any) -> Setting:
    try:
        setting = Setting(
            type=SettingType(raw["type"]),
            default=raw["default"],
            label=str(raw.get("label", "")),
            options=tuple(raw.get("options", ())),
            minimum=int(raw.get("minimum", 0)),
            maximum=int(raw.get("maximum", 1000)),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ThemeError(f"{theme}: setting {name} needs a known type and a default ({error})") from error
    may_be_empty = setting.type is SettingType.COLOR and setting.default == ""
    if not may_be_empty and not setting.is_acceptable(setting.default):
        raise ThemeError(f"{theme}: the default of setting {name} is not of its own type")
    return setting


def _messages(theme: str, path: str, body: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(body)
    except ValueError as error:
        raise ThemeError(f"{theme}: {path} is not JSON: {error}") from error
    return dict(_flattened(raw, ""))


def _completed(messages: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    nothing: Mapping[str, Any] = {}
    return {
        language: {
            **messages.get("en", nothing),
            **messages.get(language.partition("-")[0], nothing),
            **texts,
        }
        for language, texts in messages.items()
    }


def _flattened(raw: dict[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    """{"cart": {"title": "Cart"}} -> "cart.title"; an object with "other" is a text with plural forms."""
    for name, value in raw.items():
        if isinstance(value, dict) and "other" not in value:
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _asset(name: str, body: bytes) -> Asset:
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    content_type = "text/javascript" if name.endswith(".js") else content_type
    if not content_type.startswith(_TEXT_TYPES):
        return Asset(content_type, body, None, None)
    packed = (brotli.compress(body, quality=11), gzip.compress(body, 9, mtime=0))
    br, zipped = (smaller if len(smaller) < len(body) else None for smaller in packed)
    return Asset(f"{content_type}; charset=utf-8", body, br, zipped)
