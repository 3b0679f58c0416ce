"""The shipped attendant: an answered caller, who chooses a group by a key, is hunted for as any other."""

from __future__ import annotations

import asyncio

import pytest

from tests.live.machines import FALLBACK_BOX
from tests.live.sounds import music_heard, write_rising_tone
from tests.live.test_music import until_queued
from tests.live.test_waiting import talking

ATTENDANT = "4900"


@pytest.fixture
def two_groups(admin):
    admin.group(members=("1001",))
    admin("group", "add", "5001", "--policy", "regular", "--voicemail", "1009")
    admin("member", "add", "5001", "1002")
    return admin


async def chooses(lab, key, name="caller"):
    """Call the attendant and press a key, while the greeting is heard."""
    caller = lab.caller(ATTENDANT, name=name).dial()
    assert await caller.result(10) == 200
    await lab.until_sound()
    await caller.press(key)
    return caller


@pytest.mark.parametrize(("key", "member"), [("1", "1001"), ("2", "1002"), ("0", "1001")])
async def test_a_key_leads_to_its_group_and_the_call_ends_with_the_talk(lab, two_groups, key, member):
    lab.behave(member, answer_after=0.5, hangup_after=1.0)
    caller = await chooses(lab, key)
    await lab.until_seen(member, "ANSWER")
    await asyncio.wait_for(caller.ended.wait(), 10)
    await asyncio.sleep(1)
    assert len(lab.seen("1001", "INVITE") + lab.seen("1002", "INVITE")) == 1
    (call,) = two_groups.calls()
    assert (call["result"], call["answered_by"]) == ("answered", member)


async def test_the_music_is_heard_and_ends_at_the_answer(lab, admin, pbx):
    music = str(write_rising_tone(pbx.folder / "sounds" / "rising.wav"))
    admin.group("--music", music, members=("1001",))
    lab.behave("1001", answer_after=3.0)
    caller = await chooses(lab, "1")
    answered = await lab.until_seen("1001", "ANSWER")
    await asyncio.sleep(1.0)
    heard = [at for at, _ in music_heard(caller.heard_sound())]
    assert len([at for at in heard if at < answered.at]) > 10
    assert not [at for at in heard if at > answered.at + 0.5]
    caller.hang_up()


async def test_nobody_answers_and_the_caller_leaves_a_message(lab, admin, pbx):
    admin.group("--ring-seconds", "2", "--voicemail", "1009", members=("1001",))
    stored = len(pbx.messages("1009"))
    caller = await chooses(lab, "1")
    await lab.until_seen("1001", "CANCEL")
    await asyncio.sleep(1)
    await caller.speak(4)
    caller.hang_up()
    await lab.until_stored(pbx, "1009", stored + 1)
    (call,) = admin.calls()
    assert (call["result"], call["destination"]) == ("voicemail", "voicemail:1009")


async def test_a_wrong_key_asks_again_and_no_key_leads_to_the_last_group(lab, two_groups):
    lab.behave("1002", answer_after=0.2)
    caller = await chooses(lab, "7", name="wrong")
    await asyncio.sleep(2)
    await caller.press("2")
    await lab.until_seen("1002", "ANSWER")
    caller.hang_up()
    silent = lab.caller(ATTENDANT, name="silent").dial()
    assert await silent.result(10) == 200
    await lab.until(lambda: lab.seen("1001", "INVITE"), 30)
    silent.hang_up()


async def test_the_third_wrong_key_leads_to_the_last_group(lab, two_groups):
    caller = await chooses(lab, "7")
    for _ in range(2):
        heard = len(caller.heard_sound())
        await lab.until(lambda heard=heard: len(caller.heard_sound()) > heard + 10)  # the low tone, and the greeting
        await caller.press("8")
    await lab.until_seen("1001", "INVITE", seconds=20)
    caller.hang_up()


async def test_the_daemon_is_gone_and_the_caller_gets_the_box_of_the_dialplan(lab, admin, daemon, pbx):
    admin.group(members=("1001",))
    stored = len(pbx.messages(FALLBACK_BOX))
    daemon.stop()
    caller = await chooses(lab, "1")
    await asyncio.sleep(1)
    await caller.speak(4)
    caller.hang_up()
    await lab.until_stored(pbx, FALLBACK_BOX, stored + 1)


async def test_a_key_that_was_pressed_twice_is_not_taken_for_one_of_the_queue(lab, admin, daemon):
    admin.group("--when-busy", "queue", "--hunt-timeout", "60", "--voicemail-key", members=("1001",))
    first = await talking(lab)
    caller = await chooses(lab, "1", name="second")
    await caller.press("1")
    await until_queued(lab, daemon)
    since = lab.now()
    await lab.until(lambda: lab.now() > since + 1.0)
    assert "by key" not in daemon.log()
    await caller.press("1")
    await lab.until(lambda: "left the queue by key" in daemon.log(), 10)
    for each in (caller, first):
        each.hang_up()
