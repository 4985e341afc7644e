"""Rows to products: rows that follow one another with the same handle are one product."""

from collections.abc import Iterator
from dataclasses import dataclass

from origin.catalog.handles import slug
from origin.imports.cells import MAX_TEXT
from origin.imports.dialects import Column, Header
from origin.imports.errors import ProductError
from origin.imports.reading import Row


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a product, by column instead of by place."""

    number: int
    cells: dict[Column, str]

    def cell(self, column: Column) -> str:
        """Without the space around it; blank if the file does not have the column."""
        return self.cells.get(column, "")


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
    from_title = False
    for row in rows:
        handle, title = _at(header, Column.HANDLE, row), _at(header, Column.TITLE, row)
        continues = group is not None and (
            slug(handle) == group.handle if handle and not from_title else from_title and not handle and not title
        )
        if continues and group is not None:
            group.rows.append(row)
            continue
        if group is not None:
            yield group
        from_title = not handle
        # The title itself may be too long; the handle made from it need not be.
        group = Group(slug(handle or title[:MAX_TEXT]), [row])
    if group is not None:
        yield group


def lines_of(header: Header, group: Group) -> list[Line]:
    """Raises ProductError for a row that does not fit the header."""
    return [_line(header, row) for row in group.rows]


def _line(header: Header, row: Row) -> Line:
    cells = row.cells
    if len(cells) < header.width:
        raise ProductError(row.line, f"the line has {len(cells)} cells and the header has {header.width}")
    if len(cells) > header.width and any(cells[header.width :]):
        reason = (
            f"the line has {len(cells)} cells and the header has {header.width}; quote a cell that has a comma in it"
        )
        raise ProductError(row.line, reason)
    if any(cells[index].strip() for index in header.further_options):
        raise ProductError(row.line, "a product has at most three options")
    line = Line(row.line, {column: cells[index].strip() for column, index in header.indexes.items()})
    for column, cell in line.cells.items():
        if "\0" in cell:
            raise ProductError(row.line, f"{column} has a NUL character, which no text may have")
    return line


def _at(header: Header, column: Column, row: Row) -> str:
    index = header.indexes.get(column)
    return row.cells[index].strip() if index is not None and index < len(row.cells) else ""
