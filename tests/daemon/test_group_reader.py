"""All groups are read in the background: any number, unreadable ones included, and after any start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from fshunt.daemon import supervised
from fshunt.daemon.call.caller import Caller
from fshunt.daemon.clock import TRUSTED_AHEAD, SteadyClock
from fshunt.daemon.data import group_reader
from fshunt.daemon.data.database import Database
from fshunt.daemon.data.group_cache import GroupCache
from fshunt.daemon.data.group_reader import GroupReader
from fshunt.db.engine import Store
from fshunt.db.queries import calls, hunts
from fshunt.db.queries import groups as group_queries
from fshunt.errors import DatabaseError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.states import Result
from fshunt.services import groups, members
from fshunt.simulator.core.phones import answers
from tests.support.rig import DOMAIN, WAIT_SECONDS, rang, running

NODE = "pbx-8084"
FAR = datetime(2036, 5, 1, tzinfo=UTC)


class Reading:
    """A reader, what it has read, and the clock that it keeps from going back."""

    def __init__(self, store: Store) -> None:
        self.store, self.cache, self.clock = store, GroupCache(), SteadyClock()
        # The deadline of a call is too short for any query: the reader does not use it.
        self.database = Database(store, timeout=0.0)
        self.reader = GroupReader(self.database, self.cache, self.clock, NODE)

    def add(self, *pilots: str, domain: str = DOMAIN) -> None:
        with self.store.writing() as s:
            for pilot in pilots:
                groups.add_group(s, domain, pilot)
                members.add_members(s, domain, pilot, [parse_member(f"1{pilot}")])

    def spoil(self, pilot: str) -> None:
        with self.store.writing() as s:
            s.execute(text("UPDATE groups SET on_busy = 'nonsense' WHERE pilot = :pilot"), {"pilot": pilot})

    def pilots(self) -> list[str]:
        return [pilot for pilot in ("5000", "5001", "5002", "5003", "5004") if self.cache.find(dials(pilot))]


def dials(pilot: str) -> Caller:
    return Caller("u", "u", "4155550100", "Lab", pilot, DOMAIN, None, None, "default", answered=False)


@pytest.fixture
def read(store: Store) -> Iterator[Reading]:
    made = Reading(store)
    yield made
    made.database.close()


def test_groups_are_read_in_parts_and_past_the_deadline_of_a_call(
    read: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_reader, "GROUPS_AT_ONCE", 2)
    parts: list[int] = []
    load = group_queries.load_groups
    monkeypatch.setattr(group_queries, "load_groups", lambda s, ids: (parts.append(len(ids)), load(s, ids))[1])
    read.add("5000", "5001", "5002", "5003", "5004")
    assert read.reader.read_all()
    assert parts == [2, 2, 1]
    assert read.pilots() == ["5000", "5001", "5002", "5003", "5004"]
    assert read.database.away is None, "that it took long is nothing to put calls off for"
    found = read.cache.find(dials("5000"))
    assert found is not None
    assert [member.extension for member in found.group.members] == ["15000"]


def test_an_unreadable_group_is_logged_once_and_all_others_are_cached(
    read: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    read.add("5000", "5001", "5002", "5003", "5004")
    for pilot in ("5001", "5004"):
        read.spoil(pilot)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert read.reader.read_all()
    assert read.pilots() == ["5000", "5002", "5003"]
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith(f"group 5001 of {DOMAIN} cannot be read and is not in the group cache")
    with read.store.writing() as s:
        groups.set_group(s, DOMAIN, "5003", name="Lab")
        s.execute(text("UPDATE groups SET on_busy = 'voicemail' WHERE pilot = '5001'"))
    assert read.reader.read_all()
    assert read.pilots() == ["5000", "5001", "5002", "5003"]


def test_what_was_removed_is_forgotten_and_what_a_call_has_read_meanwhile_is_kept(
    read: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    read.add("5000", "5001")
    assert read.reader.read_all()
    with read.store.writing() as s:
        groups.remove_group(s, DOMAIN, "5000")
    list_groups = group_queries.all_groups

    def and_then_one_is_made(s: Any) -> Any:
        found = list_groups(s)
        read.add("5002")
        with read.store.reading() as another:
            read.cache.keep(hunts.load(another, fshunt_domain=DOMAIN, pilot="5002"))
        return found

    monkeypatch.setattr(group_queries, "all_groups", and_then_one_is_made)
    assert read.reader.read_all()
    assert read.pilots() == ["5001", "5002"]


def test_an_unavailable_database_is_logged_once_and_the_cache_stays(
    read: Reading, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read.add("5000")
    assert read.reader.read_all()
    monkeypatch.setattr(group_queries, "all_groups", away)
    with caplog.at_level(logging.WARNING):
        assert [read.reader.read_all() for _ in range(2)] == [False, False]
    assert caplog.messages == ["groups could not be read: The database is away."]
    assert read.pilots() == ["5000"]


def away(*_args: object) -> None:
    raise DatabaseError("The database is away.")


def test_the_start_waits_for_the_groups_for_a_moment_only(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "START_STATE_SECONDS", 0.01)
    load, go_on = group_queries.load_groups, threading.Event()

    def load_when_told(s: Any, ids: Any) -> Any:
        assert go_on.wait(WAIT_SECONDS)
        return load(s, ids)

    monkeypatch.setattr(group_queries, "load_groups", load_when_told)
    Reading(store).add("5000", "5001")
    with running(str(database_url), store) as rig:
        cache = rig.daemon.deps.group_cache
        try:
            rig.phones("15000", behaviour=answers(0.02, talks=0.02))
            assert rang(rig.call("5000")) == [("15000", "answered")]
            assert cache.find(dials("5001")) is None
        finally:
            go_on.set()
        rig.until(lambda: cache.find(dials("5001")), "all groups are cached")


def test_after_a_restart_in_an_outage_the_groups_are_cached_soon(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_reader, "SOON_SECONDS", 0.01)
    Reading(store).add("5000")
    there, tries = group_queries.all_groups, iter([away, away])

    def away_twice(s: Any) -> Any:
        return next(tries, there)(s)

    monkeypatch.setattr(group_queries, "all_groups", away_twice)
    with running(str(database_url), store) as rig:
        rig.until(lambda: rig.daemon.deps.group_cache.find(dials("5000")), "the group is cached")


# The clock.


def written(store: Store, at: datetime, node: str = NODE, ends: bool = True) -> None:
    """A record of a call of this node, by a clock that shows ``at``."""
    hunt = f"{node} {at} {ends}"
    who = {"uuid": hunt, "domain": DOMAIN, "pilot": "5000", "group_name": "", "policy": "regular", "node": node}
    with store.writing() as s:
        calls.open_call(s, hunt, **who, caller_number=None, caller_name=None, started_at=at, policy_input=None)
        if ends:
            calls.close_call(s, hunt, result=Result.FAILED, reason=None, destination=None, ended_at=at)


@pytest.mark.parametrize("ends", [True, False], ids=["closed", "still open"])
def test_after_the_clock_was_set_back_records_continue_from_the_last_one_of_this_node(
    read: Reading, ends: bool
) -> None:
    ahead = read.clock.now() + timedelta(hours=1)
    written(read.store, ahead - timedelta(hours=3))
    written(read.store, ahead, ends=ends)
    assert read.reader.read_all()
    assert read.clock.now() >= ahead


def test_what_another_machine_has_written_moves_our_clock_not(read: Reading, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the records of that machine nor in the idle times of its members, whatever its clock showed."""
    now = read.clock.now()
    read.add("5000")
    written(read.store, now + timedelta(hours=1), node="another")
    stamp(read, now + timedelta(hours=1))
    with caplog.at_level(logging.WARNING):
        assert read.reader.read_all()
    assert read.clock.now() < now + timedelta(minutes=30)
    assert caplog.messages == []


def test_a_clock_that_was_wrong_once_is_not_followed_but_logged(
    read: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    now = read.clock.now()
    read.add("5000")
    written(read.store, FAR)
    stamp(read, FAR)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert read.reader.read_all()
    assert read.clock.now() < now + TRUSTED_AHEAD
    of_records, of_members = caplog.messages
    assert of_records.startswith("records of this daemon are of 2036-05-01T00:00:00+00:00, far ahead of the clock")
    assert f"in group 5000 of {DOMAIN} the last call of 15000 is recorded in the future" in of_members
    assert "`fshunt member remove`" in of_members, "and what is to be done"
    with read.store.writing() as s:
        members.remove_member(s, DOMAIN, "5000", parse_member("15000"))
        (member,) = members.add_members(s, DOMAIN, "5000", [parse_member("15000")]).members
    assert member.idle_since is None, "which helps"


def stamp(read: Reading, at: datetime) -> None:
    with read.store.writing() as s:
        (member,) = groups.get_group(s, DOMAIN, "5000").members
        hunts.note_end(s, member.id, at=at)
