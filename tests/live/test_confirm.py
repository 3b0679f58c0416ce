"""External numbers, reached through a gateway, must confirm: a mobile's own voicemail never takes the call."""

import math
import re
import struct
import wave

import pytest

MOBILE = "+14155550123"
PROMPT = "ivr/ivr-accept_reject.wav"
WITHIN_SECONDS = 1.0
MANY_PACKETS = 75
"""A second and a half of sound: more than the tone has in two seconds."""


def write_sound(path, seconds=2.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        values = (int(9000 * math.sin(n * 0.5)) for n in range(int(8000 * seconds)))
        sound.writeframes(b"".join(struct.pack("<h", value) for value in values))


def said_to(call, member):
    """The last outcome of an offer to the member, and its detail."""
    offer = [offer for offer in call["offers"] if offer["extension"] == member][-1]
    return offer["outcome"], offer["detail"]


async def test_an_external_member_who_presses_1_gets_the_call(lab, admin):
    lab.behave(MOBILE, answer_after=0.3, digits="1", digits_after=1.0)
    admin.group(members=(f"{MOBILE}@carrier",))
    caller = lab.caller("5000").dial()
    answered = await lab.until_seen(MOBILE, "ANSWER")
    assert await caller.result(10) == 200
    assert lab.seen("caller", "HEARS 200")[0].at - answered.at >= 1.0, "not before the digit"
    caller.hang_up()
    await lab.until_seen(MOBILE, "BYE")
    call = await lab.until_closed(admin, "answered")
    assert call["answered_by"] == f"{MOBILE}@carrier"


async def test_a_mobiles_voicemail_that_picks_up_does_not_take_the_call(lab, admin):
    lab.behave(MOBILE, answer_after=0.3)
    lab.behave("1002", answer_after=0.3, hangup_after=0.3)
    admin.group("--ring-seconds", "3", members=(f"{MOBILE}@carrier", "1002"))
    admin.daemon.restart(FSHUNT_CONFIRM_TIMEOUT="2")
    caller = lab.caller("5000").dial()
    assert await caller.result(20) == 200
    await caller.until_end()
    assert lab.rang() == [MOBILE, "1002"]
    call = await lab.until_closed(admin, "answered")
    assert call["answered_by"] == "1002"


async def test_the_others_ring_on_while_one_is_asked_to_confirm(lab, admin):
    lab.behave(MOBILE, answer_after=0.2)
    lab.behave("1002", answer_after=1.5, hangup_after=0.3)
    admin.group("--policy", "simultaneous", members=(f"{MOBILE}@carrier", "1002"))
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end()
    call = await lab.until_closed(admin, "answered")
    assert call["answered_by"] == "1002"
    assert lab.seen(MOBILE, "BYE")


@pytest.mark.parametrize(
    ("by", "gateway"),
    [("rfc2833", ""), ("info", ""), ("inband", "carrier:inband_dtmf")],
    ids=["2833", "info", "in-band"],
)
async def test_the_key_may_come_in_each_way(lab, admin, pbx, by, gateway):
    before = len(pbx.log())
    lab.behave(MOBILE, answer_after=0.2, digits="12", digits_after=1.0, digits_by=by, hangup_after=0.1)
    admin.group("--ring-seconds", "5", members=(f"{MOBILE}@carrier",))
    admin.daemon.restart(FSHUNT_GATEWAY=gateway)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    pressed = lab.seen(MOBILE, "PRESSES 1")[0].at
    assert lab.seen("caller", "HEARS 200")[0].at - pressed < WITHIN_SECONDS
    await caller.until_end()
    await lab.until_closed(admin, "answered")
    tones = re.findall(r"DTMF DETECTED: \[(.)\]", pbx.log()[before:])
    assert set(tones) == ({"1"} if gateway else set()), "the switch listens no longer than for the key"


@pytest.mark.parametrize(
    ("key", "by", "gateway"), [("2", "rfc2833", ""), ("0", "info", ""), ("#", "inband", "carrier:inband_dtmf")]
)
async def test_any_other_key_refuses_at_once_and_the_member_is_not_rung_again(lab, admin, key, by, gateway):
    lab.behave(MOBILE, answer_after=0.2, digits=key, digits_after=0.7, digits_by=by)
    lab.behave("1002", reject=486)
    admin.group("--cycles", "2", "--voicemail", "1003", members=(f"{MOBILE}@carrier", "1002"))
    admin.daemon.restart(FSHUNT_GATEWAY=gateway)
    caller = lab.caller("5000").dial()
    ended = await lab.until_seen(MOBILE, "BYE")
    assert ended.at - lab.seen(MOBILE, f"PRESSES {key}")[0].at < WITHIN_SECONDS
    assert await caller.result(20) == 200
    caller.hang_up()
    call = await lab.until_closed(admin, "voicemail")
    assert lab.rang() == [MOBILE, "1002", "1002"]
    assert said_to(call, f"{MOBILE}@carrier") == ("confirm-refused", f"pressed {key}")


async def test_without_a_sound_file_a_tone_asks_for_the_key(lab, admin, pbx):
    assert not (pbx.folder / "sounds" / PROMPT).exists()
    lab.behave(MOBILE, answer_after=0.2, digits="1", digits_after=3.0)
    admin.group(members=(f"{MOBILE}@carrier",))
    caller = lab.caller("5000").dial()
    await lab.until(lambda: lab.loud > 10)
    assert await caller.result(10) == 200, "the prompt that is not there has not hung the member up"
    heard = lab.loud
    caller.hang_up()
    assert heard < MANY_PACKETS


async def test_a_sound_file_that_is_there_is_played(lab, admin, pbx):
    sound = pbx.folder / "sounds" / PROMPT
    write_sound(sound)
    try:
        lab.behave(MOBILE, answer_after=0.2, digits="1", digits_after=3.0)
        admin.group(members=(f"{MOBILE}@carrier",))
        caller = lab.caller("5000").dial()
        assert await caller.result(10) == 200
        assert lab.loud > MANY_PACKETS
        caller.hang_up()
    finally:
        sound.unlink()


@pytest.mark.parametrize("prompt", ["/nowhere/prompt.wav", "local_stream://nowhere"])
async def test_a_prompt_that_cannot_be_played_hangs_nobody_up(lab, admin, prompt):
    lab.behave(MOBILE, answer_after=0.2, digits="1", digits_after=2.0)
    admin.group(members=(f"{MOBILE}@carrier",))
    admin.daemon.restart(FSHUNT_CONFIRM_PROMPT=prompt)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    assert lab.loud
    caller.hang_up()
    await lab.until_closed(admin, "answered")


async def test_a_key_at_one_phone_refuses_for_all_phones_of_the_member(lab, admin):
    await lab.register("1001/soft")
    lab.behave("1001", answer_after=0.2, digits="3", digits_after=0.7)
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    admin.group(members=())
    admin("member", "add", "5000", "1001", "--confirm")
    admin("member", "add", "5000", "1002")
    caller = lab.caller("5000").dial()
    stopped = await lab.until_seen("1001/soft", "CANCEL")
    assert stopped.at - lab.seen("1001", "PRESSES 3")[0].at < WITHIN_SECONDS
    assert "Call completed elsewhere" in stopped.detail["reason"], "no missed call"
    assert await caller.result(10) == 200
    await caller.until_end()
    call = await lab.until_closed(admin, "answered")
    assert call["answered_by"] == "1002"
    assert said_to(call, "1001") == ("confirm-refused", "pressed 3")
