"""Callers who are called back instead of waiting, on a real switch: the member is rung first, then the caller."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from fshunt.daemon.call.queue_keys import KEYS_AFTER_SECONDS
from tests.live.logins import PhoneCall
from tests.live.sounds import is_heard
from tests.live.test_waiting import talking, until_waiting

QUEUE = ("--when-busy", "queue", "--hunt-timeout", "60", "--answer-first", "--callback")


async def press_2(call):
    """Press it when keys count: not at once."""
    await asyncio.sleep(KEYS_AFTER_SECONDS + 0.2)
    await call.press("2")


async def asks(lab, admin, pbx, user="1002", queued=1):
    """Have a phone that has logged in queue, press 2, hear of it, and be hung up."""
    call = PhoneCall(lab, "5000", user, pbx.secure).dial()
    assert await call.result(10) == 200
    await until_waiting(admin, queued)
    since = lab.now()
    await press_2(call)
    await call.until_end(15)
    assert is_heard(call.heard_sound(since))
    return call


def requests(admin):
    return json.loads(admin("callback", "list", "--json"))["callbacks"]


async def until_request(admin, **values):
    """Wait until there is one open request, with these values; without any, until there is none."""
    async with asyncio.timeout(30):
        while True:
            found = await asyncio.to_thread(requests, admin)
            if [{name: each[name] for name in values} for each in found] == ([values] if values else []):
                return
            await asyncio.sleep(0.2)


async def requested_while_busy(lab, admin, pbx, **more):
    """Have 1002 ask for a call back while the only member talks; return the member's caller."""
    admin.group(*QUEUE, members=("1001",))
    first = await talking(lab)
    await asks(lab, admin, pbx, **more)
    await until_request(admin, state="calling-member", number="1002")
    await until_waiting(admin, 1)
    return first


async def until_they_talk(lab):
    await lab.until_seen("1002", "ANSWER", seconds=20)


async def end_talk(lab, admin):
    """The request has ended with the answer; the caller hangs up, and the member's call ends, too."""
    await until_request(admin)
    lab.hang_up("1002")
    await lab.until(lambda: len(lab.seen("1001", "BYE")) >= 2)


async def test_the_member_is_rung_first_and_then_the_caller(lab, admin, watching, pbx):
    first = await requested_while_busy(lab, admin, pbx)
    lab.behave("1001", answer_after=0.5)
    lab.behave("1002", answer_after=1.0)
    first.hang_up()
    await until_they_talk(lab)
    assert lab.rang() == ["1001", "1001", "1002"]
    asked, sound = len(lab.seen("1002", "INVITE")), lab.loud
    await lab.speak("1001", 440.0, 0.5)
    await lab.until(lambda: lab.loud > sound)
    await end_talk(lab, admin)
    assert asked == 1
    answered, request, served = await asyncio.to_thread(admin.calls)
    assert (answered["result"], request["result"], served["result"]) == ("answered", "callback", "answered")
    assert request["reason"] == "asked to be called back"
    assert (served["caller_number"], served["answered_by"]) == ("1002", "1001")
    assert served["reason"].startswith("callback of call ")


async def test_who_asked_keeps_the_place_before_those_who_wait(lab, admin, watching, pbx):
    admin.group(*QUEUE, members=("1001",))
    first = await talking(lab)
    call = PhoneCall(lab, "5000", "1002", pbx.secure).dial()
    assert await call.result(10) == 200
    await until_waiting(admin, 1)
    second = lab.caller("5000", name="second").dial()
    assert await second.result(10) == 200
    await until_waiting(admin, 2)
    await press_2(call)
    lab.behave("1002", answer_after=0.5)
    await call.until_end(15)
    first.hang_up()
    await until_they_talk(lab)
    calls = await asyncio.to_thread(admin.calls)
    assert [each["caller_number"] for each in calls if each["answered_by"]][-1] == "1002", "first come, first served"
    await end_talk(lab, admin)
    second.hang_up()


def due_now(daemon):
    """Let the pause between two tries be over."""
    with closing(sqlite3.connect(daemon.folder / "fshunt.sqlite3")) as database, database:
        database.execute("UPDATE callbacks SET not_before = NULL")


async def test_a_caller_who_does_not_answer_is_called_twice_in_all(lab, admin, watching, pbx):
    first = await requested_while_busy(lab, admin, pbx)
    lab.behave("1001", answer_after=0.2)
    lab.behave("1002", reject=486)
    first.hang_up()
    await until_request(admin, state="waiting", tries=1)
    assert len(lab.seen("1002", "INVITE")) == 1
    due_now(watching)
    await until_request(admin)
    assert len(lab.seen("1002", "INVITE")) == 2
    assert lab.rang() == ["1001", "1001", "1002", "1001", "1002"]


async def test_a_closed_group_calls_nobody_back_until_it_is_open(lab, admin, watching, pbx):
    first = await requested_while_busy(lab, admin, pbx)
    admin("group", "closed", "5000")
    await until_request(admin, state="waiting", tries=0)
    await until_waiting(admin, 0)
    first.hang_up()
    await asyncio.sleep(2)
    assert lab.rang() == ["1001"]
    lab.behave("1001", answer_after=0.2)
    lab.behave("1002", answer_after=0.2)
    admin("group", "closed", "5000", "--off")
    await until_they_talk(lab)
    await end_talk(lab, admin)


async def test_who_may_not_be_called_back_hears_it_and_waits_on(lab, admin, watching, pbx):
    watching.restart(FSHUNT_CALLBACK_ALLOWED="+4930*")
    admin.group(*QUEUE, members=("1001",))
    first = await talking(lab)
    call = lab.caller("5000", name="stranger", number_shown="1003").dial()
    assert await call.result(10) == 200
    await until_waiting(admin, 1)
    await press_2(call)
    await asyncio.sleep(2)
    assert requests(admin) == []
    await until_waiting(admin, 1)
    lab.behave("1001", answer_after=0.2)
    first.hang_up()
    await lab.until(lambda: len(lab.seen("1001", "ANSWER")) == 2)
    call.hang_up()


async def test_a_number_that_is_allowed_is_called_by_the_dialplan(lab, admin, watching, pbx):
    watching.restart(FSHUNT_CALLBACK_ALLOWED="10*")
    admin.group(*QUEUE, members=("1001",))
    first = await talking(lab)
    call = lab.caller("5000", name="outside", number_shown="1003").dial()
    assert await call.result(10) == 200
    await until_waiting(admin, 1)
    await press_2(call)
    await call.until_end(15)
    await until_request(admin, number="1003", internal=False)
    lab.behave("1001", answer_after=0.2)
    lab.behave("1003", answer_after=0.2)
    first.hang_up()
    await lab.until_seen("1003", "ANSWER", seconds=20)
    await until_request(admin)
    lab.hang_up("1003")


async def test_a_request_that_is_removed_rings_nobody(lab, admin, watching, pbx):
    first = await requested_while_busy(lab, admin, pbx)
    (found,) = requests(admin)
    admin("callback", "remove", str(found["id"]))
    await until_waiting(admin, 0)
    first.hang_up()
    await asyncio.sleep(1)
    assert lab.rang() == ["1001"]


STEPS = {
    "in the queue": None,
    "while the member's phone rings": ("1001", "INVITE", 2),
    "while the caller's phone rings": ("1002", "INVITE", 1),
    "while they talk": ("1002", "ANSWER", 1),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("standby", [False, True], ids=["alone", "with another daemon"])
async def test_killed_at_each_step_the_caller_is_called_once(lab, admin, watching, pbx, second_daemon, step, standby):
    if standby:
        second_daemon.watch(pbx)
        second_daemon.start()
    first = await requested_while_busy(lab, admin, pbx)
    lab.behave("1001", answer_after=1.0)
    lab.behave("1002", answer_after=1.0)
    if (seen := STEPS[step]) is None:
        watching.kill()
        first.hang_up()
    else:
        first.hang_up()
        who, what, count = seen
        await lab.until_seen(who, what, count, seconds=20)
        watching.kill()
    watching.start()
    due = asyncio.get_running_loop().time() + 40
    while not lab.seen("1002", "ANSWER"):
        assert asyncio.get_running_loop().time() < due, "the caller was called back"
        due_now(watching)
        await asyncio.sleep(0.5)
    await asyncio.sleep(8)
    assert len(lab.seen("1002", "INVITE")) == 1, "and once"
    assert not lab.seen("1002", "BYE"), "they talk on"
    lab.hang_up("1002")
    await until_request(admin)
    assert len(lab.seen("1002", "INVITE")) == 1
