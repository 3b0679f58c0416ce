"""The destination of a caller whom nobody takes, and a caller who leaves."""

import json

from tests.live.machines import FALLBACK_BOX


async def leave_a_message(caller):
    assert await caller.result(20) == 200
    await caller.speak(3)
    caller.hang_up()


async def test_nobody_answers_and_the_message_is_in_the_groups_box(lab, admin, pbx):
    admin.group("--ring-seconds", "1", "--voicemail", "1010", members=("1001", "1002"))
    await leave_a_message(lab.caller("5000").dial())
    await lab.until_stored(pbx, "1010")
    (call,) = admin.calls()
    assert call["result"] == "voicemail"
    assert [offer["outcome"] for offer in call["offers"]] == ["no-answer", "no-answer"]


async def test_without_an_own_box_it_is_the_last_members(lab, admin, pbx):
    admin.group("--ring-seconds", "1", members=("1001", "1002"))
    await leave_a_message(lab.caller("5000").dial())
    await lab.until_stored(pbx, "1002")


async def test_a_box_that_does_not_exist_leads_to_the_last_members(lab, admin, pbx):
    admin.group("--voicemail", "5999", members=("1004", "1005"))
    await leave_a_message(lab.caller("5000").dial())
    await lab.until_stored(pbx, "1005")
    call = await lab.until_closed(admin, "failed")
    no_user = "user 5999@pbx.test is not in the directory"
    assert call["reason"] == f"voicemail box 5999 does not exist ({no_user}); the caller reached voicemail box 1005"
    assert call["destination"] == "voicemail:1005"


async def test_without_any_box_that_exists_the_dialplans_fallback_has_the_caller(lab, admin, pbx):
    stored = len(pbx.messages(FALLBACK_BOX))
    admin.group("--voicemail", "5999", members=())
    await leave_a_message(lab.caller("5000").dial())
    await lab.until(lambda: len(pbx.messages(FALLBACK_BOX)) == stored + 1)
    call = await lab.until_closed(admin, "failed")
    assert call["reason"].endswith("; the caller was left to the dialplan")
    assert len(admin.calls()) == 1


async def test_without_the_voicemail_profile_nobody_is_answered_and_cut(lab, admin, daemon, pbx):
    daemon.restart(FSHUNT_VOICEMAIL_PROFILE="office")
    stored = len(pbx.messages(FALLBACK_BOX))
    admin.group(members=("1004",))
    await leave_a_message(lab.caller("5000").dial())
    await lab.until(lambda: len(pbx.messages(FALLBACK_BOX)) == stored + 1)
    call = await lab.until_closed(admin, "failed")
    assert "mod_voicemail has no profile office" in call["reason"]


async def test_a_transfer_to_a_number_that_the_dialplan_refuses_leads_to_the_box(lab, admin, pbx):
    admin.group("--on-unreachable", "transfer:4711", "--voicemail", "1012", members=("1004",))
    await leave_a_message(lab.caller("5000").dial())
    await lab.until_stored(pbx, "1012")
    call = await lab.until_closed(admin, "failed")
    why = "extension catch-all ends the call, context default"
    assert call["reason"] == f"transfer to 4711 not possible ({why}); the caller reached voicemail box 1012"


async def test_a_transfer_that_fails_at_once_leads_to_the_box(lab, admin, pbx):
    admin.group("--on-unreachable", "transfer:1015", "--voicemail", "1013", members=("1004",))
    caller = lab.caller("5000").dial()
    await leave_a_message(caller)
    await lab.until_stored(pbx, "1013")
    await lab.until(lambda: admin.calls()[0]["result"] == "failed")
    (call,) = admin.calls()
    assert call["reason"] == "transfer to 1015 failed at once; the caller reached voicemail box 1013"
    assert call["destination"] == "voicemail:1013"


async def test_a_carrier_that_refuses_the_transfer_leads_to_the_box_by_the_other_daemon(
    lab, admin, pbx, daemon, second_daemon
):
    """The daemon that transferred the caller is gone when the carrier refuses."""
    second_daemon.start()
    lab.behave("4155550123", reject=503, reject_after=3.0)
    admin.group("--on-unreachable", "transfer:94155550123", "--voicemail", "1014", members=("1004",))
    caller = lab.caller("5000").dial()
    await lab.until_seen("4155550123", "INVITE", seconds=10)
    daemon.kill()
    await leave_a_message(caller)
    await lab.until_stored(pbx, "1014")
    await lab.until(lambda: admin.calls()[0]["result"] == "failed")


async def test_a_transfer_goes_to_the_groups_context(lab, admin):
    admin.group("--on-unreachable", "transfer:1003", "--transfer-context", "sales", members=("1004",))
    lab.behave("1002", answer_after=0.2, hangup_after=0.2)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end()
    assert lab.rang() == ["1002"], "the number of another context"
    await lab.until_closed(admin, "transferred")


def test_boxes_and_numbers_are_looked_for_when_they_are_set(watching, admin):
    admin.group(members=("1001",))
    admin("group", "set", "5000", "--voicemail", "1005", "--on-busy", "transfer:1003")
    refused = watching.fail("group", "set", "5000", "--voicemail", "5999")
    assert refused.startswith("Error: Voicemail box 5999 of pbx.test: not found (user 5999@pbx.test is not in the")
    page = admin("group", "set", "5000", "--on-busy", "transfer:1003")
    assert "Number 1003: found (extension extensions, context default)." in page
    told = json.loads(admin("group", "set", "5000", "--on-busy", "transfer:4711", "--json"))["warnings"]
    assert told == ["Number 4711: not found (extension catch-all ends the call, context default)."]
    told = json.loads(admin("group", "set", "5000", "--transfer-context", "nowhere", "--json"))["warnings"]
    assert told == ["Number 4711: cannot be checked (the switch does not show context nowhere)."]
    admin("group", "set", "5000", "--voicemail", "5999", "--force")
    checks = json.loads(watching.fail("config", "check", "--json", output=True))["config"]["checks"]
    (destinations,) = [check for check in checks if check["name"] == "destinations"]
    assert not destinations["ok"]
    assert "Voicemail box 5999 of pbx.test: not found" in destinations["message"]


async def test_everybody_busy_goes_where_busy_goes(lab, admin):
    admin.group("--on-busy", "hangup:USER_BUSY", members=("1001", "1002"))
    for phone in ("1001", "1002"):
        lab.behave(phone, reject=486)
    assert await lab.caller("5000").dial().result(10) == 486
    await lab.until_closed(admin, "rejected")


async def test_with_no_phone_registered_the_caller_leaves_at_once_without_ringing(lab, admin):
    admin.group("--on-unreachable", "hangup:SUBSCRIBER_ABSENT", members=("1004", "1005"))
    caller = lab.caller("5000").dial()
    assert await caller.result(10) >= 400
    assert lab.rang() == []
    dialled, ended = lab.seen("caller", "DIAL")[0].at, lab.log[-1].at
    assert ended - dialled < 1
    call = await lab.until_closed(admin, "rejected")
    reasons = [row["reason"] for row in call["skips"]] or [row["outcome"] for row in call["offers"]]
    assert reasons == ["unregistered", "unregistered"]


async def test_a_transfer_to_an_extension_survives_the_daemon(lab, admin, daemon):
    admin.group("--ring-seconds", "1", "--on-no-answer", "transfer:1003", members=("1001",))
    lab.behave("1003", answer_after=1.0)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1003", "INVITE", seconds=10)
    await lab.until_closed(admin, "transferred")
    daemon.kill()
    assert await caller.result(10) == 200
    caller.hang_up()
    await lab.until_seen("1003", "BYE")
    assert lab.rang() == ["1001", "1003"]


async def test_a_transfer_to_another_pilot_is_hunted_there_once(lab, admin):
    admin.group("--ring-seconds", "1", "--on-no-answer", "transfer:5001", members=("1001",))
    admin("group", "add", "5001")
    admin("member", "add", "5001", "1002")
    lab.behave("1002", answer_after=0.5, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end()
    assert lab.rang() == ["1001", "1002"]


async def test_a_caller_who_leaves_stops_the_ringing(lab, admin):
    admin.group(members=("1001", "1002"))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "INVITE")
    caller.cancel()
    await lab.until_seen("1001", "CANCEL")
    call = await lab.until_closed(admin, "abandoned")
    assert [offer["outcome"] for offer in call["offers"]] == ["caller-gone"]
    assert lab.rang() == ["1001"]


async def test_an_answered_call_that_ends_is_over(lab, admin, pbx):
    admin.group("--voicemail", "1011", members=("1001",))
    lab.behave("1001", answer_after=0.2, hangup_after=0.5)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end(5)
    assert pbx.messages("1011") == []
    call = await lab.until_closed(admin, "answered")
    assert call["answered_by"] == "1001"
