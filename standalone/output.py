"""Where a command's outcome goes: lines and tables for a person, or one JSON object for a script."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


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
            self.console.print_json(data=value)
            return
        for line in lines:
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def rows(self, value: dict[str, Any], titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if self.is_json:
            self.console.print_json(data=value)
            return
        table = Table(*titles, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        self.console.print(table, markup=False)
