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


async def late(lab, name: str) -> float:
    """Register a phone, and return how long it took until it rings."""
    await lab.register(name)
    registered = lab.now()
    return (await lab.until_seen(name, "INVITE")).at - registered


async def test_a_late_phone_joins_the_ringing_and_takes_the_call(lab, admin, watching):
    admin.group("--policy", "simultaneous", "--ring-seconds", "8", "--prefix", "Sales", members=("1001", "1002"))
    lab.behave("1001/app", answer_after=0.5, hangup_after=2.0)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    assert await late(lab, "1001/app") < 1.0
    assert await caller.result(5) == 200
    await lab.until_seen("1001/app", "HANGUP")
    call = await lab.until_closed(admin, "answered")
    assert call["answered_by"] == "1001"
    assert {offer["extension"]: offer["outcome"] for offer in call["offers"]} == {
        "1001": "answered", "1002": "answered-elsewhere",
    }  # fmt: skip
    assert sorted(lab.rang()) == ["1001", "1001/app", "1002"], "nobody is rung again"
    assert all("completed elsewhere" in seen.detail["reason"] for seen in lab.seen(what="CANCEL"))
    shown = lab.seen("1001/app", "INVITE")[0].detail["shown"]
    assert '"Sales 4155550100"' in shown
    assert "4155550100@" in shown


async def test_a_late_phone_that_is_not_picked_up_stops_with_the_others_and_shows_no_missed_call(lab, admin, watching):
    admin.group("--ring-seconds", "8", members=("1001",))
    lab.behave("1001", answer_after=3.0, hangup_after=0.5)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await late(lab, "1001/app")
    assert await caller.result(8) == 200
    stopped = await lab.until_seen("1001/app", "CANCEL")
    assert "completed elsewhere" in stopped.detail["reason"]
    assert stopped.at - lab.seen("1001", "ANSWER")[0].at < 0.5


async def test_a_late_phone_rings_on_when_the_first_one_has_ended_and_no_longer_than_the_ring_time(
    lab, admin, watching
):
    admin.group("--ring-seconds", "6", members=("1001", "1002"))
    lab.behave("1001", reject=480, reject_after=2.0, rings=None)
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await late(lab, "1001/app")
    assert await caller.result(15) == 200
    assert lab.ringing_seconds("1001/app") > 3
    call = await lab.until_closed(admin, "answered")
    assert [(offer["extension"], offer["outcome"]) for offer in call["offers"]] == [
        ("1001", "no-answer"), ("1002", "answered"),
    ]  # fmt: skip


async def test_a_late_phone_stops_when_the_caller_hangs_up_and_when_the_daemon_is_killed(lab, admin, watching):
    admin.group("--ring-seconds", "20", members=("1001",))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await late(lab, "1001/app")
    caller.cancel()
    stopped = await lab.until_seen("1001/app", "CANCEL")
    assert stopped.at - lab.seen("caller", "CANCELS")[0].at < 1.0
    await lab.until_closed(admin, "abandoned")
    await lab.unregister("1001/app")
    second = lab.caller("5000", name="second").dial()
    await lab.until_seen("1001", "INVITE", count=2)
    await lab.register("1001/app")
    await lab.until_seen("1001/app", "INVITE", count=2)
    killed = lab.now()
    watching.kill()
    stopped = await lab.until_seen("1001/app", "CANCEL", count=2)
    assert stopped.at - killed < 1.0
    assert await second.result(10) == 200, "the fallback of the dialplan"
    second.hang_up()
    watching.start()


async def test_without_a_late_phone_a_stage_ends_as_soon_as_all_phones_have_ended(lab, admin, watching):
    admin.group("--ring-seconds", "8", members=("1001", "1002"))
    lab.behave("1001", reject=486)
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(8) == 200
    assert lab.seen("1002", "INVITE")[0].at - lab.seen("1001", "REJECT 486")[0].at < 0.5


async def test_a_late_phone_joins_a_ring_from_the_queue_and_the_first_one_is_not_rung_again(lab, admin, watching):
    admin.group("--ring-seconds", "8", "--when-busy", "queue", members=("1001",))
    lab.behave("1001", answer_after=0.2, hangup_after=3.0)
    lab.caller("5000", name="first").dial()
    await lab.until_seen("1001", "ANSWER")
    caller = lab.caller("5000").dial()
    lab.behave("1001")
    await lab.until_seen("1001", "INVITE", count=2)
    lab.behave("1001/app", answer_after=1.0, hangup_after=0.5)
    assert await late(lab, "1001/app") < 1.0
    assert await caller.result(10) == 200
    await lab.until_closed(admin, "answered")
    assert (lab.rang().count("1001"), lab.rang().count("1001/app")) == (2, 1)


async def test_of_a_daemon_that_stops_the_caller_goes_on_as_soon_as_all_phones_have_ended(lab, admin, watching):
    admin.group("--ring-seconds", "20", members=("1001",))
    lab.behave("1001", reject=486, reject_after=3.0)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await asyncio.to_thread(watching.stop)  # the phone goes on meanwhile
    assert await caller.result(10) == 200, "the fallback of the dialplan"
    assert lab.seen("caller", "HEARS 200")[0].at - lab.seen("1001", "REJECT 486")[0].at < 1.0
    watching.start()


async def test_a_phone_that_has_joined_and_was_picked_up_is_ended_by_no_order_for_phones_that_ring(
    lab, pbx, admin, watching
):
    admin.group("--ring-seconds", "8", members=("1001",))
    lab.behave("1001/app", answer_after=0.5, hangup_after=2.0)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await late(lab, "1001/app")
    assert await caller.result(5) == 200
    pbx.api("hupall NO_ANSWER fshunt_rings true")
    await lab.until_seen("1001/app", "HANGUP")
    assert not lab.seen("1001/app", "BYE")
    await lab.until_closed(admin, "answered")
