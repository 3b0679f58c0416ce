"""Blocking and disabling hold within a second, also for a phone that rings (design, section 3)."""

from __future__ import annotations

import logging

import gevent
import pytest
from gevent.event import Event

from fshunt.daemon.clock import utc_now
from fshunt.daemon.cluster.live_changes import LiveChanges
from fshunt.daemon.cluster.queue import CallQueue, QueuedCaller
from fshunt.db.queries.groups import load_groups
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.availability import AUTO_BLOCKED
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from fshunt.simulator.core.phones import Behaviour, answers
from tests.support.rig import DOMAIN, RINGS_ON, RINGS_OUT, WAIT_SECONDS, Rig, passed, rang

TALKS = answers(0.02, talks=0.1)


class LateEvent(Event):
    """An event that is set at the very moment in which the time of whoever waits for it runs out."""

    def wait(self, timeout: float | None = None) -> bool:
        super().wait(timeout)
        return False


def test_a_change_that_comes_as_the_pause_ends_is_heard(rig: Rig) -> None:
    queue = CallQueue()
    changes = LiveChanges(rig.daemon.deps.database, rig.daemon.deps.settings.database_url, queue, list, utc_now)
    changes._changed = LateEvent()
    woken = Event()
    queue.join(QueuedCaller("hunt", 1, woken.set), [(DOMAIN, "1001")])
    runs = gevent.spawn(changes.run)
    try:
        changes._heard([(DOMAIN, "1001")])
        assert woken.wait(WAIT_SECONDS)
    finally:
        runs.kill()
        changes.stop()


def test_a_stop_ends_the_listening_without_an_error(rig: Rig) -> None:
    """The supervisor would log one, with a traceback, at an ordinary stop soon after the start."""
    database = rig.daemon.deps.database
    changes = LiveChanges(database, rig.daemon.deps.settings.database_url, CallQueue(), list, utc_now)
    changes.start()
    listening = gevent.spawn(changes.listen)
    gevent.sleep(0)
    changes.stop()
    listening.join(WAIT_SECONDS)
    assert listening.successful()


def ringing(rig: Rig, **fields: object):  # type: ignore[no-untyped-def]
    rig.group("5000", "1001", "1002", **fields)
    (phone,) = rig.phones("1001")
    rig.phones("1002", behaviour=TALKS)
    rings = rig.happens("rings", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    return phone, call


def test_a_phone_stops_ringing_when_its_member_blocks(rig: Rig) -> None:
    phone, call = ringing(rig, cycles=2)
    with rig.store.writing() as s:
        members.block(s, DOMAIN, "1001", True)
    record = rig.closed(call)
    assert rang(record) == [("1001", "declined"), ("1002", "answered")]
    assert record.offers[0].detail == "the member blocked calls while it rang"
    assert not phone.rings[0].missed, "no missed call is shown"


def test_a_phone_stops_ringing_when_its_member_blocks_in_this_group_alone(rig: Rig) -> None:
    phone, call = ringing(rig, cycles=2)
    with rig.store.writing() as s:
        members.block(s, DOMAIN, "1001", True, pilot="5000")
    record = rig.closed(call)
    assert rang(record) == [("1001", "declined"), ("1002", "answered")]
    assert not phone.rings[0].missed
    assert record.offers[0].detail == "the member blocked calls while it rang"


def test_a_phone_stops_ringing_when_its_member_is_disabled(rig: Rig) -> None:
    _, call = ringing(rig)
    with rig.store.writing() as s:
        members.enable_member(s, DOMAIN, "5000", parse_member("1001"), False)
    record = rig.closed(call)
    assert rang(record) == [("1001", "no-answer"), ("1002", "answered")]
    assert record.offers[0].detail == "disabled or removed by an administrator while it rang"
    with rig.store.reading() as s:
        assert not groups.get_group(s, DOMAIN, "5000").members[0].blocked, "it does not count as a call that rang out"


def test_a_phone_stops_ringing_when_its_member_is_removed(rig: Rig) -> None:
    _, call = ringing(rig)
    with rig.store.writing() as s:
        members.remove_member(s, DOMAIN, "5000", parse_member("1001"))
    assert rang(rig.closed(call)) == [("1001", "no-answer"), ("1002", "answered")]


def test_the_others_of_a_stage_ring_on(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", policy="simultaneous")
    phone, _ = rig.phones("1001", "1002", behaviour=Behaviour(hangup_after=0.1))
    rings, stops = rig.happens("rings", "1002"), rig.happens("stops ringing", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    with rig.store.writing() as s:
        members.block(s, DOMAIN, "1001", True)
    assert stops.wait(WAIT_SECONDS)
    rig.pick_up(call, "1002")
    record = rig.closed(call)
    assert sorted(rang(record)) == [("1001", "declined"), ("1002", "answered")]
    assert phone.rings[0].outcome == "cancelled"


def test_a_block_holds_for_the_next_stage_and_its_end_too(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", ring_time=RingTime(seconds=1), cycles=2)
    rig.rings_for(RINGS_ON, "1002")
    (first,) = rig.phones("1001")
    (second,) = rig.phones("1002")
    second.script(TALKS)
    rings = rig.happens("rings", "1001")
    with rig.store.writing() as s:
        members.block(s, DOMAIN, "1002", True)
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    with rig.store.writing() as s:
        members.block(s, DOMAIN, "1002", False)
    rig.pass_time_until(call.ended.is_set, "the first phone rings out")
    record = rig.closed(call)
    assert rang(record) == [("1001", "no-answer"), ("1002", "answered")], "what was frozen at the start is asked again"
    assert passed(record) == []
    assert len(first.rings) == 1


@pytest.mark.parametrize("calls", [1, 2])
def test_a_member_whose_phone_rings_out_so_often_is_blocked_and_never_the_last_one(
    rig: Rig, calls: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig.group("5000", "1001", "1002", ring_time=RINGS_OUT, auto_block=calls, voicemail="1009")
    rig.phones("1001", "1002")
    for _ in range(calls):
        assert rang(rig.call_that_takes_time()) == [("1001", "no-answer"), ("1002", "no-answer")]
    record = rig.call()
    assert passed(record) == [("1001", "blocked")]
    assert record.skips[0].detail == AUTO_BLOCKED
    assert any(line.endswith(": 1001 skipped: blocked, after too many unanswered calls") for line in caplog.messages)
    assert rang(record) == [("1002", "no-answer")], "the last one is rung on"
    (said,) = [line for line in caplog.messages if "auto-blocked" in line]
    what = f"after {calls} unanswered call(s) in a row; `fshunt member unblock` lifts the block"
    assert said.endswith(f": 1001 auto-blocked {what}")


def test_the_only_member_with_a_phone_is_never_blocked(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", ring_time=RINGS_OUT, auto_block=1, voicemail="1009")
    rig.phones("1002")
    for _ in range(2):
        record = rig.call()
        assert (passed(record), rang(record)) == ([("1001", "unregistered")], [("1002", "no-answer")])


def test_the_only_one_with_a_phone_in_another_group_is_not_blocked_either(watched_rig: Rig) -> None:
    rig = watched_rig
    rig.group("5000", "1001", "1002", ring_time=RINGS_OUT, auto_block=1, voicemail="1009")
    rig.group("5001", "1003")
    with rig.store.writing() as s:
        members.add_members(s, DOMAIN, "5001", [parse_member("1002")], shared=True)
    with rig.store.reading() as s:
        for loaded in load_groups(s, [group.id for group in groups.list_groups(s, DOMAIN)]):
            rig.daemon.deps.group_cache.keep(loaded)  # as every minute
    rig.phones("1001", "1002")
    for offers in ([("1001", "no-answer"), ("1002", "no-answer")], [("1002", "no-answer")]):
        assert rang(rig.call()) == offers
