"""Ring times, all phones of a member, and what the caller hears meanwhile."""

import pytest

TOLERANCE_SECONDS = 0.25


async def test_each_member_rings_for_the_configured_time(lab, admin):
    admin.group("--ring-seconds", "2", members=("1001", "1002"))
    admin("member", "set", "5000", "1002", "--ring-seconds", "3.5")
    caller = lab.caller("5000").dial()
    await lab.until_seen("1002", "CANCEL", seconds=15)
    assert lab.ringing_seconds("1001") == pytest.approx(2, abs=TOLERANCE_SECONDS)
    assert lab.ringing_seconds("1002") == pytest.approx(3.5, abs=TOLERANCE_SECONDS)
    assert await caller.result(5) == 200  # voicemail


async def test_one_ring_is_six_seconds(lab, admin):
    admin.group("--rings", "1", members=("1001",))
    lab.caller("5000").dial()
    await lab.until_seen("1001", "CANCEL", seconds=15)
    assert lab.ringing_seconds("1001") == pytest.approx(6, abs=TOLERANCE_SECONDS)


@pytest.mark.parametrize("policy", ["regular", "simultaneous"])
async def test_both_phones_of_a_member_ring_and_the_one_that_is_picked_up_has_the_call(lab, admin, policy):
    admin.group("--policy", policy, members=("1001", "1002"))
    await lab.register("1001/soft")
    lab.behave("1001/soft", answer_after=0.5, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end()
    assert lab.seen("1001", "INVITE")
    assert lab.seen("1001/soft", "INVITE")
    (cancelled,) = lab.seen("1001", "CANCEL")
    assert "Call completed elsewhere" in cancelled.detail["reason"]
    (call,) = admin.calls()
    assert (call["result"], call["answered_by"]) == ("answered", "1001")


async def test_a_phone_that_refuses_does_not_stop_the_other_phone_of_the_member(lab, admin):
    admin.group(members=("1001",))
    await lab.register("1001/soft")
    lab.behave("1001", reject=486, reject_after=0.2)
    lab.behave("1001/soft", answer_after=1.0, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end()
    (call,) = admin.calls()
    assert call["answered_by"] == "1001"


@pytest.mark.parametrize("policy", ["regular", "simultaneous"])
@pytest.mark.parametrize("says", [(180, 180), (183, 183), (None, None), (183, 180)], ids=str)
async def test_the_caller_hears_ringing_from_the_first_moment_whatever_the_phones_send(lab, admin, policy, says):
    admin.group("--policy", policy, "--ring-seconds", "1", members=("1001", "1002"))
    lab.behave("1001", rings=says[0])
    lab.behave("1002", rings=says[1], answer_after=0.6, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end()
    assert caller.heard == [180, 200], "ringing by 180, and no sound of a phone's own before the answer"
    first_heard, first_rung = lab.seen("caller", "HEARS 180")[0].at, lab.seen(what="INVITE")[0].at
    assert first_heard <= first_rung


async def test_music_plays_from_before_the_first_ring_to_the_answer(lab, admin):
    admin.group("--music", "tone_stream://%(500,500,440);loops=-1", "--ring-seconds", "1", members=("1001", "1002"))
    lab.behave("1001", rings=None)
    lab.behave("1002", rings=None, answer_after=0.6, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    rung = await lab.until_seen("1001", "INVITE")
    sound = await lab.until_seen("caller", "HEARS 183", seconds=3)
    assert sound.at - rung.at < TOLERANCE_SECONDS
    assert await caller.result(10) == 200
    await caller.until_end()
    assert caller.heard == [180, 183, 200]
    (call,) = admin.calls()
    assert call["answered_by"] == "1002"
