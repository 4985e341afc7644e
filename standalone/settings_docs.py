"""Keeps the tables of docs/settings.md equal to the settings classes; `python -m standalone.settings_docs` writes them.

A table follows a line `<!-- settings: MODULE.CLASS -->` and ends at the next empty line; the prose is people's.
"""

import re
from importlib import import_module
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

PACKAGES = ("invalidation", "edge_renderer", "origin", "standalone", "loadtest")
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
_TABLE = re.compile(r"(<!-- settings: (?P<name>[\w.]+) -->\n).*?(?=\n\n|\Z)", re.DOTALL)


def settings_classes() -> dict[str, type[BaseSettings]]:
    """By MODULE.CLASS: every settings class of every program."""
    found = {}
    for package in PACKAGES:
        folder = Path(__file__).resolve().parent.parent / package
        for path in sorted(folder.rglob("settings.py")):
            name = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
            for cls in vars(import_module(name)).values():
                if isinstance(cls, type) and issubclass(cls, BaseSettings) and cls.__module__ == name:
                    found[f"{name}.{cls.__name__}"] = cls
    return found


def table_of(cls: type[BaseSettings]) -> str:
    prefix = str(cls.model_config.get("env_prefix", "")).upper()
    rows = [
        f"| `{prefix}{name.upper()}` | {_default(field)} | {field.description or ''} |"
        for name, field in cls.model_fields.items()
    ]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows])


def rewritten(document: str) -> str:
    """The document with each table as the code has it. A class that is gone raises KeyError."""
    classes = settings_classes()
    return _TABLE.sub(lambda match: match.group(1) + table_of(classes[match["name"]]), document)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return "empty"
    return f"`{value}`"


def main() -> None:
    DOCUMENT.write_text(rewritten(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
