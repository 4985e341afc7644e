"""A CSV file as rows: bytes to text to cells, one row at a time, each knowing its line and where it ends.

Only what concerns the file is judged here (encoding, quoting, size); what the cells mean is parsing's.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from origin.imports.errors import FileError

UTF8_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+\Z")
_NOT_TEXT = {
    b"\xff\xfe": "the file is UTF-16; save it as CSV in UTF-8 and try again",
    b"\xfe\xff": "the file is UTF-16; save it as CSV in UTF-8 and try again",
    b"PK\x03\x04": "the file is a spreadsheet or an archive; export it as CSV and try again",
    b"\x1f\x8b": "the file is compressed; unpack it and try again",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is where it starts, counted from 1; `end_byte` is the file's offset behind it."""

    line: int
    cells: list[str]
    end_byte: int


class _Lines:
    """Feeds the csv module line by line and remembers how far it has read."""

    def __init__(self, body: bytes) -> None:
        start = len(UTF8_BOM) if body.startswith(UTF8_BOM) else 0
        self._matches = _LINE.finditer(body, start)
        self.end_byte = start
        self.number = 0
        self.of_this_row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        match = next(self._matches)
        self.number += 1
        self.end_byte = match.end()
        text = self._decoded(match)
        self.of_this_row.append(text)
        return text

    def _decoded(self, match: re.Match[bytes]) -> str:
        try:
            return match[0].decode()
        except UnicodeDecodeError as error:
            byte = match[0][error.start]
            raise FileError(
                f"line {self.number} is not UTF-8 (byte 0x{byte:02X} at offset {match.start() + error.start}); "
                "save the file as CSV in UTF-8 and try again"
            ) from error


def read_rows(body: bytes) -> Iterator[Row]:
    """Every row that is not blank, the header first. Raises FileError at the first place the file is broken."""
    for signature, reason in _NOT_TEXT.items():
        if body.startswith(signature):
            raise FileError(reason)
    # The limit belongs to the whole process, and only ever grows here. A cell as long as the file can be read, so
    # that its product is refused with its line and the rows behind it are still found.
    csv.field_size_limit(max(csv.field_size_limit(), len(body)))
    lines = _Lines(body)
    reader = csv.reader(lines, strict=True)
    while True:
        line = lines.number + 1
        lines.of_this_row.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileError(_quoting_reason(line, lines.of_this_row)) from error
        if any(cells):
            yield Row(line, cells, lines.end_byte)


def check_file(body: bytes) -> int:
    """Reads it all and keeps nothing: a file that is broken at its end must not be imported by half.

    Returns the number of rows behind the header. Raises FileError.
    """
    rows = sum(1 for _ in read_rows(body))
    if rows == 0:
        raise FileError("the file is empty")
    return rows - 1


def _quoting_reason(line: int, texts: list[str]) -> str:
    opened, is_open = _last_quote(texts)
    where = f"line {line + opened}"
    if is_open:
        return f'the quotation mark that opens on {where} is never closed; close it, and write " inside a cell as ""'
    return f'on {where} a quoted cell goes on after its closing quotation mark; write " inside a cell as ""'


def _last_quote(texts: list[str]) -> tuple[int, bool]:
    """On which of a broken row's lines its last quoted cell was opened, and whether that cell is still open."""
    opened, state = 0, "start"
    for number, text in enumerate(texts):
        for character in text:
            if state == "quoted":
                state = "closed" if character == '"' else "quoted"
            elif character in ",\r\n":
                state = "start"
            elif state == "start" and character == '"':
                opened, state = number, "quoted"
            elif state == "closed":
                if character != '"':
                    return opened, False
                state = "quoted"
            else:
                state = "plain"
    return opened, state == "quoted"
