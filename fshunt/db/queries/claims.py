"""Claims: the right of one hunt to ring or hold one member (design, section 3; invariants I1 and I2).

A claim is a lease, by the lease clock. It is taken in one statement, so that two daemons cannot both have it; the same
statement passes nobody by who waits in the line (``waiting``). Where a statement touches several claims it does so in
one order (domain, extension), so that two of them never wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, bindparam, delete, select, tuple_, update
from sqlalchemy.orm import Session

from fshunt.db.notifications import announcing
from fshunt.db.queries.claim_statements import (
    CLAIMS,
    KEY,
    LOOK,
    WAIT_NO_MORE,
    claim_these,
    claim_wanted,
    look_and_claim_wanted,
)
from fshunt.db.statements import dialect_of, in_parts, run, write
from fshunt.hunting.availability import MemberStatus, wrap_up_window

MAX_TICKET = 2**31 - 1
"""The ticket of a hunt that is in no line: behind all who are."""


def claim(
    s: Session,
    domain: str,
    extensions: Collection[str],
    *,
    hunt_id: str,
    call_uuid: str,
    run_id: str,
    now: datetime,
    lease_seconds: float,
) -> set[str]:
    """Claim members for a hunt in one statement, and return those it got: the free, the expired and the call's own.

    The call's own are also those of an earlier hunt with the same ``call_uuid``: when a second daemon takes the caller
    over, the hunt before rings nobody any more (fact 7). Nobody is asked whether they may be rung, or who waits.
    """
    if not extensions:
        return set()
    who = {"domain": domain, "hunt_id": hunt_id, "call_uuid": call_uuid, "run_id": run_id}
    times = {"claimed_at": now, "expires_at": now + timedelta(seconds=lease_seconds)}
    rows = [{"extension": extension, **who, **times} for extension in sorted(set(extensions))]
    return set(s.connection().execute(claim_these(dialect_of(s)), rows).scalars())


def look_and_claim(
    s: Session,
    group_id: int,
    members: Collection[int],
    wanted: Collection[int],
    *,
    domain: str,
    hunt_id: str,
    call_uuid: str,
    run_id: str,
    now: datetime,
    lease_seconds: float,
    at: datetime | None = None,
    call_waiting: bool = False,
    wrap_up_seconds: float = 0.0,
    ticket: int | None = None,
) -> dict[int, MemberStatus]:
    """Return what is known of these members of a group now, by id, having claimed those ``wanted`` who may be rung.

    Not claimed are the disabled, the blocked, those who rest at the wall time ``at``, and those for whom another hunt
    waits that came before this one (``ticket``; None: this one is in no line). A member who is gone is not in the
    answer. With ``call_waiting`` no claim is a hindrance. A hunt that gets a claim waits for nobody any more.
    """
    wrap_up_after, wrap_up_before = wrap_up_window(wrap_up_seconds, now if at is None else at)
    values: dict[str, Any] = {
        "of_group": group_id,
        "members": sorted(members),
        "wanted": sorted(wanted),
        "in_domain": domain,
        "hunt": hunt_id,
        "call": call_uuid,
        "by": run_id,
        "now": now,
        "until": now + timedelta(seconds=lease_seconds),
        "wrap_up_after": wrap_up_after,
        "wrap_up_before": wrap_up_before,
        "my_ticket": MAX_TICKET if ticket is None else ticket,
    }
    rows, got = _look(s, values)
    return {row.id: _status(row, row.id in wanted, row.extension in got, call_waiting) for row in rows}


def release(
    s: Session,
    hunt_id: str,
    extensions: Collection[str] | None = None,
    *,
    taken_before: datetime | None = None,
    domain: str | None = None,
) -> None:
    """End the hunt's claims, all or those on the extensions; whoever waits is told.

    ``taken_before`` spares a claim that the hunt has taken since: a release may be written late, when the member is
    already offered the call again. With ``domain`` those who wait there are told in any case.
    """
    values: dict[str, Any] = {"hunt": hunt_id}
    if extensions is not None:
        values["extensions"] = sorted(set(extensions))
    if taken_before is not None:
        values["taken_before"] = taken_before
    if domain is not None:
        values["in_domain"] = domain
    kind = {"some": extensions is not None, "earlier": taken_before is not None, "named": domain is not None}
    write(s, _releasing(dialect_of(s), **kind), values)


def release_all(s: Session, hunt_ids: Iterable[str]) -> None:
    """End all claims of these hunts; whoever waits is told."""
    for some in in_parts(hunt_ids):
        write(s, _dropping(dialect_of(s)), {"hunts": some})


def renew(s: Session, run_id: str, now: datetime, lease_seconds: float, hunt_ids: Iterable[str]) -> None:
    """Lengthen the leases of the run's hunts that still live.

    The hunts are named because a claim may be left of one that is over: it must run out (invariant I2).
    """
    until = now + timedelta(seconds=lease_seconds)
    for some in in_parts(hunt_ids):
        write(s, _renewing(), {"by": run_id, "hunts": some, "until": until})


def sweep(s: Session, now: datetime) -> None:
    """Drop all claims whose lease is over; whoever waits is told."""
    write(s, _sweeping(dialect_of(s)), {"now": now})


def _look(s: Session, values: dict[str, Any]) -> tuple[Sequence[Any], set[str]]:
    """Return the rows of LOOK, and the extensions that were claimed."""
    if dialect_of(s) == "postgresql":
        rows = run(s, look_and_claim_wanted(), values).all()
        return rows, {row.extension for row in rows if row.got}
    rows = run(s, LOOK, values).all()
    got = set(run(s, claim_wanted(dialect_of(s)), values).scalars())
    if got:
        write(s, WAIT_NO_MORE, values)
    return rows, got


def _status(row: Any, wanted: bool, acquired: bool, call_waiting: bool) -> MemberStatus:
    may_ring = row.enabled and not row.blocked and not row.in_wrap_up
    hindered = not acquired and (row.claimed or row.kept or (wanted and may_ring))
    return MemberStatus(
        enabled=row.enabled,
        blocked=row.blocked,
        auto_blocked=row.auto_blocked,
        claimed=hindered and not call_waiting,
        acquired=acquired,
        idle_since=row.idle_since,
        in_wrap_up=row.in_wrap_up,
    )


@cache
def _renewing() -> Executable:
    whose = (CLAIMS.c.run_id == bindparam("by"), CLAIMS.c.hunt_id.in_(bindparam("hunts", expanding=True)))
    # A row that is locked is being released, or claimed anew: to wait for it would be to wait for a whole batch of the
    # outbox, whose locks are in the order of what happened, and which may wait for us.
    return update(CLAIMS).where(_locked(*whose, skip_locked=True)).values(expires_at=bindparam("until"))


@cache
def _releasing(dialect: str, *, some: bool, earlier: bool, named: bool) -> Executable:
    """The DELETE of a hunt's claims: of ``some`` extensions only, of those taken ``earlier`` than a moment only."""
    which = [CLAIMS.c.hunt_id == bindparam("hunt")]
    if some:
        which.append(CLAIMS.c.extension.in_(bindparam("extensions", expanding=True)))
    if earlier:
        which.append(CLAIMS.c.claimed_at < bindparam("taken_before"))
    return _deleting(dialect, *which, in_domain=bindparam("in_domain") if named else None)


@cache
def _dropping(dialect: str) -> Executable:
    return _deleting(dialect, CLAIMS.c.hunt_id.in_(bindparam("hunts", expanding=True)))


@cache
def _sweeping(dialect: str) -> Executable:
    return _deleting(dialect, CLAIMS.c.expires_at <= bindparam("now"), skip_locked=True)


def _deleting(
    dialect: str, *which: ColumnElement[bool], in_domain: ColumnElement[str] | None = None, skip_locked: bool = False
) -> Executable:
    return announcing(
        dialect, delete(CLAIMS).where(_locked(*which, skip_locked=skip_locked)), CLAIMS.c.domain, in_domain
    )


def _locked(*conditions: ColumnElement[bool], skip_locked: bool = False) -> ColumnElement[bool]:
    in_order = select(*KEY).where(*conditions).order_by(*KEY).with_for_update(skip_locked=skip_locked)
    return tuple_(*KEY).in_(in_order)
