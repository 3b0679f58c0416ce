"""Idempotency keys: a request that is sent twice, since its answer was lost, makes one thing and has one answer.

The key is stored in the transaction that makes the thing, with the answer. So a request that failed leaves no key, and
of two that come at the same time the second waits, and has the answer of the first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import IdempotencyKey
from fshunt.db.statements import insert_into, run, table
from fshunt.errors import Conflict, UsageError

KEPT = timedelta(hours=24)
MAX_KEY_CHARS = 255
KEYS = table(IdempotencyKey)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request with a key; ``answer`` is what the earlier one with the same key was answered, None if this is it."""

    user_id: int
    key_hash: str
    answer: dict[str, Any] | None


def begin(s: Session, user_id: int, key: str, request: bytes, *, now: datetime | None = None) -> Attempt:
    """Note a key of a user, first thing in a writing transaction; ``request`` is all that the request asks for.

    Keys are kept for ``KEPT``. Raises UsageError for a key that is none, or Conflict if the key was used for another
    request.
    """
    if not key.isascii() or not key.isprintable() or not 1 <= len(key) <= MAX_KEY_CHARS:
        raise UsageError(f"An `Idempotency-Key` has 1 to {MAX_KEY_CHARS} printable ASCII characters.")
    at = now or datetime.now(UTC)
    run(s, delete(KEYS).where(KEYS.c.created_at < at - KEPT), {})
    key_hash, request_hash = _digest(key.encode()), _digest(request)
    row = {"user_id": user_id, "key_hash": key_hash, "request_hash": request_hash, "created_at": at}
    adding = insert_into(s, IdempotencyKey).values(row).on_conflict_do_nothing().returning(KEYS.c.key_hash)
    if run(s, adding, {}).first() is not None:
        return Attempt(user_id, key_hash, None)
    found = run(s, select(KEYS).where(_same(user_id, key_hash)), {}).one()
    if found.request_hash != request_hash:
        raise Conflict("This `Idempotency-Key` was used for another request: make a new one for each thing to be made.")
    return Attempt(user_id, key_hash, found.answer)


def keep(s: Session, attempt: Attempt, answer: dict[str, Any]) -> None:
    """Store the answer, which must hold no secret, in the same transaction."""
    run(s, update(KEYS).where(_same(attempt.user_id, attempt.key_hash)).values(answer=answer), {})


def _same(user_id: int, key_hash: str) -> Any:
    return (KEYS.c.user_id == user_id) & (KEYS.c.key_hash == key_hash)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
