"""The second click of two: what it asks for is done already, and the page says so in one sentence.

A service that finds all as it was asked to be records no change. One that finds nothing any more raises NotFound; then
the last change of that thing tells whether it was the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from fshunt.errors import NotFound
from fshunt.services import audit
from fshunt.services.audit import ChangeKind, Subject
from fshunt.web.signed_in import reading, writing

ALREADY = "-already"
"""Behind the word for what was done, in the address of a page: it was done before."""


@dataclass(frozen=True, slots=True)
class Last:
    """A change as the history has it. ``before``: the values that it has replaced."""

    subject: Subject
    action: ChangeKind
    key: str
    domain: str | None = None
    pilot: str | None = None
    before: Mapping[str, Any] = field(default_factory=dict)


def do_once(work: Callable[[Session], object], last: Last, done: str) -> str:
    """Do the work in one transaction and return the word for it, with ``ALREADY`` behind if it was done before.

    Raises as the work does, but not NotFound where ``last`` is the last change of its thing, whoever has made it: ask
    first whether the one who asks may see that.
    """
    try:
        with writing() as s:
            work(s)
            changed = audit.last_change_id(s) is not None
    except NotFound:
        if not _is_last(last):
            raise
        changed = False
    return done if changed else f"{done}{ALREADY}"


def _is_last(last: Last) -> bool:
    with reading() as s:
        found = audit.history(s, domain=last.domain, pilot=last.pilot, subject=last.subject, key=last.key, limit=1)
    return any(each.action is last.action and last.before.items() <= (each.before or {}).items() for each in found)
