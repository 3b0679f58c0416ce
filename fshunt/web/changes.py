"""Changes of the audit in words, and the note after a save with its Undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

from fshunt.errors import Forbidden, NotFound
from fshunt.hunting.group import Group
from fshunt.services import audit, rights
from fshunt.services.audit import ORDER, Change, ChangeKind, Entrance, Subject
from fshunt.services.rights import Access
from fshunt.services.undo import can_undo
from fshunt.services.users import Role
from fshunt.web.change_values import shown_values
from fshunt.web.numbers import number_of

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
    (Subject.LIMITS, ChangeKind.SET): lazy_gettext("Limits changed"),
    (Subject.BOARD, ChangeKind.ADD): lazy_gettext("Board %(key)s added"),
    (Subject.BOARD, ChangeKind.REMOVE): lazy_gettext("Board %(key)s revoked"),
    (Subject.NOTICE, ChangeKind.ADD): lazy_gettext("Notices to %(key)s added"),
    (Subject.CALLBACK, ChangeKind.REMOVE): lazy_gettext("Call back %(key)s cancelled"),
    (Subject.NOTICE, ChangeKind.REMOVE): lazy_gettext("Notices to %(key)s removed"),
    (Subject.HOURS, ChangeKind.SET): lazy_gettext("Opening hours changed"),
    (Subject.CALL, ChangeKind.ADD): lazy_gettext("A caller was called back"),
    (Subject.CALL, ChangeKind.REMOVE): lazy_gettext("A note of a call back was taken back"),
}
"""What has happened; a change that is not here is named by its subject."""

NEW_ORDER = lazy_gettext("Order of the members changed")


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
    if (change_id := number_of(number)) is None:
        return None
    try:
        change = rights.change_for(s, access, change_id)
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


def just_added(
    s: Session, access: Access, subject: Subject, key: str, *, domain: str | None = None, **after: object
) -> bool:
    """Whether the last thing of its kind that the same person did, a moment ago, was to add this one.

    Then the second click of two is to show a secret again that the answer to the first one had, and nobody has seen.
    """
    for change in audit.history(s, domain=domain, actor=access.name, subject=subject, limit=1):
        same = (change.action, change.key) == (ChangeKind.ADD, key) and after.items() <= (change.after or {}).items()
        return same and is_recent(change)
    return False


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


def _shown(s: Session, access: Access, group: Group, change: Change) -> ShownChange:
    text = NEW_ORDER if ORDER in (change.after or {}) else WHAT.get((change.subject, change.action))
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
    return shown_values(change, group)
