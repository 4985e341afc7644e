"""What the fork server loads once, so that starting a program is forking one."""

import gc
import importlib
import os
import signal
import sys
from multiprocessing.connection import Connection

import invalidation.__main__  # noqa: F401 - loaded here, run in the children
import origin.__main__
import origin.jobs.__main__
import tests.crash.tending  # noqa: F401 - loaded here, run in the children
from origin.settings import OriginSettings


def fork_origins(orders: Connection, settings: OriginSettings) -> None:
    """Builds the origin's app once; for each (crash point, port, log) that comes a child serves it. Answers its pid."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    app = origin.__main__.create_app(settings)
    gc.collect()
    gc.freeze()  # or each child would copy every page to look for garbage
    while True:
        try:
            crash_at, port, log = orders.recv()
        except EOFError:
            return
        child = os.fork()
        if child == 0:
            _speak_to(log)
            origin.__main__.serve(app, settings.model_copy(update={"crash_at": crash_at, "origin_port": port}))
            os._exit(0)
        orders.send(child)


def run(module: str, arguments: list[str], environment: dict[str, str], log: str) -> None:
    """In a child: the program's own main, with this environment and what it says in `log`."""
    _speak_to(log)
    for name in [name for name in os.environ if name.startswith("STOA_")]:
        del os.environ[name]
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    importlib.import_module(module).main()


def _speak_to(log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
