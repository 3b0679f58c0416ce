"""A small office to test on: the domain pbx.test, the pilot 5000."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from fshunt.db.engine import Store
from fshunt.hunting.addresses import MemberAddress, parse_member
from fshunt.hunting.group import Group
from fshunt.services import groups, members

DOMAIN = "pbx.test"
PILOT = "5000"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def addresses(*texts: str) -> list[MemberAddress]:
    return [parse_member(text) for text in texts]


def make_office(store: Store, *extensions: str, pilot: str = PILOT, **fields: Any) -> Group:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, pilot, **fields)
        return members.add_members(s, DOMAIN, pilot, addresses(*extensions))


def look(store: Store, pilot: str = PILOT) -> Group:
    with store.reading() as s:
        return groups.get_group(s, DOMAIN, pilot)


def extensions(group: Group) -> list[str]:
    return [member.extension for member in group.members]


def waits_or_ends(store: Store, pending: Future[Any]) -> None:
    """Return when the pending write waits for another's lock or is done. SQLite does not report waiters."""
    here = "FROM pg_stat_activity WHERE datname = current_database()"
    waiting = text(f"SELECT count(*) {here} AND wait_event_type = 'Lock'")
    while not store.is_sqlite and not pending.done():
        with store.reading() as s:
            if s.execute(waiting).scalar_one():
                return
