"""The outbox's file: what the database could not take outlives the daemon, once, whatever is wrong with the file."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import pytest

from fshunt import __version__
from fshunt.daemon.data.database import Database
from fshunt.daemon.data.events import (
    CallClosed,
    CallFinished,
    CallOpened,
    CallWaited,
    ClaimAcquired,
    OutboxEvent,
    PointerMoved,
    TalkEnded,
    UnfinishedCallClosed,
)
from fshunt.daemon.data.outbox import Outbox
from fshunt.daemon.data.outbox_file import FORMAT, MAX_FILES, OutboxFile
from fshunt.db.engine import Store, open_store
from fshunt.db.queries import calls
from fshunt.errors import DatabaseError
from fshunt.hunting.states import Result
from tests.support.rig import DOMAIN, WAIT_SECONDS

NODE = "pbx-8084"
NAME = f"outbox-{NODE}.jsonl"
SECOND = f"outbox-{NODE}~2.jsonl"
AT = datetime(2026, 3, 1, 9, 30, 0, 250, tzinfo=UTC)
NEWER = b'{"format": 2, "fshunt": "9.9"}\nwhatever it may be'
NEWER_KIND = b'{"kind": "call-parked", "version": 1, "fields": {"hunt_id": "h", "orbit": 7}}'
NEWER_VERSION = b'{"kind": "call-waited", "version": 2, "fields": {"hunt_id": "h", "milliseconds": 7}}'


def opened(hunt_id: str) -> CallOpened:
    return CallOpened(
        hunt_id=hunt_id,
        uuid=f"call-{hunt_id}",
        domain=DOMAIN,
        pilot="5000",
        group_name="Sales",
        policy="regular",
        caller_number="0301234",
        caller_name='Zoë \u2028 "quoted"',
        started_at=AT,
        policy_input={"seed": 7, "first": None},
        node=NODE,
        run_id="run",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "outbox"
    made.mkdir()
    return made


@pytest.fixture
def a_file(folder: Path) -> Iterator[Callable[..., OutboxFile]]:
    made: list[OutboxFile] = []

    def make(node: str = NODE) -> OutboxFile:
        made.append(OutboxFile(str(folder), node))
        return made[-1]

    yield make
    for each in made:
        each.close()


def restored(folder: Path, node: str = NODE) -> list[OutboxEvent]:
    file = OutboxFile(str(folder), node)
    try:
        return file.restore()
    finally:
        file.close()


def left(folder: Path, *events: OutboxEvent, node: str = NODE) -> Path:
    """Leave events as a daemon does that is killed."""
    file = OutboxFile(str(folder), node)
    assert all(file.append(event) for event in events)
    file.close()
    return folder / f"outbox-{node}.jsonl"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_kept_is_restored_in_its_order(folder: Path) -> None:
    events = [opened("h1"), TalkEnded(member_id=7, at=AT), opened("h2")]
    file = left(folder, *events)
    assert json.loads(file.read_bytes().split(b"\n")[0]) == {"format": FORMAT, "fshunt": __version__}
    assert restored(folder) == events
    assert restored(folder) == events, "to read it removes nothing"


def test_a_claim_is_not_stored_because_a_dead_daemon_must_not_restore_it(folder: Path, a_file: Any) -> None:
    claim = ClaimAcquired(domain=DOMAIN, extensions=("1001",), hunt_id="h", call_uuid="c", run_id="r", sequence=1)
    assert a_file().append(claim), "nobody will miss it"
    assert names(folder) == []


def test_an_event_that_is_no_json_costs_no_call(a_file: Any, caplog: pytest.LogCaptureFixture) -> None:
    file = a_file()
    assert not file.append(PointerMoved(group_id=1, call_uuid="call", policy_input={"seed": lambda: None}))
    assert not file.append(CallWaited(hunt_id="h", seconds=float("nan")))
    assert file.append(opened("h1"))
    assert "write pointer-moved cannot be kept in the outbox file" in caplog.messages
    assert "write call-waited cannot be kept in the outbox file" in caplog.messages


def test_the_file_is_private_and_removed_when_all_is_written(folder: Path, a_file: Any) -> None:
    file = a_file()
    file.append(opened("h1"))
    assert names(folder) == [NAME]
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    file.clear()
    assert names(folder) == []
    file.append(opened("h2"))
    file.close()
    assert restored(folder) == [opened("h2")]


def test_a_truncated_last_line_is_ignored(folder: Path, a_file: Any, caplog: pytest.LogCaptureFixture) -> None:
    path = left(folder, opened("h1"), opened("h2"))
    path.write_bytes(path.read_bytes()[:-20])
    later = a_file()
    assert later.restore() == [opened("h1")]
    later.append(opened("h3"))
    later.close()
    assert restored(folder) == [opened("h1"), opened("h3")]
    assert f"line 3 of {path} is not JSON and is dropped" in caplog.messages


def test_a_header_that_was_cut_off_loses_nothing(folder: Path, a_file: Any) -> None:
    (folder / NAME).write_bytes(b'{"for')
    file = a_file()
    assert file.restore() == []
    assert file.append(opened("h1"))
    file.close()
    assert restored(folder) == [opened("h1")]


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[" * 100_000, b"{", b"word"])
def test_a_line_that_is_no_json_is_left_out(folder: Path, line: bytes) -> None:
    path = left(folder, opened("h1"), opened("h2"))
    header, first, second, _ = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([header, first, line, second, b""]))
    assert restored(folder) == [opened("h1"), opened("h2")]
    assert names(folder) == [NAME]


def test_a_full_disk_is_no_fault_of_the_next_line(
    folder: Path, a_file: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a line is written before the disk is full; later there is room again."""
    file = a_file()
    assert file.append(opened("h1"))
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, text: write(fd, text[: len(text) // 2]))
    assert not file.append(opened("h2"))
    assert not file.append(opened("h3"))
    monkeypatch.undo()
    assert file.append(opened("h4"))
    file.close()
    assert [event.hunt_id for event in restored(folder) if isinstance(event, CallOpened)] == ["h1", "h4"]
    expected = f"pending writes are kept in memory only: {folder / NAME}: No space left on device"
    assert [each for each in caplog.messages if "in memory only" in each] == [expected]


def test_a_disk_that_is_full_at_the_header_leaves_a_file_that_can_be_used(
    folder: Path, a_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, write = a_file(), os.write
    monkeypatch.setattr(os, "write", lambda fd, text: write(fd, text[:7]))
    assert not file.append(opened("h1"))
    monkeypatch.undo()
    assert file.append(opened("h2"))
    file.close()
    assert restored(folder) == [opened("h2")]


# Files of another version.


def test_a_file_in_another_format_is_kept_and_logged_and_another_one_is_used(
    folder: Path, a_file: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / NAME).write_bytes(NEWER)
    file = a_file()
    assert file.restore() == []
    (said,) = caplog.messages
    assert said == (
        f"{folder / NAME} was written by fshunt 9.9 and is left as it is: fshunt {__version__} cannot read it, because"
        f" its format is 2 and not {FORMAT}. Start that version once to write its pending writes, or remove the"
        f" file. This run keeps its own in {folder / SECOND}"
    )
    assert file.append(opened("h1"))
    file.close()
    assert names(folder) == [NAME, SECOND]
    later = a_file()
    assert later.restore() == [opened("h1")], "this version finds its own"
    later.clear()
    assert names(folder) == [NAME]
    assert (folder / NAME).read_bytes() == NEWER


@pytest.mark.parametrize("text", [b"\xff\xfe\n", b"7\n", b"[]\n{}\n", b"{}\n", b"[" * 100_000 + b"\n"])
def test_a_file_without_a_format_is_kept(folder: Path, text: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (folder / NAME).write_bytes(text)
    assert restored(folder) == []
    assert "was written by fshunt of an unknown version and is left as it is" in caplog.text
    assert (folder / NAME).read_bytes() == text


@pytest.mark.parametrize("line", [NEWER_KIND, NEWER_VERSION, b"{}", b"7"])
def test_an_event_of_an_unknown_kind_is_set_aside_and_never_dropped(
    folder: Path, a_file: Any, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = left(folder, opened("h1"), opened("h2"))
    header, first, second, _ = path.read_bytes().split(b"\n")
    header = header.replace(__version__.encode(), b"9.9")
    path.write_bytes(b"\n".join([header, first, line, second, b""]))
    for _ in range(2):  # the second finds the line where the first has put it
        file = a_file()
        assert file.restore() == [opened("h1"), opened("h2")]
        assert names(folder) == [NAME, SECOND]
        assert (folder / SECOND).read_bytes() == header + b"\n" + line + b"\n"
        file.close()
    assert (
        f"1 pending writes are of kinds that fshunt {__version__} does not know: moved to {folder / SECOND}. Start"
        " fshunt 9.9 once to write them, or remove the file"
    ) in caplog.messages
    file = a_file()
    file.restore()
    file.append(opened("h3"))
    file.clear()
    assert names(folder) == [SECOND], "known events are written, unknown ones stay"
    assert restored(folder) == []
    assert names(folder) == [SECOND]


def test_where_nothing_can_be_set_aside_the_whole_file_is_left_as_it_is(folder: Path, a_file: Any) -> None:
    path = left(folder, opened("h1"))
    text = path.read_bytes() + NEWER_KIND + b"\n"
    path.write_bytes(text)
    for number in range(2, MAX_FILES + 1):
        (folder / f"outbox-{NODE}~{number}.jsonl").write_bytes(NEWER)
    file = a_file()
    assert file.restore() == []
    assert not file.append(opened("h2")), "no name is left: in memory only"
    file.clear()
    assert path.read_bytes() == text
    assert len(names(folder)) == MAX_FILES


# Other daemons, other folders.


def test_two_daemons_of_one_name_do_not_share_it(folder: Path, a_file: Any, caplog: pytest.LogCaptureFixture) -> None:
    first, second = a_file(), a_file()
    assert first.append(opened("h1"))
    assert second.restore() == []
    assert not second.append(opened("h2"))
    assert not second.append(opened("h3"))
    (said,) = caplog.messages
    assert said == (
        f"pending writes are kept in memory only: {folder / NAME}: another daemon with the same `node_name` uses it"
    )
    assert a_file("another").append(opened("h4"))
    first.close()
    assert not second.append(opened("h5")), "what the first has left is the next start's"
    second.clear()
    assert restored(folder) == [opened("h1")]


def test_a_file_that_leads_elsewhere_is_not_followed(
    folder: Path, a_file: Any, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = folder / "elsewhere"
    (folder / NAME).symlink_to(elsewhere)
    assert not a_file().append(opened("h1"))
    assert not elsewhere.exists()
    assert "in memory only" in caplog.text


def test_without_a_folder_nothing_is_stored_and_one_line_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert OutboxFile(None, NODE).restore() == []
    assert not OutboxFile(None, NODE).append(opened("h1"))
    assert caplog.messages == []
    without = OutboxFile(str(folder / "none"), NODE)
    assert without.restore() == []
    assert not without.append(opened("h1"))
    assert caplog.messages == [f"pending writes are kept in memory only: folder {folder / 'none'} does not exist"]


# The outbox with it.


class Recording:
    """An outbox on a database that a test makes unavailable and available."""

    def __init__(self, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = Database(store, 1.0)
        self.outbox = Outbox(self.database, OutboxFile(str(folder), NODE))
        self._patch = monkeypatch
        self._writers: list[gevent.Greenlet] = []

    def start(self) -> None:
        self.outbox.start()
        self._writers.append(gevent.spawn(self.outbox.run))

    def stop(self, seconds: float) -> None:
        self.outbox.stop(seconds)
        gevent.killall(self._writers)
        self.outbox.close()

    def take_away(self) -> None:
        def away(_function: object, **_more: object) -> None:
            raise DatabaseError("The database is away.")

        for name in ("run", "run_lean"):
            self._patch.setattr(self.database, name, away)

    def give_back(self) -> None:
        self._patch.undo()
        self.outbox.database_back()

    def put(self, *hunt_ids: str) -> None:
        for hunt_id in hunt_ids:
            self.outbox.put(opened(hunt_id))

    def written(self) -> list[str]:
        with self.database.store.reading() as s:
            return sorted(record.id for record in calls.list_calls(s))


@pytest.fixture
def recording(sqlite_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Recording]]:
    made: list[Recording] = []

    def make() -> Recording:
        made.append(Recording(open_store(sqlite_url), folder, monkeypatch))
        return made[-1]

    yield make
    for each in made:
        with closing(each.database.store):
            each.stop(0)
            each.database.close()


def test_what_a_stopped_daemon_could_not_write_the_next_one_writes(
    recording: Callable[[], Recording], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = recording()
    first.start()
    first.take_away()
    first.put("h1", "h2")
    first.stop(WAIT_SECONDS)
    assert names(folder) == [NAME]
    file = folder / NAME
    assert f"stopped with 2 writes pending: the next start writes them from {file}" in caplog.messages
    first.give_back()
    second = recording()
    second.start()
    assert second.outbox.catches_up
    second.put("h3")
    assert second.outbox.flush(WAIT_SECONDS)
    assert second.written() == ["h1", "h2", "h3"]
    assert not second.outbox.catches_up
    assert names(folder) == []
    assert f"writing 2 pending writes of an earlier run from {file}" in caplog.messages


def test_what_is_hurried_is_in_the_file_until_it_is_written(recording: Callable[[], Recording], folder: Path) -> None:
    """A daemon that is killed just after it has hurried leaves it to the next run, which writes it."""
    killed = recording()
    killed.put("h1")
    assert names(folder) == [], "it can be forgotten"
    killed.outbox.hurry()
    assert names(folder) == [NAME]
    assert not killed.outbox.catches_up, "the database knows of all older calls"
    killed.stop(0)
    after = recording()
    after.start()
    assert after.outbox.flush(WAIT_SECONDS)
    assert after.written() == ["h1"]
    after.put("h2")
    after.outbox.hurry()
    assert names(folder) == [NAME]
    assert after.outbox.flush(WAIT_SECONDS)
    assert names(folder) == [], "the file is there only while something waits"


def test_without_the_database_each_event_goes_to_the_file_at_once(
    recording: Callable[[], Recording], folder: Path
) -> None:
    made = recording()
    made.take_away()
    made.put("h1")
    assert names(folder) == [], "no error has been seen yet"
    made.outbox.keep()  # the circuit breaker trips: the write under way may never come to an end
    made.put("h2")
    assert _peek(folder) == [opened("h1"), opened("h2")]


def test_when_the_database_is_back_the_file_goes_and_nothing_more_is_kept(
    recording: Callable[[], Recording], folder: Path
) -> None:
    made = recording()
    made.take_away()
    made.put("h1")
    made.outbox.keep()
    made.give_back()
    made.start()
    assert made.outbox.flush(WAIT_SECONDS)
    made.put("h2")
    assert names(folder) == []
    assert made.outbox.flush(WAIT_SECONDS)
    assert made.written() == ["h1", "h2"]


def test_an_event_is_not_kept_before_an_older_one(recording: Callable[[], Recording], folder: Path) -> None:
    made = recording()
    made.take_away()
    file = folder / NAME
    file.symlink_to(folder / "elsewhere")
    made.put("h1")
    made.outbox.keep()
    file.unlink()
    made.put("h2")
    assert names(folder) == []
    made.outbox.keep()
    assert _peek(folder) == [opened("h1"), opened("h2")]


def test_a_hunt_whose_end_is_pending_is_named(recording: Callable[[], Recording]) -> None:
    made = recording()
    made.put("h0")
    end: dict[str, Any] = {"result": Result.FAILED, "reason": None, "ended_at": AT, "end_seen": True}
    made.outbox.put(CallClosed(hunt_id="h1", destination=None, waited_seconds=None, **end))
    made.outbox.put(CallFinished(hunt_id="h2", **end))
    made.outbox.put(UnfinishedCallClosed(hunt_id="h3", ended_at=AT))
    assert made.outbox.hunts_ending == ["h1", "h2", "h3"]


def test_what_was_written_and_kept_all_the_same_is_written_once(
    recording: Callable[[], Recording], folder: Path
) -> None:
    first = recording()
    first.put("h1")
    first.outbox.keep()
    kept = (folder / NAME).read_bytes()
    first.start()
    assert first.outbox.flush(WAIT_SECONDS)
    (folder / NAME).write_bytes(kept)  # it was killed between the COMMIT and the removal of the file
    second = recording()
    second.start()
    assert second.outbox.flush(WAIT_SECONDS)
    assert second.written() == ["h1"]


def _peek(folder: Path) -> list[OutboxEvent]:
    """Return the content of the file, which its daemon has locked."""
    (folder / "outbox-copy.jsonl").write_bytes((folder / NAME).read_bytes())
    return restored(folder, "copy")
