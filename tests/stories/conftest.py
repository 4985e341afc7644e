"""The platform of the stories: one for all of them that leave it well."""

from collections.abc import Iterator

import pytest

from tests.fixtures.platform import RunningPlatform, empty_platform


@pytest.fixture(scope="package")
def platform() -> Iterator[RunningPlatform]:
    with empty_platform() as running:
        yield running
