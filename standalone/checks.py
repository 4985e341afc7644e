"""Looked at before anything starts: ports, and servers one was given. A refusal is a sentence that says what to do."""

from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]
import psycopg

from standalone.command import port_is_free
from standalone.errors import StandaloneError

CONNECT_SECONDS = 5


def check_port(port: int, option: str) -> None:
    if not 1 <= port <= 65535:
        raise StandaloneError(f"{option} {port} is not a port; choose one from 1 to 65535.")
    if not port_is_free(port):
        raise StandaloneError(
            f"Port {port} is in use{_by_whom(port)}. Stop what uses it, or choose another with {option}."
        )


async def check_database(url: str) -> None:
    _check_scheme(url, "STOA_DATABASE_URL", ("postgresql", "postgres"), "postgresql://user:password@host:5432/stoa")
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=CONNECT_SECONDS)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise StandaloneError(
            f"STOA_DATABASE_URL is set, but PostgreSQL does not answer there: {_one_line(error)}. Correct it, or unset "
            "it to use the built-in one."
        ) from error
    await connection.close()


async def check_valkey(url: str, variable: str) -> None:
    _check_scheme(url, variable, ("redis", "rediss", "valkey", "valkeys"), "redis://:password@host:6379/0")
    import redis.asyncio  # noqa: PLC0415 - a second of loading that only given servers are worth
    import redis.exceptions  # noqa: PLC0415

    client = redis.asyncio.Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS)
    try:
        await client.ping()
    except (redis.exceptions.RedisError, OSError) as error:
        raise StandaloneError(
            f"{variable} is set, but no Valkey answers there: {_one_line(error)}. Correct it, or unset it to use the "
            "built-in one."
        ) from error
    finally:
        await client.aclose()


def _check_scheme(url: str, variable: str, schemes: tuple[str, ...], example: str) -> None:
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise StandaloneError(f"{variable} is not an address Stoa can use. It looks like {example}.")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass  # not ours to see; the sentence does without
    return ""
