"""What the presented token may do."""

from typing import Any

from origin.api.admin.refusals import admin_router
from origin.api.dependencies import AnyGrant

router = admin_router("access scopes")


@router.get("/oauth/access_scopes.json")
async def index(grant: AnyGrant) -> dict[str, Any]:
    return {"access_scopes": [{"handle": scope} for scope in sorted(grant.scopes)]}
