"""Members on a call are not rung; blocks apply at once; a stop cuts no call: with the monitor, on a real switch."""

from __future__ import annotations

import asyncio
import json

WITHIN_SECONDS = 1.0
"""Blocking and disabling take effect within a second."""


def state_of(admin, extension):
    (found,) = [
        m for m in json.loads(admin("member", "list", "5000", "--json"))["members"] if m["extension"] == extension
    ]
    return found["state"]


async def test_a_member_on_a_direct_call_is_skipped(lab, admin, watching, pbx):
    admin.group(members=("1001", "1002", "1003"))
    lab.behave("1001", answer_after=0.1)
    lab.behave("1002", answer_after=0.1)
    lab.behave("1003", answer_after=0.1, hangup_after=0.5)
    direct = lab.caller("1001", name="direct").dial()
    assert await direct.result(10) == 200
    made = lab.caller("1002", name="made", number_shown="1001").dial()
    assert await made.result(10) == 200
    await lab.until(lambda: state_of(admin, "1002") == "on-call")  # the switch's event is some 20 ms late (fact 29)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    assert lab.rang().count("1001") == 1, "by the direct call"
    (call,) = admin.calls()
    assert [(skip["extension"], skip["reason"]) for skip in call["skips"]] == [
        ("1001", "on-call"),
        ("1002", "on-call"),
    ]
    direct.leave()
    made.leave()
    await caller.until_end(10)
    pbx.until_idle()
    again = lab.caller("5000").dial()
    lab.behave("1001", answer_after=0.1, hangup_after=0.2)
    assert await again.result(10) == 200
    await again.until_end(10)
    assert lab.rang()[-1] == "1001", "free again"


async def test_an_unregistered_member_is_skipped(lab, admin, watching):
    admin.group(members=("1001", "1002"))
    lab.behave("1002", answer_after=0.1, hangup_after=0.2)
    await lab.unregister("1001")
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end(10)
    (call,) = admin.calls()
    assert [(skip["extension"], skip["reason"]) for skip in call["skips"]] == [("1001", "unregistered")]


async def test_blocking_stops_a_ringing_phone_within_a_second_and_no_missed_call_is_shown(lab, admin, watching):
    admin.group("--ring-seconds", "30", members=("1001", "1002"))
    lab.behave("1002", answer_after=0.1, hangup_after=0.2)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await asyncio.to_thread(admin, "member", "block", "1001")
    blocked = lab.now()
    cancel = await lab.until_seen("1001", "CANCEL")
    assert cancel.at - blocked < WITHIN_SECONDS
    assert "completed elsewhere" in cancel.detail["reason"]
    assert await caller.result(10) == 200
    await caller.until_end(10)
    (call,) = admin.calls()
    assert [(offer["extension"], offer["outcome"]) for offer in call["offers"]] == [
        ("1001", "declined"),
        ("1002", "answered"),
    ]


async def test_disabling_stops_a_ringing_phone_within_a_second(lab, admin):
    admin.group("--ring-seconds", "30", members=("1001",))
    lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await asyncio.to_thread(admin, "member", "disable", "5000", "1001")
    disabled = lab.now()
    assert (await lab.until_seen("1001", "CANCEL")).at - disabled < WITHIN_SECONDS


async def test_stopped_while_a_phone_rings_it_rings_on_and_the_next_daemon_finishes_the_record(
    lab, admin, watching, pbx
):
    admin.group("--ring-seconds", "20", members=("1001", "1002"))
    lab.behave("1001", answer_after=3)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    watching.stop()
    await asyncio.to_thread(watching.start)
    assert await caller.result(10) == 200
    assert lab.seen("1001", "CANCEL") == [], "the phone rang on"
    await lab.until(lambda: json.loads(admin("call", "list", "--json"))["calls"][0]["answered_by"] == "1001")
    assert state_of(admin, "1001") == "on-call"
    caller.hang_up()
    call = await lab.until_closed(admin, "answered")
    await lab.until(lambda: json.loads(admin("call", "show", call["uuid"], "--json"))["call"]["end_seen"])
    assert lab.rang() == ["1001"]


async def test_stopped_while_a_phone_rings_that_nobody_picks_up_the_caller_is_hunted_for_again(lab, admin, watching):
    admin.group("--ring-seconds", "2", members=("1001",))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    watching.stop()
    await asyncio.to_thread(watching.start)
    lab.behave("1001", answer_after=0.2)
    await lab.until_seen("1001", "CANCEL", seconds=20)
    assert await caller.result(10) == 200, "by the daemon that followed"
    assert caller.heard == [180, 200], "and heard ringing all the time"
    caller.hang_up()


async def test_killed_during_a_call_the_next_daemon_finishes_the_record_when_it_ends(lab, admin, watching):
    admin.group(members=("1001",))
    lab.behave("1001", answer_after=0.2)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await lab.until(lambda: json.loads(admin("call", "list", "--json"))["calls"][0]["answered_by"] == "1001")
    watching.kill()
    await asyncio.to_thread(watching.start)
    await lab.until(lambda: "continues; watching it until it ends" in watching.log())
    caller.hang_up()
    call = await lab.until_closed(admin, "answered")
    await lab.until(lambda: json.loads(admin("call", "show", call["uuid"], "--json"))["call"]["end_seen"])
