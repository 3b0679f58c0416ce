"""The database is lost, slow, locked, read-only or silent while a call is hunted: the caller never waits for it.

The caller of each test rings a member who is busy and then one who answers, so that all that is written of a call is
written. Afterwards the database is back, and the rows are those of a call without any fault.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime

import gevent
import psycopg
import pytest
from sqlalchemy import func, make_url, select

from fshunt.db import pipeline
from fshunt.db.engine import Store, open_store
from fshunt.db.models import CallRecord, Claim, OfferRecord, RotationMove
from fshunt.db.queries.overview import overview
from fshunt.services.cluster_health import state_of
from fshunt.simulator.core.phones import answers, refuses
from tests.support import sqlite_faults
from tests.support.fault_office import until
from tests.support.postgres_proxy import PostgresProxy
from tests.support.rig import WAIT_SECONDS, Rig, rang, running

pytestmark = pytest.mark.faults

HUNT_SECONDS = 1.0
"""Within this time the hunt continues from the group cache: from the caller's connection to the first ring."""
MACHINE_SECONDS = 3.0
"""What a slow machine may add in one of several tries; one of them must stay within the time itself."""
TRIES = 4
LONGEST_SECONDS = 8.0
"""No call of these tests lasts longer, whatever the database does; without a fault it is a tenth of that."""

Fault = Callable[[Rig], AbstractContextManager[object]]

STEPS = {
    "the group is read": "SELECT groups.id",
    "the turn is taken": "UPDATE group_rotation",
    "the member is claimed": "INSERT INTO claims",
    "the call is written": "INSERT INTO calls",
    "the offer is written": "INSERT INTO offers",
    "the outcome is written": "UPDATE offers SET",
    "the answer is written": "SET answered_at",
    "the stamp is written": "UPDATE members SET idle_since",
    "the end is written": "UPDATE calls SET ended_at",
    "the claim is released": "DELETE FROM claims",
}
"""A step of a call, by a statement that only it has."""


@contextmanager
def office(url: str, store: Store) -> Iterator[Rig]:
    """A daemon that has read its group; at the next call it is the turn of the busy member."""
    with running(url, store, database_timeout=0.5) as rig:
        with store.reading() as s:
            fresh = not s.scalar(select(func.count()).select_from(CallRecord))
        if fresh:
            rig.group("5000", "1001", "1002", policy="round-robin")
        rig.phones("1001", behaviour=answers(0.05, talks=0.05))
        rig.phones("1002", behaviour=refuses(486))
        until(lambda: rig.call().result == "answered", "the group is read")
        yield rig


def hunted_through(rig: Rig, fault: Fault) -> float:
    """Have a call hunted while there is a fault; check what is left of it; return how long the caller waited."""
    turn = _state(rig.store)
    call = None
    with fault(rig):
        call = rig.started()
        assert call.join(WAIT_SECONDS), "the call has not ended"
        assert call.ending.kind == "answered", f"the hunt goes on: {call.ending}"
        assert call.ending.who == "1001"
    until(lambda: _written(rig, call.uuid), "what could not be written is written when the database is back")
    record = rig.record(call)
    assert (record.result, record.answered_by, record.end_seen) == ("answered", "1001", True)
    assert rang(record) == [("1002", "busy"), ("1001", "answered")], "written once"
    with rig.store.reading() as s:
        moved = select(func.count()).select_from(RotationMove).where(RotationMove.call_uuid == call.uuid)
        assert s.scalar(moved) == 1, "the turn has moved once"
    assert _state(rig.store) == tuple(count + more for count, more in zip(turn, (1, 2, 1), strict=True))
    # A claim that failed may have been written after its release, and ends when a heartbeat finds it.
    until(lambda: not _claims(rig.store), "no claim is left", 2 * WAIT_SECONDS)
    assert call.bridge_delay is not None
    return float(call.bridge_delay)


def _state(store: Store) -> tuple[int, ...]:
    with store.reading() as s:
        return tuple(
            s.scalar(select(func.count()).select_from(m)) or 0 for m in (CallRecord, OfferRecord, RotationMove)
        )


def _written(rig: Rig, uuid: str) -> bool:
    with rig.store.reading() as s:
        return bool(
            s.scalar(
                select(func.count())
                .select_from(CallRecord)
                .where(CallRecord.uuid == uuid, CallRecord.ended_at.is_not(None))
            )
        )


def _claims(store: Store) -> int:
    with store.reading() as s:
        return s.scalar(select(func.count()).select_from(Claim)) or 0


def within(seconds: float, attempt: Callable[[], float]) -> None:
    """Hold the time, in one of some tries: another program may have had the machine in the others."""
    took = []
    for _ in range(TRIES):
        took.append(attempt())
        assert took[-1] < seconds + MACHINE_SECONDS
        if took[-1] < seconds:
            return
    pytest.fail(f"it took {took} s, and {seconds:g} s is the most")


def hunts_in_time(url: str, store: Store, fault: Fault) -> None:
    """A daemon that meets the fault for the first time hunts all the same, and in time."""

    def attempt() -> float:
        with office(url, store) as rig:
            return hunted_through(rig, fault)

    within(HUNT_SECONDS, attempt)


# PostgreSQL: through a proxy.


@pytest.fixture
def behind(proxy: PostgresProxy, postgres_url: str) -> Iterator[tuple[PostgresProxy, Store]]:
    """The proxy that the daemon uses, and a store of the test's own past it."""
    store = open_store(postgres_url)
    yield proxy, store
    proxy.mend()
    store.close()


@pytest.mark.parametrize("step", STEPS)
def test_the_database_goes_down_at_each_step(behind: tuple[PostgresProxy, Store], step: str) -> None:
    proxy, store = behind
    hunts_in_time(proxy.url, store, lambda rig: _goes_down(proxy, rig, step, proxy.refuse))


@pytest.mark.parametrize("step", STEPS)
def test_the_connections_to_the_database_are_cut_at_each_step(behind: tuple[PostgresProxy, Store], step: str) -> None:
    proxy, store = behind
    hunts_in_time(proxy.url, store, lambda rig: _goes_down(proxy, rig, step, proxy.cut))


@pytest.mark.parametrize("step", STEPS)
def test_the_database_is_silent_from_each_step_on(behind: tuple[PostgresProxy, Store], step: str) -> None:
    proxy, store = behind
    hunts_in_time(proxy.url, store, lambda rig: _goes_down(proxy, rig, step, proxy.swallow))


@contextmanager
def _goes_down(proxy: PostgresProxy, rig: Rig, step: str, fault: Callable[[], object]) -> Iterator[None]:
    with proxy.trap(STEPS[step], fault) as sprung:
        yield
        until(sprung.is_set, f"the step is reached: {step}")
        rig.daemon.listener.calls.join(WAIT_SECONDS)
    proxy.mend()


@pytest.mark.parametrize("number", range(1, 6))
def test_the_connection_is_cut_after_a_commit_was_sent_and_before_its_answer(
    behind: tuple[PostgresProxy, Store], number: int
) -> None:
    proxy, store = behind

    @contextmanager
    def fault(rig: Rig) -> Iterator[None]:
        commits = 0

        def count(statement: str) -> None:
            nonlocal commits
            if statement == "COMMIT":
                commits += 1
                if commits == number:
                    proxy.drop_the_answer_to_commit()

        before, proxy.on_statement = proxy.commits_dropped, count
        yield
        until(lambda: proxy.commits_dropped > before, f"commit {number} is lost")
        proxy.mend()

    hunts_in_time(proxy.url, store, fault)


@pytest.mark.parametrize("seconds", [0.1, 1.0, pytest.param(10.0, marks=pytest.mark.faults)])
def test_the_database_is_slow(behind: tuple[PostgresProxy, Store], seconds: float) -> None:
    proxy, store = behind

    @contextmanager
    def fault(rig: Rig) -> Iterator[None]:
        proxy.delay = seconds
        yield
        rig.daemon.listener.calls.join(WAIT_SECONDS)
        proxy.mend()

    hunts_in_time(proxy.url, store, fault)


@pytest.mark.parametrize("table", ["claims", "group_rotation", "calls", "members"])
def test_a_table_of_postgresql_is_locked(behind: tuple[PostgresProxy, Store], postgres_url: str, table: str) -> None:
    proxy, store = behind

    @contextmanager
    def fault(rig: Rig) -> Iterator[None]:
        with _administrator(postgres_url) as administrator:
            administrator.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
            rig.daemon.listener.calls.join(WAIT_SECONDS)
            administrator.execute("ROLLBACK")

    hunts_in_time(proxy.url, store, fault)


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param("UPDATE members SET weight = weight WHERE extension = '1001'", id="a member's"),
        pytest.param("SELECT * FROM group_rotation WHERE group_id = {group.id} FOR UPDATE", id="a group's rotation"),
    ],
)
def test_a_row_of_postgresql_is_locked_and_all_other_members_are_rung(
    behind: tuple[PostgresProxy, Store], postgres_url: str, lock: str
) -> None:
    """Somebody leaves a transaction open: what waits for it is late, and the members of all other groups are free."""
    proxy, store = behind
    with running(proxy.url, store, database_timeout=0.5) as rig:
        group = rig.group("5000", "1001", policy="round-robin")
        rig.group("5001", "1002", policy="round-robin")
        rig.phones("1001", "1002", behaviour=answers(0.02, talks=0.02))
        with _administrator(postgres_url) as administrator:
            administrator.execute("BEGIN")
            administrator.execute(lock.format(group=group))
            held = rig.started("5000")
            assert held.join(WAIT_SECONDS)
            assert held.ending.kind == "answered", "the hunt continues without the row"
            for _ in range(5):
                free = rig.started("5001")
                assert free.join(WAIT_SECONDS)
                assert free.ending.kind == "answered"
                until(lambda: not _claims(store), "the claims end while the row is locked")
            assert rig.daemon.deps.database.away is None, "the database is available"
            assert rig.daemon.deps.outbox.error is not None, "and the error is reported"
            administrator.execute("ROLLBACK")
        rig.settle()
        with store.reading() as s:
            assert s.scalar(select(func.count()).select_from(RotationMove)) == 6, "each turn has moved once"
            assert s.scalar(select(func.count()).select_from(CallRecord).where(CallRecord.end_seen)) == 6


def test_the_row_of_a_call_is_locked_and_all_other_calls_are_written(
    behind: tuple[PostgresProxy, Store], postgres_url: str
) -> None:
    proxy, store = behind
    with running(proxy.url, store, database_timeout=0.5) as rig:
        rig.group("5000", "1001")
        rig.group("5001", "1002")
        rig.phones("1001")
        rig.phones("1002", behaviour=answers(0.02, talks=0.02))
        rings = rig.happens("rings", "1001")
        held = rig.started("5000")
        assert rings.wait(WAIT_SECONDS)
        assert rig.daemon.deps.outbox.flush(WAIT_SECONDS), "the call is written"
        with _administrator(postgres_url) as administrator:
            administrator.execute("BEGIN")
            administrator.execute(f"SELECT * FROM calls WHERE uuid = '{held.uuid}' FOR UPDATE")
            held.hang_up()
            assert held.join(WAIT_SECONDS)
            until(lambda: rig.daemon.deps.outbox.error, "its end cannot be written")
            for _ in range(3):
                assert rig.closed(rig.started("5001")).result == "answered"
            administrator.execute("ROLLBACK")
        assert rig.closed(held).result == "abandoned"


def test_a_server_that_never_answers_a_statement_is_given_up(
    behind: tuple[PostgresProxy, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy still accepts packets, so TCP sees no fault; a new connection leads to a new server."""
    monkeypatch.setattr(pipeline, "SILENT_SECONDS", 1.0)
    proxy, store = behind
    with office(proxy.url, store) as rig:
        with proxy.trap(STEPS["the call is written"], proxy.abandon) as sprung:
            call = rig.started()
            assert call.join(WAIT_SECONDS)
            assert sprung.wait(WAIT_SECONDS)
        assert call.ending.kind == "answered", "the hunt continues without the database"
        until(lambda: _written(rig, call.uuid), "what could not be written is written by a new connection")
        until(lambda: rig.daemon.deps.database.away is None, "and calls use the database again")
        assert rang(rig.record(call)) == [("1002", "busy"), ("1001", "answered")]
        until(lambda: not _claims(store), "no claim is left")


def test_postgresql_is_read_only_as_after_a_failover(behind: tuple[PostgresProxy, Store], postgres_url: str) -> None:
    proxy, store = behind
    name = make_url(postgres_url).database

    @contextmanager
    def fault(rig: Rig) -> Iterator[None]:
        with _administrator(postgres_url) as administrator:
            administrator.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            proxy.cut()
            yield
            rig.daemon.listener.calls.join(WAIT_SECONDS)
            administrator.execute("SET default_transaction_read_only = off")
            administrator.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            proxy.cut()

    hunts_in_time(proxy.url, store, fault)


def _administrator(url: str) -> psycopg.Connection:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


# SQLite.


@pytest.fixture
def file_store(sqlite_url: str) -> Iterator[Store]:
    """A store of the test's own."""
    store = open_store(sqlite_url)
    yield store
    store.close()


def _while_held(fault: Callable[[Rig], AbstractContextManager[None]]) -> Fault:
    @contextmanager
    def held(rig: Rig) -> Iterator[None]:
        with fault(rig):
            yield
            rig.daemon.listener.calls.join(WAIT_SECONDS)

    return held


def test_the_file_is_locked_by_another_process(sqlite_url: str, file_store: Store) -> None:
    hunts_in_time(sqlite_url, file_store, _while_held(lambda _: sqlite_faults.locked(sqlite_url)))


def test_the_file_is_locked_again_and_again(sqlite_url: str, file_store: Store) -> None:
    hunts_in_time(sqlite_url, file_store, _while_held(lambda _: sqlite_faults.locked(sqlite_url, held=1.0, free=0.05)))


def test_the_file_is_locked_for_ten_seconds(sqlite_url: str, file_store: Store) -> None:
    @contextmanager
    def fault(rig: Rig) -> Iterator[None]:
        with sqlite_faults.locked(sqlite_url):
            yield
            gevent.sleep(10)  # longer than any wait of the daemon for a lock

    hunts_in_time(sqlite_url, file_store, fault)


def test_the_file_is_read_only(sqlite_url: str, file_store: Store) -> None:
    hunts_in_time(sqlite_url, file_store, _while_held(lambda rig: sqlite_faults.read_only(_engine(rig))))


def test_the_disk_is_full(sqlite_url: str, file_store: Store) -> None:
    hunts_in_time(sqlite_url, file_store, _while_held(lambda rig: sqlite_faults.full(_engine(rig))))


def test_the_file_is_removed_under_the_daemon(sqlite_url: str, file_store: Store) -> None:
    path = sqlite_faults.path_of(sqlite_url)
    hidden = path.with_suffix(".hidden")

    @contextmanager
    def removed(rig: Rig) -> Iterator[None]:
        path.rename(hidden)
        rig.until(lambda: rig.daemon.deps.database.away is not None, "the daemon notices")
        yield
        rig.daemon.listener.calls.join(WAIT_SECONDS)
        assert not path.exists(), "no empty file is made in its place"
        hidden.rename(path)

    hunts_in_time(sqlite_url, file_store, removed)


def test_the_file_is_replaced_under_the_daemon(
    sqlite_url: str, file_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """By a backup in which another member is in the group, while the old file has a write-ahead log."""
    path = sqlite_faults.path_of(sqlite_url)
    backup = path.with_suffix(".backup")
    with office(sqlite_url, file_store) as rig:
        rig.phones("1009", behaviour=answers(0.05, talks=0.05))
        with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(backup)) as new:
            old.backup(new)
            new.execute("UPDATE members SET extension = '1009' WHERE id = (SELECT min(id) FROM members)")
            new.commit()
            new.execute("PRAGMA journal_mode=DELETE")
        lost = rig.call()
        assert lost.answered_by == "1001"
        assert path.with_name(f"{path.name}-wal").stat().st_size > 0
        backup.replace(path)
        rig.until(lambda: rig.daemon.deps.database_file.replaced_at is not None, "the daemon notices")
        assert "was replaced: using the new one" in caplog.text
        rig.until(lambda: rig.call().answered_by == "1009", "the group of the new file is hunted for")
        with rig.store.reading() as s:
            status = state_of(overview(s, datetime.now(UTC)), datetime.now(UTC))
            assert "database-replaced" in [note.code for note in status.notes]
        with closing(sqlite3.connect(path)) as new:
            assert new.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            answered = dict(new.execute("SELECT id, answered_by FROM calls").fetchall())
        assert "1009" in answered.values()
        assert lost.id not in answered, "it is in the old file"


def _engine(rig: Rig):  # type: ignore[no-untyped-def]
    return rig.daemon.deps.database.store._engine


def test_a_fault_of_the_database_holds_up_no_other_call(
    behind: tuple[PostgresProxy, Store],
) -> None:
    proxy, store = behind
    with office(proxy.url, store) as rig:
        rig.group("5001", "1003")
        rig.phones("1003", behaviour=answers(0.05, talks=0.05))
        assert rig.call("5001").result == "answered"
        proxy.swallow()
        calls = [rig.started(pilot) for pilot in ("5000", "5001") for _ in range(20)]
        over = [call.join(WAIT_SECONDS) for call in calls]
        proxy.mend()  # before anything is checked: a daemon is not stopped as long as the database is silent
        assert all(over), "a call has not ended"
        kinds = {call.ending.kind for call in calls}
        assert kinds <= {"answered", "voicemail"}, "no caller is lost or returned to the dialplan"
        assert sum(call.ending.kind == "answered" for call in calls) >= 2
        waited = [call.bridge_delay for call in calls if call.bridge_delay is not None]
        assert max(waited) < HUNT_SECONDS + MACHINE_SECONDS, "nor does one call wait for the threads of the others"
        assert max(call.ending.seconds for call in calls) < LONGEST_SECONDS
        rig.settle()
    with store.reading() as s:
        counted = s.scalar(select(func.count()).select_from(CallRecord).where(CallRecord.ended_at.is_not(None)))
    assert counted == 2 + len(calls)
