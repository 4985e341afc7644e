"""Which fixture modules every test may use. The fixtures themselves live in tests/fixtures."""

import gc

from hypothesis import settings

# An example has no deadline: what runs out of a fifth of a second is mostly the machine, which looked elsewhere.
settings.register_profile("stoa", deadline=None)
settings.load_profile("stoa")

pytest_plugins = [
    "tests.fixtures.side_by_side",
    "tests.fixtures.servers",
    "tests.fixtures.origin",
    "tests.fixtures.admin",
    "tests.fixtures.platform",
    "tests.fixtures.merchant",
    "tests.fixtures.checkout",
    "tests.fixtures.mail",
]


def pytest_collection_finish() -> None:
    """As a program does once it is loaded: or a collection among all tests' code would fall into one page's time."""
    gc.collect()
    gc.freeze()
