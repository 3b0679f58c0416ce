"""Keys of phones that watch a pilot, or whether an extension is blocked, are told by NOTIFY what to show."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.live.logins import PhoneCall

OFF, BLINKS, ON = "terminated", "early", "confirmed"
OTHER = "other.test"


async def test_a_pilots_lamp_shows_free_ringing_and_free_again(lab, admin, watching):
    admin.group(members=("1001", "1002"))
    lamp = await lab.watch("5000")
    await lamp.shows(OFF)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    await lamp.shows(BLINKS)
    lab.behave("1001", answer_after=0.1)
    caller.hang_up()
    await lamp.shows(OFF)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await lamp.shows(OFF)  # 1002 is free
    assert BLINKS in [told.state for told in lamp.told[-3:]]
    caller.hang_up()


async def test_a_pilots_lamp_is_on_while_no_member_could_be_rung(lab, admin, watching):
    admin.group(members=("1001", "1002"))
    lamp = await lab.watch("5000")
    note = await lab.watch("5000", event="presence")
    await note.shows("Available")
    admin("member", "block", "1001")
    await lab.unregister("1002")
    await lamp.shows(ON)
    await note.shows("Nobody available")
    admin("member", "unblock", "1001")
    await lamp.shows(OFF)
    lab.behave("1001", answer_after=0.1)
    direct = lab.caller("1001").dial()
    assert await direct.result(10) == 200
    await lamp.shows(ON)
    direct.hang_up()
    await lamp.shows(OFF)
    await note.shows("Available")


async def test_a_pilots_lamp_is_on_while_the_group_is_closed_or_disabled(lab, admin, watching):
    admin.group(members=("1001",))
    lamp, note = await lab.watch("5000"), await lab.watch("5000", event="presence")
    await note.shows("Available")
    admin("group", "closed", "5000")
    await lamp.shows(ON)
    await note.shows("Closed")
    admin("group", "closed", "5000", "--off")
    await lamp.shows(OFF)
    admin("group", "disable", "5000")
    await lamp.shows(ON)
    await note.shows("Nobody available")


async def test_the_lamp_of_a_block_follows_it(lab, admin, watching):
    admin.group(members=("1001", "1002"))
    lamp, note = await lab.watch("block+1001"), await lab.watch("block+1001", event="presence")
    in_group = await lab.watch("block+1001+5000")
    of_other = await lab.watch("block+1002")
    for each in (lamp, in_group, of_other):
        await each.shows(OFF)
    admin("member", "block", "1001")
    await lamp.shows(ON, 1.5)
    await in_group.shows(ON)
    await note.shows("Blocked")
    admin("member", "unblock", "1001")
    await lamp.shows(OFF, 1.5)
    await in_group.shows(OFF)
    await note.shows("Available")
    assert {told.state for told in of_other.told} == {OFF}


async def test_a_block_in_one_group_alone(lab, admin, watching):
    watching.restart(FSHUNT_SHARED_MEMBERS="pbx.test")
    admin.group(members=("1001",))
    admin("group", "add", "5001")
    admin("member", "add", "5001", "1001")
    everywhere, here, there = [await lab.watch(f"block+1001{each}") for each in ("", "+5000", "+5001")]
    for lamp in (everywhere, here, there):
        await lamp.shows(OFF)
    admin("member", "block", "1001", "--group", "5000")
    await here.shows(ON)
    assert (everywhere.state, there.state) == (OFF, OFF)
    admin("member", "block", "1001", "--group", "5001")
    for lamp in (everywhere, here, there):
        await lamp.shows(ON)


async def test_dialling_what_a_key_watches_toggles_its_lamp(lab, admin, watching, pbx):
    admin.group(members=("1001", "1002"))
    everywhere, here = await lab.watch("block+1001"), await lab.watch("block+1001+5000")

    async def dial(number, user="1001"):
        call = PhoneCall(lab, number, user, pbx.secure).dial()
        assert await call.result(10) == 200
        await call.until_end(10)

    for number in ("block+1001", "block+1001+5000"):
        for state in (ON, OFF):
            await dial(number)
            await everywhere.shows(state)
            await here.shows(state)
    told = len(everywhere.told)
    await dial("block+1001", "1002")  # who may not is refused
    await everywhere.subscribe()
    await lab.until(lambda: len(everywhere.told) > told)
    assert everywhere.state == OFF


async def test_a_lamp_of_a_block_says_nothing_of_calls(lab, admin, watching):
    admin.group(members=("1001", "1002"))
    lamp, note = await lab.watch("block+1001"), await lab.watch("block+1001", event="presence")
    await lamp.shows(OFF)
    call = lab.caller("1002", number_shown="1001").dial()  # early, and answered
    await lab.until_seen("1002", "INVITE")
    for blocked in (True, False):
        admin("member", "block" if blocked else "unblock", "1001")
        await note.shows("Blocked" if blocked else "Available")
        if not blocked:
            await lamp.shows(OFF)
    admin("member", "block", "1001")
    await note.shows("Blocked")
    call.cancel()
    await lamp.shows(ON)
    lab.behave("1002", answer_after=0.1)
    call = lab.caller("1002", number_shown="1001").dial()
    assert await call.result(10) == 200
    admin("member", "unblock", "1001")
    await lamp.shows(OFF)
    await note.shows("Available")
    assert "on-the-phone" not in note.told[-1].body
    told = len(lamp.told)
    await lamp.subscribe()
    await lab.until(lambda: len(lamp.told) > told)
    assert lamp.state == OFF
    call.hang_up()


async def test_a_code_that_closes_the_group_lights_its_pilot(lab, admin, watching, pbx):
    admin.group(members=("1001",))
    lamp = await lab.watch("5000")
    admin("user", "add", "ben", "--role", "admin", "--extension", "1002@pbx.test", "--no-password")
    admin("user", "grant", "ben", "5000")
    for code, state in (("*48", ON), ("*49", OFF)):
        call = PhoneCall(lab, f"{code}5000", "1002", pbx.secure).dial()
        assert await call.result(10) == 200
        await lamp.shows(state)
        await call.until_end(10)


async def test_several_callers_ring_and_the_lamp_blinks_until_the_last_one_is_answered(lab, admin, watching):
    admin.group("--policy", "circular", members=("1001", "1002", "1003"))
    lamp = await lab.watch("5000")
    await lamp.shows(OFF)
    callers = [lab.caller("5000", name=f"caller {number}").dial() for number in range(3)]
    await lab.until(lambda: set(lab.rang()) == {"1001", "1002", "1003"})
    await lamp.shows(BLINKS)
    told = len(lamp.told)
    for phone in ("1001", "1002", "1003"):
        lab.pick_up(phone)
        await lab.until_seen(phone, "ANSWER")
    await lamp.shows(ON)
    assert [each.state for each in lamp.told[told:]] == [ON], "it does not stop to blink before"
    for caller in callers:
        caller.hang_up()
    await lamp.shows(OFF)


async def test_the_last_free_member_blocks_themselves_by_a_code_or_makes_a_call(lab, admin, watching, pbx):
    admin.group(members=("1001", "1002"))
    admin("member", "block", "1002")
    lamp = await lab.watch("5000")
    await lamp.shows(OFF)
    for code, state in (("*13", ON), ("*14", OFF)):
        call = PhoneCall(lab, code, "1001", pbx.secure).dial()
        await call.until_end(10)
        await lamp.shows(state, 1.5)
    lab.behave("1003", answer_after=0.1)
    call = PhoneCall(lab, "1003", "1001", pbx.secure).dial()
    await lamp.shows(ON)
    call.leave()
    await lamp.shows(OFF)


async def test_a_key_that_is_there_before_the_group_and_after_it(lab, admin, watching):
    lamp, later, in_group = [await lab.watch(each) for each in ("5005", "5006", "block+1001+5005")]
    admin("group", "add", "5005")
    admin("member", "add", "5005", "1001")
    admin("group", "closed", "5005")
    await lamp.shows(ON)
    admin("member", "block", "1001")
    await in_group.shows(ON)
    admin("group", "renumber", "5005", "5006")
    await later.shows(ON)
    await lamp.shows(OFF)
    await in_group.shows(OFF)
    admin("group", "remove", "5006", "--yes")
    await later.shows(OFF)


async def test_a_domain_gets_another_name(lab, admin, watching):
    admin.group(members=("1001",))
    admin("group", "closed", "5000")
    admin("member", "block", "1001")
    addresses = ("5000", "block+1001", "block+1001+5000")
    before = [await lab.watch(each) for each in addresses]
    after = [await lab.watch(each, domain=OTHER) for each in addresses]
    for lamp in before:
        await lamp.shows(ON)
    assert ON not in {lamp.state for lamp in after}
    admin("domain", "rename", "pbx.test", OTHER, "--yes")
    for lamp in after:
        await lamp.shows(ON)
    for lamp in before[:2]:  # the address of the third has no domain
        await lamp.shows(OFF)


async def test_the_body_of_a_notify(lab, admin, watching):
    admin.group(members=("1001",))
    lamp = await lab.watch("5000")
    await lamp.shows(OFF)
    lab.caller("5000").dial()
    await lamp.shows(BLINKS)
    body = lamp.told[-1].body
    assert 'state="full" entity="sip:5000@pbx.test"' in body
    assert re.search(r'<dialog id="fshunt:5000@pbx\.test" direction="recipient">\s*<state>early</state>', body)
    versions = [told.version for told in lamp.told]
    assert versions == sorted(set(versions)), "each NOTIFY has a greater version than the one before"


async def test_a_subscription_that_comes_later_or_is_renewed_is_told_at_once(lab, admin, watching):
    admin.group(members=("1001", "1002"))
    admin("member", "block", "1001")
    admin("group", "closed", "5000")
    lamps = [await lab.watch(each, by="1002") for each in ("5000", "block+1001", "block+1001+5000")]
    for lamp in lamps:
        await lamp.shows(ON, 1.0)
    for lamp in lamps:
        before = len(lamp.told)
        await lamp.subscribe()
        await lab.until(lambda lamp=lamp, before=before: len(lamp.told) > before)
        await lamp.shows(ON, 1.0)


async def test_a_phone_that_watches_presence_does_not_darken_the_lamps_of_others(lab, admin, watching):
    admin.group(members=("1001",))
    admin("group", "closed", "5000")
    lamp = await lab.watch("5000")
    await lamp.shows(ON)
    before = len(lamp.told)
    note = await lab.watch("5000", event="presence", by="1002")
    await note.shows("Closed")
    await lab.until(lambda: len(lamp.told) > before + 1)
    await lamp.shows(ON, 1.0)


async def test_after_a_restart_of_freeswitch_the_lamps_are_told_anew(lab, admin, watching, pbx):
    admin.group(members=("1001",))
    admin("member", "block", "1001")
    lamps = [await lab.watch(each, by="1002") for each in ("5000", "block+1001", "block+1001+5000")]
    for lamp in lamps:
        await lamp.shows(ON)
    pbx.stop()
    admin("member", "unblock", "1001")
    await asyncio.to_thread(pbx.start)
    await lab.register("1001")
    for lamp in lamps:
        await lamp.shows(OFF, 20)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_after_a_restart_of_the_daemon_the_lamps_are_as_the_groups_are(lab, admin, watching, how):
    admin.group(members=("1001",))
    lamp, block = await lab.watch("5000"), await lab.watch("block+1001")
    await block.shows(OFF)
    getattr(watching, how)()
    admin("member", "block", "1001")
    in_group = await lab.watch("block+1001+5000")  # nobody hears of this one
    assert lamp.state == block.state == OFF
    await asyncio.to_thread(watching.start)
    for each in (lamp, block, in_group):
        await each.shows(ON)


async def test_of_two_daemons_the_other_one_tells_when_one_is_killed(lab, admin, watching, second_daemon, pbx):
    admin.group(members=("1001",))
    second_daemon.watch(pbx)
    await asyncio.to_thread(second_daemon.start)
    lamp = await lab.watch("block+1001")
    await lamp.shows(OFF)
    admin("member", "block", "1001")
    await lamp.shows(ON)
    watching.kill()
    admin("member", "unblock", "1001")
    await lamp.shows(OFF, 15)
    admin("member", "block", "1001")
    await lamp.shows(ON)


async def test_a_lamp_of_another_domain_is_not_shown(lab, admin, watching, pbx):
    admin.group(members=("1001",))
    admin("--domain", OTHER, "group", "add", "5000")
    admin("--domain", OTHER, "member", "add", "5000", "1001")
    ours = [await lab.watch(each) for each in ("5000", "block+1001", "block+1001+5000")]
    theirs = [await lab.watch(each, domain=OTHER) for each in ("block+1001", "block+1001+5000")]
    for lamp in (*ours, *theirs):
        await lamp.shows(OFF)
    admin("--domain", OTHER, "member", "block", "1001")
    for lamp in theirs:
        await lamp.shows(ON)
    assert {told.state for lamp in ours for told in lamp.told} == {OFF}
    admin("member", "block", "1001")
    for lamp in ours:
        await lamp.shows(ON)


async def test_nobody_is_told_of_a_number_that_is_no_lamp(lab, admin, watching):
    admin.group(members=("1001",))
    strange = [await lab.watch(each) for each in ("block+1009", "block+1001+5009", "block+", "block+1001+5000+1")]
    lamp, encoded = await lab.watch("block+1001"), await lab.watch("block%2B1001")
    await lamp.shows(OFF)
    await encoded.shows(OFF)
    assert not any(each.told for each in strange)
