"""Requests of callers to be called back: what an administrator sees and removes; daemons serve them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from fshunt.db.queries import callbacks
from fshunt.db.queries.callbacks import Request
from fshunt.errors import Conflict, NotFound
from fshunt.services.audit import ChangeKind, Subject, record


def open_requests(s: Session, *, domains: Collection[str], pilot: str | None = None) -> list[Request]:
    """Return the open requests of domains in their order, of one pilot if it is named."""
    found = callbacks.open_requests(s)
    return [each for each in found if each.domain in domains and pilot in (None, each.pilot)]


def remove(s: Session, request_id: int, *, domains: Collection[str], now: datetime | None = None) -> Request:
    """Remove an open request, and return it as it was. The caller is not called back.

    Raises NotFound if there is none in these domains, Conflict while the caller is being called or talks.
    """
    found = callbacks.find(s, request_id)
    if found is None or found.domain not in domains:
        raise NotFound(f"There is no open callback {request_id}: `fshunt callback list` lists them.")
    if not callbacks.remove(s, request_id, now or datetime.now(UTC)):
        raise Conflict(f"Callback {request_id} is in progress: {found.number} is being called, or talks.")
    place = {"domain": found.domain, "pilot": found.pilot, "group_id": found.group_id}
    before = {"caller": found.number}
    record(s, Subject.CALLBACK, ChangeKind.REMOVE, str(found.id), **place, before=before)  # type: ignore[arg-type]
    return found
