"""The images of a product in a CSV: a list that runs down its rows, beside the variants and not with them."""

from collections.abc import Callable, Sequence

from origin.imports import cells
from origin.imports.dialects import Column
from origin.imports.grouping import Line
from origin.imports.products import ImportedImage

MAX_IMAGES = 250
_LAST = 1 << 30
_NO_ADDRESS = "is not an absolute http or https address, so the image was left out"


class Gallery:
    """Addresses are kept as they are: nothing is fetched, so nobody knows yet whether there is an image."""

    def __init__(self, lines: Sequence[Line], warn: Callable[[Line, str], None]) -> None:
        self._warn = warn
        self._found: dict[str, tuple[int, ImportedImage]] = {}
        for line in lines:
            self._take(line)

    def _take(self, line: Line) -> None:
        src = line.cell(Column.IMAGE)
        if not src or src in self._found:
            return
        if not cells.is_image_url(src):
            self._warn(line, f"{Column.IMAGE} {cells.shown(src)} {_NO_ADDRESS}")
        elif len(self._found) >= MAX_IMAGES:
            self._warn(line, f"a product has at most {MAX_IMAGES} images; this one was left out")
        else:
            self._found[src] = (self._position(line), ImportedImage(src, self._alt(line)))

    def _position(self, line: Line) -> int:
        cell = line.cell(Column.IMAGE_POSITION)
        if not cell:
            return _LAST
        if cell.isascii() and cell.isdigit() and len(cell) < 7:
            return int(cell)
        self._warn(line, f"{Column.IMAGE_POSITION} is {cells.shown(cell)}, which is no position; the image comes last")
        return _LAST

    def _alt(self, line: Line) -> str | None:
        try:
            return cells.optional_text(Column.IMAGE_ALT, line.cell(Column.IMAGE_ALT))
        except cells.CellError as error:
            self._warn(line, f"{error}; it was left out")
            return None

    def variant_image(self, line: Line) -> str | None:
        """The address of the variant's own image, which becomes one of the product's if it is not yet."""
        src = line.cell(Column.VARIANT_IMAGE)
        if not src:
            return None
        if src not in self._found:
            if not cells.is_image_url(src):
                self._warn(line, f"{Column.VARIANT_IMAGE} {cells.shown(src)} {_NO_ADDRESS}")
                return None
            self._found[src] = (_LAST, ImportedImage(src))
        return src

    def images(self) -> tuple[ImportedImage, ...]:
        """In the order of their positions, those without one last and in the file's order."""
        return tuple(image for _, image in sorted(self._found.values(), key=lambda found: found[0]))
