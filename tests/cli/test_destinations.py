"""Voicemail boxes and transfers are looked for on the switch when they are set, and by `config check`."""

from __future__ import annotations

import json

import pytest

from fshunt.simulator.switch import SimulatedSwitch
from tests.support.ports import held_port, number_of
from tests.support.threaded_switch import simulated_switch


def without_5999(switch: SimulatedSwitch):
    """The directory of this switch has all users but 5999 and 1003; 7000 is a number that refuses."""
    switch.unknown_users.update(("5999", "1003"))
    switch.routes["7000"] = [("respond", "404")]
    return lambda: True


@pytest.fixture
def switched(office, tmp_path):
    """The command line with a switch."""
    with simulated_switch(tmp_path, without_5999) as setting:
        office.env["FSHUNT_SWITCH"] = setting
        yield office


def test_a_box_that_exists_is_set(switched):
    page = switched.run("group", "set", "5000", "--voicemail", "1005")
    assert "Voicemail box 1005 of pbx.test: found." in page.stdout
    assert page.stderr == ""
    assert "not checked" not in switched.run("group", "show", "5000").stdout


def test_a_box_that_does_not_exist_is_refused_and_nothing_is_changed(switched):
    sentences = switched.all_refused(
        1,
        [
            ("group", "set", "5000", "--voicemail", "5999"),
            ("group", "set", "5000", "--on-busy", "voicemail:5999", "--json"),
            ("group", "add", "5001", "--voicemail", "5999"),
        ],
    )
    expected = (
        "Voicemail box 5999 of pbx.test: not found (user 5999@pbx.test is not in the directory). Its callers would be "
        "answered and then cut: name one that exists, or use --force to save it."
    )
    assert sentences == [expected] * 3


def test_force_saves_it_and_warns(switched):
    result = switched.run("group", "set", "5000", "--voicemail", "5999", "--force")
    assert "Warning: Voicemail box 5999 of pbx.test: not found" in result.stderr
    assert switched.json("group", "show", "5000")["voicemail"] == "5999"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("1001", "Number 1001: found (extension ^1\\d{3}$, context default)."),
        ("4711", "Number 4711: not found (in context default)."),
        ("7000", "Number 7000: not found (extension ^7000$ ends the call, context default)."),
    ],
)
def test_a_number_is_only_told_of(switched, number, said):
    result = switched.run("group", "set", "5000", "--on-busy", f"transfer:{number}")
    assert said in (result.stdout if "found (ext" in said and "not" not in said else result.stderr)
    assert switched.json("group", "show", "5000")["on_busy"] == f"transfer:{number}"


def test_a_number_in_a_context_that_the_switch_does_not_show_cannot_be_checked(switched):
    words = ("group", "set", "5000", "--on-busy", "transfer:1001", "--transfer-context", "nowhere", "--json")
    warnings = json.loads(switched.run(*words).stdout)["warnings"]
    assert warnings == ["Number 1001: cannot be checked (the switch does not show context nowhere)."]


def test_what_is_not_about_destinations_asks_nobody(switched):
    with held_port() as held:
        switched.env["FSHUNT_SWITCH"] = f"127.0.0.1:{number_of(held)}=/nowhere"
        assert switched.run("group", "set", "5000", "--name", "Sales").stderr == ""


def test_without_a_switch_it_is_saved_as_not_checked(office):
    words = ("group", "set", "5000", "--voicemail", "5999", "--on-busy", "transfer:4711")
    warned = json.loads(office.run(*words, "--json").stdout)["warnings"]
    assert warned == [
        "Voicemail box 5999 of pbx.test: not checked (no [[switch]] is configured).",
        "Number 4711: cannot be checked (no [[switch]] is configured).",
    ]
    assert "destinations    not checked: no [[switch]] is configured" in office.run("group", "show", "5000").stdout
    assert "destinations: Not checked: no [[switch]] is configured." in office.invoke("config", "check").stdout


def test_a_switch_that_is_away_refuses_nothing(office, tmp_path):
    file = tmp_path / "password"
    file.write_text("s3cret")
    with held_port() as held:
        office.env["FSHUNT_SWITCH"] = f"127.0.0.1:{number_of(held)}={file}"
        result = office.run("group", "set", "5000", "--voicemail", "5999")
    assert "Warning: Voicemail box 5999 of pbx.test: not checked (switch 127.0.0.1:" in result.stderr
    assert destinations(office) == (True, "Not checked: no switch answers."), "once, not for each box and number"


def destinations(fshunt) -> tuple[bool, str]:
    checks = json.loads(fshunt.invoke("config", "check", "--json").stdout)["config"]["checks"]
    return next((check["ok"], check["message"]) for check in checks if check["name"] == "destinations")


def test_config_check_tells_of_every_box_and_number(switched):
    ok, message = destinations(switched)
    assert not ok, "the last member's box does not exist"
    assert "Voicemail box 1003 of pbx.test: not found" in message
    switched.run("group", "set", "5000", "--voicemail", "1005")
    assert destinations(switched) == (True, "All boxes and numbers are found.")
    switched.run("group", "set", "5000", "--on-busy", "transfer:4711")
    assert destinations(switched) == (True, "Number 4711: not found (in context default).")
    switched.env["FSHUNT_FALLBACK_BOX"] = "5999"
    assert not destinations(switched)[0]


def test_config_check_tells_of_a_domain_that_the_switch_has_not(switched):
    switched.run("group", "add", "5000", "--domain", "other.test")
    printed = switched.invoke("config", "check").stdout
    assert "PROBLEM  domains: The directory has no domain other.test. None of its members has a phone" in printed
    assert "other.test" not in destinations(switched)[1], "it is told once"


def test_a_new_member_whom_the_directory_does_not_have_is_added_with_a_warning(switched):
    switched.run("member", "remove", "5000", "1003")
    added = switched.run("member", "add", "5000", "1003", "1004", "+14155550123@carrier")
    assert added.stderr == (
        "Warning: Extension 1003 of pbx.test: not found (user 1003@pbx.test is not in the directory).\n"
    )
    assert switched.json("group", "show", "5000")["members"][-3]["extension"] == "1003"
    assert "There is no group 5999" in switched.refused(1, "member", "add", "5999", "1003")
