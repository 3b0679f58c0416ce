"""`fshunt setup` at the command line: what it asks, says and writes, on a simulated switch and files of a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from os import terminal_size
from pathlib import Path
from typing import Any

import pytest

from fshunt.cli.output import wrapped
from fshunt.db.models import CallRecord
from fshunt.simulator.dialplan.routing import shipped
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.threaded_switch import PASSWORD, simulated_switch

from .conftest import Fshunt

STEPS = [
    *("freeswitch", "user", "event-socket", "event-socket-reload", "password-file", "settings", "database", "group"),
    *("dialplan", "daemon", "test-call"),
]


class Office:
    """A host with FreeSWITCH's files, its simulated switch, and no trace of fshunt."""

    def __init__(self, fshunt: Fshunt, folder: Path, port: int) -> None:
        self.fshunt, self.conf, self.file = fshunt, folder / "conf", folder / "fshunt" / "fshunt.toml"
        (self.conf / "autoload_configs").mkdir(parents=True)
        (self.conf / "dialplan" / "default").mkdir(parents=True)
        (self.conf / "freeswitch.xml").write_text("<document/>")
        self.port = port
        self.set_password(PASSWORD)

    @property
    def event_socket(self) -> Path:
        return self.conf / "autoload_configs" / "event_socket.conf.xml"

    def set_password(self, password: str) -> None:
        params = {"listen-ip": "::", "listen-port": self.port, "password": password}
        lines = "".join(f'<param name="{name}" value="{value}"/>\n' for name, value in params.items())
        self.event_socket.write_text(f"<configuration><settings>{lines}</settings></configuration>\n")

    def setup(self, *words: str) -> tuple[int, dict[str, Any]]:
        result = self.fshunt.invoke("setup", "--conf", str(self.conf), "--json", *words)
        assert "Traceback" not in result.output
        return result.exit_code, json.loads(result.stdout)["setup"]

    def say(self, *words: str, given: str | None = None) -> Any:
        return self.fshunt.invoke("setup", "--conf", str(self.conf), *words, given=given)

    def files(self) -> dict[Path, bytes]:
        return {each: each.read_bytes() for each in self.conf.parent.rglob("*") if each.is_file()}


def outcomes(document: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["outcome"] for each in document["steps"]}


def message(document: dict[str, Any], name: str) -> str:
    return next(each["message"] for each in document["steps"] if each["name"] == name)


@pytest.fixture
def setting(free_port: int) -> Callable[[SimulatedSwitch], Callable[[], bool]]:
    def set_up(switch: SimulatedSwitch) -> Callable[[], bool]:
        switch.pilot_actions = list(shipped([("127.0.0.1", free_port)], "pbx.test", "1001"))
        for extension in ("1001", "1002"):
            switch.phone(extension)
        return lambda: True

    return set_up


@pytest.fixture
def office(fshunt, tmp_path, setting, free_port) -> Iterator[Office]:
    with simulated_switch(tmp_path, setting) as said:
        port = int(said.partition("=")[0].rpartition(":")[2])
        made = Office(fshunt, tmp_path / "host", port)
        fshunt.env |= {
            "FSHUNT_CONFIG": str(made.file),
            "FSHUNT_LISTEN": f"127.0.0.1:{free_port}",
            "FSHUNT_HTTP_LISTEN": "none",
        }
        yield made


def test_all_is_set_up_and_the_second_time_nothing_is_left(office, neighbour, empty_database_url):
    office.fshunt.env["FSHUNT_DATABASE_URL"] = empty_database_url
    neighbour(b"connect\n\n")
    code, found = office.setup("--yes")
    done = outcomes(found)
    assert list(done) == STEPS
    assert {name for name, outcome in done.items() if outcome == "done"} == {
        *("password-file", "settings", "database", "group")
    }
    assert done["test-call"] == "left", "phones ring only if that is allowed"
    assert (code, found["ok"], [each for each in found["checks"] if not each["ok"]]) == (0, True, [])
    password_file = office.file.parent / "event_socket"
    assert password_file.read_text() == f"{PASSWORD}\n"
    assert password_file.stat().st_mode & 0o777 == 0o600
    (group,) = office.fshunt.json("group", "list")
    assert [member["extension"] for member in group["members"]] == ["1001", "1002"]
    before = office.files()
    code, found = office.setup("--yes")
    assert set(outcomes(found).values()) == {"ok", "left"}
    assert code == 0
    assert office.files() == before


def test_a_dry_run_says_all_and_changes_nothing(office, neighbour):
    neighbour(b"connect\n\n")
    before = office.files()
    code, found = office.setup("--dry-run")
    assert outcomes(found)["settings"] == "to do"
    assert code == 0
    assert office.files() == before
    assert office.say("--dry-run").stdout.startswith("FreeSWITCH\n")
    assert "1001@pbx.test, 1002@pbx.test" in office.say("--dry-run").stdout


def test_what_is_there_is_copied_before_it_is_changed(office, neighbour):
    neighbour(b"connect\n\n")
    office.file.parent.mkdir()
    office.file.write_text("seconds_per_ring = 5\n")
    office.file.chmod(0o640)
    (office.file.parent / "event_socket").write_text("another\n")
    _, found = office.setup("--yes")
    copies = {each.name.partition(".bak-")[0]: each.read_text() for each in office.file.parent.glob("*.bak-*")}
    assert copies == {"fshunt.toml": "seconds_per_ring = 5\n", "event_socket": "another\n"}
    assert office.file.read_text().startswith("seconds_per_ring = 5\n\n[[switch]]\n")
    assert office.file.stat().st_mode & 0o777 == 0o640
    assert (office.file.parent / "event_socket").stat().st_mode & 0o007 == 0
    assert outcomes(found)["settings"] == "done"


def test_what_is_refused_stays_and_what_needs_it_is_not_tried(office, monkeypatch):
    monkeypatch.setattr("fshunt.cli.setup.at_terminal", lambda: True)
    monkeypatch.setattr("fshunt.cli.setup_run.at_terminal", lambda: True)
    result = office.say(given="n\n" * 20)
    assert result.exit_code == 1
    assert "LEFT     password-file: There is no file" in result.stdout
    assert "SKIPPED  settings: Not tried: it needs password-file." in result.stdout
    assert not office.file.parent.exists()


def test_each_change_is_asked_for_and_done_when_the_answer_is_yes(office, monkeypatch, neighbour):
    neighbour(b"connect\n\n")
    monkeypatch.setattr("fshunt.cli.setup.at_terminal", lambda: True)
    monkeypatch.setattr("fshunt.cli.setup_run.at_terminal", lambda: True)
    result = office.say(given="y\ny\ny\nn\n")
    assert result.exit_code == 0, result.output
    assert "DONE     group: There are groups: 5000 of pbx.test." in result.stdout
    assert "A test call to 5000 rings 1001, 1002. Not placed: --test-call allows it." in result.stdout
    assert PASSWORD not in result.output


@pytest.mark.parametrize(("result", "outcome", "code"), [("answered", "done", 0), ("failed", "problem", 1)])
def test_a_test_call_that_failed_is_a_problem(office, neighbour, monkeypatch, result, outcome, code):
    neighbour(b"connect\n\n")
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    who = {"domain": "pbx.test", "pilot": "5000", "group_name": "", "policy": "regular", "node": "pbx-8084"}
    record = CallRecord(id="h1", uuid="u1", started_at=at, ended_at=at, end_seen=True, result=result, **who)
    monkeypatch.setattr("fshunt.cli.setup_run.place_test_call", lambda *_: record)
    exit_code, found = office.setup("--yes", "--test-call")
    assert outcomes(found)["test-call"] == outcome
    assert found["call"]["result"] == result
    assert exit_code == code


def test_lines_fit_on_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: terminal_size((40, 24)))
    assert wrapped("OK       freeswitch: FreeSWITCH 1.10.12 answers at 127.0.0.1:8021.", 9) == [
        "OK       freeswitch: FreeSWITCH 1.10.12",
        "         answers at 127.0.0.1:8021.",
    ]


def test_a_wrong_password(office):
    office.set_password("of-nobody")
    code, found = office.setup("--yes")
    assert code == 1
    assert message(found, "freeswitch").startswith(f"FreeSWITCH at 127.0.0.1:{office.port} refuses the password of ")
    assert outcomes(found)["group"] == "skipped"
    assert not any("of-nobody" in each["message"] for each in found["steps"])


def test_a_switch_that_does_not_run(office, free_port):
    office.port = free_port
    office.set_password(PASSWORD)
    code, found = office.setup("--dry-run")
    assert code == 1
    assert "cannot be reached" in message(found, "freeswitch")
    assert "systemctl start freeswitch" in message(found, "freeswitch")


def test_the_port_is_taken_by_another_program(office, neighbour, free_port):
    neighbour(b"SSH-2.0-OpenSSH\r\n")
    code, found = office.setup("--yes")
    assert code == 1
    assert message(found, "daemon") == (
        f"127.0.0.1:{free_port} is in use by another program: stop it, or set `listen` to another port."
    )
    assert message(found, "test-call") == "Not tried: it needs daemon."


def test_the_daemon_does_not_run(office, free_port):
    code, found = office.setup("--yes", "--test-call")
    assert code == 1
    assert message(found, "daemon").startswith(f"No daemon runs at 127.0.0.1:{free_port}. Callers go to voicemail")


def test_a_file_that_cannot_be_written(office):
    office.file.parent.parent.joinpath("fshunt").write_text("this is no folder")
    code, found = office.setup("--yes")
    assert code == 1
    assert message(found, "password-file") == f"The folder {office.file.parent} cannot be made: File exists."
    assert outcomes(found)["settings"] == "skipped"


def test_settings_that_cannot_be_read(office):
    office.file.parent.mkdir()
    office.file.write_text("no_such_setting = 1\n")
    code, found = office.setup("--yes")
    assert code == 1
    assert message(found, "settings") == f"{office.file}: `no_such_setting` is not a setting."
    assert outcomes(found)["daemon"] == "skipped"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--dry-run", "--yes"], "--dry-run changes nothing: use it without --yes and --test-call."),
        ([], "Nobody can be asked here: add --yes to make the changes, or --dry-run to see them."),
    ],
)
def test_words_that_do_not_go_together(office, words, sentence):
    assert office.fshunt.refused(2, "setup", *words) == sentence


def test_no_freeswitch_is_found(office, tmp_path, monkeypatch):
    nowhere = ((str(tmp_path / "a"),), tmp_path / "no processes")
    monkeypatch.setattr("fshunt.services.setup_files.find_conf.__defaults__", nowhere)
    assert office.fshunt.refused(1, "setup", "--yes").startswith("No FreeSWITCH is found: ")
    said = office.fshunt.refused(1, "setup", "--yes", "--conf", str(tmp_path))
    assert said == f"{tmp_path}, named by --conf, has no freeswitch.xml: it is no configuration of FreeSWITCH."
    said = office.fshunt.refused(1, "setup", "--yes", "--freeswitch", str(tmp_path))
    assert said.startswith(f"{tmp_path} has no configuration of FreeSWITCH in conf or etc/freeswitch")


def test_a_prefix_is_enough(office):
    result = office.fshunt.invoke("setup", "--freeswitch", str(office.conf.parent), "--dry-run", "--json")
    assert json.loads(result.stdout)["setup"]["conf"] == str(office.conf)


def test_an_event_socket_file_that_is_missing_or_strange(office):
    office.event_socket.write_text('<!DOCTYPE x [<!ENTITY a "b">]><configuration/>')
    assert "has a document type" in office.fshunt.refused(1, "setup", "--dry-run", "--conf", str(office.conf))
    office.event_socket.unlink()
    assert "does not exist" in office.fshunt.refused(1, "setup", "--dry-run", "--conf", str(office.conf))
