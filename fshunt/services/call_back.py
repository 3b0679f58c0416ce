"""Missed callers who were called back: what people note, since no switch tells of the calls that members make."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from fshunt.db.models import CalledBack, CallRecord
from fshunt.db.queries.rows import find_group_id
from fshunt.db.statements import insert_into
from fshunt.services.audit import ChangeKind, Subject, record


def note_called_back(s: Session, call: CallRecord, said_by: str, *, now: datetime | None = None) -> None:
    """Note that the caller of a call was called back. What was noted first stays."""
    row = {"call_id": call.id, "at": now or datetime.now(UTC), "said_by": said_by}
    noted = insert_into(s, CalledBack).values(row).on_conflict_do_nothing(index_elements=["call_id"])
    if s.execute(noted.returning(CalledBack.call_id)).first() is not None:
        _record(s, call, ChangeKind.ADD, after={"caller": call.caller_number})


def forget_called_back(s: Session, call: CallRecord) -> None:
    """Take such a note back."""
    gone = delete(CalledBack).where(CalledBack.call_id == call.id).returning(CalledBack.said_by)
    if s.execute(gone).first() is not None:
        _record(s, call, ChangeKind.REMOVE, before={"caller": call.caller_number})


def _record(s: Session, call: CallRecord, action: ChangeKind, **values: dict[str, Any]) -> None:
    group_id = find_group_id(s, call.domain, call.pilot)
    place = {"domain": call.domain, "pilot": call.pilot, "group_id": group_id}
    record(s, Subject.CALL, action, call.id, **place, **values)  # type: ignore[arg-type]


def called_back(s: Session, call_id: str) -> CalledBack | None:
    """Return what was noted of a call; None: nothing."""
    return s.get(CalledBack, call_id)
