"""The lease's arithmetic, and the clock it is done on."""

import pytest

from invalidation.lease import LEASE_SECONDS, Lease, lease_clock


def test_a_new_lease_is_not_valid() -> None:
    assert not Lease().is_valid(lease_clock())


def test_a_lease_runs_from_the_drains_beginning_and_not_from_the_reply() -> None:
    lease = Lease()
    lease.extend(asked_at=100.0, age_seconds=0.5, drain_age_seconds=0.25)
    assert lease.until == 100.0 + LEASE_SECONDS - 0.75
    assert lease.heard_until == 99.25
    assert lease.is_valid(103.24)
    assert not lease.is_valid(103.25)


def test_hearing_something_older_never_shortens_a_lease() -> None:
    lease = Lease()
    lease.extend(100.0, 0.0, 0.0)
    lease.extend(100.1, 3.0, 0.0)
    assert lease.until == 104.0


@pytest.mark.parametrize(("age", "drain_age"), [(-0.001, 0.0), (0.0, -0.001)])
def test_a_server_clock_that_was_set_back_extends_nothing(age: float, drain_age: float) -> None:
    lease = Lease()
    lease.extend(100.0, age, drain_age)
    assert not lease.is_valid(100.0)


def test_a_message_older_than_the_lease_gives_none() -> None:
    lease = Lease()
    lease.extend(100.0, LEASE_SECONDS, 0.0)
    assert not lease.is_valid(100.0)


def test_an_ended_lease_is_not_valid_until_it_is_extended_again() -> None:
    lease = Lease()
    lease.extend(100.0, 0.0, 0.0)
    lease.end()
    assert not lease.is_valid(100.0)
    lease.extend(101.0, 0.0, 0.0)
    assert lease.is_valid(101.0)


def test_the_lease_clock_never_goes_back() -> None:
    times = [lease_clock() for _ in range(1000)]
    assert times == sorted(times)
