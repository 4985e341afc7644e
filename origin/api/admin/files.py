"""Files for a theme's settings: a hero picture, a logo. The answer's `path` is what a setting takes."""

from typing import Annotated

from fastapi import Body
from pydantic import Field
from starlette.responses import JSONResponse

from origin.api.admin.fields import Input, Short, Text
from origin.api.admin.merchant import ThemeWriter
from origin.api.admin.refusals import admin_router
from origin.catalog import assets

router = admin_router("files")


class FileInput(Input):
    """An image of at most 5 MB, in base64."""

    attachment: Text
    filename: Short = "image"
    alt: Annotated[Text, Field(max_length=1000)] | None = None


@router.post("/files.json", status_code=201)
async def create(file: Annotated[FileInput, Body(embed=True)], merchant: ThemeWriter) -> JSONResponse:
    """Keeps the file; the same bytes again are the file that is there already."""
    upload = await assets.checked_upload(file.attachment, file.filename)
    async with merchant.begin() as (tx, shapes):
        asset = await assets.store(tx, merchant.store_id, upload)
    shown = {
        "id": asset.id,
        "src": shapes.url(asset.path),
        "path": asset.path,
        "alt": file.alt,
        "width": asset.width,
        "height": asset.height,
    }
    return merchant.one("file", shown, status=201)
