"""Which daemons are alive, and what is wrong, from the last heartbeat of each.

A daemon counts its heartbeats in its row, beside its wall-clock time and its status. A heartbeat that is fresh by the
clocks is taken as it is. Where one is old, or in the future, the clocks of two machines may differ: after a second look
only the counter decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import URL

from fshunt.db.engine import Store
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.overview import Overview, overview
from fshunt.db.writable import why_not_writable
from fshunt.services.cluster_findings import notes, other_database, problems, unreadable
from fshunt.services.cluster_state import ClusterHealth, Code, DaemonNow, Finding, WebProcessNow, count, moment, span

__all__ = [
    "AHEAD_SECONDS",
    "FRESH_SECONDS",
    "ClusterHealth",
    "Code",
    "DaemonNow",
    "Finding",
    "WebProcessNow",
    "count",
    "look",
    "moment",
    "other_database",
    "read_overview",
    "span",
    "state_of",
    "unreadable",
]

SECOND_LOOK_HEARTBEATS = 2.5
"""A daemon whose counter stands still for so many heartbeats between two looks is shown as not alive."""

FRESH_SECONDS = 10.0
"""A daemon whose last heartbeat is younger, by the clocks, is alive."""

AHEAD_SECONDS = 1.0
"""By how much the clocks of two hosts that are in order may differ."""


def look(store: Store, url: str | URL, pause: Callable[[float], None]) -> ClusterHealth:
    """Look at the database; with a daemon that may be dead, twice, with a pause for some heartbeats between.

    ``url`` is the database's: whether it can be written is tried on a connection of its own.
    """
    at = datetime.now(UTC)
    first = read_overview(store, at)
    unwritable = why_not_writable(url)
    if unwritable is not None or not _may_be_dead(first, at):
        return state_of(first, at, unwritable=unwritable)
    pause(SECOND_LOOK_HEARTBEATS * first.timing.heartbeat_seconds)
    at = datetime.now(UTC)
    return state_of(read_overview(store, at), at, before=first, unwritable=unwritable)


def read_overview(store: Store, at: datetime) -> Overview:
    """Read what all daemons have in the database, in one transaction; ``at`` is the time now."""
    with store.reading() as session:
        return overview(session, at)


def state_of(
    seen: Overview, at: datetime, before: Overview | None = None, unwritable: str | None = None
) -> ClusterHealth:
    """Return who is alive and what is wrong; ``before`` is an earlier look; for ``unwritable`` see ClusterHealth."""
    replaced = _replaced(seen)
    fresh = {row.run_id for row in seen.daemons if _is_fresh(row, at)}
    living = (fresh | (set() if before is None else _counted_since(before, seen))) - replaced
    daemons = [_daemon_now(row, at, row.run_id in living, seen, row.run_id in replaced) for row in seen.daemons]
    daemons.sort(key=lambda daemon: (not daemon.alive, daemon.node))
    # While no daemon can write its heartbeat, none is known to be gone.
    present = living if unwritable is None else {row.run_id for row in seen.daemons} - replaced
    claims = sum(number for run, number in seen.claims.items() if run in present)
    state = ClusterHealth(
        at,
        daemons,
        queued=[hunt for hunt in seen.queued if hunt.run_id in present],
        claims=claims,
        left_queued=[hunt for hunt in seen.queued if hunt.run_id not in present],
        left_claims=sum(seen.claims.values()) - claims,
        failed_hunts=seen.failed_hunts,
        last_failed=seen.last_failed,
        open_too_long=seen.open_too_long,
        web=tuple(WebProcessNow(row, max(0.0, (at - row.heartbeat_at).total_seconds())) for row in seen.web),
        unwritable=unwritable,
        database_id=seen.database_id,
        groups=seen.groups,
        unregistered=seen.unregistered,
        undelivered=seen.undelivered,
        callbacks=seen.callbacks,
    )
    state.problems.extend(problems(state))
    state.notes.extend(notes(state))
    return state


def _daemon_now(row: DaemonRow, at: datetime, alive: bool, seen: Overview, replaced: bool) -> DaemonNow:
    age, claims = _plausible(_age(row, at), alive), seen.claims.get(row.run_id, 0)
    return DaemonNow(row, alive, age, claims, row.status, replaced)


def _age(row: DaemonRow, at: datetime) -> float:
    return (at - row.heartbeat_at).total_seconds()


def _plausible(age: float, alive: bool) -> float:
    """An age that two clocks which differ cannot make absurd."""
    return min(max(0.0, age), FRESH_SECONDS) if alive else max(0.0, age)


def _is_fresh(row: DaemonRow, at: datetime) -> bool:
    """Whether a heartbeat is fresh by the clocks, and no daemon has presumed the run dead since."""
    return not row.lost and -AHEAD_SECONDS <= _age(row, at) < FRESH_SECONDS


def _may_be_dead(seen: Overview, at: datetime) -> bool:
    replaced = _replaced(seen)
    return any(not row.lost and not _is_fresh(row, at) for row in seen.daemons if row.run_id not in replaced)


def _counted_since(before: Overview, seen: Overview) -> set[str]:
    then = {row.run_id: row.counter for row in before.daemons}
    return {row.run_id for row in seen.daemons if row.counter != then.get(row.run_id)}


def _replaced(seen: Overview) -> set[str]:
    """The runs after whose last heartbeat another run of their node started: they are over."""
    rows = seen.daemons
    return {row.run_id for row in rows if any(o.node == row.node and o.started_at > row.heartbeat_at for o in rows)}
