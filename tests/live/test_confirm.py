"""External numbers, reached through a gateway, must confirm: a mobile's own voicemail never takes the call."""

MOBILE = "+14155550123"


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
