"""A member's block of one group alone, set and lifted while a phone rings and while a caller waits."""

import asyncio
import json

from tests.live.test_waiting import talking, until_waiting


def of_first(admin, pilot):
    return json.loads(admin("member", "list", pilot, "--json"))["members"][0]


async def test_a_block_of_the_group_that_rings_stops_the_phone_and_one_of_another_group_does_not(lab, admin):
    admin.daemon.environment["FSHUNT_SHARED_MEMBERS"] = admin.daemon.environment["FSHUNT_DEFAULT_DOMAIN"]
    admin.group("--ring-seconds", "20", members=("1001", "1002"))
    admin("group", "add", "5001")
    admin("member", "add", "5001", "1001")
    lab.behave("1002", answer_after=0.1, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    told = await asyncio.to_thread(admin, "member", "block", "1001", "--group", "5001")
    assert told.splitlines()[1:] == ["  group 5001: not blocked -> blocked in this group"]
    await asyncio.to_thread(admin, "member", "list", "5000")  # takes longer than the daemon needs for a change
    assert not lab.seen("1001", "CANCEL")
    await asyncio.to_thread(admin, "member", "block", "1001", "--group", "5000")
    cancelled = await lab.until_seen("1001", "CANCEL", seconds=3)
    assert "Call completed elsewhere" in cancelled.detail["reason"], "no missed call is shown"
    assert await caller.result(10) == 200
    await caller.until_end()
    second = lab.caller("5000").dial()
    assert await second.result(10) == 200
    await second.until_end()
    first_call, second_call = admin.calls()
    assert [(each["extension"], each["outcome"]) for each in first_call["offers"]] == [
        ("1001", "declined"),
        ("1002", "answered"),
    ]
    skips = [(each["extension"], each["reason"], each["detail"]) for each in second_call["skips"]]
    assert ("1001", "blocked", "group") in skips, "1002 may still have the call before"
    assert [of_first(admin, pilot)["blocked_in_group"] for pilot in ("5000", "5001")] == [True, True]


async def test_a_queued_caller_is_offered_to_a_member_who_is_put_back_in_this_group(lab, admin):
    admin.daemon.environment["FSHUNT_SHARED_MEMBERS"] = admin.daemon.environment["FSHUNT_DEFAULT_DOMAIN"]
    admin.group("--when-busy", "queue", "--hunt-timeout", "60", members=("1001", "1002"))
    admin("group", "add", "5001")
    admin("member", "add", "5001", "1002")
    lab.behave("1002", answer_after=0.1)
    admin("member", "block", "1002")
    first = await talking(lab)
    waiting = lab.caller("5000", name="waiting").dial()
    await until_waiting(admin, 1)
    await asyncio.to_thread(admin, "member", "unblock", "1002", "--group", "5000")
    assert await waiting.result(15) == 200
    assert lab.seen("1002", "INVITE")
    assert [of_first(admin, "5001")["blocked"], of_first(admin, "5001")["blocked_in_group"]] == [True, True]
    for caller in (first, waiting):
        caller.hang_up()
