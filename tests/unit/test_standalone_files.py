"""The files a platform keeps about itself: ready.json, stores.json, ports, the lock; and small rules beside them."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from standalone.benchmarks import run_benchmark
from standalone.checks import check_database, check_valkey
from standalone.command import clean_environment, port_is_free
from standalone.data_folder import DataFolder
from standalone.errors import StandaloneError
from standalone.output import Output
from standalone.platform import as_role
from standalone.programs import Addresses, Keys, Programs
from standalone.ready_file import EdgeWorker, Ready, StoreAccess, read_ready, ready_path, write_ready
from standalone.secrets_file import SecretsFile
from standalone.settings import StandaloneSettings
from standalone.store_book import StoreBook
from standalone.store_commands import subdomain_for

ACORN = StoreAccess(1, "Acorn & Co", "acorn.stoa.localhost", "token-a")
BIRCH = StoreAccess(2, "Birch", "birch.stoa.localhost", "token-b")

PROMISED = {
    "edge",
    "origin",
    "platform_token",
    "database_url",
    "state_url",
    "cache_url",
    "stripe_url",
    "smtp_url",
    "stores",
    "pids",
}


def a_ready(stores: list[StoreAccess]) -> Ready:
    return Ready(
        edge="http://127.0.0.1:8080",
        origin="http://127.0.0.1:8081",
        platform_token="platform",
        database_url="postgresql://x",
        state_url="redis://state",
        cache_url="redis://cache",
        stripe_url="",
        smtp_url="smtp://127.0.0.1:25",
        mail_url="",
        relay_ops_url="http://127.0.0.1:1",
        origin_ops_url="http://127.0.0.1:4",
        stores=stores,
        edge_workers=[EdgeWorker("http://127.0.0.1:2", "http://127.0.0.1:3", 7)],
        pids={"edge": [7]},
    )


def test_ready_json_comes_back_as_it_went_in_and_is_its_owners_only(tmp_path: Path) -> None:
    write_ready(tmp_path, a_ready([ACORN, BIRCH]))
    assert read_ready(tmp_path) == a_ready([ACORN, BIRCH])
    assert ready_path(tmp_path).stat().st_mode & 0o777 == 0o600


def test_ready_json_has_every_key_that_scripts_were_promised(tmp_path: Path) -> None:
    assert set(Ready.__dataclass_fields__) >= PROMISED
    assert set(StoreAccess.__dataclass_fields__) == {"store_id", "name", "host", "admin_token"}


def test_no_running_platform_is_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StandaloneError, match=r"No platform is running in .*stoa up"):
        read_ready(tmp_path)


@pytest.mark.parametrize("name", ["1", "acorn", "acorn.stoa.localhost", "ACORN & co"])
def test_a_shop_is_found_by_any_of_its_names(name: str) -> None:
    assert a_ready([BIRCH, ACORN]).store_called(name) == ACORN


def test_an_unknown_shop_is_a_sentence_that_lists_the_known_ones() -> None:
    with pytest.raises(StandaloneError, match="The shops whose token this platform knows: acorn, birch"):
        a_ready([ACORN, BIRCH]).store_called("cedar")


def test_a_new_shop_is_kept_and_shown_in_ready_json_at_once(tmp_path: Path) -> None:
    book = StoreBook(tmp_path)
    book.add([ACORN], are_demo_shops=True)
    assert not ready_path(tmp_path).exists()
    write_ready(tmp_path, a_ready([ACORN]))
    book.add([BIRCH])
    assert read_ready(tmp_path).stores == [ACORN, BIRCH]
    assert StoreBook(tmp_path).stores() == [ACORN, BIRCH]
    assert StoreBook(tmp_path).has_demo_shops()
    book.remove(ACORN.store_id)
    assert read_ready(tmp_path).stores == [BIRCH]
    assert (tmp_path / "stores.json").stat().st_mode & 0o777 == 0o600


def test_a_platform_that_has_stopped_stays_hidden_when_a_shop_is_added(tmp_path: Path) -> None:
    book = StoreBook(tmp_path)
    book.add([ACORN])
    book.publish(a_ready([]))
    assert read_ready(tmp_path).stores == [ACORN]
    book.withdraw()
    book.add([BIRCH])
    assert not ready_path(tmp_path).exists()
    assert StoreBook(tmp_path).stores() == [ACORN, BIRCH]


def test_a_new_pid_and_a_new_shop_at_once_are_both_in_ready_json(tmp_path: Path) -> None:
    """What was read before the other's write is not written back over it."""
    book = StoreBook(tmp_path)
    book.add([ACORN])
    seen_before = replace(a_ready(book.stores()), pids={"edge": [8]})
    book.add([BIRCH])
    book.publish(seen_before)
    assert read_ready(tmp_path).stores == [ACORN, BIRCH]
    assert read_ready(tmp_path).pids == {"edge": [8]}


def test_no_secret_of_the_payment_sandbox_is_on_its_command_line(tmp_path: Path) -> None:
    addresses = Addresses(*["x"] * 9, edge_port=1, origin_port=2, relay_ops_port=3, origin_ops_port=4)
    keys = Keys(*["x"] * 5, stripe_webhook_secret="whsec_hidden")
    command = Programs(DataFolder(tmp_path), StandaloneSettings(), addresses, keys).payment_sandbox(4).command
    assert "whsec_hidden" not in " ".join(command.wrapped_argv())
    assert command.environment["STOA_STRIPE_WEBHOOK_SECRET"] == "whsec_hidden"


def test_a_second_platform_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        DataFolder(tmp_path).locked(),
        pytest.raises(StandaloneError, match="already running with the data directory"),
        DataFolder(tmp_path).locked(),
    ):
        pass
    with DataFolder(tmp_path).locked():
        assert (tmp_path / "lock").read_text().isdigit()


def test_ports_stay_the_same_unless_somebody_else_took_one(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    first = folder.ports(["postgres", "state", "cache"])
    assert len(set(first.values())) == 3
    assert folder.ports(["postgres", "state", "cache"]) == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["state"]))
        other.listen()
        second = folder.ports(["postgres", "state", "cache"])
    assert second["state"] != first["state"]
    assert second["postgres"] == first["postgres"]


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StandaloneError, match=r"cannot be written to .*--data-dir"):
        DataFolder(tmp_path / "file" / "below").make()


def test_a_damaged_secrets_file_is_a_sentence_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("{")
    with pytest.raises(StandaloneError, match="is damaged"):
        SecretsFile(path)
    assert path.read_text() == "{"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://x/y", "STOA_DATABASE_URL is not an address Stoa can use. It looks like postgresql://"),
        ("postgresql://u:p@127.0.0.1:1/d", "PostgreSQL does not answer there: .*Correct it, or unset it"),
        ("postgresql://127.0.0.1:port/d", "STOA_DATABASE_URL is not an address Stoa can use"),
    ],
)
async def test_a_wrong_database_address_is_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(StandaloneError, match=sentence):
        await check_database(url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1", "STOA_CACHE_URL is not an address Stoa can use. It looks like redis://"),
        ("redis://127.0.0.1:1/0", "STOA_CACHE_URL is set, but no Valkey answers there: .*Correct it, or unset it"),
    ],
)
async def test_a_wrong_valkey_address_is_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(StandaloneError, match=sentence):
        await check_valkey(url, "STOA_CACHE_URL")


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert not port_is_free(other.getsockname()[1])


def test_children_do_not_inherit_what_opens_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("STOA_STRIPE_SECRET_KEY", "sk_live")
    monkeypatch.setenv("STOA_EDGE_MEMORY_BYTES", "1048576")
    environment = clean_environment()
    assert "STOA_DATABASE_URL" not in environment
    assert "STOA_STRIPE_SECRET_KEY" not in environment
    assert environment["STOA_EDGE_MEMORY_BYTES"] == "1048576"


def test_a_roles_url_keeps_everything_but_the_user_and_quotes_the_password() -> None:
    url = as_role("postgresql://admin:a%40b@db.example:5433/stoa?sslmode=require", "stoa_app", "p/w@d")
    assert url == "postgresql://stoa_app:p%2Fw%40d@db.example:5433/stoa?sslmode=require"


@pytest.mark.parametrize(
    ("name", "subdomain"), [("Ärzte & Co.", "arzte-co"), ("  Kiln  ", "kiln"), ("x" * 80, "x" * 63)]
)
def test_a_subdomain_is_made_from_a_name(name: str, subdomain: str) -> None:
    assert subdomain_for(name) == subdomain


def test_a_name_without_letters_asks_for_a_subdomain() -> None:
    with pytest.raises(StandaloneError, match="choose one with --subdomain"):
        subdomain_for("店")


async def test_an_unknown_benchmark_is_a_sentence_that_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(StandaloneError, match=r"There is no benchmark 'nope'. There are: "):
        await run_benchmark("nope", tmp_path, Output(Console()))
