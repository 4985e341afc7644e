"""The passwords and keys one installation makes up for itself, kept in one file only its owner can read."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from standalone.errors import StandaloneError


def write_private_json(path: Path, value: Any) -> None:
    """Replace `path` as a whole, mode 0600 from its first byte: nobody reads half a file or a secret."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class SecretsFile:
    """Named secrets, made on first use and the same ever after."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values = self._read()

    def get(self, name: str) -> str:
        """43 URL-safe characters (256 random bits)."""
        if name not in self._values:
            self._values[name] = secrets.token_urlsafe(32)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_private_json(self.path, self._values)
        return self._values[name]

    def _read(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StandaloneError(
                f"{self.path} is damaged. It holds the passwords of this data directory: restore it from a "
                "backup, or start with another --data-dir."
            ) from error
        return {str(name): str(value) for name, value in values.items()}
