"""Whatever colours a merchant picks, agora's text reads: WCAG AA, computed from the page's own style."""

import itertools
import re
from pathlib import Path

import pytest

from contracts.page import Page, PageKind
from edge_renderer.colors import contrast
from edge_renderer.render import Renderer, RenderLimits
from edge_renderer.themes import ThemeLibrary
from tests.fixtures import snapshots
from tests.fixtures.made_up_shops import SETTINGS

TEXT = 4.5
EDGE_OF_CONTROL = 3.0
PAIRS = [
    ("text", "bg", TEXT),
    ("text", "surface", TEXT),
    ("muted", "bg", TEXT),
    ("muted", "surface", TEXT),
    ("accent-text", "bg", TEXT),
    ("accent-text", "surface", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    ("band-text", "band", TEXT),
    ("band-muted", "band", TEXT),
    ("alert", "bg", TEXT),
    ("alert", "surface", TEXT),
    ("low", "bg", TEXT),
    ("low", "surface", TEXT),
    ("good", "bg", TEXT),
    ("on-header", "header", TEXT),
    ("on-footer", "footer", TEXT),
    ("on-footer-muted", "footer", TEXT),
    ("control", "bg", EDGE_OF_CONTROL),
]
PALETTE = ("#ffffff", "#000000", "#ffe600", "#d9541e", "#808080", "#0a3cff", "#ffc0cb", "#006400")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(ThemeLibrary.load(Path(__file__).parents[2] / "themes"), RenderLimits(seconds=10))


def _schemes(renderer: Renderer, settings: dict[str, object]) -> list[dict[str, str]]:
    """The custom properties of each scheme on the page: light, and dark where the shop follows the device."""
    page = Page(PageKind.SEARCH)
    body = renderer.render(snapshots.tenant(), page, snapshots.page_snapshot("acorn", page, settings)).body.decode()
    style = re.search(r"<style>(.*?)</style>", body, re.S)
    assert style is not None
    blocks = re.split(r"(?<!prefers-)color-scheme:", style.group(1))[1:]
    return [dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6});", block)) for block in blocks]


def _failures(scheme: dict[str, str]) -> list[str]:
    checked = ((text, ground, contrast(scheme[text], scheme[ground]), least) for text, ground, least in PAIRS)
    return [f"{text} on {ground}: {found:.2f}" for text, ground, found, least in checked if found < least]


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_made_up_shops_read_in_every_scheme(renderer: Renderer, name: str) -> None:
    for scheme in _schemes(renderer, SETTINGS[name]):
        assert _failures(scheme) == []


@pytest.mark.parametrize("style", ["plain", "accent", "ink"])
def test_every_combination_of_colours_reads(renderer: Renderer, style: str) -> None:
    footer = {"plain": "tint", "accent": "accent", "ink": "ink"}[style]
    bad = []
    for background, accent in itertools.product(PALETTE, PALETTE):
        settings: dict[str, object] = {
            "color_background": background,
            "color_text": PALETTE[(PALETTE.index(background) + PALETTE.index(accent)) % len(PALETTE)],
            "color_accent": accent,
            "color_second": PALETTE[PALETTE.index(accent) - 3],
            "color_dark_background": PALETTE[PALETTE.index(background) - 1],
            "header_style": style,
            "footer_style": footer,
        }
        schemes = _schemes(renderer, settings)
        assert len(schemes) == 2
        bad += [(settings, failures) for scheme in schemes if (failures := _failures(scheme))]
    assert bad == []
