"""Feature codes from phones that log in, on the real switch: what is done, what is heard, and who may not."""

import asyncio
import itertools
import json

import pytest

from tests.live.logins import PhoneCall
from tests.live.machines import password_of
from tests.live.sip_callers import Caller
from tests.live.sounds import is_heard, music_heard, tones_heard, write_rising_tone

TONES = {"low": 440, "high": 880}
SOUNDS = {
    "done": ["low", "high"],
    "refused": [],
    "in-turn": ["high"],
    "blocked": ["low"],
    "blocked-in-some": ["high", "low"],
}
"""What is heard of those tones; refusal is another sound."""


class Unasked(PhoneCall):
    """A call that brings a proof of the right password with it, for a question of its own."""

    def dial(self):
        question = 'Digest realm="pbx.test", nonce="of-its-own", algorithm=MD5, qop="auth"'
        self.more = self.more | {"Proxy-Authorization": self._proof(question)}
        return super().dial()


class AtProfile(Caller):
    """A caller without a login at another SIP profile."""

    def __init__(self, lab, number, shown, at, more=None):
        super().__init__(lab, number, "caller", shown, "Lab", more)
        self.at = at

    def _send(self, text):
        self.lab.send(text, self.at)


async def heard(call):
    """Dial, and return which of the sounds is heard until the switch ends the call."""
    assert await call.dial().result(10) == 200
    await call.until_end(10)
    sounds = call.heard_sound()
    assert is_heard(sounds), "it is not silent"
    tones = tones_of(call)
    return next((name for name, pitches in SOUNDS.items() if pitches == tones), str(tones))


def tones_of(call):
    """The tones that were heard, one after the other."""
    return [tone for tone, _ in itertools.groupby(tones_heard(call.heard_sound(), TONES))]


@pytest.fixture
def phone(lab, pbx):
    """Dial from a phone of this user, which logs in; what is heard."""

    async def dial(number, user="1001", **more):
        return await heard(PhoneCall(lab, number, user, pbx.secure, **more))

    return dial


def blocked(admin, pilot="5000"):
    members = json.loads(admin("member", "list", pilot, "--json"))["members"]
    return [each["extension"] for each in members if each["blocked"]]


def by_phone(admin):
    changes = json.loads(admin("history", "--json"))["changes"]
    return [(each["actor"], each["subject"], each["key"]) for each in changes if each["entrance"] == "phone"][::-1]


async def test_a_member_blocks_unblocks_and_asks_for_the_state(lab, admin, phone):
    admin.group()
    assert await phone("*15") == "in-turn"
    assert await phone("*13") == "done"
    assert blocked(admin) == ["1001"]
    assert await phone("*15") == "blocked"
    assert await phone("*13") == "done", "dialled twice: the same sound"
    assert await phone("*14") == "done"
    assert blocked(admin) == []
    block = ("1001@pbx.test", "block", "1001")
    assert by_phone(admin) == [block, block], "the second time changed nothing"
    assert admin.calls() == [], "it is no hunt"
    last = next(each for each in json.loads(admin("history", "--json"))["changes"] if each["entrance"] == "phone")
    admin("undo", str(last["id"]))
    assert blocked(admin) == ["1001"]


async def test_who_is_blocked_is_skipped_by_the_next_call(lab, admin, phone):
    admin.group()
    lab.behave("1002", answer_after=0.2)
    assert await phone("*13") == "done"
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    assert lab.rang() == ["1002"]
    caller.hang_up()


async def test_a_phone_that_rings_stops_within_a_second_of_its_members_code(lab, admin, watching, pbx):
    admin.group()
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    call = PhoneCall(lab, "*13", "1001", pbx.secure).dial()
    cancelled = await lab.until_seen("1001", "CANCEL")
    answered = await lab.until_seen("phone 1001", "HEARS 200")
    assert cancelled.at - answered.at < 1
    await lab.until_seen("1002", "INVITE")
    assert "Call completed elsewhere" in cancelled.detail["reason"], "no missed call"
    await call.until_end(10)
    caller.cancel()


async def test_who_has_not_logged_in_changes_nothing_whatever_the_call_says(lab, admin, pbx):
    admin.group()
    admin("member", "add", "5000", "1016")
    spoofed = {
        "X-user_name": "1001",
        "sip_auth_username": "1001",
        "P-Asserted-Identity": "<sip:1001@pbx.test>",
        "Remote-Party-ID": "<sip:1001@pbx.test>;party=calling",
        "X-FS-Channel-Name": "sofia/secure/1001@pbx.test",
    }
    at_the_trunk = AtProfile(lab, "*13", "1001", pbx.sip, spoofed)
    assert await heard(at_the_trunk) == "refused", "a profile that asks nobody"
    assert await heard(AtProfile(lab, "*13", "1001", pbx.believing)) == "refused", "a profile that believes the From"
    by_address = AtProfile(lab, "*13", "1016", pbx.trusting)
    assert await heard(by_address) == "refused", "a user who is known by the address"
    assert await PhoneCall(lab, "*13", "1001", pbx.secure, password="guessed").dial().result(10) == 403
    assert blocked(admin) == []


@pytest.mark.parametrize("profile", ["sip", "shared", "believing", "trusting"])
async def test_a_proof_that_the_switch_has_not_asked_for_counts_for_nothing(lab, admin, pbx, profile):
    admin.group()
    assert await heard(Unasked(lab, "*13", "1001", getattr(pbx, profile))) == "refused"
    assert blocked(admin) == []


async def test_the_one_who_logged_in_acts_and_not_the_one_whom_the_call_names(lab, admin, phone):
    admin.group()
    assert await phone("*13", "1001", says="1002", more={"P-Asserted-Identity": "<sip:1002@pbx.test>"}) == "done"
    assert await phone("as-1003-*13", "1001") == "done", "the dialplan has set another user"
    assert blocked(admin) == ["1001"]


async def test_a_user_with_a_further_number_is_a_member_by_it(lab, admin, phone):
    admin.group(members=("2017", "1001"))
    assert await phone("*13", "1017") == "done"
    assert blocked(admin) == ["2017"]
    assert await phone("*14", "2017", password=password_of("1017")) == "done"
    assert blocked(admin) == []


async def test_nobody_acts_for_another_one_by_a_transfer(lab, admin, pbx, phone):
    admin.group()
    lab.behave("1002", answer_after=0.1)
    call = PhoneCall(lab, "1002", "1001", pbx.secure).dial()
    assert await call.result(10) == 200
    await lab.until_seen("1002", "ANSWER")
    lab.refer("1002", "*13")
    await call.until_end(10)
    assert await phone("to-*13") == "refused"
    assert blocked(admin) == []


async def test_refused_are_strangers_wrong_pilots_and_what_is_no_code(lab, admin, phone, daemon):
    admin.group(members=("1002", "1003"))
    for number in (
        "*13",
        "*14",
        "*15",
        "*135000",
        "*139999",
        "*48",
        "*485000",
        "block+1002",
        "block+1002+5000",
        "block+",
    ):
        assert await phone(number) == "refused", number
    assert blocked(admin) == []
    assert "feature code *13 refused to 1001@pbx.test: 1001 is in no group of pbx.test." in daemon.log()


async def test_an_administrator_closes_opens_and_blocks_from_the_own_phone(lab, admin, phone):
    admin.group(members=("1002", "1003"))
    admin("user", "add", "ben", "--role", "admin", "--extension", "1001@pbx.test", "--no-password")
    assert await phone("*485000") == "refused", "the group is not looked after by this one"
    admin("user", "grant", "ben", "5000")
    assert await phone("*485000") == "done"
    caller = lab.caller("5000").dial()
    await lab.until_closed(admin, "voicemail")
    caller.leave()
    assert await phone("*495000") == "done"
    assert await phone("block+1002+5000") == "done"
    assert blocked(admin) == ["1002"]
    assert await phone("block+1002") == "done"
    assert blocked(admin) == []
    admin("group", "add", "5001")
    admin("member", "add", "5001", "1016")
    for number in ("block+1016", "block+1016+5001", "*485001"):
        assert await phone(number) == "refused", f"{number}: a group of others"
    assert {who for who, _, _ in by_phone(admin)} == {"ben"}


async def test_a_member_toggles_by_the_key_that_shows_the_own_block(lab, admin, phone):
    admin.group()
    assert await phone("block+1001") == "done"
    assert blocked(admin) == ["1001"]
    assert await phone("block+1001") == "done"
    assert blocked(admin) == []
    assert await phone("block+1002") == "refused", "another one's block"


async def test_one_group_alone(lab, admin, daemon, phone):
    daemon.environment["FSHUNT_SHARED_MEMBERS"] = "pbx.test"
    admin.group()
    admin("group", "add", "5001")
    admin("member", "add", "5001", "1001", "1002")
    assert await phone("*135001") == "done"
    assert (blocked(admin), blocked(admin, "5001")) == ([], ["1001"])
    assert await phone("*15") == "blocked-in-some"
    assert await phone("*155000") == "in-turn"
    assert await phone("*155001") == "blocked"
    assert await phone("block+1001+5001") == "done"
    assert blocked(admin, "5001") == []


async def test_without_a_daemon_or_without_the_database_it_is_refused_and_nothing_changes(lab, admin, daemon, phone):
    admin.group()
    database = daemon.folder / "fshunt.sqlite3"
    holder = await asyncio.create_subprocess_exec(
        "python3", "-c", f"import sqlite3; c = sqlite3.connect({str(database)!r}); c.execute('BEGIN IMMEDIATE'); "
        "print('held', flush=True); input(); c.rollback()",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await holder.stdout.readline()
    assert await phone("*13") == "refused"
    await holder.communicate(b"\n")
    assert "WARNING" in next(
        line for line in daemon.log().splitlines() if "feature code *13 of 1001@pbx.test failed" in line
    )
    daemon.kill()
    assert await phone("*13") == "refused"
    assert blocked(admin) == []


async def test_codes_of_a_member_who_talks_count_for_all_phones_of_theirs(lab, admin, watching, pbx, phone):
    admin.group(members=("1001", "1002"))
    await lab.register("1001/soft")
    lab.behave("1002", answer_after=0.1)
    talk = PhoneCall(lab, "1002", "1001", pbx.secure).dial()
    assert await talk.result(10) == 200
    assert await phone("*13") == "done"
    assert blocked(admin) == ["1001"]
    assert await phone("block%2B1001") == "done", "as some phones write it"
    assert not talk.ended.is_set(), "the talk goes on"
    talk.hang_up()
    caller = lab.caller("5000").dial()
    for ringing in ("1001", "1001/soft"):
        await lab.until_seen(ringing, "INVITE")
    assert await phone("%2A135000") == "done"
    for stopped in ("1001", "1001/soft"):
        await lab.until_seen(stopped, "CANCEL", seconds=1)
    caller.cancel()


async def test_a_daemon_that_is_stopped_cuts_no_sound(lab, admin, daemon, pbx):
    admin.group()
    call = PhoneCall(lab, "*13", "1001", pbx.secure).dial()
    assert await call.result(10) == 200
    await asyncio.to_thread(daemon.stop)
    await call.until_end(10)
    assert tones_of(call) == SOUNDS["done"]
    assert blocked(admin) == ["1001"]


async def test_a_code_during_a_hunt_for_the_same_caller_changes_nothing_of_the_hunt(lab, admin, phone):
    admin.group(members=("1002", "1003"))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1002", "INVITE")
    assert await phone("*13", "1003") == "done"
    assert lab.seen("1002", "CANCEL") == [], "1002 rings on"
    caller.cancel()


async def test_sound_files_are_played_before_the_tones_where_they_are(lab, admin, daemon, pbx, phone, tmp_path):
    admin.group()
    write_rising_tone(tmp_path / "done.wav", seconds=0.5)
    daemon.restart(FSHUNT_FEATURE_SOUNDS=str(tmp_path))
    call = PhoneCall(lab, "*13", "1001", pbx.secure).dial()
    await call.result(10)
    await call.until_end(10)
    assert music_heard(call.heard_sound()), "the file is heard"
    assert tones_of(call)[-2:] == SOUNDS["done"]
    assert await phone("*15") == "blocked", "there is no file for this: its tone alone"


@pytest.mark.parametrize("how", [("dialplan",), ("dialplan", "--table")], ids=" ".join)
async def test_a_written_dialplan_has_the_codes_of_the_settings(lab, admin, daemon, pbx, phone, how):
    admin.group()
    daemon.restart(FSHUNT_STATE_CODE="*77", FSHUNT_CLOSE_CODE="none")
    daemon.watch(pbx)
    pbx.load_dialplan(admin(*how))
    try:
        checked = {
            each["name"]: each
            for each in json.loads(daemon.any_result("config", "check", "--json"))["config"]["checks"]
        }
        assert checked["feature codes"]["message"] == "The loaded dialplan gives the feature codes to fshunt."
        assert await phone("*77") == "in-turn"
        assert await PhoneCall(lab, "*15", "1001", pbx.secure).dial().result(10) == 404
    finally:
        pbx.load_dialplan(pbx.shipped_dialplan())


async def test_the_shipped_dialplan_lacks_the_codes_that_the_settings_have_changed(lab, admin, daemon, pbx):
    admin.group()
    daemon.watch(pbx)
    daemon.environment["FSHUNT_STATE_CODE"] = "*77"
    checked = {
        each["name"]: each for each in json.loads(daemon.any_result("config", "check", "--json"))["config"]["checks"]
    }
    said = checked["feature codes"]["message"]
    assert "The feature code *77 is not in the loaded dialplan, context default." in said
