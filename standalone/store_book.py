"""The shops whose admin tokens this machine knows. The platform keeps only hashes, so they are written down here."""

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from standalone.ready_file import Ready, StoreAccess, read_ready, ready_path, write_ready
from standalone.secrets_file import write_private_json


class StoreBook:
    """stores.json in the data directory, and the part of ready.json that repeats it.

    Several processes change both: every change is read, made and written under one lock.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / "stores.json"

    def stores(self) -> list[StoreAccess]:
        return [StoreAccess.decode(record) for record in self._read()["stores"]]

    def has_demo_shops(self) -> bool:
        return bool(self._read()["demo_shops_made"])

    def add(self, stores: Iterable[StoreAccess], *, are_demo_shops: bool = False) -> None:
        """A shop that is there already gets its newer token. ready.json follows, if there is one."""
        with self._locked():
            content = self._read()
            by_id = {record["store_id"]: record for record in content["stores"]}
            by_id.update({store.store_id: asdict(store) for store in stores})
            demo_shops_made = content["demo_shops_made"] or are_demo_shops
            self._write({"demo_shops_made": demo_shops_made, "stores": list(by_id.values())})

    def remove(self, store_id: int) -> None:
        with self._locked():
            content = self._read()
            kept = [record for record in content["stores"] if record["store_id"] != store_id]
            self._write({**content, "stores": kept})

    def publish(self, ready: Ready) -> None:
        """Write ready.json, with the shops as they are at this moment."""
        with self._locked():
            write_ready(self._data_dir, replace(ready, stores=self.stores()))

    def withdraw(self) -> None:
        """Nobody finds the platform by ready.json any more, and nobody who adds a shop brings the file back."""
        if ready_path(self._data_dir).exists():
            with self._locked():
                ready_path(self._data_dir).unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {"demo_shops_made": False, "stores": []}
        content: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return content

    def _write(self, content: dict[str, Any]) -> None:
        write_private_json(self._path, content)
        if ready_path(self._data_dir).exists():
            write_ready(self._data_dir, replace(read_ready(self._data_dir), stores=self.stores()))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._path.with_suffix(".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
