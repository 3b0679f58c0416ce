"""Feature codes: what members and administrators do from a phone, and what they hear."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from fshunt.db.queries import calls
from fshunt.freeswitch.feature_tones import TONES, Heard
from fshunt.hunting.addresses import parse_member
from fshunt.services import accounts, audit, groups, hours, members, undo
from fshunt.services.users import Role
from fshunt.simulator.core.phones import answers
from tests.support.rig import DOMAIN, Rig
from tests.support.waiting import WAIT_SECONDS


def dial(rig: Rig, number: str, login: str | None = "1001", **more: object) -> str:
    """Dial a number as a phone that has logged in, and return what is heard in the end."""
    call = rig.switch.call(number, login=login, **more)
    rig.until(lambda: call.played, "a sound begins")
    rig.pass_time_until(call.ended.is_set, "the call has ended")
    assert call.ending.cause == "NORMAL_CLEARING"
    (played,) = call.played
    return next((heard.value for heard in Heard if TONES[heard] == played), played)


def administrator(rig: Rig, name: str, extension: str, *pilots: str, role: Role = Role.ADMIN) -> None:
    with rig.store.writing() as s:
        accounts.add_user(s, name, role, domain=DOMAIN, extension=extension)
        for pilot in pilots:
            accounts.grant(s, name, DOMAIN, pilot)


def blocked_in(rig: Rig, extension: str) -> tuple[str, ...]:
    with rig.store.reading() as s:
        return members.block_state(s, DOMAIN, extension, rig.daemon.deps.now()).blocked_in


def is_open(rig: Rig, pilot: str = "5000") -> bool:
    with rig.store.reading() as s:
        return hours.state_of(groups.get_group(s, DOMAIN, pilot), rig.daemon.deps.now()).closed is None


def changes(rig: Rig) -> list[tuple[str, str, str, str]]:
    """The changes by phone, oldest first: actor, subject, key, action."""
    with rig.store.reading() as s:
        found = [each for each in audit.history(s) if each.entrance is audit.Entrance.PHONE]
    return [(each.actor, each.subject.value, each.key, each.action.value) for each in reversed(found)]


def test_a_member_blocks_and_unblocks_in_all_groups(rig: Rig) -> None:
    rig.group("5000", "1001", "1002")
    assert dial(rig, "*13") == "done"
    assert blocked_in(rig, "1001") == ("5000",)
    assert dial(rig, "*15") == "blocked"
    assert dial(rig, "*14") == "done"
    assert blocked_in(rig, "1001") == ()
    assert dial(rig, "*15") == "in-turn"
    by = f"1001@{DOMAIN}"
    assert changes(rig) == [(by, "block", "1001", "add"), (by, "block", "1001", "remove")]


def test_it_leaves_no_record_of_a_hunt_and_counts(light_rig: Rig) -> None:
    rig = light_rig
    rig.group("5000", "1001")
    before = rig.daemon.deps.metrics.page()
    assert b'fshunt_feature_calls_total{result="done"} 0.0' in before
    dial(rig, "*13")
    dial(rig, "*13", login=None)
    page = rig.daemon.deps.metrics.page()
    assert b'fshunt_feature_calls_total{result="done"} 1.0' in page
    assert b'fshunt_feature_calls_total{result="refused"} 1.0' in page
    with rig.store.reading() as s:
        assert calls.list_calls(s) == []


def test_dialled_twice_it_sounds_the_same_and_changes_nothing_more(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    assert [dial(light_rig, number) for number in ("*13", "*13", "*14", "*14")] == ["done"] * 4
    assert [action for *_, action in changes(light_rig)] == ["add", "remove"]


def test_one_group_alone(rig: Rig) -> None:
    rig.group("5000", "1001")
    rig.group("5001")
    with rig.store.writing() as s:
        members.add_members(s, DOMAIN, "5001", [parse_member("1001")], shared=True)
    assert dial(rig, "*135001") == "done"
    assert blocked_in(rig, "1001") == ("5001",)
    assert [dial(rig, number) for number in ("*15", "*155000", "*155001")] == ["blocked-in-some", "in-turn", "blocked"]
    assert dial(rig, "*145001") == "done"
    assert blocked_in(rig, "1001") == ()


REFUSED = ["*13", "*14", "*15", "*135000", "*139999", "*48", "*485000", "block+1002", "block+1002+5000", "block+"]


@pytest.mark.parametrize("number", REFUSED)
def test_who_is_no_member_hears_refusal_and_changes_nothing(light_rig: Rig, number: str) -> None:
    light_rig.group("5000", "1002")
    assert dial(light_rig, number) == "refused"
    assert blocked_in(light_rig, "1002") == ()
    assert changes(light_rig) == []


@pytest.mark.parametrize(
    "variables",
    [
        {"sip_authorized": "false"},
        {"sip_auth_username": ""},
        {"requested_domain_name": ""},
        {"requested_domain_name": "elsewhere.test"},
        {"sip_auth_username": "1003", "sip_number_alias": "1003"},
    ],
    ids=lambda variables: " ".join(f"{name}={value}" for name, value in variables.items()),
)
def test_what_another_one_or_nobody_proves_counts_for_nothing(light_rig: Rig, variables: dict[str, str]) -> None:
    light_rig.group("5000", "1001")
    assert dial(light_rig, "*13", variables=variables) == "refused"
    assert blocked_in(light_rig, "1001") == ()


def test_the_caller_id_and_the_user_of_the_dialplan_do_not_count(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002")
    named = {"user_name": "1002", "sip_from_user": "1002", "effective_caller_id_number": "1002"}
    assert dial(light_rig, "*13", caller_number="1002", caller_name="1002", variables=named) == "done"
    assert (blocked_in(light_rig, "1001"), blocked_in(light_rig, "1002")) == (("5000",), ())


def test_nobody_acts_for_a_caller_by_a_transfer(light_rig: Rig) -> None:
    rig = light_rig
    rig.group("5000", "1001")
    call = rig.switch.call("1005", login="1001")
    call.send_away("*13")
    assert call.join(WAIT_SECONDS)
    assert call.played == [TONES[Heard.REFUSED]]
    assert blocked_in(rig, "1001") == ()


def test_a_further_number_of_the_user_may_be_the_member(light_rig: Rig) -> None:
    light_rig.group("5000", "2017")
    assert dial(light_rig, "*13", variables={"sip_number_alias": "2017"}) == "done"
    assert blocked_in(light_rig, "2017") == ("5000",)


def test_a_user_who_is_a_member_by_both_names_blocks_both(light_rig: Rig) -> None:
    light_rig.group("5000", "2017")
    light_rig.group("5001", "1001")
    both = {"sip_number_alias": "2017"}
    assert dial(light_rig, "*13", variables=both) == "done"
    assert (blocked_in(light_rig, "2017"), blocked_in(light_rig, "1001")) == (("5000",), ("5001",))
    assert dial(light_rig, "*145001", variables=both) == "done"
    assert dial(light_rig, "*15", variables=both) == "blocked-in-some"
    assert dial(light_rig, "*155000", variables=both) == "blocked"
    assert dial(light_rig, "*14", variables=both) == "done"
    assert dial(light_rig, "*15", variables=both) == "in-turn"


def test_an_administrator_closes_and_opens_the_own_groups(rig: Rig) -> None:
    rig.group("5000", "1002")
    rig.group("5001", "1003")
    administrator(rig, "ben", "1001", "5000")
    assert dial(rig, "*485000") == dial(rig, "*485000") == "done"
    assert not is_open(rig)
    assert dial(rig, "*485001") == "refused"
    assert is_open(rig, "5001")
    assert dial(rig, "*495000") == dial(rig, "*495000") == "done"
    assert is_open(rig)
    assert changes(rig) == [("ben", "hours", "5000", "set")] * 2


def test_a_provider_does_so_in_all_groups_and_a_disabled_user_in_none(light_rig: Rig) -> None:
    light_rig.group("5000", "1002")
    administrator(light_rig, "ana", "1001", role=Role.PROVIDER)
    administrator(light_rig, "eva", "1009", role=Role.PROVIDER)
    assert dial(light_rig, "*485000") == "done"
    with light_rig.store.writing() as s:
        accounts.enable_user(s, "ana", False)
    assert dial(light_rig, "*495000") == "refused"
    assert not is_open(light_rig)


def test_a_user_who_is_only_a_member_closes_nothing(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    administrator(light_rig, "lea", "1001", role=Role.MEMBER)
    assert dial(light_rig, "*485000") == "refused"
    assert dial(light_rig, "*13") == "done"
    assert changes(light_rig) == [("lea", "block", "1001", "add")]


def test_a_key_toggles_the_own_block(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002")
    assert dial(light_rig, "block+1001") == "done"
    assert blocked_in(light_rig, "1001") == ("5000",)
    assert dial(light_rig, "block+1001+5000") == "done"
    assert blocked_in(light_rig, "1001") == ()
    assert dial(light_rig, "block+1002") == "refused"


def test_an_administrator_toggles_a_member_in_the_groups_that_are_looked_after(rig: Rig) -> None:
    rig.group("5000", "1002")
    rig.group("5001")
    with rig.store.writing() as s:
        members.add_members(s, DOMAIN, "5001", [parse_member("1002")], shared=True)
    administrator(rig, "ben", "1001", "5000")
    assert dial(rig, "block+1002") == "done"
    assert blocked_in(rig, "1002") == ("5000",)
    assert dial(rig, "block+1002+5001") == "refused"
    assert dial(rig, "block+1002+5000") == "done"
    assert blocked_in(rig, "1002") == ()
    with rig.store.writing() as s:
        accounts.grant(s, "ben", DOMAIN, "5001")
    assert dial(rig, "block+1002") == "done"
    assert blocked_in(rig, "1002") == ("5000", "5001")


def test_a_phone_that_rings_stops(rig: Rig) -> None:
    rig.group("5000", "1001", "1002")
    rig.phones("1001", "1002")
    rings, stops, next_rings = (
        rig.happens("rings", "1001"),
        rig.happens("stops ringing", "1001"),
        rig.happens("rings", "1002"),
    )
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    assert dial(rig, "*13") == "done"
    assert stops.wait(WAIT_SECONDS)
    assert next_rings.wait(WAIT_SECONDS)
    call.hang_up()
    assert call.join(WAIT_SECONDS)


def test_an_undo_takes_a_change_by_phone_back(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    dial(light_rig, "*13")
    with light_rig.store.writing() as s:
        undo.undo(s, audit.history(s)[0].id)
    assert blocked_in(light_rig, "1001") == ()


def test_while_the_database_is_away_it_is_refused_with_a_warning_and_nothing_changes_later(
    light_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = light_rig
    rig.group("5000", "1001")
    with rig.store.writing() as s:
        s.execute(text("UPDATE cluster SET tickets = tickets"))  # SQLite has one writer at a time
        assert dial(rig, "*13") == "refused"
    said = [each for each in caplog.records if "feature code *13 of 1001@" in each.getMessage()]
    assert [each.levelname for each in said] == ["WARNING"]
    rig.until(lambda: rig.daemon.deps.database.away is None, "the database is asked again")
    assert blocked_in(rig, "1001") == ()
    assert b'fshunt_feature_calls_total{result="failed"} 1.0' in rig.daemon.deps.metrics.page()


def test_a_channel_may_have_any_name_that_can_be_said(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    assert dial(light_rig, "*13", uuid="it's@[2001:db8::1]:5060") == "done"
    assert dial(light_rig, "*14", uuid="unload-mod_event_socket") == "refused", "FreeSWITCH would take it for a command"
    assert blocked_in(light_rig, "1001") == ("5000",)


def test_a_stop_waits_for_the_change_and_cuts_no_sound(light_rig: Rig) -> None:
    rig = light_rig
    rig.group("5000", "1001")
    call = rig.switch.call("*13", login="1001")
    rig.until(lambda: blocked_in(rig, "1001"), "the block is made")
    rig.daemon.stop()
    assert call.join(WAIT_SECONDS)
    assert call.played == [TONES[Heard.DONE]]


def test_without_a_daemon_it_is_refused(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    light_rig.daemon.stop()
    assert dial(light_rig, "*13") == "refused"


def test_who_is_sent_on_from_a_code_to_a_pilot_is_hunted_for(light_rig: Rig) -> None:
    rig = light_rig
    rig.group("5000", "1002")
    rig.phones("1002", behaviour=answers(0.01))
    call = rig.switch.call("*13", login="1001", variables={"fshunt_feature": "*13"})
    call.send_away("5000")
    assert call.talking.wait(WAIT_SECONDS)
    call.hang_up()
    assert call.join(WAIT_SECONDS)


def test_a_number_that_the_settings_no_longer_have_is_refused(light_rig: Rig) -> None:
    rig = light_rig
    rig.group("5000", "1001")
    current = rig.daemon.deps.current
    current.take(replace(current.now, block_code="*77"))
    assert dial(rig, "*13") == "refused"
    assert blocked_in(rig, "1001") == ()


def test_sound_files_are_played_before_the_tone(light_rig: Rig) -> None:
    rig = light_rig
    rig.group("5000", "1001")
    current = rig.daemon.deps.current
    current.take(replace(current.now, feature_sounds="/sounds/codes/"))
    assert dial(rig, "*13") == f"file_string:///sounds/codes/done.wav!{TONES[Heard.DONE]}"
