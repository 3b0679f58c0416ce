"""The outbox_file: what the database could not take outlives the daemon, once, whatever is wrong with the file."""

from __future__ import annotations

import inspect
import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.daemon.data import outbox_file as spool_module
from fshunt.daemon.data.database import Database
from fshunt.daemon.data.outbox import Outbox
from fshunt.daemon.data.outbox_file import KEPT, OutboxFile, OutboxLine
from fshunt.db.engine import Store, open_store
from fshunt.db.queries import calls, hunts
from fshunt.errors import DatabaseError
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.states import Outcome, Result
from tests.support.rig import DOMAIN, WAIT_SECONDS

NODE = "pbx-8084"
AT = datetime(2026, 3, 1, 9, 30, 0, 250, tzinfo=UTC)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.lists(st.text(max_size=20), max_size=3),
    st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=10) | st.none(), max_size=3),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([*Outcome, *Result, *SkipReason]),
)


def opened(hunt_id: str) -> OutboxLine:
    values: dict[str, Any] = {
        "uuid": f"call-{hunt_id}",
        "domain": DOMAIN,
        "pilot": "5000",
        "group_name": "Sales",
        "policy": "regular",
        "caller_number": "0301234",
        "caller_name": 'Zoë \u2028 "quoted"',
        "started_at": AT,
        "policy_input": {"seed": 7, "turn": None},
        "node": NODE,
        "run": "run",
    }
    return OutboxLine(calls.open_call, (hunt_id,), values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "outbox_file"
    made.mkdir()
    return made


def restored(folder: Path, node: str = NODE) -> list[OutboxLine]:
    outbox_file = OutboxFile(str(folder), node)
    try:
        return outbox_file.restore()
    finally:
        outbox_file.close()


PUT = re.compile(
    r"outbox\.put(?:_then)?\(\s*(?:[^,()]*(?:\([^()]*\))?[^,()]*,\s*)?((?:calls|hunts|waiting)\.\w+)", re.DOTALL
)


def test_every_write_that_the_daemon_puts_is_kept_or_is_a_claim() -> None:
    """Whoever adds a write says here whether it may come back from a daemon that is gone."""
    text = "\n".join(path.read_text() for path in Path(spool_module.__file__).parents[1].rglob("*.py"))
    put = {name.partition(".")[2] for name in re.findall(PUT, text)}
    assert {"open_call", "move_turn", "release", "leave"} <= put
    assert put - set(KEPT) == {"claim"}


def test_what_cannot_be_kept_costs_no_call(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox_file = OutboxFile(str(folder), NODE)
    assert not outbox_file.keep(hunts.move_turn, (1, "call", lambda: None), {})
    assert "a record cannot be kept in a file: move_turn" in caplog.messages
    outbox_file.close()


@given(lines=st.lists(st.tuples(st.sampled_from(sorted(KEPT)), st.lists(VALUES), st.dictionaries(st.text(), VALUES))))
def test_whatever_is_kept_is_restored_in_its_order_with_its_types(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, list[Any], dict[str, Any]]]
) -> None:
    folder = tmp_path_factory.mktemp("outbox_file")
    outbox_file = OutboxFile(str(folder), NODE)
    meant = [OutboxLine(KEPT[name], tuple(args), kwargs) for name, args, kwargs in lines]
    assert all(outbox_file.keep(*line) for line in meant)
    outbox_file.close()
    found = restored(folder)
    assert found == meant
    for line, other in zip(found, meant, strict=True):
        assert [type(value) for value in line.args] == [type(value) for value in other.args]
        assert {k: type(v) for k, v in line.kwargs.items()} == {k: type(v) for k, v in other.kwargs.items()}


def test_every_function_that_is_kept_takes_a_transaction_first_and_has_a_name_of_its_own() -> None:
    assert len(KEPT) == 15
    for function in KEPT.values():
        assert next(iter(inspect.signature(function).parameters)) == "s"


def test_a_claim_is_not_kept_as_it_must_not_come_back_from_a_daemon_that_is_gone(folder: Path) -> None:
    outbox_file = OutboxFile(str(folder), NODE)
    assert outbox_file.keep(hunts.claim, (DOMAIN, ["1001"]), {"hunt_id": "h"})
    assert list(folder.iterdir()) == []


def test_the_file_is_for_its_owner_only_and_is_gone_when_all_is_written(folder: Path) -> None:
    outbox_file = OutboxFile(str(folder), NODE)
    outbox_file.keep(*opened("h1"))
    (file,) = folder.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("unwritten-pbx-8084.jsonl", 0o600)
    outbox_file.clear()
    assert list(folder.iterdir()) == []


def test_a_last_line_that_was_cut_off_is_left_out_and_hurts_no_other(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox_file = OutboxFile(str(folder), NODE)
    outbox_file.keep(*opened("h1"))
    outbox_file.keep(*opened("h2"))
    outbox_file.close()
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    later = OutboxFile(str(folder), NODE)
    assert later.restore() == [opened("h1")]
    later.keep(*opened("h3"))
    later.close()
    assert restored(folder) == [opened("h1"), opened("h3")]
    assert f"line 2 of {file} is not a record, and is left out" in caplog.messages


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[]",
        b"7",
        b'{"function": "drop_all", "args": [], "kwargs": {}}',
        b'{"function": "note_end", "args": 7, "kwargs": {}}',
        b'{"function": "note_end", "args": [["time", "never"]], "kwargs": {}}',
        b'{"function": "note_end", "args": [["time", 7]], "kwargs": {}}',
        b'{"function": "note_end", "args": [["Outcome", "lost"]], "kwargs": {}}',
        b'{"function": "note_end", "args": [["Other", "lost"]], "kwargs": {}}',
        b'{"function": "note_end", "args": [[1, 2, 3]], "kwargs": []}',
        b'{"function": ["note_end"], "args": [], "kwargs": {}}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_a_record_is_left_out(folder: Path, line: bytes) -> None:
    outbox_file = OutboxFile(str(folder), NODE)
    outbox_file.keep(*opened("h1"))
    outbox_file.close()
    (file,) = folder.iterdir()
    file.write_bytes(line + b"\n" + file.read_bytes())
    assert restored(folder) == [opened("h1")]


def test_two_daemons_of_one_name_do_not_share_it(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = OutboxFile(str(folder), NODE), OutboxFile(str(folder), NODE)
    assert first.keep(*opened("h1"))
    assert second.restore() == []
    assert not second.keep(*opened("h2"))
    assert not second.keep(*opened("h3"))
    (said,) = caplog.messages
    assert said.startswith("records that the database cannot take wait in memory only: ")
    assert said.endswith("another daemon with the same `node` uses it")
    assert OutboxFile(str(folder), "another").keep(*opened("h4"))
    first.close()
    assert restored(folder) == [opened("h1")]


def test_a_file_that_leads_elsewhere_is_not_followed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = folder / "elsewhere"
    (folder / f"unwritten-{NODE}.jsonl").symlink_to(elsewhere)
    assert not OutboxFile(str(folder), NODE).keep(*opened("h1"))
    assert not elsewhere.exists()
    assert "wait in memory only" in caplog.text


def test_without_a_folder_nothing_is_kept_and_one_line_says_so(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert OutboxFile(None, NODE).restore() == []
    assert not OutboxFile(None, NODE).keep(*opened("h1"))
    assert caplog.messages == []
    assert OutboxFile(str(folder / "none"), NODE).restore() == []
    assert caplog.messages == [
        f"records that the database cannot take wait in memory only: there is no {folder / 'none'}"
    ]


# The outbox with it.


class Recording:
    """A outbox on a database that a test takes away and gives back."""

    def __init__(self, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = Database(store, 1.0)
        self.outbox = Outbox(self.database, OutboxFile(str(folder), NODE))
        self._patch = monkeypatch

    def take_away(self) -> None:
        def away(_function: object) -> None:
            raise DatabaseError("The database is away.")

        self._patch.setattr(self.database, "write_patiently", away)

    def give_back(self) -> None:
        self._patch.undo()
        self.outbox.try_again()

    def put(self, *hunt_ids: str) -> None:
        for hunt_id in hunt_ids:
            line = opened(hunt_id)
            self.outbox.put(line.function, *line.args, **line.kwargs)


@pytest.fixture
def recording(sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    stores: list[Store] = []
    made: list[Recording] = []

    def make() -> Recording:
        stores.append(open_store(sqlite_url))
        made.append(Recording(stores[-1], folder, monkeypatch))
        return made[-1]

    yield make
    for each in made:
        each.outbox.stop(0)
        each.database.close()
    for store in stores:
        store.close()


def written(made: Recording) -> list[str]:
    with made.database.store.reading() as s:
        return sorted(record.id for record in calls.list_calls(s))


def test_what_a_stopped_daemon_could_not_write_the_next_one_writes(
    recording: Any, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = recording()
    first.outbox.start()
    first.take_away()
    first.put("h1", "h2")
    first.outbox.stop(WAIT_SECONDS)
    (file,) = folder.iterdir()
    assert f"stopped before 2 records were written: the next start does, from {file}" in caplog.messages
    first.give_back()
    second = recording()
    second.outbox.start()
    assert second.outbox.catches_up
    second.put("h3")
    assert second.outbox.flush(WAIT_SECONDS)
    assert written(second) == ["h1", "h2", "h3"]
    assert not second.outbox.catches_up
    assert list(folder.iterdir()) == []
    assert f"2 records of an earlier run are written now, from {file}" in caplog.messages


def test_once_the_database_is_away_each_write_is_kept_as_it_comes(recording: Any, folder: Path) -> None:
    made = recording()
    made.take_away()
    made.put("h1")
    assert list(folder.iterdir()) == [], "nothing is known to be wrong yet"
    made.outbox.keep()  # a gate is shut: the write under way may never come to an end
    made.put("h2")
    (file,) = folder.iterdir()
    assert [json.loads(line)["args"] for line in file.read_text().splitlines()] == [[["", "h1"]], [["", "h2"]]]


def test_when_the_database_is_back_the_file_goes_and_nothing_more_is_kept(recording: Any, folder: Path) -> None:
    made = recording()
    made.take_away()
    made.put("h1")
    made.outbox.keep()
    made.give_back()
    made.outbox.start()
    assert made.outbox.flush(WAIT_SECONDS)
    made.put("h2")
    assert list(folder.iterdir()) == []
    assert made.outbox.flush(WAIT_SECONDS)
    assert written(made) == ["h1", "h2"]


def test_a_record_is_not_kept_before_an_older_one(recording: Any, folder: Path) -> None:
    made = recording()
    made.take_away()
    file = folder / f"unwritten-{NODE}.jsonl"
    file.symlink_to(folder / "elsewhere")
    made.put("h1")
    made.outbox.keep()
    file.unlink()
    made.put("h2")
    assert list(folder.iterdir()) == []
    made.outbox.keep()
    assert [line.args for line in _peek(file)] == [("h1",), ("h2",)]


def _peek(file: Path) -> list[OutboxLine]:
    copy = file.with_name("unwritten-copy.jsonl")
    copy.write_bytes(file.read_bytes())
    return restored(copy.parent, "copy")


def test_what_was_written_and_kept_all_the_same_is_written_once(recording: Any, folder: Path) -> None:
    first = recording()
    first.put("h1")
    first.outbox.keep()
    (file,) = folder.iterdir()
    kept = file.read_bytes()
    first.outbox.start()
    assert first.outbox.flush(WAIT_SECONDS)
    file.write_bytes(kept)  # it was killed between the COMMIT and the removal of the file
    second = recording()
    second.outbox.start()
    assert second.outbox.flush(WAIT_SECONDS)
    assert written(second) == ["h1"]
