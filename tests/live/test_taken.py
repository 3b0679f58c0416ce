"""Pick-ups and transfers of the caller during a hunt, on a real switch; and phones that forward their calls."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.live.test_waiting import talking, until_waiting

LONGER_THAN_A_STAGE = 3.0
"""After so long a hunt that went on would have rung the next, or sent the caller to voicemail."""


async def channel_of(lab, pbx, number):
    """The channel of the newest caller of a number; the switch's table is up to 0.2 s late (fact 28)."""
    found = []

    def is_listed():
        rows = json.loads(pbx.api("show channels as json")).get("rows", [])
        found[:] = [row for row in rows if row["direction"] == "inbound" and row["dest"] == number]
        return found

    await lab.until(is_listed)
    return max(found, key=lambda row: row["created_epoch"])["uuid"]


async def left_alone(lab, caller):
    """The call continues for any time."""
    await asyncio.sleep(LONGER_THAN_A_STAGE)
    assert not caller.ended.is_set()
    caller.hang_up()


async def closed(lab, admin):
    found = []

    def is_closed():
        found[:] = admin.calls()
        return found and found[-1]["ended_at"] is not None

    await lab.until(is_closed)
    return found[-1]


@pytest.mark.parametrize("policy", ["regular", "simultaneous"])
async def test_a_ringing_call_is_picked_up_at_another_phone(lab, admin, pbx, policy):
    admin.group("--policy", policy, "--ring-seconds", "2", members=("1001", "1002"))
    caller = lab.caller("5000").dial()
    messages = len(pbx.messages("1002"))
    await lab.until_seen("1002" if policy == "simultaneous" else "1001", "INVITE")
    channel = await channel_of(lab, pbx, "5000")
    rang = len(lab.rang())
    picker = lab.caller(f"pick-{channel}", number_shown="1003", name="picker").dial()
    assert await picker.result(5) == 200
    assert await caller.result(5) == 200
    await left_alone(lab, caller)
    assert len(lab.rang()) == rang, "nobody else is rung"
    call = await closed(lab, admin)
    assert call["result"] == "transferred"
    assert {offer["outcome"] for offer in call["offers"]} <= {"answered-elsewhere", "caller-gone"}
    assert len(pbx.messages("1002")) == messages


async def test_a_caller_is_transferred_while_a_phone_rings(lab, admin, pbx):
    admin.group("--ring-seconds", "2", members=("1001", "1002"))
    lab.behave("1003", answer_after=0.3)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    pbx.api(f"uuid_transfer {await channel_of(lab, pbx, '5000')} 1003")
    assert await caller.result(5) == 200
    await left_alone(lab, caller)
    assert lab.rang() == ["1001", "1003"]
    assert (await closed(lab, admin))["reason"] == "transferred by somebody else"


@pytest.mark.parametrize("options", [(), ("--music", "tone_stream://%(500,500,440);loops=-1")])
@pytest.mark.parametrize("how", ["picked up", "transferred"])
async def test_a_queued_caller_is_picked_up(lab, admin, pbx, options, how):
    admin.group("--when-busy", "queue", "--hunt-timeout", "20", *options, members=("1001",))
    busy = await talking(lab)
    caller = lab.caller("5000", name="waits").dial()
    await until_waiting(admin, 1)
    waits = await channel_of(lab, pbx, "5000")
    if how == "picked up":
        picker = lab.caller(f"pick-{waits}", number_shown="1003", name="picker").dial()
        assert await picker.result(5) == 200
    else:
        pbx.api(f"uuid_transfer {waits} 70")
    assert await caller.result(5) == 200
    await until_waiting(admin, 0)
    before = len(lab.rang())
    busy.hang_up()
    await left_alone(lab, caller)
    assert len(lab.rang()) == before, "1001 is free, and does not ring for this caller"


@pytest.mark.parametrize("code", [301, 302])
@pytest.mark.parametrize("policy", ["regular", "simultaneous"])
async def test_a_phone_that_forwards_its_calls_cannot_be_reached_and_the_others_are_rung(lab, admin, code, policy):
    admin.group("--policy", policy, "--ring-seconds", "5", members=("1001", "1002"))
    lab.behave("1001", reject=code, forwards_to=f"sip:1003@127.0.0.1:{lab.port}")
    lab.behave("1002", answer_after=0.5)
    lab.behave("1003", answer_after=0.1)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    caller.hang_up()
    call = await closed(lab, admin)
    assert (call["result"], call["answered_by"]) == ("answered", "1002")
    assert sorted(lab.rang()) == ["1001", "1002"], "the phone's forwarding target is not dialled"
    assert [o["detail"] for o in call["offers"] if o["extension"] == "1001"] == [
        f"the phone forwards its calls, which a hunt does not follow ({code})"
    ]
