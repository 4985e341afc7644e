"""What can go wrong on one machine. Every message is a sentence that says what to do."""


class StandaloneError(Exception):
    """Shown to the person at the terminal as it is, without a traceback."""


class ServerNotReadyError(StandaloneError):
    """A program did not answer in time, or ended before it did."""
