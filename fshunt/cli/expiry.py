"""What tokens and boards share: a number, and an end that may be set when they are added."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fshunt.cli import output, params

MAX_DAYS = 3650
MAX_ID = 999_999_999

DAYS = params.Count(1, MAX_DAYS)
ID = params.Count(1, MAX_ID)


def after(days: int) -> datetime:
    """Return the moment so many days from now."""
    return datetime.now(UTC) + timedelta(days=days)


def state(expires_at: datetime | None, now: datetime) -> str:
    """Whether something holds, in words."""
    if expires_at is None:
        return "holds"
    return f"{'until' if expires_at > now else 'expired'} {output.local(expires_at, seconds=False)}"
