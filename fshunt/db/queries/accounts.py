"""Users with their grants, invitations and tokens. Secrets are named by their hashes alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import Domain, Grant, HuntGroup, Invitation, Token, User
from fshunt.db.statements import insert_into, run, table

GRANTS, TOKENS, USERS = table(Grant), table(Token), table(User)
_GROUPS, _DOMAINS = table(HuntGroup), table(Domain)

# Built once, and without the ORM: they are run for each request of a program.
_GRANTS = (
    select(GRANTS.c.user_id, _GROUPS.c.id, _DOMAINS.c.name, _GROUPS.c.pilot)
    .join(_GROUPS, _GROUPS.c.id == GRANTS.c.group_id)
    .join(_DOMAINS, _DOMAINS.c.id == _GROUPS.c.domain_id)
    .where(GRANTS.c.user_id.in_(bindparam("user_ids", expanding=True)))
    .order_by(_DOMAINS.c.name, _GROUPS.c.pilot)
)
_TOKENS_THAT_HOLD = (
    select(TOKENS)
    .where(TOKENS.c.revoked_at.is_(None))
    .where(func.coalesce(TOKENS.c.expires_at > bindparam("now", type_=TOKENS.c.expires_at.type), True))
)
_TOKEN_THAT_HOLDS = _TOKENS_THAT_HOLD.where(TOKENS.c.token_hash == bindparam("token_hash"))
_THESE_THAT_HOLD = _TOKENS_THAT_HOLD.where(TOKENS.c.id.in_(bindparam("ids", expanding=True)))
_ENABLED = select(USERS).where(USERS.c.id.in_(bindparam("ids", expanding=True)), ~USERS.c.disabled)


def name_key(name: str) -> str:
    """Return what a user's name is compared by: no two users differ in capitals alone."""
    return name.lower()


def users(s: Session, *which: ColumnElement[bool]) -> list[User]:
    """Return users in order of their names."""
    return list(s.scalars(select(User).where(*which).order_by(User.name_key)))


def find_user(s: Session, name: str, *, lock: bool = False) -> User | None:
    """Return the user with this name, in whatever capitals; ``lock`` the row until the transaction ends."""
    query = select(User).where(User.name_key == name_key(name))
    return s.scalar((query.with_for_update() if lock else query).execution_options(populate_existing=True))


def add_user(s: Session, values: dict[str, Any]) -> User | None:
    """Add a user and return the row; None if the name or the extension has one, also one of this very moment."""
    row = insert_into(s, User).values(values).on_conflict_do_nothing().returning(User.id)
    added = s.execute(row).scalar()
    return None if added is None else s.get(User, added)


def lock_providers(s: Session) -> list[int]:
    """Lock all providers that are enabled, in one order, and return their ids: of two, one stays."""
    query = select(User.id).where(User.role == "provider", ~User.disabled).order_by(User.id)
    return list(s.scalars(query.with_for_update()))


def grants_of(s: Session, user_ids: Collection[int]) -> dict[int, list[tuple[int, str, str]]]:
    """Return the groups granted to each user: id, domain and pilot, in order of domain and pilot."""
    found: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
    for user_id, group_id, domain, pilot in s.execute(_GRANTS, {"user_ids": list(user_ids)}):
        found[user_id].append((group_id, domain, pilot))
    return found


def administrators_of(s: Session, group_id: int) -> list[str]:
    """Return the names of the users to whom the group is granted."""
    query = select(User.name).join(Grant, Grant.user_id == User.id).where(Grant.group_id == group_id)
    return list(s.scalars(query.order_by(User.name_key)))


def add_grant(s: Session, user_id: int, group_id: int) -> bool:
    """Grant a group to a user; return False if it was granted before."""
    row = insert_into(s, Grant).values(user_id=user_id, group_id=group_id)
    return s.execute(row.on_conflict_do_nothing().returning(Grant.group_id)).first() is not None


def add_grants(s: Session, group_id: int, names: Sequence[str]) -> None:
    """Grant a group to the administrators with these names, those that there still are."""
    for user in users(s, User.name_key.in_([name_key(name) for name in names]), User.role == "admin"):
        add_grant(s, user.id, group_id)


def remove_grant(s: Session, user_id: int, group_id: int) -> bool:
    """Take a group from a user; return False if it was not granted."""
    gone = delete(Grant).where(Grant.user_id == user_id, Grant.group_id == group_id)
    return s.execute(gone.returning(Grant.group_id)).first() is not None


def put_invitation(s: Session, user_id: int, token_hash: str, made_by: str, expires_at: datetime) -> None:
    """Invite a user; an earlier invitation no longer holds."""
    remove_invitation(s, user_id)
    values = {"token_hash": token_hash, "user_id": user_id, "made_by": made_by, "expires_at": expires_at}
    s.execute(insert_into(s, Invitation).values(values))


def remove_invitation(s: Session, user_id: int) -> None:
    """Let the user's open invitation hold no longer."""
    s.execute(delete(Invitation).where(Invitation.user_id == user_id))


def invited(s: Session, token_hash: str, now: datetime) -> User | None:
    """Return whom an invitation that still holds is for."""
    query = select(User).join(Invitation, Invitation.user_id == User.id)
    return s.scalar(query.where(Invitation.token_hash == token_hash, Invitation.expires_at > now, ~User.disabled))


def use_invitation(s: Session, token_hash: str, now: datetime) -> int | None:
    """Use an invitation up, and return the id of its user; None: it does not hold (any more)."""
    gone = delete(Invitation).where(
        Invitation.token_hash == token_hash,
        Invitation.expires_at > now,
        ~exists().where(User.id == Invitation.user_id, User.disabled),
    )
    found: int | None = s.execute(gone.returning(Invitation.user_id)).scalar()
    return found


def tokens(s: Session, *which: ColumnElement[bool]) -> list[tuple[Token, str]]:
    """Return tokens and the names of their users, the newest last."""
    query = select(Token, User.name).join(User, User.id == Token.user_id).where(*which).order_by(Token.id)
    return [(token, name) for token, name in s.execute(query)]


def find_token(s: Session, token_hash: str, now: datetime) -> tuple[Any, Any] | None:
    """Return the row of a token that holds now, with that of its user, who is enabled."""
    return next(iter(_with_users(s, run(s, _TOKEN_THAT_HOLDS, {"token_hash": token_hash, "now": now}).all())), None)


def tokens_that_hold(s: Session, ids: Collection[int], now: datetime) -> list[tuple[Any, Any]]:
    """Return the rows of those of some tokens that hold now, each with that of its user."""
    return _with_users(s, run(s, _THESE_THAT_HOLD, {"ids": list(ids), "now": now}).all())


def _with_users(s: Session, found: Sequence[Any]) -> list[tuple[Any, Any]]:
    users = {row.id: row for row in run(s, _ENABLED, {"ids": [token.user_id for token in found]})} if found else {}
    return [(token, users[token.user_id]) for token in found if token.user_id in users]


def revoke_token(s: Session, token_id: int, now: datetime) -> bool:
    """End a token; return False if it was revoked before."""
    held = update(Token).where(Token.id == token_id, Token.revoked_at.is_(None)).values(revoked_at=now)
    return s.execute(held.returning(Token.id)).first() is not None


def touch_token(s: Session, token_id: int, now: datetime) -> None:
    """Note that a token was used."""
    s.execute(update(Token).where(Token.id == token_id).values(used_at=now))


def remove_invitations(s: Session, before: datetime, many: int) -> int:
    """Remove up to so many invitations that ended before a moment; return how many."""
    old = list(s.scalars(select(Invitation.token_hash).where(Invitation.expires_at < before).limit(many)))
    s.execute(delete(Invitation).where(Invitation.token_hash.in_(old)))
    return len(old)
