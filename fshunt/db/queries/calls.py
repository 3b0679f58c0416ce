"""The call log: one row for each hunt, each offer and each skip, written as they happen.

The ids come from outside, and each function may be run twice with the same values: the first time counts. Rows only
move forward: a result, an outcome or an end is never overwritten, with one exception. A takeover closes the row of a
dead daemon's hunt as failed, or as ``callback`` if it was in the place of a caller who is called back, which is a
guess; an answer that the daemon knew of, and writes late, replaces it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, selectinload, undefer

from fshunt.db.models import Base, CallRecord, OfferRecord, SkipRecord
from fshunt.db.prepared import Prepared
from fshunt.db.queries.auto_block import count_offer
from fshunt.db.queries.claims import release_all
from fshunt.db.queries.notices import GROUP_WITH_NOTICES
from fshunt.db.queries.pilots import Span, groups_with_pilot, places_of
from fshunt.db.queries.rows import domain_names, find_domain_id, pilots
from fshunt.db.statements import Transaction, dialect_of, insert_for, insert_once, run, table, write
from fshunt.db.types import SeenText
from fshunt.errors import NotFound
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.callbacks import IN_PLACE, is_in_place
from fshunt.hunting.states import Outcome, Result
from fshunt.hunting.suggestions import what_there_is

END_NOT_SEEN = "The end of the call was not seen: no daemon watched it."
DAEMON_STOPPED = "The daemon stopped during this hunt."
STOPPED_WHILE_RINGING = "the daemon stopped while the phone rang"
DEFAULT_LIMIT = 50
"""Calls in a list unless more are asked for: about one screen."""

CALLS, OFFERS = table(CallRecord), table(OfferRecord)
HAS_FAILED = CALLS.c.result == literal_column(f"'{Result.FAILED.value}'")
"""Not as a parameter: there is an index of these calls alone."""
_NOTE_RESULT = Prepared(update(CALLS).where(CALLS.c.id == bindparam("hunt_id"), CALLS.c.result.is_(None)))
_IN_PLACE = and_(CALLS.c.result == Result.CALLBACK.value, CALLS.c.reason.startswith(IN_PLACE))
_GUESSED = and_(or_(CALLS.c.result == Result.FAILED.value, _IN_PLACE), CALLS.c.end_seen == false())
_LAST_TALKS = Prepared(
    select(CALLS.c.answered_at, CALLS.c.ended_at)
    .where(
        CALLS.c.domain == bindparam("in_domain"),
        CALLS.c.pilot == bindparam("of_pilot"),
        CALLS.c.started_at >= bindparam("since"),
        CALLS.c.result == Result.ANSWERED.value,
        CALLS.c.ended_at.is_not(None),
    )
    .order_by(CALLS.c.started_at.desc())
    .limit(50)
)
_NOTE_ANSWERED = Prepared(
    update(CALLS)
    .where(CALLS.c.id == bindparam("hunt_id"), or_(CALLS.c.result.is_(None), _GUESSED))
    .values(reason=case((CALLS.c.result.is_(None), CALLS.c.reason)), ended_at=None)
)
_NOTE_WAITED = Prepared(update(CALLS).where(CALLS.c.id == bindparam("hunt_id")))
_NOTE_FAILED = Prepared(
    update(CALLS)
    .where(
        CALLS.c.id == bindparam("hunt_id"),
        or_(CALLS.c.result.is_(None), CALLS.c.result.in_([Result.VOICEMAIL.value, Result.TRANSFERRED.value])),
    )
    .values(result=Result.FAILED.value)
)
_NOTE_ABANDONED = Prepared(
    update(CALLS)
    .where(
        CALLS.c.id == bindparam("hunt_id"),
        or_(CALLS.c.result.is_(None), CALLS.c.result.in_([Result.TRANSFERRED.value, Result.FAILED.value])),
    )
    .values(result=Result.ABANDONED.value)
)
_CLOSING = (
    update(CALLS)
    .where(CALLS.c.id == bindparam("hunt_id"), CALLS.c.ended_at.is_(None))
    .values(result=func.coalesce(CALLS.c.result, bindparam("unless_answered")))
)
_CLOSE_CALL = Prepared(_CLOSING)
_FINISH_UNSEEN = Prepared(
    _CLOSING.values(
        reason=case(
            (CALLS.c.reason.startswith(IN_PLACE), CALLS.c.reason.concat(": ").concat(bindparam("why", type_=SeenText))),
            else_=bindparam("why", type_=SeenText),
        )
    )
)
_ANSWERED_BY = select(CALLS.c.answered_by).where(CALLS.c.id == bindparam("hunt_id")).scalar_subquery()
_END_OPEN_OFFERS = Prepared(
    update(OFFERS)
    .where(OFFERS.c.call_id == bindparam("hunt_id"), OFFERS.c.outcome.is_(None))
    .values(outcome=case((OFFERS.c.extension == _ANSWERED_BY, Outcome.ANSWERED.value), else_=Outcome.SWITCH_LOST.value))
)
_LOCK_UNFINISHED = Prepared(
    select(CALLS.c.result, CALLS.c.reason)
    .where(CALLS.c.id == bindparam("hunt_id"), CALLS.c.ended_at.is_(None))
    .with_for_update()
)
_END_OFFER = Prepared(update(OFFERS).where(OFFERS.c.id == bindparam("offer_id"), OFFERS.c.outcome.is_(None)))
_REMOVE_OFFER = Prepared(delete(OFFERS).where(OFFERS.c.id == bindparam("offer_id"), OFFERS.c.outcome.is_(None)))
_REMOVE_UNRUNG = Prepared(
    delete(CALLS).where(
        CALLS.c.id == bindparam("hunt_id"),
        CALLS.c.answered_at.is_(None),
        ~select(OFFERS.c.id).where(OFFERS.c.call_id == CALLS.c.id).exists(),
    )
)
_ANSWER_OFFER = Prepared(
    update(OFFERS).where(
        OFFERS.c.id == bindparam("offer_id"),
        or_(
            OFFERS.c.outcome.is_(None),
            and_(OFFERS.c.outcome == Outcome.SWITCH_LOST.value, OFFERS.c.detail == STOPPED_WHILE_RINGING),
        ),
    )
)
"""The values that are given name the columns to set."""

LAST_CHARACTER = "\U0010ffff"


def _first_uuid(least: str, greater: str, less: str, order: str) -> tuple[Executable, Executable]:
    """The first uuid that is not before a text, and the first after it, in the order of the index."""
    end, query = CALLS.c.uuid.op(less)(bindparam("end")), select(CALLS.c.uuid).order_by(text(order)).limit(1)
    return (
        query.where(CALLS.c.uuid.op(least)(bindparam("after")), end),
        query.where(CALLS.c.uuid.op(greater)(bindparam("after")), end),
    )


_FIRST_UUID = {
    "sqlite": _first_uuid(">=", ">", "<", "calls.uuid"),
    "postgresql": _first_uuid("~>=~", "~>~", "~<~", "calls.uuid USING ~<~"),
}
"""PostgreSQL compares by the rules of a language unless it is told to compare characters."""


def open_call(
    s: Transaction,
    hunt_id: str,
    *,
    uuid: str,
    domain: str,
    pilot: str,
    group_name: str,
    policy: str,
    caller_number: str | None,
    caller_name: str | None,
    started_at: datetime,
    policy_input: dict[str, Any] | None,
    node: str,
    run_id: str | None = None,
) -> None:
    """Write that a hunt has begun. ``uuid`` is the caller's channel, ``node`` the daemon, ``run_id`` its run."""
    row = {
        "id": hunt_id,
        "uuid": uuid,
        "domain": domain,
        "pilot": pilot,
        "group_name": group_name,
        "policy": policy,
        "caller_number": caller_number,
        "caller_name": caller_name,
        "started_at": started_at,
        "end_seen": False,
        "policy_input": policy_input,
        "node": node,
        "run_id": run_id,
    }
    place = {"of_domain": domain, "of_pilot": pilot}
    write(s, _opening(dialect_of(s)), row | place)


def note_answered(s: Transaction, hunt_id: str, *, answered_by: str, answered_at: datetime) -> None:
    """Write that a member answered: from now on the result is ``answered``, whatever comes.

    A row that a takeover has closed meanwhile is open again.
    """
    values = {"result": Result.ANSWERED.value, "answered_by": answered_by, "answered_at": answered_at}
    write(s, _NOTE_ANSWERED, {"hunt_id": hunt_id, **values})


def note_in_place(s: Transaction, hunt_id: str, *, reason: str) -> None:
    """Write of an open call in whose place it is: of a caller who is to be called back (``IN_PLACE``)."""
    write(s, _NOTE_RESULT, {"hunt_id": hunt_id, "reason": reason})


def note_leaving(s: Transaction, hunt_id: str, *, result: Result, reason: str, destination: str) -> None:
    """Write where an unanswered caller goes, before they do: there the call continues without the daemon."""
    values = {"result": result.value, "reason": reason, "destination": destination}
    write(s, _NOTE_RESULT, {"hunt_id": hunt_id, **values})


def note_failed(s: Transaction, hunt_id: str, *, reason: str, destination: str) -> None:
    """Write that the place where a caller was sent was none, and where the caller is instead; the end stays."""
    write(s, _NOTE_FAILED, {"hunt_id": hunt_id, "reason": reason, "destination": destination})


def note_abandoned(s: Transaction, hunt_id: str, *, reason: str) -> None:
    """Write that a caller whom a transfer has left at once hung up before reaching anything else; the end stays."""
    write(s, _NOTE_ABANDONED, {"hunt_id": hunt_id, "reason": reason})


def close_call(
    s: Transaction,
    hunt_id: str,
    *,
    result: Result,
    reason: str | None,
    destination: str | None,
    ended_at: datetime,
    end_seen: bool = True,
    waited_seconds: float | None = None,
) -> None:
    """Write the one result of a hunt and its end; with ``end_seen`` false, ``ended_at`` is when the daemon detached.

    Offers that still ring then get their outcome now: nobody will see it later.
    ``waited_seconds`` is how long the caller waited for a busy member, None if never.
    """
    values = {"reason": reason, "ended_at": ended_at, "end_seen": end_seen, "unless_answered": result.value}
    more = {"destination": destination, "waited_seconds": waited_seconds}
    write(s, _CLOSE_CALL, {"hunt_id": hunt_id, **values, **more})
    if not end_seen:
        _end_open_offers(s, hunt_id, ended_at)


def finish_call(
    s: Transaction, hunt_id: str, *, result: Result, reason: str | None, ended_at: datetime, end_seen: bool
) -> None:
    """Close the row of a call that was taken over; what its first daemon has written stays.

    ``reason`` follows the one that says in whose place the call was, if there is one.
    """
    values: dict[str, Any] = {"hunt_id": hunt_id, "ended_at": ended_at, "end_seen": end_seen}
    values["unless_answered"] = result.value
    if reason is None:
        write(s, _CLOSE_CALL, values)
    else:
        write(s, _FINISH_UNSEEN, values | {"why": reason})


def note_waited(s: Transaction, hunt_id: str, *, seconds: float) -> None:
    """Write how long the caller waited for a busy member."""
    write(s, _NOTE_WAITED, {"hunt_id": hunt_id, "waited_seconds": seconds})


def add_offer(
    s: Transaction,
    offer_id: str,
    *,
    call_id: str,
    stage: int,
    cycle: int,
    position: int,
    extension: str,
    phones: int,
    ring_seconds: float,
    started_at: datetime,
) -> None:
    """Write that so many phones of a member ring, for ``ring_seconds`` at most."""
    place = {"call_id": call_id, "stage": stage, "cycle": cycle, "position": position, "extension": extension}
    row = {"id": offer_id, **place, "phones": phones, "ring_seconds": ring_seconds, "started_at": started_at}
    _add_once(s, OfferRecord, row)


def end_offer(
    s: Transaction,
    offer_id: str,
    *,
    ended_at: datetime,
    outcome: Outcome,
    cause: str | None = None,
    sip_code: int | None = None,
    detail: str | None = None,
    member_id: int | None = None,
    rang_whole_time: bool = False,
    missing: Collection[str] = (),
) -> None:
    """Write the one outcome of an offer; ``cause`` and ``sip_code`` are what FreeSWITCH said.

    ``member_id``, ``rang_whole_time`` (of the phone) and ``missing`` (members without a phone now) are
    for the group's ``auto_block``; without ``member_id`` nothing is counted.
    """
    words = {"outcome": outcome.value, "cause": cause, "sip_code": sip_code, "detail": detail}
    values = {"offer_id": offer_id, "ended_at": ended_at, **words}
    statement = _ANSWER_OFFER if outcome is Outcome.ANSWERED else _END_OFFER
    counts = outcome in (Outcome.ANSWERED, Outcome.DECLINED) or (rang_whole_time and outcome is Outcome.NO_ANSWER)
    if member_id is None or not counts:
        write(s, statement, values)
    elif run(s, statement, values).rowcount:  # not counted twice, should this be tried twice
        out = outcome is Outcome.NO_ANSWER
        count_offer(s, offer_id, member_id, rang_whole_time=out, at=ended_at, missing=missing)


def remove_offer(s: Transaction, offer_id: str) -> None:
    """Remove an offer that never was: the switch refused to ring all its phones. One with an outcome stays."""
    write(s, _REMOVE_OFFER, {"offer_id": offer_id})


def add_skip(
    s: Transaction,
    skip_id: str,
    *,
    call_id: str,
    stage: int,
    cycle: int,
    position: int,
    extension: str,
    reason: SkipReason,
    at: datetime,
    detail: str | None = None,
) -> None:
    """Write that a member was skipped, and why."""
    place = {"call_id": call_id, "stage": stage, "cycle": cycle, "position": position, "extension": extension}
    _add_once(s, SkipRecord, {"id": skip_id, **place, "reason": reason.value, "detail": detail, "at": at})


def close_unfinished(s: Transaction, hunt_id: str, now: datetime) -> None:
    """Close a call that a dead daemon left open; one that has ended is left as it is.

    A call that was answered stays answered, and its end was not seen. Any other has failed, unless it was in the place
    of a caller who is called back: the request goes on, and nobody has missed it. An offer without an outcome was
    answered if its member has the call, else it was lost with the switch. Members whose phones rang are free at once;
    whether an answered call continues nobody knows, so its claims stay until they expire.
    """
    found = run(s, _LOCK_UNFINISHED, {"hunt_id": hunt_id}).first()
    if found is None:
        return
    why = DAEMON_STOPPED if found.result is None else END_NOT_SEEN
    _end_open_offers(s, hunt_id, now)
    if found.result is None:
        release_all(s, [hunt_id])
    result = Result.CALLBACK if is_in_place(found.reason) else Result.FAILED
    finish_call(s, hunt_id, result=result, reason=why, ended_at=now, end_seen=False)


def remove_unrung(s: Transaction, hunt_id: str) -> None:
    """Remove the record of a call that nobody answered, and that rang nobody."""
    write(s, _REMOVE_UNRUNG, {"hunt_id": hunt_id})


def list_calls(
    s: Session,
    domain: str | None = None,
    pilot: str | None = None,
    since: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    *,
    failed: bool = False,
    places: Collection[tuple[str, Span]] | None = None,
    before: tuple[datetime, str] | None = None,
    but_domains: Collection[str] = (),
) -> list[CallRecord]:
    """Return the calls, newest first, without their offers, skips and policy input; ``failed``: those hunts alone.

    ``places``: those to these numbers of domains alone. ``before``: of the next page, the start and the id of
    the last call of this one.
    """
    query = select(CallRecord).order_by(CallRecord.started_at.desc(), CallRecord.id.desc()).limit(limit)
    if domain is not None:
        query = query.where(CallRecord.domain == domain)
    if pilot is not None:
        query = query.where(CallRecord.pilot == pilot)
    if but_domains:
        query = query.where(CallRecord.domain.not_in(sorted(but_domains)))
    if since is not None:
        query = query.where(CallRecord.started_at >= since)
    if failed:
        query = query.where(HAS_FAILED)
    if places is not None:
        query = query.where(_within(places))
    if before is not None:
        query = query.where(tuple_(CallRecord.started_at, CallRecord.id) < before)
    return list(s.scalars(query))


def callers_of(s: Session, hunt_ids: Collection[str]) -> dict[str, tuple[str | None, str | None]]:
    """Return number and name of the callers of these hunts, as far as they have a record."""
    query = select(CallRecord.id, CallRecord.caller_number, CallRecord.caller_name)
    rows = s.execute(query.where(CallRecord.id.in_(sorted(hunt_ids))))
    return {row.id: (row.caller_number, row.caller_name) for row in rows}


def list_calls_of_group(
    s: Session,
    domain: str | None,
    pilot: str | None,
    since: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    *,
    failed: bool = False,
    places: Collection[tuple[str, Span]] | None = None,
    before: tuple[datetime, str] | None = None,
) -> list[CallRecord]:
    """Return the calls to the group with a pilot as ``list_calls`` does, also under the numbers that it had before.

    ``pilot`` None: the calls to all. Where no group has the pilot, it is the number that was called. Each number is
    asked for alone: so the index of calls by domain, pilot and start serves each.
    """
    if pilot is None:
        return list_calls(s, domain, None, since, limit, failed=failed, places=places, before=before)
    own = places_of(s, groups_with_pilot(s, domain, pilot))
    known = {name for name, _ in own}
    asked = [(name, span) for name, span in own if places is None or (name, span) in places]
    found = [
        call
        for name, span in asked
        for call in list_calls(s, name, span.pilot, since, limit, failed=failed, places=[(name, span)], before=before)
    ]
    if domain not in known:
        found += list_calls(
            s, domain, pilot, since, limit, failed=failed, places=places, before=before, but_domains=known
        )
    return sorted(found, key=lambda call: (call.started_at, call.id), reverse=True)[:limit]


def check_known(s: Session, domain: str | None, pilot: str | None) -> None:
    """Raise NotFound where no group has the pilot (None: any), in the domain (None: any), and no record names it."""
    if list_calls(s, domain, pilot, limit=1):
        return
    known = domain_names(s)
    if domain is not None and domain not in known:
        raise NotFound(
            f"There is no domain {domain}, and no record of a call in it: {what_there_is(domain, known, 'domain')}"
        )
    there = sorted({each for name in ([domain] if domain else known) for each in pilots(s, find_domain_id(s, name))})
    if pilot is not None and pilot not in there:
        where = f" in {domain}" if domain else ""
        raise NotFound(
            f"There is no group {pilot}{where}, and no record of a call to it: {what_there_is(pilot, there, 'group')}"
        )


def uuids_from(s: Session, prefix: str, limit: int) -> list[str]:
    """Return the first uuids of calls that begin with a prefix, each once.

    Each is looked for after the one before: many hunts may have one uuid, and many uuids one beginning.
    """
    found: list[str] = []
    first = _FIRST_UUID[dialect_of(s)]
    while len(found) < limit:
        after = found[-1] if found else prefix
        uuid = run(s, first[bool(found)], {"after": after, "end": f"{prefix}{LAST_CHARACTER}"}).scalar()
        if uuid is None:
            break
        found.append(uuid)
    return found


def show_call(s: Session, uuid: str, *, places: Collection[tuple[str, Span]] | None = None) -> list[CallRecord]:
    """Return all hunts of a call, newest first, with their offers and skips in order of ringing; raise NotFound.

    ``uuid`` is the caller's channel, or the id of one hunt; ``places`` as for ``list_calls``.
    """
    said = literal(uuid, SeenText())
    query = (
        select(CallRecord)
        .where(or_(CallRecord.uuid == said, CallRecord.id == said))
        .order_by(CallRecord.started_at.desc(), CallRecord.id.desc())
        .options(undefer(CallRecord.policy_input), selectinload(CallRecord.offers), selectinload(CallRecord.skips))
    )
    if places is not None:
        query = query.where(_within(places))
    found = list(s.scalars(query))
    if not found:
        raise NotFound(f"There is no record of a call {uuid}: `fshunt call list` shows the last calls.")
    return found


def _within(places: Collection[tuple[str, Span]]) -> ColumnElement[bool]:
    """Whether a call is to one of these numbers of domains, in the time in which it was the group's."""
    always = sorted((domain, span.pilot) for domain, span in places if span == Span(span.pilot))
    return or_(
        tuple_(CallRecord.domain, CallRecord.pilot).in_(always),
        *(in_span(domain, span) for domain, span in places if span != Span(span.pilot)),
    )


def in_span(domain: str, span: Span) -> ColumnElement[bool]:
    """Return the condition that a call is to a number of a domain, in the time in which it was the group's."""
    conditions = [CallRecord.domain == domain, CallRecord.pilot == span.pilot]
    if span.since is not None:
        conditions.append(CallRecord.started_at >= span.since)
    if span.until is not None:
        conditions.append(CallRecord.started_at < span.until)
    return and_(*conditions)


def _end_open_offers(s: Transaction, hunt_id: str, now: datetime) -> None:
    """End the offers of a hunt: answered for the member who has the call, lost with the switch for all others."""
    write(s, _END_OPEN_OFFERS, {"hunt_id": hunt_id, "ended_at": now, "detail": STOPPED_WHILE_RINGING})


@cache
def _opening(dialect: str) -> Prepared:
    """The INSERT of a call. It says by itself whether the group has notices: who has none pays no statement for it."""
    insert = insert_for(dialect, CallRecord).values(notice_group_id=GROUP_WITH_NOTICES)
    return Prepared(insert.on_conflict_do_nothing(index_elements=["id"]))


def _add_once(s: Transaction, model: type[Base], row: dict[str, Any]) -> None:
    write(s, insert_once(dialect_of(s), model), row)


def last_talks(s: Transaction, domain: str, pilot: str, since: datetime) -> list[float]:
    """Return how long the last talks of a pilot took, in seconds: at most 50, of calls that began after a moment."""
    rows = run(s, _LAST_TALKS, {"in_domain": domain, "of_pilot": pilot, "since": since})
    return [(row.ended_at - row.answered_at).total_seconds() for row in rows if row.answered_at is not None]
