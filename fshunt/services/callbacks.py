"""Requests of callers to be called back: what an administrator sees and removes; daemons serve them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from fshunt.db.queries import callbacks
from fshunt.db.queries.callbacks import Request
from fshunt.errors import Conflict, NotFound
from fshunt.hunting.group import Group
from fshunt.services.audit import ChangeKind, Subject, record


def open_requests(s: Session, *, domains: Collection[str]) -> list[Request]:
    """Return the open requests of domains in their order."""
    return [each for each in callbacks.open_requests(s) if each.domain in domains]


def open_requests_of(s: Session, group: Group) -> list[Request]:
    """Return the open requests of a group in their order."""
    return callbacks.open_requests_of(s, group.id)


def remove(s: Session, request_id: int, *, domains: Collection[str], now: datetime | None = None) -> Request:
    """Remove an open request, and return it as it was. The caller is not called back.

    Raises NotFound if there is none in these domains, Conflict while the caller is being called or talks.
    """
    return _remove(s, request_id, lambda found: found.domain in domains, now)


def remove_of(s: Session, group: Group, request_id: int, *, now: datetime | None = None) -> Request:
    """As ``remove``, of this group alone: a request of another group is not there."""
    return _remove(s, request_id, lambda found: found.group_id == group.id, now)


def _remove(s: Session, request_id: int, is_meant: Callable[[Request], bool], now: datetime | None) -> Request:
    found = callbacks.find(s, request_id)
    if found is None or not is_meant(found):
        raise NotFound(f"There is no open callback {request_id}: `fshunt callback list` lists them.")
    if not callbacks.remove(s, request_id, now or datetime.now(UTC)):
        raise Conflict(f"Callback {request_id} is in progress: {found.number} is being called, or talks.")
    place = {"domain": found.domain, "pilot": found.pilot, "group_id": found.group_id}
    before = {"caller": found.number}
    record(s, Subject.CALLBACK, ChangeKind.REMOVE, str(found.id), **place, before=before)  # type: ignore[arg-type]
    return found
