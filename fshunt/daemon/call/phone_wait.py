"""A caller waits for a phone where no member has one: mobiles that are woken by a push register late (section 4)."""

from __future__ import annotations

from fshunt.daemon.call.music import HoldMusic
from fshunt.daemon.call.phone_lookup import find_phones
from fshunt.daemon.call.waves import hold
from fshunt.daemon.deps import Dependencies
from fshunt.esl.session import Session
from fshunt.hunting.hunt import Hunt

LOOK_SECONDS = 1.0
"""Between two questions to the switch, where no monitor tells that a phone has registered."""

WATCHED_LOOK_SECONDS = 3.0
"""The same where the monitor does: it may be cut off, or know the phone by another name of its domain."""


class PhoneWait:
    """The wait of one caller for the first phone of a group's members."""

    def __init__(self, session: Session, hunt: Hunt, music: HoldMusic, deps: Dependencies) -> None:
        self.session, self.hunt, self.deps = session, hunt, deps
        self._members = hunt.may_ring(deps.wall())
        self._music = music

    def is_needed(self) -> bool:
        """Tell whether none of the members who may be rung has a phone, though there are such members."""
        return bool(self._members) and not self._has_phone()

    def until_phone(self, until: float) -> bool:
        """Wait until one of them has a phone, or until a time of the monotonic clock; tell whether one has.

        The caller hears music or ringing. Raises CallerGone, CallerTaken.
        """
        domain, clock = self.hunt.group.domain, self.deps.monotonic
        ids = [member.address.at(domain).lower() for member in self._members]
        found = False
        with self.deps.phone_waits.woken_by(ids, self.session.wake):
            while not (found := self._has_phone()) and clock() < until:
                look = WATCHED_LOOK_SECONDS if self.deps.monitor.watched else LOOK_SECONDS
                hold(self.session, self._music, min(until, clock() + look), wakeable=True)
        self._music.stop()
        return found

    def _has_phone(self) -> bool:
        self.session.check_caller()
        found = find_phones(self.session, self.hunt.group.domain, self._members, self.deps)
        return any(phones.endpoints for phones in found.values())
