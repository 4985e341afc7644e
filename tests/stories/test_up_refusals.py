"""What `stoa up` and the others say when they cannot do what was asked: a sentence, exit code 1, nothing left."""

import json
import socket
import subprocess
from pathlib import Path

from origin.migrate import migrate
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


def test_a_wrong_address_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    done = up(tmp_path / "data", STOA_STATE_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "STOA_STATE_URL is set, but no Valkey answers there" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_wrong_setting_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    done = up(tmp_path / "data", STOA_CACHE_MEMORY_BYTES="much")
    assert done.returncode == 1
    assert "stoa: STOA_CACHE_MEMORY_BYTES: " in done.stderr
    assert "much" not in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "data").exists()


def test_a_command_without_a_running_platform_says_how_to_start_one(tmp_path: Path) -> None:
    done = stoa("store", "create", "Acorn", f"--data-dir={tmp_path}")
    assert done.returncode == 1
    assert "No platform is running in" in done.stderr
    assert "stoa up" in done.stderr


async def test_migrate_brings_a_given_database_up_and_the_second_time_applies_nothing(empty_database: str) -> None:
    done = stoa("migrate", "--json", STOA_DATABASE_URL=empty_database)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["applied"]
    assert await migrate(empty_database, {}) == []
