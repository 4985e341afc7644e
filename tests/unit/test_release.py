"""The name under which edges share pages: one for edges that would make the same page of the same snapshot."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_renderer.release import release_of
from tests.fixtures.edges import theming

THEMES = list(theming().themes)
CODE = Path(__file__).resolve().parents[2]


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for name in ("edge_renderer", "contracts"):
        shutil.copytree(CODE / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_same_release_has_the_same_name_wherever_it_lies(packages: Path) -> None:
    assert release_of(THEMES, 5, packages) == release_of(THEMES, 5) == theming().release


def test_other_code_another_theme_or_other_headers_are_another_release(packages: Path) -> None:
    before = release_of(THEMES, 5, packages)
    other_theme = [replace(THEMES[0], version="of tomorrow")]
    names = {before, release_of(THEMES, 6, packages), release_of(other_theme, 5, packages)}
    with (packages / "edge_renderer" / "twin_fields.py").open("a") as code:
        code.write("# a field of another shape\n")
    assert len(names | {release_of(THEMES, 5, packages)}) == 4
