"""Changes of the audit in words, and the note after a save with its Undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

from fshunt.errors import Forbidden, NotFound
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import GROUP_FIELDS
from fshunt.hunting.ringtime import RingTime
from fshunt.services import audit, rights
from fshunt.services.audit import Change, ChangeKind, Entrance, Subject
from fshunt.services.rights import Access
from fshunt.services.undo import can_undo
from fshunt.services.users import Role
from fshunt.web import words
from fshunt.web.column_form import is_destination
from fshunt.web.field_words import label
from fshunt.web.times import short_when

if TYPE_CHECKING:
    from flask_babel.speaklater import LazyString

MAX_SHOWN = 7
"""Changes on the page of a group."""

TWICE_SECONDS = 10.0
"""A second request for the same change by the same person within so long is a double click."""

ENTRANCES: dict[Entrance, LazyString] = {
    Entrance.PAGE: lazy_gettext("on these pages"),
    Entrance.API: lazy_gettext("by the interface for programs"),
    Entrance.COMMAND_LINE: lazy_gettext("at the command line"),
    Entrance.PHONE: lazy_gettext("by phone"),
    Entrance.FILE: lazy_gettext("by a file"),
    Entrance.DAEMON: lazy_gettext("by itself"),
}
WHAT: dict[tuple[Subject, ChangeKind], LazyString] = {
    (Subject.GROUP, ChangeKind.ADD): lazy_gettext("Group %(key)s added"),
    (Subject.GROUP, ChangeKind.SET): lazy_gettext("Settings changed"),
    (Subject.GROUP, ChangeKind.REMOVE): lazy_gettext("Group %(key)s removed"),
    (Subject.MEMBER, ChangeKind.ADD): lazy_gettext("%(key)s added"),
    (Subject.MEMBER, ChangeKind.SET): lazy_gettext("%(key)s changed"),
    (Subject.MEMBER, ChangeKind.MOVE): lazy_gettext("%(key)s moved"),
    (Subject.MEMBER, ChangeKind.REMOVE): lazy_gettext("%(key)s removed"),
    (Subject.BLOCK, ChangeKind.ADD): lazy_gettext("%(key)s blocked"),
    (Subject.BLOCK, ChangeKind.SET): lazy_gettext("Block of %(key)s changed"),
    (Subject.BLOCK, ChangeKind.REMOVE): lazy_gettext("%(key)s unblocked"),
    (Subject.GRANT, ChangeKind.ADD): lazy_gettext("%(key)s looks after the group"),
    (Subject.GRANT, ChangeKind.REMOVE): lazy_gettext("%(key)s looks after the group no more"),
    (Subject.HOURS, ChangeKind.SET): lazy_gettext("Opening hours changed"),
}
"""What has happened; a change that is not here is named by its subject."""


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change as the page has it. ``values``: label, value before and after, of those that differ."""

    change: Change
    what: str
    entrance: str
    values: Sequence[tuple[str, str, str]]
    can_undo: bool


def last_changes(s: Session, access: Access, group: Group) -> list[ShownChange]:
    """Return the last changes of a group, as far as a person may see them."""
    own = access.group_ids if access.role is Role.ADMIN else None
    found = audit.history(s, domain=group.domain, pilot=group.pilot, group_ids=own, limit=MAX_SHOWN)
    return [_shown(s, access, group, change) for change in found]


def change_to_tell(s: Session, access: Access, group: Group, number: str) -> ShownChange | None:
    """Return the change that a page tells of, of which its address has the number; None: none of the reader's own."""
    if not number.isascii() or not number.isdecimal() or len(number) > len("999999999"):
        return None
    try:
        change = rights.change_for(s, access, int(number))
    except NotFound:
        return None
    return _shown(s, access, group, change) if change.actor == access.name and change.undone_by is None else None


def just_done(s: Session, access: Access, group: Group, subject: Subject, action: ChangeKind, key: str) -> int | None:
    """Return the same change if the same person has just made it: the second click of two. None: it was not made."""
    own = access.group_ids if access.role is Role.ADMIN else None
    for change in audit.history(s, domain=group.domain, pilot=group.pilot, group_ids=own, limit=1):
        same = (change.actor, change.subject, change.action, change.key) == (access.name, subject, action, key)
        if same and is_recent(change):
            return change.id
    return None


def is_recent(change: Change) -> bool:
    """Whether a second request for the same may be the second click of two."""
    return datetime.now(UTC) - change.at < timedelta(seconds=TWICE_SECONDS)


def may_undo(s: Session, access: Access, change: Change) -> bool:
    """Whether a person may undo a change, and it is not undone yet."""
    if not can_undo(change):
        return False
    try:
        rights.check_undo(s, access, change.id)
    except (Forbidden, NotFound):
        return False
    return True


def value_words(name: str, value: Any, group: Group) -> str:
    """Return a stored value as a person reads it."""
    if name == "rings" and value is None:
        return str(gettext("as the group"))
    if value is None or value == "":
        return str(gettext("none"))
    if isinstance(value, bool):
        return str(gettext("yes") if value else gettext("no"))
    if name == "policy" and value in words.POLICIES:
        return str(words.POLICIES[value].name)
    if name == "rings":
        return words.ring_time(RingTime(rings=value))
    if name in ("ring_seconds", "hunt_timeout", "wrap_up_seconds"):
        seconds = f"{value:g}"
        return str(gettext("%(seconds)s s", seconds=seconds))
    if name == "when_busy":
        return str(gettext("wait in the queue") if value == "queue" else gettext("go on"))
    if name in GROUP_FIELDS and is_destination(GROUP_FIELDS[name]):
        return words.destination(parse_destination(value), group)
    if name in ("until", "since", "closed_since", "closed_until"):
        return short_when(datetime.fromisoformat(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shown(s: Session, access: Access, group: Group, change: Change) -> ShownChange:
    text = WHAT.get((change.subject, change.action))
    what = str(text) % {"key": change.key} if text is not None else f"{change.subject.value} {change.key}"
    if change.undoes is not None:
        what = str(gettext("Undone: %(what)s", what=what))
    return ShownChange(
        change, what, str(ENTRANCES[change.entrance]), _values(change, group), may_undo(s, access, change)
    )


def _values(change: Change, group: Group) -> list[tuple[str, str, str]]:
    """What differs; nothing where all of it is new, or gone."""
    if change.before is None or change.after is None:
        return []
    before, after = _without_other_ring_time(change.before), _without_other_ring_time(change.after)
    names = [name for name in (*after, *before) if name != "members"]
    return [
        (
            str(label("rings" if name == "ring_seconds" else name)),
            _words_in(before, name, group),
            _words_in(after, name, group),
        )
        for name in dict.fromkeys("rings" if name == "ring_seconds" else name for name in names)
    ]


def _without_other_ring_time(values: Mapping[str, Any]) -> dict[str, Any]:
    """A ring time is two columns, of which one is empty: that one says nothing."""
    both = ("rings", "ring_seconds")
    has_one = any(values.get(name) is not None for name in both)
    return {name: value for name, value in values.items() if name not in both or value is not None or not has_one}


def _words_in(values: Mapping[str, Any], name: str, group: Group) -> str:
    if name == "rings" and values.get("rings") is None and values.get("ring_seconds") is not None:
        return value_words("ring_seconds", values["ring_seconds"], group)
    return value_words(name, values.get(name), group)
