"""Failures as answers: the ecosystem's shape for the admin and platform APIs, problem details for the storefront."""

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from origin.api.storefront.pages import PRIVATE, problem_page
from origin.errors import Conflict, Invalid, NotFound, OriginError, Unavailable

log = structlog.get_logger()


class AdminError(Exception):
    """An answer `{"errors": text or fields}` with this status."""

    def __init__(self, status: int, errors: str | dict[str, list[str]], headers: dict[str, str] | None = None) -> None:
        super().__init__(str(errors))
        self.status = status
        self.errors = errors
        self.headers = headers or {}


class HiddenRoute(Exception):
    """The caller may not even know that this route exists."""


def problem(status: int, title: str, detail: str, **more: object) -> JSONResponse:
    """RFC 9457 problem details, the shape of storefront and checkout errors."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def is_storefront(request: Request) -> bool:
    return "Stoa-Store-Id" in request.headers and not request.url.path.startswith(("/admin", "/platform"))


def install_error_handlers(app: Starlette) -> None:
    app.add_exception_handler(AdminError, _admin_error)  # type: ignore[arg-type]
    app.add_exception_handler(HiddenRoute, hidden_route)
    app.add_exception_handler(HTTPException, _http_exception)  # type: ignore[arg-type]
    app.add_exception_handler(OriginError, origin_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid_request)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _unexpected)


async def _admin_error(_request: Request, error: AdminError) -> Response:
    return JSONResponse({"errors": error.errors}, error.status, error.headers)


async def hidden_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"errors": "Not Found"}, 404)


async def _http_exception(request: Request, error: HTTPException) -> Response:
    if not is_storefront(request):
        return JSONResponse({"errors": error.detail}, error.status_code, error.headers)
    text = "There is no such page in this shop." if error.status_code == 404 else f"{error.detail}."
    headers = PRIVATE | dict(error.headers or {})
    if "text/html" in request.headers.get("Accept", ""):
        return problem_page(error.status_code, text, headers)
    answer = problem(error.status_code, error.detail, text)
    answer.headers.update(headers)
    return answer


async def origin_error(request: Request, error: OriginError) -> Response:
    status, errors = _meaning(error)
    headers = {"Retry-After": "1"} if status == 503 else {}
    if is_storefront(request):
        answer = problem(status, str(error) or "Error", str(error), errors=errors)
        answer.headers.update(headers)
        return answer
    return JSONResponse({"errors": errors}, status, headers)


def _meaning(error: OriginError) -> tuple[int, str | dict[str, list[str]]]:
    match error:
        case Invalid():
            return 422, error.fields
        case NotFound():
            return 404, "Not Found"
        case Conflict():
            return 409, str(error)
        case Unavailable():
            return 503, f"Temporarily unavailable: {error}. Please try again."
        case _:
            return 500, "An unexpected error occurred"


async def _invalid_request(_request: Request, error: RequestValidationError) -> Response:
    """422 naming each field; 400 when the body is not JSON at all."""
    details = error.errors()
    if any(detail["type"] == "json_invalid" for detail in details):
        return JSONResponse({"errors": "The request body is not valid JSON"}, 400)
    fields: dict[str, list[str]] = {}
    for detail in details:
        name = ".".join(str(step) for step in detail["loc"] if step not in {"body", "query", "path"})
        fields.setdefault(name or "base", []).append(detail["msg"])
    return JSONResponse({"errors": fields}, 422)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected error", path=request.url.path, exc_info=error)
    return JSONResponse({"errors": "An unexpected error occurred"}, 500)
