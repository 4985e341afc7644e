"""`stoa migrate`: the current schema for a database of one's own, or for the running platform's."""

from pathlib import Path

from origin.errors import OriginError
from origin.migrate import migrate
from standalone.checks import check_database
from standalone.errors import StandaloneError
from standalone.output import Output
from standalone.ready_file import read_ready
from standalone.settings import StandaloneSettings


async def run_migrate(data_dir: Path, output: Output) -> None:
    """Roles get the passwords of STOA_APP_PASSWORD and its sisters; without one, a role keeps what it has."""
    settings = StandaloneSettings.read()
    database_url = settings.database_url
    if database_url:
        await check_database(database_url)
    else:
        database_url = read_ready(data_dir).database_url
    given = {
        "stoa_app": settings.app_password,
        "stoa_router": settings.router_password,
        "stoa_relay": settings.relay_password,
    }
    try:
        applied = await migrate(database_url, {role: password for role, password in given.items() if password})
    except OriginError as error:
        raise StandaloneError(f"The database could not be migrated: {error}") from error
    output.result({"applied": applied}, *(f"applied {name}" for name in applied), "The schema is current.")
