"""A destination that is none: the caller reaches what else there is, and the record says failed."""

from __future__ import annotations

import gevent
import pytest

from fshunt.daemon.call.returned import AT_ONCE_SECONDS, RETURNED
from fshunt.esl.reader import MAX_BODY_BYTES
from fshunt.hunting.destinations import parse_destination
from fshunt.simulator.core.phones import answers, refuses
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, light

NO_USER = f"user {{}}@{DOMAIN} is not in the directory"


def missing(box: str) -> str:
    return f"voicemail box {box} does not exist ({NO_USER.format(box)})"


def boxes(rig: Rig) -> list[str]:
    return [message.box for message in rig.switch.messages]


def test_a_box_that_is_not_there_leads_to_the_last_members(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", voicemail="5999")
    light_rig.switch.unknown_users.add("5999")
    record = light_rig.call()
    assert boxes(light_rig) == ["1002"]
    assert (record.result, record.destination) == ("failed", "voicemail:1002")
    assert record.reason == f"{missing('5999')}; the caller reached voicemail box 1002"


def test_the_box_of_the_case_leads_to_the_groups(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", voicemail="1009", on_unreachable=parse_destination("voicemail:5999"))
    light_rig.switch.unknown_users.add("5999")
    record = light_rig.call()
    assert boxes(light_rig) == ["1009"]
    assert (record.result, record.destination) == ("failed", "voicemail:1009")


def test_then_to_the_fallback_box_of_the_settings(sqlite_url: str) -> None:
    with light(sqlite_url, fallback_box="1020") as rig:
        rig.group("5000", "1001", voicemail="5999")
        rig.switch.unknown_users.update(("5999", "1001"))
        record = rig.call()
        assert boxes(rig) == ["1020"]
        assert record.reason == f"{missing('5999')}; {missing('1001')}; the caller reached voicemail box 1020"


def test_then_to_the_fallback_of_the_dialplan_without_an_answer_or_a_second_hunt(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", voicemail="5999")
    light_rig.switch.unknown_users.update(("5999", "1001"))
    call = light_rig.started()
    record = light_rig.record(call)
    assert (call.ending.kind, call.ending.who) == ("fallback-voicemail", "1999")
    assert (record.result, record.destination) == ("failed", "voicemail:5999")
    assert record.reason == f"{missing('5999')}; {missing('1001')}; the caller was left to the dialplan"
    assert light_rig.hunts(call) == 1


def test_without_voicemail_on_the_switch_nobody_is_answered(sqlite_url: str) -> None:
    with light(sqlite_url, voicemail_profile="office") as rig:
        rig.group("5000", "1001")
        told: list[str] = []
        rig.switch.watch(lambda fact: told.append(fact.what))
        record = rig.call()
        why = "mod_voicemail has no profile office"
        assert record.reason == f"voicemail box 1001 does not exist ({why}); the caller was left to the dialplan"
        assert "voicemail" in told, "the dialplan's own"


def test_a_voicemail_that_ends_at_once_is_none(light_rig: Rig) -> None:
    """The directory knows the user when it is asked, and voicemail does not: a full disk, or no phrases."""
    light_rig.group("5000", "1001", voicemail="1009")
    light_rig.switch.mute_boxes.add("1009")
    record = light_rig.call()
    assert boxes(light_rig) == ["1001"]
    assert (record.result, record.destination) == ("failed", "voicemail:1001")
    assert record.reason == "voicemail box 1009 ended at once; the caller reached voicemail box 1001"


def test_if_all_end_at_once_the_caller_is_hung_up_and_that_is_said(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    light_rig.switch.mute_boxes.add("1001")
    call = light_rig.started()
    record = light_rig.record(call)
    assert (record.result, record.reason) == ("failed", "voicemail box 1001 ended at once; the caller was hung up")
    assert boxes(light_rig) == []
    assert call.ending.kind != "stuck"


@pytest.mark.parametrize("refuses", [False, True], ids=["no extension", "an extension that refuses"])
def test_a_transfer_to_a_number_that_is_not_there_leads_to_the_box(light_rig: Rig, refuses: bool) -> None:
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:4711"))
    if refuses:
        light_rig.switch.routes["4711"] = [("set", "a=b"), ("respond", "404")]
    record = light_rig.call()
    assert boxes(light_rig) == ["1001"]
    why = "extension ^4711$ ends the call, context default" if refuses else "in context default"
    assert (record.result, record.destination) == ("failed", "voicemail:1001")
    assert record.reason == f"transfer to 4711 not possible ({why}); the caller reached voicemail box 1001"


def test_a_dialplan_of_megabytes_ends_no_call(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that was written for more than a thousand pilots."""
    text = light_rig.switch.dialplan_xml("default").replace("<context", f"<!-- {'x' * MAX_BODY_BYTES} --><context", 1)
    monkeypatch.setattr(light_rig.switch, "dialplan_xml", lambda _context: text)
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:4711"))
    assert light_rig.call().destination == "voicemail:1001"
    light_rig.group("5001", "1002", on_unreachable=parse_destination("transfer:1003"))
    light_rig.phones("1003", behaviour=answers(0.05, talks=0.05))
    assert light_rig.call("5001").destination == "transfer:1003"


def test_a_transfer_that_fails_at_once_brings_the_caller_back_to_the_box(light_rig: Rig) -> None:
    """The number is in the dialplan, and nobody is there: an extension without a phone, a carrier that refuses."""
    light_rig.group("5000", "1001", voicemail="1009", on_unreachable=parse_destination("transfer:1003"))
    light_rig.switch.user("1003")
    call = light_rig.started()
    record = light_rig.record(call)
    assert boxes(light_rig) == ["1009"]
    assert (record.result, record.destination) == ("failed", "voicemail:1009")
    assert record.reason == "transfer to 1003 failed at once; the caller reached voicemail box 1009"
    assert light_rig.hunts(call) == 1
    assert RETURNED not in call.variables


def test_a_caller_who_is_back_and_has_no_box_either_is_hung_up_without_an_answer(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:1003"))
    light_rig.switch.user("1003")
    light_rig.switch.unknown_users.add("1001")
    call = light_rig.started()
    record = light_rig.record(call)
    assert record.reason == f"transfer to 1003 failed at once; {missing('1001')}; the caller was hung up"
    assert (call.ending.cause, call.channel.answered) == ("NO_ANSWER", False)


@pytest.mark.parametrize("greeted", [False, True])
def test_a_caller_who_is_back_and_leaves_has_abandoned_the_call(
    light_rig: Rig, caplog: pytest.LogCaptureFixture, greeted: bool
) -> None:
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:1003"))
    light_rig.switch.user("1003")
    light_rig.switch.directory_seconds = 0.3  # the caller leaves while the box is looked for
    call = light_rig.started()
    with gevent.Timeout(WAIT_SECONDS):
        while not call.variables.get(RETURNED):  # the daemon clears it within a few turns of the loop
            gevent.sleep(0)
    if greeted:
        light_rig.until(lambda: RETURNED not in call.variables, "the daemon has the caller")
    call.hang_up()
    record = light_rig.record(call)
    assert (record.result, record.destination, boxes(light_rig)) == ("abandoned", "transfer:1003", [])
    assert record.reason == "transfer to 1003 failed at once; the caller hung up"
    assert [line for line in caplog.messages if call.uuid in line] == []


@pytest.mark.parametrize("behaviour", [answers(0.05, talks=0.05), answers(0.05, talks=0.0)])
def test_a_caller_who_was_taken_there_never_comes_back(light_rig: Rig, behaviour: object) -> None:
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:1003"))
    light_rig.phones("1003", behaviour=behaviour)
    call = light_rig.started()
    record = light_rig.record(call)
    assert (record.result, record.destination, boxes(light_rig)) == ("transferred", "transfer:1003", [])
    assert (call.ending.kind, call.ending.who) == ("answered", "1003")


def test_a_caller_who_was_answered_before_comes_back_all_the_same(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:1003"))
    light_rig.switch.user("1003")
    actions = light_rig.switch.pilot_actions
    first = next(index for index, (application, _) in enumerate(actions) if application == "socket")
    actions[first:first] = [("answer", ""), ("set", "socket_resume=true")]
    record = light_rig.call()
    assert record.reason == "transfer to 1003 failed at once; the caller reached voicemail box 1001"


def test_an_extension_that_answers_and_ends_without_a_bridge_was_no_failure(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:7000"))
    light_rig.switch.routes["7000"] = [("answer", ""), ("playback", "silence_stream://50")]
    record = light_rig.call()
    assert (record.result, boxes(light_rig)) == ("transferred", [])


def test_a_number_that_has_rung_and_was_not_answered_is_no_failure(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:1003"))
    light_rig.phones("1003", behaviour=refuses(486, after=AT_ONCE_SECONDS + 1))
    record = light_rig.call_that_takes_time()
    assert (record.result, record.destination, boxes(light_rig)) == ("transferred", "transfer:1003", [])


def test_a_transfer_to_a_pilot_is_a_plain_one(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", on_unreachable=parse_destination("transfer:5001"))
    light_rig.group("5001", "1002", voicemail="1009")
    call = light_rig.started()
    assert light_rig.record(call).pilot == "5001"
    assert light_rig.hunts(call) == 2
    assert boxes(light_rig) == ["1009"]


@pytest.mark.parametrize(
    "text", ["", "h", "h/office.test/1003", "h/office.test/10 03/1009", "h/o t/1003/", "h/a/1/2/3"]
)
def test_a_variable_that_does_not_read_as_ours_is_no_return(light_rig: Rig, text: str) -> None:
    light_rig.group("5000", "1001", voicemail="1009")
    record = light_rig.record(light_rig.started(variables={RETURNED: text}))
    assert (record.result, record.reason) == ("voicemail", "nobody reachable")
