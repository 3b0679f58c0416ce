"""What becomes of the caller when the daemon dies or stops, at each moment."""

import asyncio

from tests.live.machines import FALLBACK_BOX
from tests.live.test_destinations import leave_a_message


async def test_no_daemon_at_all_and_the_caller_hears_ringing_then_voicemail(lab, daemon, pbx):
    daemon.kill()
    before = len(pbx.messages(FALLBACK_BOX))
    caller = lab.caller("5000").dial()
    await leave_a_message(caller)
    assert caller.heard == [180, 200]
    await lab.until_stored(pbx, FALLBACK_BOX, before + 1)


async def test_killed_while_ringing_the_caller_goes_to_voicemail(lab, admin, daemon, pbx):
    admin.group(members=("1001",))
    before = len(pbx.messages(FALLBACK_BOX))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    daemon.kill()
    await leave_a_message(caller)
    await lab.until_stored(pbx, FALLBACK_BOX, before + 1)
    assert lab.seen("1001", "CANCEL")


async def test_killed_while_ringing_the_other_daemon_takes_the_caller_over(lab, admin, daemon, second_daemon):
    admin.group(members=("1001", "1002"))
    second_daemon.start()
    lab.behave("1002", answer_after=0.3, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    daemon.kill()
    lab.behave("1001", reject=486)
    assert await caller.result(10) == 200
    await caller.until_end()
    assert lab.rang() == ["1001", "1001", "1002"]


async def test_killed_during_a_call_the_call_continues_and_no_voicemail_follows(lab, admin, daemon, pbx):
    admin.group(members=("1001",))
    lab.behave("1001", answer_after=0.3)
    before = len(pbx.messages(FALLBACK_BOX))
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    daemon.kill()
    await caller.speak(2)
    assert not lab.seen("1001", "BYE"), "the call was cut"
    assert not caller.ended.is_set()
    lab.hang_up("1001")
    await caller.until_end(5)
    assert len(pbx.messages(FALLBACK_BOX)) == before


async def test_killed_during_a_call_that_an_attendant_answered_before(lab, admin, daemon):
    admin.group(members=("1001",))
    lab.behave("1001", answer_after=0.3)
    caller = lab.caller("85000").dial()
    await lab.until_seen("1001", "ANSWER")
    await caller.speak(0.3)
    daemon.kill()
    await caller.speak(1.5)
    assert not lab.seen("1001", "BYE"), "the call was cut"
    lab.hang_up("1001")
    await caller.until_end(5)
    assert lab.rang() == ["1001"]


async def test_killed_while_music_plays_the_caller_goes_to_voicemail(lab, admin, daemon, pbx):
    admin.group("--music", "tone_stream://%(500,500,440);loops=-1", members=("1001",))
    before = len(pbx.messages(FALLBACK_BOX))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    daemon.kill()
    await lab.until_seen("1001", "CANCEL")
    await leave_a_message(caller)
    await lab.until_stored(pbx, FALLBACK_BOX, before + 1)


async def test_killed_while_the_caller_speaks_to_voicemail_the_message_is_kept_and_the_call_ends_once(
    lab, admin, daemon, pbx
):
    admin.group("--ring-seconds", "1", "--voicemail", "1012", members=("1001",))
    before = len(pbx.messages(FALLBACK_BOX))
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.speak(1)
    daemon.kill()
    await caller.speak(2)
    assert not caller.ended.is_set(), "the message was cut"
    caller.hang_up()
    await lab.until_stored(pbx, "1012")
    assert len(pbx.messages(FALLBACK_BOX)) == before


async def test_a_graceful_stop_lets_the_hunt_finish_and_the_call_continue(lab, admin, daemon, pbx):
    admin.group(members=("1001", "1002"))
    lab.behave("1001", answer_after=0.2)
    talking = lab.caller("5000", name="talking").dial()
    assert await talking.result(10) == 200
    lab.behave("1002", answer_after=1.5)
    hunting = lab.caller("5000", name="hunting").dial()
    await lab.until_seen("1002", "INVITE")
    daemon.terminate()
    assert await hunting.result(10) == 200, "the hunt in progress was not finished"
    assert daemon.wait() == 0
    await talking.speak(0.5)
    assert not talking.ended.is_set()
    assert not hunting.ended.is_set()
    lab.hang_up("1001")
    lab.hang_up("1002")
    await talking.until_end(5)
    await hunting.until_end(5)


async def until_closed(admin):
    """The one call, as soon as its record is there and closed: the next start writes what is in the outbox file."""
    async with asyncio.timeout(10):
        while True:
            for call in await asyncio.to_thread(admin.calls):
                if call["result"]:
                    return call
            await asyncio.sleep(0.05)


async def test_after_a_crash_the_record_is_closed_honestly_at_the_next_start(lab, admin, daemon):
    admin.group(members=("1001",))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    daemon.kill()
    caller.cancel()
    daemon.start()
    call = await until_closed(admin)
    assert call["result"] == "failed"
    assert call["reason"]
    assert [offer["outcome"] for offer in call["offers"]] == ["switch-lost"]
