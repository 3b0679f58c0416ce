"""The documents of `--json`: every name stands in docs/json.md, and every name there is printed."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fshunt.db.queries import calls, daemons, queue, web_processes
from fshunt.db.queries.web_processes import WebProcessRow
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.states import Outcome
from fshunt.services import groups
from fshunt.services.cluster_health import Code

from .conftest import content_of

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def documented(kind: str) -> set[str]:
    section = PAGE.split(f"\n## {kind}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def assert_flat(value: dict[str, Any]) -> None:
    for name, each in value.items():
        assert not isinstance(each, dict) or name in ("policy_input", "before", "after"), name
        if name == "at" or name.endswith(("_at", "since", "_until")):
            assert each is None or TIME.fullmatch(each), (name, each)


@pytest.fixture
def hunted(office, store):
    at = datetime.now(UTC)
    place = {"call_id": "h1", "cycle": 1, "stage": 1, "position": 1, "extension": "1001"}
    group = {"domain": "pbx.test", "pilot": "5000", "group_name": "Sales", "policy": "circular"}
    caller = {"uuid": "uuid-1", "caller_number": None, "caller_name": None, "node": "node"}
    with store.writing() as session:
        calls.open_call(session, "h1", **caller, **group, started_at=at, policy_input=None)
        calls.add_offer(session, "o1", **place, phones=1, ring_seconds=18.0, started_at=at)
        calls.end_offer(session, "o1", ended_at=at, outcome=Outcome.NO_ANSWER)
        calls.add_skip(session, "s1", **place, reason=SkipReason.CLAIMED, at=at)
    return office


CHANGES = [
    ("group", "set", "5000", "--name", "Shop"),
    ("group", "disable", "5000"),
    ("group", "enable", "5000"),
    ("member", "add", "5000", "1004"),
    ("member", "move", "5000", "1004", "1"),
    ("member", "set", "5000", "1004", "--weight", "3"),
    ("member", "disable", "5000", "1004"),
    ("member", "enable", "5000", "1004"),
    ("member", "remove", "5000", "1004"),
    ("group", "hours", "5000", "mon-fri", "8-17", "--time-zone", "Europe/Rome"),
    ("group", "hours", "5000"),
    ("holiday", "add", "5000", "2026-12-25", "Christmas"),
    ("group", "closed", "5000", "--for", "2h"),
    ("holiday", "remove", "5000", "2026-12-25"),
    ("group", "closed", "5000", "--off"),
    ("group", "renumber", "5000", "5100"),
    ("group", "add", "5000"),
]


def test_a_change_prints_the_group_as_it_is_now(office):
    for words in CHANGES:
        changed = office.json(*words)
        assert set(changed) == documented("group"), words
        assert_flat(changed)
        assert changed == office.json("group", "show", changed["pilot"]), words
    before = office.json("group", "show", "5100")
    assert office.json("group", "remove", "5100", "--yes") == before


def test_the_page_names_what_hours_and_holidays_have(office, tmp_path):
    office.run("group", "hours", "5000", "mon", "8-12,13-17", "--time-zone", "Europe/Rome")
    event = "BEGIN:VEVENT\r\nSUMMARY:Far\r\nDTSTART;VALUE=DATE:20991225\r\nEND:VEVENT"
    file = tmp_path / "holidays.ics"
    file.write_text(f"BEGIN:VCALENDAR\r\n{event}\r\nEND:VCALENDAR\r\n")
    imported = office.json("holiday", "import", "5000", str(file))
    assert set(imported) == documented("imported")
    [holiday] = office.json("holiday", "list", "5000")
    assert set(holiday) == documented("holiday")
    assert imported["added"] == [holiday]
    group = office.json("group", "show", "5000")
    assert group["holidays"] == [holiday]
    assert {name for each in group["hours"] for name in each} == documented("business hours")
    for value in (imported, holiday, *group["hours"]):
        assert_flat(value)


def test_the_page_names_what_each_kind_has(hunted, tmp_path):
    [group] = hunted.json("group", "list")
    assert set(group["members"][0]) == documented("member")
    [member, *_] = hunted.json("member", "list", "5000")
    assert set(member) == documented("member") | documented("member state")
    upcoming = hunted.json("group", "next", "5000")
    assert set(upcoming) == documented("next")
    assert set(upcoming["stages"][0]) == documented("next stage")
    assert set(hunted.json("member", "block", "1001")) == documented("block")
    assert set(hunted.json("group", "next", "5000")["skips"][0]) == documented("next skip")
    [listed] = hunted.json("call", "list")
    assert set(listed) == documented("call")
    call = hunted.json("call", "show", "uuid-1")
    assert set(call) == documented("call") | {"offers", "skips", "policy_input", "earlier"}
    assert set(call["offers"][0]) == documented("offer")
    assert set(call["skips"][0]) == documented("skip")
    assert set(hunted.json("call", "prune", "--older-than", "1d", "--yes")) == documented("pruned")
    [change] = hunted.json("history", "--limit", "1")
    assert set(change) == documented("change") == set(hunted.json("undo", str(change["id"])))
    *_, event = hunted.json("events")
    assert set(event) == documented("event")
    assert_flat(event)
    user = hunted.json("user", "add", "ana", "--role", "provider", "--no-password")
    assert set(user) == documented("user") == set(hunted.json("user", "list")[0])
    assert set(hunted.json("user", "invite", "ana")) == documented("invitation")
    token = hunted.json("token", "add", "ana", "crm", "--scope", "read")
    assert set(token) == documented("token") == set(hunted.json("token", "list")[0]) | {"secret"}
    assert set(hunted.json("token", "revoke", "1", "--yes")) == documented("token")
    board = hunted.json("board", "add", "5000", "Hall")
    assert set(board) == documented("board") == set(hunted.json("board", "list")[0])
    assert set(hunted.json("board", "revoke", "1", "--yes")) == documented("board")
    status = content_of(hunted.invoke("status", "--json").stdout)
    assert set(status) == documented("status")
    assert set(status["problems"][0]) == documented("finding")
    assert set(content_of(hunted.invoke("config", "check", "--json").stdout)) == documented("config")
    assert set(hunted.json("db", "check")) == documented("database")
    assert set(hunted.json("dialplan")) == documented("dialplan")
    assert set(hunted.json("files", "--to", str(tmp_path / "files"))) == documented("files")
    for value in (
        group,
        member,
        listed,
        change,
        user,
        token,
        call,
        *call["offers"],
        *call["skips"],
        *status["problems"],
    ):
        assert_flat(value)


LISTS_OF_STATUS = {
    "problems": "finding",
    "notes": "finding",
    "daemons": "daemon",
    "switches": "switch",
    "queued_callers": "queued caller",
    "left_callers": "queued caller",
    "web_processes": "web process",
    "errors": "error",
}


@pytest.fixture
def busy(office, store):
    """A daemon that is alive and watches a switch, one that is dead, and a queued caller of each."""
    now = datetime.now(UTC)
    switch = {"name": "127.0.0.1:8021", "watched": False, "since": now.isoformat(), "error": "It is away."}
    error = {"at": now.isoformat(), "level": "error", "message": "It was away."}
    status = {"version": "0.1.0", "pid": 1, "switches": [switch], "errors": [error]}
    with store.writing() as s:
        group = groups.get_group(s, "pbx.test", "5000")
        for node in ("alive", "dead"):
            daemons.write_heartbeat(s, node, node=node, started_at=now, at=now, status=status)
            who = {"domain": "pbx.test", "group_id": group.id, "call_uuid": node, "run_id": node}
            queue.join(s, node, ["1001"], ticket=None, at=now, **who)
        daemons.mark_lost(s, "dead", 1)
        web_processes.write_heartbeat(s, WebProcessRow("w", "pbx1", now, now, "127.0.0.1:8090", "0.1.0"))
    return office


def test_the_page_names_what_each_list_of_status_has(busy):
    found = content_of(busy.run("status", "--json").stdout)
    assert {name for name, value in found.items() if isinstance(value, list)} == set(LISTS_OF_STATUS)
    assert_flat({name: value for name, value in found.items() if name not in LISTS_OF_STATUS})
    for name, kind in LISTS_OF_STATUS.items():
        assert found[name], name
        for each in found[name]:
            assert set(each) == documented(kind), name
            assert_flat(each)


def test_the_page_names_what_a_setting_a_check_and_a_pilot_have(office):
    found = content_of(office.invoke("config", "check", "--json").stdout)
    assert_listed("config", "settings", found["settings"])
    assert_listed("config", "checks", found["checks"])
    assert_listed("dialplan", "pilots", office.json("dialplan")["pilots"])


def assert_listed(kind: str, name: str, values: list[dict[str, Any]]) -> None:
    """The names of a short form stand in the row of the list."""
    [row] = [line for line in PAGE.split(f"\n## {kind}\n")[1].splitlines() if line.startswith(f"| `{name}` |")]
    assert values
    for each in values:
        assert set(each) == set(re.findall(r"`(\w+)`", row)) - {name}


def test_the_page_names_every_code_of_a_finding():
    assert set(
        re.findall(r"^\| `([a-z-]+)` \|", PAGE.split("\n### codes of findings\n")[1].split("\n## ")[0], re.MULTILINE)
    ) == {code.value for code in Code}


def test_an_error_is_one_object_on_standard_error(office):
    for words, code, exit_code in (
        (("group", "show", "5999"), "not-found", 1),
        (("group", "add", "5000"), "conflict", 1),
        (("group", "set", "5000"), "usage", 2),
        (("group", "set", "5000", "--cycles", "0"), "usage", 2),
    ):
        result = office.invoke(*words, "--json")
        assert (result.exit_code, result.stdout) == (exit_code, "")
        error = json.loads(result.stderr)
        assert set(error) == {"schema", "error"}
        assert error["error"]["code"] == code
        assert f"`{code}`" in PAGE
