"""What `stoa up` and the others say when they cannot do what was asked: a sentence, exit code 1, nothing left."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from standalone.command import free_port
from tests.fixtures.platform import stoa


def up(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ports = () if arguments else (f"--edge-port={free_port()}", f"--origin-port={free_port()}")
    return stoa("up", f"--data-dir={data_dir}", "--no-demo", *arguments, *ports, **environment)


def test_a_busy_port_is_named_with_the_option_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = up(tmp_path / "data", f"--edge-port={port}", f"--origin-port={free_port()}")
    assert done.returncode == 1
    assert f"Port {port} is in use by" in done.stderr
    assert "choose another with --edge-port" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "data" / "postgres").exists()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("STOA_DATABASE_URL", "mysql://x/y", "STOA_DATABASE_URL is not an address Stoa can use"),
        ("STOA_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d", "PostgreSQL does not answer there"),
        ("STOA_STATE_URL", "redis://127.0.0.1:1/0", "STOA_STATE_URL is set, but no Valkey answers there"),
        ("STOA_CACHE_URL", "http://127.0.0.1", "STOA_CACHE_URL is not an address Stoa can use"),
    ],
)
def test_a_wrong_address_is_named_and_nothing_is_started(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    done = up(tmp_path / "data", **{variable: value})
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_file_where_the_data_directory_should_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    done = up(tmp_path / "data")
    assert done.returncode == 1
    assert "cannot be written to" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor",),
        ("store", "list"),
        ("store", "create", "Acorn"),
        ("import", "x.csv", "--store", "acorn"),
        ("migrate",),
    ],
)
def test_a_command_without_a_running_platform_says_how_to_start_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = stoa(*arguments, f"--data-dir={tmp_path}")
    assert done.returncode == 1
    assert "No platform is running in" in done.stderr
    assert "stoa up" in done.stderr


def test_an_unknown_benchmark_lists_those_there_are() -> None:
    done = stoa("bench", "nope")
    assert done.returncode == 1
    assert "There is no benchmark 'nope'" in done.stderr


def test_migrate_brings_a_given_database_up_and_the_second_time_applies_nothing(empty_database: str) -> None:
    first = stoa("migrate", "--json", STOA_DATABASE_URL=empty_database)
    second = stoa("migrate", "--json", STOA_DATABASE_URL=empty_database)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert json.loads(first.stdout)["applied"]
    assert json.loads(second.stdout) == {"applied": []}
