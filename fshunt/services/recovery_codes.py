"""Recovery codes: each lets its user in once in place of a one-time code, as after a lost phone.

They are made with the one-time codes, shown once, and stored as hashes: 120 random bits need no salt.
"""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from fshunt.db.queries import sign_in as rows
from fshunt.services.audit import ChangeKind, Subject, record
from fshunt.services.random_secrets import hash_of

MANY = 8
CODE_BYTES = 15
CODE_CHARS = 24
"""In base32; shown in groups of six."""


def new_codes(s: Session, user_id: int, name: str, *, now: datetime | None = None) -> list[str]:
    """Make a user's recovery codes, and return them as they are shown, which is once; those of before hold no more."""
    before = rows.count_recovery_codes(s, user_id)
    codes = [base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode() for _ in range(MANY)]
    rows.replace_recovery_codes(s, user_id, [hash_of(code) for code in codes], now or datetime.now(UTC))
    _record(s, name, before, MANY, made=True)
    return ["-".join(code[at : at + 6] for at in range(0, CODE_CHARS, 6)) for code in codes]


def remove_codes(s: Session, user_id: int) -> None:
    """Take a user's recovery codes away, as one-time codes end."""
    rows.replace_recovery_codes(s, user_id, (), datetime.now(UTC))


def left(s: Session, user_id: int) -> int:
    """Return how many codes a user has left."""
    return rows.count_recovery_codes(s, user_id)


def use_code(s: Session, user_id: int, name: str, written: str) -> bool:
    """Use up the code that somebody has written, in whatever capitals and groups; return False if it is none."""
    code = "".join(each for each in written.upper() if each.isascii() and each.isalnum())
    if len(code) != CODE_CHARS:
        return False
    before = rows.count_recovery_codes(s, user_id)
    if not rows.use_recovery_code(s, user_id, hash_of(code)):
        return False
    _record(s, name, before, before - 1, made=False)
    return True


def _record(s: Session, name: str, before: int, after: int, *, made: bool) -> None:
    """Record how many there are; new ones are a change, however many there were."""
    was = None if made and before == after else before
    record(s, Subject.USER, ChangeKind.SET, name, before={"recovery_codes": was}, after={"recovery_codes": after})
