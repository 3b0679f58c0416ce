"""Times in the reader's zone: the user's choice, else the browser's, else this server's."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import dates
from flask import Flask, request
from markupsafe import Markup

from fshunt.services.serialize import utc
from fshunt.web import cookies
from fshunt.web.languages import format_locale
from fshunt.web.signed_in import maybe_signed_in


def install(app: Flask) -> None:
    """Have `when`, `day_time` and the zone's name in the templates of an application."""
    app.jinja_env.filters["when"] = when
    app.jinja_env.filters["short_when"] = short_when
    app.jinja_env.globals["zone_name"] = zone_name


@cache
def zone_names() -> tuple[str, ...]:
    """Return the names of all time zones that a person may choose."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


def zone() -> tzinfo | None:
    """Return the reader's time zone; None is this server's own."""
    known = maybe_signed_in()
    for name in (known.user.time_zone if known else None, request.cookies.get(cookies.ZONE)):
        if name and name in zone_names():
            return ZoneInfo(name)
    return None


def zone_name() -> str:
    """Return the name of the zone that the page has its times in."""
    now = datetime.now().astimezone(zone())
    return str(dates.get_timezone_name(now, locale=format_locale())) if zone() is None else str(zone())


def short_when(at: datetime) -> str:
    """Return a time as a sentence has it: the time alone where it is of today."""
    here, today = at.astimezone(zone()), datetime.now().astimezone(zone()).date()
    if here.date() == today:
        return str(dates.format_time(here, "short", tzinfo=zone(), locale=format_locale()))
    return str(dates.format_datetime(here, "short", tzinfo=zone(), locale=format_locale()))


def when(at: datetime | None) -> Markup:
    """Return a time as the reader writes it, with the moment for programs."""
    if at is None:
        return Markup("")
    shown = dates.format_datetime(at.astimezone(zone()), "medium", tzinfo=zone(), locale=format_locale())
    return Markup('<time datetime="{}">{}</time>').format(utc(at), shown)
