"""Sessions of browsers, browsers that are known, and failed sign-ins. Secrets are named by their hashes alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import KnownBrowser, RecoveryCode, SignInTries, User, WebSession
from fshunt.db.statements import insert_into

MAX_BROWSERS = 10
"""Known browsers of one user: the one that was used longest ago is forgotten."""
TRIES_COUNT_FOR = timedelta(hours=1)
"""After so long without a try, its failures are forgotten."""
BROWSERS_ARE_KNOWN_FOR = timedelta(days=365)
"""Since their last use."""
CLEARED_AT_ONCE = 20
"""Tries that no longer count, removed with each new one: so the table holds those of the last hour, whoever tries."""


@dataclass(frozen=True, slots=True)
class Tries:
    """The failures of one key so far, and until when no other try is taken."""

    failures: int
    last_at: datetime
    not_before: datetime | None


def tries_of(s: Session, keys: Collection[str]) -> dict[str, Tries]:
    """Return the failures of each key that has some."""
    query = select(SignInTries).where(SignInTries.key.in_(keys))
    return {row.key: Tries(row.failures, row.last_at, row.not_before) for row in s.scalars(query)}


def lock_tries(s: Session, keys: Collection[str], now: datetime) -> dict[str, Tries]:
    """Return the failures of each key, locked until the transaction ends: tries at one moment come one by one."""
    for key in sorted(keys):
        row = insert_into(s, SignInTries).values(key=key, failures=0, last_at=now)
        s.execute(row.on_conflict_do_nothing())
    query = select(SignInTries).where(SignInTries.key.in_(keys)).order_by(SignInTries.key).with_for_update()
    found = s.scalars(query.execution_options(populate_existing=True))
    return {row.key: Tries(row.failures, row.last_at, row.not_before) for row in found}


def write_tries(s: Session, key: str, tries: Tries) -> None:
    """Write the failures of a key."""
    values = {"failures": tries.failures, "last_at": tries.last_at, "not_before": tries.not_before}
    s.execute(update(SignInTries).where(SignInTries.key == key).values(values))


def forget_tries(s: Session, keys: Iterable[str]) -> None:
    """Forget the failures of these keys."""
    s.execute(delete(SignInTries).where(SignInTries.key.in_(list(keys))))


def remove_tries(s: Session, before: datetime, many: int = CLEARED_AT_ONCE) -> int:
    """Remove up to so many tries of before a moment; return how many."""
    old = select(SignInTries.key).where(SignInTries.last_at < before).order_by(SignInTries.last_at).limit(many)
    keys = list(s.scalars(old.with_for_update(skip_locked=True)))
    forget_tries(s, keys)
    return len(keys)


def is_known_browser(s: Session, user_id: int, id_hash: str) -> bool:
    """Tell whether the user has signed in with this browser before."""
    query = select(KnownBrowser.user_id).where(KnownBrowser.id_hash == id_hash, KnownBrowser.user_id == user_id)
    return s.scalar(query) is not None


def know_browser(s: Session, user_id: int, id_hash: str, now: datetime) -> None:
    """Note that the user signs in with this browser."""
    row = insert_into(s, KnownBrowser).values(id_hash=id_hash, user_id=user_id, used_at=now)
    s.execute(row.on_conflict_do_update(index_elements=["id_hash"], set_={"used_at": now}))
    theirs = select(KnownBrowser.id_hash).where(KnownBrowser.user_id == user_id)
    newest = theirs.order_by(KnownBrowser.used_at.desc(), KnownBrowser.id_hash).limit(MAX_BROWSERS)
    kept = list(s.scalars(newest))
    s.execute(delete(KnownBrowser).where(KnownBrowser.user_id == user_id, KnownBrowser.id_hash.not_in(kept)))


def forget_browsers(s: Session, user_id: int) -> None:
    """Forget the browsers of a user."""
    s.execute(delete(KnownBrowser).where(KnownBrowser.user_id == user_id))


def remove_browsers(s: Session, before: datetime, many: int) -> int:
    """Forget up to so many browsers that were not used since a moment; return how many."""
    old = select(KnownBrowser.id_hash).where(KnownBrowser.used_at < before).limit(many)
    return _count(s, delete(KnownBrowser).where(KnownBrowser.id_hash.in_(list(s.scalars(old)))))


def add_session(s: Session, values: dict[str, Any]) -> None:
    """Add a session."""
    s.execute(insert_into(s, WebSession).values(values))


def find_session(s: Session, id_hash: str) -> tuple[WebSession, User] | None:
    """Return a session and its user, who is enabled; None if there is none."""
    query = select(WebSession, User).join(User, User.id == WebSession.user_id)
    row = s.execute(query.where(WebSession.id_hash == id_hash, ~User.disabled)).first()
    return None if row is None else (row[0], row[1])


def find_sessions(s: Session, id_hashes: Collection[str]) -> list[tuple[WebSession, User]]:
    """Return those of some sessions that there are, each with its user, who is enabled."""
    query = select(WebSession, User).join(User, User.id == WebSession.user_id)
    return [(row[0], row[1]) for row in s.execute(query.where(WebSession.id_hash.in_(id_hashes), ~User.disabled))]


def sessions_of(s: Session, user_id: int) -> list[WebSession]:
    """Return the sessions of a user, the one used last first."""
    query = select(WebSession).where(WebSession.user_id == user_id, ~WebSession.awaits_code)
    return list(s.scalars(query.order_by(WebSession.used_at.desc(), WebSession.id_hash)))


def touch_session(s: Session, id_hash: str, now: datetime) -> None:
    """Note that a session is used."""
    s.execute(update(WebSession).where(WebSession.id_hash == id_hash).values(used_at=now))


def end_session(s: Session, id_hash: str, user_id: int | None = None) -> bool:
    """End a session (one of this user); return False if there is none."""
    gone = delete(WebSession).where(WebSession.id_hash == id_hash)
    return _count(s, gone if user_id is None else gone.where(WebSession.user_id == user_id)) > 0


def end_sessions(s: Session, user_id: int, *, but: str | None = None) -> int:
    """End all sessions of a user but one; return how many."""
    gone = delete(WebSession).where(WebSession.user_id == user_id)
    return _count(s, gone if but is None else gone.where(WebSession.id_hash != but))


def remove_sessions(s: Session, before: datetime, many: int) -> int:
    """Remove up to so many sessions that began before a moment; return how many."""
    old = select(WebSession.id_hash).where(WebSession.created_at < before).limit(many)
    return _count(s, delete(WebSession).where(WebSession.id_hash.in_(list(s.scalars(old)))))


def use_step(s: Session, user_id: int, step: int) -> bool:
    """Use a step of TOTP up; return False if its code, or a later one, was used before."""
    fresh = (User.totp_step < step) | User.totp_step.is_(None)
    return _count(s, update(User).where(User.id == user_id, fresh).values(totp_step=step)) > 0


def replace_recovery_codes(s: Session, user_id: int, hashes: Collection[str], now: datetime) -> None:
    """Give a user these recovery codes in place of those there were."""
    s.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    s.add_all(RecoveryCode(code_hash=each, user_id=user_id, made_at=now) for each in hashes)
    s.flush()


def count_recovery_codes(s: Session, user_id: int) -> int:
    """Return how many recovery codes a user has left."""
    query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
    return s.scalar(query) or 0


def use_recovery_code(s: Session, user_id: int, code_hash: str) -> bool:
    """Use a recovery code up; return False if the user has none such."""
    mine = delete(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash)
    return _count(s, mine) > 0


def set_hash(s: Session, user_id: int, old: str, new: str) -> None:
    """Store a password's hash of a newer cost, unless the password was changed meanwhile."""
    s.execute(update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new))


def _count(s: Session, statement: Any) -> int:
    done: Any = s.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)
