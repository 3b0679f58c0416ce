"""Two daemons on one PostgreSQL: one line of callers, one set of claims (invariants I1 and I2)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from fshunt.daemon.bootstrap import build
from fshunt.daemon.daemon import Daemon
from fshunt.db.engine import Store, open_store
from fshunt.db.models import CallRecord, Claim, QueueEntry
from fshunt.db.queries import calls, daemons, queue
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import WhenBusy
from fshunt.services import members
from fshunt.simulator.core.phones import answers
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, end_service, passed, rang, running

pytestmark = pytest.mark.sql

STAYS, TALKS = answers(0.02), answers(0.02, talks=0.1)


@pytest.fixture
def first(postgres_url: str) -> Iterator[Rig]:
    store: Store = open_store(postgres_url)
    with running(postgres_url, store, node_name="first") as rig:
        yield rig
    store.close()


@pytest.fixture
def second(first: Rig) -> Iterator[Daemon]:
    daemon = build(replace(first.settings, node_name="second"))
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def other_switch(first: Rig, second: Daemon) -> SimulatedSwitch:
    """A switch that dials the second daemon; its phones are those of the first one, as far as the claims go."""
    return SimulatedSwitch([("127.0.0.1", second.listener.port)], domain=DOMAIN, voicemail_seconds=0.05)


def place_of(rig: Rig, call: Any) -> int | None:
    with rig.store.reading() as s:
        return next((hunt.ticket for hunt in queue.waiting_hunts(s) if hunt.call_uuid == call.uuid), None)


def test_a_member_freed_by_one_daemon_is_offered_by_the_other_at_once(
    first: Rig, other_switch: SimulatedSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fshunt.daemon.call.queueing.LONGEST_PAUSE_SECONDS", 10 * WAIT_SECONDS)  # no look by chance
    first.group("5000", "1001", when_busy=WhenBusy.QUEUE)
    first.phones("1001", behaviour=STAYS)
    other_switch.phone("1001", TALKS)
    talks = first.happens("talks with", "1001")
    holds = first.started()
    assert talks.wait(WAIT_SECONDS)
    waits = other_switch.call("5000")
    first.until(lambda: place_of(first, waits), "the caller is in the queue of both")
    holds.hang_up()
    record = first.closed(waits)
    assert (record.result, passed(record)) == ("answered", [("1001", "claimed")])


def test_first_come_first_served_whichever_daemon_has_the_caller(first: Rig, other_switch: SimulatedSwitch) -> None:
    first.group("5000", "1001", when_busy=WhenBusy.QUEUE)
    (here,) = first.phones("1001", behaviour=TALKS)
    here.script(STAYS)
    there = other_switch.phone("1001", TALKS)
    talks = first.happens("talks with", "1001")
    holds = first.started()
    assert talks.wait(WAIT_SECONDS)
    callers = []
    for number, switch in enumerate([other_switch, first.switch, other_switch, first.switch]):
        callers.append(switch.call("5000", caller_number=f"415555040{number}"))
        first.until(lambda: place_of(first, callers[-1]), "the caller is in the queue")
    holds.hang_up()
    records = [first.closed(call) for call in callers]
    assert {record.result for record in records} == {"answered"}
    answered = [record.answered_at for record in records]
    assert answered == sorted(answered)
    assert [ring.caller_number for ring in there.rings] == ["4155550400", "4155550402"]


def test_the_log_counts_the_queued_callers_of_all_daemons(
    first: Rig, other_switch: SimulatedSwitch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for pilot, extension in (("5000", "1001"), ("5001", "1002")):
        first.group(pilot, extension, when_busy=WhenBusy.QUEUE)
        first.phones(extension, behaviour=STAYS)
        other_switch.phone(extension, STAYS)
        talks = first.happens("talks with", extension)
        first.started(pilot)
        assert talks.wait(WAIT_SECONDS)
    for number, (switch, pilot) in enumerate([(first.switch, "5001"), (first.switch, "5000"), (other_switch, "5000")]):
        call = switch.call(pilot)
        first.until(lambda call=call: place_of(first, call), "the caller is in the queue of both")
        first.until(lambda number=number: len(lengths_logged(caplog)) == number + 1, "the log says so")
    assert lengths_logged(caplog) == [f"callers in the queue: {count}" for count in (1, 1, 2)]


def lengths_logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.rpartition(", ")[2] for line in caplog.messages if "queued until a member is free" in line]


def test_a_member_whom_one_daemon_rings_is_passed_over_by_the_other(first: Rig, other_switch: SimulatedSwitch) -> None:
    first.group("5000", "1001", "1002")
    first.phones("1001")
    other_switch.phone("1001", TALKS)
    other_switch.phone("1002", TALKS)
    rings = first.happens("rings", "1001")
    ringing = first.started()
    assert rings.wait(WAIT_SECONDS)
    record = first.closed(other_switch.call("5000"))
    assert (passed(record), rang(record)) == ([("1001", "claimed")], [("1002", "answered")])
    ringing.hang_up()
    assert ringing.join(WAIT_SECONDS)


def test_the_calls_of_a_dead_daemon_are_closed_by_the_other(
    first: Rig, second: Daemon, other_switch: SimulatedSwitch
) -> None:
    first.group("5000", "1001")
    other_switch.phone("1001")
    rings = []
    other_switch.watch(lambda fact: rings.append(fact) if fact.what == "rings" else None)
    call = other_switch.call("5000")
    first.until(lambda: rings and rang(first_record(first, call)), "the offer is written")
    # As a killed process: no frames, no writes, and its connection is closed.
    second.deps.outbox.put = lambda _event, _then=None: None
    end_service(second, "heartbeat")
    with first.store.writing() as s:
        daemons.retire(s, second.deps.run_id)
    call.listener.cut()
    record = first.closed(call)
    assert (record.result, record.end_seen, rang(record)) == ("failed", False, [("1001", "switch-lost")])


def passed_over(rig: Rig, call: Any) -> list[tuple[str, str]]:
    with rig.store.reading() as s:
        found = [each.id for each in calls.list_calls(s) if each.uuid == call.uuid]
        return passed(calls.show_call(s, found[0])[0]) if found else []


def first_record(rig: Rig, call: Any) -> CallRecord:
    with rig.store.reading() as s:
        return calls.show_call(s, call.uuid)[0]


def test_a_daemon_that_missed_heartbeats_restores_its_claims_and_tickets(
    first: Rig, second: Daemon, other_switch: SimulatedSwitch
) -> None:
    first.group("5000", "1001", "1002", when_busy=WhenBusy.QUEUE)
    first.phones("1001", "1002", behaviour=STAYS)
    other_switch.phone("1001", TALKS)
    other_switch.phone("1002", TALKS)
    holds = []
    for extension in ("1001", "1002"):
        talks = first.happens("talks with", extension)
        holds.append(first.started())
        assert talks.wait(WAIT_SECONDS)
    waits = first.started()
    first.until(lambda: place_of(first, waits), "the caller is in the queue")
    ticket = place_of(first, waits)
    with first.store.writing() as s:  # as another daemon does that takes this one for dead
        s.execute(delete(Claim))
        s.execute(delete(QueueEntry))
    first.daemon.heartbeat.hurry()
    first.until(lambda: place_of(first, waits) == ticket, "the caller has the same ticket again")
    newcomer = other_switch.call("5000")
    first.until(lambda: place_of(first, newcomer), "the newcomer waits behind")
    claimed = [("1001", "claimed"), ("1002", "claimed")]
    first.until(lambda: passed_over(first, newcomer) == claimed, "and skips the member who is claimed again")
    for call in (*holds, waits, newcomer):
        call.hang_up()
        assert call.join(WAIT_SECONDS)


def test_a_removed_member_is_not_reserved_for_the_queue_of_the_group(first: Rig) -> None:
    first.group("5000", "1001", "1002", when_busy=WhenBusy.QUEUE)
    first.group("5001")
    first.phones("1001", behaviour=STAYS)
    first.phones("1002", behaviour=TALKS)
    with first.store.writing() as s:
        members.block(s, DOMAIN, "1002", True)
    talks = first.happens("talks with", "1001")
    holds = first.started()
    assert talks.wait(WAIT_SECONDS)
    waits = first.started()
    first.until(lambda: place_of(first, waits), "the caller is in the queue")
    with first.store.writing() as s:
        members.remove_member(s, DOMAIN, "5000", parse_member("1002"))
        members.add_members(s, DOMAIN, "5001", [parse_member("1002")])
    record = first.closed(first.started("5001"))
    assert (passed(record), rang(record)) == ([], [("1002", "answered")])
    for call in (holds, waits):
        call.hang_up()
        assert call.join(WAIT_SECONDS)
