"""`fshunt config check` asks the switches whether a first call would ring phones."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fshunt.cli import status_at_switches
from fshunt.freeswitch.dialplan import write_table_dialplan
from fshunt.settings import Settings
from fshunt.simulator.dialplan.routing import features, shipped
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.threaded_switch import simulated_switch


class Setting:
    """How the switch is set: which users and phones it has, and where its dialplan leads pilots."""

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self.phones: list[str] = []
        self.controllers: list[tuple[str, int]] = []
        self.sessions = 1000
        self.routes: dict[str, list[tuple[str, str]]] = {}
        self.has_codes = True
        self.presence = "true"

    def __call__(self, switch: SimulatedSwitch):  # type: ignore[no-untyped-def]
        switch.unknown_users.update(self.unknown)
        switch.sofia_xml = (
            '<configuration name="sofia.conf"><profiles><profile name="internal"><settings>'
            f'<param name="manage-presence" value="{self.presence}"/></settings></profile></profiles></configuration>'
        )
        switch.routes.update(self.routes)
        switch.throttle.limit(replace(switch.throttle.limits, sessions=self.sessions))
        switch.pilot_actions = list(shipped(self.controllers, "pbx.test", "1001")) if self.controllers else []
        switch.feature_actions = features(self.controllers) if self.has_codes and self.controllers else []
        for extension in self.phones:
            switch.phone(extension)
        return lambda: True


@pytest.fixture
def setting() -> Setting:
    return Setting()


@pytest.fixture
def checks(office, tmp_path, setting):
    """Run the check at a switch with this setting, and return what it says of each part."""

    def run() -> dict[str, tuple[bool, str]]:
        with simulated_switch(tmp_path, setting) as said:
            office.env["FSHUNT_SWITCH"] = said
            printed = office.invoke("config", "check", "--json").stdout
        return {each["name"]: (each["ok"], each["message"]) for each in json.loads(printed)["config"]["checks"]}

    return run


@pytest.fixture
def daemon() -> Iterator[tuple[str, int]]:
    """Greets as a daemon does, whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"connect\n\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listening.getsockname()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_all_is_well(checks, setting, daemon):
    setting.phones, setting.controllers = ["1001"], [daemon]
    found = checks()
    assert found["pilots"] == (True, "The loaded dialplan gives the callers of all pilots to fshunt.")
    assert found["controllers"] == (True, f"FreeSWITCH finds fshunt at 127.0.0.1:{daemon[1]}.")
    assert found["members"] == (True, "The directory has all members.")
    assert found["phones"] == (True, "There are phones in each domain.")


def test_a_pilot_without_a_dialplan(checks):
    ok, said = checks()["pilots"]
    assert not ok
    assert said.startswith("Pilot 5000 is not in the loaded dialplan, context default. Callers do not get to fshunt.")


def test_a_demonstration_stands_before_the_pilot(checks, setting, daemon):
    setting.controllers = [daemon]
    setting.routes = {"5000": [("answer", ""), ("playback", "silence_stream://100")]}
    ok, said = checks()["pilots"]
    assert not ok
    assert said.startswith(
        "Calls to 5000 are taken by extension ^5000$, context default, which stands before fshunt's."
    )


def test_no_daemon_runs_where_freeswitch_connects(checks, setting, free_port):
    setting.controllers = [("127.0.0.1", free_port)]
    ok, said = checks()["controllers"]
    assert not ok
    assert said.startswith(f"FreeSWITCH takes callers to 127.0.0.1:{free_port}, where no fshunt answers.")


def test_a_member_whom_the_directory_has_not(checks, setting):
    setting.unknown = ["1003"]
    ok, said = checks()["members"]
    assert not ok
    assert said.startswith("The directory has no user 1003 in pbx.test.")


def test_nobody_has_a_phone(checks):
    ok, said = checks()["phones"]
    assert not ok
    assert said.startswith("No member of pbx.test has a phone that is registered. Callers go to voicemail at once.")


def test_why_one_of_two_switches_does_not_answer_is_told_once(office, tmp_path, setting, daemon, free_port):
    setting.controllers, setting.unknown = [daemon], ["1003"]
    with simulated_switch(tmp_path, setting) as said:
        office.env["FSHUNT_SWITCH"] = f"{said},localhost:{free_port}={tmp_path / 'password'}"
        printed = office.invoke("config", "check").stdout
    reason = f"FreeSWITCH at localhost:{free_port} cannot be reached"
    assert printed.count(reason) == 1
    assert f"PROBLEM  switch localhost:{free_port}: {reason}" in printed
    away = f"switch localhost:{free_port} did not answer."
    assert f"NOTE     members: Not checked: 1003@pbx.test: {away} It is not known whether" in printed
    assert f"NOTE     phones: Not checked at switch localhost:{free_port}." in printed
    assert "OK       pilots: The loaded dialplan gives" in printed


def test_a_group_that_is_larger_than_the_switch(office, checks, setting):
    office.run("group", "set", "5000", "--policy", "simultaneous")
    setting.phones, setting.sessions = ["1001"], 3
    ok, said = checks()["phones"]
    assert ok, "it rings in waves"
    assert "takes 3 calls at a time, and group 5000 rings 3 members at once." in said


def test_without_a_switch_nobody_is_asked(office):
    names = {each["name"] for each in json.loads(office.invoke("config", "check", "--json").stdout)["config"]["checks"]}
    assert names.isdisjoint({"pilots", "controllers", "members", "phones"})


def test_a_new_pilot_that_callers_cannot_reach_is_told_at_once(office, tmp_path, setting, daemon):
    setting.controllers, setting.routes = [daemon], {"5900": [("answer", ""), ("park", "")]}
    with simulated_switch(tmp_path, setting) as said:
        office.env["FSHUNT_SWITCH"] = said
        reached = office.run("group", "add", "5001")
        taken = office.run("group", "add", "5900")
        missing = office.run("group", "renumber", "5900", "6000")
    assert "dialplan" not in reached.stderr
    assert "Warning: Calls to 5900 are taken by extension ^5900$, context default" in taken.stderr
    assert "Warning: Pilot 6000 is not in the loaded dialplan, context default." in missing.stderr
    assert "`fshunt dialplan --table --out FILE --reload`" in missing.stderr


def test_a_new_group_of_a_domain_that_the_directory_lacks_is_told_at_once(office, tmp_path, setting):
    with simulated_switch(tmp_path, setting) as said:
        office.env["FSHUNT_SWITCH"] = said
        told = office.run("group", "add", "5001", "--domain", "wrong.test").stderr
        assert "no domain" not in office.run("group", "add", "5002", "--domain", "pbx.test").stderr
    assert "Warning: The directory has no domain wrong.test." in told
    assert "`fshunt domain rename wrong.test NEW`" in told


def test_without_a_switch_a_new_group_says_how_it_is_reached(office):
    assert "run `fshunt dialplan --out FILE`, then `fs_cli -x reloadxml`" in office.run("group", "add", "5001").stdout


@pytest.fixture
def by_table(setting, daemon, monkeypatch):
    """A switch whose dialplan reads the table of pilots, which outlasts each connection."""
    setting.controllers, setting.phones, kept = [daemon], ["1001"], {}
    address = f"{daemon[0]}:{daemon[1]}"
    text = write_table_dialplan(controllers=[address], voicemail_profile="default", codes=Settings().codes).replace(
        "include>", "context>"
    )
    monkeypatch.setattr(SimulatedSwitch, "dialplan_xml", lambda _switch, _context: text)
    monkeypatch.setattr(SimulatedSwitch, "kept_values", property(lambda _: kept, lambda *_: None), raising=False)
    return kept


def test_the_table_of_pilots_must_have_each_pilot(office, checks, by_table):
    ok, said = checks()["pilots"]
    assert not ok
    assert said.startswith("Pilot 5000 is not in the switch's table of pilots. Callers do not get to fshunt.")
    by_table["fshunt", "5000@pbx.test"] = "pbx.test|1001"
    assert checks()["pilots"] == (True, "The loaded dialplan gives the callers of all pilots to fshunt.")


CATCH_ALL = (
    '<extension name="acknowledge_call"><condition field="destination_number" expression="^(.*)$">'
    '<action application="playback" data="tone.wav"/></condition></extension>'
)


@pytest.fixture
def with_catch_all(by_table, monkeypatch):
    """The same, where the context ends with an extension that takes all numbers, as FreeSWITCH's example has it."""
    text = SimulatedSwitch.dialplan_xml(None, "default").replace("</context>", f"{CATCH_ALL}</context>")
    monkeypatch.setattr(SimulatedSwitch, "dialplan_xml", lambda _switch, _context: text)
    return by_table


def test_what_stands_after_the_table_does_not_take_the_pilots(office, checks, with_catch_all):
    ok, said = checks()["pilots"]
    assert not ok
    assert said.startswith("Pilot 5000 is not in the switch's table of pilots. Callers do not get to fshunt.")
    assert checks()["controllers"][1].startswith("FreeSWITCH finds fshunt at ")


def test_a_new_group_is_not_taken_by_what_stands_after_the_table(office, tmp_path, setting, with_catch_all):
    with simulated_switch(tmp_path, setting) as said:
        office.env["FSHUNT_SWITCH"] = said
        assert "taken by" not in office.run("group", "add", "5001").stderr
    assert ("fshunt", "5001@pbx.test") in with_catch_all


def test_a_new_group_is_in_the_table_when_the_command_ends(office, tmp_path, setting, by_table):
    with simulated_switch(tmp_path, setting) as said:
        office.env["FSHUNT_SWITCH"] = said
        assert "dialplan" not in office.run("group", "add", "5001").stderr
        assert "dialplan" not in office.run("group", "renumber", "5001", "5002").stderr
    assert {key for realm, key in by_table if realm == "fshunt" and "@" in key} == {"5000@pbx.test", "5002@pbx.test"}


def test_the_table_of_another_database_is_told(office, tmp_path, setting, by_table):
    by_table["fshunt_index", "database"] = "another"
    with simulated_switch(tmp_path, setting) as said:
        office.env["FSHUNT_SWITCH"] = said
        told = office.run("group", "add", "5001").stderr
        assert "Warning: The table of pilots was not written: its table of pilots belongs to another database." in told
        assert "Warning: Pilot 5001 is not in the switch's table of pilots." in told
        taken = office.run("dialplan", "--table", "--reload").stdout
    assert taken.startswith("FreeSWITCH has loaded it: 127.0.0.1:")
    assert by_table["fshunt", "5001@pbx.test"] == "pbx.test|-"


@pytest.fixture
def status(office, tmp_path, setting, beat):
    """What `fshunt status` finds at a switch with this setting, which a daemon watches or not."""
    asked = ("pilot-not-reached", "domain-not-found", "lamps-not-told")

    def run(*, watched: bool = True) -> list[str]:
        with simulated_switch(tmp_path, setting) as said:
            office.env["FSHUNT_SWITCH"] = said
            name = said.partition("=")[0]
            beat(switches=[{"name": name, "watched": watched}])
            printed = office.invoke("status", "--json").stdout
        found = json.loads(printed)["status"]
        return [each["message"] for each in found["problems"] + found["notes"] if each["code"] in asked]

    return run


def test_status_tells_a_pilot_that_callers_do_not_reach(status, setting, daemon):
    (said,) = status()
    assert said.startswith("Pilot 5000 is not in the loaded dialplan, context default. Callers do not get to fshunt.")
    setting.controllers = [daemon]
    assert status() == []


def test_status_tells_a_domain_that_the_directory_lacks_before_a_call_fails(office, status, setting, daemon):
    setting.controllers = [daemon]
    office.run("group", "add", "5001", "--domain", "wrong.test")
    (said,) = status()
    assert said.startswith("The directory has no domain wrong.test. None of its members has a phone that could ring")
    assert "`fshunt domain rename wrong.test NEW`" in said


def test_status_tells_that_no_phone_is_told_lamps_unless_they_are_off(office, status, setting, daemon, monkeypatch):
    setting.controllers, setting.presence = [daemon], "false"
    (said,) = status()
    name = office.env["FSHUNT_SWITCH"].partition("=")[0]
    assert said == (
        f"No SIP profile of switch {name} has `manage-presence`, so keys that watch a pilot or a block show nothing: "
        "see `fshunt config check`."
    )
    assert status(watched=False) == []
    monkeypatch.setattr(status_at_switches, "MAX_ASKED", 0)
    assert status() != [], "it is one question, however many groups there are"
    office.env["FSHUNT_LAMPS"] = "off"
    assert status() == []


def test_status_asks_no_switch_that_is_not_watched_and_not_for_very_many_groups(status, monkeypatch):
    assert status(watched=False) == []
    monkeypatch.setattr(status_at_switches, "MAX_ASKED", 0)
    assert status() == []


def test_status_says_nothing_of_a_switch_that_it_may_not_ask(office, tmp_path, beat):
    office.env["FSHUNT_SWITCH"] = f"127.0.0.1:8021={tmp_path}/none"
    beat(switches=[{"name": "127.0.0.1:8021", "watched": True}])
    printed = json.loads(office.invoke("status", "--json").stdout)
    assert "pilot-not-reached" not in {each["code"] for each in printed["status"]["problems"]}


CODES_THERE = (True, "The loaded dialplan gives the feature codes to fshunt.")


def test_feature_codes_in_the_dialplan_are_nothing_to_tell(checks, setting, daemon):
    setting.controllers = [daemon]
    assert checks()["feature codes"] == CODES_THERE


def test_a_dialplan_of_the_table_has_them_too(checks, by_table, with_catch_all):
    assert checks()["feature codes"] == CODES_THERE


def test_a_feature_code_that_something_else_takes_is_named(checks, setting, daemon):
    setting.controllers = [daemon]
    setting.routes = {number: [("playback", "x")] for number in ("*13", "*485000", "block+1001")}
    ok, said = checks()["feature codes"]
    assert not ok
    assert "Calls to *13 (`block_code`) are taken by extension ^\\*13$, context default, and not by fshunt." in said
    assert "Calls to *485000 (`close_code`) are taken by extension" in said
    assert "Set `block_code` to a code that is free" in said
    assert "Calls to block+1001 are taken by extension" in said
    assert "The feature code block+EXT does nothing of fshunt. Take that extension out of the dialplan." in said


def test_a_dialplan_without_the_codes_of_the_settings_is_told_and_what_to_run(office, checks, setting, daemon):
    setting.controllers, setting.has_codes = [daemon], False
    ok, said = checks()["feature codes"]
    assert ok, "callers notice nothing"
    codes = "*13, *14, *15, *48, *49, block+EXT"
    assert said.startswith(f"The feature codes {codes} are not in the loaded dialplan, context default.")
    assert "`fshunt dialplan --table --out FILE --reload`" in said
    setting.has_codes = True
    office.env["FSHUNT_OPEN_CODE"] = "*77"
    assert checks()["feature codes"][1].startswith("The feature code *77 is not in the loaded dialplan")
    office.env["FSHUNT_OPEN_CODE"] = "none"
    assert checks()["feature codes"] == CODES_THERE


def test_what_takes_all_numbers_takes_no_code_of_its_own(checks, by_table, monkeypatch):
    text = SimulatedSwitch.dialplan_xml(None, "default")
    begins, ends = text.index('<extension name="fshunt-features">'), text.rindex("</context>")
    for end in ("</context>", f"{CATCH_ALL}</context>"):
        without = text[:begins] + end
        monkeypatch.setattr(SimulatedSwitch, "dialplan_xml", lambda _switch, _context, without=without: without)
        assert text[ends:].strip() == "</context>"
        ok, said = checks()["feature codes"]
        assert (ok, "are not in the loaded dialplan" in said, "taken by" in said) == (True, True, False)


def test_a_pilot_that_begins_with_a_code_is_told(office, checks, setting, daemon):
    setting.controllers = [daemon]
    assert "Warning: Pilot *1355 begins with the feature code *13" in office.run("group", "add", "*1355").stderr
    assert "begins with" not in office.run("group", "add", "*1255").stderr
    said = checks()["feature codes"][1]
    assert said.startswith("Pilot *1355 begins with the feature code *13 (`block_code`).")
