"""Orphans: unfinished records of calls whose daemon is gone. One daemon that lives takes each of them over."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, false, func, or_, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import HuntMember
from fshunt.db.queries.calls import CALLS, OFFERS
from fshunt.db.queries.claim_statements import CLAIMS
from fshunt.db.queries.daemons import DaemonRow, list_daemons
from fshunt.db.statements import dialect_of, in_parts, run, table, write

log = logging.getLogger(__name__)

ADVISORY_LOCK_KEY = 0x6F727068616E
"""The letters "unfinished" as a number; see ``ADVISORY_LOCK_KEY`` of the migrations."""

MEMBERS = table(HuntMember)
_COLUMNS = (
    CALLS.c.id,
    CALLS.c.uuid,
    CALLS.c.policy,
    CALLS.c.result,
    CALLS.c.answered_by,
    CALLS.c.policy_input,
)
_OFFERS_OF = (
    select(OFFERS.c.id, OFFERS.c.call_id, OFFERS.c.extension, OFFERS.c.outcome, OFFERS.c.phones)
    .where(OFFERS.c.call_id.in_(bindparam("hunts", expanding=True)))
    .order_by(OFFERS.c.started_at, OFFERS.c.id)
)
_GROUPS_OF = select(MEMBERS.c.id, MEMBERS.c.group_id).where(MEMBERS.c.id.in_(bindparam("members", expanding=True)))
_TAKE_CLAIMS = (
    update(CLAIMS).where(CLAIMS.c.hunt_id.in_(bindparam("hunts", expanding=True))).values(run_id=bindparam("by"))
)

_TAKE_BACK = (
    update(CALLS)
    .where(CALLS.c.id.in_(bindparam("hunts", expanding=True)), CALLS.c.run_id != bindparam("by"))
    .values(node=bindparam("node"), run_id=bindparam("by"))
)

LOST_SECONDS = 60.0
"""How old a call of this run is at least that nobody knows of: one that has just begun is on its way to be known."""


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """An offer of a call that was left unfinished, to so many phones.

    ``member_id`` None: not known; ``outcome`` None: it has none yet.
    """

    id: str
    extension: str
    member_id: int | None
    outcome: str | None
    phones: int


@dataclass(frozen=True, slots=True)
class UnfinishedCall:
    """A call that its daemon left unfinished, as far as it was written.

    ``group_id`` None: the group is gone, or has none of the members any more. ``member_id`` is of the member who
    answered (``answered_by``), None where nobody did or who did is not known.
    """

    hunt_id: str
    uuid: str
    group_id: int | None
    policy: str
    result: str | None
    answered_by: str | None
    member_id: int | None
    offers: tuple[OpenOffer, ...]


def take(
    s: Session,
    *,
    node: str,
    run_id: str,
    now: datetime,
    dead_after_seconds: float,
    is_over: Callable[[DaemonRow], bool] | None = None,
    talks_after_seconds: float | None = None,
    at: datetime | None = None,
    kept: Collection[str] = (),
) -> list[UnfinishedCall]:
    """Take over the unfinished calls of daemons that are gone, each by one daemon only, and their claims.

    Gone is a run that has not beaten for so long, by the lease clock ``now``. ``is_over`` is asked of each other run of
    this node, whether it is over already: it is this daemon that runs there now. Calls that have their result are taken
    ``talks_after_seconds`` already: nothing is lost if their daemon lives after all. With the wall time ``at`` also
    calls that this run has had for a while and knows nothing of: they were taken over, and the answer was lost. None of
    those ``kept`` is taken: this run has them, whoever took them over while it was not heard of.
    """
    dead_before = now - timedelta(seconds=dead_after_seconds)
    ours: ColumnElement[bool] = false()
    if at is not None:
        ours = and_(CALLS.c.run_id == run_id, CALLS.c.started_at < at - timedelta(seconds=LOST_SECONDS))
    talks_before = dead_before if talks_after_seconds is None else now - timedelta(seconds=talks_after_seconds)

    def gone() -> ColumnElement[bool]:
        talks = and_(_gone(s, node, run_id, talks_before, is_over), CALLS.c.result.is_not(None))
        nobodys = or_(_gone(s, node, run_id, dead_before, is_over), talks, ours)
        return and_(nobodys, CALLS.c.id.not_in(list(kept)))

    if not _any(s, gone()):
        return []
    _one_taker_at_a_time(s)
    # Asked again, now that nobody else takes any: who has begun to live meanwhile has its calls for itself.
    taking = (
        update(CALLS).where(CALLS.c.ended_at.is_(None), gone()).values(node=node, run_id=run_id).returning(*_COLUMNS)
    )
    rows = s.connection().execute(taking).all()
    for some in in_parts(row.id for row in rows):
        write(s, _TAKE_CLAIMS, {"hunts": some, "by": run_id})
    return _as_orphans(s, rows)


def take_back(s: Session, hunt_ids: Collection[str], *, node: str, run_id: str) -> None:
    """Have the hunts that a run still has for its own, should another have taken it for dead and taken them over."""
    for some in in_parts(hunt_ids):
        write(s, _TAKE_BACK, {"hunts": some, "node": node, "by": run_id})


def _any(s: Session, gone: ColumnElement[bool]) -> bool:
    query = select(CALLS.c.id).where(CALLS.c.ended_at.is_(None), gone).limit(1)
    return s.connection().execute(query).first() is not None


def _gone(
    s: Session, node: str, run_here: str, dead_before: datetime, is_over: Callable[[DaemonRow], bool] | None
) -> ColumnElement[bool]:
    """Return which calls are of nobody who lives. One that names no run is told by its node."""

    def lives(daemon: DaemonRow) -> bool:
        if daemon.run_id == run_here:
            return True
        over = is_over is not None and daemon.node == node and is_over(daemon)
        return daemon.lease_at > dead_before and not over

    daemons = [each for each in list_daemons(s) if lives(each)]
    runs = {each.run_id for each in daemons} | {run_here}
    nodes = {each.node for each in daemons} | {node}
    started = next((each.started_at for each in daemons if each.run_id == run_here), None)
    nobodys: ColumnElement[bool] = CALLS.c.node.not_in(nodes)
    if is_over is not None and started is not None:
        nobodys = or_(nobodys, and_(CALLS.c.node == node, CALLS.c.started_at < started))
    return or_(CALLS.c.run_id.not_in(runs), and_(CALLS.c.run_id.is_(None), nobodys))


def _one_taker_at_a_time(s: Session) -> None:
    if dialect_of(s) == "postgresql":
        run(s, select(func.pg_advisory_xact_lock(ADVISORY_LOCK_KEY)), {})


def _as_orphans(s: Session, rows: Collection[Any]) -> list[UnfinishedCall]:
    offers: defaultdict[str, list[Any]] = defaultdict(list)
    for some in in_parts(row.id for row in rows):
        for offer in run(s, _OFFERS_OF, {"hunts": some}):
            offers[offer.call_id].append(offer)
    members = {row.id: _members_of(row) for row in rows}
    groups = _groups_of(s, {member_id for each in members.values() for member_id in each.values()})
    return [_as_orphan(row, offers[row.id], members[row.id], groups) for row in rows]


def _as_orphan(row: Any, offers: Iterable[Any], members: dict[str, int], groups: dict[int, int]) -> UnfinishedCall:
    return UnfinishedCall(
        hunt_id=row.id,
        uuid=row.uuid,
        group_id=next((groups[member_id] for member_id in members.values() if member_id in groups), None),
        policy=row.policy,
        result=row.result,
        answered_by=row.answered_by,
        member_id=members.get(row.answered_by or ""),
        offers=tuple(
            OpenOffer(each.id, each.extension, members.get(each.extension), each.outcome, each.phones)
            for each in offers
        ),
    )


def _members_of(row: Any) -> dict[str, int]:
    """Return the ids of the members of a call's group by extension, as they were when it was hunted for.

    Policy input that cannot be read, of another version say, is as none: one such row must not stop all heartbeats.
    """
    try:
        members = {str(each["extension"]): int(each["id"]) for each in (row.policy_input or {}).get("members", ())}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        log.warning("call %s: who was hunted for is not known: its policy_input cannot be read (%r)", row.uuid, error)
        return {}
    return members


def _groups_of(s: Session, member_ids: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for some in in_parts(sorted(member_ids)):
        found |= {row.id: row.group_id for row in run(s, _GROUPS_OF, {"members": some})}
    return found
