"""Claims: the right of one hunt to ring or hold one member (design, section 3; invariants I1 and I2).

A claim is valid while its row is there. It is taken in one statement, so that two daemons cannot both have it; the same
statement passes over no caller of the queue. A statement that touches several claims does so in one order (domain,
extension), so that two of them never wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, select, tuple_

from fshunt.db.notifications import delete_and_announce, deletion
from fshunt.db.prepared import Prepared
from fshunt.db.queries.claim_statements import (
    CLAIMS,
    KEY,
    claim_these,
    claim_wanted,
    look,
    look_and_claim_wanted,
)
from fshunt.db.queries.queue import leave_by_call
from fshunt.db.statements import Transaction, dialect_of, in_parts, run
from fshunt.hunting.availability import MemberStatus, wrap_up_window

MAX_TICKET = 2**31 - 1
"""The ticket of a hunt that is not queued: behind all who are."""

_OF_RUN = Prepared(
    select(CLAIMS.c.domain, CLAIMS.c.extension, CLAIMS.c.hunt_id, CLAIMS.c.sequence).where(
        CLAIMS.c.run_id == bindparam("by")
    )
)
_CLAIMED = Prepared(select(*KEY, CLAIMS.c.hunt_id).where(tuple_(*KEY).in_(bindparam("keys", expanding=True))))


class ClaimRow(NamedTuple):
    """A claim as its row has it."""

    domain: str
    extension: str
    hunt_id: str
    sequence: int


def claim(
    s: Transaction,
    domain: str,
    extensions: Collection[str],
    *,
    hunt_id: str,
    call_uuid: str,
    run_id: str,
    sequence: int,
) -> set[str]:
    """Claim members for a hunt, and return those it got: the free ones and the call's own.

    The call's own are also those of an earlier hunt with the same ``call_uuid``: when a second daemon takes the caller
    over, the hunt before rings nobody any more (fact 7). Nobody is asked whether they may be rung, or who is queued.
    """
    if not extensions:
        return set()
    who = {"domain": domain, "hunt_id": hunt_id, "call_uuid": call_uuid, "run_id": run_id, "sequence": sequence}
    taking, wanted = claim_these(dialect_of(s)), sorted(set(extensions))
    return {got for extension in wanted for got in run(s, taking, {"extension": extension, **who}).scalars()}


def look_and_claim(
    s: Transaction,
    group_id: int,
    members: Collection[int],
    wanted: Collection[int],
    *,
    domain: str,
    hunt_id: str,
    call_uuid: str,
    run_id: str,
    sequence: int,
    at: datetime,
    now: datetime | None = None,
    call_waiting: bool = False,
    wrap_up_seconds: float = 0.0,
    ticket: int | None = None,
    may_be_queued: bool = True,
) -> dict[int, MemberStatus]:
    """Return what is known of these members of a group now, by id, having claimed those ``wanted`` who may be rung.

    Not claimed are the disabled, those with a block that holds ``now`` (None: ``at``), those in wrap-up at the wall
    time ``at``, and those for whom another hunt is queued that came before this one (``ticket``; None: this one is not
    queued). A member who is gone is not in the answer. With ``call_waiting`` no claim is a hindrance. A hunt that gets
    a claim leaves the queue; that is left out where its group has no queue (``may_be_queued``). Without a ticket it may
    be there: with an earlier daemon's.
    """
    wrap_up_after, wrap_up_before = wrap_up_window(wrap_up_seconds, at)
    values: dict[str, Any] = {
        "of_group": group_id,
        "members": sorted(members),
        "wanted": sorted(wanted),
        "in_domain": domain,
        "hunt": hunt_id,
        "call": call_uuid,
        "by": run_id,
        "number": sequence,
        "now": now or at,
        "wrap_up_after": wrap_up_after,
        "wrap_up_before": wrap_up_before,
        "my_ticket": MAX_TICKET if ticket is None else ticket,
    }
    rows, got = _look(s, values, may_be_queued)
    return {row.id: _status(row, row.id in wanted, row.extension in got, call_waiting) for row in rows}


def release(
    s: Transaction, hunt_id: str, extensions: Collection[str] | None = None, *, taken_before: int | None = None
) -> None:
    """End the hunt's claims, all or those on the extensions; whoever is queued for them is told.

    ``taken_before`` spares a claim with this ``sequence`` or a later one: a release may be written late, when the
    member is already offered the call again.
    """
    values: dict[str, Any] = {"hunt": hunt_id}
    if extensions is not None:
        values["extensions"] = sorted(set(extensions))
    if taken_before is not None:
        values["taken_before"] = taken_before
    delete_and_announce(s, _releasing(some=extensions is not None, earlier=taken_before is not None), values)


def release_all(s: Transaction, hunt_ids: Iterable[str]) -> None:
    """End all claims of these hunts; whoever is queued for them is told."""
    for some in in_parts(hunt_ids):
        delete_and_announce(s, _dropping(), {"hunts": some})


def claims_of(s: Transaction, run_id: str) -> set[ClaimRow]:
    """Return the claims of a run."""
    return {ClaimRow(row.domain, row.extension, row.hunt_id, row.sequence) for row in run(s, _OF_RUN, {"by": run_id})}


def holders(s: Transaction, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return which hunts have these members, by domain and extension; a free member is left out."""
    found: dict[tuple[str, str], str] = {}
    for some in in_parts(sorted(keys)):
        found |= {(row.domain, row.extension): row.hunt_id for row in run(s, _CLAIMED, {"keys": some})}
    return found


def drop_stale(s: Transaction, run_id: str, stale: Iterable[ClaimRow]) -> None:
    """End claims of a run that it does not want any more; one that was taken again since is spared."""
    for claim in sorted(stale):
        delete_and_announce(s, _dropping_stale(), {"by": run_id, **claim._asdict()})


def drop_run(s: Transaction, run_id: str) -> None:
    """End all claims of a run that is gone."""
    delete_and_announce(s, _dropping_run(), {"by": run_id})


def _look(s: Transaction, values: dict[str, Any], may_be_queued: bool) -> tuple[Sequence[Any], set[str]]:
    """Return the rows of the look, and the extensions that were claimed."""
    if dialect_of(s) == "postgresql":
        rows = run(s, look_and_claim_wanted(may_be_queued=may_be_queued), values).all()
        return rows, {row.extension for row in rows if row.got}
    rows = run(s, look(), values).all()
    got = set(run(s, claim_wanted(dialect_of(s)), values).scalars())
    if got and may_be_queued:
        leave_by_call(s, values["hunt"], values["call"])
    return rows, got


def _status(row: Any, wanted: bool, acquired: bool, call_waiting: bool) -> MemberStatus:
    status = MemberStatus(
        enabled=row.enabled,
        blocked=row.blocked,
        auto_blocked=row.auto_blocked,
        blocked_in_group=row.blocked_in_group,
        acquired=acquired,
        idle_since=row.idle_since,
        in_wrap_up=row.in_wrap_up,
    )
    if acquired or call_waiting:
        return status
    # Who could be rung and was wanted, and yet was not acquired, was claimed or queued for in the same moment.
    return replace(status, claimed=row.claimed or row.queued_before or (wanted and status.may_ring))


@cache
def _releasing(*, some: bool, earlier: bool) -> dict[str, tuple[Prepared, ...]]:
    """The DELETE of a hunt's claims: of ``some`` extensions only, of those taken ``earlier`` than a number only."""
    which = [CLAIMS.c.hunt_id == bindparam("hunt")]
    if some:
        which.append(CLAIMS.c.extension.in_(bindparam("extensions", expanding=True)))
    if earlier:
        which.append(CLAIMS.c.sequence < bindparam("taken_before"))
    return deletion(CLAIMS, _locked(*which))


@cache
def _dropping() -> dict[str, tuple[Prepared, ...]]:
    return deletion(CLAIMS, _locked(CLAIMS.c.hunt_id.in_(bindparam("hunts", expanding=True))))


@cache
def _dropping_stale() -> dict[str, tuple[Prepared, ...]]:
    names = ("domain", "extension", "hunt_id", "sequence")
    same = (CLAIMS.c[name] == bindparam(name) for name in names)
    return deletion(CLAIMS, _locked(CLAIMS.c.run_id == bindparam("by"), *same, skip_locked=True))


@cache
def _dropping_run() -> dict[str, tuple[Prepared, ...]]:
    return deletion(CLAIMS, _locked(CLAIMS.c.run_id == bindparam("by"), skip_locked=True))


def _locked(*conditions: ColumnElement[bool], skip_locked: bool = False) -> ColumnElement[bool]:
    """Name the rows in one order. A row that is locked may be held by a whole batch of the outbox that waits for us."""
    in_order = select(*KEY).where(*conditions).order_by(*KEY).with_for_update(skip_locked=skip_locked)
    return tuple_(*KEY).in_(in_order)
