"""The limits of groups: a provider sets them, and they bind administrators, by whatever entrance they come.

An entrance says with ``bind`` that limits hold in a transaction. The services that change groups and members call
``check`` with the group before and after, so that no entrance, and no undo, can pass a limit by. At the command line of
the host nobody is bound.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fshunt.db.models import Domain, GroupLimits, HuntGroup
from fshunt.db.queries.rows import find_domain_id, find_group
from fshunt.errors import BeyondLimits
from fshunt.hunting.group import Group
from fshunt.hunting.limits import (
    DEFAULT_LIMITS,
    NO_LIMITS,
    Limits,
    Sentences,
    beyond,
    beyond_now,
    limit_values,
    limits_of_json,
)
from fshunt.services.audit import ChangeKind, Subject, record_of_group
from fshunt.services.users import Role

SECONDS_PER_RING = "fshunt_limits_seconds_per_ring"
"""Key in a session's ``info``; it is there where limits bind."""


def bind(s: Session, role: Role, seconds_per_ring: float) -> None:
    """Say that somebody of a role changes things in this transaction: a provider may go beyond limits."""
    if role is not Role.PROVIDER:
        s.info[SECONDS_PER_RING] = seconds_per_ring


def limits_of(s: Session, group: Group) -> Limits:
    """Return the limits of a group: those that it was given, else the default."""
    row = s.get(GroupLimits, group.id, populate_existing=True)
    return DEFAULT_LIMITS if row is None else limits_of_json(_read(row))


def sentences_of(s: Session, before: Group, after: Group) -> Sentences:
    """Return what a change would have go beyond the limits, by column; nothing where limits do not bind."""
    seconds_per_ring: float | None = s.info.get(SECONDS_PER_RING)
    if seconds_per_ring is None:
        return {}
    return beyond(
        limits_of(s, before), before, after, seconds_per_ring, lambda number: _is_pilot(s, before.domain, number)
    )


def check(s: Session, before: Group, after: Group) -> None:
    """Raise BeyondLimits if the change goes beyond a limit that binds in this transaction."""
    found = sentences_of(s, before, after)
    if found:
        raise BeyondLimits(found)


def beyond_by_now(s: Session, group: Group, seconds_per_ring: float) -> list[str]:
    """Return what of a group goes beyond its limits already, one sentence each."""
    return beyond_now(limits_of(s, group), group, seconds_per_ring, lambda number: _is_pilot(s, group.domain, number))


def set_limits(s: Session, domain: str, pilot: str, limits: Limits) -> Group:
    """Set all limits of a group, in place of the default; what goes beyond them already stays.

    Raises NotFound or BadValue.
    """
    limits.check()
    group = find_group(s, find_domain_id(s, domain, lock=True), domain, pilot)
    before = limits_of(s, group)
    row = s.get(GroupLimits, group.id)
    if row is None:
        s.add(GroupLimits(group_id=group.id, **_columns(limits)))
    else:
        for name, value in _columns(limits).items():
            setattr(row, name, value)
    s.flush()
    values = {"before": limit_values(before), "after": limit_values(limits)}
    record_of_group(s, group, Subject.LIMITS, ChangeKind.SET, group.pilot, **values)
    return group


def _is_pilot(s: Session, domain: str, number: str) -> bool:
    found = select(HuntGroup.id).join(Domain, Domain.id == HuntGroup.domain_id)
    return s.scalar(found.where(Domain.name == domain, HuntGroup.pilot == number)) is not None


def _columns(limits: Limits) -> dict[str, Any]:
    """Lists are words with spaces between: neither a policy nor a gateway has one in its name."""
    return {name: " ".join(value) if isinstance(value, list) else value for name, value in limit_values(limits).items()}


def _read(row: GroupLimits) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in limit_values(NO_LIMITS)}
    return {name: value.split() if isinstance(value, str) else value for name, value in values.items()}
