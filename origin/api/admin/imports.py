"""Product imports over HTTP: hand in a CSV file, then ask how far it is and what became of its lines."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.datastructures import UploadFile
from starlette.types import Message

from contracts.tenant import StoreId
from origin.api.admin.refusals import admin_router
from origin.api.dependencies import Db, Origin, granted
from origin.errors import Invalid, NotFound
from origin.imports.records import ImportRecord, find_import, list_imports, request_import

_TRUE = frozenset({"true", "1", "yes", "on"})
_DEFAULT_NAME = "products.csv"
_BODY = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": _BODY, "overwrite": {"type": "boolean", "default": False}},
}
_REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _FORM}, "text/csv": {"schema": _BODY}},
    }
}


router = admin_router("imports")

Writer = Annotated[StoreId, Depends(granted("write_products"))]
Reader = Annotated[StoreId, Depends(granted("read_products"))]


@router.post("/imports.json", status_code=202, openapi_extra=_REQUEST_BODY)
async def create(
    request: Request,
    store_id: Writer,
    origin: Origin,
    overwrite: bool = False,
    filename: Annotated[str, Query(max_length=255)] = "",
) -> dict[str, Any]:
    """Takes a product CSV, as the form field `file` or as the whole body, and imports it in the background.

    Products whose handle exists are skipped, or brought in line with the file if `overwrite` is true. Ask for the
    import by its id to follow it. 409 while too many of the shop's imports are unfinished.
    """
    body = await request.body()  # the app limits it
    if request.headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
        body, filename, overwrite = await _from_form(request, body, filename, overwrite)
    if not body.strip():
        raise Invalid({"file": ["is empty: send a product CSV as the form field file, or as the body"]})
    record = await request_import(
        origin.db,
        store_id,
        filename=_plain_name(filename),
        body=body,
        overwrites=overwrite,
        at_most=origin.settings.origin_unfinished_imports,
    )
    return {"import": _shape(record)}


@router.get("/imports.json")
async def index(
    store_id: Reader,
    db: Db,
    limit: Annotated[int, Query(ge=1, le=250)] = 50,
    before_id: Annotated[int, Query(ge=1, le=2**53)] = 2**53,
) -> dict[str, Any]:
    """The newest first, without their reports; ask for the next page with `before_id` = the last id."""
    return {
        "imports": [_shape(record) for record in await list_imports(db, store_id, limit=limit, before_id=before_id)]
    }


@router.get("/imports/{import_id}.json")
async def show(import_id: int, store_id: Reader, db: Db) -> dict[str, Any]:
    """How far it is, and the report: which lines failed, were skipped or deserve a look, and why."""
    if not 0 < import_id < 2**53:
        raise NotFound("import")
    return {"import": _shape(await find_import(db, store_id, import_id))}


async def _from_form(request: Request, body: bytes, filename: str, overwrite: bool) -> tuple[bytes, str, bool]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async with Request(request.scope, receive).form(max_files=1, max_fields=10) as form:
        file, asked = form.get("file"), form.get("overwrite")
        if not isinstance(file, UploadFile):
            raise Invalid({"file": ["is missing: send a product CSV as the form field file"]})
        if isinstance(asked, str):
            overwrite = asked.strip().lower() in _TRUE
        return await file.read(), filename or file.filename or "", overwrite


def _plain_name(filename: str) -> str:
    """Only for people to recognise it by: no folders, nothing that cannot be printed."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    return "".join(character for character in name if character.isprintable())[:255] or _DEFAULT_NAME


def _shape(record: ImportRecord) -> Mapping[str, Any]:
    return {
        "id": record.id,
        "filename": record.filename,
        "state": record.state,
        "overwrite": record.overwrites,
        "bytes_total": record.body_bytes,
        "bytes_read": record.bytes_read,
        "rows_total": record.rows_total,
        "rows_read": record.rows_read,
        "products_created": record.products_created,
        "products_updated": record.products_updated,
        "products_skipped": record.products_skipped,
        "rows_failed": record.rows_failed,
        "report": record.report,
        "error": record.error,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
    }
