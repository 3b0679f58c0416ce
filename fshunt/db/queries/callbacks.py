"""Requests of callers to be called back. Each step is a compare and set, so of several daemons one takes it.

The uuid of the channel that serves a request is written before FreeSWITCH is asked for the channel: whoever finds the
request later can ask whether it lives, and a channel whose uuid the request has no more does nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, Row, bindparam, delete, func, null, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import CallbackRequest, Domain, HuntGroup
from fshunt.db.prepared import Prepared
from fshunt.db.statements import Transaction, dialect_of, insert_for, run, table, write
from fshunt.hunting.callbacks import CallbackOutcome, CallbackState

CALLBACKS, GROUPS, DOMAINS = table(CallbackRequest), table(HuntGroup), table(Domain)
MAX_OPEN = 500
"""Open requests that a daemon looks at, and that are listed of a group, by their tickets."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asks for; the fields are those of ``CallbackRequest``."""

    group_id: int
    number: str
    name: str
    internal: bool
    context: str
    dial_context: str
    switch: str
    hunt_id: str
    ticket: int


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and its group by domain and pilot."""

    id: int
    group_id: int
    domain: str
    pilot: str
    number: str
    name: str
    internal: bool
    context: str
    dial_context: str
    switch: str
    hunt_id: str
    ticket: int
    requested_at: datetime
    state: CallbackState
    tries: int
    attempt: str | None
    run_id: str | None
    not_before: datetime | None


_IS_OPEN = CALLBACKS.c.ended_at.is_(None)
_REQUESTS = (
    select(*CALLBACKS.c, DOMAINS.c.name.label("domain"), GROUPS.c.pilot)
    .join(GROUPS, GROUPS.c.id == CALLBACKS.c.group_id)
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .where(_IS_OPEN)
)
_OPEN = _REQUESTS.order_by(CALLBACKS.c.ticket, CALLBACKS.c.id).limit(MAX_OPEN)
_OPEN_OF_GROUP = _OPEN.where(CALLBACKS.c.group_id == bindparam("of_group"))
_COUNT = select(func.count()).select_from(CALLBACKS).where(_IS_OPEN)
_ONE = _REQUESTS.where(CALLBACKS.c.id == bindparam("request"))
_OF_ATTEMPT = (CALLBACKS.c.id == bindparam("request"), CALLBACKS.c.attempt == bindparam("of_attempt"), _IS_OPEN)
_IN_STATE = CALLBACKS.c.state == bindparam("in_state")
_BEGIN = (
    update(CALLBACKS)
    .where(CALLBACKS.c.id == bindparam("request"), _IS_OPEN, CALLBACKS.c.state == CallbackState.WAITING.value)
    .values(
        state=CallbackState.CALLING_MEMBER.value,
        attempt=bindparam("by_attempt"),
        run_id=bindparam("by"),
        switch=bindparam("at_switch"),
    )
    .returning(CALLBACKS.c.id)
)
_DIAL = (
    update(CALLBACKS)
    .where(*_OF_ATTEMPT, CALLBACKS.c.state == CallbackState.CALLING_MEMBER.value)
    .values(state=CallbackState.CALLING_CALLER.value, tries=CALLBACKS.c.tries + 1)
    .returning(CALLBACKS.c.id)
)
_BACK = (
    update(CALLBACKS)
    .where(*_OF_ATTEMPT, _IN_STATE)
    .values(
        state=CallbackState.WAITING.value,
        attempt=null(),
        run_id=null(),
        not_before=bindparam("until", type_=CALLBACKS.c.not_before.type),
    )
    .returning(CALLBACKS.c.id)
)
_END = (
    update(CALLBACKS)
    .where(*_OF_ATTEMPT, _IN_STATE)
    .values(ended_at=bindparam("at", type_=CALLBACKS.c.ended_at.type), outcome=bindparam("how"))
    .returning(CALLBACKS.c.id)
)
_REMOVE = (
    update(CALLBACKS)
    .where(
        CALLBACKS.c.id == bindparam("request"),
        _IS_OPEN,
        CALLBACKS.c.state.in_([CallbackState.WAITING.value, CallbackState.CALLING_MEMBER.value]),
    )
    .values(
        ended_at=bindparam("at", type_=CALLBACKS.c.ended_at.type),
        outcome=CallbackOutcome.REMOVED.value,
    )
    .returning(CALLBACKS.c.id)
)
_SERVED = Prepared(
    update(CALLBACKS)
    .where(
        CALLBACKS.c.group_id == bindparam("of_group"),
        CALLBACKS.c.number == bindparam("of_number"),
        CALLBACKS.c.internal == bindparam("is_internal"),
        CALLBACKS.c.requested_at <= bindparam("at", type_=CALLBACKS.c.ended_at.type),
        _IS_OPEN,
    )
    .values(
        ended_at=bindparam("at", type_=CALLBACKS.c.ended_at.type),
        outcome=CallbackOutcome.SERVED.value,
    )
)
_TO_END = select(CALLBACKS.c.attempt).where(
    CALLBACKS.c.attempt.in_(bindparam("attempts", expanding=True)),
    CALLBACKS.c.id.in_(bindparam("requests", expanding=True)),
    CALLBACKS.c.outcome.is_(None)
    | CALLBACKS.c.outcome.not_in([CallbackOutcome.REMOVED.value, CallbackOutcome.SERVED.value])
    | (CALLBACKS.c.state == CallbackState.CALLING_CALLER.value),
)
_OLD = (
    select(CALLBACKS.c.id)
    .where(CALLBACKS.c.ended_at < bindparam("before", type_=CALLBACKS.c.ended_at.type))
    .limit(bindparam("many"))
)
_PRUNE = delete(CALLBACKS).where(CALLBACKS.c.id.in_(bindparam("ids", expanding=True)))


def request(s: Session, wanted: Wanted, at: datetime) -> bool:
    """Write a request down; tell whether it is new. The first one of a number in a group keeps its place."""
    values = {
        "group_id": wanted.group_id,
        "number": wanted.number,
        "name": wanted.name,
        "internal": wanted.internal,
        "context": wanted.context,
        "dial_context": wanted.dial_context,
        "switch": wanted.switch,
        "hunt_id": wanted.hunt_id,
        "ticket": wanted.ticket,
        "requested_at": at,
        "state": CallbackState.WAITING.value,
    }
    return run(s, _insert(dialect_of(s)), values).scalar() is not None


@cache
def _insert(dialect: str) -> Executable:
    key = {"index_elements": [CALLBACKS.c.group_id, CALLBACKS.c.number], "index_where": _IS_OPEN}
    return insert_for(dialect, CallbackRequest).on_conflict_do_nothing(**key).returning(CALLBACKS.c.id)  # type: ignore[arg-type]


def open_requests(s: Session) -> list[Request]:
    """Return the open requests in order of their tickets, up to ``MAX_OPEN``."""
    return [_request(row) for row in run(s, _OPEN, {})]


def open_requests_of(s: Session, group_id: int) -> list[Request]:
    """Return the open requests of a group in order of their tickets, up to ``MAX_OPEN`` of its own."""
    return [_request(row) for row in run(s, _OPEN_OF_GROUP, {"of_group": group_id})]


def count_open(s: Session) -> int:
    """Return how many requests are open."""
    return int(run(s, _COUNT, {}).scalar_one())


def find(s: Session, request_id: int) -> Request | None:
    """Return an open request; None: there is none."""
    row = run(s, _ONE, {"request": request_id}).first()
    return None if row is None else _request(row)


def begin(s: Session, request_id: int, attempt: str, *, run_id: str, switch: str) -> bool:
    """Serve a request that waits, by the channel ``attempt``; tell whether nobody else does."""
    values = {"request": request_id, "by_attempt": attempt, "by": run_id, "at_switch": switch}
    return run(s, _BEGIN, values).scalar() is not None


def dial(s: Session, request_id: int, attempt: str) -> Request | None:
    """Note, before it is done, that the caller's phone is called; None: this channel serves the request no more."""
    if run(s, _DIAL, {"request": request_id, "of_attempt": attempt}).scalar() is None:
        return None
    return find(s, request_id)


def put_back(s: Session, request_id: int, attempt: str, state: CallbackState, until: datetime | None) -> bool:
    """Put a request back in its place, to be served from ``until`` on; tell whether it was in this state."""
    values = {"request": request_id, "of_attempt": attempt, "in_state": state.value, "until": until}
    return run(s, _BACK, values).scalar() is not None


def end(s: Session, request_id: int, attempt: str, outcome: CallbackOutcome, at: datetime) -> bool:
    """End a request whose caller was called; tell whether it was open."""
    values = {
        "request": request_id,
        "of_attempt": attempt,
        "in_state": CallbackState.CALLING_CALLER.value,
        "how": outcome.value,
        "at": at,
    }
    return run(s, _END, values).scalar() is not None


def remove(s: Session, request_id: int, at: datetime) -> bool:
    """End a request whose caller is not called now; tell whether that was done."""
    return run(s, _REMOVE, {"request": request_id, "at": at}).scalar() is not None


def end_as_served(s: Transaction, group_id: int, number: str, *, internal: bool, at: datetime) -> None:
    """End the open request of a caller who has reached a member, if it was made before that.

    Whose phone is called already is called to the end, and not once more.
    """
    values = {"of_group": group_id, "of_number": number, "is_internal": internal, "at": at}
    write(s, _SERVED, values)


def not_removed(s: Session, attempts: Collection[tuple[int, str]]) -> set[str]:
    """Return which of these channels, each with its request, go on: of an ended request, if the caller was called."""
    values = {"requests": sorted(each for each, _ in attempts), "attempts": sorted(each for _, each in attempts)}
    return set(run(s, _TO_END, values).scalars())


def prune_some(s: Session, before: datetime, many: int) -> int:
    """Remove up to so many requests that ended before a moment; return how many."""
    ids = list(run(s, _OLD, {"before": before, "many": many}).scalars())
    if ids:
        run(s, _PRUNE, {"ids": ids})
    return len(ids)


def _request(row: Row[Any]) -> Request:
    values = {name: getattr(row, name) for name in Request.__slots__}
    return Request(**(values | {"state": CallbackState(row.state)}))
