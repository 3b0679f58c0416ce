"""Simultaneous groups with more phones than FreeSWITCH rings at once, or makes sessions for in a second (fact 43)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fshunt.freeswitch.dialstring import MAX_LEGS
from tests.live.machines import Pbx

RING_SECONDS = 4
MEMBERS = tuple(str(extension) for extension in range(1001, 1021))


@pytest.fixture
def as_shipped(pbx: Pbx) -> Iterator[Pbx]:
    """The switch with the sessions per second of FreeSWITCH's own configuration."""
    pbx.api("fsctl sps 30")
    yield pbx
    pbx.api("fsctl sps 1000")
    pbx.api("fsctl max_sessions 1000")
    pbx.api("fsctl resume outbound")


async def phones(lab, each: int) -> list[str]:
    """Register so many phones of each member, and return the names of all."""
    names = [f"{member}/{number}" if number else member for member in MEMBERS for number in range(each)]
    await lab.register(*(name for name in names if name not in ("1001", "1002", "1003")))
    return names


def spread(lab, names: list[str]) -> float:
    """How many seconds lie between the first INVITE to any of these phones and the last."""
    times = [seen.at for seen in lab.seen(what="INVITE") if seen.who in names]
    return max(times) - min(times)


def blocked(admin) -> list[str]:
    return [
        m["extension"] for m in json.loads(admin("group", "show", "5000", "--json"))["group"]["members"] if m["blocked"]
    ]


async def test_a_hundred_and_forty_phones_ring_in_two_waves(lab, admin, daemon, as_shipped):
    names = await phones(lab, 7)
    admin.group("--policy", "simultaneous", "--ring-seconds", str(RING_SECONDS), "--auto-block", "2", members=MEMBERS)
    caller = lab.caller("5000").dial()
    assert await caller.result(30) == 200  # voicemail
    rung = lab.rang()
    assert sorted(rung) == sorted(names), "each phone rings, once"
    in_wave = MAX_LEGS // 7 * 7
    invites = lab.seen(what="INVITE")
    first, second = invites[:in_wave], invites[in_wave:]
    assert {seen.who for seen in first} == set(names[:in_wave])
    assert spread(lab, names[:in_wave]) < 1.5, "sessions per second do not hold up a wave"
    assert second[0].at - first[0].at >= RING_SECONDS
    (call,) = admin.calls()
    assert [(offer["extension"], offer["phones"], offer["outcome"]) for offer in call["offers"]] == [
        (member, 7, "no-answer") for member in MEMBERS
    ]
    assert call["skips"] == []
    assert "refused" not in daemon.log(), "FreeSWITCH takes each filter, and its deletion"


async def test_callers_are_taken_in_the_second_in_which_many_phones_begin_to_ring(lab, admin, as_shipped):
    names = await phones(lab, 3)
    admin.group("--policy", "simultaneous", "--ring-seconds", str(RING_SECONDS), members=MEMBERS)
    callers = [lab.caller("5000", name=f"caller{number}").dial() for number in range(10)]
    assert [await caller.result(60) for caller in callers] == [200] * 10, "none is refused by the switch"
    assert set(lab.rang()) == set(names)


async def test_one_of_many_picks_up_and_all_others_stop_without_a_missed_call(lab, admin, as_shipped):
    names = await phones(lab, 7)
    admin.group("--policy", "simultaneous", "--ring-seconds", "10", members=MEMBERS)
    lab.behave("1005/3", answer_after=1.0, hangup_after=1.0)
    caller = lab.caller("5000").dial()
    assert await caller.result(30) == 200
    await lab.until_seen("1005/3", "HANGUP")
    call = await lab.until_closed(admin, "answered")
    rung = lab.seen(what="CANCEL")
    assert len(rung) == MAX_LEGS // 7 * 7 - 1
    assert all("Call completed elsewhere" in seen.detail["reason"] for seen in rung)
    assert call["answered_by"] == "1005"
    waiting = MEMBERS[MAX_LEGS // 7 :]
    assert [(skip["extension"], skip["reason"]) for skip in call["skips"]] == [(m, "switch-limit") for m in waiting]
    assert not {name for name in names if name.partition("/")[0] in waiting} & set(lab.rang())


async def test_the_switch_takes_few_sessions_and_members_ring_as_it_has_room(lab, admin, as_shipped):
    await phones(lab, 1)
    admin.group("--policy", "simultaneous", "--ring-seconds", str(RING_SECONDS), "--auto-block", "1", members=MEMBERS)
    as_shipped.api(f"fsctl max_sessions {1 + 12}")
    caller = lab.caller("5000").dial()
    assert await caller.result(30) == 200
    assert sorted(lab.rang()) == sorted(MEMBERS)
    (call,) = admin.calls()
    assert [(offer["extension"], offer["outcome"]) for offer in call["offers"]] == [(m, "no-answer") for m in MEMBERS]
    assert call["skips"] == []


async def test_members_whom_the_switch_never_rings_are_skipped_and_not_blocked(lab, admin, as_shipped):
    admin.group("--ring-seconds", str(RING_SECONDS), "--auto-block", "1", members=("1001", "1002"))
    as_shipped.api("fsctl pause outbound")
    caller = lab.caller("5000").dial()
    assert await caller.result(30) == 200
    assert lab.rang() == []
    (call,) = admin.calls()
    assert call["offers"] == []
    assert [(skip["extension"], skip["reason"]) for skip in call["skips"]] == [
        ("1001", "switch-limit"), ("1002", "switch-limit"),
    ]  # fmt: skip
    assert call["reason"] == "everybody busy"
    assert blocked(admin) == []


async def test_a_few_phones_beyond_the_sessions_per_second_ring_in_the_next_wave(lab, admin, as_shipped):
    admin.group("--policy", "simultaneous", "--ring-seconds", str(RING_SECONDS), "--auto-block", "3")
    as_shipped.api("fsctl sps 3")
    caller = lab.caller("5000").dial()
    assert await caller.result(40) == 200
    assert sorted(lab.rang()) == ["1001", "1002", "1003"]
    (call,) = admin.calls()
    assert [(offer["extension"], offer["outcome"]) for offer in call["offers"]] == [
        ("1001", "no-answer"), ("1002", "no-answer"), ("1003", "no-answer"),
    ]  # fmt: skip
    assert call["skips"] == []
