"""The words of the pages for what the services know by a code: policies, roles, destinations, ring times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask
from flask_babel import gettext, lazy_gettext, ngettext

from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group, Member
from fshunt.hunting.ringtime import RingTime
from fshunt.services.users import Role
from fshunt.web import field_words
from fshunt.web.parts import parts

if TYPE_CHECKING:
    from flask_babel.speaklater import LazyString


class PolicyWords(NamedTuple):
    """The name of a policy, and one sentence that says who rings first."""

    name: LazyString
    sentence: LazyString


POLICIES: dict[str, PolicyWords] = {
    "regular": PolicyWords(lazy_gettext("In order"), lazy_gettext("Each call begins with the first member.")),
    "circular": PolicyWords(
        lazy_gettext("Circular"), lazy_gettext("Each call begins after the member who answered last.")
    ),
    "round-robin": PolicyWords(
        lazy_gettext("Round robin"), lazy_gettext("Each call begins one member further, whoever answered.")
    ),
    "simultaneous": PolicyWords(
        lazy_gettext("All at once"), lazy_gettext("All free members ring; the first to pick up has the call.")
    ),
    "uniform": PolicyWords(
        lazy_gettext("Longest idle"), lazy_gettext("Each call begins with the member who has had no call for longest.")
    ),
    "weighted": PolicyWords(
        lazy_gettext("By weight"),
        lazy_gettext("The order is drawn for each call; a higher weight comes first more often."),
    ),
}

ROLES: dict[Role, LazyString] = {
    Role.PROVIDER: lazy_gettext("Provider"),
    Role.ADMIN: lazy_gettext("Group administrator"),
    Role.MEMBER: lazy_gettext("Member"),
}


BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
"""What a `User-Agent` has, and the name for it; the first that is found counts."""


_DIALS = re.compile(r"\+?[0-9]{2,20}", re.ASCII)


def install(app: Flask) -> None:
    """Have these words in the templates of an application."""
    app.jinja_env.globals.update(
        policy_words=POLICIES,
        role_words=ROLES,
        ring_time=ring_time,
        member_ring_time=member_ring_time,
        destination=destination,
        field_label=field_words.label,
        field_hint=field_words.hint,
    )
    app.jinja_env.filters["browser"] = browser
    app.jinja_env.filters["dial_link"] = dial_link


def browser(agent: str | None) -> str:
    """Return the browser and the system of a `User-Agent`, as far as a person knows them by name."""
    said = agent or ""
    name = next((name for mark, name in BROWSERS if mark in said), str(gettext("Another browser")))
    system = next((system for mark, system in SYSTEMS if mark in said), None)
    return str(gettext("%(browser)s on %(system)s", browser=name, system=system) if system else name)


def dial_link(number: str | None) -> str | None:
    """Return the link that dials a caller's number; None where it is none, such as `anonymous`."""
    return f"tel:{number}" if number and _DIALS.fullmatch(number) else None


def ring_time(time: RingTime) -> str:
    """Return a ring time in rings with its seconds, or in seconds."""
    seconds = f"{time.in_seconds(parts().settings.seconds_per_ring):g}"
    if time.rings is None:
        return str(gettext("%(seconds)s s", seconds=seconds))
    return str(ngettext("%(num)d ring (%(seconds)s s)", "%(num)d rings (%(seconds)s s)", time.rings, seconds=seconds))


def member_ring_time(member: Member, group: Group) -> str:
    """Return how long a member rings: its own time, or the group's."""
    return ring_time(member.ring_time or group.ring_time)


def destination(where: Destination, group: Group, known: Mapping[str, str] | None = None) -> str:
    """Return where callers go, as a sentence part: "voicemail of 1005"; ``known`` has names of members."""
    if where.kind is DestinationKind.VOICEMAIL:
        box = where.value or group.box()
        if box is not None and known is not None and box in known:
            box = f"{known[box]} {box}"
        return str(gettext("Voicemail of %(box)s", box=box) if box else gettext("Hang up: there is no voicemail box"))
    if where.kind is DestinationKind.TRANSFER:
        return str(gettext("On to %(number)s", number=where.value))
    return str(gettext("Hang up"))
