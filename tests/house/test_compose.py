"""docker-compose.yml is right by the compose specification, and names only settings its programs have."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from compose_spec import PyCompose
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from standalone.command import free_port
from standalone.settings_docs import DOCUMENT, settings_classes
from standalone.wheels import valkey_program

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
PROGRAMS = {
    "python -m invalidation": "invalidation",
    "python -m origin": "origin",
    "python -m origin.jobs --queue events": "origin",
    "python -m origin.jobs --queue imports": "origin",
    "python -m edge_renderer": "edge_renderer",
    "python -m standalone.cli migrate": "standalone",
}


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
    return found


def program_of(service: dict[str, Any]) -> str | None:
    command = service.get("command", [])
    return PROGRAMS.get(command if isinstance(command, str) else " ".join(command))


def setting_names(package: str) -> set[str]:
    classes = [cls for name, cls in settings_classes().items() if name.startswith(f"{package}.")]
    return {f"STOA_{field.upper()}" for cls in classes for field in cls.model_fields}


def test_the_file_keeps_to_the_compose_specification() -> None:
    compose = PyCompose.from_json(json.dumps(yaml.safe_load(COMPOSE)))
    compose.validate()
    assert set(compose.service_names()) >= {"postgres", "state", "cache", "migrate", "relay", "origin", "worker"}


def test_every_program_runs_in_some_container() -> None:
    assert {program_of(service) for service in services().values()} >= set(PROGRAMS.values())


@pytest.mark.parametrize("name", [name for name, service in services().items() if program_of(service)])
def test_a_service_sets_only_what_its_program_knows_and_all_that_it_needs(name: str) -> None:
    service = services()[name]
    package = program_of(service)
    assert package is not None
    given = {key for key in service["environment"] if key.startswith("STOA_")}
    assert given <= setting_names(package)
    required = {
        f"STOA_{field.upper()}"
        for class_name, cls in settings_classes().items()
        if class_name.startswith(f"{package}.")
        for field, info in cls.model_fields.items()
        if info.is_required()
    }
    assert required <= given


def test_every_stoa_name_in_the_file_is_in_the_settings_document() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    named = set(re.findall(r"STOA_[A-Z0-9_]+", COMPOSE))
    assert named
    assert not {name for name in named if f"`{name}`" not in document}


def test_no_secret_has_a_default_and_a_missing_one_is_named() -> None:
    used = re.findall(r"\$\{([A-Z_]*(?:PASSWORD|SECRET|TOKEN|SIGNING_KEY|SECRET_KEY))(:?[?-])([^}]*)\}", COMPOSE)
    assert used
    assert not [name for name, operator, text in used if operator != ":?" or not text]


def test_an_edge_gets_no_address_of_the_database() -> None:
    assert len(edges()) == 2
    for edge in edges():
        assert not [key for key in edge["environment"] if "DATABASE" in key or "STRIPE" in key]


def edges() -> list[dict[str, Any]]:
    return [service for service in services().values() if program_of(service) == "edge_renderer"]


def test_an_edge_does_not_need_another_one_to_be_reached() -> None:
    assert not [service for service in services().values() if "network_mode" in service]
    ports = [edge["ports"] for edge in edges()]
    assert len({str(port) for port in ports}) == len(ports)


def test_the_valkeys_have_their_profiles() -> None:
    state, cache = (" ".join(services()[name]["command"]) for name in ("state", "cache"))
    assert "appendonly yes" in state
    assert "maxmemory-policy noeviction" in state
    assert "appendonly no" in cache
    assert "maxmemory-policy allkeys-lfu" in cache


@pytest.mark.parametrize("name", ["state", "cache"])
def test_a_valkey_is_started_by_the_images_entrypoint_and_hears_sigterm(name: str, tmp_path: Path) -> None:
    """The service's own command, with an entrypoint that only becomes what it is given, as the image's does at last."""
    entrypoint = tmp_path / "docker-entrypoint.sh"
    entrypoint.write_text('#!/bin/sh\nexec "$@"\n')
    entrypoint.chmod(0o755)
    port = free_port()
    shell, option, script = services()[name]["command"]
    script = script.replace("$$", "$").replace("<<EOF\n", f"<<EOF\nport {port}\n").replace("/data", str(tmp_path))
    path = f"{tmp_path}:{valkey_program().parent}:/usr/bin:/bin"
    server = subprocess.Popen(
        [shell, option, script],
        env={"PATH": path, "SERVER_PASSWORD": "letters1"},
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    try:
        client = redis.Redis(port=port, password="letters1", retry=Retry(ConstantBackoff(0.05), 200))
        with client:
            assert client.ping()
            assert client.config_get("appendonly") == {"appendonly": "yes" if name == "state" else "no"}
        server.terminate()
        assert server.wait(10) == 0
    finally:
        server.kill()
        server.wait()


def test_the_image_copies_every_package_the_programs_import() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for folder in ("contracts", "invalidation", "edge_renderer", "origin", "standalone", "themes"):
        assert f"COPY {folder} {folder}\n" in dockerfile
