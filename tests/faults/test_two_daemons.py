"""Two daemons, one group: the invariants hold over both, with hundreds of calls at once, and when one dies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fshunt.hunting.addresses import parse_member
from fshunt.services import members
from fshunt.simulator.core.phones import answers
from fshunt.simulator.switch import SimulatedSwitch
from tests.faults import claim_checker
from tests.faults.invariants import check
from tests.faults.mixed_load import Load, make_load
from tests.support.fault_office import DOMAIN, Office, ended, phones, switch_to, until, watched
from tests.support.processes import FshuntProcess
from tests.support.timing import set_dead_after

pytestmark = pytest.mark.faults

RATE, SECONDS = 30.0, 16.0
MOST_AT_ONCE = 200
SEED = 20260101
TALKS = answers(0.02, talks=0.02)


class Two:
    """Two daemons with claim audits, and a load on both."""

    def __init__(self, office: Office, processes: list[FshuntProcess], folder: Path) -> None:
        self.office, self.processes, self.folder = office, processes, folder
        set_dead_after(office.store, 4.0)
        for node in ("first", "second"):
            audit = str(folder / f"{node}.jsonl")
            # A slow machine is no database that is away: without it two daemons may ring one member.
            settings = {"claim_audit_file": audit, "database_timeout": "10"}
            processes.append(FshuntProcess(office.url, node, **settings))
        self.load: Load = make_load(office, processes, SEED)
        watching = watched(folder, *self.load.switches)
        for each in processes:
            each.settings |= watching
            each.start_soon()
        for each in processes:
            each.until_ready()

    def audits(self) -> list[Path]:
        return [self.folder / f"{each.node}.jsonl" for each in self.processes]

    def runs(self, node: str) -> set[str]:
        lines = (self.folder / f"{node}.jsonl").read_text().split("\n")[:-1]
        return {json.loads(line)["run"] for line in lines}

    def until_quiet(self) -> None:
        self.load.until_over()
        until(lambda: self.office.unfinished() == 0, "every hunt is closed in the records", 60.0)
        until(lambda: not self.office.claimed(), "no claim is left", 60.0)
        until(lambda: not self.office.waiting(), "the queue is empty", 60.0)


@pytest.fixture
def two(pg_office: Office, processes: list[FshuntProcess], tmp_path: Path) -> Two:
    return Two(pg_office, processes, tmp_path)


@pytest.mark.load
@pytest.mark.timeout(240)
def test_hundreds_of_calls_at_once_on_two_daemons_break_no_invariant(two: Two) -> None:
    most = []
    two.load.place(RATE, SECONDS, {SECONDS - 1: lambda: most.append(two.load.at_once())})
    two.until_quiet()
    _holds(two, killed=set(), interrupted=set())
    assert most[0] >= MOST_AT_ONCE, "it is a load"
    owners = two.office.owners()
    assert set(owners) == {"first", "second"}
    assert min(owners.values()) >= 100, "both had their part"
    results = two.office.results()
    assert {"answered", "voicemail", "abandoned"} <= set(results)


@pytest.mark.load
@pytest.mark.timeout(240)
def test_one_of_two_daemons_is_killed_under_load_and_no_invariant_breaks(two: Two) -> None:
    first, second = two.processes
    interrupted: set[str] = set()

    def kill() -> None:
        first.kill()
        interrupted.update(call.uuid for switch in two.load.switches for call in switch.calls.values())

    two.load.place(RATE, SECONDS, {SECONDS / 2: kill})
    two.until_quiet()
    _holds(two, killed=two.runs("first"), interrupted=interrupted)
    assert interrupted
    assert second.alive


def _holds(two: Two, killed: set[str], interrupted: set[str]) -> None:
    problems = check(two.load.run(interrupted))
    report = claim_checker.check(claim_checker.read_audits(two.audits()), killed)
    found = problems + report.problems
    if found:
        print(
            *found, *two.load.stories(found), *(line for each in two.processes for line in each.complaints()), sep="\n"
        )
    assert not found, f"{len(found)} problems, the first: {found[0]}"
    assert report.claims >= 200, "the audits have the claims"


@pytest.fixture
def pair(pg_office: Office, processes: list[FshuntProcess]) -> list[SimulatedSwitch]:
    """Two daemons, and a switch of each."""
    processes += [FshuntProcess(pg_office.url, node) for node in ("first", "second")]
    for each in processes:
        each.start_soon()
    for each in processes:
        each.until_ready()
    return [switch_to([each]) for each in processes]


def test_turns_rotate_across_both_daemons(pair: list[SimulatedSwitch], pg_office: Office) -> None:
    pg_office.group("5000", "1001", "1002", "1003", policy="round-robin")
    for switch in pair:
        phones(switch, "1001", "1002", "1003", behaviour=TALKS)
    who = []
    for number in range(7):
        call = pair[number % 2].call("5000")
        assert ended(call).kind == "answered"
        who.append(call.ending.who)
    assert who == ["1001", "1002", "1003", "1001", "1002", "1003", "1001"]


def test_a_change_applies_to_the_next_call_of_both_daemons(pair: list[SimulatedSwitch], pg_office: Office) -> None:
    pg_office.group("5000", "1001", "1002")
    for switch in pair:
        phones(switch, "1001", "1002", behaviour=TALKS)

    def answerers() -> set[str]:
        who = set()
        for switch in pair:
            call = switch.call("5000")
            assert ended(call).kind == "answered"
            pg_office.closed(call.uuid)
            until(lambda: not pg_office.claimed(), "the member is free again")
            who.add(call.ending.who)
        return who

    assert answerers() == {"1001"}
    with pg_office.store.writing() as s:
        members.block(s, DOMAIN, "1001", True)
    assert answerers() == {"1002"}
    with pg_office.store.writing() as s:
        members.block(s, DOMAIN, "1001", False)
        members.enable_member(s, DOMAIN, "5000", parse_member("1002"), False)
    assert answerers() == {"1001"}
