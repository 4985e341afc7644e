"""All that happens in the run of a seed, line by line, and at last how much it was.

    python -m tests.model.trace SEED STEPS [MODULE ...]

With the seed a failure has named, one step is enough: it ends with the round. The search for the shortest story is
part of what is printed. The modules are imported first, as another test might have done; nothing may depend on that.
"""

import sys
from importlib import import_module


def main() -> None:
    seed, steps, *modules = sys.argv[1:]
    for module in modules:
        import_module(module)
    machine = import_module("tests.model.machine")
    print(machine.run(int(steps), int(seed), watch=print))


if __name__ == "__main__":
    main()
