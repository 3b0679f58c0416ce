"""Which members the hunts of all daemons have claimed now, and whether they ring or talk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from fshunt.db.models import Claim, OfferRecord
from fshunt.db.statements import run, table
from fshunt.hunting.states import Outcome

CLAIMS, OFFERS = table(Claim), table(OfferRecord)
_CLAIMED = (
    select(CLAIMS.c.extension, CLAIMS.c.run_id, OFFERS.c.outcome, OFFERS.c.started_at, OFFERS.c.ended_at)
    .outerjoin(
        OFFERS,
        and_(
            OFFERS.c.call_id == CLAIMS.c.hunt_id,
            OFFERS.c.extension == CLAIMS.c.extension,
            or_(OFFERS.c.outcome.is_(None), OFFERS.c.outcome == Outcome.ANSWERED),
        ),
    )
    .where(CLAIMS.c.domain == bindparam("domain"))
    .order_by(OFFERS.c.started_at)
)


@dataclass(frozen=True, slots=True)
class ClaimedMember:
    """A member claimed by a hunt: ``answered`` True, still ringing (False), or about to ring (None); since when.

    ``run_id`` is the run that has the hunt: if it is gone, so may be the call.
    """

    answered: bool | None
    since: datetime | None
    run_id: str = ""


def claimed_members(s: Session, domain: str) -> dict[str, ClaimedMember]:
    """Return the members of the domain who are claimed, by their extension."""
    rows = run(s, _CLAIMED, {"domain": domain})
    return {row.extension: _claimed(row) for row in rows}


def _claimed(row: Any) -> ClaimedMember:
    if row.started_at is None:
        return ClaimedMember(None, None, row.run_id)
    answered = row.outcome == Outcome.ANSWERED
    return ClaimedMember(answered, row.ended_at if answered else row.started_at, row.run_id)
