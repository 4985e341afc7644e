"""The fault matrix: whatever breaks between edge, caches, bus, relay, origin and database, shoppers are served, what
they see is at most 5 seconds old or marked, and all is well within 5 seconds after it is mended.

`pytest -s tests/faults/test_matrix.py` prints what each cell has seen; `-k "origin and black"` runs some of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

from tests.faults import troubles
from tests.faults.cells import Bench, Databases, Matrix, taking_turns
from tests.faults.story import PROMISED_SECONDS, Seen, Trouble
from tests.fixtures.servers import PostgresServer, run

pytestmark = pytest.mark.alone  # it measures waits, and its dozen edges and relays share one process as it is

BENCHES = [
    Bench(troubles.of_one_edge(), at_once=4),
    *taking_turns(troubles.of_the_state_server(), 3),
    *taking_turns(troubles.of_the_database(), 2),
    *taking_turns(troubles.of_the_relay(), 1, has_own_relays=True),
]
CELLS: dict[str, Trouble] = {name: trouble for bench in BENCHES for name, trouble in bench.cells.items()}


@pytest.fixture(scope="module")
def seen(
    request: pytest.FixtureRequest,
    postgres: PostgresServer,
    template_database: str,
    role_passwords: dict[str, str],
    server_folder: Path,
) -> Iterator[dict[str, Seen | str]]:
    asked_for = {str(item.callspec.params["cell"]) for item in request.session.items if is_a_cell(item)}
    matrix = Matrix(Databases(postgres, template_database, role_passwords), server_folder, asked_for)
    run(matrix.run(BENCHES))
    yield matrix.results
    print(f"\n{table(matrix.results)}\n\nThe loop stood still for {matrix.stalled_seconds:.1f} s.")


def is_a_cell(item: pytest.Item) -> TypeGuard[pytest.Function]:
    return isinstance(item, pytest.Function) and item.module.__name__ == __name__ and hasattr(item, "callspec")


@pytest.mark.parametrize("cell", CELLS)
def test_shoppers_are_served_fresh_or_told_and_all_is_soon_well_again(seen: dict[str, Seen | str], cell: str) -> None:
    found, holds = seen[cell], CELLS[cell]
    assert isinstance(found, Seen), found
    assert found.statuses == {200}
    assert found.cold_statuses <= ({200} if holds.can_ask else {200, 503})
    assert found.stale_seconds <= PROMISED_SECONDS
    assert found.unverified <= found.unverified_counted
    assert found.unverified or not holds.is_cut_off
    assert found.slowest_seconds <= holds.slowest_seconds
    assert found.settled_seconds <= holds.settled_seconds
    assert found.cold_seconds <= holds.cold_seconds
    assert found.recovery_seconds <= PROMISED_SECONDS
    assert found.asked <= found.asked_at_most
    assert found.asked_after <= found.asked_after_at_most


def table(results: dict[str, Seen | str]) -> str:
    head = "| cell | status | cold | stale s | unverified | slowest s | after 1 s | cold s | recovery s | asked |"
    rows = [head, "|---|---|---|---|---|---|---|---|---|---|"]
    for name in CELLS:
        if isinstance(found := results.get(name, ""), Seen):
            rows.append(f"| {name} | {row(found)} |")
    return "\n".join(rows)


def row(seen: Seen) -> str:
    seconds = (seen.slowest_seconds, seen.settled_seconds, seen.cold_seconds, seen.recovery_seconds)
    statuses = [" ".join(map(str, sorted(each))) for each in (seen.statuses, seen.cold_statuses)]
    numbers = [f"{seen.stale_seconds:.2f}", str(seen.unverified), *(f"{each:.2f}" for each in seconds)]
    return " | ".join([*statuses, *numbers, str(seen.asked)])
