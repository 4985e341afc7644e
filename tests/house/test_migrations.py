"""Every migration through squawk, the linter for PostgreSQL migrations, with the exceptions stated here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT

MIGRATIONS = sorted((ROOT / "origin/migrations").glob("*.sql"))
SQUAWK = shutil.which("squawk", path=str(Path(sys.executable).parent))

# The first release creates empty tables, so nothing can be locked or rewritten under load; and the migrator gives each
# file a transaction, time-outs and a record of its own.
EXCEPTIONS = (
    "require-timeout-settings",
    "prefer-robust-stmts",
    "require-concurrent-index-creation",
    "adding-field-with-default",
    "prefer-bigint-over-int",
    "identifier-too-long",
)


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_squawk_accepts_the_migration(path):
    assert SQUAWK, "squawk is not installed; run make setup"
    command = [SQUAWK, "--pg-version=18", "--assume-in-transaction", f"--exclude={','.join(EXCEPTIONS)}", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_migrations_are_numbered_without_a_gap_and_say_when_they_run():
    names = [re.fullmatch(r"(\d{4})_(pre|post)_\w+\.sql", path.name) for path in MIGRATIONS]
    assert all(names)
    assert [int(found[1]) for found in names if found] == list(range(1, len(MIGRATIONS) + 1))
