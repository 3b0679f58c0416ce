"""Days as forms have them."""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo

from fshunt.services.moments import clock_at


def day(said: str | None) -> date | None:
    """Return a day as a form has it; None if it is none, or none that a calendar reaches."""
    try:
        found = date.fromisoformat((said or "").strip())
    except ValueError:
        return None
    return found if 1970 <= found.year < 9000 else None


def midnight(of: date, zone: tzinfo | None) -> datetime:
    """Return when a day begins in a zone (None: that of this host)."""
    return clock_at(zone, datetime.combine(of, time()))
