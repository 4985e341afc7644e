"""What the payment provider tells us. Its message only names a payment or refund; what counts is that as it is now."""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from origin.collaborators import Collaborators
from origin.payments import BadSignature, Told, ToldOfRefund

log = structlog.get_logger()

MAX_BODY_BYTES = 512 * 1024


async def webhook(request: Request) -> Response:
    """200 also for what is not ours: the provider would send it again for days. 400 for a bad signature."""
    origin: Collaborators = request.app.state.collaborators
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY_BYTES:
        return JSONResponse({"error": "the body is too large"}, 413)
    try:
        told = origin.payments.told(await request.body(), request.headers.get("Stripe-Signature"))
    except BadSignature as error:
        log.warning("webhook refused", reason=str(error))
        return JSONResponse({"error": str(error)}, 400)
    match told:
        case Told():
            is_ours = await origin.checkouts.hear_of(told)
        case ToldOfRefund():
            is_ours = await origin.failed_refunds.hear_of(told.refund_id)
        case None:
            is_ours = False
    return JSONResponse({"received": True, "handled": is_ours})


ROUTES = (Route("/stripe/webhook", webhook, methods=["POST"], include_in_schema=False),)
