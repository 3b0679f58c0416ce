"""Calls of a group that fit a search. Each question reads a window of the newest calls, never all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from fshunt.db.models import CallRecord, OfferRecord
from fshunt.hunting.states import Outcome, Result

WINDOW = 2_000
"""How many calls of a group a question looks at: as many as an index reads in some milliseconds."""

NO_MISS = (Outcome.ANSWERED.value, Outcome.ANSWERED_ELSEWHERE.value)


def missed_by(
    s: Session, domain: str, pilots: Sequence[str], extension: str, since: datetime, limit: int
) -> list[CallRecord]:
    """Return the calls that rang a member and that nobody took, newest first, among the newest of each group."""
    rang = exists().where(
        OfferRecord.call_id == CallRecord.id,
        OfferRecord.extension == extension,
        or_(OfferRecord.outcome.is_(None), OfferRecord.outcome.not_in(NO_MISS)),
    )
    found: list[CallRecord] = []
    for pilot in pilots:
        newest = (
            select(CallRecord.id)
            .where(CallRecord.domain == domain, CallRecord.pilot == pilot, CallRecord.started_at >= since)
            .order_by(CallRecord.started_at.desc())
            .limit(WINDOW)
        )
        query = (
            select(CallRecord)
            .where(CallRecord.id.in_(newest), CallRecord.ended_at.is_not(None))
            .where(CallRecord.result != Result.ANSWERED.value, rang)
            .order_by(CallRecord.started_at.desc(), CallRecord.id.desc())
            .limit(limit)
        )
        found += s.scalars(query)
    return sorted(found, key=lambda call: (call.started_at, call.id), reverse=True)[:limit]
