"""The states of a pilot's lamp."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.hunting.addresses import parse_member
from fshunt.hunting.availability import MemberStatus
from fshunt.hunting.blocks import Block
from fshunt.hunting.group import Group, Member
from fshunt.hunting.hours import ALL_DAY, ClosedByHand, Hours
from fshunt.hunting.lamps import PilotState, changes_at, has_hours, pilot_state

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
GROUP = Group(1, "a.test", "5000", members=(Member(1, 1, parse_member("1001")),))
FREE, BUSY = MemberStatus(registered=True), MemberStatus(registered=True, on_call=True)
CLOSED = Hours(by_hand=ClosedByHand(NOW - timedelta(hours=1), NOW + timedelta(hours=1)))


@pytest.mark.parametrize(
    ("group", "statuses", "waits", "state"),
    [
        (GROUP, [FREE], False, PilotState.FREE),
        (GROUP, [BUSY, FREE], False, PilotState.FREE),
        (GROUP, [BUSY], False, PilotState.NOBODY),
        (GROUP, [], False, PilotState.NOBODY),
        (GROUP, [MemberStatus(registered=None)], False, PilotState.FREE),
        (GROUP, [MemberStatus(registered=False)], False, PilotState.NOBODY),
        (replace(GROUP, call_waiting=True), [BUSY], False, PilotState.FREE),
        (GROUP, [FREE], True, PilotState.RINGING),
        (GROUP, [BUSY], True, PilotState.RINGING),
        (replace(GROUP, enabled=False), [FREE], True, PilotState.NOBODY),
        (replace(GROUP, hours=CLOSED), [FREE], True, PilotState.CLOSED),
        (replace(GROUP, hours=Hours(week=(ALL_DAY,) * 7), time_zone="No/Where"), [FREE], False, PilotState.FREE),
    ],
)
def test_states(group: Group, statuses: list[MemberStatus], waits: bool, state: PilotState) -> None:
    assert pilot_state(group, statuses, NOW, caller_waits=waits) is state


def test_when_a_lamp_changes_by_itself() -> None:
    assert changes_at(GROUP, NOW) is None
    assert not has_hours(GROUP)
    assert has_hours(replace(GROUP, hours=Hours(week=(ALL_DAY,) * 7)))
    soon, later = NOW + timedelta(minutes=5), NOW + timedelta(minutes=9)
    blocked = replace(GROUP.members[0], blocks=(Block(NOW, later), Block(NOW, soon, in_group=True)))
    assert changes_at(replace(GROUP, members=(blocked,)), NOW) == soon
    assert changes_at(replace(GROUP, members=(blocked,)), soon) == later
    closed = replace(GROUP, hours=CLOSED)
    assert changes_at(closed, NOW) == NOW + timedelta(hours=1)
    called = replace(GROUP.members[0], idle_since=NOW - timedelta(seconds=10))
    in_wrap_up = replace(closed, wrap_up_seconds=30.0, members=(called,))
    assert changes_at(in_wrap_up, NOW) == NOW + timedelta(seconds=20)
    assert changes_at(in_wrap_up, NOW + timedelta(seconds=20)) == NOW + timedelta(hours=1)
