"""The last column of STYLE.md's table of sizes."""

import pytest

from tests.house.sources import ROOT, files_of_tests, functions, name, source_files

SOURCE_LINES, TEST_LINES, FUNCTION_LINES, CONFTEST_LINES = 400, 600, 60, 60


def lines(path):
    return len(path.read_text().splitlines())


@pytest.mark.parametrize(("files", "limit"), [(source_files, SOURCE_LINES), (files_of_tests, TEST_LINES)])
def test_no_file_is_longer_than_one_reads_in_a_sitting(files, limit):
    assert {name(path): lines(path) for path in files() if lines(path) > limit} == {}


def test_conftest_only_says_which_fixtures_there_are():
    assert lines(ROOT / "tests/conftest.py") <= CONFTEST_LINES


def test_no_function_is_longer_than_a_screen():
    long = {
        f"{name(path)}:{function.name}": length
        for path in (*source_files(), *files_of_tests())
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}
