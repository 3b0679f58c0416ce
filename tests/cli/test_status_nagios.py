"""`fshunt status --nagios`: one line, performance data, and the exit codes of monitoring plugins."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fshunt.cli.nagios import LEVELS, Level
from fshunt.db.queries import claims
from fshunt.services.cluster_health import Code

from .conftest import status_of_daemon

pytestmark = [pytest.mark.sql, pytest.mark.usefixtures("pauses", "no_daemon_of_this_machine")]

PERFORMANCE = re.compile(r"'[a-z_]+'=\d+(;(\d+:)?){0,2};0")


def line(fshunt, exit_code: int, *words: str) -> tuple[str, dict[str, int]]:
    """The text of the one line, and the numbers of the performance data."""
    result = fshunt.invoke("status", "--nagios", *words)
    assert result.exit_code == exit_code, result.output
    assert result.stderr == ""
    [only] = result.stdout.splitlines()
    text, _, data = only.partition(" | ")
    assert "|" not in text + data
    assert all(PERFORMANCE.fullmatch(each) for each in data.split())
    return text, {name: int(number) for name, number in re.findall(r"'(\w+)'=(\d+)", data)}


def cut_off() -> dict[str, Any]:
    return status_of_daemon()["switches"][0] | {"watched": False, "error": "a | b\nc"}


def test_all_is_well(office, store, beat):
    beat()
    with store.writing() as s:
        claims.claim(s, "pbx.test", ["1001"], sequence=1, hunt_id="h", call_uuid="c", run_id="run-pbx1-8084")
    text, numbers = line(office, 0)
    assert text == "FSHUNT OK - 1 daemon alive, 3 hunts in progress, 0 callers queued, 1 claim."
    assert numbers == {
        "daemons": 1,
        "waiting": 0,
        "ringing": 2,
        "talking": 11,
        "groups": 1,
        "claims": 1,
        "failed_hunts": 0,
        "pending_writes": 0,
        "switches": 1,
    }


def test_without_a_daemon_it_is_critical(fshunt):
    text, numbers = line(fshunt, 2)
    assert text.startswith("FSHUNT CRITICAL - No daemon runs on this database")
    assert numbers["daemons"] == 0
    assert "'daemons'=0;;1:;0" in fshunt.invoke("status", "--nagios").stdout


def test_a_switch_that_is_cut_off_is_a_warning_whose_text_begins_no_performance_data(fshunt, beat):
    beat(switches=[cut_off()])
    text, numbers = line(fshunt, 1)
    assert text.startswith("FSHUNT WARNING - pbx1-8084: switch 127.0.0.1:8021 not watched")
    assert text.endswith(": a / b c")
    assert numbers["switches"] == 0


def test_the_worst_stands_first_and_only_some_are_named(fshunt, beat):
    since = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    away = {"ok": False, "since": since, "pending_writes": 17, "error": "The database is locked."}
    beat(switches=[cut_off(), cut_off() | {"name": "two"}], database=away)
    beat("pbx2-8084", silent=600)
    text, numbers = line(fshunt, 2)
    assert text.startswith("FSHUNT CRITICAL - pbx1-8084: database unavailable for ")
    assert text.count("not watched") == 2
    assert text.endswith(" 1 more in `fshunt status`.")
    assert numbers["pending_writes"] == 17


def test_a_note_is_a_warning_at_most_and_some_are_none(fshunt, beat):
    fails = {"name": "metrics", "running": False, "essential": False, "restarts": 0, "error": "port in use"}
    beat(services=[fails | {"failing_since": "2026-01-01T00:00:00+00:00"}], switches=[])
    text, _ = line(fshunt, 1)
    assert "service metrics failing" in text
    assert "[[switch]]" not in text
    beat(switches=[])
    assert line(fshunt, 0)[0].startswith("FSHUNT OK - 1 daemon alive")


def test_every_finding_has_a_level():
    assert set(LEVELS) == set(Code)
    assert [code for code, level in LEVELS.items() if level is Level.UNKNOWN] == [Code.DATABASE_UNREADABLE]


def test_a_database_that_cannot_be_written_is_critical(fshunt, unwritable):
    text, _ = line(fshunt, 2)
    assert text.startswith("FSHUNT CRITICAL - ")
    assert unwritable in text


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        ((), {"FSHUNT_DATABASE_URL": "sqlite:////no/such/folder/fshunt.db"}, "The database file "),
        ((), {"FSHUNT_LISTEN": "nowhere"}, ""),
        (("--config", "/no/such/file.toml"), {}, ""),
        (("--warning", "3"), {}, "`fshunt status` has no option `--warning`"),
        (("--json",), {}, "Use only one of --json and --nagios."),
    ],
)
def test_what_keeps_it_from_knowing_is_unknown_in_one_line(fshunt, words, env, said):
    fshunt.env |= env
    text, numbers = line(fshunt, 3, *words)
    assert text.startswith(f"FSHUNT UNKNOWN - {said}")
    assert len(text) > len("FSHUNT UNKNOWN - .")
    assert numbers == {}


def test_nothing_stands_beside_the_line_where_the_environment_names_another_database(fshunt, tmp_path):
    file = tmp_path / "fshunt.toml"
    file.write_text('database_url = "sqlite:////no/such/folder/fshunt.db"')
    assert "FSHUNT_DATABASE_URL" in fshunt.invoke("status", "--config", str(file)).stderr
    line(fshunt, 2, "--config", str(file))


def test_an_error_that_nobody_has_foreseen_is_unknown(fshunt, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("x | y")

    monkeypatch.setattr("fshunt.services.cluster_health.look", fail)
    assert "Internal error: ZeroDivisionError: x / y" in line(fshunt, 3)[0]


def test_the_option_elsewhere_change_nothing(fshunt):
    result = fshunt.invoke("group", "list", "--nagios")
    assert (result.exit_code, result.stdout) == (2, "")
