"""One heartbeat: compare what this run wants with its rows in the database, and write the difference.

In the same transaction the run counts its heartbeat, and takes over what runs have left that are presumed dead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from fshunt.daemon.cluster.claims import ClaimKey
from fshunt.daemon.cluster.membership import Membership, RunId
from fshunt.db.queries import claims, cluster, daemons, queue, takeover
from fshunt.db.queries.claims import ClaimRow
from fshunt.db.queries.cluster import Timing
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.takeover import Leftovers, UnfinishedCall

STALE_CLAIM_HEARTBEATS = 2
"""A claim that nobody wants is ended when it is found so often: one that was just taken is on its way to be known."""

LOST_SECONDS = 60.0
"""How old a call of this run is at least that nobody knows of: one that has just begun is on its way to be known."""

UNLISTED_HEARTBEATS = 1
"""A run that is not in the list has stopped; one that has just begun will be there at the next heartbeat."""


HasEnded = Callable[[DaemonRow], bool]


@dataclass(frozen=True, slots=True)
class Run:
    """Whose heartbeat it is: this run of the daemon, its node, and when it began."""

    run_id: str
    node: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run wants the database to say; ``at`` is wall time."""

    at: datetime
    status: dict[str, Any] = field(default_factory=dict)
    hunts: frozenset[str] = frozenset()
    """Hunts that live here, or are watched, or whose end is not written yet: their records are this run's."""
    claimed: frozenset[ClaimKey] = frozenset()
    """Claims that must be there, if nobody else has the member."""
    claiming: frozenset[ClaimKey] = frozenset()
    """Claims that may be there: all of this run, those too that are on their way, or given up and not written yet."""
    watched: frozenset[str] = frozenset()
    """Hunts all of whose claims may be there."""
    queued: frozenset[str] = frozenset()
    """Hunts that wait here."""
    joined: frozenset[str] = frozenset()
    """Those of them whose queue entries must be there."""
    takes_over: bool = False
    """Whether the calls of others are taken over; ``watches_talks``: also talks of whom may only be cut off."""
    watches_talks: bool = False


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a heartbeat has found: the difference that is to be written in the order of the outbox, and what was taken.

    ``rank`` is how many daemons that live are before this one, in an order that all of them know.
    """

    timing: Timing
    membership: Membership
    rank: int
    missing_claims: frozenset[ClaimKey]
    missing_entries: frozenset[str]
    taken: list[UnfinishedCall]


def reconcile(
    s: Session,
    run: Run,
    wanted: Wanted,
    before: Membership,
    has_ended: HasEnded = lambda _row: False,
) -> Reconciled:
    """Do one heartbeat. ``has_ended``: whether the process of an earlier run of this node has surely ended."""
    daemons.write_heartbeat(s, run.run_id, node=run.node, started_at=run.started_at, at=wanted.at, status=wanted.status)
    timing = cluster.timing(s)
    others = {row.run_id: row for row in daemons.list_daemons(s) if row.run_id != run.run_id}
    left = takeover.leftovers(s, run.run_id)
    counters: dict[RunId, int | None] = dict.fromkeys(left.runs)
    membership = before.after(counters | {run_id: row.counter for run_id, row in others.items()})
    membership, missing_claims, missing_entries = _compare(s, run, wanted, membership, timing)
    lost = _compare_calls(s, run, wanted)
    found = Reconciled(
        timing=timing,
        membership=membership,
        rank=_rank(run, others, membership, timing),
        missing_claims=missing_claims,
        missing_entries=missing_entries,
        taken=lost,
    )
    return _take_over(s, run, wanted, found, others, left, has_ended) if wanted.takes_over else found


def _compare(
    s: Session, run: Run, wanted: Wanted, membership: Membership, timing: Timing
) -> tuple[Membership, frozenset[ClaimKey], frozenset[str]]:
    rows, queued = claims.claims_of(s, run.run_id), queue.hunts_of(s, run.run_id)
    there = {row[:3] for row in rows}
    missing = {each for each in wanted.claimed if each not in there}
    if missing:  # a member may be held by a hunt of another run, or by another one of this: with call waiting
        holders = claims.holders(s, {each[:2] for each in missing})
        missing = {each for each in missing if holders.get(each[:2], each[2]) == each[2]}
    stale_claims = {row for row in rows if row[:3] not in wanted.claiming and row.hunt_id not in wanted.watched}
    stale_hunts = queued - wanted.queued
    membership = membership.found_stale({*stale_claims, *stale_hunts})
    over = {row for row, times in membership.stale.items() if times >= _heartbeats_of_stale(row, timing)}
    claims.drop_stale(s, run.run_id, {row for row in over if isinstance(row, ClaimRow)})
    queue.drop_stale(s, sorted(row for row in over if isinstance(row, str)))
    return membership, frozenset(missing), wanted.joined - queued


def _heartbeats_of_stale(row: object, timing: Timing) -> int:
    """A ticket goes with the call when the daemon stops: the entry stays until another daemon has it."""
    return STALE_CLAIM_HEARTBEATS if isinstance(row, ClaimRow) else timing.queue_heartbeats


def _compare_calls(s: Session, run: Run, wanted: Wanted) -> list[UnfinishedCall]:
    """Take back what others have taken over; return calls of this run that it knows nothing of.

    They were taken over, and the answer was lost.
    """
    opened = takeover.open_calls(s, run.run_id)
    takeover.take_back(s, wanted.hunts - opened.keys(), node=run.node, run_id=run.run_id)
    if not wanted.takes_over:
        return []
    begun_before = wanted.at - timedelta(seconds=LOST_SECONDS)
    lost = {hunt_id for hunt_id, began in opened.items() if hunt_id not in wanted.hunts and began < begun_before}
    return takeover.describe(s, lost) if lost else []


def _rank(run: Run, others: dict[str, DaemonRow], membership: Membership, timing: Timing) -> int:
    def lives(row: DaemonRow) -> bool:
        return not row.lost and membership.still_for(row.run_id) < timing.talk_heartbeats

    return sum(1 for run_id, row in others.items() if run_id < run.run_id and lives(row))


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What may be taken from another run: its open calls, or those that have their result, its entries, its claims."""

    calls: bool = False
    talks_only: bool = False
    entries: bool = False
    claims: bool = False
    lost: bool = False

    def __bool__(self) -> bool:
        return self.calls or self.entries or self.claims or self.lost


def _judge(
    run: Run, other: RunId, row: DaemonRow | None, found: Reconciled, left: Leftovers, has_ended: HasEnded, talks: bool
) -> _Verdict:
    timing, still = found.timing, found.membership.still_for(other)
    # This daemon runs here now: an earlier run is over, unless it still runs as another daemon of the same name.
    earlier = row is not None and row.node == run.node and not found.membership.has_moved(other)
    over = earlier and row is not None and (still >= timing.queue_heartbeats or has_ended(row))
    dead = over or still >= timing.dead_heartbeats
    everything = dead or (row is None and still >= UNLISTED_HEARTBEATS)
    return _Verdict(
        calls=other in left.calls and (everything or (talks and still >= timing.talk_heartbeats)),
        talks_only=not everything,
        entries=other in left.queue and still >= timing.queue_heartbeats,
        claims=dead and other in left.claims,
        lost=dead and row is not None and not row.lost,
    )


def _take_over(
    s: Session,
    run: Run,
    wanted: Wanted,
    found: Reconciled,
    others: dict[str, DaemonRow],
    left: Leftovers,
    has_ended: HasEnded,
) -> Reconciled:
    """Take over what runs have left whose counter stands still, unless it moves just now."""
    membership, taken = found.membership, list(found.taken)
    for other in sorted(membership.seen, key=str):
        row = others.get(other or "")
        verdict = _judge(run, other, row, found, left, has_ended, wanted.watches_talks)
        if not verdict or (row is not None and not daemons.lock_if_still(s, row.run_id, row.counter)):
            continue
        taken += _take_from(s, run, other, row, verdict, wanted.hunts)
        if membership.still_for(other) >= found.timing.dead_heartbeats:
            membership = membership.begin_again(other)
    if any(daemons.is_forgotten(row, run.node, wanted.at) for row in others.values()):
        daemons.forget(s, run.run_id, run.node, wanted.at)
    return replace(found, membership=membership, taken=taken)


def _take_from(
    s: Session, run: Run, other: RunId, row: DaemonRow | None, verdict: _Verdict, kept: Collection[str]
) -> list[UnfinishedCall]:
    taken: list[UnfinishedCall] = []
    if verdict.calls:
        taken = takeover.take(s, other, node=run.node, run_id=run.run_id, talks_only=verdict.talks_only, kept=kept)
    if verdict.entries and other is not None:
        queue.drop_run(s, other)
    if verdict.claims and other is not None:
        claims.drop_run(s, other)
    if verdict.lost and row is not None:
        daemons.mark_lost(s, row.run_id, row.counter)
    return taken
