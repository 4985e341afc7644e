"""ready.json: how scripts, tests and the other `stoa` commands find a running platform. Its keys are a promise."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from standalone.errors import StandaloneError, UnknownStoreError
from standalone.secrets_file import write_private_json


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """A shop and the token that opens its admin API."""

    store_id: int
    name: str
    host: str
    admin_token: str

    @classmethod
    def decode(cls, record: dict[str, Any]) -> "StoreAccess":
        return cls(int(record["store_id"]), str(record["name"]), str(record["host"]), str(record["admin_token"]))

    def is_called(self, name: str) -> bool:
        """By id, host, subdomain or name, in any case of letters."""
        wanted = name.casefold()
        return wanted in (str(self.store_id), self.host, self.host.partition(".")[0], self.name.casefold())


@dataclass(frozen=True, slots=True)
class EdgeWorker:
    """One edge process by itself: `url` serves shoppers, `ops_url` health and metrics."""

    url: str
    ops_url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The platform that runs now. `stripe_url` is empty when payments go to the real Stripe."""

    edge: str
    origin: str
    platform_token: str
    database_url: str
    state_url: str
    cache_url: str
    stripe_url: str
    smtp_url: str
    mail_url: str
    relay_ops_url: str
    origin_ops_url: str
    stores: list[StoreAccess] = field(default_factory=list)
    edge_workers: list[EdgeWorker] = field(default_factory=list)
    pids: dict[str, list[int]] = field(default_factory=dict)

    def store_called(self, name: str) -> StoreAccess:
        found = [store for store in self.stores if store.is_called(name)]
        if len(found) > 1:
            raise ambiguous(name, found)
        if found:
            return found[0]
        known = ", ".join(store.host.partition(".")[0] for store in self.stores) or "none yet"
        raise UnknownStoreError(
            f"No shop here is called {name!r}. The shops whose token this platform knows: {known}. "
            "`stoa store create` makes one; for another, give its token in STOA_ADMIN_TOKEN."
        )


def ambiguous(name: str, stores: Iterable[StoreAccess]) -> StandaloneError:
    meant = ", ".join(f"{store.host} (id {store.store_id})" for store in stores)
    return StandaloneError(f"{name!r} may mean several shops: {meant}. Say which by its host.")


def ready_path(data_dir: Path) -> Path:
    return data_dir / "ready.json"


def write_ready(data_dir: Path, ready: Ready) -> None:
    write_private_json(ready_path(data_dir), asdict(ready))


def read_ready(data_dir: Path) -> Ready:
    """Raises StandaloneError when no platform runs there."""
    path = ready_path(data_dir)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StandaloneError(
            f"No platform is running in {data_dir}. Start one with `stoa up`, or say where it keeps its data: "
            "--data-dir D."
        ) from error
    except (OSError, ValueError) as error:
        raise StandaloneError(f"{path} cannot be read ({error}). Stop the platform and start it again.") from error
    stores = [StoreAccess.decode(store) for store in record.pop("stores")]
    workers = [EdgeWorker(**worker) for worker in record.pop("edge_workers")]
    return Ready(**record, stores=stores, edge_workers=workers)
