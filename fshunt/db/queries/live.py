"""Live states through the database: who watches which groups, and what each daemon sees of their members' phones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Executable, bindparam, delete, or_, select, true, tuple_
from sqlalchemy.orm import Session

from fshunt.db.models import LivePhones, LiveWatch
from fshunt.db.prepared import Prepared
from fshunt.db.queries.daemons import DAEMONS
from fshunt.db.queries.rows import DOMAINS, GROUPS, MEMBERS
from fshunt.db.statements import dialect_of, insert_for, run, table, write

WATCHES, PHONES = table(LiveWatch), table(LivePhones)
_WATCHES = select(WATCHES)
_OVER = Prepared(
    delete(WATCHES).where(
        WATCHES.c.domain == bindparam("of_domain"),
        WATCHES.c.pilot == bindparam("of_pilot"),
        WATCHES.c.renewals == bindparam("seen"),
    )
)
_NUMBERS = (
    select(GROUPS.c.id, DOMAINS.c.name.label("domain"), MEMBERS.c.extension)
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .outerjoin(MEMBERS, MEMBERS.c.group_id == GROUPS.c.id)
    .order_by(GROUPS.c.id)
)
_IDS = select(GROUPS.c.id).join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id).order_by(GROUPS.c.id)
_PLACES = (
    select(GROUPS.c.id, DOMAINS.c.name.label("domain"), GROUPS.c.pilot)
    .join(DOMAINS, DOMAINS.c.id == GROUPS.c.domain_id)
    .order_by(DOMAINS.c.name, GROUPS.c.pilot)
)
_GONE = Prepared(
    delete(PHONES).where(
        PHONES.c.run_id == bindparam("by"), PHONES.c.group_id.in_(bindparam("group_ids", expanding=True))
    )
)
_BY_RUN = select(PHONES.c.group_id).where(PHONES.c.run_id == bindparam("by"))
_OF_GROUPS = select(PHONES).where(PHONES.c.group_id.in_(bindparam("group_ids", expanding=True)))
_HEARTBEATS = select(DAEMONS.c.run_id, DAEMONS.c.node, DAEMONS.c.counter, DAEMONS.c.heartbeat_at).where(~DAEMONS.c.lost)


class Watched(NamedTuple):
    """What somebody looks at: a group, all groups of a domain (no pilot), or all groups (neither)."""

    domain: str = ""
    pilot: str = ""


class LiveRow(NamedTuple):
    """What a run has published of a group."""

    run_id: str
    group_id: int
    phones: dict[str, Any]


class Beat(NamedTuple):
    """The last heartbeat of a run that nobody has presumed dead."""

    run_id: str
    node: str
    counter: int
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class WatchedGroup:
    """A group that is watched, and the extensions among its members."""

    id: int
    domain: str
    numbers: tuple[str, ...]


def renew(s: Session, watched: Iterable[Watched]) -> bool:
    """Say that somebody looks at these now; tell whether nobody did before."""
    statement = _renewing(dialect_of(s))
    counts = [run(s, statement, {**each._asdict(), "renewals": 1}).scalar_one() for each in sorted(set(watched))]
    return 1 in counts


def watches(s: Session) -> dict[Watched, int]:
    """Return what is watched, and how often that was renewed."""
    return {Watched(row.domain, row.pilot): row.renewals for row in run(s, _WATCHES, {})}


def end_watches(s: Session, stood_still: Mapping[Watched, int]) -> None:
    """Forget watches, each with the count at which it stood still: one that was renewed just now is spared."""
    for each, renewals in sorted(stood_still.items()):
        write(s, _OVER, {"of_domain": each.domain, "of_pilot": each.pilot, "seen": renewals})


def watched_groups(s: Session, watched: Collection[Watched]) -> dict[int, WatchedGroup]:
    """Return the groups that these name, by id, with the extensions among their members."""
    numbers: dict[int, tuple[str, list[str]]] = {}
    for row in run(s, _NUMBERS.where(_named_by(watched)), {}) if watched else ():
        _, found = numbers.setdefault(row.id, (row.domain, []))
        if row.extension is not None and "@" not in row.extension:  # an external number has no phone at a switch
            found.append(row.extension)
    return {group_id: WatchedGroup(group_id, domain, tuple(found)) for group_id, (domain, found) in numbers.items()}


def group_ids(s: Session, watched: Collection[Watched]) -> list[int]:
    """Return the ids of the groups that these name."""
    return list(run(s, _IDS.where(_named_by(watched)), {}).scalars()) if watched else []


def group_places(s: Session) -> dict[int, tuple[str, str]]:
    """Return the domain and the pilot of each group, by its id, in order of domain and pilot."""
    return {row.id: (row.domain, row.pilot) for row in run(s, _PLACES, {})}


def publish(s: Session, run_id: str, changed: Mapping[int, dict[str, Any]], gone: Collection[int]) -> None:
    """Write what a run sees of these groups now, and remove what it has published of those that are not watched."""
    for group_id, phones in sorted(changed.items()):
        write(s, _publishing(dialect_of(s)), {"run_id": run_id, "group_id": group_id, "phones": phones})
    if gone:
        write(s, _GONE, {"by": run_id, "group_ids": sorted(gone)})


def published_by(s: Session, run_id: str) -> set[int]:
    """Return the groups of which a run has published something."""
    return set(run(s, _BY_RUN, {"by": run_id}).scalars())


def published(s: Session, ids: Collection[int]) -> list[LiveRow]:
    """Return what all runs have published of groups."""
    return [LiveRow(row.run_id, row.group_id, row.phones) for row in run(s, _OF_GROUPS, {"group_ids": sorted(ids)})]


def heartbeats(s: Session) -> list[Beat]:
    """Return the last heartbeat of each run that nobody has presumed dead."""
    return [Beat(row.run_id, row.node, row.counter, row.heartbeat_at) for row in run(s, _HEARTBEATS, {})]


def _named_by(watched: Collection[Watched]) -> ColumnElement[bool]:
    if Watched() in watched:
        return true()
    domains = sorted(each.domain for each in watched if not each.pilot)
    groups = sorted((each.domain, each.pilot) for each in watched if each.pilot)
    return or_(DOMAINS.c.name.in_(domains), tuple_(DOMAINS.c.name, GROUPS.c.pilot).in_(groups))


@cache
def _renewing(dialect: str) -> Executable:
    insert = insert_for(dialect, LiveWatch)
    renewed = insert.on_conflict_do_update(
        index_elements=["domain", "pilot"], set_={"renewals": WATCHES.c.renewals + 1}
    )
    return renewed.returning(WATCHES.c.renewals)


@cache
def _publishing(dialect: str) -> Prepared:
    insert = insert_for(dialect, LivePhones)
    changed = {"phones": insert.excluded.phones}
    return Prepared(insert.on_conflict_do_update(index_elements=["run_id", "group_id"], set_=changed))
