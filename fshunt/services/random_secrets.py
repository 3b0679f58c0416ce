"""Secrets that are handed out: random, shown once, and stored as their hashes alone."""

from __future__ import annotations

from hashlib import sha256
from secrets import token_urlsafe

SECRET_BYTES = 32
"""256 bits: a hash of so much chance needs no salt and no slow function."""


def new_secret(prefix: str = "") -> str:
    """Return a new secret, of characters that fit a URL and a cookie."""
    return prefix + token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """Return what the database keeps of a secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
