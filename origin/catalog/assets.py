"""Uploaded files: checked to be the images they claim to be, and kept once per shop and content.

A file is named by its content, so its URL never changes its meaning; deleting an image leaves the file.
"""

import asyncio
import base64
import binascii
import hashlib
import re
import warnings
from dataclasses import dataclass
from io import BytesIO
from xml.etree import ElementTree

from PIL import Image, UnidentifiedImageError

from contracts.tenant import StoreId
from origin.catalog.handles import slug
from origin.db import Tx
from origin.errors import Invalid

MAX_FILE_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 50_000_000
_TYPES = {
    "PNG": ("image/png", "png"),
    "JPEG": ("image/jpeg", "jpg"),
    "WEBP": ("image/webp", "webp"),
    "GIF": ("image/gif", "gif"),
}
_SVG_ACTIVE = {"script", "foreignobject", "iframe", "embed", "object", "handler", "listener", "set", "animate"}
_LENGTH = re.compile(r"\s*(\d{1,6})(\.\d+)?(px)?\s*")


@dataclass(frozen=True, slots=True)
class Upload:
    filename: str
    content_type: str
    body: bytes
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Asset:
    """`path` is on the shop's own host."""

    id: int
    path: str
    width: int | None
    height: int | None


async def checked_upload(attachment: str, filename: str) -> Upload:
    """Decodes base64 and looks into the image, off the event loop. Raises Invalid for `attachment`."""
    try:
        return await asyncio.to_thread(_checked, attachment, filename)
    except ValueError as error:
        raise Invalid({"attachment": [str(error)]}) from error


async def store(tx: Tx, store_id: StoreId, upload: Upload) -> Asset:
    """The same bytes again are the file that is there already."""
    digest = hashlib.sha256(upload.body).digest()
    cursor = await tx.execute(
        """INSERT INTO asset (store_id, sha256, filename, content_type, body, width, height)
           VALUES (%s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (store_id, sha256) DO UPDATE SET filename = asset.filename
           RETURNING id, filename, width, height""",
        [store_id, digest, upload.filename, upload.content_type, upload.body, upload.width, upload.height],
    )
    row = await cursor.fetchone()
    assert row is not None
    return Asset(row["id"], f"/files/{row['id']}/{row['filename']}", row["width"], row["height"])


def _checked(attachment: str, filename: str) -> Upload:
    if len(attachment) > MAX_FILE_BYTES * 4 // 3 + 4096:
        raise ValueError(f"is larger than {MAX_FILE_BYTES // 1024 // 1024} MB")
    try:
        # Clients wrap base64 in lines; anything else that is not of its alphabet is an error.
        body = base64.b64decode(re.sub(r"\s+", "", attachment), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not base64") from error
    if not body:
        raise ValueError("is empty")
    if len(body) > MAX_FILE_BYTES:
        raise ValueError(f"is larger than {MAX_FILE_BYTES // 1024 // 1024} MB")
    looks_like_text = body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return _svg(body, filename) if looks_like_text else _picture(body, filename)


def _named(filename: str, extension: str) -> str:
    stem = filename.rpartition("/")[2].rpartition(".")[0] or filename
    ascii_stem = slug(stem).encode("ascii", "ignore").decode().strip("-")[:80]
    return f"{ascii_stem or 'image'}.{extension}"


def _picture(body: bytes, filename: str) -> Upload:
    refusal = "must be a PNG, JPEG, WebP, GIF or SVG image"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(body), formats=tuple(_TYPES))
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"has {width} x {height} pixels; at most {MAX_PIXELS:,} are allowed")
        image.verify()
    except Image.DecompressionBombError as error:
        raise ValueError(f"has too many pixels; at most {MAX_PIXELS:,} are allowed") from error
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError) as error:
        raise ValueError(refusal) from error
    content_type, extension = _TYPES[str(image.format)]
    return Upload(_named(filename, extension), content_type, body, width, height)


def _svg(body: bytes, filename: str) -> Upload:
    """A drawing and nothing else: it is served from the shop's own host, where a script in it could act."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("must be UTF-8 if it is an SVG") from error
    if re.search(r"<!(doctype|entity)|<\?(?!xml\s)", text, re.IGNORECASE):
        raise ValueError("must not have a DOCTYPE, an entity or a processing instruction")
    try:
        root = ElementTree.fromstring(text.encode())  # noqa: S314 - without a DOCTYPE there is nothing to expand
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError("is not well-formed SVG") from error
    if root.tag not in {"svg", "{http://www.w3.org/2000/svg}svg"}:
        raise ValueError("must have svg as its root element")
    for element in root.iter():
        _refuse_active(element)
    width, height = _size(root)
    return Upload(_named(filename, "svg"), "image/svg+xml", body, width, height)


def _refuse_active(element: ElementTree.Element) -> None:
    name = str(element.tag).rpartition("}")[2].lower()
    if name in _SVG_ACTIVE:
        raise ValueError(f"must not have the element {name}")
    for key, value in element.attrib.items():
        attribute = key.rpartition("}")[2].lower()
        if attribute.startswith("on"):
            raise ValueError(f"must not have the attribute {attribute}")
        if attribute in {"href", "src"} and not value.strip().startswith(("#", "data:image/")):
            raise ValueError("must not link to anything outside itself")


def _size(root: ElementTree.Element) -> tuple[int | None, int | None]:
    width, height = (_LENGTH.fullmatch(root.get(name, "")) for name in ("width", "height"))
    if width and height:
        return int(width[1]), int(height[1])
    box = root.get("viewBox", "").replace(",", " ").split()
    sizes = [_LENGTH.fullmatch(part) for part in box[2:4]]
    if len(sizes) == 2 and sizes[0] and sizes[1]:
        return int(sizes[0][1]), int(sizes[1][1])
    return None, None
