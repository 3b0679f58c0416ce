"""Callers wait for busy members, on a real switch: what they hear, and how soon a freed member is rung."""

from __future__ import annotations

import asyncio
import json

OFFERED_SECONDS = 0.25
"""A freed member is offered to the longest waiting caller within this time; the phones need a moment themselves."""
SLACK_SECONDS = 0.25


async def until_waiting(admin, count):
    """Wait until so many callers are queued."""
    async with asyncio.timeout(10):
        while True:
            told = await asyncio.to_thread(admin, "status", "--json")
            if json.loads(told)["status"]["queued"] == count:
                return
            await asyncio.sleep(0.1)


async def until_answered(admin, count):
    """Wait until the records say of so many calls who answered them, and return the records."""
    async with asyncio.timeout(10):
        while True:
            calls = await asyncio.to_thread(admin.calls)
            if sum(call["answered_by"] is not None for call in calls) == count:
                return calls
            await asyncio.sleep(0.1)


async def talking(lab, phone="1001", name="talking"):
    lab.behave(phone, answer_after=0.1)
    caller = lab.caller("5000", name=name).dial()
    assert await caller.result(10) == 200
    return caller


async def test_a_freed_member_is_rung_for_the_longest_waiting_within_a_quarter_second(lab, admin):
    admin.group("--when-busy", "queue", "--hunt-timeout", "30", members=("1001",))
    first = await talking(lab)
    second = lab.caller("5000", name="second").dial()
    await until_waiting(admin, 1)
    third = lab.caller("5000", name="third").dial()
    await until_waiting(admin, 2)
    before = len(lab.seen("1001", "INVITE"))
    first.hang_up()
    freed = lab.now()
    assert await second.result(5) == 200
    rung = lab.seen("1001", "INVITE")[before]
    assert rung.at - freed < OFFERED_SECONDS + SLACK_SECONDS
    assert not third.final.done(), "first come first served"
    second.hang_up()
    assert await third.result(5) == 200
    third.hang_up()
    calls = await until_answered(admin, 3)
    assert [call["answered_by"] for call in calls] == ["1001"] * 3
    assert calls[1]["waited_seconds"] > 0


async def test_a_queued_caller_hears_ringing_or_the_groups_music(lab, admin):
    admin.group("--when-busy", "queue", "--hunt-timeout", "30", members=("1001",))
    first = await talking(lab)
    ringing = lab.caller("5000", name="ringing").dial()
    await until_waiting(admin, 1)
    assert ringing.heard == [180]
    ringing.cancel()
    await until_waiting(admin, 0)
    admin("group", "set", "5000", "--music", "tone_stream://%(500,500,440)")
    music = lab.caller("5000", name="music").dial()
    await until_waiting(admin, 1)
    await music.hears(183)
    await lab.until_sound()
    first.hang_up()
    assert await music.result(5) == 200, "the music gives way to the member"
    music.hang_up()


async def test_a_caller_whom_an_attendant_answered_waits_and_is_served(lab, admin):
    admin.group("--when-busy", "queue", "--hunt-timeout", "30", members=("1001",))
    first = await talking(lab)
    attended = lab.caller("85000", name="attended").dial()
    assert await attended.result(10) == 200
    await until_waiting(admin, 1)
    before = len(lab.seen("1001", "INVITE"))
    first.hang_up()
    await lab.until_seen("1001", "INVITE", count=before + 1)
    await lab.until_seen("1001", "ANSWER", count=2)
    attended.hang_up()


async def test_a_caller_who_hangs_up_is_out_of_the_queue_at_once(lab, admin):
    admin.group("--when-busy", "queue", "--hunt-timeout", "30", members=("1001",))
    first = await talking(lab)
    leaving = lab.caller("5000", name="leaving").dial()
    await until_waiting(admin, 1)
    staying = lab.caller("5000", name="staying").dial()
    await until_waiting(admin, 2)
    leaving.cancel()
    await leaving.until_end(5)
    first.hang_up()
    assert await staying.result(5) == 200
    staying.hang_up()


async def test_when_the_time_is_over_the_caller_goes_to_voicemail(lab, admin, pbx):
    admin.group("--when-busy", "queue", "--hunt-timeout", "2", "--voicemail", "1012", members=("1001",))
    first = await talking(lab)
    second = lab.caller("5000", name="second").dial()
    assert await second.result(10) == 200
    second.hang_up()
    first.hang_up()
    pbx.until_idle()
    assert sorted(call["result"] for call in admin.calls()) == ["answered", "voicemail"]
