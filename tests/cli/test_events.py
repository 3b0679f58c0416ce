"""`fshunt events` and `call list --follow`: what is printed at first, and what when it happens."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.cli.following import Lines
from fshunt.cli.output import Column
from fshunt.db.queries import calls, live
from fshunt.errors import DatabaseError
from fshunt.hunting.states import Outcome, Result
from fshunt.services import members
from fshunt.services.events import EventName
from tests.support.documents import DOCS


@pytest.fixture
def happens(office, store, monkeypatch) -> Callable[..., object]:
    """Run a command that follows, while these things happen one after another; then Ctrl-C."""

    def run(words: tuple[str, ...], *things: Callable[[], object]):
        left = list(things)

        def sleep(_seconds: float) -> None:
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        monkeypatch.setattr("fshunt.cli.following.sleep", sleep)
        found = office.invoke(*words)
        assert found.exit_code == 130, found.output
        return found

    return run


@pytest.fixture
def call(store):
    """Write a step of a call, which begins now: a feed looks at the last seconds only."""
    start = datetime.now(UTC)

    def arrives(hunt="h1", pilot="5000") -> None:
        group = {"domain": "pbx.test", "pilot": pilot, "group_name": "Sales", "policy": "circular"}
        caller = {"caller_number": "+14155550100", "caller_name": "Bob", "policy_input": None, "node": "n"}
        with store.writing() as s:
            calls.open_call(s, hunt, uuid=f"{hunt}-3f2a9c41", started_at=start, **group, **caller)

    def rings(hunt="h1") -> None:
        place = {"call_id": hunt, "cycle": 1, "stage": 1, "position": 1, "extension": "1001"}
        with store.writing() as s:
            calls.add_offer(s, f"o{hunt}", **place, phones=1, ring_seconds=18, started_at=start)

    def ends(hunt="h1") -> None:
        at = start + timedelta(seconds=7)
        with store.writing() as s:
            calls.end_offer(s, f"o{hunt}", ended_at=at, outcome=Outcome.CALLER_GONE)
            calls.close_call(
                s, hunt, result=Result.ABANDONED, reason="the caller hung up", destination=None, ended_at=at
            )

    def fails(hunt="h1") -> None:
        with store.writing() as s:
            calls.close_call(s, hunt, result=Result.FAILED, reason="No way.", destination=None, ended_at=start)

    return {"arrives": arrives, "rings": rings, "ends": ends, "fails": fails}


def lines_of(result, about: str = "h1-") -> list[str]:
    return [line for line in result.stdout.splitlines() if about in line]


def test_events_are_listed_with_the_newest_last(office, call):
    for step in ("arrives", "rings", "ends"):
        call[step]()
    listed = lines_of(office.run("events"))
    assert [line.split()[3] for line in listed] == ["call-arrived", "ringing", "not-answered", "ended"]
    assert "call from Bob <+14155550100>" in listed[0]
    assert "call ended after 7 s: caller hung up" in listed[-1]
    assert [line.split() for line in lines_of(office.run("events", "--limit", "1"))] == [listed[-1].split()]
    changed, *_ = office.json("events")
    assert changed["message"].startswith("group 5000 of pbx.test added: name Sales, by ")


def test_events_are_printed_as_they_happen(happens, call, store):
    def block() -> None:
        with store.writing() as s:
            members.block(s, "pbx.test", "1002", True)

    seen = happens(("events", "--follow", "--limit", "1"), call["arrives"], call["rings"], block, call["ends"])
    *first, arrived, ringing, blocked, missed, ended = seen.stdout.splitlines()
    assert len(first) == 2, "titles and the last event before"
    told = [each.split()[3] for each in (arrived, ringing, missed, ended)]
    assert told == ["call-arrived", "ringing", "not-answered", "ended"]
    assert "block 1002" in blocked


def test_each_event_is_a_document_on_a_line(happens, call):
    seen = happens(("events", "5000", "-f", "--limit", "1", "--json"), call["arrives"], call["rings"])
    *_, ringing = [json.loads(line) for line in seen.stdout.splitlines()]
    assert set(ringing) == {"schema", "event", "warnings"}
    assert {name: ringing["event"][name] for name in ("event", "call", "pilot", "member")} == {
        "event": "ringing",
        "call": "h1-3f2a9c41",
        "pilot": "5000",
        "member": "1001",
    }


def test_who_follows_says_that_they_look(happens, store):
    def look() -> None:
        with store.reading() as s:
            seen.append(live.watches(s))

    seen: list[object] = []
    happens(("events", "5000", "-f"), look)
    happens(("events", "-f"), look)
    assert [set(each) for each in seen] == [{("pbx.test", "5000")}, {("pbx.test", "5000"), ("pbx.test", "")}]


def test_a_database_that_is_away_is_told_once_and_so_is_its_return(happens, call, monkeypatch):
    def go_away() -> None:
        def away(*_: object) -> None:
            raise DatabaseError("The database is away.")

        monkeypatch.setattr("fshunt.services.event_feed.EventFeed.look", away)

    def come_back() -> None:
        monkeypatch.undo()
        # The fixture's sleep is undone with it.
        monkeypatch.setattr("fshunt.cli.following.sleep", stop)

    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    seen = happens(("events", "-f"), go_away, lambda: None, call["arrives"], come_back)
    assert seen.stderr.count("The database is away. Trying again until it answers.") == 1
    assert seen.stderr.count("The database answers again.") == 1
    assert len(lines_of(seen)) == 1, "what happened meanwhile"


def test_a_group_that_is_not_there_is_named(office):
    for words in (("events",), ("events", "--follow"), ("call", "list", "--follow")):
        sentence = office.refused(1, *words, "5999")
        assert sentence == "There is no group 5999 in pbx.test: there is 5000."
    assert "unknown.test" in office.refused(1, "events", "--domain", "unknown.test")


def test_only_one_form_is_taken(office):
    assert "Use only one of" in office.refused(2, "events", "-f", "--json", "--format", "csv")


def test_calls_are_printed_as_they_end(happens, call):
    call["arrives"]("h0")
    call["rings"]("h0")
    call["ends"]("h0")
    new = [call["arrives"], call["rings"], call["ends"]]
    seen = happens(("call", "list", "--follow"), *new)
    titles, before, ended = [line.split() for line in seen.stdout.splitlines()]
    assert titles == ["started", "pilot", "caller", "result", "seconds", "uuid"]
    assert (before[-1], ended[-1], ended[-2]) == ("h0-3f2a9", "h1-3f2a9", "7")


def test_calls_are_followed_for_programs(happens, call):
    new = [call["arrives"], call["rings"], call["ends"]]
    as_csv = happens(("call", "list", "5000", "-f", "--format", "csv"), *new).stdout
    _, row = csv.reader(io.StringIO(as_csv))
    assert row[-1] == "h1-3f2a9c41"


def test_of_failed_hunts_alone_no_other_is_printed(happens, call):
    def two() -> None:
        call["arrives"]("h1")
        call["ends"]("h1")
        call["arrives"]("h2")
        call["fails"]("h2")

    seen = happens(("call", "list", "-f", "--failed", "--json"), two)
    (only,) = [json.loads(line)["call"] for line in seen.stdout.splitlines()]
    assert (only["result"], only["reason"]) == ("failed", "No way.")


class AnApp:
    """What `Lines` asks of a run of the command line."""

    as_json, separated, format = False, False, None

    def settle_format(self) -> None:
        """Nothing contradicts."""


COLUMNS = (Column("time", wraps=True), Column("pilot", drop=1), Column("what", wraps=True))


@pytest.mark.parametrize(("width", "lines"), [(80, 1), (40, 2), (24, 3)])
def test_rows_fit_the_terminal(monkeypatch, capsys, width, lines):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((width, 24)))
    monkeypatch.setenv("NO_COLOR", "1")
    printed = Lines(AnApp(), "event", COLUMNS)
    printed.add([], [("2026-11-30 16:59:42", "5000", "1001 skipped: is on a call")])
    _titles, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == lines
    assert max(map(len, rows)) <= width


def test_the_page_of_json_names_each_event():
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    section = page.split("\n## event\n")[1].split("\n## ")[0]
    assert [each for each in EventName if f"`{each.value}`" not in section] == []
