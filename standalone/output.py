"""Where a command's outcome goes: lines and tables for a person, or one JSON object for a script."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> Text:
    """For a terminal, exactly as it is: names come from outside, and neither markup nor escape codes in them count."""
    return Text(_CONTROL.sub("\ufffd", text))


def print_json(console: Console, value: dict[str, Any]) -> None:
    """Without colours and line breaks of a terminal's: another program reads it."""
    console.file.write(json.dumps(value, indent=2) + "\n")
    console.file.flush()


@dataclass(frozen=True, slots=True)
class Output:
    """`progress` is where progress and remarks go: never between a script and its JSON."""

    console: Console
    is_json: bool = False

    @property
    def progress(self) -> Console:
        return Console(stderr=True) if self.is_json else self.console

    def result(self, value: dict[str, Any], *lines: str) -> None:
        if self.is_json:
            print_json(self.console, value)
            return
        for line in lines:
            self.console.print(plain(line), soft_wrap=True)

    def rows(self, value: dict[str, Any], titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if self.is_json:
            print_json(self.console, value)
            return
        table = Table(*titles, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*map(plain, row))
        self.console.print(table)
