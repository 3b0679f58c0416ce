"""The audit: every change of the administration, who made it, from where, and what was before and after.

An entrance says with ``acting`` who acts in a transaction; each service that changes something calls ``record`` in the
same transaction, so that a change and its record are there together or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from fshunt.db.queries import changes
from fshunt.db.queries.changes import PROGRAM, ChangeKind, Entrance, Subject
from fshunt.db.queries.rows import find_group_id
from fshunt.errors import NotFound
from fshunt.hunting.group import Group, Member
from fshunt.hunting.group_fields import columns_of
from fshunt.hunting.hours_text import show_days, show_intervals, show_week

__all__ = [
    "Actor",
    "Change",
    "ChangeKind",
    "Entrance",
    "Subject",
    "acting",
    "actor_of",
    "as_one_change",
    "get_change",
    "group_values",
    "history",
    "hours_values",
    "last_change_id",
    "member_values",
    "record",
    "record_of_group",
    "undoing",
]

LIMIT = 50
"""Changes on a page where nobody says how many."""

ORDER = "order"
"""The value that a new order of all members changes: their extensions from position 1."""

HOLIDAY = "holiday "
"""Before the days and the name of a holiday, in the values of a change."""

GROUP_BLOCK = "group "
"""Before the pilot, in the values of a change of blocks: what is of a block of this group alone."""

ACTOR, SILENT, UNDOES, LAST = "fshunt_actor", "fshunt_audit_silent", "fshunt_undoes", "fshunt_last_change"
"""Keys in a session's ``info``."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user's name (at the command line that of the operating system), the entrance and the address."""

    name: str
    entrance: Entrance
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``before`` and ``after`` have the fields that changed; None: it was not there."""

    id: int
    at: datetime
    actor: str
    entrance: Entrance
    address: str | None
    domain: str | None
    pilot: str | None
    group_id: int | None
    subject: Subject
    key: str
    action: ChangeKind
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    undoes: int | None
    undone_by: int | None

    def __str__(self) -> str:
        where = f" of {self.pilot}" if self.pilot not in (None, self.key) else ""
        return f"change {self.id} ({self.subject.value} {self.key}{where})"


def acting(s: Session, actor: Actor) -> None:
    """Say who acts in this transaction. Where nobody says it, fshunt itself does (a daemon, the demonstration)."""
    s.info[ACTOR] = actor


def actor_of(s: Session) -> Actor:
    """Return who acts in this transaction."""
    actor: Actor | None = s.info.get(ACTOR)
    return actor or Actor(PROGRAM, Entrance.DAEMON)


def record(
    s: Session,
    subject: Subject,
    action: ChangeKind,
    key: str,
    *,
    domain: str | None = None,
    pilot: str | None = None,
    group_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> int | None:
    """Record a change and return its id; None, and no record, where nothing changed.

    Where something was there before and is there after, only the fields that differ are kept.
    """
    if before is not None and after is not None:
        before, after = _differing(before, after)
        if not after:
            return None
    if s.info.get(SILENT):
        return None
    undone: Change | None = s.info.get(UNDOES)
    undoes = undone.id if undone is not None and undone.subject is subject else None
    what = {"subject": subject.value, "subject_key": key, "action": action.value, "undoes": undoes}
    where = {"domain": domain, "pilot": pilot, "group_id": group_id}
    values = {"before": None if before is None else dict(before), "after": None if after is None else dict(after)}
    made = changes.add(s, _who_and_when(s) | where | what | values)
    if undone is None or undoes is not None:
        s.info[LAST] = made
    return made


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    differ = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in differ}, {name: after[name] for name in differ}


def _who_and_when(s: Session) -> dict[str, Any]:
    actor = actor_of(s)
    return {
        "at": datetime.now(UTC),
        "actor": actor.name,
        "entrance": actor.entrance.value,
        "address": actor.address,
    }


def record_of_group(
    s: Session, group: Group, subject: Subject, action: ChangeKind, key: str, **values: Mapping[str, Any] | None
) -> int | None:
    """Record a change of a group, or of a member of it; ``values`` are ``before`` and ``after``."""
    place = {"domain": group.domain, "pilot": group.pilot, "group_id": group.id}
    return record(s, subject, action, key, **place, **values)  # type: ignore[arg-type]


def group_values(group: Group) -> dict[str, Any]:
    """Return a whole group as a change has it: its settings, its members in order, and its hours."""
    members = [columns_of(member) for member in group.members]
    return columns_of(group) | {"members": members, "hours": hours_values(group)}


def hours_values(group: Group) -> dict[str, str | None]:
    """Return the hours of a group as a change has them, each holiday under a name of its own."""
    hours, by_hand = group.hours, group.hours.by_hand
    holidays = {f"{HOLIDAY}{show_days(day)} {day.name}": show_intervals(day.intervals) for day in hours.holidays}
    return {
        "time_zone": group.time_zone,
        "hours": " ".join(show_week(hours.week)) or None,
        "closed_since": None if by_hand is None else by_hand.since.isoformat(),
        "closed_until": None if by_hand is None or by_hand.until is None else by_hand.until.isoformat(),
        **holidays,
    }


def member_values(member: Member) -> dict[str, Any]:
    """Return a whole member as a change has it."""
    return columns_of(member) | {"position": member.position}


@contextmanager
def as_one_change(s: Session) -> Iterator[None]:
    """Record nothing of what the block changes: the caller records it as one."""
    before = s.info.get(SILENT, False)
    s.info[SILENT] = True
    try:
        yield
    finally:
        s.info[SILENT] = before


@contextmanager
def undoing(s: Session, change: Change) -> Iterator[None]:
    """What the block changes undoes this change."""
    s.info[UNDOES] = change
    try:
        yield
    finally:
        del s.info[UNDOES]


def last_change_id(s: Session) -> int | None:
    """Return the last change that was recorded in this session's transaction; None: nothing has changed."""
    found: int | None = s.info.get(LAST)
    return found


def get_change(s: Session, change_id: int, *, lock: bool = False) -> Change:
    """Return a change; ``lock`` it until the transaction ends. Raises NotFound."""
    row = changes.by_id(s, change_id, lock=lock)
    if row is None:
        raise NotFound(f"There is no change {change_id}: `fshunt history` lists them.")
    return _change(row)


def history(
    s: Session,
    *,
    domain: str | None = None,
    pilot: str | None = None,
    group_ids: Collection[int] | None = None,
    subject: Subject | None = None,
    key: str | None = None,
    actor: str | None = None,
    before_id: int | None = None,
    after_id: int = 0,
    limit: int = LIMIT,
) -> list[Change]:
    """Return changes, the newest first; of the next page, ``before_id`` is the last one's id. ``after_id``: newer ones.

    With ``pilot`` (and ``domain``): those of this group, also under an earlier number, of its members, and the blocks
    of these; and those of groups that had the number before. ``group_ids`` leaves out what is not of these groups.
    """
    group_id = None if pilot is None or domain is None else find_group_id(s, domain, pilot)
    which = changes.Filter(
        domain=domain, pilot=pilot, group_id=group_id, group_ids=group_ids, subject=subject, key=key, actor=actor
    )
    return [_change(row) for row in changes.page(s, which, before_id=before_id, limit=limit, after_id=after_id)]


def _change(row: Any) -> Change:
    return Change(
        id=row.id,
        at=row.at,
        actor=row.actor,
        entrance=Entrance(row.entrance),
        address=row.address,
        domain=row.domain,
        pilot=row.pilot,
        group_id=row.group_id,
        subject=Subject(row.subject),
        key=row.subject_key,
        action=ChangeKind(row.action),
        before=row.before,
        after=row.after,
        undoes=row.undoes,
        undone_by=row.undone_by,
    )
