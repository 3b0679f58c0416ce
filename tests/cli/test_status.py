"""`fshunt status`: who is alive, what is wrong first, and what there is."""

import json
import re
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from fshunt.cli import status, status_page
from fshunt.db.engine import open_store
from fshunt.db.models import Cluster, NoticeDelivery
from fshunt.db.queries import calls, claims, cluster, daemons, queue, web_processes
from fshunt.db.queries.web_processes import WebProcessRow
from fshunt.hunting.states import Result
from fshunt.services import cluster_health, groups
from fshunt.services.cluster_health import span

from .conftest import content_of, status_of_daemon
from .test_calls import open_call

pytestmark = pytest.mark.usefixtures("pauses", "no_daemon_of_this_machine")


@pytest.fixture
def no_second_look(monkeypatch):
    monkeypatch.setattr(status, "sleep", lambda _: pytest.fail("no daemon may be dead"))


def page(fshunt, exit_code: int = 0) -> list[str]:
    result = fshunt.invoke("status")
    assert result.exit_code == exit_code, result.output
    return result.stdout.splitlines()


def as_json(fshunt, exit_code: int = 0) -> dict[str, Any]:
    result = fshunt.invoke("status", "--json")
    assert result.exit_code == exit_code, result.output
    return content_of(result.stdout)


def messages(findings: list[dict[str, Any]]) -> list[str]:
    return [finding["message"] for finding in findings]


def without_ages(message: str) -> str:
    """The command runs twice, and a second may pass between."""
    return re.sub(r"\d+ s\b", "N s", message)


def wrong(fshunt, exit_code: int = 0) -> list[str]:
    """What is wrong: it stands first, and nothing else does."""
    lines = page(fshunt, exit_code)
    problems = [line.removeprefix("PROBLEM  ") for line in lines if line.startswith("PROBLEM  ")]
    assert lines[: len(problems)] == [f"PROBLEM  {problem}" for problem in problems]
    again = messages(as_json(fshunt, exit_code)["problems"])
    assert [without_ages(each) for each in again] == [without_ages(each) for each in problems]
    return problems


def test_without_any_daemon_status_fails_and_says_so(fshunt, no_second_look):
    [problem] = wrong(fshunt, exit_code=1)
    assert problem.startswith("No daemon runs on this database")


def test_all_is_well(fshunt, beat, no_second_look):
    beat()
    lines = page(fshunt)
    assert lines[0] == "OK       1 daemon alive, 3 hunts in progress, 0 callers queued, 0 claims."
    assert lines[1] == ""
    assert lines[2].split() == ["daemon", "state", "hunts", "answered", "queued", "claims", "database", "version"]
    assert lines[3].split() == ["pbx1-8084", "up", "5", "h", "3", "11", "1", "0", "ok", "0.1.0"]
    assert lines[5].split() == ["switch", "seen", "by", "state", "channels", "registrations", "last", "heard"]
    assert lines[6].split()[:5] == ["127.0.0.1:8021", "pbx1-8084", "watched", "12", "85"]
    found = as_json(fshunt)
    assert (found["ok"], found["problems"], found["notes"]) == (True, [], [])


def test_json_has_every_field_of_a_heartbeat(fshunt, beat):
    beat()
    [daemon] = as_json(fshunt)["daemons"]
    assert (daemon["node"], daemon["alive"], daemon["pid"], daemon["listen"]) == (
        "pbx1-8084",
        True,
        4711,
        "127.0.0.1:8084",
    )
    [switch] = as_json(fshunt)["switches"]
    assert (switch["name"], switch["node"], switch["registrations"]) == ("127.0.0.1:8021", "pbx1-8084", 85)
    assert 0 <= daemon["heartbeat_age"] <= 10


def test_a_dead_daemon_is_reported_while_another_is_alive(fshunt, beat):
    beat("pbx2-8084", silent=3600)
    beat("pbx1-8084")
    [problem] = wrong(fshunt)
    assert problem == "pbx2-8084: no heartbeat for 60 min."
    assert [daemon["alive"] for daemon in as_json(fshunt)["daemons"]] == [True, False]
    assert as_json(fshunt)["hunts"] == 3, "what the dead one last had is not there any more"


def test_when_all_are_dead_it_fails(fshunt, beat):
    beat("pbx1-8084", silent=7300)
    problems = wrong(fshunt, exit_code=1)
    assert problems[0].startswith("No daemon is alive: see `systemctl status fshunt`")
    assert problems[1] == "pbx1-8084: no heartbeat for 2 h."


def test_a_daemon_that_was_started_again_is_not_missed(fshunt, beat, no_second_look):
    beat("pbx1-8084", run="before", silent=30)
    beat("pbx1-8084", run="after", started=20)
    assert wrong(fshunt) == []


def test_a_daemon_that_was_killed_a_moment_ago_and_runs_again_is_one(fshunt, beat, no_second_look):
    beat("pbx1-8084", run="before", silent=4)
    beat("pbx1-8084", run="after", started=2)
    lines = page(fshunt)
    assert lines[0].startswith("OK       1 daemon alive, 3 hunts in progress")
    assert [line.split()[:3] for line in lines[3:5]] == [["pbx1-8084", "up", "2"], ["pbx1-8084", "an", "earlier"]]
    assert "an earlier run, until 4 s ago" in lines[4]
    assert [(each["alive"], each["replaced"]) for each in as_json(fshunt)["daemons"]] == [(True, False), (False, True)]


def test_two_daemons_with_one_name_are_reported(fshunt, beat):
    beat("pbx1-8084", run="one")
    beat("pbx1-8084", run="other")
    assert wrong(fshunt) == ["2 daemons are named pbx1-8084: set a different `node_name` for each."]


@pytest.mark.parametrize("apart", [-3600, -30, 30, 300, 7200])
def test_a_daemon_whose_clock_differs_is_alive_if_its_counter_moves(fshunt, beat, monkeypatch, apart):
    beat(apart=apart, silent=2)
    monkeypatch.setattr(status, "sleep", lambda _: beat(apart=apart))
    assert page(fshunt)[0].startswith("OK       1 daemon alive")


@pytest.mark.parametrize("apart", [-3600, -30, 30, 300, 7200])
def test_a_daemon_whose_clock_differs_is_dead_if_its_counter_stands_still(fshunt, beat, pauses, apart):
    beat(apart=apart)
    assert wrong(fshunt, exit_code=1)[0].startswith("No daemon is alive")
    assert set(pauses) == {2.5}


def test_the_second_look_waits_for_heartbeats_of_this_database(fshunt, store, beat, pauses):
    beat(silent=30)
    with store.writing() as s:
        cluster.ensure(s)
        s.execute(update(Cluster).values(heartbeat_seconds=0.2))
    page(fshunt, exit_code=1)
    assert pauses == [0.5]


@pytest.mark.parametrize("counts", [True, False])
def test_of_two_daemons_one_whose_clock_is_behind_is_judged_by_its_counter(fshunt, beat, monkeypatch, counts):
    beat("pbx1-8084")
    beat("pbx2-8084", apart=300)
    monkeypatch.setattr(status, "sleep", lambda _: beat("pbx2-8084", apart=300) if counts else None)
    assert wrong(fshunt) == ([] if counts else ["pbx2-8084: no heartbeat for 5 min."])
    assert [each["alive"] for each in as_json(fshunt)["daemons"]] == [True, counts]


def test_a_run_that_another_daemon_presumed_dead_is_dead_at_the_first_look(fshunt, store, beat, no_second_look):
    beat("pbx1-8084")
    beat("pbx2-8084", silent=3)
    with store.writing() as s:
        daemons.mark_lost(s, "run-pbx2-8084", 1)
    assert wrong(fshunt) == ["pbx2-8084: no heartbeat for 3 s."]


def test_a_switch_that_is_cut_off_is_reported_with_the_reason(fshunt, beat):
    cut_off = status_of_daemon()["switches"][0] | {
        "watched": False,
        "error": "FreeSWITCH at 127.0.0.1:8021 cannot be reached.",
    }
    beat(switches=[cut_off])
    [problem] = wrong(fshunt)
    assert problem.startswith("pbx1-8084: switch 127.0.0.1:8021 not watched for 60 min, ")
    assert problem.endswith("their phones answer 486: FreeSWITCH at 127.0.0.1:8021 cannot be reached.")
    assert any("not watched " in line for line in page(fshunt))


def test_a_switch_that_was_never_reached_is_reported(fshunt, beat):
    never = status_of_daemon()["switches"][0] | {"watched": False, "since": None, "heard_at": None, "error": None}
    beat(switches=[never])
    [problem] = wrong(fshunt)
    assert problem.endswith("not watched, busy members are detected only when their phones answer 486.")
    assert any(line.split()[-3:] == ["not", "watched", "never"] for line in page(fshunt))


def test_a_silent_switch_is_reported(fshunt, beat):
    old = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    beat(switches=[status_of_daemon()["switches"][0] | {"heard_at": old}])
    assert wrong(fshunt) == ["pbx1-8084: no event from switch 127.0.0.1:8021 for 5 min."]


def service(name: str, **others: Any) -> dict[str, Any]:
    """A service that raised several times, and works again."""
    working = {"running": True, "essential": True, "restarts": 60, "error": "KeyError: 'x'", "failing_since": None}
    return {"name": name, **working, **others}


def test_an_essential_service_that_fails_is_a_problem(fshunt, beat):
    since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    beat(services=[service("heartbeat", running=False, failing_since=since)])
    assert wrong(fshunt) == ["pbx1-8084: service heartbeat failing for 5 min: KeyError: 'x'"]
    [found] = as_json(fshunt)["problems"]
    assert (found["code"], found["node"], found["service"]) == ("service-failing", "pbx1-8084", "heartbeat")
    assert found["since"].endswith("Z")


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        ({}, "service-restarted", "was restarted 60 times, last: KeyError: 'x'"),
        ({"restarts": 1}, "service-restarted", "was restarted 1 time, last: KeyError: 'x'"),
        ({"essential": False, "failing_since": "2026-01-01T00:00:00+00:00"}, "service-failing", "failing for "),
        ({"running": False, "restarts": 0}, "service-not-running", "not running: KeyError: 'x'"),
    ],
)
def test_another_service_that_is_not_in_order_is_a_note(fshunt, beat, state, code, words):
    beat(services=[service("notifications", **state)])
    assert wrong(fshunt) == []
    [found] = as_json(fshunt)["notes"]
    assert (found["code"], found["node"], found["service"]) == (code, "pbx1-8084", "notifications")
    assert found["message"].startswith(f"pbx1-8084: service notifications {words}")
    assert f"NOTE     {found['message']}" in page(fshunt)


def test_services_that_are_yet_to_be_started_and_those_of_a_dead_daemon_are_not_noted(fshunt, beat):
    beat(services=[service("listener", running=False, restarts=0, error=None)])
    beat("pbx2-8084", run="before", silent=30, services=[service("heartbeat")])
    beat("pbx2-8084", run="after")
    assert (wrong(fshunt), as_json(fshunt)["notes"]) == ([], [])


def test_without_a_switch_to_watch_status_explains_the_consequence(fshunt, beat):
    beat(switches=[])
    assert wrong(fshunt) == []
    assert page(fshunt)[1].startswith("NOTE     No [[switch]] is configured: busy members are detected only")


def test_a_daemon_that_cannot_use_the_database_is_reported(fshunt, beat):
    since = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    beat(database={"ok": False, "since": since, "pending_writes": 17, "error": "The database is locked."})
    [problem] = wrong(fshunt)
    assert problem.startswith("pbx1-8084: database unavailable for ")
    assert problem.endswith(", 17 writes pending: The database is locked.")
    assert any("unavailable, 17 writes pending" in line for line in page(fshunt))


def test_records_that_wait_because_of_an_error_are_reported(fshunt, beat):
    beat(database={"ok": True, "since": None, "pending_writes": 17, "error": "The disk is full."})
    assert wrong(fshunt) == ["pbx1-8084: cannot write to the database, 17 writes pending: The disk is full."]


def test_different_versions_are_noted(fshunt, beat):
    beat("pbx1-8084")
    beat("pbx2-8084", version="0.2.0")
    assert messages(as_json(fshunt)["notes"]) == ["The daemons run different versions: 0.1.0, 0.2.0."]


def test_queued_callers_are_listed_in_order_of_the_queue(office, store, beat):
    beat()
    with store.writing() as s:
        group = groups.get_group(s, "pbx.test", "5000")
        for number in range(1, 12):
            queue.join(
                s,
                f"hunt-{number}",
                ["1001", "1002"] if number == 1 else ["1003"],
                domain="pbx.test",
                group_id=group.id,
                call_uuid=f"call-{number}",
                run_id="run-pbx1-8084",
                ticket=None,
                at=datetime.now(UTC) - timedelta(seconds=200 - number),
            )
    lines = page(office)
    start = next(at for at, line in enumerate(lines) if line.startswith("#"))
    assert lines[start + 1].split() == ["1", "5000,", "pbx.test", "2", "members", "3", "min", "pbx1-8084"]
    assert lines[start + 2].split() == ["2", "5000,", "pbx.test", "1003", "3", "min", "pbx1-8084"]
    assert "... 3 more callers are queued." in lines
    found = as_json(office)["queued_callers"]
    assert [hunt["uuid"] for hunt in found] == [f"call-{number}" for number in range(1, 12)]
    assert found[0]["members"] == ["1001", "1002"]
    assert found[0]["node"] == "pbx1-8084"


def test_claims_are_counted_for_each_daemon(fshunt, store, beat):
    beat()
    with store.writing() as s:
        owner = {"hunt_id": "h", "call_uuid": "c", "run_id": "run-pbx1-8084"}
        claims.claim(s, "pbx.test", ["1001", "1002"], sequence=1, **owner)
    found = as_json(fshunt)
    assert (found["claims"], found["daemons"][0]["claims"]) == (2, 2)


def test_claims_and_queue_entries_of_a_dead_daemon_are_not_counted(office, store, beat):
    beat("pbx1-8084", silent=3600)
    with store.writing() as s:
        group = groups.get_group(s, "pbx.test", "5000")
        who = {"domain": "pbx.test", "call_uuid": "c", "run_id": "run-pbx1-8084"}
        claims.claim(s, hunt_id="h", extensions=["1001"], sequence=1, **who)
        at = datetime.now(UTC) - timedelta(hours=1)
        queue.join(s, "w", ["1001", "1002"], group_id=group.id, ticket=None, at=at, **who)
    note = "1 claim and 1 queue entry left by a daemon that is gone"
    note = f"NOTE     {note}; a running daemon removes them within a minute."
    assert note in page(office, exit_code=1)
    assert not any(line.startswith("#") for line in page(office, exit_code=1)), "nobody waits"
    found = as_json(office, exit_code=1)
    assert (found["claims"], found["left_claims"], found["queued"], found["left_queued"]) == (0, 1, 0, 1)
    assert (found["queued_callers"], [hunt["uuid"] for hunt in found["left_callers"]]) == ([], ["c"])
    beat("pbx2-8084")
    assert page(office)[1] == note, "also beside a live one"


def test_the_last_errors_of_all_daemons_stand_below_the_newest_first(fshunt, beat):
    def errors(*minutes: int) -> list[dict[str, str]]:
        now = datetime.now(UTC)
        return [
            {"at": (now - timedelta(minutes=ago)).isoformat(), "level": "warning", "message": f"{ago} ago"}
            for ago in minutes
        ]

    beat("pbx1-8084", errors=errors(9, 7, 5, 3))
    beat("pbx2-8084", errors=[*errors(8), {"at": errors(1)[0]["at"], "level": "error", "message": "x\x1b" * 200}])
    lines = page(fshunt)
    start = lines.index("Last errors and warnings, newest first:")
    rows = lines[start + 2 :]
    assert [row.split()[-2:] for row in rows[1:]] == [["3", "ago"], ["5", "ago"], ["7", "ago"], ["8", "ago"]]
    assert rows[0].endswith("x\N{REPLACEMENT CHARACTER}...")
    assert "\x1b" not in "".join(lines)


def test_a_daemon_of_another_version_with_fewer_fields_is_no_error(fshunt, store, beat):
    now = datetime.now(UTC)
    with store.writing() as s:
        daemons.write_heartbeat(s, "old", node="old", started_at=now, at=now, status={"errors": [{"at": "?"}]})
    assert as_json(fshunt)["daemons"][0]["alive"]
    assert page(fshunt)[0].startswith("OK")


def test_a_missing_database_is_one_sentence(fshunt_on, tmp_path):
    away = fshunt_on(f"sqlite:///{tmp_path / 'none.db'}")
    result = away.invoke("status")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: The database file ")
    assert result.stderr.count("\n") == 1


def test_a_file_that_was_removed_under_a_running_daemon_was_there(fshunt_on, tmp_path, free_port, neighbour):
    away = fshunt_on(f"sqlite:///{tmp_path / 'none.db'}")
    away.env["FSHUNT_HTTP_LISTEN"] = f"127.0.0.1:{free_port}"
    assert "daemon" not in away.invoke("status").stderr
    neighbour(b'HTTP/1.1 503 No\r\n\r\n{"ok": false, "takes_calls": true, "database": {"pending_writes": 3}}')
    said = (
        f"A daemon is running at 127.0.0.1:{free_port}, so the file was there: it continues from the group cache, and "
        "3 of its records wait for the file."
    )
    assert said in away.invoke("status").stderr
    assert content_of(away.invoke("status", "--json").stdout)["problems"][0]["message"].endswith(said)


def test_an_unreachable_server_is_one_sentence(fshunt_on):
    result = fshunt_on("postgresql://fshunt:s3cret@127.0.0.1:1/fshunt").invoke("status")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize(
    "url", ["sqlite:////no/such/folder/fshunt.db", "postgresql://fshunt:s3cret@127.0.0.1:1/fshunt"]
)
def test_json_is_json_also_where_the_database_cannot_be_reached(fshunt_on, url):
    result = fshunt_on(url).invoke("status", "--json")
    found = content_of(result.stdout)
    assert (result.exit_code, result.stderr) == (1, "")
    assert (found["ok"], found["daemons"], found["hunts"]) == (False, [], None)
    assert len(found["problems"]) == 1
    assert "s3cret" not in result.stdout


def test_json_has_the_same_names_whatever_is_known(fshunt_on, fshunt, beat):
    beat()
    away = fshunt_on("sqlite:////no/such/folder/fshunt.db").invoke("status", "--json")
    assert set(content_of(away.stdout)) == set(as_json(fshunt))


@pytest.mark.parametrize("silent", [0, 30])
def test_where_the_database_cannot_be_written_silence_is_no_death(fshunt, store, beat, request, no_second_look, silent):
    beat(silent=silent)
    with store.writing() as s:
        owner = {"hunt_id": "h", "call_uuid": "c", "run_id": "run-pbx1-8084"}
        claims.claim(s, "pbx.test", ["1001"], sequence=1, **owner)
    words = request.getfixturevalue("unwritable")
    first, *others = wrong(fshunt, exit_code=1 if silent else 0)
    assert words in first
    assert [other.startswith("No daemon can write its heartbeat, but hunts may continue") for other in others] == (
        [True] if silent else []
    )
    assert not any("no heartbeat" in line for line in page(fshunt, 1 if silent else 0))
    found = as_json(fshunt, 1 if silent else 0)
    assert (found["claims"], found["left_claims"]) == (1, 0), "no daemon is known to be dead"


def test_a_database_that_is_not_migrated_is_one_sentence(fshunt_on, empty_database_url):
    result = fshunt_on(empty_database_url).invoke("status")
    assert result.exit_code == 1
    assert "fshunt db upgrade" in result.stderr


def implausible(kind: str, who: str, hours: float, uuid: str = "") -> dict[str, Any]:
    return {"kind": kind, "who": who, "seconds": hours * 3600, "uuid": uuid}


def test_calls_and_registrations_that_can_hardly_be_true_are_named_once(fshunt, beat):
    [switch] = status_of_daemon()["switches"]
    seen = [
        implausible("call", "1001@pbx.test", 49, "u-1"),
        implausible("call", "", 26, "u-2"),
        implausible("registration", "1002@pbx.test", 3),
    ]
    for node in ("pbx1-8084", "pbx2-8084"):
        beat(node, switches=[switch | {"implausible": seen}])
    of_phone, of_nobody, registration = wrong(fshunt)
    assert of_phone.startswith("Switch 127.0.0.1:8021 lists a call of 1001@pbx.test that has lasted 2 d")
    assert "1001@pbx.test is not rung" in of_phone
    assert of_phone.endswith("`uuid_kill u-1`.")
    assert "a call that has lasted 26 h" in of_nobody
    assert "a registration of 1002@pbx.test that expired 3 h ago" in registration
    codes = [finding["code"] for finding in as_json(fshunt)["problems"]]
    assert codes == ["implausible-call", "implausible-call", "implausible-registration"]


def test_a_call_that_is_open_in_the_records_for_two_days_is_named(fshunt, beat, store):
    beat()
    now = datetime.now(UTC)
    with store.writing() as s:
        for hunt, hours in (("old", 49), ("new", 20)):
            open_call(s, hunt, uuid=f"uuid-{hunt}", started_at=now - timedelta(hours=hours))
    [problem] = wrong(fshunt)
    assert problem.startswith("The call uuid-old to 5000 is open in the records for 2 d")


def test_failed_hunts_of_the_last_day_are_counted_with_the_reason_of_the_last(fshunt, beat, store):
    beat()
    now = datetime.now(UTC)
    hunts = [
        (30, "failed", "too old"),
        (5, "failed", "first"),
        (2, "failed", "There is no group 5999."),
        (1, "voicemail", ""),
    ]
    with store.writing() as s:
        for hours, result, reason in hunts:
            at = now - timedelta(hours=hours)
            open_call(s, f"h{hours}", uuid=f"u{hours}", started_at=at)
            calls.close_call(s, f"h{hours}", result=Result(result), reason=reason, destination=None, ended_at=at)
    assert page(fshunt)[1] == (
        "NOTE     2 hunts failed in the last 24 h, the last one to 5000: There is no group 5999; see "
        "`fshunt call list --failed`."
    )
    found = as_json(fshunt)
    assert (found["ok"], found["failed_hunts"], found["notes"][0]["code"]) == (True, 2, "hunts-failed")
    listed = fshunt.json("call", "list", "--failed")
    assert [call["reason"] for call in listed] == ["There is no group 5999.", "first", "too old"]
    assert "failed: There is no group 5999" in fshunt.run("call", "list").stdout


def test_notices_that_do_not_get_through_are_told(office, beat, store):
    beat("pbx1")
    office.run("group", "notice", "add", "5000", "--mail", "a@b.test", "--on", "missed")
    now = datetime.now(UTC)

    def letter(name: str, **more: Any) -> None:
        row = {"id": name, "notice_id": 1, "created_at": now, "due_at": now - timedelta(hours=1), "next_try_at": now}
        with store.writing() as s:
            s.add(NoticeDelivery(**row, **more))

    letter("waits", tries=0, dead=False)
    assert wrong(office) == []
    letter("failing", tries=3, dead=False, last_error="answered 500")
    letter("dead", tries=30, dead=True, last_error="answered 500")
    [sentence] = wrong(office)
    assert sentence.startswith("1 notice could not be sent and will not be tried again; 1 notice could not be sent yet")
    assert sentence.endswith(": answered 500; see `fshunt notice list`.")
    assert [each["code"] for each in as_json(office)["problems"]] == ["notices-not-sent"]


def test_on_a_terminal_what_is_wrong_is_red(fshunt, beat, monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    beat(silent=3600)
    with closing(open_store(fshunt.env["FSHUNT_DATABASE_URL"])) as store:
        found = cluster_health.state_of(cluster_health.read_overview(store, datetime.now(UTC)), datetime.now(UTC))
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", screen)
    status_page.print_status(found)
    lines = screen.getvalue().splitlines()
    assert lines[0].startswith("\x1b[31m\x1b[1mPROBLEM  No daemon is alive")
    assert len(lines) < 24


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172799, "47 h"), (400000, "4 d")],
)
def test_durations_are_shown_in_the_largest_fitting_unit(seconds, words):
    assert span(seconds) == words


@pytest.fixture
def web(store):
    """Write the heartbeat of a web process, so many seconds ago."""

    def web(silent: float = 0, run: str = "web") -> None:
        at = datetime.now(UTC) - timedelta(seconds=silent)
        with store.writing() as s:
            web_processes.write_heartbeat(
                s, WebProcessRow(run, "pbx1", at - timedelta(hours=3), at, "127.0.0.1:8090", "0.2.0")
            )

    return web


def test_the_web_processes_stand_there(fshunt, beat, web):
    beat()
    web()
    assert any(re.search(r"pbx1 +127\.0\.0\.1:8090 +up 3 h +0\.2\.0", line) for line in page(fshunt))
    [process] = as_json(fshunt)["web_processes"]
    assert (process["node"], process["listen"], process["alive"]) == ("pbx1", "127.0.0.1:8090", True)


def test_a_web_process_that_died_is_a_note_since_no_call_depends_on_it(fshunt, beat, web):
    beat()
    web(silent=600)
    assert wrong(fshunt) == []
    assert "pbx1: no heartbeat of the web pages at 127.0.0.1:8090 for 10 min." in messages(as_json(fshunt)["notes"])


def test_a_web_process_that_died_a_day_ago_is_forgotten_by_the_next_heartbeat(fshunt, beat, web):
    beat()
    web(silent=24 * 3600 + 60, run="old")
    web()
    assert [each["run_id"] for each in as_json(fshunt)["web_processes"]] == ["web"]


def serve_health(start, port: int, identity: str | None) -> dict[str, str]:
    """A daemon's `/healthz` at a port, as the settings of its host name it."""
    body = json.dumps({"ok": True, "takes_calls": True, "database": {"id": identity, "ok": True}})
    start(f"HTTP/1.1 200 OK\r\n\r\n{body}".encode())
    return {"FSHUNT_HTTP_LISTEN": f"127.0.0.1:{port}"}


def other_databases(fshunt) -> list[str]:
    return [each["message"] for each in as_json(fshunt)["problems"] if each["code"] == "other-database"]


def test_a_daemon_of_this_host_on_another_database_is_a_problem(fshunt, beat, neighbour, free_port):
    beat()
    fshunt.env |= serve_health(neighbour, free_port, "0000000000000000")
    [message] = other_databases(fshunt)
    assert message.startswith(f"The daemon at 127.0.0.1:{free_port} uses another database than this command, ")
    assert message.endswith(
        ": run `unset FSHUNT_DATABASE_URL`, so that this command reads the settings file as the daemon does."
    )
    assert f"PROBLEM  {message}" in page(fshunt)


def test_where_the_file_names_the_database_the_daemon_is_to_be_restarted(fshunt, beat, neighbour, free_port, tmp_path):
    beat()
    fshunt.env |= serve_health(neighbour, free_port, "0000000000000000")
    file = tmp_path / "fshunt.toml"
    file.write_text(f'database_url = "{fshunt.env.pop("FSHUNT_DATABASE_URL")}"')
    fshunt.env["FSHUNT_CONFIG"] = str(file)
    [message] = other_databases(fshunt)
    assert f"run `systemctl restart fshunt` on its host, once the `database_url` of its {file} is" in message


@pytest.mark.parametrize("known", [True, False])
def test_a_daemon_on_this_database_or_of_an_older_version_is_no_problem(fshunt, beat, neighbour, free_port, known):
    beat()
    own = fshunt.json("db", "check")["id"] if known else None
    fshunt.env |= serve_health(neighbour, free_port, own)
    assert other_databases(fshunt) == []
