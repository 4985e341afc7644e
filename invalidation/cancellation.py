"""For loops that must end when their task is cancelled, whatever the libraries they call make of it."""

import asyncio


def end_if_cancelled() -> None:
    """Raises CancelledError if this task was asked to end and something it awaited has swallowed that.

    `asyncio.wait_for` does so up to Python 3.11 when what it waits for is done in the same moment, and the client of
    the state server sends every command through it: now and then a loop would go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
