"""Phones that register when the call is there already: apps that a push notification wakes."""

from __future__ import annotations

import asyncio

import pytest

from tests.live.machines import Daemon

WAIT_SECONDS = 8


@pytest.fixture
def waiting(daemon: Daemon) -> Daemon:
    """The daemon, whose callers wait for a phone."""
    daemon.restart(FSHUNT_WAIT_FOR_PHONE_SECONDS=str(WAIT_SECONDS))
    return daemon


async def test_a_caller_waits_for_the_first_phone(lab, admin, waiting):
    admin.group("--ring-seconds", "4", members=("1004", "1005"))
    lab.behave("1005", answer_after=0.2, hangup_after=0.5)
    caller = lab.caller("5000").dial()
    await asyncio.sleep(2.5)  # the push notification takes its time
    assert caller.heard == [180], "the caller hears ringing"
    await lab.register("1005")
    registered = lab.now()
    await lab.until_seen("1005", "INVITE")
    assert lab.seen("1005", "INVITE")[0].at - registered < 1.5
    assert await caller.result(10) == 200
    call = await lab.until_closed(admin, "answered")
    assert call["answered_by"] == "1005"
    assert [(skip["extension"], skip["reason"]) for skip in call["skips"]] == [("1004", "unregistered")]


async def test_a_monitor_tells_of_the_phone_at_once(lab, pbx, admin, waiting):
    waiting.watch(pbx)
    waiting.restart()
    admin.group("--ring-seconds", "4", members=("1004",))
    lab.behave("1004", answer_after=0.2, hangup_after=0.5)
    caller = lab.caller("5000").dial()
    await asyncio.sleep(1.5)
    await lab.register("1004")
    registered = lab.now()
    invited = await lab.until_seen("1004", "INVITE")
    assert invited.at - registered < 0.5
    assert await caller.result(10) == 200


async def test_without_a_phone_the_caller_goes_to_voicemail_when_the_time_is_over(lab, admin, waiting):
    admin.group(members=("1004",))
    caller = lab.caller("5000").dial()
    began = lab.now()
    assert await caller.result(WAIT_SECONDS + 10) == 200
    assert WAIT_SECONDS - 0.5 < lab.now() - began < WAIT_SECONDS + 3
    (call,) = admin.calls()
    assert (call["reason"], [skip["reason"] for skip in call["skips"]]) == ("nobody reachable", ["unregistered"])


async def test_a_caller_may_hang_up_and_a_daemon_may_stop_while_they_wait(lab, pbx, admin, waiting):
    admin.group(members=("1004",))
    caller = lab.caller("5000").dial()
    await asyncio.sleep(1.0)
    caller.cancel()
    await lab.until_closed(admin, "abandoned")
    caller = lab.caller("5000", name="second").dial()
    await asyncio.sleep(1.0)
    waiting.stop()
    assert await caller.result(10) == 200, "the fallback of the dialplan"
    waiting.start()
    assert [call["result"] for call in admin.calls()] == ["abandoned", "failed"]


async def test_a_member_who_gets_a_phone_during_the_hunt_is_rung_after_the_last_member(lab, admin, daemon):
    admin.group("--ring-seconds", "4", members=("1004", "1002"))
    lab.behave("1004", answer_after=0.3, hangup_after=0.5)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1002", "INVITE")
    await lab.register("1004")
    assert await caller.result(15) == 200
    call = await lab.until_closed(admin, "answered")
    assert [(offer["extension"], offer["outcome"]) for offer in call["offers"]] == [
        ("1002", "no-answer"), ("1004", "answered"),
    ]  # fmt: skip
    assert len(lab.seen("1002", "INVITE")) == 1


async def test_a_second_phone_that_registers_while_the_first_rings_is_rung_next_and_alone(lab, admin, daemon):
    admin.group("--ring-seconds", "4", members=("1001",))
    lab.behave("1001/app", answer_after=0.3, hangup_after=0.5)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await lab.register("1001/app")
    assert await caller.result(15) == 200
    call = await lab.until_closed(admin, "answered")
    assert [(offer["extension"], offer["outcome"]) for offer in call["offers"]] == [
        ("1001", "no-answer"), ("1001", "answered"),
    ]  # fmt: skip
    assert (len(lab.seen("1001", "INVITE")), len(lab.seen("1001/app", "INVITE"))) == (1, 1)
