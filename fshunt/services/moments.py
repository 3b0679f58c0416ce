"""Moments ahead, as people write them: until when a group is closed, or a member blocked."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from fshunt.errors import UsageError
from fshunt.hunting.validation import shown

UNTIL_FORMS = "a time such as 13:00, `today`, or a date or time such as 2026-12-24 12:00"
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_until(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Return a moment ahead in UTC; raise UsageError. Times are in ``zone`` (None: that of this host).

    ``today`` is its end; a time alone is the next one; a day alone is its beginning.
    """
    here = now.astimezone(zone)
    try:
        moment = _moment_ahead(text.strip().lower(), here, zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{shown(text)} is not a time: use {UNTIL_FORMS}.") from None
    if moment <= now:
        raise UsageError(f"{shown(text)} is past: name a time that is ahead.")
    return moment


def parse_length(text: str, now: datetime) -> datetime:
    """Return the moment that is so far ahead, such as `2h`; raise UsageError."""
    ahead = re.fullmatch(r"([0-9]+)([smhdw])", text.strip().lower(), re.ASCII)
    if ahead is None or int(ahead[1]) == 0:
        raise UsageError(f"{shown(text)} is not a length of time: use 30m, 2h or 7d.")
    try:
        return now + timedelta(**{UNITS[ahead[2]]: int(ahead[1])})
    except OverflowError:
        raise UsageError(f"{shown(text)} is too long.") from None


def shown_until(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """Return a moment as a page shows it: the time, and the day where that is not today."""
    there, here = moment.astimezone(zone), now.astimezone(zone)
    return there.strftime("%H:%M" if there.date() == here.date() else "%Y-%m-%d %H:%M")


def _moment_ahead(text: str, here: datetime, zone: tzinfo | None) -> datetime:
    """The moment; a time stays without a zone until its day is known: the days of a change are not 24 hours long."""
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if text == "today":
        return clock_at(zone, midnight + timedelta(days=1))
    if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", text, re.ASCII):
        at = datetime.combine(midnight, time.fromisoformat(text.zfill(5)))
        moment = clock_at(zone, at)
        return moment if moment > here else clock_at(zone, at + timedelta(days=1))
    moment = datetime.fromisoformat(text.upper())
    return moment if moment.tzinfo is not None else clock_at(zone, moment)


def clock_at(zone: tzinfo | None, reading: datetime) -> datetime:
    """Return the moment at which a clock in the zone (None: that of this host) shows this."""
    return reading.astimezone() if zone is None else reading.replace(tzinfo=zone)
