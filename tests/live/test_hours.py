"""A closed group on a real switch: where its callers go, and that a change holds for the next call alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fshunt.hunting.hours import WEEKDAYS
from tests.live.test_destinations import leave_a_message
from tests.live.test_waiting import talking, until_waiting

UTC_ZONE = ("--time-zone", "Etc/UTC")


def in_days(days):
    return datetime.now(UTC).date() + timedelta(days=days)


def by_hand(admin):
    admin("group", "closed", "5000", "--for", "1h")


def by_hours(admin):
    admin("group", "hours", "5000", WEEKDAYS[in_days(3).weekday()], "8-17", *UTC_ZONE)


def by_a_holiday(admin):
    admin("holiday", "add", "5000", f"{in_days(0)}..{in_days(1)}", "Founders' Day", *UTC_ZONE)


@pytest.mark.parametrize(
    ("close", "reason"),
    [(by_hand, "by hand"), (by_hours, "hours"), (by_a_holiday, "holiday Founders' Day")],
    ids=["by hand", "hours", "holiday"],
)
async def test_the_caller_of_a_closed_group_speaks_into_its_box(lab, admin, pbx, close, reason):
    admin.group("--voicemail", "1010", "--on-closed", "voicemail:1011")
    stored = len(pbx.messages("1011"))
    close(admin)
    await leave_a_message(lab.caller("5000").dial())
    await lab.until_stored(pbx, "1011", stored + 1)
    call = await lab.until_closed(admin, "voicemail")
    assert (call["reason"], call["destination"]) == (f"closed: {reason}", "voicemail:1011")
    assert (call["offers"], call["skips"], lab.rang()) == ([], [], [])


async def test_a_closed_group_transfers_and_rejects(lab, admin):
    admin.group("--on-closed", "transfer:1003", members=("1001",))
    by_hand(admin)
    lab.behave("1003", answer_after=0.1)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    assert lab.rang() == ["1003"]
    caller.hang_up()
    admin("group", "set", "5000", "--on-closed", "hangup:USER_BUSY")
    assert await lab.caller("5000").dial().result(10) == 486
    assert [call["result"] for call in admin.calls()] == ["transferred", "rejected"]


async def test_a_change_holds_for_the_next_call_and_phones_that_ring_keep_ringing(lab, admin):
    admin.group("--on-closed", "hangup:USER_BUSY", members=("1001",))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    by_hand(admin)
    assert await lab.caller("5000", name="closed out").dial().result(10) == 486
    assert lab.seen("1001", "CANCEL") == []
    caller.cancel()
    admin("group", "closed", "5000", "--off")
    lab.behave("1001", answer_after=0.1)
    again = lab.caller("5000", name="let in").dial()
    assert await again.result(10) == 200
    again.hang_up()


async def test_a_queued_caller_stays_when_the_group_is_closed(lab, admin):
    admin.group(*("--when-busy", "queue", "--hunt-timeout", "60", "--on-closed", "hangup:USER_BUSY"), members=("1001",))
    first = await talking(lab)
    waiting = lab.caller("5000", name="waiting").dial()
    await until_waiting(admin, 1)
    by_hand(admin)
    assert await lab.caller("5000", name="closed out").dial().result(10) == 486
    assert not waiting.final.done()
    first.hang_up()
    assert await waiting.result(10) == 200
    waiting.hang_up()


async def test_a_queued_caller_is_offered_to_a_member_whose_block_ends(lab, admin):
    admin.group("--when-busy", "queue", "--hunt-timeout", "60", members=("1001", "1002"))
    lab.behave("1002", answer_after=0.1)
    admin("member", "block", "1002", "--for", "8s")
    first = await talking(lab)
    waiting = lab.caller("5000", name="waiting").dial()
    assert await waiting.result(15) == 200
    assert lab.seen("1002", "INVITE")
    for caller in (first, waiting):
        caller.hang_up()
