"""Users for tests, and hashes of passwords that cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fshunt.db.engine import Store
from fshunt.services import accounts, passwords
from fshunt.services.users import Role, User

PASSWORD = "correct horse battery"


@contextmanager
def hashed_quickly() -> Iterator[None]:
    """Argon2id at its least cost: what is tested is not how long it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY_KIB", 8)
        patch.setattr(passwords, "ROUNDS", 1)
        yield


@pytest.fixture
def quick_hashes() -> Iterator[None]:
    """Passwords are hashed at the least cost."""
    with hashed_quickly():
        yield


def add_user(store: Store, name: str, role: Role = Role.ADMIN, *, password: str | None = None, at: str = "") -> User:
    """Add a user; ``at`` is EXT@DOMAIN of a member."""
    extension, _, domain = at.partition("@")
    password_hash = None if password is None else passwords.hash_password(password)
    with store.writing() as s:
        return accounts.add_user(
            s, name, role, domain=domain or None, extension=extension or None, password_hash=password_hash
        )
