"""Passwords: which may be chosen, and their hashes by argon2id. No database here.

A hash takes some 50 ms and 64 MiB, on purpose: never inside a transaction, and in a web process in a bounded pool.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fshunt.errors import BadValue, FshuntError
from fshunt.services.common_passwords import COMMON_WORDS, KEYBOARD_ROWS

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_CHARS, MAX_CHARS = 12, 256
"""ASVS 2.1.1 and 2.1.2: at least 12 characters, and phrases of 128 are allowed. No rules of composition (2.1.9)."""
MIN_NAME_CHARS = 3
"""A shorter name stands in many passwords by chance."""
MAX_PATTERN_CHARS = 4
"""A pattern of so many characters that is repeated to the end is as short as one."""

MEMORY_KIB, ROUNDS, LANES = 65_536, 2, 1
"""The cost: above the least that OWASP recommends (19 MiB, 2 rounds)."""
_LEET = str.maketrans({"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"})


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a password is right, and whether its hash is of an older cost and should be made anew."""

    ok: bool
    outdated: bool = False


def check_new(password: str, *, name: str) -> None:
    """Raise BadValue if a password may not be chosen by the user with this name."""
    chars = len(_normal(password))
    if chars < MIN_CHARS:
        raise BadValue(f"The password has {chars} characters: use {MIN_CHARS} or more, such as a few words.")
    if chars > MAX_CHARS:
        raise BadValue(f"The password has {chars} characters: use at most {MAX_CHARS}.")
    lower = _normal(password).lower()
    own = name.partition("@")[0].lower()
    if len(own) >= MIN_NAME_CHARS and own in lower:
        raise BadValue("The password has the name of the user in it: choose another.")
    if _is_common(lower):
        raise BadValue("The password is one of the first that an attacker tries: choose another, such as a few words.")


def _is_common(lower: str) -> bool:
    """Tell whether it is a pattern, a row of keys, or one common word with digits and marks around it."""
    for length in range(1, MAX_PATTERN_CHARS + 1):
        if (lower[:length] * len(lower))[: len(lower)] == lower:
            return True
    if any(lower in row * 2 or lower in row[::-1] * 2 for row in KEYBOARD_ROWS):
        return True
    cores = {re.sub(r"[\W\d_]", "", text) for text in (lower, lower.translate(_LEET))}
    trimmed = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", lower).translate(_LEET)
    return any(core == word * (len(core) // len(word)) for core in cores | {trimmed} if core for word in COMMON_WORDS)


def hash_password(password: str) -> str:
    """Return the hash of a password, with its salt and cost in it."""
    return _hasher().hash(_normal(password))


def new_hash(password: str, *, name: str) -> str:
    """Return the hash of a password that a user chooses; raise BadValue if it may not be chosen."""
    check_new(password, name=name)
    return hash_password(password)


def verify(password_hash: str | None, password: str) -> Verified:
    """Tell whether a password is right. ``password_hash`` None (no such user) takes as long, and is never right."""
    from argon2.exceptions import InvalidHashError, VerificationError

    hasher = _hasher()
    try:
        hasher.verify(password_hash or _nobodys_hash(), _normal(password[: MAX_CHARS + 1]))
    except (VerificationError, InvalidHashError):
        return Verified(ok=False)
    if password_hash is None or len(password) > MAX_CHARS:
        return Verified(ok=False)
    return Verified(ok=True, outdated=hasher.check_needs_rehash(password_hash))


def _nobodys_hash() -> str:
    """Return a hash that no password has, of the same cost: to verify it takes as long as to verify a user's."""
    return f"$argon2id$v=19$m={MEMORY_KIB},t={ROUNDS},p={LANES}${'A' * 22}${'A' * 43}"


def _normal(password: str) -> str:
    """One form of the same characters, whatever keyboard they were typed at; single surrogates are no characters."""
    text = unicodedata.normalize("NFKC", password)
    return text.encode("utf-8", "replace").decode()


def _hasher() -> PasswordHasher:
    try:
        import argon2
    except ModuleNotFoundError as error:
        raise FshuntError(
            f"Passwords need the Python package {error.name}: install fshunt with `pip install '.[web]'`."
        ) from error
    cost: dict[str, Any] = {"memory_cost": MEMORY_KIB, "time_cost": ROUNDS, "parallelism": LANES}
    return argon2.PasswordHasher(**cost, type=argon2.Type.ID)
