"""The outbox's writer: order, batches, locks and errors, on a database that a test locks and makes unavailable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import gevent
import pytest
from gevent.event import Event

from fshunt.daemon.data import outbox as outbox_module
from fshunt.daemon.data.events import OrderKey, OutboxEvent, Scope
from fshunt.daemon.data.outbox import MAX_BATCH, Outbox
from fshunt.daemon.data.outbox_file import OutboxFile
from fshunt.errors import BadValue, DatabaseError, Locked
from tests.support.waiting import WAIT_SECONDS, until


@dataclass(frozen=True, slots=True)
class Noted(OutboxEvent):
    """An event that a fake session notes."""

    kind: ClassVar[str] = "noted"
    key_id: OrderKey
    name: str

    @property
    def key(self) -> OrderKey:
        return self.key_id

    def apply(self, s: Any) -> None:
        s.note(self)


class FakeDatabase:
    """Runs transactions of ``Noted``; some keys may be locked, some names bad, or all of it unavailable."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self.tries = 0
        self.locked: set[OrderKey] = set()
        self.bad: set[str] = set()
        self.error: Exception | None = None
        self.begins: Callable[[], object] = lambda: None
        self._taken: list[Noted] = []

    @property
    def written(self) -> list[str]:
        return [name for each in self.transactions for name in each]

    def run_lean(self, function: Callable[[Any], object], *, write: bool) -> None:
        assert write
        self.tries += 1
        self.begins()
        if self.error is not None:
            raise self.error
        self._taken = []
        function(self)
        self.transactions.append([each.name for each in self._taken])

    def note(self, event: Noted) -> None:
        if event.key in self.locked:
            raise Locked("A row is locked.")
        if event.name in self.bad:
            raise BadValue("It does not fit.")
        self._taken.append(event)


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def outbox(database: FakeDatabase) -> Iterator[Outbox]:
    made = Outbox(database, OutboxFile(None, "node"))  # type: ignore[arg-type]
    yield made
    made.stop(0)
    gevent.killall(WRITERS)
    WRITERS.clear()
    made.close()


WRITERS: list[gevent.Greenlet] = []
"""What the supervisor has in a daemon: the greenlet of the writer."""


def start(outbox: Outbox) -> None:
    outbox.start()
    WRITERS.append(gevent.spawn(outbox.run))


def of_hunt(hunt: str, name: str) -> Noted:
    return Noted(OrderKey(Scope.HUNT, hunt), name)


def of_member(member: int, name: str) -> Noted:
    return Noted(OrderKey(Scope.MEMBER, member), name)


def of_claims(name: str) -> Noted:
    return Noted(OrderKey(Scope.CLAIMS, "h"), name)


def test_what_comes_together_is_one_transaction_in_its_order(outbox: Outbox, database: FakeDatabase) -> None:
    for number in range(5):
        outbox.put(of_hunt(f"h{number % 2}", f"{number}"))
    start(outbox)
    assert outbox.flush(WAIT_SECONDS)
    assert database.transactions == [["0", "1", "2", "3", "4"]]
    assert outbox.pending == 0


def test_no_transaction_is_larger_than_a_batch(outbox: Outbox, database: FakeDatabase) -> None:
    for number in range(2 * MAX_BATCH + 1):
        outbox.put(of_hunt("h", f"{number}"))
    start(outbox)
    assert outbox.flush(WAIT_SECONDS)
    assert [len(each) for each in database.transactions] == [MAX_BATCH, MAX_BATCH, 1]
    assert database.written == [f"{number}" for number in range(2 * MAX_BATCH + 1)]


def test_an_error_in_a_callback_does_not_end_the_writer(
    outbox: Outbox, database: FakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """Every later caller would go to voicemail: nothing would be claimed, released or written any more."""
    called = []

    def breaks() -> None:
        raise ZeroDivisionError("a mistake")

    start(outbox)
    outbox.put(of_hunt("h", "first"), breaks)
    outbox.put(of_hunt("h", "second"), lambda: called.append("second"))
    assert outbox.flush(WAIT_SECONDS)
    outbox.put(of_hunt("h", "third"), lambda: called.append("third"))
    assert outbox.flush(WAIT_SECONDS)
    until(lambda: called == ["second", "third"], "both are notified")
    assert database.written == ["first", "second", "third"]
    assert not WRITERS[-1].dead
    assert "internal error after write noted" in caplog.messages
    assert "ZeroDivisionError: a mistake" in caplog.text


def test_a_failed_writer_is_restarted_and_loses_nothing(outbox: Outbox, database: FakeDatabase) -> None:
    database.error = ZeroDivisionError("a mistake")
    outbox.put(of_hunt("h", "first"))
    broken = gevent.spawn(outbox.run)
    broken.join(WAIT_SECONDS)
    assert isinstance(broken.exception, ZeroDivisionError)
    database.error = None
    again = gevent.spawn(outbox.run)
    try:
        assert outbox.flush(WAIT_SECONDS), "nothing new has come: it continues with the pending writes"
    finally:
        again.kill()
    assert database.written == ["first"]


def test_an_event_that_can_never_be_written_is_left_out_and_the_others_are_written(
    outbox: Outbox, database: FakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database.bad = {"bad"}
    for name in ("first", "bad", "last"):
        outbox.put(of_hunt("h", name))
    start(outbox)
    assert outbox.flush(WAIT_SECONDS)
    assert database.written == ["first", "last"]
    assert "write noted is invalid and is dropped: It does not fit." in caplog.messages


def test_without_the_database_events_wait_in_order_and_their_senders_are_told(
    outbox: Outbox, database: FakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    told = Event()
    database.error = DatabaseError("The database is read-only.")
    outbox.put(of_hunt("h", "first"))
    outbox.put(of_claims("second"), told.set)
    start(outbox)
    assert told.wait(WAIT_SECONDS), "it will be late"
    assert (outbox.pending, outbox.error) == (2, "The database is read-only.")
    assert "2 writes pending: The database is read-only." in caplog.messages
    database.error = None
    outbox.put(of_hunt("h", "third"))
    outbox.database_back()
    assert outbox.flush(WAIT_SECONDS)
    assert database.written == ["first", "second", "third"]
    until(lambda: outbox.error is None, "nothing hinders it")


def test_a_locked_row_holds_up_nothing_but_what_is_written_to_it(outbox: Outbox, database: FakeDatabase) -> None:
    locked = OrderKey(Scope.MEMBER, 1)
    database.locked = {locked}
    told = Event()
    outbox.put(of_member(1, "held 1"), told.set)
    outbox.put(of_hunt("h", "record 1"))
    outbox.put(of_member(2, "stamp 2"))
    outbox.put(of_claims("release 1"))
    start(outbox)
    assert told.wait(WAIT_SECONDS)
    until(lambda: outbox.pending == 1, "all but one are written")
    assert sorted(database.written) == ["record 1", "release 1", "stamp 2"]
    assert database.written[0] == "release 1", "claims first"
    for number in range(2, 6):  # more of all, the locked row's with them
        outbox.put(of_member(1, f"held {number}"))
        outbox.put(of_hunt("h", f"record {number}"))
        outbox.put(of_claims(f"release {number}"))
    until(lambda: outbox.pending == 5, "all but five are written")
    assert outbox.error == "A row is locked."
    database.locked = set()
    assert outbox.flush(WAIT_SECONDS)
    for what in ("held", "record", "release"):
        assert [name for name in database.written if name.startswith(what)] == [f"{what} {n}" for n in range(1, 6)]
    until(lambda: outbox.error is None, "nothing hinders it any more")


def test_a_release_is_behind_one_locked_row_at_most(outbox: Outbox, database: FakeDatabase) -> None:
    """Each try of a locked row waits for its lock: between two of them, what callers wait for is written."""
    database.locked = {OrderKey(Scope.MEMBER, number) for number in range(20)}
    for number in range(20):
        outbox.put(of_member(number, f"held {number}"))
    start(outbox)
    until(lambda: database.tries > 5, "locked rows are tried")
    tries: list[int] = []
    database.begins = lambda: tries.append(1)
    for number in range(10):
        tries.clear()
        written = Event()
        outbox.put(of_claims(f"release {number}"), written.set)
        assert written.wait(WAIT_SECONDS)
        assert len(tries) <= 3, "the one in progress, the release itself, and one before it at most"
    assert database.written == [f"release {number}" for number in range(10)]


def test_a_locked_table_is_no_thousand_locked_rows(
    outbox: Outbox, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "MAX_KEYS_APART", 10)
    monkeypatch.setattr(outbox_module, "MAX_BATCH", 20)
    hunts = [f"h{number}" for number in range(200)]
    database.locked = {OrderKey(Scope.HUNT, hunt) for hunt in hunts}
    for hunt in hunts:
        outbox.put(of_hunt(hunt, f"record of {hunt}"))
    start(outbox)
    until(lambda: database.tries > 50, "the table is tried")
    assert len(outbox._apart) == 20, "the first batch, and no other"
    outbox.put(of_claims("release"))
    until(lambda: "release" in database.written, "the release is written")
    database.locked = set()
    assert outbox.flush(WAIT_SECONDS)
    assert sorted(database.written) == sorted(["release", *(f"record of {hunt}" for hunt in hunts)])


def test_the_outbox_is_bounded_and_loses_the_oldest_first(
    outbox: Outbox, database: FakeDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox_module, "MAX_PENDING", 3)
    told = []
    for number in range(5):
        outbox.put(of_hunt("h", f"{number}"), lambda number=number: told.append(number))
    assert outbox.pending == 3
    assert told == [0, 1], "a wait for a lost event ends"
    assert caplog.messages == ["more than 3 writes pending: the oldest are dropped, 1 so far"]
    start(outbox)
    assert outbox.flush(WAIT_SECONDS)
    assert database.written == ["2", "3", "4"]


def test_events_that_come_while_it_stops_are_written(outbox: Outbox, database: FakeDatabase) -> None:
    more = iter([of_hunt("h", "second"), of_hunt("h", "third")])

    def put_more() -> None:
        event = next(more, None)
        if event is not None:
            outbox.put(event)

    database.begins = put_more
    outbox.put(of_hunt("h", "first"))
    start(outbox)
    outbox.stop(WAIT_SECONDS)
    assert database.written == ["first", "second", "third"]


def test_what_neither_the_database_nor_a_file_takes_is_lost_at_a_stop_and_logged(
    outbox: Outbox, database: FakeDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    database.error = DatabaseError("away")
    outbox.put(of_hunt("h", "first"))
    start(outbox)
    outbox.stop(0.05)
    assert "stopped with 1 writes pending: they are lost" in caplog.messages
    assert [each.levelno for each in caplog.records][-1] == logging.ERROR
