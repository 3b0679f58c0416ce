"""What a dialplan left on a caller's channel, and what of it a hunt must not find (design, section 4)."""

from __future__ import annotations

import pytest

from fshunt.esl import api
from fshunt.esl.frames import Frame, encode
from fshunt.freeswitch.left_variables import disturbing


def channel(**variables: str) -> Frame:
    lines = [f"variable_{name.replace('__', ':', 1)}: {encode(value)}" for name, value in variables.items()]
    return Frame("\n".join(["Event-Name: CHANNEL_DATA", "Unique-ID: u", *lines]).encode())


@pytest.mark.parametrize(
    "name",
    [
        *("originate_timeout", "call_timeout", "leg_timeout", "leg_delay_start", "leg_progress_timeout"),
        *("progress_timeout", "originate_delay_start", "originate_retries", "originate_retry_sleep_ms"),
        *("group_confirm_key", "group_confirm_cancel_timeout", "campon", "campon_retries", "origination_cancel_key"),
        *("hangup_on_single_reject", "monitor_early_media_fail", "transfer_on_fail"),
        *("park_timeout", "origination_uuid", "origination_nested_vars", "Leg_Timeout"),
    ],
)
def test_what_changes_who_rings_for_how_long_is_found_set_and_exported(name: str) -> None:
    assert disturbing(channel(**{name: "3"})) == [name]
    assert disturbing(channel(**{f"nolocal__{name}": "3"})) == [f"nolocal:{name}"]
    assert disturbing(channel(**{f"_nolocal_{name}": "3"})) == [f"_nolocal_{name}"]


def test_what_has_a_value_of_ours_is_cleared_where_it_is_for_legs_only() -> None:
    assert disturbing(channel(fail_on_single_reject="true", ignore_early_media="false")) == []
    assert disturbing(channel(nolocal__fail_on_single_reject="true")) == ["nolocal:fail_on_single_reject"]


@pytest.mark.parametrize(
    "name",
    [
        *("absolute_codec_string", "sip_h_X-Account", "effective_caller_id_name", "accountcode", "hold_music"),
        *("transfer_after_bridge", "exec_after_bridge_app", "ringback", "origination_caller_id_number", "export_vars"),
        *("presence_id", "dialed_user", "execute_on_answer_fshunt_1", "execute_on_pre_bridge_fshunt_1"),
    ],
)
def test_what_is_the_administrators_stays(name: str) -> None:
    assert disturbing(channel(**{name: "set x=y"})) == []


def test_what_is_said_of_each_leg_is_not_exported_over_it() -> None:
    assert disturbing(channel(presence_id="1009@pbx.test", export_vars="accountcode,presence_id")) == ["presence_id"]
    assert disturbing(channel(nolocal__sip_invite_domain="x")) == ["nolocal:sip_invite_domain"]


@pytest.mark.parametrize("name", ["sip_invite_req_uri", "sip_route_uri", "sip_invite_route_uri", "sip_invite_call_id"])
def test_where_a_legs_call_goes_is_not_exported_to_all(name: str) -> None:
    assert disturbing(channel(**{name: "sip:x"})) == [], "of the caller's channel alone"
    assert disturbing(channel(**{name: "sip:x", "export_vars": name})) == [name]
    assert disturbing(channel(**{f"nolocal__{name}": "sip:x"})) == [f"nolocal:{name}"]


@pytest.mark.parametrize(
    ("hook", "runs", "goes"),
    [
        ("execute_on_ring", "sleep 3000", True),
        ("execute_on_ring_2", "hangup", True),
        ("execute_on_pre_originate", "playback::welcome.wav", True),
        ("execute_on_originate", "set leg_timeout=2", True),
        ("execute_on_originate", "export nolocal:leg_timeout=2", True),
        ("execute_on_media", "record_session /tmp/x.wav", False),
        ("execute_on_media", "record_session::/tmp/x.wav", False),
        ("execute_on_ring", "set rang=true", False),
        ("execute_on_media", "ARRAY::set rang=true|:sleep 3000", True),
        ("api_on_ring", "uuid_kill 1", True),
        ("api_on_ring", "uuid_record ${uuid} start x.wav", False),
        ("execute_on_answer", "sleep 3000", False),
        ("nolocal__execute_on_answer", "sleep 3000", True),
        ("nolocal__execute_on_answer", "record_session /tmp/x.wav", False),
        ("nolocal__execute_on_answer", "sched_hangup +3600", False),
    ],
)
def test_a_hook_goes_that_could_hold_up_or_end_a_call_that_rings(hook: str, runs: str, goes: bool) -> None:
    assert bool(disturbing(channel(**{hook: runs}))) is goes


def test_an_answer_hook_that_is_also_exported_counts_as_one_of_the_legs() -> None:
    hooked = channel(execute_on_answer="park", export_vars="execute_on_answer")
    assert disturbing(hooked) == ["execute_on_answer"]


def test_any_number_of_variables_is_unset_in_commands_that_freeswitch_takes() -> None:
    names = [f"nolocal:leg_{n}" for n in range(120)]
    commands = api.uuid_unset_all("u", names)
    assert len(commands) == 3
    said = ";".join(command.lines[0].split(" ")[3] for command in commands)
    assert said.split(";") == [f"{name}=" for name in names]
    assert api.uuid_unset_all("u", []) == []
