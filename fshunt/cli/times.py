"""Times as people write them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from fshunt.errors import BadValue, UsageError
from fshunt.hunting.hours import check_zone
from fshunt.services.moments import UNITS

FORMS = "an age such as 30m, 2h or 7d, `today`, `yesterday`, or a date or time such as 2025-03-31T09:00"


def parse_since(text: str, now: datetime) -> datetime:
    """Return the moment in UTC; raise UsageError. A time without a zone is in the zone of this host."""
    try:
        return _moment(text.strip().lower(), now).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"'{text}' is not a time: use {FORMS}.") from None


def host_zone() -> str | None:
    """Return the name of this host's time zone; None where it has none that other hosts know."""
    named = os.environ.get("TZ", "").removeprefix(":") or os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    with suppress(BadValue):
        return check_zone(named)
    return None


def _moment(text: str, now: datetime) -> datetime:
    back = re.fullmatch(r"([0-9]+)([smhdw])", text)
    if back:
        return now - timedelta(**{UNITS[back[2]]: int(back[1])})
    days_back = {"today": 0, "yesterday": 1}.get(text)
    if days_back is None:
        return datetime.fromisoformat(text.upper())
    # Without a zone until the day is found: the days of a change to summer time are not 24 hours long.
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return midnight - timedelta(days=days_back)
