"""`python -m standalone.payment_sandbox` serves the sandbox on loopback.

The secret that signs events is STOA_STRIPE_WEBHOOK_SECRET: a command line is everybody's to read.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from contracts.collector import collect_rarely
from origin.logs import log_as_json
from standalone.payment_sandbox.app import create_app
from standalone.payment_sandbox.faults import Dice, Faults
from standalone.payment_sandbox.ledger import Ledger
from standalone.payment_sandbox.post_lines import can_be_posted_to
from standalone.payment_sandbox.sandbox import Sandbox
from standalone.payment_sandbox.webhooks import WebhookSender

KEEP_ALIVE_SECONDS = 75
"""Far longer than the origin keeps an idle connection (aiohttp: 15 s), as a provider's own servers do: what is sent on
one that is just being closed has no answer, and its buyer has to wait for the completer."""


def webhook_url(text: str) -> str:
    if text and not can_be_posted_to(text):
        raise argparse.ArgumentTypeError(
            f"events cannot be posted to {text!r}: give an address like http://127.0.0.1:8000/stripe/webhook, or none"
        )
    return text


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Of the command line, unless others are given. Ends the program with a sentence about what is wrong with them."""
    parser = argparse.ArgumentParser(prog="payment_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="loopback port to listen on")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that keeps payments across restarts")
    parser.add_argument("--webhook-url", type=webhook_url, default="", help="where events are posted; empty: nowhere")
    parser.add_argument("--latency-ms", type=int, default=0, help="how long a request takes")
    return parser.parse_args(arguments)


def main() -> None:
    options = read_options()
    log_as_json()
    sandbox = Sandbox(
        Ledger(options.data_dir / "payments.sqlite"),
        WebhookSender(options.webhook_url, os.environ.get("STOA_STRIPE_WEBHOOK_SECRET", "")),
        dice=Dice(Faults(latency_ms=options.latency_ms)),
    )
    collect_rarely()
    uvicorn.run(
        create_app(sandbox),
        host="127.0.0.1",
        port=options.port,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


if __name__ == "__main__":
    main()
