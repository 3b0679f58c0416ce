"""One-time codes of an authenticator app (TOTP, RFC 6238): six digits, a new code every 30 seconds, by SHA-1."""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

DIGITS = 6
STEP_SECONDS = 30
WINDOW_STEPS = 1
"""How many steps the phone's clock may be wrong, either way."""
SECRET_BYTES = 20
"""The length of SHA-1, as RFC 4226 recommends."""


def new_totp_secret() -> str:
    """Return a new secret in base32, as apps take it."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def totp_uri(user_name: str, secret: str, issuer: str) -> str:
    """Return what the picture holds that an app scans."""
    label = f"{quote(issuer, safe='')}:{quote(user_name, safe='')}"
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}"


def code_at(secret: str, step: int) -> str:
    """Return the code of a step."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_at(now: datetime) -> int:
    """Return the step of a moment."""
    return int(now.timestamp()) // STEP_SECONDS


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the step whose code this is, of those near ``now``; None: of none. Spaces do not count."""
    given = "".join(code.split()).encode("utf-8", "surrogatepass")
    here = step_at(now)
    for step in range(here - WINDOW_STEPS, here + WINDOW_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), given):
            return step
    return None
