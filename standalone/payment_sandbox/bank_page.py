"""The bank's page: what a buyer sees who has to confirm a payment, and where the answer leads."""

import html
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from standalone.payment_sandbox import intents
from standalone.payment_sandbox.forms import parse_form
from standalone.payment_sandbox.sandbox import Sandbox

_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}


async def show(request: Request) -> Response:
    sandbox: Sandbox = request.app.state.sandbox
    intent = sandbox.ledger.get("payment_intent", request.path_params["id"])
    if intent is None:
        return _page("There is no such payment.", status=404)
    if intent["status"] != "requires_action":
        return _page("This payment has already been answered.")
    amount = f"{intent['amount']} {html.escape(intent['currency'].upper())} (minor units)"
    buttons = (
        '<form method="post"><button name="result" value="complete">Complete</button> '
        '<button name="result" value="fail" class="plain">Fail</button></form>'
    )
    return _page(f"Do you confirm the payment of {amount}?", buttons)


async def answer(request: Request) -> Response:
    sandbox: Sandbox = request.app.state.sandbox
    form = parse_form((await request.body()).decode())
    identifier = request.path_params["id"]
    before = sandbox.ledger.get("payment_intent", identifier)
    action = (before or {}).get("next_action") or {}
    return_url = action.get("redirect_to_url", {}).get("return_url")
    if not return_url:
        return _page("This payment waits for nobody.", status=409)
    work = sandbox.work(request)
    with sandbox.ledger.transaction():
        intent = intents.authenticate(work, identifier, succeeds=form.get("result") == "complete")
        work.write()
    await sandbox.deliver(work.events)
    said = {
        "payment_intent": identifier,
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if intent["status"] in ("succeeded", "requires_capture") else "failed",
    }
    return RedirectResponse(return_url + ("&" if "?" in return_url else "?") + urlencode(said), 303)


def _page(text: str, more: str = "", *, status: int = 200) -> HTMLResponse:
    style = (
        "body{font:16px/1.5 system-ui;max-width:26rem;margin:15vh auto;padding:0 1rem;color-scheme:light dark}"
        "button{font:inherit;padding:.6rem 1.2rem;border-radius:.5rem;border:1px solid;background:#635bff;color:#fff}"
        ".plain{background:none;color:inherit}small{opacity:.7}"
    )
    body = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Test bank</title><style>{style}</style><h1>Test bank</h1><p>{text}</p>{more}"
        f"<p><small>This is the payment sandbox. No money moves.</small></p></html>"
    )
    return HTMLResponse(body, status, _HEADERS)
