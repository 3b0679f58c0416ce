"""The clock of the machine is set while the daemon runs: no stamp goes back (invariant I5)."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.daemon.clock import SteadyClock

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A machine whose wall clock can be set."""

    def __init__(self) -> None:
        self.wall, self.uptime = NOON, 1000.0

    def passes(self, seconds: float) -> None:
        self.uptime += seconds
        self.wall += timedelta(seconds=seconds)

    def steady(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.uptime)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_set_back_an_hour_the_time_of_records_continues_from_where_it_was(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    clock = machine.steady()
    machine.wall -= HOUR
    machine.passes(5)
    with caplog.at_level(logging.WARNING):
        assert [clock.now(), clock.now()] == [NOON + timedelta(seconds=5)] * 2
    assert [record.message for record in caplog.records] == [
        "the clock of this machine was set back by 3600 s; records go on by the time before"
    ], "logged once"


def test_set_forward_an_hour_it_is_believed(machine: Machine) -> None:
    clock = machine.steady()
    machine.wall += HOUR
    assert clock.now() == NOON + HOUR


@given(st.lists(st.tuples(st.floats(0, 10_000), st.floats(-10_000, 10_000)), max_size=20))
def test_whatever_is_done_to_the_machines_clock_the_time_of_records_never_goes_back(
    steps: list[tuple[float, float]],
) -> None:
    machine = Machine()
    clock, last = machine.steady(), NOON
    for passes, is_set in steps:
        machine.passes(passes)
        machine.wall += timedelta(seconds=is_set)
        now = clock.now()
        assert now >= last + timedelta(seconds=passes) - timedelta(milliseconds=1), "and time passes"
        last = now


def test_no_time_is_before_one_from_before_the_clock_was_set_back(machine: Machine) -> None:
    clock = machine.steady()
    clock.not_before(NOON + HOUR)
    machine.passes(1)
    assert clock.now() == NOON + HOUR + timedelta(seconds=1)
    clock.not_before(NOON)
    assert clock.now() == NOON + HOUR + timedelta(seconds=1)
