"""Loading themes: digests, assets, settings, texts, colours, and what is refused with a sentence."""

import gzip
from pathlib import Path
from random import Random

import brotli
import pytest

from edge_renderer import colors
from edge_renderer.filters import FILTERS, safe_url
from edge_renderer.themes import ThemeError, ThemeLibrary, load_theme

THEMES = Path(__file__).parents[2] / "themes"
SETTINGS = """
[settings.accent]
type = "color"
default = "#112233"
[settings.columns]
type = "integer"
minimum = 2
maximum = 5
default = 4
[settings.look]
type = "select"
options = ["a", "b"]
default = "a"
[settings.wide]
type = "boolean"
default = false
[settings.button_url]
type = "url"
default = "/collections/all"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    theme = tmp_path / "tiny"
    for name, text in {
        "theme.toml": SETTINGS,
        "assets/style.css": "body{margin:0}" * 40,
        "templates/home.html": "hello",
        "locales/en.json": '{"cart": {"title": "Cart", "count": {"one": "{count} thing", "other": "{count} things"}}}',
        "locales/nl.json": '{"cart": {"title": "Mandje"}}',
    }.items():
        path = theme / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return theme


def test_the_version_changes_with_any_file_and_asset_urls_only_with_assets(folder: Path) -> None:
    before = load_theme(folder)
    (folder / "templates/home.html").write_text("hello again")
    after_template = load_theme(folder)
    (folder / "assets/style.css").write_text("body{margin:1px}")
    after_asset = load_theme(folder)
    assert len({before.version, after_template.version, after_asset.version}) == 3
    assert before.asset_url("style.css") == after_template.asset_url("style.css")
    assert before.asset_url("style.css") != after_asset.asset_url("style.css")


def test_assets_are_found_by_their_digest_only_and_come_compressed(folder: Path) -> None:
    library = ThemeLibrary.load(folder.parent, "tiny")
    asset = library.asset(library.get("tiny").asset_url("style.css"))
    assert asset is not None
    assert asset.content_type == "text/css; charset=utf-8"
    assert asset.br is not None
    assert asset.gzip is not None
    assert brotli.decompress(asset.br) == gzip.decompress(asset.gzip) == asset.body
    for path in ("/theme/tiny-0000/style.css", "/theme/tiny/style.css", "/theme/../theme.toml", "/theme/"):
        assert library.asset(path) is None


def test_a_shop_with_an_unknown_theme_gets_the_default_one(folder: Path) -> None:
    assert ThemeLibrary.load(folder.parent, "tiny").get("no-such-theme").name == "tiny"


def test_a_library_without_its_default_theme_does_not_start(folder: Path) -> None:
    with pytest.raises(ThemeError, match="there is no theme 'agora'"):
        ThemeLibrary.load(folder.parent)


def test_settings_of_the_wrong_kind_become_their_defaults(folder: Path) -> None:
    theme = load_theme(folder)
    nonsense = {
        "accent": "red;}</style>",
        "columns": 99,
        "look": "z",
        "wide": "yes",
        "button_url": "javascript:1",
        "x": 1,
    }
    defaults = {"accent": "#112233", "columns": 4, "look": "a", "wide": False, "button_url": "/collections/all"}
    assert theme.accepted_settings(None) == {}
    assert theme.defaults == defaults
    assert theme.defaults | theme.accepted_settings(nonsense) == defaults
    chosen = {"accent": "#ABC", "columns": 2, "look": "b", "wide": True, "button_url": ""}
    assert theme.accepted_settings(chosen) == chosen | {"accent": "#aabbcc"}


def test_texts_fall_back_to_english_and_then_to_their_key(folder: Path) -> None:
    theme = load_theme(folder)
    assert theme.texts("nl")["cart.title"] == theme.texts("nl-BE")["cart.title"] == "Mandje"
    assert theme.texts("nl")["cart.count"] == {"one": "{count} thing", "other": "{count} things"}
    assert theme.texts("ja") == theme.texts("en")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("theme.toml", "[settings.a]\ntype='colour'\ndefault=1", "setting a needs a known type"),
        ("theme.toml", "[settings.a]\ntype='integer'\ndefault='x'", "default of setting a"),
        ("theme.toml", "not toml", "theme.toml"),
        ("locales/en.json", "{", "is not JSON"),
        ("assets/big.txt", "x" * 600_000, "is over"),
    ],
)
def test_a_broken_theme_is_refused_with_the_file_and_the_reason(
    folder: Path, name: str, text: str, sentence: str
) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ThemeError, match=sentence):
        load_theme(folder)


def test_links_out_of_the_theme_are_refused(folder: Path) -> None:
    (folder / "assets/secret.txt").symlink_to("/etc/hostname")
    with pytest.raises(ThemeError, match="is a link"):
        load_theme(folder)


@pytest.mark.parametrize("url", ["/a", "https://x.example/a?b=1", "mailto:a@b.example", "tel:+3212", "#top", "?page=2"])
def test_urls_that_may_be_linked_stay(url: str) -> None:
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", " javascript:1", "data:text/html,x", "//evil.example", 'a"b', "", None, 3]
)
def test_urls_that_may_not_be_linked_become_empty(url: object) -> None:
    assert safe_url(url) == ""


def test_a_colour_goes_no_further_from_what_was_chosen_than_it_must() -> None:
    chance = Random(7)
    drawn = [tuple(f"#{chance.randrange(1 << 24):06x}" for _ in range(2)) for _ in range(3000)]
    for color, background in [("#000030", "#f266af"), ("#03021e", "#808ff9"), *drawn]:  # the first two end on the way
        ratio = chance.choice((3, 4.5)) if (color, background) in drawn[1000:] else 7
        goal = colors.text_on(background)
        steps = [colors.mix(color, goal, percent) for percent in range(0, 100, 5)]
        nearest = next((step for step in steps if colors.contrast(step, background) >= ratio), goal)
        assert colors.readable(color, background, ratio) == nearest


def test_every_colour_a_merchant_can_choose_ends_readable() -> None:
    steps = range(0, 256, 51)
    for red in steps:
        for green in steps:
            for blue in steps:
                color = f"#{red:02x}{green:02x}{blue:02x}"
                assert colors.contrast(colors.text_on(color), color) >= 4.5
                for background in ("#ffffff", "#000000", "#808080", color):
                    assert colors.contrast(colors.readable(color, background, 4.5), background) >= 4.5


def test_urls_with_changed_queries_keep_the_rest() -> None:
    url_with = FILTERS["url_with"]
    params = {"q": "a b", "page": "2", "filter.v.availability": "1"}
    assert url_with("/search", params, page=None) == "/search?q=a+b&filter.v.availability=1"
    assert url_with("/search", params, filter__v__availability=None, page=3) == "/search?q=a+b&page=3"


def test_images_always_keep_their_place_and_load_late_unless_they_are_first() -> None:
    image_tag = FILTERS["image_tag"]
    image = {"url": "/files/a.jpg", "alt": 'say "hi"', "width": 640, "height": 480}
    lazy, eager = image_tag(image), image_tag(image, eager=True)
    assert 'width="640" height="480"' in lazy
    assert "say &#34;hi&#34;" in lazy
    assert 'loading="lazy"' in lazy
    assert 'fetchpriority="high"' in eager
    assert 'width="900"' in image_tag("/files/b.jpg")
    assert image_tag({"url": "javascript:1"}) == ""


def test_agora_keeps_its_promises() -> None:
    theme = load_theme(THEMES / "agora")
    assert set(theme.assets) == {"agora.css", "agora.js"}
    assert len(theme.assets["agora.js"].body) < 15_000
    assert not any(
        "http://" in asset.body.decode() or "@import" in asset.body.decode() for asset in theme.assets.values()
    )
