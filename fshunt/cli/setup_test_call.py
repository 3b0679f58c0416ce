"""The test call of `fshunt setup`, from the yes to its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fshunt.cli.setup_host import Host, login
from fshunt.db.queries.calls import list_calls_of_group, show_call
from fshunt.errors import FshuntError
from fshunt.hunting.group import Group
from fshunt.services import setup_call
from fshunt.services.setup_apply import password_now
from fshunt.services.setup_facts import Facts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.db.models import CallRecord

RECORD_SECONDS = 10.0
"""For the daemon to write the end of the call; it takes some hundredths of a second."""
LOOK_SECONDS = 0.2


def place_test_call(host: Host, facts: Facts, group: Group, say: Callable[..., None]) -> CallRecord:
    """Call a group, wait until the call is over, and return its record. Ctrl-C ends the call. Raises FshuntError."""
    store = host.app().store
    with store.reading() as session:
        before = {each.uuid for each in _calls(session, group)}
    with login(facts.socket.address, password_now(facts)) as line:
        placed = setup_call.place(line, group, facts.dialplan.context)
        say(f"         Calling {group.pilot}. Pick up one of the phones; Ctrl-C ends the call.")
        try:
            over = setup_call.wait_until_over(line, placed, time.monotonic, setup_call.longest_seconds(group))
        except KeyboardInterrupt:
            setup_call.end(line, placed)
            raise
    if not over:
        raise FshuntError(f"The test call to {group.pilot} has not ended: see `fshunt status`.")
    deadline = time.monotonic() + RECORD_SECONDS
    while time.monotonic() < deadline:
        with store.reading() as session:
            ended = [each for each in _calls(session, group) if each.uuid not in before and each.ended_at is not None]
            if ended:
                return show_call(session, ended[0].uuid)[0]
        time.sleep(LOOK_SECONDS)
    raise FshuntError(
        f"The test call to {group.pilot} did not get to the daemon: FreeSWITCH's log says where it went, and "
        "`fshunt config check` what stands in its way."
    )


def _calls(session: Session, group: Group) -> list[CallRecord]:
    found = list_calls_of_group(session, group.domain, group.pilot)
    return [each for each in found if each.caller_number == setup_call.CALLER]
