"""The caller's channel is not ours alone: what a dialplan did with it before the call came to the pilot."""

from __future__ import annotations

import pytest

from fshunt.hunting.destinations import parse_destination
from fshunt.simulator.core.phones import answers, refuses
from tests.support.rig import WAIT_SECONDS, Rig, passed, rang

TALKS = answers(0.05, talks=0.05)
SHOWN = ("initial_callee_id_name", "initial_callee_id_number", "ignore_display_updates")


def before(rig: Rig, *actions: tuple[str, str]) -> None:
    """Have the simulated dialplan do this before a call comes to a pilot."""
    rig.switch.pilot_actions[:0] = actions


@pytest.mark.parametrize("how", ["set {}", "export {}", "export nolocal:{}"])
def test_timers_that_a_dialplan_left_do_not_count_for_the_members(light_rig: Rig, how: str) -> None:
    left = ("leg_timeout=1", "originate_timeout=1", "call_timeout=1", "leg_delay_start=60", "group_confirm_key=5")
    before(light_rig, *(tuple(how.format(each).split(" ")) for each in left))  # type: ignore[arg-type]
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=answers(1.5, talks=0.05))
    call = light_rig.started()
    assert rang(light_rig.record(call)) == [("1001", "answered")]
    kept = {name.removeprefix("nolocal:") for name in call.variables}
    assert not kept & {each.partition("=")[0] for each in left}


def test_what_the_administrator_exported_for_other_ends_reaches_the_phones(light_rig: Rig) -> None:
    before(light_rig, ("export", "nolocal:sip_h_X-Account=42"))
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=TALKS)
    call = light_rig.started()
    light_rig.record(call)
    (leg,) = call.legs.values()
    assert leg.channel.variables["sip_h_X-Account"] == "42"


def test_the_caller_is_shown_the_pilot_and_the_groups_name_and_no_later_name(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", name="Sales Team", on_busy=parse_destination("transfer:1003"))
    light_rig.phones("1001", behaviour=refuses(486, after=0.2))
    light_rig.phones("1003", behaviour=TALKS)
    rings = light_rig.happens("rings", "1001")
    call = light_rig.started()
    rings.wait(WAIT_SECONDS)
    shown = {name: call.variables[name] for name in SHOWN}
    assert shown == dict(zip(SHOWN, ("Sales Team", "5000", "true"), strict=True))
    light_rig.record(call)
    assert not set(SHOWN) & set(call.variables), "where the caller is sent to, they see who answers"


@pytest.mark.parametrize("name", ["", "Sales/Support", "sales@hq"])
def test_a_group_without_a_name_that_freeswitch_keeps_whole_is_shown_by_its_pilot(light_rig: Rig, name: str) -> None:
    light_rig.group("5000", "1001", name=name)
    light_rig.phones("1001", behaviour=TALKS)
    call = light_rig.started()
    light_rig.record(call)
    assert call.variables["initial_callee_id_name"] == "5000"


@pytest.mark.parametrize(
    "uuid", ["3c26-kdzx@10.0.0.5:5060", "-a/b+c", "+x", "/x/", "it's'q'", "a%41%20b", "back\\slash(y)[z]", "x" * 256]
)
def test_any_call_id_that_is_the_uuid_is_hunted_shown_and_found(light_rig: Rig, uuid: str) -> None:
    light_rig.group("5000", "1001", "1002", prefix="Sales", music="tone_stream://%(500,500,440);loops=-1")
    light_rig.phones("1001", behaviour=refuses(486))
    light_rig.phones("1002", behaviour=TALKS)
    record = light_rig.call(uuid=uuid)
    assert (record.uuid, record.result, record.answered_by) == (uuid, "answered", "1002")
    assert record.end_seen


@pytest.mark.parametrize("call_waiting", [False, True])
@pytest.mark.parametrize("shown", ["+4915155512345", "015155512345"])
def test_an_external_member_who_calls_is_not_rung(light_rig: Rig, call_waiting: bool, shown: str) -> None:
    light_rig.group("5000", "+4915155512345@carrier", "1001", call_waiting=call_waiting)
    light_rig.switch.gateway("carrier").add("+4915155512345", TALKS)
    light_rig.phones("1001", behaviour=TALKS)
    record = light_rig.call(caller_number=shown)
    assert passed(record) == [("+4915155512345@carrier", "on-call")]
    assert record.answered_by == "1001"


def test_a_member_who_calls_from_the_extension_is_not_rung_without_a_monitor(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", call_waiting=True)
    phone, _ = light_rig.phones("1001", "1002", behaviour=TALKS)
    record = light_rig.record(light_rig.switch.call_from(phone, "5000"))
    assert passed(record) == [("1001", "on-call")]
    assert record.answered_by == "1002"


def test_while_the_media_goes_past_the_switch_the_record_stays_open_and_the_member_is_not_rung(
    light_rig: Rig,
) -> None:
    before(light_rig, ("set", "bypass_media_after_bridge=true"))
    light_rig.group("5000", "1001", voicemail="1009")
    (phone,) = light_rig.phones("1001", behaviour=answers(0.05))
    first = light_rig.started()
    assert first.talking.wait(WAIT_SECONDS)
    light_rig.until(lambda: first.variables.get("current_application") == "signal_bridge", "bridge and socket end")
    assert passed(light_rig.closed(light_rig.started())) == [("1001", "claimed")]
    assert len(phone.rings) == 1
    assert not first.ended.is_set()
    first.hang_up()
    record = light_rig.closed(first)
    assert (record.result, record.end_seen) == ("answered", True)
