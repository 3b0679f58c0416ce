"""Users, the groups granted to them, invitations and tokens.

Every function takes a writing (or reading) session and does all of its work or none. No password comes here, only its
hash: to make one takes long, and is done before the transaction (``services.passwords``). What a change records has no
secret and no hash in it.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from fshunt.db import models
from fshunt.db.queries import accounts as rows
from fshunt.db.queries import sign_in as sign_in_rows
from fshunt.db.queries.rows import find_domain_id, find_group
from fshunt.errors import BadValue, Conflict, NotFound, UsageError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.suggestions import what_there_is
from fshunt.hunting.validation import check_domain, check_token_name, check_user_name, shown
from fshunt.services.audit import ChangeKind, Subject, actor_of, record
from fshunt.services.one_time_codes import new_totp_secret, step_of, totp_uri
from fshunt.services.random_secrets import hash_of, new_secret
from fshunt.services.recovery_codes import remove_codes
from fshunt.services.users import Role, Scope, Token, User, read_scopes, token_of, user_of

__all__ = [
    "Invitation",
    "Role",
    "Scope",
    "Token",
    "User",
    "accept_invitation",
    "add_token",
    "add_user",
    "check_new_user",
    "disable_totp",
    "enable_totp",
    "enable_user",
    "find_invitation",
    "find_token",
    "get_user",
    "get_user_by_id",
    "grant",
    "invite",
    "invite_member",
    "is_disabled",
    "is_touch_due",
    "list_tokens",
    "list_users",
    "new_totp_secret",
    "remove_user",
    "revoke",
    "revoke_token",
    "set_extension",
    "set_password",
    "set_user",
    "totp_uri",
    "touch_token",
    "users_of_extensions",
]

INVITATION_HOURS = 24
TOKEN_PREFIX = "fsh_"  # noqa: S105 (what scanners of leaked secrets look for)
TOUCH_SECONDS = 60
"""A token's last use is written at most so often."""
MAX_TOKENS = 50
"""Of one user, that hold."""
LINK_GONE = "The link does not hold any more: ask for a new one."


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link for one use: ``secret`` is its last part, and is not known later."""

    secret: str
    user: User
    expires_at: datetime

    def link(self, web_address: str) -> str:
        """Return the link, on the web pages at this address."""
        return f"{web_address}/invitation/{self.secret}"


def add_user(
    s: Session,
    name: str,
    role: Role,
    *,
    domain: str | None = None,
    extension: str | None = None,
    password_hash: str | None = None,
    now: datetime | None = None,
) -> User:
    """Add a user; without a password hash there is no way in until an invitation is accepted.

    A member has an extension of a domain, which need not be in a group yet; others may have one, from which they dial
    feature codes. Raises BadValue, UsageError, or Conflict if the name or the extension has a user already.
    """
    check_new_user(s, name, role, domain=domain, extension=extension)
    at = now or datetime.now(UTC)
    values = {
        "name": name,
        "name_key": rows.name_key(name),
        "role": role.value,
        "domain": domain,
        "extension": extension,
        "password_hash": password_hash,
        "password_at": at if password_hash else None,
        "created_at": at,
    }
    row = rows.add_user(s, values)
    if row is None:  # somebody was faster
        _check_is_free(s, name, domain, extension)
        raise Conflict(f"The user {name} could not be added: try again.")
    _record_user(s, row, ChangeKind.ADD, after=_values(row))
    return user_of(row)


def check_new_user(
    s: Session, name: str, role: Role, *, domain: str | None = None, extension: str | None = None
) -> None:
    """Raise as ``add_user`` does, before anybody is asked for a password."""
    check_user_name(name)
    _check_extension(role, domain, extension)
    _check_is_free(s, name, domain, extension)


def list_users(s: Session) -> list[User]:
    """Return all users in order of their names."""
    found = rows.users(s)
    grants = rows.grants_of(s, [row.id for row in found])
    return [user_of(row, grants[row.id]) for row in found]


def get_user(s: Session, name: str) -> User:
    """Return the user with this name, in whatever capitals; raise NotFound, naming the nearest."""
    return _whole(s, _row(s, name))


def users_of_extensions(s: Session, domain: str, extensions: Collection[str]) -> dict[str, User]:
    """Return the users of extensions of a domain, by extension; an extension may have none."""
    found = rows.users(s, models.User.domain == domain, models.User.extension.in_(extensions))
    return {str(row.extension): user_of(row) for row in found}


def get_user_by_id(s: Session, user_id: int) -> User | None:
    """Return a user by the id, or None."""
    row = s.get(models.User, user_id)
    return None if row is None else _whole(s, row)


def enable_user(s: Session, name: str, enabled: bool) -> User:
    """Let a user sign in, or not; disabling ends the sessions at once. Raises Conflict for the last provider."""
    row = _row(s, name, lock=True) if enabled else _row_to_take_away(s, name)
    if not enabled:
        sign_in_rows.end_sessions(s, row.id)
    before = _values(row)
    row.disabled = not enabled
    s.flush()
    _record_user(s, row, ChangeKind.SET, before=before, after=_values(row))
    return _whole(s, row)


def remove_user(s: Session, name: str) -> User:
    """Remove a user with sessions, tokens and grants, and return it as it was; raise Conflict for the last provider."""
    row = _row_to_take_away(s, name)
    user = _whole(s, row)
    before = _values(row) | {"groups": [f"{pilot}@{domain}" for domain, pilot in user.groups]}
    s.delete(row)
    s.flush()
    _record_user(s, row, ChangeKind.REMOVE, before=before)
    return user


def set_extension(s: Session, name: str, domain: str | None, extension: str | None) -> User:
    """Give a user another extension, or none (None): a member always has one. Raises as ``add_user`` does."""
    row = _row(s, name, lock=True)
    _check_extension(Role(row.role), domain, extension)
    if (row.domain, row.extension) != (domain, extension):
        _check_is_free(s, None, domain, extension)
    before = _values(row)
    row.domain, row.extension = domain, extension
    s.flush()
    _record_user(s, row, ChangeKind.SET, before=before, after=_values(row))
    return _whole(s, row)


def set_user(s: Session, name: str, *, time_zone: str | None = None, language: str | None = None) -> User:
    """Set what is given of time zone and language; an empty text clears it. Raises BadValue."""
    row = _row(s, name, lock=True)
    before = _values(row)
    if time_zone is not None:
        row.time_zone = _checked_zone(time_zone) if time_zone else None
    if language is not None:
        row.language = _checked_language(language) if language else None
    s.flush()
    _record_user(s, row, ChangeKind.SET, before=before, after=_values(row))
    return _whole(s, row)


def set_password(
    s: Session, name: str, password_hash: str, *, keep_session: str | None = None, now: datetime | None = None
) -> User:
    """Set a password. All sessions but ``keep_session`` (its secret) end, and the user's open invitation.

    Browsers are no longer known: who could sign in before may be whom the password is changed for.
    """
    row = _row(s, name, lock=True)
    row.password_hash, row.password_at = password_hash, now or datetime.now(UTC)
    s.flush()
    sign_in_rows.end_sessions(s, row.id, but=None if keep_session is None else hash_of(keep_session))
    sign_in_rows.forget_browsers(s, row.id)
    rows.remove_invitation(s, row.id)
    _record_user(s, row, ChangeKind.SET, before={"password": None}, after={"password": "changed"})
    return _whole(s, row)


def grant(s: Session, name: str, domain: str, pilot: str) -> User:
    """Give an administrator a group to look after; raise NotFound, or UsageError for another role."""
    row = _row(s, name, lock=True)
    group = find_group(s, find_domain_id(s, domain), domain, pilot)
    if row.role != Role.ADMIN:
        raise UsageError(f"{row.name} is a {row.role}: only an admin is given groups, and a provider looks after all.")
    if rows.add_grant(s, row.id, group.id):
        _record_grant(s, row.name, group.id, domain, pilot, after={"user": row.name})
    return _whole(s, row)


def revoke(s: Session, name: str, domain: str, pilot: str) -> User:
    """Take a group from an administrator; raise NotFound if it was not given."""
    row = _row(s, name, lock=True)
    group = find_group(s, find_domain_id(s, domain), domain, pilot)
    if not rows.remove_grant(s, row.id, group.id):
        theirs = [granted for of_domain, granted in _whole(s, row).groups if of_domain == domain]
        hint = what_there_is(pilot, theirs, "group")
        raise NotFound(f"{row.name} does not look after {pilot}: {hint}")
    _record_grant(s, row.name, group.id, domain, pilot, before={"user": row.name})
    return _whole(s, row)


def invite(s: Session, name: str, *, now: datetime | None = None) -> Invitation:
    """Make a link by which the user sets a password, once and within a day; an earlier link no longer holds.

    Until then a password that the user has stays. Raises NotFound, or Conflict for a user who is disabled.
    """
    row = _row(s, name, lock=True)
    if row.disabled:
        raise is_disabled(row.name)
    expires_at = (now or datetime.now(UTC)) + timedelta(hours=INVITATION_HOURS)
    secret = new_secret()
    rows.put_invitation(s, row.id, hash_of(secret), actor_of(s).name, expires_at)
    record(s, Subject.INVITATION, ChangeKind.ADD, row.name, after={"expires_at": expires_at.isoformat()})
    return Invitation(secret, _whole(s, row), expires_at)


def is_disabled(name: str) -> Conflict:
    """Return the error of an invitation for a user who is disabled."""
    return Conflict(f"{name} is disabled: only a provider can enable this user.")


def invite_member(s: Session, domain: str, extension: str, *, now: datetime | None = None) -> Invitation:
    """Invite the user of an extension; one who is not there yet is added, named ``EXT@DOMAIN``.

    Raises UsageError for an external number, or Conflict for a user who is disabled.
    """
    if parse_member(extension).external:
        raise UsageError(f"{extension} is an external number: only an extension of the domain has a user.")
    found = rows.users(s, models.User.domain == domain, models.User.extension == extension)
    name = found[0].name if found else f"{extension}@{domain}"
    if not found:
        add_user(s, name, Role.MEMBER, domain=domain, extension=extension, now=now)
    return invite(s, name, now=now)


def find_invitation(s: Session, secret: str, *, now: datetime | None = None) -> User:
    """Return whom an invitation is for; raise NotFound if it does not hold (any more)."""
    row = rows.invited(s, hash_of(secret), now or datetime.now(UTC))
    if row is None:
        raise NotFound(LINK_GONE)
    return _whole(s, row)


def accept_invitation(s: Session, secret: str, password_hash: str, *, now: datetime | None = None) -> User:
    """Use an invitation up and set the user's password; raise NotFound if it does not hold (any more).

    TOTP stays as it is: the link alone does not lead past it.
    """
    at = now or datetime.now(UTC)
    user_id = rows.use_invitation(s, hash_of(secret), at)
    user = None if user_id is None else get_user_by_id(s, user_id)
    if user is None:
        raise NotFound(LINK_GONE)
    record(s, Subject.INVITATION, ChangeKind.REMOVE, user.name, before={"accepted": True})
    return set_password(s, user.name, password_hash, now=at)


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raise BadValue for a token that would have ended by now; None: it has no end."""
    if expires_at is not None and expires_at <= now:
        raise BadValue("The token would have expired already: choose a later time.")


def add_token(
    s: Session,
    user_name: str,
    name: str,
    scopes: Iterable[Scope],
    *,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> tuple[Token, str]:
    """Add a token and return it with its secret, which is not known later. Raises NotFound, BadValue or Conflict."""
    at = now or datetime.now(UTC)
    check_token_name(name)
    wanted = read_scopes(scopes)
    check_expiry(expires_at, at)
    user = _row(s, user_name, lock=True)
    held = rows.tokens(s, models.Token.user_id == user.id, models.Token.revoked_at.is_(None))
    if len(held) >= MAX_TOKENS:
        raise Conflict(f"{user.name} has {len(held)} tokens: revoke one first.")
    if any(token.name == name for token, _ in held):
        raise Conflict(f"{user.name} has a token {shown(name)} already: choose another name, or revoke that one.")
    secret = new_secret(TOKEN_PREFIX)
    words = " ".join(sorted(wanted))
    row = models.Token(
        token_hash=hash_of(secret), user_id=user.id, name=name, scopes=words, created_at=at, expires_at=expires_at
    )
    s.add(row)
    s.flush()
    made = token_of(row, user.name)
    record(s, Subject.TOKEN, ChangeKind.ADD, name, after=_token_values(made))
    return made, secret


def list_tokens(s: Session, user_name: str | None = None) -> list[Token]:
    """Return the tokens, of all users or of one, also those that no longer hold; the newest last. Raises NotFound."""
    which = [] if user_name is None else [models.Token.user_id == _row(s, user_name).id]
    return [token_of(row, name) for row, name in rows.tokens(s, *which)]


def get_token(s: Session, token_id: int) -> Token:
    """Return a token, also one that no longer holds; raise NotFound."""
    return token_of(*_token(s, token_id))


def _token(s: Session, token_id: int, *which: ColumnElement[bool]) -> tuple[models.Token, str]:
    found = rows.tokens(s, models.Token.id == token_id, *which)
    if not found:
        raise NotFound(f"There is no token {token_id}: `fshunt token list` lists them.")
    return found[0]


def revoke_token(s: Session, token_id: int, *, user_name: str | None = None, now: datetime | None = None) -> Token:
    """End a token, which is one of ``user_name`` if that is given; raise NotFound. Once more changes nothing."""
    row, user = _token(s, token_id, *([] if user_name is None else [models.Token.user_id == _row(s, user_name).id]))
    if rows.revoke_token(s, row.id, now or datetime.now(UTC)):
        record(s, Subject.TOKEN, ChangeKind.REMOVE, row.name, before=_token_values(token_of(row, user)))
    return token_of(row, user)


def find_token(s: Session, secret: str, *, now: datetime | None = None) -> tuple[User, Token] | None:
    """Return the user and the token of a secret; None if it does not hold: unknown, revoked, expired, disabled."""
    found = rows.find_token(s, hash_of(secret), now or datetime.now(UTC))
    return None if found is None else (_whole(s, found[1]), token_of(found[0], found[1].name))


def tokens_that_hold(s: Session, ids: Collection[int], now: datetime) -> dict[int, tuple[User, Token]]:
    """Return those of some tokens that hold now, by id, each with its user."""
    return {row.id: (_whole(s, user), token_of(row, user.name)) for row, user in rows.tokens_that_hold(s, ids, now)}


def is_touch_due(token: Token, *, now: datetime | None = None) -> bool:
    """Whether ``touch_token`` would write: so nobody opens a writing transaction for nothing."""
    return token.used_at is None or (now or datetime.now(UTC)) - token.used_at >= timedelta(seconds=TOUCH_SECONDS)


def touch_token(s: Session, token: Token, *, now: datetime | None = None) -> None:
    """Note that a token is used, at most once a minute."""
    at = now or datetime.now(UTC)
    if is_touch_due(token, now=at):
        rows.touch_token(s, token.id, at)


def enable_totp(s: Session, name: str, secret: str, code: str, *, now: datetime | None = None) -> User:
    """Ask the user for a code of an app from now on, after one of it has shown that it works; raise BadValue if not."""
    at = now or datetime.now(UTC)
    step = step_of(secret, code, at)
    if step is None:
        raise BadValue("The code is not right: is the phone's clock right?")
    row = _row(s, name, lock=True)
    row.totp_secret, row.totp_step = secret, step
    s.flush()
    _record_user(s, row, ChangeKind.SET, before={"totp": False}, after={"totp": True})
    return _whole(s, row)


def disable_totp(s: Session, name: str) -> User:
    """Ask the user for no code any more."""
    row = _row(s, name, lock=True)
    had = row.totp_secret is not None
    row.totp_secret = row.totp_step = None
    remove_codes(s, row.id)
    s.flush()
    _record_user(s, row, ChangeKind.SET, before={"totp": had}, after={"totp": False})
    return _whole(s, row)


def _row(s: Session, name: str, *, lock: bool = False) -> models.User:
    found = rows.find_user(s, name, lock=lock)
    if found is None:
        names = [row.name for row in rows.users(s)]
        raise NotFound(f"There is no user {shown(name)}: {what_there_is(name, names, 'user')}")
    return found


def _whole(s: Session, row: Any) -> User:
    return user_of(row, rows.grants_of(s, [row.id])[row.id] if row.role == Role.ADMIN else ())


def _check_extension(role: Role, domain: str | None, extension: str | None) -> None:
    if domain is None or extension is None:
        if role is Role.MEMBER:
            raise UsageError("A member needs an extension: --member EXT@DOMAIN.")
        return
    check_domain(domain)
    parse_member(extension)


def _check_is_free(s: Session, name: str | None, domain: str | None, extension: str | None) -> None:
    found = None if name is None else rows.find_user(s, name)
    if found is not None:
        raise Conflict(f"There is a user {found.name} already: choose another name.")
    if extension is None:
        return
    theirs = rows.users(s, models.User.domain == domain, models.User.extension == extension)
    if theirs:
        raise Conflict(f"{extension} of {domain} is the extension of the user {theirs[0].name} already.")


def _row_to_take_away(s: Session, name: str) -> models.User:
    """Return the locked row of a user who is not the last provider; raise NotFound or Conflict.

    All providers are locked first and in one order: of two who disable each other at once, one is refused.
    """
    providers = rows.lock_providers(s)
    row = _row(s, name, lock=True)
    if providers == [row.id]:
        raise Conflict(f"{row.name} is the last provider who is enabled: nobody could add users any more.")
    return row


def _checked_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValue(f"{shown(name)} is not a time zone: use one such as Europe/Berlin.") from None
    return name


def _checked_language(tag: str) -> str:
    if not (2 <= len(tag) <= 16 and tag.isascii() and tag.replace("_", "").replace("-", "").isalpha()):
        raise BadValue(f"{shown(tag)} is not a language: use one such as en or de.")
    return tag


def _values(row: models.User) -> dict[str, Any]:
    names: Sequence[str] = ("name", "role", "domain", "extension", "disabled", "time_zone", "language")
    return {name: getattr(row, name) for name in names}


def _token_values(token: Token) -> dict[str, Any]:
    expires_at = None if token.expires_at is None else token.expires_at.isoformat()
    return {"user": token.user, "scopes": " ".join(sorted(token.scopes)), "expires_at": expires_at}


def _record_user(s: Session, row: models.User, action: ChangeKind, **values: dict[str, Any]) -> None:
    record(s, Subject.USER, action, row.name, domain=row.domain, **values)  # type: ignore[arg-type]


def _record_grant(s: Session, name: str, group_id: int, domain: str, pilot: str, **values: dict[str, Any]) -> None:
    action = ChangeKind.ADD if "after" in values else ChangeKind.REMOVE
    place = {"domain": domain, "pilot": pilot, "group_id": group_id}
    record(s, Subject.GRANT, action, name, **place, **values)  # type: ignore[arg-type]
