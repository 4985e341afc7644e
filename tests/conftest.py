"""Which fixture modules every test may use. The fixtures themselves live in tests/fixtures."""

pytest_plugins = [
    "tests.fixtures.side_by_side",
    "tests.fixtures.servers",
    "tests.fixtures.origin",
    "tests.fixtures.admin",
    "tests.fixtures.platform",
    "tests.fixtures.merchant",
    "tests.fixtures.checkout",
]
