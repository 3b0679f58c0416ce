"""Phones that do not ring, ring late, or play something before: who is dead, and from when the ring time counts."""

from __future__ import annotations

import pytest

from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import WhenBusy
from fshunt.hunting.ringtime import RingTime
from fshunt.simulator.core.phones import RINGS, Behaviour, answers, refuses
from tests.support.rig import Rig, passed, rang

SILENT = Behaviour(progress=None)
TALKS = answers(0.05, talks=0.05)
MOBILE = "+14155550123"
TOLERANCE_SECONDS = 0.5


def test_a_dead_phone_costs_the_caller_four_seconds_and_the_next_member_rings(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002")
    dead, next_one = light_rig.phones("1001", "1002")
    dead.behaviour, next_one.behaviour = SILENT, TALKS
    record = light_rig.call_that_takes_time()
    assert rang(record) == [("1001", "unreachable"), ("1002", "answered")]
    assert (record.offers[0].cause, record.offers[0].sip_code) == ("PROGRESS_TIMEOUT", None)
    assert "no sign of ringing" in str(record.offers[0].detail)
    assert next_one.rings[0].at - dead.rings[0].at == pytest.approx(4, abs=TOLERANCE_SECONDS)


def test_a_dead_phone_blocks_nobody(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", auto_block=1, on_unreachable=parse_destination("hangup:USER_BUSY"))
    light_rig.phones("1001", behaviour=SILENT)
    light_rig.phones("1002", behaviour=TALKS)
    for _ in range(2):
        record = light_rig.call_that_takes_time()
        assert rang(record) == [("1001", "unreachable"), ("1002", "answered")]


def test_a_silent_phone_has_not_rung_out_where_the_hunt_is_over_before_its_time(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", hunt_timeout=2, auto_block=1)
    light_rig.phones("1001", behaviour=SILENT)
    light_rig.phones("1002")
    for _ in range(2):
        record = light_rig.call_that_takes_time()
        assert rang(record) == [("1001", "unreachable")], "and not blocked by the first call"
        assert record.reason == "nobody reachable"


def test_who_is_dead_is_not_rung_again_for_this_caller_and_nobody_was_reachable(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", cycles=2)
    light_rig.phones("1001", behaviour=SILENT)
    record = light_rig.call_that_takes_time()
    assert (rang(record), passed(record)) == ([("1001", "unreachable")], [("1001", "unreachable")])
    assert record.reason == "nobody reachable"


def test_a_dead_phone_beside_one_that_rings_is_just_ended(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", ring_time=RingTime(seconds=8))
    dead = light_rig.switch.phone("1001", SILENT)
    live = light_rig.switch.phone("1001", Behaviour(progress_after=1.0))
    record = light_rig.call_that_takes_time()
    assert rang(record) == [("1001", "no-answer")]
    assert dead.rings[0].seconds == pytest.approx(4, abs=TOLERANCE_SECONDS)
    assert live.rings[0].seconds == pytest.approx(9, abs=TOLERANCE_SECONDS)


def test_a_busy_phone_beats_a_stale_contact_and_the_caller_waits_for_the_member(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", when_busy=WhenBusy.QUEUE)
    live, _stale = light_rig.switch.phone("1001", TALKS), light_rig.switch.phone("1001", SILENT)
    live.script(refuses(486))
    record = light_rig.call_that_takes_time()
    assert rang(record) == [("1001", "busy"), ("1001", "answered")]


@pytest.mark.parametrize(
    ("does", "seconds"),
    [
        (Behaviour(progress_after=6.0), 6 + 5),
        (Behaviour(progress=183, progress_after=1.0), 1 + 8 + 5),
        (Behaviour(progress=183, progress_after=1.0, rings_after=4.0), 4 + 5),
        (SILENT, 15),
    ],
    ids=["180", "183", "183 and 180", "nothing"],
)
def test_the_ring_time_of_a_mobile_counts_from_when_it_rings(light_rig: Rig, does: Behaviour, seconds: float) -> None:
    light_rig.group("5000", f"{MOBILE}@carrier", ring_time=RingTime(seconds=5))
    mobile = light_rig.switch.gateway("carrier").add(MOBILE, does)
    record = light_rig.call_that_takes_time()
    assert rang(record) == [(f"{MOBILE}@carrier", "unreachable" if does is SILENT else "no-answer")]
    assert mobile.rings[0].seconds == pytest.approx(seconds, abs=TOLERANCE_SECONDS)


def test_the_time_of_the_hunt_limits_the_setup_of_a_trunk(light_rig: Rig) -> None:
    light_rig.group("5000", f"{MOBILE}@carrier", hunt_timeout=3.0, auto_block=1)
    mobile = light_rig.switch.gateway("carrier").add(MOBILE, SILENT)
    light_rig.call_that_takes_time()
    assert mobile.rings[0].seconds == pytest.approx(3, abs=TOLERANCE_SECONDS)
    mobile.behave(RINGS)
    assert rang(light_rig.call_that_takes_time()) == [(f"{MOBILE}@carrier", "no-answer")], "not blocked"
