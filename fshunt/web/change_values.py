"""What a change was of, as people read it: the label of each field, and its values before and after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext, lazy_gettext

from fshunt.errors import ChangedSince, FshuntError
from fshunt.hunting.destinations import Destination, DestinationKind, parse_destination
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import GROUP_FIELDS
from fshunt.hunting.hours import WEEKDAYS
from fshunt.hunting.hours_text import CLOSED, parse_days
from fshunt.hunting.ringtime import RingTime
from fshunt.services.audit import GROUP_BLOCK, HOLIDAY, Change, Subject
from fshunt.services.users import Role
from fshunt.web import words
from fshunt.web.column_form import is_destination
from fshunt.web.field_words import label
from fshunt.web.hours_form import day_names, day_words
from fshunt.web.sentences import in_language, part_in_language
from fshunt.web.times import short_when

Value = tuple[str, str, str]
"""Label, value before and value after."""

RING_TIME = ("rings", "ring_seconds")
"""One ring time is two columns, of which one is empty."""

LABELS = {
    (Subject.USER, "name"): lazy_gettext("Name"),
    (Subject.DOMAIN, "name"): lazy_gettext("Name"),
    (Subject.USER, "extension"): lazy_gettext("Extension"),
}
"""Of values that have another meaning than those of a group and its members."""

SCOPES = {
    "read": lazy_gettext("read groups and calls"),
    "write": lazy_gettext("change groups and members"),
    "users": lazy_gettext("look after users"),
}


def shown_values(change: Change, group: Group | None = None) -> list[Value]:
    """Return what differs; of what came or went, the values that it had, the value before being empty.

    ``group`` is the group as it is now, where it is known: a page of its own says more of a destination.
    """
    if change.before is not None and change.after is not None:
        before, after = _with_one_ring_time(change.before), _with_one_ring_time(change.after)
        names = [_one_name(name) for name in (*after, *before)]
        return [
            (label_words(name, change.subject), _words_in(before, name, group), _words_in(after, name, group))
            for name in dict.fromkeys(names)
        ]
    whole = _with_one_ring_time(dict(_all_of(change.after or change.before or {})))
    names = [name for name, value in whole.items() if value not in (None, "", False, [])]
    return [
        (label_words(name, change.subject), "", _words_in(whole, name, group))
        for name in dict.fromkeys(map(_one_name, names))
    ]


def sentence_of(error: FshuntError, group: Group | None = None) -> str:
    """Return the sentence of an error in the reader's language; both values of an undo that is refused in words."""
    if not isinstance(error, ChangedSince):
        return in_language(str(error))
    differences = [
        gettext(
            "%(field)s was set to %(before)s and is %(now)s now",
            field=label_words(name),
            before=value_words(name, set_to, group),
            now=value_words(name, now, group),
        )
        for name, set_to, now in error.differences
    ]
    return str(
        gettext(
            "Somebody has changed %(thing)s since change %(number)s: %(differences)s.",
            thing=part_in_language("thing", error.thing),
            number=error.change_id,
            differences="; ".join(map(str, differences)),
        )
    )


def label_words(name: str, subject: Subject | None = None) -> str:
    """Return the label of a value of a change; a holiday has its days and its name, a block of one group its pilot."""
    if subject is not None and (subject, name) in LABELS:
        return str(LABELS[subject, name])
    if name.startswith(GROUP_BLOCK):
        return str(gettext("Group %(pilot)s", pilot=name.removeprefix(GROUP_BLOCK)))
    if not name.startswith(HOLIDAY):
        return str(label(name))
    days, _, called = name.removeprefix(HOLIDAY).partition(" ")
    return f"{called} ({day_words(*parse_days(days))})"


def value_words(name: str, value: Any, group: Group | None = None) -> str:
    """Return a value of a column or of an account as people read it."""
    if name == "rings" and value is None:
        return str(gettext("as the group"))
    if value is None or value == "":
        return str(gettext("none"))
    if isinstance(value, bool):
        return str(gettext("yes") if value else gettext("no"))
    if name in GROUP_FIELDS and is_destination(GROUP_FIELDS[name]):
        return _destination(value, group)
    made = next((words_of for known, words_of in WORDS.items() if name.startswith(known)), None)
    return _plain(value) if made is None else made(value)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or str(gettext("none"))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _destination(text: str, group: Group | None) -> str:
    where = parse_destination(text)
    if group is None and where == Destination(DestinationKind.VOICEMAIL):
        return str(gettext("Voicemail of the group"))
    return words.destination(where, group or Group(id=0, domain="", pilot=""))


def _seconds(value: Any) -> str:
    seconds = f"{value:g}"
    return str(gettext("%(seconds)s s", seconds=seconds))


def _members(value: Any) -> str:
    return ", ".join(each["extension"] for each in value) or str(gettext("none"))


def _hours(text: str) -> str:
    """Hours with the names of the days in the reader's language, in one line."""
    names = {**day_names(), CLOSED: str(gettext("closed"))}
    found = re.sub(rf"\b({'|'.join((*WEEKDAYS, CLOSED))})\b", lambda each: names[each[1]], text)
    return re.sub(r"(?<=\d),(?=\d)", ", ", found)


def _moment(text: str) -> str:
    try:
        return short_when(datetime.fromisoformat(text))
    except ValueError:
        return text


def _block(value: Mapping[str, Any]) -> str:
    if value.get("until") is None:
        return str(gettext("blocked"))
    return str(gettext("%(state)s until %(time)s", state=gettext("blocked"), time=_moment(value["until"])))


def _policy(name: str) -> str:
    return str(words.POLICIES[name].name) if name in words.POLICIES else name


def _role(name: str) -> str:
    return str(words.ROLES[Role(name)]) if name in list(Role) else name


def _scopes(text: str) -> str:
    return ", ".join(str(SCOPES.get(word, word)) for word in text.split())


WORDS: dict[str, Callable[[Any], str]] = {
    "policy": _policy,
    "rings": lambda value: words.ring_time(RingTime(rings=value)),
    "ring_seconds": _seconds,
    "max_ring_seconds": _seconds,
    "hunt_timeout": _seconds,
    "wrap_up_seconds": _seconds,
    "announce_seconds": _seconds,
    "when_busy": lambda value: str(gettext("wait in the queue") if value == "queue" else gettext("go on")),
    "members": _members,
    "hours": _hours,
    HOLIDAY: _hours,
    GROUP_BLOCK: _block,
    "until": _moment,
    "since": _moment,
    "closed_since": _moment,
    "closed_until": _moment,
    "expires_at": _moment,
    "role": _role,
    "scopes": _scopes,
    "password": lambda _value: str(gettext("changed")),
}
"""How values are read, by the name of the value or its beginning."""


def _all_of(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """All values, those of the hours of a whole group among the others."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from value.items()
        else:
            yield name, value


def _with_one_ring_time(values: Mapping[str, Any]) -> dict[str, Any]:
    """A ring time is two columns, of which one is empty: that one says nothing."""
    has_one = any(values.get(name) is not None for name in RING_TIME)
    return {name: each for name, each in values.items() if name not in RING_TIME or each is not None or not has_one}


def _one_name(name: str) -> str:
    return "rings" if name == "ring_seconds" else name


def _words_in(values: Mapping[str, Any], name: str, group: Group | None) -> str:
    if name == "rings" and values.get("rings") is None and values.get("ring_seconds") is not None:
        return value_words("ring_seconds", values["ring_seconds"], group)
    return value_words(name, values.get(name), group)
