"""Two daemons, one group: what must never break holds over both, with hundreds of calls at once, and when one dies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults import claim_checker
from tests.faults.invariants import check
from tests.faults.load import Load, make_load
from tests.faults.office import Office, until, watched
from tests.faults.processes import FshuntProcess

RATE, SECONDS = 30.0, 12.0
MOST_AT_ONCE = 200
SEED = 20260101


class Two:
    """Two daemons that write their claims down, and a load on both."""

    def __init__(self, office: Office, processes: list[FshuntProcess], folder: Path) -> None:
        self.office, self.processes, self.folder = office, processes, folder
        for node in ("first", "second"):
            journal = str(folder / f"{node}.jsonl")
            processes.append(FshuntProcess(office.url, node, claim_journal=journal, lease_seconds="4"))
        self.load: Load = make_load(office, processes, SEED)
        watching = watched(folder, *self.load.switches)
        for each in processes:
            each.settings |= watching
            each.start_soon()
        for each in processes:
            each.until_ready()

    def journals(self) -> list[Path]:
        return [self.folder / f"{each.node}.jsonl" for each in self.processes]

    def runs(self, node: str) -> set[str]:
        lines = (self.folder / f"{node}.jsonl").read_text().split("\n")[:-1]
        return {json.loads(line)["run"] for line in lines}

    def until_quiet(self) -> None:
        self.load.until_over()
        until(lambda: self.office.unfinished() == 0, "every hunt is closed in the records", 60.0)
        until(lambda: not self.office.claimed(), "no claim is left", 60.0)
        until(lambda: not self.office.waiting(), "nobody is left in the line", 60.0)


@pytest.fixture
def two(pg_office: Office, processes: list[FshuntProcess], tmp_path: Path) -> Two:
    return Two(pg_office, processes, tmp_path)


@pytest.mark.faults
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


@pytest.mark.faults
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
    report = claim_checker.check(claim_checker.read_journals(two.journals()), killed)
    found = problems + report.problems
    if found:
        print(
            *found, *two.load.stories(found), *(line for each in two.processes for line in each.complaints()), sep="\n"
        )
    assert not found, f"{len(found)} problems, the first: {found[0]}"
    assert report.claims >= 200, "the journals say who was claimed"
