"""Missed callers who were called back: what people note, since no switch tells of the calls that members make."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from fshunt.db.models import CalledBack
from fshunt.db.statements import insert_into


def note_called_back(s: Session, call_id: str, said_by: str, *, now: datetime | None = None) -> None:
    """Note that the caller of a call was called back. What was noted first stays."""
    row = {"call_id": call_id, "at": now or datetime.now(UTC), "said_by": said_by}
    s.execute(insert_into(s, CalledBack).values(row).on_conflict_do_nothing(index_elements=["call_id"]))


def forget_called_back(s: Session, call_id: str) -> None:
    """Take such a note back."""
    s.execute(delete(CalledBack).where(CalledBack.call_id == call_id))


def called_back(s: Session, call_id: str) -> CalledBack | None:
    """Return what was noted of a call; None: nothing."""
    return s.get(CalledBack, call_id)
