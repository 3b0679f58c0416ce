"""The audit: one row for each change of the administration, whoever made it and from where."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from fshunt.db.models import ChangeRecord
from fshunt.db.prepared import Prepared
from fshunt.db.queries.rows import DOMAINS, GROUPS, MEMBERS
from fshunt.db.statements import Transaction, run, table, write


class Entrance(StrEnum):
    """From where a change came."""

    PAGE = "page"
    API = "api"
    COMMAND_LINE = "command-line"
    PHONE = "phone"
    FILE = "file"
    DAEMON = "daemon"


class Subject(StrEnum):
    """What was changed. ``subject_key`` is a pilot, an extension, or a name."""

    GROUP = "group"
    MEMBER = "member"
    BLOCK = "block"
    HOURS = "hours"
    LIMITS = "limits"
    USER = "user"
    GRANT = "grant"
    TOKEN = "token"  # noqa: S105 (a word)
    INVITATION = "invitation"
    BOARD = "board"
    NOTICE = "notice"
    CALLBACK = "callback"
    """The request of a caller to be called back."""
    DOMAIN = "domain"
    CALL = "call"
    """A note that its caller was called back."""


class ChangeKind(StrEnum):
    """What was done to it."""

    ADD = "add"
    SET = "set"
    MOVE = "move"
    REMOVE = "remove"


PROGRAM = "fshunt"
"""The name of the actor where no person acts."""

CHANGES = table(ChangeRecord)
_INSERT = insert(CHANGES).returning(CHANGES.c.id)
_INSERT_SILENTLY = Prepared(insert(CHANGES).inline())
"""Without the id, which SQLAlchemy would fetch by itself: the answer may come with the COMMIT."""
_BY_ID = select(CHANGES).where(CHANGES.c.id == bindparam("change"))
_MARK_UNDONE = update(CHANGES).where(CHANGES.c.id == bindparam("undone")).values(undone_by=bindparam("by"))
_OLD = (
    select(CHANGES.c.id)
    .where(CHANGES.c.at < bindparam("before_at"))
    .order_by(CHANGES.c.at)
    .limit(bindparam("many"))
    .with_for_update(skip_locked=True)
)
_REMOVE = delete(CHANGES).where(CHANGES.c.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which changes are meant; None: any.

    ``group_ids``: changes of these groups and of their members, and blocks in all groups
    of extensions that are members of them now.
    ``pilot``: changes under this number of the domain, and as above those of ``group_id``, which has it now.
    """

    domain: str | None = None
    pilot: str | None = None
    group_id: int | None = None
    group_ids: Collection[int] | None = None
    subject: Subject | None = None
    key: str | None = None
    actor: str | None = None


def add(s: Session, values: Mapping[str, Any]) -> int:
    """Insert a change and return its id."""
    return int(run(s, _INSERT, _row(values)).scalar_one())


def add_by_daemon(s: Transaction, values: Mapping[str, Any]) -> None:
    """Insert a change that a daemon makes by itself, without waiting for the database's answer."""
    write(s, _INSERT_SILENTLY, _row({"actor": PROGRAM, "entrance": Entrance.DAEMON.value} | dict(values)))


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    """One statement for all changes: each has all columns."""
    row = dict.fromkeys((column.name for column in CHANGES.c if column.name != "id"), None)
    return row | dict(values)


def by_id(s: Session, change_id: int, *, lock: bool = False) -> Any:
    """Return the row of a change, or None."""
    return run(s, _BY_ID.with_for_update() if lock else _BY_ID, {"change": change_id}).first()


def mark_undone(s: Session, change_id: int, by: int) -> None:
    """Note by which change a change was undone."""
    run(s, _MARK_UNDONE, {"undone": change_id, "by": by})


def page(s: Session, which: Filter, *, before_id: int | None, limit: int, after_id: int = 0) -> list[Any]:
    """Return the newest changes, newest first; those before ``before_id`` where it is given, and after ``after_id``."""
    query = select(CHANGES).where(*_conditions(which)).order_by(CHANGES.c.id.desc()).limit(limit)
    if after_id:
        query = query.where(CHANGES.c.id > after_id)
    return list(run(s, query if before_id is None else query.where(CHANGES.c.id < before_id), {}))


def _conditions(which: Filter) -> list[ColumnElement[bool]]:
    equal = {
        CHANGES.c.domain: which.domain,
        CHANGES.c.subject: which.subject,
        CHANGES.c.subject_key: which.key,
        CHANGES.c.actor: which.actor,
    }
    found: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
    if which.pilot is not None:
        now = [] if which.group_id is None else _of_groups([which.group_id])
        found.append(or_(CHANGES.c.pilot == which.pilot, *now))
    if which.group_ids is not None:
        found.append(or_(*_of_groups(which.group_ids)))
    return found


def _of_groups(group_ids: Collection[int]) -> list[ColumnElement[bool]]:
    ids = sorted(group_ids)
    members = (
        select(DOMAINS.c.name, MEMBERS.c.extension)
        .join(GROUPS, GROUPS.c.id == MEMBERS.c.group_id)
        .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
        .where(MEMBERS.c.group_id.in_(ids))
    )
    whose = tuple_(CHANGES.c.domain, CHANGES.c.subject_key).in_(members)
    of_all_groups = and_(CHANGES.c.subject == Subject.BLOCK.value, CHANGES.c.group_id.is_(None), whose)
    return [CHANGES.c.group_id.in_(ids), of_all_groups]


def prune_some(s: Session, before: datetime, many: int) -> int:
    """Remove up to so many changes that were made before a moment, the oldest first; return how many."""
    ids = list(run(s, _OLD, {"before_at": before, "many": many}).scalars())
    if ids:
        run(s, _REMOVE, {"ids": ids})
    return len(ids)


def block_values(since: datetime, reason: str | None, until: datetime | None = None) -> dict[str, Any]:
    """Return a block as a change has it."""
    return {"since": _text(since), "reason": reason, "until": None if until is None else _text(until)}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
