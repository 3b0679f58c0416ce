import re
from contextlib import closing
from datetime import UTC, datetime

import pytest

from fshunt.db.engine import open_store
from fshunt.db.models import GroupRotation
from fshunt.db.queries import calls
from fshunt.hunting.policies import POLICIES
from fshunt.hunting.states import Outcome
from fshunt.settings import load


def test_a_change_is_shown_before_and_after(office):
    said = office.run("group", "set", "5000", "--rings", "5", "--prefix", "Sales").stdout
    assert said.splitlines() == ["Changed group 5000 of pbx.test:", "  rings: 3 -> 5", "  prefix: none -> Sales"]
    said = office.run("group", "set", "5000", "--ring-seconds", "20").stdout
    assert said.splitlines()[1:] == ["  rings: 5 -> none", "  ring seconds: none -> 20"]
    said = office.run("group", "renumber", "5000", "5100").stdout
    assert said.splitlines() == ["Renumbered group 5000 of pbx.test:", "  pilot: 5000 -> 5100"]
    said = office.run("member", "set", "5100", "1002", "--weight", "7").stdout
    assert said.splitlines() == ["Changed 1002 in group 5100 of pbx.test:", "  weight: 1 -> 7"]


def test_a_change_that_changes_nothing_says_so(office):
    unchanged = "Nothing has changed: group 5000 of pbx.test is so already.\n"
    assert office.run("group", "set", "5000", "--policy", "circular").stdout == unchanged
    assert office.run("group", "renumber", "5000", "5000").stdout == unchanged
    said = office.run("member", "set", "5000", "1002", "--weight", "1").stdout
    assert said == "Nothing has changed: 1002 is so already.\n"


def test_a_group_is_added_with_all_its_options(fshunt):
    fshunt.run(
        *("group", "add", "5000", "--name", "Sales", "--policy", "round-robin", "--ring-seconds", "20"),
        *("--voicemail", "1005", "--cycles", "2", "--hunt-timeout", "90", "--prefix", "Sales", "--call-waiting"),
        *("--music", "local_stream://moh", "--on-no-answer", "transfer:5001", "--on-busy", "hangup:USER_BUSY"),
        *("--on-unreachable", "voicemail:1009", "--when-busy", "queue", "--auto-block", "3"),
        *("--wrap-up", "15"),
    )
    group = fshunt.json("group", "show", "5000")
    given = {
        "domain": "pbx.test",
        "pilot": "5000",
        "name": "Sales",
        "policy": "round-robin",
        "rings": None,
        "ring_seconds": 20.0,
        "effective_ring_seconds": 20.0,
        "voicemail": "1005",
        "box": "1005",
        "cycles": 2,
        "hunt_timeout": 90.0,
        "prefix": "Sales",
        "music": "local_stream://moh",
        "call_waiting": True,
        "wrap_up_seconds": 15.0,
        "when_busy": "queue",
        "auto_block": 3,
        "on_no_answer": "transfer:5001",
        "on_busy": "hangup:USER_BUSY",
        "on_unreachable": "voicemail:1009",
        "enabled": True,
        "members": [],
        "last_answered_member": None,
        "last_answered_position": None,
        "last_first_member": None,
        "last_first_position": None,
    }
    assert {name: group[name] for name in given} == given


def test_a_destination_that_closes_a_loop_is_saved_with_a_warning(fshunt):
    fshunt.run("group", "add", "5000", "--on-busy", "transfer:5001")
    warning = "Callers of group 5001 can overflow back into it (5001 to 5000 to 5001)"
    assert warning in fshunt.run("group", "add", "5001", "--on-no-answer", "transfer:5000").stderr
    assert warning in fshunt.run("group", "set", "5001", "--on-no-answer", "transfer:5000").stderr
    assert warning in fshunt.run("group", "show", "5001").stderr
    assert "can overflow back" in fshunt.run("group", "show", "5000").stderr
    assert "can overflow back" not in fshunt.run("group", "set", "5001", "--on-no-answer", "transfer:1005").stderr


def test_a_group_needs_no_more_than_its_number(fshunt):
    result = fshunt.run("group", "add", "5000")
    assert "Added group 5000 of pbx.test." in result.stdout
    assert "3 rings (18 s)" in result.stdout
    group = fshunt.json("group", "show", "5000")
    assert (group["rings"], group["ring_seconds"], group["effective_ring_seconds"]) == (3, None, 18.0)


def test_the_ring_time_is_shown_in_rings_of_the_length_that_is_set(office):
    office.env["FSHUNT_SECONDS_PER_RING"] = "5"
    assert "3 rings (15 s)" in office.run("group", "show", "5000").stdout
    office.run("group", "set", "5000", "--ring-seconds", "20")
    assert "20 s (4 rings)" in office.run("group", "show", "5000").stdout


def test_the_page_of_a_group_shows_its_voicemail_box(office):
    assert "on no answer    voicemail 1003 (box of the last member)" in office.run("group", "show", "5000").stdout
    office.run("group", "set", "5000", "--on-busy", "transfer:5001", "--on-unreachable", "hangup:NORMAL_CLEARING")
    office.run("group", "set", "5000", "--voicemail", "1009")
    page = office.run("group", "show", "5000").stdout
    assert "on no answer    voicemail 1009 (box of the group)" in page
    assert "on busy         transfer to 5001" in page
    assert "on unreachable  hang up with NORMAL_CLEARING" in page


def test_the_last_extension_has_the_box_where_the_last_member_is_external(office):
    office.run("member", "add", "5000", "+14155550123@carrier")
    assert "voicemail 1003 (box of the last extension)" in office.run("group", "show", "5000").stdout


def test_one_member_without_another_box_is_warned_of(fshunt):
    fshunt.run("group", "add", "5000")
    warned = fshunt.run("member", "add", "5000", "1001")
    assert "Warning: Group 5000 has one member and no other box" in warned.stderr
    assert "Warning" in fshunt.run("group", "show", "5000").stderr
    assert fshunt.json("group", "show", "5000")["warnings"]
    fshunt.run("group", "set", "5000", "--voicemail", "1009")
    assert fshunt.run("group", "show", "5000").stderr == ""


def test_a_queue_without_a_hunt_timeout_is_warned_about(office):
    warned = office.run("group", "set", "5000", "--when-busy", "queue").stderr
    assert warned == "Warning: Group 5000 queues callers without a hunt timeout: they wait up to 3600 s.\n"
    assert office.json("group", "show", "5000")["warnings"] == [warned.removeprefix("Warning: ").strip()]
    assert office.run("group", "set", "5000", "--hunt-timeout", "60").stderr == ""
    assert office.run("group", "set", "5000", "--hunt-timeout", "none", "--when-busy", "overflow").stderr == ""


def test_the_page_shows_queued_callers_and_auto_blocked_members(office, database_url):
    page = office.run("group", "show", "5000").stdout
    assert "when all are busy" not in page
    assert "blocked by itself" not in page
    office.run("group", "set", "5000", "--when-busy", "queue", "--auto-block", "3")
    page = office.run("group", "show", "5000").stdout
    assert re.search(r"when busy +queue: first come, first served", page)
    assert re.search(r"auto-block +after 3 unanswered calls in a row", page)
    office.run("group", "set", "5000", "--auto-block", "1")
    assert "after 1 unanswered call" in office.run("group", "show", "5000").stdout
    let_ring_out(database_url, "1002")
    assert "blocked after 1 unanswered call" in office.run("group", "show", "5000").stdout
    member = office.json("group", "show", "5000")["members"][1]
    assert (member["blocked"], member["auto_blocked"], member["unanswered_in_a_row"]) == (True, True, 1)
    office.run("member", "unblock", "1002")
    assert "blocked after" not in office.run("group", "show", "5000").stdout


def let_ring_out(url, extension):
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    member = next(each for each in group_of(url).members if each.extension == extension)
    caller = {"uuid": "u1", "caller_number": None, "caller_name": None, "node": "node"}
    group = {"domain": "pbx.test", "pilot": "5000", "group_name": "Sales", "policy": "circular"}
    place = {"stage": 1, "cycle": 1, "position": member.position, "extension": extension, "phones": 1}
    with closing(open_store(url)) as store, store.writing() as session:
        calls.open_call(session, "h1", **caller, **group, started_at=at, policy_input=None)
        calls.add_offer(session, "o1", call_id="h1", **place, ring_seconds=18.0, started_at=at)
        ended = {"ended_at": at, "outcome": Outcome.NO_ANSWER}
        calls.end_offer(session, "o1", **ended, member_id=member.id, rang_whole_time=True)


def test_omitted_options_keep_their_value_and_none_clears_it(office):
    office.run(
        *("group", "set", "5000", "--voicemail", "1009", "--prefix", "Sales", "--music", "local_stream://moh"),
        *("--hunt-timeout", "60", "--on-busy", "transfer:5001", "--wrap-up", "15"),
        *("--when-busy", "queue", "--auto-block", "4"),
    )
    before = office.json("group", "show", "5000")
    office.run("group", "set", "5000", "--name", "Shop")
    assert office.json("group", "show", "5000") == before | {"name": "Shop"}
    cleared = (
        "--voicemail",
        "--prefix",
        "--music",
        "--hunt-timeout",
        "--auto-block",
        "--on-no-answer",
        "--on-busy",
        "--on-unreachable",
    )
    office.run("group", "set", "5000", *(word for option in cleared for word in (option, "none")))
    after = office.json("group", "show", "5000")
    assert [after[name] for name in ("voicemail", "prefix", "music", "hunt_timeout", "auto_block")] == [None] * 5
    assert after["on_busy"] == "voicemail"
    assert (after["wrap_up_seconds"], after["name"], after["when_busy"]) == (15.0, "Shop", "queue")


def test_groups_are_listed_in_order_of_pilot(office):
    office.run("group", "add", "4000")
    assert [group["pilot"] for group in office.json("group", "list")] == ["4000", "5000"]
    lines = office.run("group", "list").stdout.splitlines()
    assert lines[0].split() == ["pilot", "name", "policy", "ring", "time", "members", "state"]
    assert lines[2].split(maxsplit=3)[:3] == ["5000", "Sales", "circular"]
    assert "1001 1002 1003" in lines[2]


def test_before_the_first_group_the_list_is_empty(fshunt):
    del fshunt.env["FSHUNT_DEFAULT_DOMAIN"]
    assert fshunt.json("group", "list") == []
    assert "No groups yet" in fshunt.run("group", "list").stdout


def test_a_group_is_disabled_and_enabled(office):
    assert "Disabled group 5000 of pbx.test." in office.run("group", "disable", "5000").stdout
    assert office.json("group", "show", "5000")["enabled"] is False
    assert "(disabled)" in office.run("group", "show", "5000").stdout
    office.run("group", "enable", "5000")
    assert office.json("group", "show", "5000")["enabled"] is True


def test_a_group_is_renumbered_and_keeps_its_other_settings(office):
    before = office.json("group", "show", "5000")
    office.run("group", "renumber", "5000", "5100")
    assert office.json("group", "show", "5100") == before | {"pilot": "5100"}
    assert "did you mean 5100?" in office.refused(1, "group", "show", "5000")


def test_a_group_is_removed(office):
    office.run("group", "remove", "5000", "--yes")
    assert office.json("group", "list", "--domain", "pbx.test") == []


def test_the_page_shows_whose_turn_it_is(office, database_url):
    assert "no call yet; 1001 is first on the next call" in office.run("group", "show", "5000").stdout
    member = {each.extension: each for each in group_of(database_url).members}["1003"]
    with open_store(database_url).writing() as session:
        memory = session.get_one(GroupRotation, group_of(database_url).id)
        memory.answerer_id, memory.answerer_position = member.id, 3
        memory.first_id, memory.first_position = None, 2
    assert "1003 answered last; 1001 is first on the next call" in office.run("group", "show", "5000").stdout
    office.run("group", "set", "5000", "--policy", "round-robin")
    assert (
        "a member who has left, at position 2, was first last time; 1002 is first on the next call"
        in office.run("group", "show", "5000").stdout
    )
    shown = office.json("group", "show", "5000")
    assert (shown["last_answered_member"], shown["last_answered_position"]) == ("1003", 3)
    assert (shown["last_first_member"], shown["last_first_position"]) == (None, 2)


def group_of(url):
    from fshunt.services.groups import get_group

    with open_store(url).reading() as session:
        return get_group(session, "pbx.test", "5000")


def test_help_distinguishes_circular_from_round_robin(fshunt):
    words = " ".join(fshunt.run("group", "add", "--help").stdout.split())
    for name, policy in POLICIES.items():
        assert f"{name}: {policy.help}." in words


def test_the_domain_may_stand_anywhere_and_is_over_the_setting(office):
    office.run("--domain", "b.test", "group", "add", "7000")
    office.run("group", "--domain", "b.test", "add", "7001")
    office.run("group", "add", "7002", "--domain", "b.test")
    assert [group["pilot"] for group in office.json("group", "list", "--domain", "b.test")] == ["7000", "7001", "7002"]
    assert [group["pilot"] for group in office.json("group", "list")] == ["5000"]


SECOND_DOMAIN = "Warning: pbx.tst is a second domain besides pbx.test: "


def test_a_second_domain_is_warned_of(office):
    del office.env["FSHUNT_DEFAULT_DOMAIN"]
    assert "second domain" not in office.run("group", "add", "5001").stderr
    warned = office.run("group", "add", "5100", "--domain", "pbx.tst").stderr.splitlines()
    assert SECOND_DOMAIN + "from now on commands need --domain, or the setting `default_domain`." in warned
    assert "second domain" not in office.run("group", "add", "5101", "--domain", "pbx.tst").stderr


def test_a_second_domain_beside_the_one_that_is_set_is_warned_of_too(office):
    warned = office.run("group", "add", "5100", "--domain", "pbx.tst").stderr.splitlines()
    assert SECOND_DOMAIN + "commands without --domain mean pbx.test, the setting `default_domain`." in warned


def test_the_first_domain_is_no_warning(fshunt):
    assert "second domain" not in fshunt.run("group", "add", "5000").stderr


def test_the_only_domain_is_the_default(office):
    del office.env["FSHUNT_DEFAULT_DOMAIN"]
    assert office.json("group", "show", "5000")["domain"] == "pbx.test"
    office.run("group", "add", "7000", "--domain", "b.test")
    assert "Name the domain with --domain" in office.refused(2, "group", "show", "5000")
    assert load(environ=office.env).settings.default_domain is None


def test_without_a_domain_the_groups_of_all_domains_are_listed(office):
    assert office.run("group", "list").stdout.split()[:2] == ["pilot", "name"]
    office.run("group", "add", "7000", "--domain", "b.test")
    assert [group["pilot"] for group in office.json("group", "list")] == ["5000"]
    del office.env["FSHUNT_DEFAULT_DOMAIN"]
    titles, *rows = office.run("group", "list").stdout.splitlines()
    assert titles.split()[0] == "domain"
    assert [row.split()[:2] for row in rows] == [["b.test", "7000"], ["pbx.test", "5000"]]
    assert "domain" not in office.run("group", "list", "--domain", "b.test").stdout
    assert "There is no domain c.test" in office.refused(1, "group", "list", "--domain", "c.test")


def test_the_list_of_groups_can_be_narrowed(office):
    office.run("group", "add", "5100", "--policy", "uniform")
    office.run("member", "add", "5100", "1009", "+14155550123@carrier")
    office.run("group", "disable", "5100")

    def listed(*words: str) -> list[str]:
        return [group["pilot"] for group in office.json("group", "list", *words)]

    assert listed("--member", "1001") == ["5000"]
    assert listed("--member", "+14155550123@other") == ["5100"]
    assert listed("--policy", "uniform") == ["5100"]
    assert listed("--disabled") == ["5100"]
    assert listed("--disabled", "--member", "1001") == []
    assert "No groups match" in office.run("group", "list", "--disabled", "--member", "1001").stdout
    assert "did you mean" in office.refused(2, "group", "list", "--policy", "unifrm")


def test_none_clears_the_name_as_any_other_value(office):
    said = office.run("group", "set", "5000", "--name", "none").stdout
    assert said.splitlines()[1:] == ["  name: Sales -> none"]
    assert office.json("group", "show", "5000")["name"] == ""
    assert office.json("group", "set", "5000", "--name", "None")["name"] == "None"
    added = office.json("group", "add", "5100", "--name", "none", "--prefix", "none", "--on-busy", "none")
    assert (added["name"], added["prefix"], added["on_busy"]) == ("", None, "voicemail")


def test_config_names_the_settings_file_wherever_it_stands(office, tmp_path):
    file = tmp_path / "other.toml"
    file.write_text("seconds_per_ring = 4\n")
    for words in (("--config", str(file), "group", "show", "5000"), ("group", "show", "5000", "--config", str(file))):
        assert "3 rings (12 s)" in office.run(*words).stdout


def test_limits_are_shown_set_and_cleared(office):
    assert "policies          all" in office.run("group", "limits", "5000").stdout
    page = office.run("group", "limits", "5000", "--policies", "regular,circular", "--max-external-members", "0").stdout
    assert "policies          regular, circular" in page
    assert "external members  none" in page
    shown = office.json("group", "limits", "5000", "--max-ring-seconds", "10", "--transfers-to-pilots")
    assert shown["policies"] == ["regular", "circular"]
    assert (shown["max_ring_seconds"], shown["transfers_to_pilots"], shown["gateways"]) == (10.0, True, None)
    assert office.json("group", "limits", "5000", "--policies", "none")["policies"] is None
    assert office.json("group", "limits", "5000", "--clear")["max_ring_seconds"] is None


def test_limits_do_not_bind_the_command_line_which_names_what_goes_beyond(office):
    office.run("group", "limits", "5000", "--policies", "weighted")
    office.run("group", "set", "5000", "--policy", "simultaneous")
    warned = office.run("group", "limits", "5000").stderr
    assert "may not have the policy simultaneous: its provider allows weighted." in warned


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--policies", "quick"), "'quick' is not a policy"),
        (("--max-ring-seconds", "0"), "--max-ring-seconds must be from 1 to 600, not 0"),
        (("--max-external-members", "many"), "'many' is not a whole number"),
        (("--gateways", "a/b"), "'a/b' is not a gateway"),
        (("--clear", "--policies", "regular"), "Use either --clear or other options"),
    ],
)
def test_limits_that_cannot_be_are_refused_in_a_sentence(office, words, sentence):
    assert sentence in office.refused(2, "group", "limits", "5000", *words)
