"""Keys of phones watch a pilot and a block while daemons die, FreeSWITCH restarts, and the database goes away."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from fshunt.db.queries import lamps
from fshunt.services import members
from fshunt.simulator.core.lamps import Key
from fshunt.simulator.switch import SimulatedSwitch
from tests.faults.test_switch import crash
from tests.support.fault_office import DOMAIN, PASSWORD, Office, phones, switch_to, until, watched
from tests.support.postgres_proxy import PostgresProxy
from tests.support.processes import FshuntProcess

pytestmark = pytest.mark.faults

OFF, ON = "terminated", "confirmed"
BLOCK = "block+1001"
HEARTBEATS = 12
"""After so many of both, four a second here, each of two daemons has read that the other one watches the switch: each
reads them once a second."""


class Desk:
    """A phone whose keys watch the group 5000 and the block of its member 1001, and the daemons that tell them."""

    def __init__(self, office: Office, processes: list[FshuntProcess], folder: Path) -> None:
        self.office, self.processes = office, processes
        office.group("5000", "1001")
        self.switch: SimulatedSwitch = switch_to(processes)
        settings = watched(folder, self.switch)
        for each in processes:
            each.settings |= settings
        (self.phone,) = phones(self.switch, "1001")

    def start(self) -> None:
        for each in self.processes:
            each.start_soon()
        for each in self.processes:
            each.until_ready()
        self.pilot, self.block = self.key("5000"), self.key(BLOCK)
        self.shows(self.pilot, OFF, "Available")  # the word stands there when a daemon has told it
        self.shows(self.block, OFF, "Available")

    def key(self, user: str) -> Key:
        return self.switch.keys.watch(f"{user}@{DOMAIN}", f"1003@{DOMAIN}")

    def shows(self, key: Key, state: str, note: str) -> None:
        until(lambda: key.shows == state and key.notes[-1] == note, f"{key.user} shows {state}, {note}")

    def set_block(self, blocked: bool) -> None:
        with self.office.store.writing() as s:
            members.block(s, DOMAIN, "1001", blocked)

    def follows(self, key: Key, *, blocked: bool) -> None:
        """Block the member or not, and wait until its key shows it."""
        self.set_block(blocked)
        self.shows(key, *((ON, "Blocked") if blocked else (OFF, "Available")))

    def counters(self) -> dict[str, int]:
        """The heartbeats of the daemons that watch the switch, by run."""
        with self.office.store.reading() as s:
            return {each.run_id: each.counter for each in lamps.heartbeats(s) if each.watches}

    def until_they_know_each_other(self) -> None:
        until(lambda: len(self.counters()) == len(self.processes), "both watch")
        first = self.counters()
        until(
            lambda: all(self.counters().get(run, 0) >= count + HEARTBEATS for run, count in first.items()),
            "both have read the heartbeats of the other",
        )

    def who_tells(self) -> FshuntProcess:
        with self.office.store.reading() as s:
            node = min(lamps.heartbeats(s)).node
        return next(each for each in self.processes if each.node == node)


@pytest.fixture
def single(office: Office, processes: list[FshuntProcess], tmp_path: Path) -> Desk:
    processes.append(FshuntProcess(office.url))
    made = Desk(office, processes, tmp_path)
    made.start()
    return made


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_of_two_daemons_one_tells_lamps_and_when_it_dies_the_other_one(
    pg_office: Office, processes: list[FshuntProcess], tmp_path: Path, how: str
) -> None:
    processes += [FshuntProcess(pg_office.url, node) for node in ("first", "second")]
    desk = Desk(pg_office, processes, tmp_path)
    desk.start()
    desk.until_they_know_each_other()
    before = len(desk.block.told)
    for blocked in (True, False, True, False):
        desk.follows(desk.block, blocked=blocked)
    assert desk.block.told[before:] == [ON, OFF, ON, OFF], "one of them tells"
    gone = desk.who_tells()
    gone.kill() if how == "kill" else gone.freeze()
    desk.follows(desk.block, blocked=True)
    desk.shows(desk.pilot, ON, "Nobody available")
    gone.start() if how == "kill" else gone.thaw()
    desk.follows(desk.block, blocked=False)
    desk.shows(desk.pilot, OFF, "Available")


def test_lamps_stay_while_no_daemon_lives_and_the_next_start_tells_them(single: Desk) -> None:
    (daemon,) = single.processes
    daemon.kill()
    single.set_block(True)
    late = single.key(BLOCK)
    assert (single.block.shows, late.shows) == (OFF, None), "nobody tells them"
    daemon.start()
    for each in (single.block, late):
        single.shows(each, ON, "Blocked")
    single.shows(single.pilot, ON, "Nobody available")


def test_freeswitch_restarts_and_lamps_are_told_as_they_are_now(single: Desk) -> None:
    crash(single.switch)
    until(lambda: not single.counters(), "the daemon knows that it is cut off")
    single.set_block(True)
    single.switch.bus.core_uuid = str(uuid4())
    again = single.key(BLOCK)  # FreeSWITCH has nothing to tell it
    assert single.switch.inbound is not None
    single.switch.serve_inbound(PASSWORD, single.switch.inbound.port)
    for each in (single.block, again):
        single.shows(each, ON, "Blocked")
    single.follows(again, blocked=False)


def test_without_the_database_lamps_follow_the_phones_and_the_rest_when_it_is_back(
    proxy: PostgresProxy, pg_office: Office, processes: list[FshuntProcess], tmp_path: Path
) -> None:
    processes.append(FshuntProcess(proxy.url))
    desk = Desk(pg_office, processes, tmp_path)
    desk.start()
    proxy.refuse()
    desk.set_block(True)
    desk.switch.registrations.unregister(desk.phone)
    desk.shows(desk.pilot, ON, "Nobody available")
    assert desk.block.shows == OFF, "it stays as it was"
    late = desk.key(BLOCK)
    desk.shows(late, OFF, "Available")
    proxy.mend()
    for each in (desk.block, late):
        desk.shows(each, ON, "Blocked")
    (desk.phone,) = phones(desk.switch, "1001")
    desk.follows(desk.block, blocked=False)
    desk.shows(desk.pilot, OFF, "Available")
