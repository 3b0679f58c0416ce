"""The rows of the table of pilots, and how they come to a switch."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.errors import FshuntError
from fshunt.esl.commands import Command
from fshunt.freeswitch import pilot_table
from fshunt.freeswitch.pilot_table import (
    INDEX_REALM,
    MAX_VALUE_CHARS,
    OWNER_KEY,
    REALM,
    NoTable,
    OthersTable,
    Pilot,
    has_row,
    read_table,
    rows_of,
    take_table,
    write_table,
)

US, THEM = "a" * 32, "b" * 32


class Switch:
    """A switch that keeps values; after ``breaks_after`` commands its connection breaks."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.commands: list[str] = []
        self.breaks_after: int | None = None

    def send(self, command: Command, timeout: float) -> Any:
        return self.send_all([command], timeout)[0]

    def send_all(self, said: Sequence[Command], timeout: float) -> Any:
        return [SimpleNamespace(reply_text=self.answer(each.lines[0].removeprefix("api db "))) for each in said]

    def answer(self, words: str) -> str:
        if self.breaks_after is not None and len(self.commands) >= self.breaks_after:
            raise ConnectionError
        self.commands.append(words)
        action, realm, key, *value = words.split("/")
        if action == "insert":
            self.kept[realm, key] = value[0]
        elif action == "delete":
            self.kept.pop((realm, key), None)
        else:
            return self.kept.get((realm, key), "-ERR no reply")[:MAX_VALUE_CHARS]
        return "+OK"

    @property
    def rows(self) -> dict[str, str]:
        return {key: value for (realm, key), value in self.kept.items() if realm == REALM}

    def bring(self, rows: dict[str, str], owner: str = US) -> bool:
        return write_table(self, owner, read_table(self, owner), rows, rows.keys)


@pytest.fixture
def switch() -> Switch:
    return Switch()


def test_the_pilots_of_one_domain_are_found_with_and_without_it() -> None:
    assert rows_of([Pilot("PBX.test", "5000", "1001"), Pilot("pbx.test", "*55", None)]) == {
        "5000@pbx.test": "pbx.test|1001",
        "5000": "pbx.test|1001",
        "*55@pbx.test": "pbx.test|-",
        "*55": "pbx.test|-",
    }


def test_the_same_pilot_of_two_domains_is_found_with_its_domain_only() -> None:
    assert rows_of([Pilot("a.test", "5000", "1"), Pilot("b.test", "5000", "2")]) == {
        "5000@a.test": "a.test|1",
        "5000@b.test": "b.test|2",
    }


@pytest.mark.parametrize(
    "pilot",
    [
        Pilot("pbx.test", "50/00", "1"),
        Pilot("a b", "5000", "1"),
        Pilot("x" * 251, "5000", "1"),
        Pilot("x", "5", "${x}"),
    ],
)
def test_what_a_row_cannot_hold_is_left_out(pilot: Pilot) -> None:
    assert rows_of([pilot, Pilot("ok.test", "5001", "1")]) == {"5001@ok.test": "ok.test|1"}


def test_a_table_is_written_read_and_changed(switch: Switch) -> None:
    assert read_table(switch, US) == {}
    assert switch.bring({"5000": "x|1", "5001": "x|2"})
    assert read_table(switch, US) == switch.rows == {"5000": "x|1", "5001": "x|2"}
    assert switch.kept[INDEX_REALM, OWNER_KEY] == US
    assert switch.bring({"5001": "x|3", "5002": "x|4"})
    assert read_table(switch, US) == switch.rows == {"5001": "x|3", "5002": "x|4"}
    before = len(switch.commands)
    assert not switch.bring({"5001": "x|3", "5002": "x|4"})
    assert not [each for each in switch.commands[before:] if not each.startswith("select")]


def test_a_value_that_has_not_changed_is_not_written_again(switch: Switch) -> None:
    switch.bring({"5000": "x|1", "5001": "x|2"})
    before = len(switch.commands)
    switch.bring({"5000": "x|1", "5001": "x|9"})
    written = [each for each in switch.commands[before:] if each.startswith(f"insert/{REALM}/")]
    assert written == [f"insert/{REALM}/5001/x|9"]  # between two halves of a write a row is not there


def test_more_pilots_than_the_switch_could_list(switch: Switch) -> None:
    many = {f"{number}@pbx.test": "pbx.test|1001" for number in range(5000, 6000)}
    switch.bring(many)
    assert read_table(switch, US) == many
    assert max(map(len, switch.kept.values())) <= MAX_VALUE_CHARS
    few = {"5007@pbx.test": "pbx.test|1001"}
    switch.bring(few)
    assert read_table(switch, US) == switch.rows == few
    switch.bring(many)
    assert read_table(switch, US) == many


def test_the_table_of_another_database_is_left_alone(switch: Switch) -> None:
    switch.bring({"5000": "x|1"}, THEM)
    with pytest.raises(OthersTable):
        switch.bring({"5001": "x|1"})
    assert switch.rows == {"5000": "x|1"}
    take_table(switch, US)
    switch.bring({"5001": "x|1"})
    assert switch.rows == {"5001": "x|1"}


def test_a_row_that_another_daemon_has_added_meanwhile_stays(switch: Switch) -> None:
    switch.bring({"5000": "x|1", "5001": "x|1"})
    known = read_table(switch, US)
    assert write_table(switch, US, known, {"5000": "x|1"}, lambda: ["5000", "5001"])
    assert read_table(switch, US) == {"5000": "x|1", "5001": "x|1"}


TABLES = st.dictionaries(st.from_regex(r"\A5[0-9]{1,2}\Z"), st.sampled_from(["x|1", "x|2"]), max_size=60)


@given(before=TABLES, wanted=TABLES, breaks_after=st.integers(0, 130))
def test_after_a_break_at_any_moment_the_next_time_mends_it(
    before: dict[str, str], wanted: dict[str, str], breaks_after: int
) -> None:
    switch = Switch()
    switch.bring(before)
    switch.breaks_after = len(switch.commands) + breaks_after
    try:
        switch.bring(wanted)
    except ConnectionError:
        assert switch.rows.keys() >= before.keys() & wanted.keys(), "a pilot that stays is there at any moment"
    switch.breaks_after = None
    switch.bring(wanted)
    assert switch.rows == wanted


def test_a_switch_without_the_module_says_so(switch: Switch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "answer", lambda _words: "-ERR db Command not found!\n")
    with pytest.raises(NoTable, match="mod_db is not loaded"):
        read_table(switch, US)
    monkeypatch.setattr(switch, "answer", lambda _words: "!err!")
    with pytest.raises(FshuntError, match="does not take"):
        read_table(switch, US)


def test_a_number_is_asked_for_with_and_without_a_domain(switch: Switch) -> None:
    switch.bring({"5000@pbx.test": "pbx.test|1"})
    assert has_row(switch, "5000", "PBX.test")
    assert not has_row(switch, "5000")
    assert not has_row(switch, "5001", "pbx.test")
    assert pilot_table.key_of("5000", "A.b") == "5000@a.b"
