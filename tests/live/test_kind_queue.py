"""What a queue does for callers who wait, on a real switch: they hear it, and their keys count."""

from __future__ import annotations

import asyncio

import pytest

from tests.live.sounds import music_heard, tones_heard, write_rising_tone, write_steady_tone
from tests.live.test_waiting import talking, until_waiting

QUEUE = ("--when-busy", "queue", "--hunt-timeout", "60", "--answer-first")
TONES = {"position": 200.0, "1": 400.0, "2": 440.0, "wait": 900.0, "minute": 180.0, "keys": 700.0}
"""The sound files, told apart by their pitch. Two in a row differ so much that what is between them is no tone."""
FILES = {
    "position": "ivr/ivr-you_are_number.wav",
    "1": "digits/1.wav",
    "2": "digits/2.wav",
    "wait": "ivr/ivr-estimated_hold_time.wav",
    "minute": "time/minute.wav",
    "keys": "queue/keys.wav",
}


@pytest.fixture
def prompts(pbx):
    """FreeSWITCH's sound files, as tones, until the end of the test."""
    made = [write_steady_tone(pbx.folder / "sounds" / file, TONES[name]) for name, file in FILES.items()]
    yield
    for each in made:
        each.unlink()


def told(caller):
    return tones_heard(caller.heard_sound(), TONES)


async def until_told(lab, caller, *names):
    await lab.until(lambda: told(caller)[-len(names) :] == list(names), 15)


async def answers_short_calls(lab, daemon, count):
    """Give the group a history."""
    for number in range(1, count + 1):
        short = await talking(lab, name="short")
        short.hang_up()
        await lab.until(lambda number=number: daemon.log().count("ended: answered") == number, 10)


async def queued(lab, admin, name, count):
    caller = lab.caller("5000", name=name).dial()
    assert await caller.result(10) == 200
    await until_waiting(admin, count)
    return caller


async def test_a_queued_caller_hears_the_position_the_wait_and_then_the_music_again(lab, admin, daemon, pbx, prompts):
    music = str(write_rising_tone(pbx.folder / "sounds" / "rising.wav"))
    admin.group(*QUEUE, "--announce-every", "10", "--music", music, members=("1001",))
    await answers_short_calls(lab, daemon, 5)
    first = await talking(lab)
    second = await queued(lab, admin, "second", 1)
    await until_told(lab, second, "position", "1", "wait", "1", "minute")
    third = await queued(lab, admin, "third", 2)
    await until_told(lab, third, "position", "2", "wait", "1", "minute")
    since = lab.now()
    await lab.until(lambda: music_heard(third.heard_sound(since)), 5)
    second.hang_up()
    await until_waiting(admin, 1)
    await until_told(lab, third, "position", "1", "wait", "1", "minute")
    first.hang_up()
    await lab.until_seen("1001", "INVITE", 7)
    third.hang_up()


async def test_without_the_files_callers_wait_as_before(lab, admin):
    admin.group(*QUEUE, "--announce-every", "10", members=("1001",))
    first = await talking(lab)
    second = await queued(lab, admin, "second", 1)
    before = len(lab.seen("1001", "INVITE"))
    await lab.until_sound()
    first.hang_up()
    await lab.until(lambda: len(lab.seen("1001", "INVITE")) > before)
    second.hang_up()
    assert told(second) == []


async def test_the_key_1_leads_to_voicemail(lab, admin, pbx, daemon, prompts):
    daemon.restart(FSHUNT_KEYS_PROMPT="queue/keys.wav")
    admin.group(*QUEUE, "--voicemail-key", "--voicemail", "1009", members=("1001",))
    stored = len(pbx.messages("1009"))
    first = await talking(lab)
    second = await queued(lab, admin, "second", 1)
    await until_told(lab, second, "keys")
    await second.press("7")
    await asyncio.sleep(0.5)
    await until_waiting(admin, 1)
    await second.press("1")
    await until_waiting(admin, 0)
    await second.speak(5)
    second.hang_up()
    await lab.until_stored(pbx, "1009", stored + 1)
    call = next(each for each in admin.calls() if each["result"] == "voicemail")
    assert (call["destination"], call["reason"]) == ("voicemail:1009", "left the queue by key")
    first.hang_up()


async def test_who_finds_the_queue_full_is_not_answered(lab, admin):
    admin.group(*QUEUE, "--queue-limit", "1", "--on-busy", "hangup:USER_BUSY", members=("1001",))
    first = await talking(lab)
    second = await queued(lab, admin, "second", 1)
    third = lab.caller("5000", name="third").dial()
    assert await third.result(10) == 486
    for caller in (first, second):
        caller.hang_up()
