"""Somebody else takes the caller: picks the call up at another phone, or transfers it. Then nothing is ours to do."""

from __future__ import annotations

from typing import Any

import pytest

from fshunt.hunting.group import WhenBusy
from fshunt.simulator.core.phones import answers
from tests.support.rig import WAIT_SECONDS, Rig, rang


@pytest.fixture
def office(watched_rig: Rig) -> Rig:
    """1003 is an extension without a group, and 70 a number that answers and stays."""
    watched_rig.switch.routes["70"] = [("answer", ""), ("sleep", "3600000")]
    watched_rig.phones("1003")
    return watched_rig


def picked_up(office: Rig, call: Any, by: str = "1003") -> Any:
    (phone,) = office.switch.registrations.phones_of(by, office.switch.domain)
    picker = office.switch.call_from(phone, "70")
    office.until(lambda: office.daemon.deps.monitor.extension_of(picker.uuid) == by, "the pick-up is seen")
    call.pick_up(picker)
    return picker


def left_alone(office: Rig, call: Any) -> None:
    """The hunt is over, and the caller stays where they were transferred, until they hang up."""
    office.closed(call)
    assert not call.ended.is_set()
    call.hang_up()
    assert call.join(WAIT_SECONDS)


@pytest.mark.parametrize("policy", ["regular", "simultaneous"])
def test_a_call_picked_up_at_another_phone_rings_nobody_else(office: Rig, policy: str) -> None:
    office.group("5000", "1001", "1002", policy=policy)
    first, second = office.phones("1001", "1002")
    rings = office.happens("rings", "1001")
    call = office.started()
    assert rings.wait(WAIT_SECONDS)
    picked_up(office, call)
    left_alone(office, call)
    assert (call.ending.kind, call.ending.who) == ("picked up", "1003")
    record = office.record(call)
    assert (record.result, record.reason, record.end_seen) == ("transferred", "picked up by 1003", True)
    assert {outcome for _, outcome in rang(record)} == {"answered-elsewhere"}
    assert (len(first.rings), len(second.rings)) == ((1, 0) if policy == "regular" else (1, 1))


def test_a_caller_transferred_while_a_phone_rings_is_left_alone(office: Rig) -> None:
    office.group("5000", "1001", "1002")
    _, second = office.phones("1001", "1002")
    office.phones("1003", behaviour=answers(0.1))
    rings = office.happens("rings", "1001")
    call = office.started()
    assert rings.wait(WAIT_SECONDS)
    talks = office.happens("talks with", "1003")
    call.send_away("1003")
    assert talks.wait(WAIT_SECONDS)
    left_alone(office, call)
    record = office.record(call)
    assert (record.result, record.reason) == ("transferred", "transferred by somebody else")
    assert len(rang(record)) == 1
    assert second.rings == []


@pytest.mark.parametrize("music", [None, "local_stream://moh"])
@pytest.mark.parametrize("how", ["picked up", "transferred"])
def test_a_queued_caller_who_is_picked_up_leaves_the_queue_and_rings_nobody(
    office: Rig, music: str | None, how: str
) -> None:
    office.switch.playback_seconds = 3600.0
    office.group("5000", "1001", when_busy=WhenBusy.QUEUE, music=music)
    (member,) = office.phones("1001", behaviour=answers(0.02))
    busy = office.switch.call_from(member, "70")
    office.until(lambda: office.daemon.deps.monitor.look(office.switch.domain, "1001").calls, "1001 is on a call")
    call = office.started()
    office.until(lambda: len(office.daemon.deps.queue) == 1, "the caller waits")
    if how == "picked up":
        picked_up(office, call)
    else:
        call.send_away("70")
    office.until(lambda: len(office.daemon.deps.queue) == 0, "the caller has left the queue")
    busy.hang_up()
    left_alone(office, call)
    assert member.rings == []
    assert office.record(call).result == "transferred"


def test_a_caller_picked_up_from_voicemail_is_not_hung_up(office: Rig) -> None:
    office.switch.voicemail_seconds = 3600.0
    office.group("5000", "1001", voicemail="1009")
    office.switch.user("1001")
    speaks = office.happens("voicemail")
    call = office.started()
    assert speaks.wait(WAIT_SECONDS)
    call.send_away("70")
    left_alone(office, call)
    assert office.record(call).result == "voicemail", "that is what became of the hunt"
