"""The `stoa` command: what people type. Each command parses, calls one function, and shows the outcome.

What a command needs is imported when it runs: listing shops should not wait for a database driver to load.
"""
# ruff: noqa: PLC0415

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from standalone.errors import StandaloneError, expected_failure, sentence_of
from standalone.output import Output, plain

DataDir = Annotated[Path, typer.Option(help="Where a platform on this machine keeps its data.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

app = typer.Typer(
    help="Stoa: a storefront platform whose shops sell.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
store = typer.Typer(help="Make, list and close shops.", no_args_is_help=True)
app.add_typer(store, name="store")
console = Console()


@app.command()
def up(
    data_dir: DataDir = Path(".stoa"),
    edge_port: Annotated[int, typer.Option(help="Where shoppers are served.")] = 8080,
    origin_port: Annotated[int, typer.Option(help="Where the admin and platform APIs are.")] = 8081,
    edge_workers: Annotated[int, typer.Option(help="Processes that serve shoppers.")] = 2,
    demo: Annotated[bool, typer.Option(help="Make the demo shops, the first time.")] = True,
    json: Json = False,
) -> None:
    """Start a whole platform on this machine; Ctrl-C stops it, and all data stays."""
    from standalone.platform import UpOptions
    from standalone.up import run_up

    options = UpOptions(data_dir, edge_port, origin_port, edge_workers, has_demo=demo)
    _run(run_up(options, console, is_json=json))


@app.command()
def migrate(data_dir: DataDir = Path(".stoa"), json: Json = False) -> None:
    """Bring a database to the current schema: STOA_DATABASE_URL, or the running platform's."""
    from standalone.migrate_command import run_migrate

    _run(run_migrate(data_dir, _output(json)))


@store.command("create")
def store_create(
    name: Annotated[str, typer.Argument(help="What shoppers call it.")],
    subdomain: Annotated[str, typer.Option(help="Its address below the platform's domain; made from the name.")] = "",
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")] = "USD",
    locale: Annotated[str, typer.Option(help="Language of the storefront.")] = "",
    theme: Annotated[str, typer.Option(help="Name of an installed theme.")] = "",
    email: Annotated[str, typer.Option(help="Where the merchant is reached.")] = "",
    data_dir: DataDir = Path(".stoa"),
    json: Json = False,
) -> None:
    """Make a shop. Its admin token is shown once and kept in ready.json."""
    from standalone import store_commands

    wanted = {"name": name, "subdomain": subdomain or store_commands.subdomain_for(name), "currency": currency}
    extra = {"locale": locale, "theme": theme, "email": email}
    wanted |= {field: value for field, value in extra.items() if value}
    _run(store_commands.create(data_dir, wanted, _output(json)))


@store.command("list")
def store_list(
    limit: Annotated[int, typer.Option(min=1, max=250, help="How many.")] = 50,
    after: Annotated[int | None, typer.Option(help="Only shops with a higher id.")] = None,
    data_dir: DataDir = Path(".stoa"),
    json: Json = False,
) -> None:
    """List the platform's shops."""
    from standalone import store_commands

    _run(store_commands.show_list(data_dir, limit, after, _output(json)))


@store.command("close")
def store_close(
    name: Annotated[str, typer.Argument(help="Its id, subdomain, host or name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = Path(".stoa"),
    json: Json = False,
) -> None:
    """Close a shop for good: its storefront goes offline at once, and its tokens stop working."""
    from standalone import store_commands

    def confirm(description: str) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            raise StandaloneError(f"Closing {description} is final: say that you mean it with --yes.")
        shown = plain(description).plain
        return typer.confirm(f"Close {shown}? This is final: nobody can open it again", err=True)

    _run(store_commands.close(data_dir, name, _output(json), confirm))


@app.command("import")
def import_products(
    file: Annotated[Path, typer.Argument(help="A product CSV in either header dialect.")],
    store: Annotated[str, typer.Option(help="The shop: its id, subdomain, host or name.")],
    overwrite: Annotated[bool, typer.Option(help="Update products whose handle is there already.")] = False,
    token: Annotated[
        str, typer.Option(help="The shop's admin token, if this platform does not know it; better in STOA_ADMIN_TOKEN.")
    ] = "",
    data_dir: DataDir = Path(".stoa"),
    json: Json = False,
) -> None:
    """Import products from a CSV file. Running it again changes nothing that is there."""
    from standalone.import_command import run_import

    _run(run_import(data_dir, file, store, token, _output(json), overwrite=overwrite))


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="A benchmark's name; none lists them.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="One of the benchmark's own options, as name=value; may be repeated."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the result in loadtest/results.")] = False,
    data_dir: DataDir = Path(".stoa"),
    json: Json = False,
) -> None:
    """Run a benchmark from loadtest/benchmarks."""
    from standalone.benchmarks import run_benchmark

    _run(run_benchmark(name, data_dir, _output(json), settings or [], is_kept=keep))


@app.command()
def doctor(data_dir: DataDir = Path(".stoa"), json: Json = False) -> None:
    """Examine a running platform: one line for each part, and what to do about it."""

    from standalone.doctor import examine, show_findings

    async def examine_and_show() -> None:
        findings = await examine(data_dir)
        show_findings(findings, _output(json))
        if not all(finding.is_well for finding in findings):
            raise typer.Exit(1)

    _run(examine_and_show())


def _output(is_json: bool) -> Output:
    return Output(console, is_json=is_json)


def _run(command: Coroutine[Any, Any, None]) -> None:
    """Run to the end; an expected failure is one sentence on stderr and exit code 1."""
    try:
        asyncio.run(command)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (StandaloneError, OSError, BaseExceptionGroup) as error:
        expected = expected_failure(error)
        if expected is None:
            raise
        errors = Console(stderr=True, soft_wrap=True)
        errors.print(Text.assemble(("stoa: ", "bold red"), plain(sentence_of(expected))))
        raise typer.Exit(1) from None


def main() -> None:
    app()


if __name__ == "__main__":
    main()
