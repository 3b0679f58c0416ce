"""The way of the next caller is that of a hunt in which nobody picks up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.hunting.addresses import parse_member
from fshunt.hunting.availability import DIRECTORY, MemberStatus, SkipReason
from fshunt.hunting.destinations import Destination, DestinationKind, parse_destination
from fshunt.hunting.forecast import Forecast, forecast
from fshunt.hunting.group import Group, Member, WhenBusy
from fshunt.hunting.hunt import Case
from fshunt.hunting.policy_input import policy_input_of
from fshunt.hunting.ringtime import RingTime
from fshunt.hunting.rotation import RotationPointer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FREE = MemberStatus(registered=True)


def group(*extensions: str, **settings: object) -> Group:
    members = tuple(Member(i, i, parse_member(text)) for i, text in enumerate(extensions, start=1))
    return replace(Group(1, "pbx.test", "5000", members=members), **settings)  # type: ignore[arg-type]


def forecast_of(
    some: Group,
    answerer: RotationPointer | None = None,
    first: RotationPointer | None = None,
    wait: float = 0.0,
    **statuses: MemberStatus,
) -> Forecast:
    """The forecast; members who are not named (``_1001``) are free."""
    known = {m.id: statuses.get(f"_{m.extension}", FREE) for m in some.members}
    policy_input = policy_input_of(some, answerer, first, 7)
    return forecast(some, policy_input, known, NOW, seconds_per_ring=6.0, wait_for_phone_seconds=wait)


def rung(made: Forecast) -> list[tuple[float, float, list[str]]]:
    return [(stage.starts_after, stage.ring_seconds, [m.extension for m in stage.rings]) for stage in made.rings]


def skipped(made: Forecast) -> list[tuple[str, SkipReason, str | None]]:
    return [(each.member.extension, each.reason, each.detail) for stage in made.stages for each in stage.skipped]


def test_free_members_ring_one_after_the_other_and_then_the_box():
    made = forecast_of(group("1001", "1002", "1003", ring_time=RingTime(rings=3)))
    assert rung(made) == [(0, 18, ["1001"]), (18, 18, ["1002"]), (36, 18, ["1003"])]
    assert (made.latest_seconds, made.case) == (54, Case.NO_ANSWER)
    assert made.destination == Destination(DestinationKind.VOICEMAIL, "1003")
    assert not made.drawn


def test_a_member_rings_for_a_time_of_its_own():
    some = group("1001", "1002", ring_time=RingTime(seconds=20))
    first, second = some.members
    some = replace(some, members=(replace(first, ring_time=RingTime(rings=1)), second))
    assert rung(forecast_of(some)) == [(0, 6, ["1001"]), (6, 20, ["1002"])]
    together = forecast_of(replace(some, policy="simultaneous"))
    assert rung(together) == [(0, 20, ["1001", "1002"])], "the stage lasts as long as its last phone"


def test_who_would_be_skipped_is_named_with_the_reason():
    some = group("1001", "1002", "1003", "1004", on_no_answer=parse_destination("transfer:5001"))
    made = forecast_of(
        some,
        _1001=replace(FREE, on_call=True),
        _1002=MemberStatus(registered=False),
        _1003=replace(FREE, do_not_disturb=True),
    )
    assert skipped(made) == [
        ("1001", SkipReason.ON_CALL, None),
        ("1002", SkipReason.UNREGISTERED, None),
        ("1003", SkipReason.BLOCKED, DIRECTORY),
    ]
    assert rung(made) == [(0, 18, ["1004"])]
    assert str(made.destination) == "transfer:5001"


@pytest.mark.parametrize(
    ("status", "case", "destination"),
    [
        (replace(FREE, on_call=True), Case.BUSY, "transfer:5002"),
        (MemberStatus(registered=False), Case.UNREACHABLE, "transfer:5003"),
        (replace(FREE, claimed=True, ringing=True), Case.BUSY, "transfer:5002"),
    ],
)
def test_the_case_decides_where_the_caller_goes(status, case, destination):
    to = {"on_busy": parse_destination("transfer:5002"), "on_unreachable": parse_destination("transfer:5003")}
    made = forecast_of(group("1001", **to), _1001=status)
    assert (made.case, str(made.destination), made.rings, made.latest_seconds) == (case, destination, [], 0)


def test_a_group_that_is_disabled_or_empty_rings_nobody():
    for some in (group("1001", enabled=False), group()):
        made = forecast_of(some)
        assert (made.stages, made.latest_seconds, made.case) == ((), 0, Case.UNREACHABLE)


def test_the_rotation_decides_who_is_first():
    some = group("1001", "1002", "1003", policy="circular")
    assert [who for _, _, who in rung(forecast_of(some, answerer=RotationPointer(2, 2)))] == [
        ["1003"],
        ["1001"],
        ["1002"],
    ]
    some = replace(some, policy="round-robin")
    assert rung(forecast_of(some, first=RotationPointer(1, 1)))[0][2] == ["1002"]


def test_an_order_that_is_drawn_is_said_to_be_and_stands_by_weight():
    some = group("1001", "1002", "1003", policy="weighted")
    weights = {"1001": 0, "1002": 3, "1003": 7}
    some = replace(some, members=tuple(replace(m, weight=weights[m.extension]) for m in some.members))
    made = forecast_of(some)
    assert made.drawn
    assert [who for _, _, who in rung(made)] == [["1003"], ["1002"], ["1001"]]


def test_cycles_repeat_and_the_hunt_timeout_cuts():
    some = group("1001", "1002", cycles=2, ring_time=RingTime(seconds=20))
    assert forecast_of(some).latest_seconds == 80
    made = forecast_of(replace(some, hunt_timeout=50.0))
    assert rung(made) == [(0, 20, ["1001"]), (20, 20, ["1002"]), (40, 10, ["1001"])]
    assert made.latest_seconds == 50


def test_who_is_in_wrap_up_may_ring_by_the_time_the_turn_comes():
    some = group("1001", "1002", wrap_up_seconds=30.0, ring_time=RingTime(seconds=20))
    resting = replace(FREE, idle_since=NOW - timedelta(seconds=15))
    assert skipped(forecast_of(some, _1001=resting)) == [("1001", SkipReason.WRAP_UP, None)]
    assert skipped(forecast_of(some, _1002=resting)) == [], "5 s before the turn the wrap-up is over"


def test_call_waiting_rings_who_is_on_a_call():
    assert rung(forecast_of(group("1001", call_waiting=True), _1001=replace(FREE, on_call=True))) == [(0, 18, ["1001"])]


def test_a_caller_waits_for_a_busy_member_where_the_group_queues():
    some = group("1001", "1002", when_busy=WhenBusy.QUEUE, ring_time=RingTime(seconds=20))
    busy = replace(FREE, on_call=True)
    made = forecast_of(some, _1001=busy)
    assert (made.waits, made.latest_seconds) == (True, 3620)
    made = forecast_of(replace(some, hunt_timeout=90.0), _1001=busy)
    assert (made.waits, made.latest_seconds) == (True, 90)
    assert not forecast_of(some).waits, "nobody is busy"


def test_a_caller_waits_for_a_phone_where_nobody_has_one_and_the_settings_say_so():
    made = forecast_of(group("1001"), wait=8.0, _1001=MemberStatus(registered=False))
    assert (made.rings, made.latest_seconds) == ([], 8)
    assert forecast_of(group("1001"), wait=8.0).latest_seconds == 18
