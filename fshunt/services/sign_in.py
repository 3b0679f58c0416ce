"""Signing in: password and one-time code, slowed down where somebody guesses, and the sessions of browsers.

Who guesses is slowed by account and by address, with pauses that double; nobody is locked out. A try is counted before
it is checked, so that many at one moment do not slip through, and one that comes in a pause is refused unchecked and
does not count. A browser in which the user has signed in before (a long-lived cookie) is slowed by its own failures
alone: whoever attacks an account does not keep its user out. All of it is in the database, so it holds for several web
processes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from fshunt.db import models
from fshunt.db.engine import Store
from fshunt.db.queries import accounts as account_rows
from fshunt.db.queries import sign_in as rows
from fshunt.db.queries.sign_in import Tries
from fshunt.errors import SignInFailed, SlowDown
from fshunt.services import passwords, recovery_codes
from fshunt.services.accounts import get_user_by_id
from fshunt.services.audit import Actor, Entrance, acting
from fshunt.services.one_time_codes import step_of
from fshunt.services.random_secrets import hash_of, new_secret
from fshunt.services.rights import Access, access_of
from fshunt.services.users import User, user_of
from fshunt.settings import Settings

WRONG = "The name or the password is wrong."
"""The same for an unknown name, a wrong password, a user without one, and one who is disabled."""
WRONG_CODE = "The code is wrong, or was used before: wait for the next one."

LONGEST_PAUSE_SECONDS = 45
"""Of an account and of a browser: whoever guesses has less than 100 tries in an hour, the first ones included."""
LONGEST_ADDRESS_PAUSE_SECONDS = 60
FREE_TRIES, FREE_ADDRESS_TRIES = 4, 10
"""Failures before the first pause: a person mistypes, and an office shares an address."""
FORGIVE_SECONDS = 60
"""In this time one failure is forgiven."""

CODE_SECONDS = 300
"""A session that awaits a code ends after this."""
TOUCH_SECONDS = 60
"""The last use of a session is written at most so often."""


class Pause(NamedTuple):
    """How a key is slowed: failures without a pause, and the longest pause in seconds."""

    free: int
    longest: int

    def after(self, failures: int) -> float:
        """Return the pause after so many failures, in seconds."""
        beyond = failures - self.free
        return 0.0 if beyond <= 0 else float(min(2 ** min(beyond - 1, 16), self.longest))


PAUSES = {
    "account": Pause(FREE_TRIES, LONGEST_PAUSE_SECONDS),
    "browser": Pause(FREE_TRIES, LONGEST_PAUSE_SECONDS),
    "address": Pause(FREE_ADDRESS_TRIES, LONGEST_ADDRESS_PAUSE_SECONDS),
}


@dataclass(frozen=True, slots=True)
class Proven:
    """Who has shown the password. ``device``: what the long-lived cookie of this browser is to hold from now on.

    ``needs_code``: a one-time code must follow, and the browser is known only after that.
    """

    user_id: int
    name: str
    needs_code: bool
    device: str


@dataclass(frozen=True, slots=True)
class Limits:
    """After how long a session ends: without use, and in any case."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its user sees it. ``id`` names it, and lets nobody in."""

    id: str
    created_at: datetime
    used_at: datetime
    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """A session that holds: whose it is, and whether a code is still awaited, or its use is to be written."""

    user: User
    access: Access
    session: SessionInfo
    awaits_code: bool
    needs_touch: bool


def limits_of(settings: Settings) -> Limits:
    """Return the limits of sessions that the settings say."""
    return Limits(timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours))


def check_password(
    store: Store,
    name: str,
    password: str,
    *,
    address: str | None,
    device: str | None = None,
    now: datetime | None = None,
) -> Proven:
    """Check a name and a password; raise SignInFailed, or SlowDown if the next try is not due yet.

    ``device`` is what the long-lived cookie of the browser holds. Three short transactions, and a hash between them.
    """
    at = now or datetime.now(UTC)
    with store.reading() as s:
        row = account_rows.find_user(s, name)
        keys = _keys(s, name, row, address, device)
        _check_pauses(rows.tries_of(s, keys), at)
    with store.writing() as s:
        _count_try(s, keys, at)
    usable = row is not None and not row.disabled
    checked = passwords.verify(row.password_hash if row is not None and usable else None, password)
    if row is None or not checked.ok:
        raise SignInFailed(WRONG)
    newer = passwords.hash_password(password) if checked.outdated else None
    needs_code, device = row.totp_secret is not None, device or new_secret()
    with store.writing() as s:
        _forgive(s, keys, all_failures=not needs_code)
        if not needs_code:
            rows.know_browser(s, row.id, _browser_hash(row.id, device), at)
        if newer is not None and row.password_hash is not None:
            rows.set_hash(s, row.id, row.password_hash, newer)
    return Proven(row.id, row.name, needs_code, device)


def verify_again(
    store: Store, user_id: int, password: str, *, address: str | None, now: datetime | None = None
) -> None:
    """Check the password of somebody who is signed in, before it or the codes are changed; raise as above."""
    with store.reading() as s:
        user = get_user_by_id(s, user_id)
    if user is None:
        raise SignInFailed(WRONG)
    check_password(store, user.name, password, address=address, now=now)


def check_code(
    store: Store,
    secret: str,
    code: str,
    *,
    address: str | None,
    device: str | None = None,
    now: datetime | None = None,
) -> str:
    """Check the one-time or recovery code that a session awaits, and return the secret of the session after it.

    Raises SignInFailed (also where no session awaits a code), or SlowDown.
    """
    at = now or datetime.now(UTC)
    with store.writing() as s:
        found = rows.find_session(s, hash_of(secret))
        if found is None or not found[0].awaits_code or at - found[0].created_at > timedelta(seconds=CODE_SECONDS):
            raise SignInFailed("The time for the code is over: sign in again.")
        waiting, row = found
        keys = _keys(s, row.name, row, address, device)
        _check_pauses(rows.tries_of(s, keys), at)
        _count_try(s, keys, at)
        if _is_right(s, row, code, at, address):
            _forgive(s, keys, all_failures=True)
            if device is not None:
                rows.know_browser(s, row.id, _browser_hash(row.id, device), at)
            rows.end_session(s, waiting.id_hash)
            return start_session(s, row.id, address=waiting.address, agent=waiting.agent, now=at)
    raise SignInFailed(WRONG_CODE)  # after the transaction, whose count of the failure must stay


def _is_right(s: Session, row: models.User, code: str, at: datetime, address: str | None) -> bool:
    """Whether a code is one of the app that was not used yet, or a recovery code; it is used up."""
    if row.totp_secret is None:
        return False
    step = step_of(row.totp_secret, code, at)
    if step is not None:
        return rows.use_step(s, row.id, step)
    acting(s, Actor(row.name, Entrance.PAGE, address))
    return recovery_codes.use_code(s, row.id, row.name, code)


def start_session(
    s: Session,
    user_id: int,
    *,
    address: str | None,
    agent: str | None,
    awaits_code: bool = False,
    now: datetime | None = None,
) -> str:
    """Start a session and return its secret, for the cookie; ``awaits_code``: it only leads to the page of the code."""
    at = now or datetime.now(UTC)
    secret = new_secret()
    values = {"id_hash": hash_of(secret), "user_id": user_id, "created_at": at, "used_at": at}
    rows.add_session(s, values | {"address": address, "agent": agent, "awaits_code": awaits_code})
    return secret


def find_session(s: Session, secret: str, limits: Limits, *, now: datetime | None = None) -> Found | None:
    """Return the session of a cookie; None if there is none, it is over, or its user is disabled."""
    at = now or datetime.now(UTC)
    found = rows.find_session(s, hash_of(secret))
    if found is None:
        return None
    row, user_row = found
    if not _holds(row, limits, at):
        return None
    user = user_of(user_row, account_rows.grants_of(s, [user_row.id])[user_row.id])
    needs_touch = at - row.used_at >= timedelta(seconds=TOUCH_SECONDS)
    return Found(user, access_of(user), _info(row), row.awaits_code, needs_touch)


def sessions_that_hold(s: Session, ids: Collection[str], limits: Limits, now: datetime) -> dict[str, Access]:
    """Return what those of some sessions allow, by their ``id``, that are not over and await no code."""
    found = [
        (row, user) for row, user in rows.find_sessions(s, ids) if not row.awaits_code and _holds(row, limits, now)
    ]
    grants = account_rows.grants_of(s, {user.id for _, user in found})
    return {row.id_hash: access_of(user_of(user, grants[user.id])) for row, user in found}


def _holds(row: models.WebSession, limits: Limits, at: datetime) -> bool:
    absolute = timedelta(seconds=CODE_SECONDS) if row.awaits_code else limits.absolute
    return at - row.used_at <= limits.idle and at - row.created_at <= absolute


def touch_session(s: Session, found: Found, *, now: datetime | None = None) -> None:
    """Note that a session is used, so that it does not end for want of use."""
    rows.touch_session(s, found.session.id, now or datetime.now(UTC))


def end_session(s: Session, secret: str) -> None:
    """End the session of a cookie; one that is over already is no error."""
    rows.end_session(s, hash_of(secret))


def end_session_of(s: Session, user_id: int, session_id: str) -> bool:
    """End one of the user's sessions by its ``id``; return False if there is none."""
    return rows.end_session(s, session_id, user_id)


def end_other_sessions(s: Session, user_id: int, secret: str | None) -> int:
    """End all sessions of the user but that of this cookie; return how many."""
    return rows.end_sessions(s, user_id, but=None if secret is None else hash_of(secret))


def list_sessions(s: Session, user_id: int) -> list[SessionInfo]:
    """Return the user's sessions, the one used last first; some of them may be over by now."""
    return [_info(row) for row in rows.sessions_of(s, user_id)]


def _info(row: models.WebSession) -> SessionInfo:
    return SessionInfo(row.id_hash, row.created_at, row.used_at, row.address, row.agent)


def _keys(s: Session, name: str, row: models.User | None, address: str | None, device: str | None) -> tuple[str, ...]:
    """Return whose failures count: those of the browser if the user is known in it, else of account and address.

    A name that nobody has counts as one that somebody has: the pauses do not tell which names there are.
    """
    if row is not None and device is not None:
        browser = _browser_hash(row.id, device)
        if rows.is_known_browser(s, row.id, browser):
            return (f"browser:{browser}",)
    account = f"account:{hash_of(account_rows.name_key(name))}"
    return (account,) if address is None else (account, f"address:{hash_of(_network_of(address))}")


def _browser_hash(user_id: int, device: str) -> str:
    """One browser of several users is one of each."""
    return hash_of(f"{user_id} {device}")


def _network_of(address: str) -> str:
    """Return what counts as one address: of IPv6 the network that one customer has at least."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{ip}/64", strict=False)) if ip.version == 6 else str(ip)


def _check_pauses(tries: dict[str, Tries], now: datetime) -> None:
    waits = [_wait(key, each.not_before, now) for key, each in tries.items() if each.not_before is not None]
    longest = max(waits, default=0.0)
    if longest > 0:
        raise SlowDown(longest)


def _wait(key: str, not_before: datetime, now: datetime) -> float:
    """Return how long the pause of a key still is, in seconds; none where the clock was set back since it began."""
    wait = (not_before - now).total_seconds()
    return wait if wait <= 2 * _pause_of(key).longest else 0.0


def _count_try(s: Session, keys: Collection[str], now: datetime) -> None:
    """Count a try as a failure, until it is forgiven; raise SlowDown if another one came first and the pause is on."""
    tries = rows.lock_tries(s, keys, now)
    _check_pauses(tries, now)
    for key, before in tries.items():
        forgiven = int((now - before.last_at).total_seconds() // FORGIVE_SECONDS)
        failures = max(0, before.failures - max(0, forgiven)) + 1
        pause = _pause_of(key).after(failures)
        rows.write_tries(s, key, Tries(failures, now, now + timedelta(seconds=pause) if pause else None))
    rows.remove_tries(s, now - rows.TRIES_COUNT_FOR)


def _forgive(s: Session, keys: Collection[str], *, all_failures: bool) -> None:
    """Take back the count of a try that was right; with ``all_failures`` those before it, too, but not of an address.

    Of an address, somebody with an account of their own could else guess those of others for ever; of an account whose
    password is known, somebody could guess the code.
    """
    forgotten = [key for key in keys if all_failures and not key.startswith("address:")]
    rows.forget_tries(s, forgotten)
    for key, tries in rows.tries_of(s, [key for key in keys if key not in forgotten]).items():
        failures = max(0, tries.failures - 1)
        not_before = tries.not_before if _pause_of(key).after(failures) else None
        rows.write_tries(s, key, Tries(failures, tries.last_at, not_before))


def _pause_of(key: str) -> Pause:
    return PAUSES[key.partition(":")[0]]
