"""A member who takes another call while we ring them stops ringing, unless the group allows call waiting."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from fshunt.daemon.call.live_calls import SECOND_LINE_SECONDS
from fshunt.hunting.group import WhenBusy
from fshunt.simulator.core.phones import RINGS, Phone, answers
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, rang

TALKS = answers(0.02, talks=0.05)
STAYS = answers(0.02)


def rings_at(rig: Rig, *extensions: str, **fields: Any) -> tuple[Any, Phone]:
    """Have a call ring at 1001, whose phone has two lines."""
    rig.group("5000", "1001", *extensions, **fields)
    (phone,) = rig.phones("1001", behaviour=RINGS)
    phone.busy_while_talking = False
    if extensions:
        rig.phones(*extensions, behaviour=TALKS)
    rings = rig.happens("rings", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    return call, phone


def direct_call(rig: Rig, phone: Phone) -> Any:
    """Have the member take a direct call."""
    phone.script(STAYS)
    talks = rig.happens("talks with", "1001")
    direct = rig.started("1001")
    assert talks.wait(WAIT_SECONDS)
    return direct


@pytest.mark.parametrize("way", ["is called", "calls"])
def test_a_member_on_a_second_line_stops_ringing_without_a_missed_call(watched_rig: Rig, way: str) -> None:
    call, phone = rings_at(watched_rig, "1002")
    watched_rig.phones("1003", behaviour=STAYS)
    other = direct_call(watched_rig, phone) if way == "is called" else watched_rig.switch.call_from(phone, "1003")
    record = watched_rig.closed(call)
    assert rang(record) == [("1001", "busy"), ("1002", "answered")]
    assert record.offers[0].detail == "the member took another call while it rang"
    assert not phone.rings[0].missed
    other.hang_up()


def test_a_queued_caller_waits_for_the_end_of_that_call(watched_rig: Rig) -> None:
    call, phone = rings_at(watched_rig, when_busy=WhenBusy.QUEUE)
    direct = direct_call(watched_rig, phone)
    watched_rig.until(lambda: phone.rings[0].outcome == "cancelled", "it stops ringing")
    phone.script(TALKS)
    direct.hang_up()
    watched_rig.pass_time_until(call.ended.is_set, "the queued caller is served")
    assert rang(watched_rig.record(call)) == [("1001", "busy"), ("1001", "answered")]


def test_with_call_waiting_it_rings_on(watched_rig: Rig) -> None:
    call, phone = rings_at(watched_rig, call_waiting=True)
    direct = direct_call(watched_rig, phone)
    watched_rig.until(lambda: watched_rig.daemon.deps.monitor.look(DOMAIN, "1001").calls[0].other, "it is seen")
    gevent.sleep(3 * SECOND_LINE_SECONDS)
    assert phone.rings[0].outcome == "ringing"
    watched_rig.pick_up(call, "1001")
    assert call.talking.wait(WAIT_SECONDS)
    call.hang_up()
    direct.hang_up()
    assert rang(watched_rig.record(call)) == [("1001", "answered")]


def test_the_answer_to_the_hunt_itself_is_no_other_call(watched_rig: Rig) -> None:
    call, _ = rings_at(watched_rig)
    watched_rig.pick_up(call, "1001")
    assert call.talking.wait(WAIT_SECONDS)
    gevent.sleep(3 * SECOND_LINE_SECONDS)
    assert not call.ended.is_set()
    call.hang_up()
    assert rang(watched_rig.record(call)) == [("1001", "answered")]
