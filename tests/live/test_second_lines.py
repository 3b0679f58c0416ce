"""A member who takes another call on a second line while we ring them stops ringing, unless call waiting is allowed."""

import asyncio

import pytest

WITHIN_SECONDS = 1.0


async def on_another_line(lab, phone):
    """Have a phone that rings for the group take a direct call on its second line; return when it did."""
    await lab.until_seen(phone, "INVITE")
    lab.behave(phone, answer_after=0.2)
    lab.caller(phone, name="direct").dial()
    return (await lab.until_seen(phone, "ANSWER")).at


@pytest.mark.usefixtures("watching")
async def test_the_second_line_stops_ringing_within_a_second_without_a_missed_call(lab, admin):
    admin.group(members=("1001", "1002"))
    lab.behave("1002", answer_after=0.3, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    taken = await on_another_line(lab, "1001")
    cancelled = await lab.until_seen("1001", "CANCEL")
    assert cancelled.at - taken <= WITHIN_SECONDS
    assert "Call completed elsewhere" in cancelled.detail["reason"]
    assert await caller.result(10) == 200
    await caller.until_end()
    call = next(call for call in admin.calls() if call["pilot"] == "5000")
    assert [(offer["extension"], offer["outcome"]) for offer in call["offers"]] == [
        ("1001", "busy"),
        ("1002", "answered"),
    ]


@pytest.mark.usefixtures("watching")
async def test_with_call_waiting_the_second_line_rings_on(lab, admin):
    admin.group("--call-waiting", members=("1001",))
    lab.caller("5000").dial()
    await on_another_line(lab, "1001")
    await asyncio.sleep(2 * WITHIN_SECONDS)
    assert not lab.seen("1001", "CANCEL")
