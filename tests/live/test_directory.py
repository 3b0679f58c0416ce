"""Members whom the directory of FreeSWITCH has reached otherwise than at their phones (facts 47 and 48)."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.live.test_waiting import until_waiting

MOBILE = "14155550123"
FOLLOW_ME = f"loopback/9{MOBILE}/default"
TALK_SECONDS = 3.0
"""Longer than a loopback takes to leave a talk, where it may."""


@pytest.fixture
def directory(pbx) -> Iterator[object]:
    """Sets dial-strings; the usual ones are there again afterwards."""
    yield pbx.set_dial_strings
    pbx.set_dial_strings({})


@pytest.mark.parametrize("of_group", [False, True])
async def test_do_not_disturb_is_passed_over_by_user_and_by_group(lab, admin, watching, directory, of_group):
    busy = {"1001": "error/user_busy"}
    directory({}, busy) if of_group else directory(busy)
    lab.behave("1002", answer_after=0.3)
    admin.group(members=("1001", "1002"))
    listed = json.loads(admin("member", "list", "5000", "--json"))["members"]
    assert [(each["state"], each["state_detail"]) for each in listed] == [("blocked", "directory"), ("free", None)]
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    caller.hang_up()
    call = await lab.until_closed(admin, "answered")
    assert [(skip["extension"], skip["reason"], skip["detail"]) for skip in call["skips"]] == [
        ("1001", "blocked", "directory")
    ]
    assert lab.rang() == ["1002"]


@pytest.mark.parametrize("said", [FOLLOW_ME, f"sofia/gateway/carrier/{MOBILE}"])
@pytest.mark.parametrize("of_group", [False, True])
async def test_who_is_reached_elsewhere_rings_there_and_talks_to_the_end(lab, admin, directory, said, of_group):
    await lab.unregister("1001")
    directory({}, {"1001": said}) if of_group else directory({"1001": said})
    lab.behave(MOBILE, answer_after=1.0)
    admin.group("--ring-seconds", "8", members=("1001", "1002"))
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    assert lab.rang() == [MOBILE]
    await asyncio.sleep(TALK_SECONDS)  # the length of the talk is what is tested
    assert lab.seen(MOBILE, "BYE") == []
    ended = lab.now()
    caller.hang_up()
    assert (await lab.until_seen(MOBILE, "BYE")).at - ended < 1.0
    call = await lab.until_closed(admin, "answered")
    assert (call["answered_by"], call["skips"]) == ("1001", [])
    talked = datetime.fromisoformat(call["ended_at"]) - datetime.fromisoformat(call["answered_at"])
    assert talked.total_seconds() == pytest.approx(TALK_SECONDS, abs=0.7)
    assert [offer["outcome"] for offer in call["offers"]] == ["answered"]
    await lab.register("1001")


async def test_a_follow_me_stops_at_the_end_of_the_ring_time(lab, admin, directory):
    directory({"1001": FOLLOW_ME})
    lab.behave(MOBILE)
    lab.behave("1002", answer_after=0.3)
    admin.group("--ring-seconds", "3", members=("1001", "1002"))
    caller = lab.caller("5000").dial()
    assert await caller.result(20) == 200
    await lab.until_seen(MOBILE, "CANCEL")
    assert lab.ringing_seconds(MOBILE) == pytest.approx(3.3, abs=0.7)
    caller.hang_up()
    call = await lab.until_closed(admin, "answered")
    assert [(offer["extension"], offer["outcome"]) for offer in call["offers"]] == [
        ("1001", "no-answer"),
        ("1002", "answered"),
    ]


async def test_a_queued_caller_is_offered_a_member_without_a_registration(lab, admin, watching, directory):
    await lab.unregister("1001")
    directory({"1001": FOLLOW_ME})
    lab.behave(MOBILE, answer_after=0.3)
    admin.group("--when-busy", "queue", "--hunt-timeout", "30", members=("1001",))
    first = lab.caller("5000", name="first").dial()
    assert await first.result(10) == 200
    second = lab.caller("5000", name="second").dial()
    await until_waiting(admin, 1)
    first.hang_up()
    assert await second.result(5) == 200
    second.hang_up()
    await lab.until_closed(admin, "answered")
    assert lab.rang() == [MOBILE, MOBILE]
    await lab.register("1001")


async def test_what_is_not_honoured_is_told(lab, admin, watching, directory):
    directory({"1001": f"{FOLLOW_ME}|loopback/9{MOBILE}1", "1002": f"[leg_timeout=5]{FOLLOW_ME}"})
    admin.group(members=("1001", "1002", "1003"))
    name = watching.environment["FSHUNT_SWITCH"].partition("=")[0]
    told = [
        f"1001 in the directory of switch {name}: not honoured is its several endpoints.",
        f"1002 in the directory of switch {name}: not honoured is leg_timeout in it.",
    ]
    found = json.loads(admin("member", "list", "5000", "--json"))
    assert [each["state"] for each in found["members"]] == ["not-dialable", "free", "free"]
    checks = admin("config", "check")
    for sentence in told:
        assert sentence.replace(" in the", "@pbx.test in the") in checks
