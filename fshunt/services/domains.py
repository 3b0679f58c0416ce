"""Domains: what is in each, and another name for one."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from fshunt.db.engine import Store
from fshunt.db.queries import domains as rows
from fshunt.db.queries.domains import MAX_COUNTED, DomainRow
from fshunt.db.queries.rows import find_domain_id
from fshunt.errors import Conflict
from fshunt.hunting.validation import check_domain
from fshunt.services.audit import ChangeKind, Subject, record

__all__ = ["MAX_COUNTED", "DomainRow", "check_rename", "finish_rename", "get_domain", "list_domains", "rename_domain"]

LATE_SECONDS = 1.0
"""Within so long a daemon that has the database has written a call that it began."""

MAX_LOOKS = 10
"""For records of calls that began with the old name; a daemon without the database writes them when it is back."""


def list_domains(s: Session) -> list[DomainRow]:
    """Return the domains that have groups, in order of their names."""
    return rows.domains(s)


def get_domain(s: Session, name: str) -> DomainRow:
    """Return the domain with this name; raise NotFound, naming the nearest."""
    find_domain_id(s, name)
    return rows.domains(s, name)[0]


def rename_domain(s: Session, old: str, new: str) -> DomainRow:
    """Give a domain another name, with its groups, the records of its calls, its users and its history.

    Ids stay, so sessions, tokens, boards and grants hold. Raises as ``check_rename``.
    """
    check_rename(s, old, new, lock=True)
    rows.rename(s, old, new)
    record(s, Subject.DOMAIN, ChangeKind.SET, new, domain=new, before={"name": old}, after={"name": new})
    return get_domain(s, new)


def finish_rename(store: Store, old: str, new: str, pause: Callable[[], object]) -> None:
    """Take along the records of calls that had begun, in the old name, in the moment of the renaming.

    A daemon writes a call within a second of its beginning, so it is looked after each ``pause`` until none is found.
    """
    for _ in range(MAX_LOOKS):
        pause()
        with store.writing() as s:
            if not rows.take_along(s, old, new):
                return


def check_rename(s: Session, old: str, new: str, *, lock: bool = False) -> None:
    """Raise what keeps a domain from getting another name: BadValue, NotFound or Conflict.

    ``lock`` keeps other administration of the domain waiting.
    """
    check_domain(new)
    find_domain_id(s, old, lock=lock)
    if new == old:
        raise Conflict(f"{old} is named so already: give it another name.")
    there = [each for each in rows.written(s, new) if each != old]
    if there:
        raise Conflict(f"There is a domain {there[0]} already: two domains cannot become one.")
    user = rows.same_extension(s, old, new)
    if user is not None:
        raise Conflict(
            f"Extension {user.extension} has a user in {old}, and one in {new}: remove one with `fshunt user remove`."
        )
    in_progress = rows.calls_in_progress(s, old)
    if in_progress:
        calls = "a call" if in_progress == 1 else f"{in_progress} calls"
        raise Conflict(
            f"{old} has {calls} in progress: try again when no call is; `fshunt call list --domain {old}` shows them."
        )
