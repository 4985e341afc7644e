"""Theme code is untrusted: what it cannot say, what it cannot reach, and where it is stopped."""

import time
from collections.abc import Callable
from itertools import chain, count, pairwise, repeat
from pathlib import Path

import pytest

from contracts.page import Page, PageKind
from contracts.snapshot import Part, Snapshot
from edge_renderer.render import Renderer, RenderError, RenderLimitError, RenderLimits
from edge_renderer.themes import ThemeError, ThemeLibrary
from tests.fixtures import snapshots

Clock = Callable[[], float]
HOME = Page(PageKind.HOME)
LIMITS = RenderLimits(seconds=1.0, steps=5_000, output_bytes=200_000, text_length=50_000, list_length=1_000)


class Bench:
    """Renders one template as the home page of a theme that has nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "themes" / "tiny"
        self._folder.mkdir(parents=True)
        (self._folder / "theme.toml").write_text('name = "tiny"\n')

    def render(
        self,
        template: str,
        *,
        strict: bool = False,
        limits: RenderLimits = LIMITS,
        clock: Clock = time.thread_time,
        **files: str,
    ) -> str:
        return self.rendered(template, strict=strict, limits=limits, clock=clock, **files)[0]

    def rendered(
        self,
        template: str,
        *,
        strict: bool = False,
        limits: RenderLimits = LIMITS,
        clock: Clock = time.thread_time,
        **files: str,
    ) -> tuple[str, frozenset[str]]:
        for name, text in {"templates/home.html": template, **files}.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        renderer = Renderer(ThemeLibrary.load(self._folder.parent, "tiny"), limits, strict=strict, clock=clock)
        result = renderer.render(snapshots.tenant(theme="tiny"), HOME, _snapshot())
        return result.body.decode(), result.tags


def _snapshot() -> Snapshot:
    items = [{"id": number, "items": "an item called items"} for number in range(3)]
    return Snapshot(
        parts={
            "shop": Part({"name": "Acorn & sons", "settings": {}, "navigation": {}}, ("t/41/shop",)),
            "featured": Part(items, ("t/41/collection/1",)),
            "collections": Part([], ("t/41/collection/2",)),
        }
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# Escapes published against Jinja's sandbox and their relatives: refused when the theme is loaded.
@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ shop['__class__'] }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ _state }}",
        "{{ shop|attr('name') }}",
        "{{ '%s'|format(shop) }}",
        "{{ shop.name|safe }}",
        "{{ featured|map(attribute='x')|list }}",
        "{{ self.block() }}",
        "{{ 2 ** 9999999 }}",
        "{% import shop.name as other %}",
        "{% include ['a', 'b'] %}",
        "{% include '../../secrets' %}",
        "{% extends '/etc/passwd' %}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% autoescape false %}{{ shop.name }}{% endautoescape %}",
        "{% set ns._x = 1 %}",
        "{% macro f(_x) %}{% endmacro %}",
        "{{ f(*[1]) }}",
        "{% do x %}",
        "{% for x in %}",
    ],
)
def test_what_a_theme_must_not_say_is_refused_at_load_or_cannot_be_found(bench: Bench, template: str) -> None:
    with pytest.raises((ThemeError, RenderError)):
        bench.render(template)


# Nothing of Python is behind a dot: these print nothing.
@pytest.mark.parametrize(
    "template",
    [
        "{{ shop.keys }}",
        "{{ shop.items }}",
        "{{ shop.update }}",
        "{{ 'a'.format }}",
        "{{ 'a'.join }}",
        "{{ featured.append }}",
        "{{ (1).real }}",
        "{{ range.mro }}",
        "{{ cycler }}{{ joiner }}{{ namespace }}{{ lipsum }}{{ dict }}{{ config }}{{ request }}",
        "{% macro f() %}{% endmacro %}{{ f.name }}{{ f.environment }}",
        "{% for x in [1] %}{{ loop.depth }}{% endfor %}",
        "{{ nothing.at.all }}{{ shop.nothing.at.all }}",
    ],
)
def test_only_items_of_plain_data_can_be_reached(bench: Bench, template: str) -> None:
    assert bench.render(template) == ""


def test_a_field_called_items_is_the_field_and_not_a_method(bench: Bench) -> None:
    assert bench.render("{{ featured[0].items }}") == "an item called items"


@pytest.mark.parametrize("template", ["{{ shop.update({}) }}", "{{ shop.name.upper() }}", "{{ shop() }}"])
def test_calling_anything_but_macros_fails(bench: Bench, template: str) -> None:
    with pytest.raises(RenderError):
        bench.render(template)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(900) %}{% for b in range(900) %}{% endfor %}{% endfor %}",
        "{{ range(999999999) }}",
        "{{ 'a' * 999999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 99999999999 * 99999999999 * 99999999999 * 99999999999 }}",
        "{% macro f(x, n) %}{{ f(x ~ x, n - 1) if n }}{% endmacro %}{{ f('aaaaaaaaaa', 60) }}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
        "{% include 'templates/home.html' %}",
        "{% for a in range(1000) %}" + "x" * 1000 + "{% endfor %}",
        "{% set page %}{% for a in range(1000) %}" + "x" * 1000 + "{% endfor %}{% endset %}",
        "{% for a in range(1000) %}{{ shop.name|replace('', 'x') }}{{ text }}{% endfor %}"
        "{% for a in range(990) %}{% for b in range(990) %}{{ a }}{% endfor %}{% endfor %}",
        "{{ range(1000)|join(('0123456789' ~ '0123456789')|replace('0', '0123456789012345678901234567890')) }}",
    ],
)
def test_a_greedy_theme_is_stopped(bench: Bench, template: str) -> None:
    with pytest.raises(RenderError):
        bench.render(template)


# Small as long as nobody writes it out: 4 ** 20 texts.
NESTED = "{% set a = ['x', 'x', 'x', 'x'] %}" + "".join(
    f"{{% set {after} = [{before}, {before}, {before}, {before}] %}}"
    for before, after in pairwise("abcdefghijklmnopqrst")
)


def test_a_list_that_is_endless_once_it_is_written_out_is_not(bench: Bench) -> None:
    for way in ("{{ t }}", "{{ t ~ '' }}", "{{ t|lower }}", "{{ t|replace('x', 'y') }}", "{{ t|join }}", "{{ t|e }}"):
        assert bench.render(NESTED + way) == ""
    with pytest.raises(RenderLimitError, match="over 50000 characters"):
        bench.render(NESTED + "{{ t|json }}")
    assert bench.render("{{ [1, [2, {'a': none}]]|json }}") == '[1,[2,{"a":null}]]'


def test_a_long_text_is_not_joined_a_thousand_times(bench: Bench) -> None:
    with pytest.raises(RenderLimitError, match="over 50000 characters"):
        bench.render("{% set t = '" + "&" * 40_000 + "' %}{{ [t, t]|join }}")


def test_a_slow_theme_is_stopped_by_the_clock(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    limits = RenderLimits(seconds=0.05, steps=10**9, output_bytes=10**9)
    loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"
    with pytest.raises(RenderLimitError, match=r"longer than 0\.05 s"):
        bench.render(loops, limits=limits)


def test_one_pause_of_the_machine_fails_no_page(bench: Bench) -> None:
    """It shows as processor time of whoever was at work: the collector ran, or the host took the processor away."""
    limits = RenderLimits(seconds=0.0001)
    loop = "{% for a in range(4000) %}{% endfor %}."
    assert bench.render(loop, limits=limits, clock=chain([0.0], repeat(5.0)).__next__) == "."
    with pytest.raises(RenderLimitError, match="longer than"):
        bench.render(loop, limits=limits, clock=count(0.0).__next__)


def test_steps_and_bytes_have_sentences_of_their_own(bench: Bench) -> None:
    with pytest.raises(RenderLimitError, match="more than 5000 steps"):
        bench.render("{% for a in range(900) %}{% for b in range(900) %}{% endfor %}{% endfor %}")
    with pytest.raises(RenderLimitError, match="over 200000 bytes"):
        bench.render("{% for a in range(1000) %}" + "x" * 1000 + "{% endfor %}")


def test_a_macros_arguments_may_be_left_out_or_named_but_not_be_too_many(bench: Bench) -> None:
    macro = "{% macro m(a, b='<', c=a) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}"
    calls = "{{ m(1) }}{{ m(1, 2) }}{{ m(1, 2, 3) }}{{ m(1, c=4) }}{{ m() }}"
    assert bench.render(macro + calls) == "[1&lt;1][121][123][1&lt;4][&lt;]"
    with pytest.raises(RenderError, match="not more than 3"):
        bench.render(macro + "{{ m(1, 2, 3, 4) }}")


def test_text_is_escaped_unless_the_html_filter_says_it_is_html(bench: Bench) -> None:
    assert bench.render("{{ shop.name }} {{ shop.name|html }}") == "Acorn &amp; sons Acorn & sons"


def test_tags_follow_includes_imports_macros_and_blocks(bench: Bench) -> None:
    files = {
        "layout/page.html": "{% block body %}{% endblock %}",
        "snippets/shelf.html": "{% macro shelf() %}{{ featured|length }}{% endmacro %}",
        "snippets/all.html": "{{ collections|length }}",
    }
    start = "{% extends 'layout/page.html' %}{% from 'snippets/shelf.html' import shelf %}{% block body %}"
    plain = bench.rendered(start + "hello{% endblock %}", **files)
    macro = bench.rendered(start + "{{ shelf() }}{% endblock %}", **files)
    include = bench.rendered(start + "{% include 'snippets/all.html' %}{% endblock %}", **files)
    assert plain == ("hello", {"t/41/shop"})
    assert macro == ("3", {"t/41/shop", "t/41/collection/1"})
    assert include == ("0", {"t/41/shop", "t/41/collection/2"})


def test_an_imported_file_sees_the_pages_data_and_not_what_the_importing_file_has_set(bench: Bench) -> None:
    files = {"snippets/name.html": "{% macro name() %}{{ shop.name }}{{ mine }}{% endmacro %}"}
    assert bench.render("{% set mine = 1 %}{% from 'snippets/name.html' import name %}{{ name() }}", **files) == (
        "Acorn &amp; sons"
    )


def test_however_many_files_import_one_it_is_run_once_a_render(bench: Bench) -> None:
    files = {"snippets/slow.html": "{% for n in range(300) %}{% endfor %}{% macro dot() %}.{% endmacro %}"}
    once = "{% from 'snippets/slow.html' import dot %}{{ dot() }}"
    few_steps = RenderLimits(seconds=1.0, steps=350)
    assert bench.render(once * 20, limits=few_steps, **files) == "." * 20
    assert bench.render(once * 20, limits=few_steps, **files) == "." * 20, "the next render has its own"


def test_renaming_a_part_does_not_lose_its_tags(bench: Bench) -> None:
    text, tags = bench.rendered("{% set mine = featured %}{% set also = mine %}{{ also|length }}")
    assert (text, tags) == ("3", {"t/41/shop", "t/41/collection/1"})


def test_data_cannot_be_changed_by_a_theme(bench: Bench) -> None:
    snapshot = _snapshot()
    before = snapshot.encode()
    for template in ("{{ featured|reverse|length }}", "{% set featured = 1 %}", "{{ shop.pop('name') }}"):
        try:
            bench.render(template)
        except RenderError:
            continue
    assert snapshot.encode() == before


def test_a_fault_in_a_theme_names_the_template(bench: Bench) -> None:
    with pytest.raises(RenderError, match=r"tiny/templates/home\.html"):
        bench.render("{{ 1 // 0 }}")
    with pytest.raises(ThemeError, match=r"templates/home\.html, line 2"):
        bench.render("fine\n{{ broken")
