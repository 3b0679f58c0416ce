"""Takeover: calls that a daemon which is gone has left unfinished. One daemon that lives takes each of them over."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, bindparam, literal, or_, select, union_all, update
from sqlalchemy.orm import Session

from fshunt.db.models import HuntMember
from fshunt.db.notifications import QUEUE
from fshunt.db.prepared import Prepared
from fshunt.db.queries.calls import CALLS, OFFERS
from fshunt.db.queries.claim_statements import CLAIMS
from fshunt.db.statements import in_parts, run, table, write
from fshunt.hunting.callbacks import is_in_place
from fshunt.log_events import LogEvent, about

log = logging.getLogger(__name__)

MEMBERS = table(HuntMember)
_COLUMNS = (
    CALLS.c.id,
    CALLS.c.uuid,
    CALLS.c.policy,
    CALLS.c.result,
    CALLS.c.reason,
    CALLS.c.answered_by,
    CALLS.c.policy_input,
)
_OFFERS_OF = (
    select(OFFERS.c.id, OFFERS.c.call_id, OFFERS.c.extension, OFFERS.c.outcome, OFFERS.c.phones)
    .where(OFFERS.c.call_id.in_(bindparam("hunts", expanding=True)))
    .order_by(OFFERS.c.started_at, OFFERS.c.id)
)
_GROUPS_OF = select(MEMBERS.c.id, MEMBERS.c.group_id).where(MEMBERS.c.id.in_(bindparam("members", expanding=True)))
_TAKE_CLAIMS = Prepared(
    update(CLAIMS).where(CLAIMS.c.hunt_id.in_(bindparam("hunts", expanding=True))).values(run_id=bindparam("by"))
)


_OPEN_OF_RUN = select(CALLS.c.id, CALLS.c.started_at).where(
    CALLS.c.run_id == bindparam("other"), CALLS.c.ended_at.is_(None)
)
_OPEN_OF_NO_RUN = select(CALLS.c.id).where(CALLS.c.run_id.is_(None), CALLS.c.ended_at.is_(None))
_HAS_RESULT = CALLS.c.result.is_not(None)
_DESCRIBE = select(*_COLUMNS).where(CALLS.c.id.in_(bindparam("hunts", expanding=True))).order_by(CALLS.c.id)
_ID_IN = CALLS.c.id.in_(bindparam("hunts", expanding=True))


def _owning(*whose: ColumnElement[bool]) -> Executable:
    """Make calls a run's own. One that is locked is being written, or taken, and is left for the next time."""
    in_order = select(CALLS.c.id).where(_ID_IN, *whose).order_by(CALLS.c.id).with_for_update(skip_locked=True)
    own: dict[str, Any] = {"node": bindparam("own_node"), "run_id": bindparam("by")}
    return update(CALLS).where(CALLS.c.id.in_(in_order)).values(own).returning(CALLS.c.id)


_TAKE = _owning(CALLS.c.run_id == bindparam("other"))
_TAKE_OF_NO_RUN = _owning(CALLS.c.run_id.is_(None))
_TAKE_BACK = _owning(CALLS.c.run_id.is_distinct_from(bindparam("by")))
_LEFT = union_all(
    select(literal("claims").label("what"), CLAIMS.c.run_id).where(CLAIMS.c.run_id != bindparam("here")).distinct(),
    select(literal("queue").label("what"), QUEUE.c.run_id).where(QUEUE.c.run_id != bindparam("here")).distinct(),
    select(literal("calls").label("what"), CALLS.c.run_id)
    .where(CALLS.c.ended_at.is_(None), or_(CALLS.c.run_id != bindparam("here"), CALLS.c.run_id.is_(None)))
    .distinct(),
)


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
    in_place: bool = False
    """Whether it is in the place of a caller who is to be called back."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """The other runs that have claims, queue entries and open calls; None: a call that names no run."""

    claims: frozenset[str | None]
    queue: frozenset[str | None]
    calls: frozenset[str | None]

    @property
    def runs(self) -> frozenset[str | None]:
        """All of them."""
        return self.claims | self.queue | self.calls


def leftovers(s: Session, run_here: str) -> Leftovers:
    """Return which other runs have something in the database."""
    found: defaultdict[str, set[str | None]] = defaultdict(set)
    for row in run(s, _LEFT, {"here": run_here}):
        found[row.what].add(row.run_id)
    return Leftovers(*(frozenset(found[what]) for what in ("claims", "queue", "calls")))


def open_calls(s: Session, run_id: str) -> dict[str, datetime]:
    """Return the hunts of a run that are open in the records, and when they began."""
    return {row.id: row.started_at for row in run(s, _OPEN_OF_RUN, {"other": run_id})}


def take(
    s: Session, run_gone: str | None, *, node: str, run_id: str, talks_only: bool = False, kept: Collection[str] = ()
) -> list[UnfinishedCall]:
    """Take over the open calls of a run that is gone, with their claims; each is taken by one daemon only.

    With ``talks_only`` those that have their result: nothing is lost if their daemon lives after all. None of those
    ``kept`` is taken.
    """
    query, taking = (_OPEN_OF_RUN, _TAKE) if run_gone is not None else (_OPEN_OF_NO_RUN, _TAKE_OF_NO_RUN)
    found = run(s, query.where(_HAS_RESULT) if talks_only else query, {"other": run_gone}).all()
    taken: list[str] = []
    for some in in_parts(sorted({row.id for row in found} - set(kept))):
        values = {"hunts": some, "own_node": node, "by": run_id, "other": run_gone}
        taken += run(s, taking, values).scalars()
    for some in in_parts(taken):
        write(s, _TAKE_CLAIMS, {"hunts": some, "by": run_id})
    return describe(s, taken)


def take_back(s: Session, hunt_ids: Collection[str], *, node: str, run_id: str) -> None:
    """Have the hunts that a run still has for its own, should another have presumed it dead and taken them over."""
    for some in in_parts(sorted(hunt_ids)):
        run(s, _TAKE_BACK, {"hunts": some, "own_node": node, "by": run_id})


def describe(s: Session, hunt_ids: Collection[str]) -> list[UnfinishedCall]:
    """Return what is written of open calls."""
    rows = [row for some in in_parts(sorted(hunt_ids)) for row in run(s, _DESCRIBE, {"hunts": some})]
    return _as_unfinished(s, rows)


def _as_unfinished(s: Session, rows: Collection[Any]) -> list[UnfinishedCall]:
    offers: defaultdict[str, list[Any]] = defaultdict(list)
    for some in in_parts(row.id for row in rows):
        for offer in run(s, _OFFERS_OF, {"hunts": some}):
            offers[offer.call_id].append(offer)
    members = {row.id: _members_of(row) for row in rows}
    groups = _groups_of(s, {member_id for each in members.values() for member_id in each.values()})
    return [_unfinished_call(row, offers[row.id], members[row.id], groups) for row in rows]


def _unfinished_call(
    row: Any, offers: Iterable[Any], members: dict[str, int], groups: dict[int, int]
) -> UnfinishedCall:
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
        in_place=is_in_place(row.reason),
    )


def _members_of(row: Any) -> dict[str, int]:
    """Return the ids of the members of a call's group by extension, as they were when it was hunted for.

    Policy input that cannot be read, of another version say, is as none: one such row must not stop all heartbeats.
    """
    try:
        members = {str(each["extension"]): int(each["id"]) for each in (row.policy_input or {}).get("members", ())}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        extra = about(LogEvent.CALL_WARNING, call=row.uuid)
        log.warning("call %s: policy input unreadable, members unknown: %r", row.uuid, error, extra=extra)
        return {}
    return members


def _groups_of(s: Session, member_ids: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for some in in_parts(sorted(member_ids)):
        found |= {row.id: row.group_id for row in run(s, _GROUPS_OF, {"members": some})}
    return found
