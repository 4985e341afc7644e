"""Whether this origin can work: what a supervisor or load balancer asks."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from origin.api.dependencies import Db
from origin.errors import Unavailable

router = APIRouter(tags=["health"])


@router.get("/health")
async def health(db: Db) -> JSONResponse:
    """200 when PostgreSQL answers, else 503 with the reason."""
    try:
        async with db.directory() as tx:
            await tx.execute("SELECT 1")
    except Unavailable as error:
        return JSONResponse({"status": "unavailable", "reason": str(error)}, 503)
    return JSONResponse({"status": "ok"})
