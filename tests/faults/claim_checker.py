"""Looks for two calls with a claim on one member at one time: ``python -m tests.faults.claim_checker FILE...``.

It knows nothing of fshunt but the format of its claim audits: one JSON object a line with ``event`` (``start`` or
``end``), ``domain``, ``member``, ``call``, ``hunt``, ``run``, ``monotonic``, seconds of a clock that all daemons of a
machine share, and ``shared``, true where the group lets a member have several calls. A daemon notes a start after it
has the claim and an end before it gives it up, so what overlaps here has overlapped.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a claim audit."""

    event: str
    domain: str
    member: str
    call: str
    hunt: str
    run: str
    monotonic: float
    shared: bool = False

    @classmethod
    def read(cls, line: str) -> Entry:
        said: dict[str, Any] = json.loads(line)
        if said["event"] not in ("start", "end"):
            raise ValueError(f"an event is start or end, not {said['event']!r}")
        names = ("event", "domain", "member", "call", "hunt", "run")
        return cls(*(str(said[name]) for name in names), float(said["monotonic"]), bool(said.get("shared")))

    @property
    def order(self) -> tuple[float, bool]:
        """By time; of two at the same moment the end comes first."""
        return self.monotonic, self.event == "start"


@dataclass(slots=True)
class Report:
    """What was found. ``claims`` counts what was looked at: an audit without claims proves nothing."""

    claims: int = 0
    overlaps: list[str] = field(default_factory=list)
    endless: list[str] = field(default_factory=list)
    unbegun: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        return self.overlaps + self.endless + self.unbegun


def check(entries: Iterable[Entry], killed: Collection[str] = ()) -> Report:
    """Go through the claims of each member. ``killed`` names runs that had no time to note the ends of theirs."""
    report = Report()
    last_words: dict[str, float] = defaultdict(float)
    members: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda one: one.order):
        members[entry.domain.lower(), entry.member.lower()].append(entry)
        last_words[entry.run] = max(last_words[entry.run], entry.monotonic)
    for theirs in members.values():
        _check_member(theirs, {run: last_words[run] for run in killed}, report)
    return report


def _check_member(entries: list[Entry], died: dict[str, float], report: Report) -> None:
    held: dict[str, Entry] = {}
    taken_over: set[str] = set()
    for entry in entries:
        if entry.event == "start":
            report.claims += 1
            for other in list(held.values()):
                _meet(entry, other, held, taken_over, died, report)
            held[entry.hunt] = entry
        elif entry.hunt in held:
            del held[entry.hunt]
        elif entry.hunt not in taken_over:
            report.unbegun.append(f"{_who(entry)} ended at {entry.monotonic:.6f} and had not started")
    for entry in held.values():
        if entry.run not in died:
            report.endless.append(f"{_who(entry)} started at {entry.monotonic:.6f} and never ended")


def _meet(
    entry: Entry, other: Entry, held: dict[str, Entry], taken_over: set[str], died: dict[str, float], report: Report
) -> None:
    """A claim starts during another: of the same call, of one whose daemon is dead, or by mistake."""
    if entry.call == other.call or (other.run in died and entry.monotonic >= died[other.run]):
        taken_over.add(other.hunt)
        if other.hunt != entry.hunt:
            del held[other.hunt]
        return
    if entry.shared and other.shared:
        return
    report.overlaps.append(
        f"{_who(entry)} started at {entry.monotonic:.6f} while {_who(other)} held since {other.monotonic:.6f}"
    )


def _who(entry: Entry) -> str:
    return f"{entry.member}@{entry.domain} for call {entry.call} (hunt {entry.hunt}, run {entry.run})"


def read_audits(paths: Iterable[Path | str]) -> list[Entry]:
    """All entries of the files; the last line of a daemon that was killed may be cut off and is left out."""
    entries = []
    for path in paths:
        *lines, rest = Path(path).read_text(encoding="utf-8").split("\n")
        entries += [Entry.read(line) for line in lines if line.strip()]
        if rest.strip():
            print(f"{path}: the last line is not whole and is left out: {rest!r}", file=sys.stderr)
    return entries


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Look for two calls that held one member at one time.")
    parser.add_argument("audit", nargs="+")
    parser.add_argument("--killed", action="append", default=[], metavar="RUN", help="a run that was killed")
    said = parser.parse_args(arguments)
    report = check(read_audits(said.audit), said.killed)
    for problem in report.problems:
        print(problem)
    print(f"{report.claims} claims, {len(report.problems)} problems")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
