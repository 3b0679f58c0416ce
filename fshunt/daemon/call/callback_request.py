"""A queued caller asks to be called back, or does not need it any more (design, section 20)."""

from __future__ import annotations

import logging

from fshunt.daemon.call.call_lines import about_call
from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.finish import context_of
from fshunt.daemon.data.database import Deadline
from fshunt.daemon.data.events import CallbackServed
from fshunt.daemon.deps import Dependencies
from fshunt.db.queries import callbacks
from fshunt.db.queries.callbacks import Wanted
from fshunt.errors import DatabaseError
from fshunt.esl.frames import Frame
from fshunt.freeswitch.logins import login_of
from fshunt.hunting import validation
from fshunt.hunting.callbacks import may_be_called
from fshunt.hunting.hunt import Hunt
from fshunt.log_events import LogEvent

log = logging.getLogger(__name__)


class CallbackOffer:
    """What one caller may ask for: ``ask`` writes it down, ``withdraw`` that it is not needed any more."""

    def __init__(self, channel: Frame, caller: Caller, hunt: Hunt, deps: Dependencies) -> None:
        self._channel, self._caller, self._hunt, self._deps = channel, caller, hunt, deps

    def ask(self, ticket: int | None) -> bool:
        """Write down that the caller is to be called back in the place of this ticket; tell whether that was done.

        False: the caller may not be called back, or the database does not take it now.
        """
        number = self._extension() or self._outside_number()
        if number is None or ticket is None or not self._deps.monitor.configured:
            return False
        group, caller = self._hunt.group, self._caller
        wanted = Wanted(
            group_id=group.id,
            number=number,
            name=caller.name,
            internal=self._extension() is not None,
            context=caller.context,
            dial_context=context_of(group, caller, self._deps.settings),
            switch=self._channel.get("FreeSWITCH-Switchname") or "",
            hunt_id=self._hunt.id,
            ticket=ticket,
        )
        deadline = Deadline(self._deps.settings.database_timeout, self._deps.monotonic)
        try:
            now = self._deps.now()
            self._deps.database.run(lambda s: callbacks.request(s, wanted, now), write=True, deadline=deadline)
        except DatabaseError as error:
            words = "call %s: no call back now: %s"
            log.warning(words, caller.uuid, error, extra=about_call(LogEvent.CALL_WITHOUT_DATABASE, caller))
            return False
        return True

    def withdraw(self) -> None:
        """The caller has reached a member: if there is an open request of the same number in the group, it is done."""
        number = self._extension() or self._shown_number()
        if number is None:
            return
        group_id, internal = self._hunt.group.id, self._extension() is not None
        served = CallbackServed(
            hunt_id=self._hunt.id, group_id=group_id, number=number, internal=internal, at=self._deps.now()
        )
        self._deps.outbox.put(served)

    def _extension(self) -> str | None:
        """Return the extension of the group's domain whose password the caller's phone has proven; None: none has."""
        login = login_of(self._channel)
        if isinstance(login, str) or login.domain.lower() != self._hunt.group.domain.lower():
            return None
        return next((name for name in login.names if _is_number(name)), None)

    def _outside_number(self) -> str | None:
        """Return the number that the caller shows, where the settings allow it to be called."""
        number = self._shown_number()
        if number is None:
            return None
        return number if may_be_called(number, self._deps.settings.callback_allowed) else None

    def _shown_number(self) -> str | None:
        return None if self._caller.withheld else self._caller.shown_number


def _is_number(name: str) -> bool:
    return name.isdecimal() and validation.fits(validation.check_caller_number, name)
