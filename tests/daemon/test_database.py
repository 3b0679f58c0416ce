"""The database in threads: no call waits for it longer than it may, and one that is away is not asked by every call."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import gevent
import pytest
from gevent.event import Event
from sqlalchemy.orm import Session

from fshunt.daemon.data.database import Database, Deadline
from fshunt.db.engine import open_store
from fshunt.errors import DatabaseError
from tests.daemon.rig import WAIT_SECONDS

TIMEOUT_SECONDS = 1.0


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    store = open_store(sqlite_url)
    made = Database(store, TIMEOUT_SECONDS)
    yield made
    made.close()
    store.close()


class Stuck:
    """A function of the store that does not end before it is told to."""

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


def until_open(database: Database) -> None:
    with gevent.Timeout(WAIT_SECONDS):
        while database.away is not None:
            gevent.sleep(0.01)


def test_a_write_that_is_too_slow_shuts_the_gate_and_the_next_is_refused_at_once(
    database: Database, stuck: Stuck
) -> None:
    errors: list[int] = []
    database.on_error = lambda: errors.append(1)
    with pytest.raises(DatabaseError, match=r"^The database did not answer within 1 s"):
        database.run(stuck, write=True, deadline=database.deadline())
    with pytest.raises(DatabaseError, match=r"^The database is not asked for the moment: the database did not answer"):
        database.run(answer, write=True, deadline=database.deadline())
    assert len(errors) == 2, "both steps go on without it"
    assert stuck.runs == 1
    assert database.run(answer, deadline=database.deadline()) == "answer", "what can be read is read"
    assert database.away is not None
    stuck.go.set()
    until_open(database)
    assert database.run(answer, write=True, deadline=database.deadline()) == "answer", "the first answer opens the gate"


def test_a_failure_shuts_the_gate_until_a_question_is_answered_and_everybody_is_told(database: Database) -> None:
    told: list[bool] = []
    errors: list[int] = []
    database.on_change = lambda: told.append(database.away is None)
    database.on_error = lambda: errors.append(1)
    with pytest.raises(DatabaseError, match="away"):
        database.run(away, deadline=database.deadline())
    assert database.away_since is not None
    until_open(database)
    assert told == [False, True]
    assert len(errors) == 1
    assert database.away_since is None


def test_while_it_is_stuck_other_greenlets_go_on(database: Database, stuck: Stuck) -> None:
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


def test_a_calls_patience_is_for_all_its_steps_together_and_says_nothing_of_the_database(
    database: Database, stuck: Stuck
) -> None:
    now = 0.0
    deadline = Deadline(TIMEOUT_SECONDS * 1.5, lambda: now)
    assert database.run(answer, deadline=deadline) == "answer"
    now = TIMEOUT_SECONDS * 1.4
    with pytest.raises(DatabaseError, match="did not answer"):
        database.run(stuck, write=True, deadline=deadline)
    assert database.away is None, "the call was out of patience; the database had not had its time"
    now += 1.0
    began = time.monotonic()
    with pytest.raises(DatabaseError):
        database.run(stuck, deadline=deadline)
    assert time.monotonic() - began < WAIT_SECONDS
    deadline.extend(TIMEOUT_SECONDS)
    assert database.run(answer, deadline=deadline) == "answer"
