"""What two writers of one thing do to each other, in our own words: one of them is asked to try again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from origin.errors import Conflict, Invalid


@asynccontextmanager
async def clashes_named() -> AsyncIterator[None]:
    """Around a transaction. Raises Conflict for a lost race, Invalid for a value that no column holds."""
    try:
        yield
    except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
        raise Conflict("This was changed by somebody else at the same moment; please try again") from error
    except (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation) as error:
        raise Conflict("This clashes with what somebody else just changed; read it again and retry") from error
    except psycopg.DataError as error:
        raise Invalid({"base": ["has a value that is out of range"]}) from error
