"""The heartbeat: a run that was presumed dead is restored, a stop is final, and no row ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from fshunt.daemon.clock import boot_seconds
from fshunt.daemon.cluster.heartbeat import Heartbeat
from fshunt.db.engine import Store
from fshunt.db.models import CallRecord, Claim, DaemonRecord, QueueEntry
from fshunt.db.queries import calls, daemons, lease, orphans
from fshunt.hunting.group import WhenBusy
from fshunt.simulator.core.phones import answers
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, running

pytestmark = pytest.mark.sql

A_LONG_TIME = 100.0


def the_machine_slept(rig: Rig) -> None:
    """Its monotonic clock does not show the pause; the clock since boot does."""
    rig.daemon.heartbeat._seconds = lambda: boot_seconds() + A_LONG_TIME


def all_clocks_of_the_machine_stood_still(rig: Rig) -> None:
    """As those of a virtual machine that is stopped: only the others have seen the time pass."""
    with rig.store.writing() as s:
        reached = lease.read(s)
        assert reached is not None
        lease.advance(s, reached + timedelta(seconds=A_LONG_TIME))


@pytest.mark.parametrize("stood_still", [the_machine_slept, all_clocks_of_the_machine_stood_still])
def test_after_a_pause_claims_queue_entries_and_calls_are_restored(rig: Rig, stood_still: Any) -> None:
    rig.group("5000", "1001", when_busy=WhenBusy.QUEUE)
    rig.phones("1001", behaviour=answers(0.02))
    talks = rig.happens("talks with", "1001")
    talk = rig.started()
    assert talks.wait(WAIT_SECONDS)
    waits = rig.started()
    rig.until(lambda: len(kept(rig)) == 2, "one is on a call and one waits")
    rig.until(lambda: opened(rig) == {rig.daemon.deps.run_id}, "both are written")
    before = kept(rig)
    _another_takes_all(rig, "another's run")
    assert kept(rig) == set()
    stood_still(rig)
    rig.daemon.heartbeat.hurry()
    rig.until(lambda: kept(rig) == before, "the member is claimed and the caller has the ticket")
    rig.until(lambda: opened(rig) == {rig.daemon.deps.run_id}, "the records are this daemon's again")
    talk.hang_up()
    after = rig.closed(talk)
    assert (after.result, after.end_seen) == ("answered", True), "nobody has closed it, the daemon itself least of all"
    waits.hang_up()


def kept(rig: Rig) -> set[tuple[str, str, int | None]]:
    """The claims, and the queue entries with their tickets."""
    with rig.store.reading() as s:
        claims = s.execute(select(Claim.call_uuid, Claim.extension)).all()
        tickets = s.execute(select(QueueEntry.call_uuid, QueueEntry.extension, QueueEntry.ticket)).all()
    return {(*row, None) for row in claims} | {tuple(row) for row in tickets}


def opened(rig: Rig) -> set[str | None]:
    with rig.store.reading() as s:
        return set(s.scalars(select(CallRecord.run_id).where(CallRecord.ended_at.is_(None))))


def _another_takes_all(rig: Rig, run: str) -> None:
    with rig.store.writing() as s:
        s.execute(text("DELETE FROM claims"))
        s.execute(text("DELETE FROM queue_entries"))
        s.execute(text("UPDATE calls SET run_id = :run, node = :run"), {"run": run})


def test_beats_in_time_take_nothing_back(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    heart, returns = light_rig.daemon.heartbeat, []
    monkeypatch.setattr(heart, "_on_return", lambda: returns.append(1))
    beats = _count_beats(heart, monkeypatch)
    for number in range(3):
        heart.hurry()
        light_rig.until(lambda number=number: len(beats) > number, "it beats")
    assert returns == []


def _count_beats(heart: Heartbeat, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    beats: list[bool] = []
    real = heart._beat

    def beat() -> bool:
        beats.append(real())
        return beats[-1]

    monkeypatch.setattr(heart, "_beat", beat)
    return beats


def test_a_heartbeat_in_progress_at_a_stop_does_not_restore_the_daemon(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fshunt.db.engine import open_store

    store = open_store(postgres_url)
    real, begun, go_on = daemons.beat, threading.Event(), threading.Event()

    def slow(*args: Any, **more: Any) -> None:
        begun.set()
        assert go_on.wait(WAIT_SECONDS)
        real(*args, **more)

    with running(str(postgres_url), store) as rig:
        transactions = _watch_transactions(rig.daemon.deps.database.store, monkeypatch)
        monkeypatch.setattr(daemons, "beat", slow)
        heart = rig.daemon.heartbeat
        heart.hurry()
        rig.until(begun.is_set, "a heartbeat is in progress")
        heart.stop()
        heart.retire()
        go_on.set()
        rig.until(lambda: not transactions, "its transaction has ended")
        with store.reading() as s:
            assert list(s.scalars(select(DaemonRecord.run_id))) == []
    store.close()


def _watch_transactions(store: Store, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Writes in progress."""
    under_way: set[int] = set()
    real = store.writing

    @contextmanager
    def writing() -> Iterator[Session]:
        under_way.add(threading.get_ident())
        try:
            with real() as s:
                yield s
        finally:
            under_way.discard(threading.get_ident())

    monkeypatch.setattr(store, "writing", writing)
    return under_way


def test_an_error_in_a_takeover_ends_no_heartbeat(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = []

    def take(*_args: Any, **_more: Any) -> list[orphans.UnfinishedCall]:
        failed.append(1)
        raise KeyError("a row that nobody can read")

    monkeypatch.setattr(orphans, "take", take)
    heart = light_rig.daemon.heartbeat
    beats = _count_beats(heart, monkeypatch)

    def both() -> bool:
        heart.hurry()
        return len(failed) > 1 and len(beats) > 2

    light_rig.until(both, "it beats on")
    assert light_rig.daemon.report.health()[1]["takes_calls"]


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "beats"])
def test_calls_of_an_earlier_run_are_closed_when_its_heartbeat_stops(
    database_url: str, store: Store, silent: bool
) -> None:
    """A few beats later, not a lease later: which here is longer than any test."""
    node, now = "the node", datetime.now(UTC)
    with store.writing() as s:
        lease.advance(s, now)
        daemons.beat(s, "earlier", node=node, started_at=now, at=now, now=now, status={"process": "elsewhere/x/1 7"})
        calls.open_call(
            s,
            "left",
            uuid="left",
            domain=DOMAIN,
            pilot="5000",
            group_name="",
            policy="regular",
            caller_number=None,
            caller_name=None,
            started_at=now,
            policy_input=None,
            node=node,
            run_id="earlier",
        )
    with running(str(database_url), store, node_name=node, lease_seconds=3600.0) as rig:
        heart = rig.daemon.heartbeat
        assert not heart._earlier_lives_known

        def settled() -> bool:
            if not silent:
                _beat_as(rig, "earlier", node)
            return heart._earlier_lives_known

        rig.until(settled, "the live daemons are known")
        if silent:
            rig.until(lambda: opened(rig) == set(), "the call is closed")
        else:
            assert opened(rig) == {"earlier"}, "it is another daemon of that name, and its calls are its own"


def _beat_as(rig: Rig, run: str, node: str) -> None:
    with rig.store.writing() as s:
        reached = lease.read(s)
        assert reached is not None
        daemons.beat(s, run, node=node, started_at=reached, at=reached, now=reached, status={})
