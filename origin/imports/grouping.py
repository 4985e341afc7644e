"""Rows to products: rows that follow one another with the same handle are one product."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from origin.catalog.handles import slug
from origin.imports.cells import MAX_TEXT
from origin.imports.dialects import Column, Header
from origin.imports.errors import ProductError
from origin.imports.reading import Row


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a product, asked by column instead of by place."""

    number: int
    cells: list[str]
    indexes: Mapping[Column, int]

    def cell(self, column: Column) -> str:
        """Without the space around it; blank if the file does not have the column."""
        index = self.indexes.get(column)
        return "" if index is None else self.cells[index]


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one product, and the file's offset behind the last of them."""

    handle: str
    rows: list[Row]

    @property
    def line(self) -> int:
        return self.rows[0].line

    @property
    def end_byte(self) -> int:
        return self.rows[-1].end_byte


def group_rows(header: Header, rows: Iterator[Row]) -> Iterator[Group]:
    """Lazily, in the file's order. A group whose handle is empty has neither a handle nor a title to make one from."""
    group: Group | None = None
    written = ""  # the handle as the group's rows spell it; blank if it is made from the title
    for row in rows:
        handle = _at(header, Column.HANDLE, row)
        if group is not None and handle == written and (handle or not _at(header, Column.TITLE, row)):
            group.rows.append(row)
            continue
        if group is not None:
            yield group
        # The title itself may be too long; the handle made from it need not be.
        group, written = Group(slug(handle or _at(header, Column.TITLE, row)[:MAX_TEXT]), [row]), handle
    if group is not None:
        yield group


def lines_of(header: Header, group: Group) -> list[Line]:
    """Raises ProductError for a row that does not fit the header."""
    return [_line(header, row) for row in group.rows]


def _line(header: Header, row: Row) -> Line:
    cells = [cell.strip() for cell in row.cells]
    if len(cells) < header.width:
        raise ProductError(row.line, f"the line has {len(cells)} cells and the header has {header.width}")
    if len(cells) > header.width and any(cells[header.width :]):
        reason = (
            f"the line has {len(cells)} cells and the header has {header.width}; quote a cell that has a comma in it"
        )
        raise ProductError(row.line, reason)
    if any(cells[index] for index in header.further_options):
        raise ProductError(row.line, "a product has at most three options")
    for column, index in header.indexes.items():
        if "\0" in cells[index]:
            raise ProductError(row.line, f"{column} has a NUL character, which no text may have")
    return Line(row.line, cells, header.indexes)


def _at(header: Header, column: Column, row: Row) -> str:
    index = header.indexes.get(column)
    return row.cells[index].strip() if index is not None and index < len(row.cells) else ""
