"""Callers in a group's queue, and those who left it to be called back, as a daemon would have written them."""

from __future__ import annotations

from datetime import UTC, datetime

from fshunt.db.engine import Store
from fshunt.db.queries import callbacks, queue
from fshunt.db.queries.callbacks import Request, Wanted
from fshunt.services import groups
from tests.web.people import DOMAIN, PILOT

RUN = "run"


def waits(store: Store, hunt_id: str, *, ticket: int | None = None, at: datetime | None = None) -> None:
    """Have the caller of a hunt wait for a member of the first group."""
    with store.writing() as s:
        group = groups.get_group(s, DOMAIN, PILOT)
        queue.join(
            s, hunt_id, ["1001"], domain=DOMAIN, group_id=group.id, call_uuid=f"uuid-{hunt_id}", run_id=RUN,
            ticket=ticket, at=at or datetime.now(UTC),
        )  # fmt: skip


def ask_back(
    store: Store, number: str, name: str = "Ada", *, ticket: int = 7, pilot: str = PILOT, at: datetime | None = None
) -> Request:
    """Have an extension ask to be called back; return its request."""
    with store.writing() as s:
        group = groups.get_group(s, DOMAIN, pilot)
        wanted = Wanted(group.id, number, name, True, "default", "default", "pbx", f"hunt-{number}", ticket)
        assert callbacks.request(s, wanted, at or datetime.now(UTC))
        return next(each for each in callbacks.open_requests_of(s, group.id) if each.number == number)


def is_served(store: Store, request: Request, *, calls_caller: bool = False) -> None:
    """Have a daemon make the call in a caller's place; ``calls_caller``: a member has answered it."""
    with store.writing() as s:
        assert callbacks.begin(s, request.id, "attempt", run_id=RUN, switch="pbx")
        if calls_caller:
            assert callbacks.dial(s, request.id, "attempt") is not None
