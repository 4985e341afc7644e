"""What can go wrong on one machine. Every message is a sentence that says what to do."""

import errno


class StandaloneError(Exception):
    """Shown to the person at the terminal as it is, without a traceback."""


class OriginUnreachableError(StandaloneError):
    """The origin does not answer, or only that it cannot now. It may later."""


class UnknownStoreError(StandaloneError):
    """No shop whose token this machine knows is called so."""


class ServerNotReadyError(StandaloneError):
    """A program did not answer in time, or ended before it did."""


def expected_failure(error: BaseException) -> StandaloneError | OSError | None:
    """What a person can do something about: the error itself, or the first such in a group of errors."""
    if isinstance(error, StandaloneError | OSError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for each in error.exceptions if (found := expected_failure(each))), None)
    return None


def sentence_of(error: StandaloneError | OSError) -> str:
    if isinstance(error, StandaloneError):
        return str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Free some space, or choose another place with --data-dir."
    where = f" ({error.filename})" if error.filename else ""
    return f"This machine refused: {error.strerror or error}{where}."
