"""What else there is on a caller's channel: variables of the dialplan, keys, and what the caller is shown."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator

import pytest

from tests.live.machines import FALLBACK_BOX, Daemon, Pbx
from tests.live.sip_callers import SHOWS_UPDATES
from tests.live.sip_phones import Lab
from tests.live.sipmessage import token

EARLY_SECONDS, LATE_SECONDS = 0.1, 0.9
"""How much earlier or later a phone may stop ringing; a machine with much to do is late."""


async def until_queued(lab: Lab, daemon: Daemon, times: int = 1) -> None:
    """Wait until the daemons have queued so many callers; read from their log, since a command takes longer."""
    await lab.until(lambda: daemon.log().count("callers in the queue") == times)


def rang_for(lab: Lab, phone: str, seconds: float) -> bool:
    return seconds - EARLY_SECONDS <= lab.ringing_seconds(phone) < seconds + LATE_SECONDS


HARMFUL = {
    "originate_timeout": "1",
    "call_timeout": "1",
    "progress_timeout": "1",
    "originate_delay_start": "2000",
    "originate_retries": "2",
    "originate_retry_sleep_ms": "2000",
    "originate_continue_on_timeout": "true",
    "leg_timeout": "1",
    "leg_progress_timeout": "1",
    "leg_delay_start": "2",
    "origination_cancel_key": "5",
    "group_confirm_key": "exec",
    "group_confirm_file": "hangup",
    "fail_on_single_reject": "true",
    "hangup_on_single_reject": "true",
    "failure_causes": "USER_BUSY",
    "continue_on_fail": "false",
    "transfer_on_fail": "1003",
    "ignore_early_media": "false",
    "monitor_early_media_fail": "user_busy:2:480+620",
    "return_ring_ready": "true",
    "campon": "true",
    "park_timeout": "1",
    "dialed_user": "1003",
    "presence_id": "1003@pbx.test",
    "sip_invite_req_uri": "sip:1003@127.0.0.1:9",
    "sip_route_uri": "sip:127.0.0.1:9",
    "sip_invite_call_id": "one-for-all",
    "execute_on_ring": "sleep 1000",
    "execute_on_originate": "hangup",
    "execute_on_pre_originate": "sleep 3000",
}


@pytest.mark.parametrize("how", ["set", "export", "export nolocal:"])
@pytest.mark.parametrize("together", [False, True], ids=["timers", "all"])
async def test_whatever_the_dialplan_has_set_order_and_ring_times_are_the_groups(lab, admin, before, how, together):
    application, _, nolocal = how.partition(" ")
    named = {name: value for name, value in HARMFUL.items() if together or "timeout" in name}
    before(*((application, f"{nolocal}{name}={value}") for name, value in named.items()))
    admin.group("--ring-seconds", "3", members=("1001", "1002"))
    lab.behave("1002", answer_after=2.5, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(15) == 200
    await caller.until_end()
    assert lab.rang() == ["1001", "1002"]
    assert rang_for(lab, "1001", 3)
    (call,) = admin.calls()
    assert [offer["outcome"] for offer in call["offers"]] == ["no-answer", "answered"]


@pytest.mark.parametrize(
    "name",
    [
        *("continue_on_fail", "fail_on_single_reject", "leg_timeout", "leg_delay_start", "park_timeout"),
        *("sip_invite_req_uri", "sip_route_uri", "sip_invite_call_id"),
    ],
)
async def test_each_variable_alone_changes_nothing(lab, admin, before, name):
    before(("set", f"{name}={HARMFUL[name]}"), ("export", f"nolocal:{name}={HARMFUL[name]}"))
    admin.group("--ring-seconds", "2", members=("1001", "1002"))
    lab.behave("1002", answer_after=0.3, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(15) == 200
    await caller.until_end()
    assert lab.rang() == ["1001", "1002"]
    assert rang_for(lab, "1001", 2)


async def test_what_is_the_administrators_reaches_the_phones(lab, admin, before):
    before(("export", "nolocal:sip_h_X-Account=42"), ("export", "nolocal:leg_timeout=1"))
    admin.group("--ring-seconds", "2", members=("1001",))
    lab.behave("1001", answer_after=1.5, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(15) == 200
    await caller.until_end()
    invite = next(iter(lab.legs.values())).invite
    assert invite.get("x-account") == "42"


SHOWN_SECONDS = 0.3
"""Within this time a name that is passed on has been passed on."""

PRIVATE = '"Jo Private" <sip:+491701234567@carrier.test>'


@pytest.mark.parametrize("number", ["5000", "85000"], ids=["ringing", "answered by an attendant"])
@pytest.mark.parametrize("header", ["P-Asserted-Identity", "Remote-Party-ID"])
async def test_the_caller_sees_the_pilot_and_never_the_members_own_number(lab, admin, number, header):
    admin.group("--name", "Sales Team", "--prefix", "Sales", members=("1001", "+4915155512@carrier"))
    lab.behave("1001", reject=486, headers={header: PRIVATE})
    lab.behave("+4915155512", answer_after=0.3, digits="1", headers={header: PRIVATE}, user_agent=SHOWS_UPDATES)
    caller = lab.caller(number).dial()
    assert await caller.result(15) == 200
    await lab.until_seen("+4915155512", "IS SHOWN")
    lab.update("+4915155512", {header: PRIVATE})
    await lab.until_seen("+4915155512", "UPDATED")
    await caller.updates({"P-Asserted-Identity": '"Somebody" <sip:+14155550100@trunk.test>'})
    await asyncio.sleep(SHOWN_SECONDS)
    lab.hang_up("+4915155512")
    await caller.until_end()
    told = [*caller.shown, *(seen.detail["identity"] for seen in lab.seen("caller", "IS SHOWN"))]
    assert not any("Jo" in each or "555" in each or "1701" in each or "1001" in each for each in told)
    if number == "5000":
        assert caller.shown[-1].startswith('"Sales Team" <sip:5000@')
    shown = [seen.detail["identity"] for seen in lab.seen("+4915155512", "IS SHOWN")]
    assert all(each.startswith('"Sales Lab" <sip:4155550100@') for each in shown), shown


@pytest.mark.parametrize("member", ["1001", "+4915155512@carrier"])
async def test_a_caller_who_is_sent_elsewhere_sees_who_answers_there_and_nobody_else(lab, admin, member):
    number = member.partition("@")[0]
    admin.group("--on-busy", "transfer:1003", "--on-unreachable", "transfer:1003", members=(member,))
    lab.behave(number, reject=486)
    lab.behave("1003", answer_after=0.2, hangup_after=0.5, headers={"P-Asserted-Identity": PRIVATE})
    caller = lab.caller("5000").dial()
    assert await caller.result(15) == 200
    await caller.until_end()
    assert not [each for each in caller.shown if number in each]
    assert caller.shown[-1].startswith('"1003" <sip:1003@')
    assert lab.seen("caller", "IS SHOWN")[-1].detail["identity"].startswith('"Jo Private"')


async def test_a_caller_who_is_back_from_a_transfer_sees_no_member(lab, admin):
    admin.group("--on-unreachable", "transfer:1009", members=("+4915155512@carrier",))
    lab.behave("+4915155512", reject=503)
    caller = lab.caller("5000").dial()
    assert await caller.result(15) >= 400
    assert not [each for each in caller.shown if "4915155512" in each]


CALL_IDS = [
    "3c26700f0b4c-kdzxd5ysasx0@snom360-000413233",
    "OTBmMzFkYjE2NmUyN2Y0ZWUyNTk.@10.0.0.5:5060",
    "-begins-with-a-hyphen",
    "+plus@[2001:db8::1]",
    "/slash/and.*",
    "it's'quoted'twice",
    'a"b`c~d!e%41_f*g',
    "(a)<b>{c}[d]?e",
    "back\\slash\\n@h",
    "mod_event_socket",
    "x%0A%40%20y",
    "x" * 240,
]


@pytest.fixture
def call_ids(pbx: Pbx) -> Iterator[None]:
    """Have the switch take a caller's Call-ID for the uuid of the channel."""
    pbx.use_call_ids(True)
    yield
    pbx.use_call_ids(False)


@pytest.mark.usefixtures("call_ids", "watching")
@pytest.mark.parametrize("call_id", CALL_IDS)
async def test_any_call_id_is_hunted_shown_and_found(lab, admin, call_id):
    admin.group("--prefix", "Sales", "--music", "tone_stream://%(500,500,440);loops=-1", members=("1001", "1002"))
    admin("group", "set", "5000", "--when-busy", "queue", "--hunt-timeout", "30")
    lab.behave("1001", reject=486)
    lab.behave("1002", answer_after=0.3)
    caller = lab.caller("5000", call_id=f"{call_id}{token(6)}").dial()
    assert await caller.result(15) == 200
    assert lab.rang() == ["1001", "1002"]
    assert lab.seen("1002", "INVITE")[0].detail["shown"].startswith('"Sales Lab"')
    lab.hang_up("1002")
    await caller.until_end()
    (call,) = admin.calls()
    assert (call["uuid"], call["result"], call["answered_by"]) == (caller.call_id, "answered", "1002")
    assert call["end_seen"]


@pytest.mark.usefixtures("call_ids", "watching")
@pytest.mark.parametrize("call_id", ["-a/b+c'd'e", "x\\y(z)"])
async def test_a_caller_with_any_call_id_waits_and_is_served_by_the_next_daemon(
    pbx, lab, admin, daemon, second_daemon, call_id
):
    second_daemon.watch(pbx)
    second_daemon.start()
    admin.group("--when-busy", "queue", "--hunt-timeout", "30", members=("1001",))
    lab.behave("1001", answer_after=0.1)
    first = lab.caller("5000", name="first", call_id=f"{call_id}{token(6)}").dial()
    assert await first.result(10) == 200
    second = lab.caller("5000", name="second", call_id=f"{call_id}{token(6)}").dial()
    await until_queued(lab, daemon)
    await asyncio.to_thread(daemon.stop)
    await until_queued(lab, daemon, 2)
    first.hang_up()
    assert await second.result(10) == 200
    second.hang_up()
    listed = json.loads(await asyncio.to_thread(admin, "call", "list", "--json"))["calls"]
    assert {call["uuid"] for call in listed} == {first.call_id, second.call_id}


@pytest.mark.usefixtures("call_ids")
async def test_a_call_id_that_would_unload_the_event_socket_reaches_the_fallback(lab, admin, pbx):
    admin.group(members=("1001",))
    caller = lab.caller("5000", call_id=f"unload.Mod_Event_Socket.{token(6)}").dial()
    assert await caller.result(15) == 200
    assert lab.rang() == []
    caller.hang_up()
    assert "is ready" in pbx.api("status")


@pytest.mark.parametrize("waiting", [(), ("--call-waiting",)], ids=["", "call waiting"])
@pytest.mark.parametrize("shown", ["1001", "+4915155512345", "015155512345"])
async def test_a_member_who_calls_is_not_rung(lab, admin, waiting, shown):
    admin.group(*waiting, members=("1001", "+4915155512345@carrier", "1002"))
    for phone in ("1001", "+4915155512345", "1002"):
        lab.behave(phone, answer_after=0.2, digits="1", digits_after=0.2, hangup_after=0.2)
    caller = lab.caller("5000", number_shown=shown).dial()
    assert await caller.result(15) == 200
    await caller.until_end()
    assert lab.rang() == (["+4915155512345"] if shown == "1001" else ["1001"])


async def test_whatever_keys_a_queued_caller_presses_the_sound_goes_on(lab, admin, daemon, pbx):
    music = ("--music", "tone_stream://%(500,0,440);loops=-1")
    admin.group("--when-busy", "queue", "--hunt-timeout", "30", *music, members=("1001",))
    lab.behave("1001", answer_after=0.1)
    first = lab.caller("5000", name="first").dial()
    assert await first.result(10) == 200
    second = lab.caller("5000", name="second").dial()
    await until_queued(lab, daemon)
    await second.hears(183)
    before = pbx.log().count("done playing file")
    for digit in "0123456789*#ABCD":
        await second.press(digit)
    await lab.until_sound()
    assert pbx.log().count("RTP RECV DTMF") >= 16, "the keys have reached the switch"
    assert pbx.log().count("done playing file") == before
    first.hang_up()
    assert await second.result(5) == 200
    second.hang_up()


@pytest.mark.usefixtures("watching")
async def test_a_group_that_answers_first_answers_callers_who_wait(pbx, lab, admin, daemon, second_daemon):
    admin.group("--when-busy", "queue", "--hunt-timeout", "60", "--answer-first", members=("1001",))
    second_daemon.watch(pbx)
    second_daemon.start()
    lab.behave("1001", answer_after=0.5)
    first = lab.caller("5000", name="first").dial()
    assert await first.result(10) == 200
    assert first.heard == [180, 200], "who need not wait hears ringing until the member answers"
    second = lab.caller("5000", name="second").dial()
    assert await second.result(10) == 200
    await until_queued(lab, daemon)
    await lab.until_sound()
    daemon.kill()
    await until_queued(lab, daemon, 2)
    assert not second.ended.is_set()
    await lab.until_sound()
    first.hang_up()
    await lab.until_seen("1001", "ANSWER", count=2)
    second_daemon.kill()
    await asyncio.sleep(0.5)
    assert not second.ended.is_set(), "the talk outlives all daemons"
    lab.hang_up("1001")
    await second.until_end(10)


async def test_a_caller_who_was_answered_first_reaches_the_fallback_without_a_daemon(pbx, lab, admin, daemon):
    admin.group("--when-busy", "queue", "--hunt-timeout", "60", "--answer-first", members=("1001",))
    lab.behave("1001", answer_after=0.2)
    first = lab.caller("5000", name="first").dial()
    assert await first.result(10) == 200
    second = lab.caller("5000", name="second").dial()
    assert await second.result(10) == 200
    await until_queued(lab, daemon)
    before = len(pbx.messages(FALLBACK_BOX))
    daemon.kill()
    await asyncio.sleep(2.0)
    await second.speak(3.0)
    second.hang_up()
    await lab.until_stored(pbx, FALLBACK_BOX, before + 1)
    first.hang_up()


async def test_a_caller_who_was_answered_first_goes_to_a_destination_like_any_other(lab, admin):
    options = ("--when-busy", "queue", "--hunt-timeout", "2", "--on-busy", "transfer:1003")
    admin.group(*options, "--answer-first", members=("1001",))
    lab.behave("1001", answer_after=0.2)
    lab.behave("1003", answer_after=0.5, hangup_after=0.5)
    first = lab.caller("5000", name="first").dial()
    assert await first.result(10) == 200
    second = lab.caller("5000", name="second").dial()
    assert await second.result(10) == 200
    await lab.until_seen("1003", "HANGUP", seconds=15)
    await second.until_end(10)
    first.hang_up()


@pytest.mark.parametrize("how", ["bypass_media_after_bridge", "uuid_media", "proxy_media", "bypass_media"])
@pytest.mark.parametrize("who", ["caller", "member"])
async def test_with_the_media_out_of_the_way_the_talk_goes_on_and_the_record_ends_with_it(
    lab, admin, pbx, daemon, before, how, who
):
    if how != "uuid_media":
        before(("set", f"{how}=true"))
    admin.group("--ring-seconds", "5", "--on-busy", "hangup:USER_BUSY", members=("1001",))
    lab.behave("1001", answer_after=0.3)
    first = lab.caller("5000", name="first").dial()
    assert await first.result(10) == 200
    if how == "uuid_media":
        (uuid,) = re.findall(r"call (\S+): rings 1001", daemon.log())
        await asyncio.to_thread(pbx.api, f"uuid_media off {uuid}")
    await asyncio.sleep(1.0)  # time enough for a bridge that ends at once
    assert "ended: answered" not in daemon.log()
    second = lab.caller("5000", name="second").dial()
    assert await second.result(10) == 486, "the member talks, and no monitor says so"
    assert lab.rang() == ["1001"]
    assert not first.ended.is_set()
    assert lab.seen("1001", "BYE") == []
    if who == "caller":
        first.hang_up()
    else:
        lab.hang_up("1001")
        await first.until_end(10)
    await lab.until(lambda: "ended: answered" in daemon.log())
