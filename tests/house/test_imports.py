"""Who may import whom: design section 3 as a table, and the walk that holds it."""

import subprocess
import sys

import pytest

from tests.house.sources import PACKAGES, ROOT, imported_modules, name, source_files

MAY_IMPORT = {
    "contracts": set(),
    "invalidation": {"contracts"},
    "edge_renderer": {
        "contracts",
        "invalidation.bus",
        "invalidation.follower",
        "invalidation.lease",
        "invalidation.line",
        "invalidation.errors",
    },
    "origin": {
        "contracts",
        "invalidation.outbox",
        "invalidation.bounded_connection",
        "invalidation.cancellation",
        "invalidation.line",
    },
    "loadtest": {"contracts", "standalone", "edge_renderer", "origin"},
    "standalone": {"contracts", "invalidation", "edge_renderer", "origin", "loadtest"},
}
# Where a foreign library may be imported: the doors through which the outside comes in.
DOORS = {
    "redis": (
        "invalidation/bus.py",
        "invalidation/relay.py",
        "invalidation/__main__.py",
        "invalidation/line.py",
        "edge_renderer/cache/shared.py",
        "origin/carts.py",
        "origin/checkout/line.py",
        "origin/checkout/waiting_room.py",
        "origin/collaborators.py",
        "origin/state.py",
        "origin/jobs/",
        "standalone/",
        "loadtest/",
    ),
    "psycopg": (
        "origin/",
        "invalidation/outbox.py",
        "invalidation/bounded_connection.py",
        "invalidation/relay.py",
        "invalidation/__main__.py",
        "standalone/",
        "loadtest/",
    ),
    "stripe": (
        "origin/payments.py",
        "origin/payment_moves.py",
        "origin/payment_list.py",
        "standalone/payment_sandbox/",
    ),
}


def is_allowed(module, allowed):
    return any(module == prefix or module.startswith(prefix + ".") for prefix in allowed)


def test_the_packages_import_only_what_the_table_allows():
    broken = [
        f"{name(path)} imports {module}"
        for path in source_files()
        for module in imported_modules(path)
        if module.split(".")[0] in {*PACKAGES, "tests"}
        and module.split(".")[0] != (package := name(path).split("/")[0])
        and not is_allowed(module, MAY_IMPORT[package])
    ]
    assert broken == []


@pytest.mark.parametrize("library", DOORS)
def test_foreign_libraries_come_in_through_their_doors(library):
    broken = [
        name(path)
        for path in source_files()
        if any(module.split(".")[0] == library for module in imported_modules(path))
        and not name(path).startswith(DOORS[library])
    ]
    assert broken == []


def test_the_edge_never_loads_a_database_driver_or_the_origin():
    program = (
        "import sys, edge_renderer.app, edge_renderer.__main__;"
        "print([m for m in ('psycopg', 'psycopg_pool', 'origin', 'stripe', 'invalidation.outbox') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
