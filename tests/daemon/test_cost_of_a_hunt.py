"""What one hunt costs, in counts that are the same on every machine: a guard against a hunt that grows unseen.

``make bench`` says what they cost in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gevent.threadpool import ThreadPool
from sqlalchemy import event

from fshunt.db.engine import open_store
from fshunt.db.queries import calls
from fshunt.simulator.eventsocket.inbound import SimulatedMonitor
from fshunt.simulator.eventsocket.socket import EventSocket
from tests.support.rig import Rig, watching
from tests.support.waiting import WAIT_SECONDS

MOST = {
    "SQL statements": 12,
    "transactions": 5,
    "thread hops": 6,
    "commands": 24,
    "events of the call": 22,
    "KB of the call": 193,
    "events for the monitor": 15,
    "KB for the monitor": 82,
}
"""Of one hunt with records and claims, on SQLite, its switch watched: one member rings, answers, talks, and the caller
hangs up. Bytes are those that FreeSWITCH sends, in thousands, rounded up."""

WHAT_TO_DO = (
    "A hunt costs another number of these than the table says. Did it become less, write the new number into MOST. Did "
    "it become more, find what your change asks or sends that was not asked or sent before, and do without it; raise "
    "the number only for what callers get in exchange, and say in the commit what that is."
)

NO_STATEMENTS = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "--")
"""What SQLite tells of besides statements; each transaction begins with one BEGIN."""

HUNTS = 4
"""The daemon's own work, such as a heartbeat, falls into some of them; the least of all is what a hunt costs."""


@dataclass
class Noted:
    """What was seen during one hunt."""

    said: list[str] = field(default_factory=list)
    hops: int = 0
    frames: list[tuple[type[EventSocket], bytes]] = field(default_factory=list)

    def costs(self, commands: int) -> dict[str, int]:
        """Return the counts by the names of the table."""
        monitors = [frame for kind, frame in self.frames if issubclass(kind, SimulatedMonitor)]
        own = [frame for kind, frame in self.frames if not issubclass(kind, SimulatedMonitor)]
        return {
            "SQL statements": sum(not each.startswith(NO_STATEMENTS) for each in self.said),
            "transactions": sum(each.startswith("BEGIN") for each in self.said),
            "thread hops": self.hops,
            "commands": commands,
            "events of the call": sum(map(_is_event, own)),
            "KB of the call": _thousands(own),
            "events for the monitor": sum(map(_is_event, monitors)),
            "KB for the monitor": _thousands(monitors),
        }


def _is_event(frame: bytes) -> bool:
    return b"text/event-plain" in frame.partition(b"\n\n")[0]


def _thousands(frames: list[bytes]) -> int:
    return -(-sum(map(len, frames)) // 1000)


@contextmanager
def noting(rig: Rig) -> Iterator[Noted]:
    """Note what the daemon of a rig asks its database and what its switch sends it."""
    noted, spawn, post = Noted(), ThreadPool.spawn, EventSocket._post
    engine = rig.daemon.deps.database.store._engine

    def trace(driver: Any, *_given: Any) -> None:
        driver.set_trace_callback(noted.said.append)

    def count_hop(*given: Any, **named: Any) -> Any:
        noted.hops += 1
        return spawn(*given, **named)

    def note_frame(connection: EventSocket, frame: bytes) -> None:
        noted.frames.append((type(connection), frame))
        post(connection, frame)

    event.listen(engine, "checkout", trace)
    try:
        with patch.object(ThreadPool, "spawn", count_hop), patch.object(EventSocket, "_post", note_frame):
            yield noted
    finally:
        event.remove(engine, "checkout", trace)


def is_answered(rig: Rig, uuid: str) -> bool:
    """Whether the record says so, read on a connection that is not the daemon's."""
    with rig.store.reading() as s:
        return calls.show_call(s, uuid)[0].answered_at is not None


def hunt(rig: Rig) -> dict[str, int]:
    """Have one hunt, with the events of each step written before the next, and return what it cost."""
    outbox = rig.daemon.deps.outbox
    with noting(rig) as noted:
        rings = rig.happens("rings")
        call = rig.started()
        rig.until(rings.is_set, "the phone rings")
        assert outbox.flush(WAIT_SECONDS)
        rig.pick_up(call, "1001")
        rig.until(lambda: is_answered(rig, call.uuid), "the answer is in the record")
        assert outbox.flush(WAIT_SECONDS)
        call.hang_up()
        assert rig.record(call).result == "answered"
        return noted.costs(len(call.listener.received))


def test_a_hunt_costs_no_more_than_the_table_says(sqlite_url: str, tmp_path: Path):
    with (
        closing(open_store(sqlite_url)) as store,
        watching(sqlite_url, store, tmp_path, outbox_dir=tmp_path / "outbox") as rig,
    ):
        rig.group("5000", "1001")
        rig.phones("1001")
        hunt(rig)  # the first one reads more: nothing is known yet
        hunts = [hunt(rig) for _ in range(HUNTS)]
    least = {name: min(each[name] for each in hunts) for name in MOST}
    assert least == MOST, WHAT_TO_DO
