"""The database in threads: no call waits for it beyond its deadline, and not every call asks an unavailable one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import text
from sqlalchemy.orm import Session

from fshunt.daemon.data.database import READER_THREADS, Database, Deadline, _Job, open_for_calls
from fshunt.db.engine import open_store
from fshunt.errors import DatabaseError
from tests.support.rig import WAIT_SECONDS

TIMEOUT_SECONDS = 1.0


class Told:
    """What a database reported: each change of availability, and the number of steps without it."""

    def __init__(self) -> None:
        self.changes: list[bool] = []
        self.errors = 0
        self.database: Database | None = None

    def changed(self) -> None:
        assert self.database is not None
        self.changes.append(self.database.away is None)

    def error(self) -> None:
        self.errors += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def database(sqlite_url: str, told: Told) -> Iterator[Database]:
    store = open_store(sqlite_url)
    made = told.database = Database(store, TIMEOUT_SECONDS, on_change=told.changed, on_error=told.error)
    yield made
    made.close()
    store.close()


class Stuck:
    """A database function that does not end until it is released."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.runs = 0

    def __call__(self, _session: Session) -> int:
        self.runs += 1
        self.go.wait(WAIT_SECONDS)
        return self.runs


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    made = Stuck()
    yield made
    made.go.set()


def answer(_session: Session) -> str:
    return "answer"


def away(_session: Session) -> None:
    raise DatabaseError("The database is away.")


def until_reset(database: Database) -> None:
    with gevent.Timeout(WAIT_SECONDS):
        while database.away is not None:
            gevent.sleep(0.01)


def test_a_write_that_is_too_slow_trips_the_breaker_and_the_next_is_refused_at_once(
    database: Database, stuck: Stuck, told: Told
) -> None:
    with pytest.raises(DatabaseError, match=r"^The database did not answer within 1 s"):
        database.run(stuck, write=True, deadline=database.deadline())
    with pytest.raises(DatabaseError, match=r"^The database is not asked until it answers in time again: the database"):
        database.run(answer, write=True, deadline=database.deadline())
    assert told.errors == 2, "both steps go on without it"
    assert stuck.runs == 1
    assert database.run(answer, deadline=database.deadline()) == "answer", "what can be read is read"
    assert database.away is not None
    stuck.go.set()
    until_reset(database)
    assert database.run(answer, write=True, deadline=database.deadline()) == "answer"


def test_a_failure_trips_the_breaker_until_a_probe_is_answered_and_the_observer_is_told(
    database: Database, told: Told
) -> None:
    with pytest.raises(DatabaseError, match="away"):
        database.run(away, deadline=database.deadline())
    assert database.away_since is not None
    until_reset(database)
    assert told.changes == [False, True]
    assert told.errors == 1
    assert database.away_since is None


@pytest.mark.parametrize("write", [False, True])
def test_a_step_for_which_the_call_has_no_time_left_is_not_executed(
    database: Database, stuck: Stuck, told: Told, write: bool
) -> None:
    stuck.go.set()
    with pytest.raises(DatabaseError, match="no time left"):
        database.run(stuck, write=write, deadline=Deadline(0.0, time.monotonic))
    database.run(answer, write=write)  # the threads have done all that they were given before
    assert stuck.runs == 0
    assert told.errors == 1
    assert database.away is None


@pytest.mark.parametrize(("write", "threads"), [(False, READER_THREADS), (True, 1)])
def test_a_step_whose_deadline_passes_while_it_waits_for_a_thread_is_not_executed_later(
    database: Database, stuck: Stuck, write: bool, threads: int
) -> None:
    holding = [gevent.spawn(database.run, stuck, write=write) for _ in range(threads)]
    with gevent.Timeout(WAIT_SECONDS):
        while stuck.runs < threads:
            gevent.sleep(0.001)
    late = Stuck()
    late.go.set()
    with pytest.raises(DatabaseError, match="did not answer"):
        database.run(late, write=write, deadline=Deadline(0.05, time.monotonic))
    stuck.go.set()
    gevent.joinall(holding, raise_error=True)
    database.run(answer, write=write)
    assert late.runs == 0


def test_a_step_that_is_given_up_while_it_is_queued_is_skipped_by_the_thread() -> None:
    ran: list[bool] = []
    job = _Job(lambda: ran.append(True))
    job.given_up = True
    assert isinstance(job().error, DatabaseError)
    assert ran == []


def test_while_it_is_stuck_other_greenlets_continue(database: Database, stuck: Stuck) -> None:
    ticks, stopped = 0, Event()

    def tick() -> None:
        nonlocal ticks
        while not stopped.wait(0.005):
            ticks += 1

    ticking = gevent.spawn(tick)
    with pytest.raises(DatabaseError):
        database.run(stuck, write=True, deadline=database.deadline())
    stopped.set()
    ticking.join(WAIT_SECONDS)
    assert ticks > 5


def test_a_deadline_is_for_all_steps_of_a_call_together_and_says_nothing_of_the_database(
    database: Database, stuck: Stuck
) -> None:
    now = 0.0
    deadline = Deadline(TIMEOUT_SECONDS * 1.5, lambda: now)
    assert database.run(answer, deadline=deadline) == "answer"
    now = TIMEOUT_SECONDS * 1.4
    with pytest.raises(DatabaseError, match="did not answer"):
        database.run(stuck, write=True, deadline=deadline)
    assert database.away is None, "the call had no time left; the database had not had its time"
    now += 1.0
    began = time.monotonic()
    with pytest.raises(DatabaseError):
        database.run(stuck, deadline=deadline)
    assert time.monotonic() - began < WAIT_SECONDS
    deadline.extend(TIMEOUT_SECONDS)
    assert database.run(answer, deadline=deadline) == "answer"


def timeouts(url: str, seconds: float) -> dict[str, int]:
    """What a daemon's connection has the server keep, in milliseconds."""
    names = ("statement_timeout", "lock_timeout")
    query = ", ".join(f"(SELECT setting::int FROM pg_settings WHERE name = '{name}')" for name in names)
    with closing(open_for_calls(url, seconds)) as store, store.reading() as s:
        return dict(zip(names, s.execute(text(f"SELECT {query}")).one(), strict=True))


@pytest.mark.parametrize("seconds", [0.5, 2.5, 4.0, 60.0])
def test_on_postgresql_a_call_waits_as_long_as_the_setting_says(postgres_url: str, seconds: float) -> None:
    kept = timeouts(postgres_url, seconds)
    assert kept["statement_timeout"] > seconds * 1000, "the call ends the wait, not the server"
    assert kept["lock_timeout"] == round(seconds * 800), "a lock is given up just before"
    with closing(open_for_calls(postgres_url, seconds)) as store, store.reading() as s:
        driver: Any = s.connection().connection.driver_connection
        assert driver.longest_silence_seconds > kept["statement_timeout"] / 1000, "a long statement is no dead server"
