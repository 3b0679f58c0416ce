"""Users and tokens as values: what all entrances know of an account. No secret is among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from fshunt.errors import BadValue
from fshunt.hunting.suggestions import did_you_mean

__all__ = ["Role", "Scope", "Token", "User", "read_scopes", "token_of", "user_of"]


class Role(StrEnum):
    """What a user is for."""

    PROVIDER = "provider"
    ADMIN = "admin"
    MEMBER = "member"


class Scope(StrEnum):
    """What a token may do, within the rights of its user."""

    READ = "read"
    WRITE = "write"
    USERS = "users"


@dataclass(frozen=True, slots=True)
class User:
    """A user. ``groups`` (domain, pilot) and ``group_ids`` are granted; a member has an ``extension`` of ``domain``."""

    id: int
    name: str
    role: Role
    domain: str | None
    extension: str | None
    has_password: bool
    has_totp: bool
    disabled: bool
    time_zone: str | None
    language: str | None
    created_at: datetime
    groups: tuple[tuple[str, str], ...] = ()
    group_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret. ``user`` is the name of its user."""

    id: int
    name: str
    user: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


def user_of(row: Any, grants: Iterable[tuple[int, str, str]] = ()) -> User:
    """Return the user of a row, and of the groups that are granted: id, domain and pilot."""
    granted = list(grants)
    return User(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        domain=row.domain,
        extension=row.extension,
        has_password=row.password_hash is not None,
        has_totp=row.totp_secret is not None,
        disabled=row.disabled,
        time_zone=row.time_zone,
        language=row.language,
        created_at=row.created_at,
        groups=tuple((domain, pilot) for _, domain, pilot in granted),
        group_ids=frozenset(group_id for group_id, _, _ in granted),
    )


def token_of(row: Any, user: str) -> Token:
    """Return the token of a row."""
    return Token(
        id=row.id,
        name=row.name,
        user=user,
        scopes=read_scopes(row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )


def read_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes that the words name, at least one; raise BadValue for others."""
    found = set()
    for word in words:
        if word not in list(Scope):
            raise BadValue(f"`{word}` is no scope of a token: use {', '.join(Scope)}{did_you_mean(word, Scope)}.")
        found.add(Scope(word))
    if not found:
        raise BadValue(f"A token needs a scope: {', '.join(Scope)}.")
    return frozenset(found)
