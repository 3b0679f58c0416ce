"""Two daemons on one database whose settings differ: neither takes a healthy one's calls over, a dead one's are taken.

When a daemon is presumed dead is said by the database, for all daemons: no setting of one can shorten it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fshunt.daemon.bootstrap import build
from fshunt.db.engine import Store, open_store
from fshunt.db.models import CallRecord, Claim, DaemonRecord, QueueEntry
from fshunt.hunting.group import WhenBusy
from fshunt.settings.loading import load
from fshunt.settings.model import ROWS
from fshunt.settings.values import Address
from fshunt.simulator.core.phones import answers
from tests.support.clock import CLOCK
from tests.support.rig import WAIT_SECONDS, Rig, end_service
from tests.support.timing import set_dead_after

DEAD_HEARTBEATS, HEARTBEAT_SECONDS = 20, 0.1
MANY_HEARTBEATS = 4 * DEAD_HEARTBEATS

SHORT = """
seconds_per_ring = 2
stop_timeout = 0
confirm_timeout = 1
database_timeout = 5
dead_phone_seconds = 2
external_setup_seconds = 5
wait_for_phone_seconds = 1
"""
LONG = """
seconds_per_ring = 60
stop_timeout = 3600
confirm_timeout = 120
database_timeout = 60
dead_phone_seconds = 24
external_setup_seconds = 60
wait_for_phone_seconds = 60
"""
"""Twelve times as long, or more; a database step of a busy machine fits the short one, too."""


def test_the_two_files_differ_in_every_setting_that_is_a_time() -> None:
    short, long = tomllib.loads(SHORT), tomllib.loads(LONG)
    times = {name for name, row in ROWS.items() if row.kind.words.startswith("seconds")}
    assert short.keys() == long.keys() == times
    assert all(short[name] * 12 <= long[name] for name in times)


@contextmanager
def running_with(text: str, node: str, url: str, store: Store, folder: Path) -> Iterator[Rig]:
    """A daemon with the settings of a file."""
    file = folder / f"{node}.toml"
    file.write_text(f'node_name = "{node}"\nhttp_listen = "none"\noutbox_dir = ""\n{text}')
    settings = replace(load(file, {}).settings, database_url=url, listen=Address("127.0.0.1", 0))
    daemon = build(settings)
    daemon.start()
    rig = Rig(daemon, store, settings)
    try:
        yield rig
    finally:
        for call in list(rig.switch.calls.values()):  # the stop waits an hour for hunts
            call.hang_up()
        daemon.stop()


@pytest.fixture
def two(database_url: str, tmp_path: Path) -> Iterator[tuple[Rig, Rig]]:
    """One with short times and one with long ones; a run is presumed dead after so many heartbeats."""
    with closing(open_store(database_url)) as store:
        set_dead_after(store, DEAD_HEARTBEATS * HEARTBEAT_SECONDS, heartbeats=DEAD_HEARTBEATS)
        with (
            running_with(SHORT, "short", database_url, store, tmp_path) as short,
            running_with(LONG, "long", database_url, store, tmp_path) as long,
        ):
            yield short, long


@pytest.mark.faults
@pytest.mark.parametrize("dying", [0, 1], ids=["short", "long"])
def test_no_healthy_daemon_is_taken_over_and_a_dead_one_is(two: tuple[Rig, Rig], dying: int) -> None:
    taken = [note_takeovers(rig) for rig in two]
    for number, rig in enumerate(two):
        talks_waits_and_rings(rig, number)
    held = [of_run(rig) for rig in two]
    assert [len(each) for each in held] == [3 + 2 + 1] * 2, "three calls, two claims, one queue entry"

    pass_heartbeats(MANY_HEARTBEATS, *two)
    assert [of_run(rig) for rig in two] == held
    assert taken == [[], []]
    assert lost(two[0].store) == set()

    dead, alive = two[dying], two[1 - dying]
    dead.daemon.deps.outbox.put = lambda _event, _then=None: None
    end_service(dead.daemon, "heartbeat")
    pass_heartbeats(DEAD_HEARTBEATS // 2, alive)
    assert of_run(dead) == held[dying], "it might still live"
    alive.pass_time_until(lambda: len(taken[1 - dying]) == 3, "its calls are taken over")
    assert of_run(dead) == set(), "and all that they held"
    assert lost(alive.store) == {dead.daemon.deps.run_id}
    assert of_run(alive) >= held[1 - dying]


def note_takeovers(rig: Rig) -> list[str]:
    """The hunts that this daemon takes over from now on."""
    taken: list[str] = []
    takeover = rig.daemon.deps.takeover
    real = takeover.take_over

    def take_over(left: Any) -> None:
        taken.extend(each.hunt_id for each in left)
        real(left)

    takeover.take_over = take_over  # type: ignore[method-assign]
    return taken


def talks_waits_and_rings(rig: Rig, number: int) -> None:
    """A caller who talks, one who waits for the same member, and one for whom a phone rings."""
    busy, ringing = f"10{number}1", f"10{number}2"
    rig.group(f"50{number}1", busy, when_busy=WhenBusy.QUEUE)
    rig.group(f"50{number}2", ringing)
    rig.phones(busy, behaviour=answers(0.02))
    rig.phones(ringing)
    talks, rings = rig.happens("talks with", busy), rig.happens("rings", ringing)
    for pilot, happens in ((f"50{number}1", talks), (f"50{number}2", rings)):
        rig.started(pilot)
        assert happens.wait(WAIT_SECONDS)
    rig.started(f"50{number}1")
    rig.until(lambda: len(of_run(rig)) == 6, "all is written")
    assert rig.daemon.deps.outbox.flush(WAIT_SECONDS)


def of_run(rig: Rig) -> set[tuple[Any, ...]]:
    """What this run has in the database: open calls, claims and queue entries."""
    run = rig.daemon.deps.run_id
    opened = select(CallRecord.id, CallRecord.node).where(CallRecord.run_id == run, CallRecord.ended_at.is_(None))
    claims = select(Claim.hunt_id, Claim.extension, Claim.sequence).where(Claim.run_id == run)
    entries = select(QueueEntry.hunt_id, QueueEntry.extension, QueueEntry.ticket, QueueEntry.since)
    with rig.store.reading() as s:
        return {
            tuple(row) for each in (opened, claims, entries.where(QueueEntry.run_id == run)) for row in s.execute(each)
        }


def lost(store: Store) -> set[str]:
    with store.reading() as s:
        return set(s.scalars(select(DaemonRecord.run_id).where(DaemonRecord.lost)))


def pass_heartbeats(number: int, *rigs: Rig) -> None:
    """Let so many heartbeats of each of these daemons succeed."""
    ends = [rig.daemon.heartbeat.membership.heartbeats + number for rig in rigs]

    def passed() -> bool:
        return all(rig.daemon.heartbeat.membership.heartbeats >= end for rig, end in zip(rigs, ends, strict=True))

    CLOCK.run_until(passed, f"{number} heartbeats have passed")
