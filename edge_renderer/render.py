"""Snapshot + theme -> page. Knows no cache and no request: what is rendered depends on the arguments alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jinja2 import DictLoader, Template
from jinja2.exceptions import TemplateError, TemplateSyntaxError

from contracts.page import Page, PageFormat
from contracts.snapshot import Snapshot
from contracts.tenant import Tenant
from edge_renderer.errors import RenderError, RenderLimitError, ThemeError
from edge_renderer.filters import FILTERS
from edge_renderer.fragments import Fragments
from edge_renderer.kept_macros import check_kept, facts_of
from edge_renderer.render_limits import Grace, RenderLimits
from edge_renderer.sandbox import STATE, RenderState, ThemeEnvironment
from edge_renderer.themes import Theme, ThemeLibrary

__all__ = ["RenderError", "RenderLimitError", "RenderLimits", "Rendered", "Renderer"]

_HTML = "text/html; charset=utf-8"
_NO_PARAMS = {"q": None, "page": None, "sort_by": None, "variant": None}
_THEME_FAULTS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Rendered:
    status: int
    content_type: str
    body: bytes
    tags: frozenset[str]


class Renderer:
    """Compiles every template of every theme when made. Raises ThemeError, naming file and line, if one is not allowed.

    `strict` makes a name that is missing from the data an error; shoppers get an empty text instead.
    """

    def __init__(
        self,
        themes: ThemeLibrary,
        limits: RenderLimits,
        fragments: Fragments | None = None,
        *,
        strict: bool = False,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._themes = themes
        self._limits = limits
        self._clock = clock
        self._grace = Grace()
        kept = Fragments() if fragments is None else fragments
        self._templates = {theme.name: _compiled(theme, limits, kept, strict=strict) for theme in themes}

    def render(self, tenant: Tenant, page: Page | None, snapshot: Snapshot) -> Rendered:
        """Raises RenderLimitError when the theme used too much, RenderError when it failed."""
        if snapshot.status == 301:  # nothing to see, but the way there is as true as the parts it was found by
            tags = frozenset(tag for part in snapshot.parts.values() for tag in part.tags)
            return Rendered(301, _HTML, b"", tags)
        theme = self._themes.get(tenant.theme)
        name, view = _choose(page, snapshot)
        data = {name: part.data for name, part in snapshot.parts.items()}
        shop = data.get("shop")
        data["navigation"] = _navigation(theme, shop)
        data["view"] = view
        part_tags = {name: part.tags for name, part in snapshot.parts.items()}
        state = self._state(theme, tenant.currency, tenant.locale, part_tags)
        state.tags.update(part_tags.get("shop", ()))
        body = self._run(theme, name, data, shop.get("settings") if isinstance(shop, dict) else None, state)
        return Rendered(snapshot.status, _HTML, body, frozenset(state.tags))

    def render_unavailable(self, tenant: Tenant | None) -> bytes:
        """The page for "we cannot answer now": no data, no assets, so nothing else has to work for it to look right."""
        theme = self._themes.get(tenant.theme if tenant else "")
        state = self._state(theme, "USD", tenant.locale if tenant else "en", {})
        data = {"shop": {"name": tenant.name if tenant else ""}}
        return self._run(theme, "templates/unavailable.html", data, None, state)

    def _state(self, theme: Theme, currency: str, locale: str, part_tags: dict[str, tuple[str, ...]]) -> RenderState:
        return RenderState(
            self._limits, self._clock, self._grace, theme=theme, currency=currency, locale=locale, part_tags=part_tags
        )

    def _run(self, theme: Theme, name: str, data: dict[str, Any], chosen_settings: Any, state: RenderState) -> bytes:
        template = self._templates[theme.name].get(name)
        if template is None:
            raise RenderError(f"theme {theme.name} has no {name}")
        state.settings = {**theme.defaults, **theme.accepted_settings(chosen_settings)}
        context = template.new_context({**data, "settings": state.settings, STATE: state})
        state.data = context.parent
        state.facts = facts_of(theme.name, theme.version, state.currency, state.locale)
        try:
            return "".join(template.root_render_func(context)).encode("utf-8", "replace")
        except (RecursionError, MemoryError) as error:
            raise RenderLimitError(f"{theme.name}/{name}: the theme nests too deeply") from error
        except _THEME_FAULTS as error:
            raise RenderError(f"{theme.name}/{name}: {type(error).__name__}: {error}") from error
        finally:
            context.vars.clear()
            state.end()


def _choose(page: Page | None, snapshot: Snapshot) -> tuple[str, dict[str, Any]]:
    """The template's name and `view`: what the templates may know of what was asked for."""
    if "missing" in snapshot.parts or snapshot.status in {404, 410}:
        kind = "gone" if snapshot.status == 410 else "missing"
        return f"templates/{kind}.html", {"kind": kind, "path": "", "url": "", "params": {}}
    if page is None:
        if "cart" not in snapshot.parts:
            raise RenderError("a snapshot without page needs the part cart or missing")
        return "templates/cart.html", {"kind": "cart", "path": "/cart", "url": "/cart", "params": {}}
    if page.format is not PageFormat.HTML:
        raise RenderError(f"themes make no {page.format} of a {page.kind}")
    params = {**_NO_PARAMS, **dict(page.params)}
    view = {"kind": str(page.kind), "path": page.path, "url": page.url, "params": params}
    return f"templates/{page.kind}.html", view


def _navigation(theme: Theme, shop: Any) -> dict[str, Any]:
    """The shop's menus, each the theme's own where the shop has none."""
    given = shop.get("navigation") if isinstance(shop, dict) else None
    given = given if isinstance(given, dict) else {}
    return {name: given.get(name) or links for name, links in theme.navigation.items()} | {
        name: links for name, links in given.items() if links
    }


def _compiled(theme: Theme, limits: RenderLimits, fragments: Fragments, *, strict: bool) -> dict[str, Template]:
    environment = ThemeEnvironment(
        DictLoader(theme.sources), FILTERS, limits, fragments, kept=theme.kept_macros, strict=strict
    )
    templates: dict[str, Template] = {}
    for name in theme.sources:
        try:
            templates[name] = environment.get_template(name)
        except TemplateSyntaxError as error:
            raise ThemeError(f"{theme.name}: {name}, line {error.lineno}: {error.message}") from error
        except TemplateError as error:
            raise ThemeError(f"{theme.name}: {name}: {error}") from error
    environment.kept = check_kept(environment, theme.sources, theme.kept_macros)
    return templates
