"""`stoa bench NAME` runs loadtest.benchmarks.NAME: a module with `async def run(data_dir, console, **options) -> dict`.

The dict is the result: what `--json` prints, tables otherwise, and what `--keep` keeps, with how fast the machine was
(`loadtest.yardstick`). Its options are the further parameters of `run`, each with a default whose type says how
`--set name=value` is read.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from pydantic import TypeAdapter

from standalone.errors import StandaloneError
from standalone.output import Output, print_json

PACKAGE = "loadtest.benchmarks"
GIVEN_PARAMETERS = 2

Run = Callable[..., Awaitable[dict[str, Any]]]


def benchmark_names() -> list[str]:
    """As people type them: `noisy-neighbour` is the module noisy_neighbour."""
    spec = find_spec(PACKAGE)
    locations = list(spec.submodule_search_locations or []) if spec else []
    return sorted(_spelt(module.name) for module in iter_modules(locations) if not module.name.startswith("_"))


def _spelt(module_name: str) -> str:
    return module_name.replace("_", "-")


async def run_benchmark(
    name: str, data_dir: Path, output: Output, settings: Sequence[str] = (), *, is_kept: bool = False
) -> None:
    names = benchmark_names()
    if _spelt(name) not in names:
        wanted = f"There is no benchmark {name!r}." if name else "Which benchmark?"
        raise StandaloneError(f"{wanted} There are: {', '.join(names) or 'none in this version'}.")
    run: Run = import_module(f"{PACKAGE}.{name.replace('-', '_')}").run
    options, yardstick_ms = chosen_options(run, settings), import_module("loadtest.yardstick").yardstick_ms
    before_ms = yardstick_ms()
    result = await run(data_dir, output.progress, **options)
    result = {**result, "yardstick_ms": {"before": before_ms, "after": yardstick_ms()}}
    show(result, output)
    if is_kept:
        results = import_module("loadtest.results")
        path = results.keep(_spelt(name), result, command_of(_spelt(name), settings))
        output.progress.print(f"kept in {path.parent.name}/{path.name}")


def chosen_options(run: Run, settings: Sequence[str]) -> dict[str, Any]:
    """`name=value` each, read as its default's type. Raises StandaloneError that says what there is to set."""
    defaults = options_of(run)
    chosen: dict[str, Any] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in defaults:
            known = ", ".join(f"{known}={default}" for known, default in defaults.items()) or "nothing"
            raise StandaloneError(f"--set {setting}: this benchmark lets you set {known}.")
        try:
            chosen[name] = TypeAdapter(type(defaults[name])).validate_python(value)
        except ValueError as error:
            raise StandaloneError(f"--set {setting}: a value like {defaults[name]} is wanted.") from error
    return chosen


def options_of(run: Run) -> Mapping[str, Any]:
    """With their defaults."""
    parameters = list(inspect.signature(run).parameters.values())[GIVEN_PARAMETERS:]
    return {it.name: it.default for it in parameters}


def command_of(name: str, settings: Sequence[str]) -> str:
    """As somebody else would type it: without where this platform keeps its data."""
    return " ".join(["stoa bench", name, *(f"--set {setting}" for setting in settings), "--keep"])


def show(result: dict[str, Any], output: Output) -> None:
    if output.is_json:
        print_json(output.console, result)
        return
    tables = import_module("loadtest.tables")
    for table in tables.tables_of(result):
        output.rows(result, table.titles, [[tables.cell(value) for value in row] for row in table.rows])
