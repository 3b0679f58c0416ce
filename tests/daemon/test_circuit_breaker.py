"""The circuit breaker: reset only by answers that come in time, with few lines in the log however slow the database."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from fshunt.daemon.data import circuit_breaker
from fshunt.daemon.data.circuit_breaker import CircuitBreaker
from fshunt.errors import DatabaseError, Locked

LIMIT_SECONDS = 0.5
TRIPPED, WAS_RESET = "database unavailable: %s", "database resumed"


class World:
    """A database that takes some seconds for an answer, a clock that moves by that and by pauses, and the breaker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.takes: Callable[[], float] = lambda: 0.01
        self.error: DatabaseError | None = None
        self.changes: list[bool] = []
        self.until = 0.0
        monkeypatch.setattr(circuit_breaker.gevent, "spawn", lambda _probing: None)
        self.breaker = CircuitBreaker(
            self._probe,
            lambda: LIMIT_SECONDS,
            lambda: self.changes.append(self.breaker.why is None),
            tripped=TRIPPED,
            was_reset=WAS_RESET,
            clock=lambda: self.now,
            sleep=self._sleep,
        )

    def trip(self) -> None:
        self.breaker.trip(DatabaseError("The database did not answer within 0.5 s."))

    def probe_for(self, seconds: float) -> None:
        """Let it probe for so long, or until it is reset."""
        self.until = self.now + seconds
        try:
            self.breaker.probe_until_answered()
        except TimeoutError:
            return

    def _probe(self) -> None:
        self.now += self.takes()
        if self.error is not None:
            raise self.error

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > self.until:
            raise TimeoutError


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> World:
    caplog.set_level(logging.INFO)
    return World(monkeypatch)


def test_a_slow_database_trips_it_once_until_it_answers_in_time(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.takes = lambda: 0.6
    world.trip()
    world.probe_for(3600)
    assert world.breaker.why is not None
    world.takes = lambda: 0.4
    world.probe_for(10)
    assert world.breaker.why is None
    assert caplog.messages == ["database unavailable: The database did not answer within 0.5 s", WAS_RESET]
    assert world.changes == [False, True]


def test_calls_that_are_slower_than_the_probes_trip_it_few_times(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    while world.now < 12:
        world.trip()
        world.probe_for(12 - world.now)
    assert caplog.messages.count(WAS_RESET) <= 4
    while world.now < 3600:
        world.trip()
        world.probe_for(3600 - world.now)
    assert caplog.messages.count(WAS_RESET) <= 3600 / 15 + 5, "every 15 s in the end"


def test_after_a_quiet_minute_one_answer_is_enough_again(world: World) -> None:
    for _ in range(3):
        world.trip()
        world.probe_for(60)
    world.now += circuit_breaker.RELAPSE_SECONDS + 1
    world.trip()
    began = world.now
    world.probe_for(60)
    assert world.breaker.why is None
    assert world.now - began < 0.1


def test_a_locked_row_is_an_answer_of_a_database_that_is_there(world: World) -> None:
    world.trip()
    world.error = Locked("somebody holds the lock")
    world.probe_for(1)
    assert world.breaker.why is None


def test_a_refusal_is_no_answer_however_quick(world: World) -> None:
    world.trip()
    world.error = DatabaseError("read-only")
    world.probe_for(100)
    assert world.breaker.why is not None


def test_a_second_error_while_it_is_tripped_is_not_reported(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.trip()
    world.trip()
    assert len(caplog.messages) == 1
    assert world.changes == [False]


def test_once_closed_it_trips_no_more(world: World) -> None:
    world.breaker.close()
    world.trip()
    world.breaker.check()
    assert world.changes == []
