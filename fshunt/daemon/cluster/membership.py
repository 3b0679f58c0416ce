"""Which other runs are presumed dead: those whose counter stands still over so many heartbeats of one's own.

Nobody's clock is asked, so nobody who sets one ends a claim. A daemon that is stopped, or cannot reach the database,
counts nothing meanwhile, and presumes nobody dead by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

RunId = str | None


@dataclass(frozen=True, slots=True)
class CounterSeen:
    """A run's counter, at which of the own heartbeats it was seen to move last, and whether it was ever seen to."""

    counter: int | None
    since: int
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Membership:
    """What was seen up to the last successful heartbeat. Each heartbeat makes a new one, kept only if it succeeds."""

    heartbeats: int = 0
    seen: Mapping[RunId, CounterSeen] = field(default_factory=dict)
    stale: Mapping[object, int] = field(default_factory=dict)
    """Own rows that nobody wants, and at how many heartbeats in a row they were found."""

    def after(self, counters: Mapping[RunId, int | None]) -> Membership:
        """Return what is known after one more heartbeat; None is the counter of a run that is not in the list."""
        now = self.heartbeats + 1
        return replace(self, heartbeats=now, seen={run: self._look(run, each, now) for run, each in counters.items()})

    def still_for(self, run_id: RunId) -> int:
        """Return over how many of the own heartbeats a run's counter has stood still."""
        return self.heartbeats - self.seen[run_id].since

    def has_moved(self, run_id: RunId) -> bool:
        """Whether a run was seen to count, or was only found as it is."""
        return self.seen[run_id].moved

    def begin_again(self, run_id: RunId) -> Membership:
        """Count anew: the run was found dead, and what it has was taken. It may come back at any moment."""
        return replace(self, seen={**self.seen, run_id: replace(self.seen[run_id], since=self.heartbeats)})

    def found_stale(self, rows: set[object]) -> Membership:
        """Count own rows that nobody wants; those that are wanted again are forgotten."""
        return replace(self, stale={row: self.stale.get(row, 0) + 1 for row in rows})

    def _look(self, run_id: RunId, counter: int | None, now: int) -> CounterSeen:
        before = self.seen.get(run_id)
        if before is None:
            return CounterSeen(counter, now)
        if before.counter == counter:
            return before
        return CounterSeen(counter, now, moved=True)
