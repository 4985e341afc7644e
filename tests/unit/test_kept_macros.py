"""Kept macros: printed once for all that they depend on, and told apart by anything they could see."""

from pathlib import Path
from random import Random

import pytest
from markupsafe import Markup

from contracts.page import Page, PageKind, parse_target
from contracts.snapshot import Part, Snapshot
from edge_renderer.fragments import Fragments
from edge_renderer.render import Renderer, RenderLimitError, RenderLimits
from edge_renderer.themes import ThemeError, ThemeLibrary
from tests.fixtures import snapshots

AGORA = ThemeLibrary.load(Path(__file__).parents[2] / "themes")
LIMITS = RenderLimits(seconds=10)
HOME = Page(PageKind.HOME)
SETTING = '\n[settings.color]\ntype = "color"\nlabel = "C"\ndefault = "#112233"\n'
TARGETS = [
    "/",
    snapshots.card("acorn", 0)["url"],
    snapshots.card("birch", 0)["url"],
    "/collections/all",
    "/collections",
    "/search?q=bowl",
    "/pages/about",
]


class Bench:
    """A theme of one page that calls one kept macro of `snippets/a.html`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tiny"
        self.fragments = Fragments(100_000)

    def renderer(self, macros: str, call: str, limits: RenderLimits = LIMITS) -> Renderer:
        files = {
            "theme.toml": f'name = "tiny"\nkept_macros = ["snippets/a.html:kept"]\n{SETTING}',
            "snippets/a.html": macros,
            "templates/home.html": "{% from 'snippets/a.html' import kept %}" + call,
        }
        for name, text in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Renderer(ThemeLibrary.load(self._folder.parent, "tiny"), limits, self.fragments)

    def counted(self) -> tuple[int, int]:
        return self.fragments.counters.made, self.fragments.counters.found


def home(renderer: Renderer, name: str = "acorn", currency: str = "EUR", locale: str = "en", color: str = "") -> str:
    settings = {"color": color} if color else {}
    shop = Part({"name": name, "settings": settings, "navigation": {}}, (f"t/{name}/shop",))
    tenant = snapshots.tenant(name, currency=currency, locale=locale, theme="tiny")
    return renderer.render(tenant, HOME, Snapshot(parts={"shop": shop})).body.decode()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_same_is_printed_once_for_whichever_shop(bench: Bench) -> None:
    renderer = bench.renderer("{% macro kept(x, y=1) %}<b>{{ x }}{{ y }}</b>{% endmacro %}", "{{ kept('&') }}")
    assert home(renderer, "acorn") == home(renderer, "birch") == "<b>&amp;1</b>"
    assert bench.counted() == (1, 1)


@pytest.mark.parametrize("other", [{"currency": "USD"}, {"locale": "nl"}, {"color": "#445566"}])
def test_two_shops_that_differ_in_what_it_can_see_share_nothing(bench: Bench, other: dict[str, str]) -> None:
    renderer = bench.renderer(
        "{% macro kept(x) %}{{ x|money }} {{ settings.color }} {{ '2026-02-01'|date }}{% endmacro %}",
        "{{ shop.name }} {{ kept(199900) }}",
    )
    acorn, birch = home(renderer, "acorn"), home(renderer, "birch", **other)
    assert bench.counted() == (2, 0)
    assert acorn.removeprefix("acorn") != birch.removeprefix("birch")
    assert home(renderer, "acorn") == acorn
    assert home(renderer, "birch", **other) == birch


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("1", "'1'"),
        ("1", "true"),
        ("[1, 2]", "[2, 1]"),
        ("{'a': 1}", "{'a': 2}"),
        ("'ab', 'c'", "'a', 'bc'"),
        ("1", "y=1"),
    ],
)
def test_arguments_are_told_apart(bench: Bench, one: str, another: str) -> None:
    macro = "{% macro kept(x=0, y=0) %}{{ x|json }},{{ y|json }}{% endmacro %}"
    texts = home(bench.renderer(macro, f"{{{{ kept({one}) }}}}|{{{{ kept({another}) }}}}")).split("|")
    assert texts[0] != texts[1]
    assert bench.counted() == (2, 0)


@pytest.mark.parametrize(
    ("macro", "made"),
    [
        ("{% macro kept() %}{{ 'cart.title'|t }}{% endmacro %}", 1),
        ("{% macro kept() %}{{ inner() }}{% endmacro %}{% macro inner() %}{{ settings.color }}{% endmacro %}", 2),
        ("{% macro kept() %}{{ settings['color'] }}{% endmacro %}", 2),
        ("{% macro kept() %}{% set all = settings %}{{ all.color }}{% endmacro %}", 2),
    ],
)
def test_shops_share_it_if_they_differ_only_in_settings_that_it_does_not_name(
    bench: Bench, macro: str, made: int
) -> None:
    renderer = bench.renderer(macro, "{{ kept() }}")
    texts = [home(renderer, name, color=color) for name, color in (("acorn", "#445566"), ("birch", "#665544"))]
    assert bench.counted() == (made, 2 - made)
    assert len(set(texts)) == made


def test_a_file_is_run_once_a_page_and_not_at_all_if_what_is_used_of_it_is_kept(bench: Bench) -> None:
    macros = "{% for n in range(300) %}{% endfor %}{% macro kept(x) %}{{ x }}{% endmacro %}"
    call = "{{ kept(1) }}{{ kept(2) }}"
    with pytest.raises(RenderLimitError):
        home(bench.renderer(macros, call, RenderLimits(steps=250)))
    assert home(bench.renderer(macros, call, RenderLimits(steps=350))) == "12"
    assert home(bench.renderer(macros, call, RenderLimits(steps=250))) == "12"


def test_what_an_imported_file_has_besides_macros_is_there(bench: Bench) -> None:
    macros = "{% set colors = ['red', shop.name] %}{% macro kept(x) %}{{ x }}{% endmacro %}"
    call = (
        "{% from 'snippets/a.html' import colors, nothing %}{% import 'snippets/a.html' as a %}"
        "{{ colors|join(',') }} {{ a.colors[1] }} {{ a.kept('y') }} [{{ nothing }}{{ a.nothing }}]"
    )
    assert home(bench.renderer(macros, call)) == "red,acorn acorn y []"


def test_what_has_no_name_is_printed_each_time(bench: Bench) -> None:
    call = "{% set made %}<i>{{ shop.name }}</i>{% endset %}{{ kept(made) }}{{ kept(shop.nothing) }}"
    renderer = bench.renderer("{% macro kept(x) %}[{{ x }}]{% endmacro %}", call)
    assert [home(renderer, name) for name in ("acorn", "birch")] == ["[<i>acorn</i>][]", "[<i>birch</i>][]"]
    assert bench.counted() == (0, 0)


@pytest.mark.parametrize(
    ("macros", "sees"),
    [
        ("{% macro kept() %}{{ shop.name }}{% endmacro %}", "kept sees shop"),
        ("{% macro kept() %}{{ inner() }}{% endmacro %}{% macro inner() %}{{ view }}{% endmacro %}", "inner sees view"),
        ("{% macro kept(x) %}{% if x %}{% set shop = 1 %}{% endif %}{{ shop }}{% endmacro %}", "kept sees shop"),
        ("{% set top = shop %}{% macro kept() %}{{ top.name }}{% endmacro %}", "kept sees top"),
        ("{% macro kept() %}{{ caller() }}{% endmacro %}", "kept sees caller"),
        ("{% macro kept() %}{% include 'templates/home.html' %}{% endmacro %}", "kept sees include"),
        ("{% macro other() %}{% endmacro %}", "has no macro kept"),
        ("{% macro kept() %}{{ shop }}{% endmacro %}{% macro kept() %}x{% endmacro %}", "kept .* 2 things"),
        ("{% set settings = shop %}{% macro kept() %}{{ settings.name }}{% endmacro %}", "something else settings"),
        ("{% set range = shop.name %}{% macro kept() %}{{ range }}{% endmacro %}", "something else range"),
        (
            "{% macro kept() %}{{ i }}{% endmacro %}{% macro i() %}x{% endmacro %}{% set i = shop.name %}",
            "i cannot be kept .* 2 things",
        ),
        (
            "{% macro kept() %}{{ i() }}{% endmacro %}{% macro i() %}x{% endmacro %}"
            "{% from 'snippets/b.html' import i %}",
            "i cannot be kept .* 2 things",
        ),
    ],
)  # fmt: skip
def test_a_theme_that_keeps_what_sees_the_page_does_not_load(bench: Bench, macros: str, sees: str) -> None:
    with pytest.raises(ThemeError, match=sees):
        bench.renderer(macros, "")


def test_in_an_included_file_nothing_is_kept_for_it_sees_what_the_including_one_has_set(bench: Bench) -> None:
    call = "{% set settings = {'color': shop.name} %}{% include 'snippets/a.html' %}"
    renderer = bench.renderer("{% macro kept() %}[{{ settings.color }}]{% endmacro %}{{ kept() }}", call)
    assert [home(renderer, name) for name in ("acorn", "birch")] == ["[acorn]", "[birch]"]


def test_what_is_found_counts_as_output_too(bench: Bench) -> None:
    limits = RenderLimits(seconds=10, output_bytes=50_000)
    call = "{% for n in range(400) %}{{ kept('x') }}{% endfor %}"
    renderer = bench.renderer("{% macro kept(x) %}" + "y" * 400 + "{% endmacro %}", call, limits)
    with pytest.raises(RenderLimitError, match="over 50000 bytes"):
        home(renderer)
    assert bench.counted()[0] == 1


def test_a_theme_cannot_make_an_endless_name(bench: Bench) -> None:
    call = "{% set a = ['x'] %}" + "{% set a = [a, a, a, a, a, a, a, a] %}" * 30 + "{{ kept(a) }}"
    assert home(bench.renderer("{% macro kept(x) %}.{% endmacro %}", call)) == "."


def test_the_oldest_go_when_there_are_too_many() -> None:
    fragments = Fragments(10_000)
    for number in range(1000):
        fragments.put(bytes([number // 256, number % 256]), Markup("x" * 500))
        assert fragments.held_bytes <= 10_000
        assert fragments.get(bytes([0, 0])) is not None or number > 20
        fragments.get(bytes([number // 256, number % 256]))
    assert fragments.get((999).to_bytes(2, "big")) == "x" * 500
    assert fragments.get((500).to_bytes(2, "big")) is None


def test_no_page_of_either_shop_shows_what_was_made_before_it() -> None:
    used, forgetful = Renderer(AGORA, LIMITS), Renderer(AGORA, LIMITS, Fragments(0))
    asked = [(name, target) for name in ("acorn", "birch") for target in TARGETS] * 3
    Random(5).shuffle(asked)
    for name, target in asked:
        tenant, page = snapshots.tenant(name), parse_target(target)
        snapshot = snapshots.page_snapshot(name, page)
        assert used.render(tenant, page, snapshot) == forgetful.render(tenant, page, snapshot)
