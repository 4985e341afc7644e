"""Rendering the origin's own pages: our templates only, every value escaped, nothing cached, a strict policy."""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup
from starlette.responses import HTMLResponse

from contracts.snapshot import Part
from origin.checkout.look import css_variables, scheme
from origin.templating import environment, static_file

PRIVATE = {"Cache-Control": "private, no-store"}


def shop_page(
    template: str,
    shop: Part,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    api_base: str = "",
    uses_card_field: bool = False,
    uses_own_script: bool = False,
) -> HTMLResponse:
    """`api_base`: where else a submitted form may be led on to, besides https (a sandbox's page of the bank)."""
    nonce = secrets.token_urlsafe(12)
    html = (
        environment()
        .get_template(template)
        .render(
            shop=shop.data,
            settings=shop.data["settings"],
            scheme=scheme(shop.data["settings"]),
            variables=Markup(css_variables(shop.data["settings"])),  # noqa: S704 - hex colours of our own spelling only
            nonce=nonce,
            css_version=static_file("checkout.css")[1],
            script_version=static_file("card.js")[1],
            queue_version=static_file("queue.js")[1],
            **values,
        )
    )
    headers = PRIVATE | {
        "Content-Security-Policy": _policy(nonce, api_base, uses_card_field, uses_own_script),
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Referrer-Policy": "same-origin",
    }
    return HTMLResponse(html, status, headers)


def problem_page(status: int, text: str, headers: Mapping[str, str]) -> HTMLResponse:
    """A sentence and the way back, for a plain form that cannot be answered otherwise."""
    html = environment().get_template("problem.html").render(text=text)
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(html, status, dict(headers) | {"Content-Security-Policy": policy})


def _policy(nonce: str, api_base: str, uses_card_field: bool, uses_own_script: bool) -> str:
    base = urlsplit(api_base)
    onward = f" {base.scheme}://{base.netloc}" if base.scheme == "http" else ""
    rules = [
        "default-src 'none'",
        f"style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' https: http: data:",
        # A browser checks this for the whole chain of redirects, and each bank has its own address.
        f"form-action 'self' https:{onward}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if uses_own_script:
        rules += ["script-src 'self'", "connect-src 'self'"]
    if uses_card_field:
        rules[1] = "style-src 'self' 'unsafe-inline'"  # the provider's field styles its own frame's element
        rules += [
            "script-src 'self' https://js.stripe.com",
            "frame-src https://js.stripe.com https://hooks.stripe.com",
            "connect-src https://api.stripe.com https://js.stripe.com",
        ]
    return "; ".join(rules)
