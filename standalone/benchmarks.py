"""`stoa bench NAME` runs loadtest.benchmarks.NAME: a module with `async def run(data_dir, console) -> dict`.

The dict is the result: what `--json` prints, and a table of its top-level entries otherwise.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

from standalone.errors import StandaloneError
from standalone.output import Output

PACKAGE = "loadtest.benchmarks"


def benchmark_names() -> list[str]:
    """As people type them: `noisy-neighbour` is the module noisy_neighbour."""
    spec = find_spec(PACKAGE)
    locations = list(spec.submodule_search_locations or []) if spec else []
    return sorted(_spelt(module.name) for module in iter_modules(locations) if not module.name.startswith("_"))


def _spelt(module_name: str) -> str:
    return module_name.replace("_", "-")


async def run_benchmark(name: str, data_dir: Path, output: Output) -> None:
    names = benchmark_names()
    if _spelt(name) not in names:
        wanted = f"There is no benchmark {name!r}." if name else "Which benchmark?"
        raise StandaloneError(f"{wanted} There are: {', '.join(names) or 'none in this version'}.")
    result = await import_module(f"{PACKAGE}.{name.replace('-', '_')}").run(data_dir, output.progress)
    output.rows(result, ("", ""), [[str(key), str(value)] for key, value in result.items()])
