"""Names and small rules of STYLE.md that a reader should never have to check."""

import ast
import re
from collections import defaultdict

from tests.house.sources import ROOT, files_of_tests, functions, name, source_files, tree

MEANINGLESS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager", "services"}


def test_no_file_or_folder_is_called_after_nothing():
    found = [
        name(path)
        for path in (*source_files(), *files_of_tests())
        if MEANINGLESS & {path.stem, *path.parent.parts[-2:]}
    ]
    assert found == []


def test_every_module_says_what_it_holds():
    missing = [
        name(path)
        for path in (*source_files(), *files_of_tests())
        if path.name != "__init__.py" and not ast.get_docstring(tree(path))
    ]
    assert missing == []


def test_package_files_are_empty():
    assert [
        name(path) for path in (*source_files(), *files_of_tests()) if path.name == "__init__.py" and path.read_text()
    ] == []


def test_every_test_can_fail():
    """A test asserts, expects an exception, or calls (or hands on) a function of the tests' own that itself asserts."""
    everything = [(path, function) for path in files_of_tests() for function in functions(path)]
    found = defaultdict(list)
    for _, function in everything:
        if not function.name.startswith("test_") and not _is_fixture(function):
            found[function.name].append(function)
    asserting = {called for called, definitions in found.items() if all(map(_asserts, definitions))}
    silent = [
        f"{name(path)}:{function.name}"
        for path, function in everything
        if function.name.startswith("test_") and not _asserts(function) and not _called(function) & asserting
    ]
    assert silent == []


def _is_fixture(function):
    return any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)


def _asserts(function):
    """By itself: the words that make a test fail, Playwright's `expect` among them."""
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ast.unparse(node.func) in {"pytest.raises", "pytest.fail", "expect"})
        for node in ast.walk(function)
    )


def _called(function):
    """Names of what is called, and of what is given to a call by name, as a thread's work is."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            names |= {part.id for part in (node.func, *node.args) if isinstance(part, ast.Name)}
            names |= {node.func.attr} if isinstance(node.func, ast.Attribute) else set()
    return names


def test_the_environment_is_read_in_settings_only():
    """Programs are told things through their settings; standalone hands its children their environment."""
    found = [
        name(path)
        for path in source_files()
        if re.search(r"os\.(environ|getenv)", path.read_text())
        and not name(path).startswith(("standalone/", "loadtest/"))
    ]
    assert found == []


def test_the_tenant_of_a_connection_is_set_in_one_place():
    found = [name(path) for path in source_files() if re.search(r"SET\s+(LOCAL\s+)?app\.", path.read_text())]
    assert found == ["origin/db.py"]


def test_nothing_speaks_of_this_machine():
    wheres = tuple(f"/{folder}/" for folder in ("work", "root", "home"))
    found = [
        name(path)
        for path in (*source_files(), *files_of_tests(), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"))
        if path.name != "test_names.py" and any(where in path.read_text() for where in wheres)
    ]
    assert found == []
