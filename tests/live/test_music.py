"""A group's sound file goes on where it was, from member to member and in the queue, and nobody hears it after that."""

from __future__ import annotations

import asyncio
import itertools
import signal

import pytest

from tests.live.machines import FALLBACK_BOX
from tests.live.sounds import MEMBER_HERTZ, member_heard, music_heard, write_rising_tone
from tests.live.test_callers_channel import until_queued
from tests.live.test_taken import channel_of

CALLERS = pytest.mark.parametrize("number", ["5000", "85000"], ids=["ringing", "answered by an attendant"])
GAPS_SECONDS = 0.3
"""How much later the music may be after several stages, by the pauses between them."""
ENDS_SECONDS = 0.3
"""How long after the answer the caller may hear a rest of it; FreeSWITCH alone ends it after 0.2 s."""
TALK_SECONDS = 1.0


@pytest.fixture
def rising(pbx):
    """The path of a sound file whose position can be heard."""
    return str(write_rising_tone(pbx.folder / "sounds" / "rising.wav"))


def assert_goes_on(caller):
    """The caller has heard the music from its beginning, without a step back or forward."""
    heard = music_heard(caller.heard_sound())
    (began, first), (last_heard, last) = heard[0], heard[-1]
    assert first < GAPS_SECONDS
    assert all(earlier <= later + 0.1 for (_, earlier), (_, later) in itertools.pairwise(heard))
    assert abs((last_heard - began) - (last - first)) < GAPS_SECONDS
    return last


def assert_is_over(caller, since):
    """The caller hears nothing of the music from this time on, but for a moment."""
    assert music_heard(caller.heard_sound(since + ENDS_SECONDS)) == []


async def talks(lab, caller, phone="1001", answers=1):
    """Wait until the phone is picked up, and have the caller hear the member and nothing else."""
    answered = await lab.until_seen(phone, "ANSWER", count=answers, seconds=20)
    await lab.speak(phone, MEMBER_HERTZ, TALK_SECONDS)
    assert_is_over(caller, answered.at)
    assert len(member_heard(caller.heard_sound(answered.at))) > 5
    caller.hang_up()


async def rings_with_music(lab, caller, phone="1001"):
    """Wait until the caller hears music while the phone rings, and return the time."""
    await lab.until_seen(phone, "INVITE")
    await lab.until(lambda: caller.media is not None and len(music_heard(caller.heard_sound())) > 5)
    return lab.now()


@CALLERS
async def test_it_goes_on_when_the_next_member_is_rung_and_ends_at_the_answer(lab, admin, rising, number):
    admin.group("--ring-seconds", "2", "--music", rising)
    lab.behave("1003", answer_after=1)
    caller = lab.caller(number).dial()
    await talks(lab, caller, "1003")
    assert assert_goes_on(caller) > 4.5


@pytest.mark.parametrize("options", [(), ("--answer-first",)], ids=["ringing", "answered first"])
async def test_it_goes_on_into_the_queue_and_out_of_it(lab, admin, daemon, rising, options):
    queue = ("--when-busy", "queue", "--hunt-timeout", "60", *options)
    admin.group("--ring-seconds", "2", "--music", rising, *queue, members=("1001", "1002"))
    lab.behave("1001", answer_after=0.1)
    first = lab.caller("5000", name="first").dial()
    assert await first.result(10) == 200
    lab.behave("1001", answer_after=1.0)
    second = lab.caller("5000", name="second").dial()
    await until_queued(lab, daemon)
    since = lab.now()
    await lab.until(lambda: lab.now() > since + 1.0)
    first.hang_up()
    await talks(lab, second, answers=2)
    assert assert_goes_on(second) > 4.0


@CALLERS
async def test_the_daemon_is_killed_and_nobody_hears_it_over_the_fallbacks_voicemail(
    lab, admin, daemon, pbx, rising, number
):
    admin.group("--ring-seconds", "20", "--music", rising, members=("1001",))
    stored = len(pbx.messages(FALLBACK_BOX))
    caller = lab.caller(number).dial()
    await rings_with_music(lab, caller)
    daemon.kill()
    cancelled = await lab.until_seen("1001", "CANCEL")
    await asyncio.sleep(1.0)
    await caller.speak(3)
    caller.hang_up()
    assert_is_over(caller, cancelled.at)
    await lab.until_stored(pbx, FALLBACK_BOX, stored + 1)


async def test_the_daemon_is_killed_and_the_other_one_plays_it_anew(lab, admin, daemon, second_daemon, rising):
    admin.group("--ring-seconds", "20", "--music", rising, members=("1001",))
    second_daemon.start()
    caller = lab.caller("85000").dial()
    await rings_with_music(lab, caller)
    lab.behave("1001", answer_after=2)
    daemon.kill()
    killed = await lab.until_seen("1001", "CANCEL")
    await talks(lab, caller)
    assert min(position for at, position in music_heard(caller.heard_sound(killed.at))) < GAPS_SECONDS


@pytest.mark.parametrize("picked_up", [True, False], ids=["picked up", "left ringing"])
async def test_a_daemon_that_stops_leaves_phones_ringing_with_music(lab, admin, daemon, pbx, rising, picked_up):
    daemon.restart(FSHUNT_STOP_TIMEOUT="0")
    admin.group("--ring-seconds", "4", "--music", rising, members=("1001",))
    stored = len(pbx.messages(FALLBACK_BOX))
    if picked_up:
        lab.behave("1001", answer_after=3.5)
    caller = lab.caller("85000").dial()
    await rings_with_music(lab, caller)
    daemon.terminate()
    assert await asyncio.to_thread(daemon.wait) == 0
    if picked_up:
        await talks(lab, caller)
        return
    cancelled = await lab.until_seen("1001", "CANCEL", seconds=20)
    await asyncio.sleep(1.0)
    await caller.speak(3)
    caller.hang_up()
    assert_is_over(caller, cancelled.at)
    await lab.until_stored(pbx, FALLBACK_BOX, stored + 1)


@CALLERS
@pytest.mark.parametrize("how", ["transferred", "picked up"])
async def test_a_caller_who_is_taken_while_the_daemon_is_frozen_does_not_hear_it(
    lab, admin, daemon, pbx, rising, number, how
):
    admin.group("--ring-seconds", "20", "--music", rising, members=("1001",))
    caller = lab.caller(number).dial()
    await rings_with_music(lab, caller)
    channel = await channel_of(lab, pbx, "5000")
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        taken = lab.now()
        if how == "transferred":
            pbx.api(f"uuid_transfer {channel} 70")
            await caller.result(5)
        else:
            picker = lab.caller(f"pick-{channel}", number_shown="1003", name="picker").dial()
            assert await picker.result(5) == 200
            taken = lab.now()
        await asyncio.sleep(1.0)
        assert_is_over(caller, taken)
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    caller.hang_up()


@CALLERS
async def test_nobody_hears_it_over_the_groups_voicemail(lab, admin, pbx, rising, number):
    admin.group("--ring-seconds", "2", "--music", rising, "--voicemail", "1013", members=("1001",))
    caller = lab.caller(number).dial()
    cancelled = await lab.until_seen("1001", "CANCEL")
    await asyncio.sleep(1.0)
    await caller.speak(3)
    caller.hang_up()
    assert_is_over(caller, cancelled.at)
    await lab.until_stored(pbx, "1013")


async def test_nobody_hears_it_where_the_caller_is_transferred_to(lab, admin, rising):
    admin.group("--ring-seconds", "2", "--music", rising, "--on-no-answer", "transfer:1003", members=("1001",))
    lab.behave("1003", answer_after=1)
    caller = lab.caller("85000").dial()
    await talks(lab, caller, "1003")
    assert_is_over(caller, lab.seen("1003", "INVITE")[0].at)


async def test_who_is_put_in_the_callers_place_hears_it_from_the_beginning(lab, admin, rising):
    admin.group("--ring-seconds", "20", "--music", rising, members=("1001",))
    lab.behave("1002", answer_after=0.1)
    other = lab.caller("1002", name="other").dial()
    assert await other.result(10) == 200
    operator = lab.caller("5000", name="operator", number_shown="1002").dial()
    await rings_with_music(lab, operator)
    lab.behave("1001", answer_after=1.5)
    lab.refer("1002", "5000", operator)
    await lab.until_seen("1001", "INVITE", count=2)
    await talks(lab, other)
    assert assert_goes_on(other) > 1.0


async def test_a_dialplan_that_does_not_end_it_has_it_begin_again_with_each_member(lab, admin, pbx, rising):
    admin.group("--ring-seconds", "2", "--music", rising, members=("1001", "1002"))
    pbx.load_dialplan(pbx.shipped_dialplan().replace("fshunt_gate_", "own_gate_"))
    try:
        lab.behave("1002", answer_after=1)
        caller = lab.caller("5000").dial()
        await talks(lab, caller, "1002")
    finally:
        pbx.load_dialplan(pbx.shipped_dialplan())
    second = lab.seen("1002", "INVITE")[0].at
    assert min(position for at, position in music_heard(caller.heard_sound(second))) < GAPS_SECONDS


async def test_a_file_that_is_not_there_changes_nothing_else(lab, admin, rising):
    admin.group("--ring-seconds", "2", "--music", f"{rising}.gone.wav", members=("1001", "1002"))
    lab.behave("1002", answer_after=1)
    caller = lab.caller("5000").dial()
    await talks(lab, caller, "1002")
    assert lab.rang() == ["1001", "1002"]


@pytest.mark.parametrize("how", ["bypass_media_after_bridge", "uuid_media", "proxy_media"])
async def test_it_stays_away_where_the_media_goes_past_the_switch_for_a_while(lab, admin, pbx, before, rising, how):
    if how != "uuid_media":
        before(("set", f"{how}=true"))
    admin.group("--ring-seconds", "2", "--music", rising, members=("1001", "1002"))
    lab.behave("1002", answer_after=1)
    caller = lab.caller("5000").dial()
    assert await caller.result(20) == 200
    answered, channel = lab.now(), await channel_of(lab, pbx, "5000")
    if how != "proxy_media":
        await asyncio.to_thread(pbx.api, f"uuid_media off {channel}")
        await asyncio.to_thread(pbx.api, f"uuid_media {channel}")
    await asyncio.sleep(1.0)
    assert not caller.ended.is_set()
    assert_is_over(caller, answered)
    caller.hang_up()
