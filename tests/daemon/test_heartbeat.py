"""The heartbeat: what others took for dead is taken back, a stop is final, and no row ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from fshunt.daemon.cluster import reconcile
from fshunt.daemon.cluster.heartbeat import Heartbeat
from fshunt.db.engine import Store
from fshunt.db.models import CallRecord, Claim, DaemonRecord, QueueEntry
from fshunt.db.queries import calls, daemons
from fshunt.db.queries.cluster import CLUSTER, Timing
from fshunt.hunting.group import WhenBusy
from fshunt.settings import Settings
from fshunt.simulator.core.phones import answers
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, running
from tests.support.timing import set_dead_after

pytestmark = pytest.mark.sql


def test_what_others_took_from_a_run_that_they_presumed_dead_is_its_own_again(rig: Rig) -> None:
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
    rig.daemon.heartbeat.hurry()
    rig.until(lambda: kept(rig) == before, "the member is claimed and the caller has the same ticket")
    rig.until(lambda: opened(rig) == {rig.daemon.deps.run_id}, "the records are this daemon's again")
    talk.hang_up()
    after = rig.closed(talk)
    assert (after.result, after.end_seen) == ("answered", True), "nobody has closed it, the daemon itself least of all"
    waits.hang_up()


def kept(rig: Rig) -> set[tuple[str, str, int | None]]:
    """Who is claimed and who waits, with their ticket."""
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


def test_a_heartbeat_writes_nothing_where_nothing_is_missing(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeat, written = light_rig.daemon.heartbeat, []
    monkeypatch.setattr(light_rig.daemon.deps.outbox, "put", lambda *event: written.append(event))
    beats = _count_beats(heartbeat, monkeypatch)
    for number in range(3):
        heartbeat.hurry()
        light_rig.until(lambda number=number: len(beats) > number, "heartbeats go on")
    assert written == []


@pytest.mark.parametrize("node", ["first", "second"])
def test_two_daemons_with_other_settings_have_one_timing(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    """No setting says when a silent daemon is presumed dead: none can take a healthy one's calls over too early."""
    set_dead_after(store, 7.0, heartbeats=14)
    monkeypatch.setenv("FSHUNT_LEASE_SECONDS", "1")
    with running(str(database_url), store, node_name=node) as rig:
        assert rig.daemon.heartbeat.timing == Timing(0.5, 14, 14, 14)
    assert not any("lease" in each.name or "heartbeat" in each.name for each in fields(Settings))


def _count_beats(heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    beats: list[bool] = []
    real = heartbeat._one_heartbeat

    def beat() -> None:
        real()
        beats.append(True)

    monkeypatch.setattr(heartbeat, "_one_heartbeat", beat)
    return beats


def test_a_heartbeat_in_progress_at_a_stop_does_not_restore_the_daemon(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fshunt.db.engine import open_store

    store = open_store(postgres_url)
    real, begun, go_on = daemons.write_heartbeat, threading.Event(), threading.Event()

    def slow(*args: Any, **more: Any) -> None:
        begun.set()
        assert go_on.wait(WAIT_SECONDS)
        real(*args, **more)

    with running(str(postgres_url), store) as rig:
        transactions = _watch_transactions(rig.daemon.deps.database.store, monkeypatch)
        monkeypatch.setattr(daemons, "write_heartbeat", slow)
        heartbeat = rig.daemon.heartbeat
        heartbeat.hurry()
        rig.until(begun.is_set, "a heartbeat is under way")
        heartbeat.stop()
        heartbeat.retire()
        heartbeat.retire()
        go_on.set()
        rig.until(lambda: not transactions, "its transaction has ended")
        with store.reading() as s:
            assert list(s.scalars(select(DaemonRecord.run_id))) == []
    store.close()


def _watch_transactions(store: Store, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Those that write and are under way."""
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

    def judge(*_args: Any) -> None:
        failed.append(1)
        raise KeyError("a row that nobody can read")

    monkeypatch.setattr(reconcile, "_take_over", judge)
    heartbeat = light_rig.daemon.heartbeat
    beats = _count_beats(heartbeat, monkeypatch)

    def both() -> bool:
        heartbeat.hurry()
        return len(failed) > 1 and len(beats) > 2

    light_rig.until(both, "heartbeats go on")
    assert light_rig.daemon.report.health()[1]["takes_calls"]


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "beats"])
def test_calls_of_an_earlier_run_are_closed_when_its_heartbeat_stops(
    database_url: str, store: Store, silent: bool
) -> None:
    """A few heartbeats later, not when it is presumed dead: which here is longer than any test."""
    node, now = "the node", datetime.now(UTC)
    with store.writing() as s:
        daemons.write_heartbeat(s, "earlier", node=node, started_at=now, at=now, status={"process": "elsewhere/x/1 7"})
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
    with store.writing() as s:
        s.execute(update(CLUSTER).values(heartbeat_seconds=0.1, queue_heartbeats=6))
    with running(str(database_url), store, node_name=node) as rig:
        heartbeat = rig.daemon.heartbeat

        def settled() -> bool:
            if not silent:
                _beat_as(rig, "earlier", node)
            return heartbeat.membership.heartbeats > 12

        rig.until(settled, "it is known whether it lives")
        if silent:
            rig.until(lambda: opened(rig) == set(), "the call is closed")
        else:
            assert opened(rig) == {"earlier"}, "it is another daemon of that name, and its calls are its own"


def _beat_as(rig: Rig, run: str, node: str) -> None:
    at = datetime.now(UTC)
    with rig.store.writing() as s:
        daemons.write_heartbeat(s, run, node=node, started_at=at, at=at, status={})
