"""Who is on the phone now: one connection to each FreeSWITCH that is configured, followed event by event (section 3).

No call asks for it: what is known stands in memory. Where a switch is cut off, only what cannot be told any more is
left open, and the hunt goes by what the phones answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import gevent
from gevent import socket
from gevent.event import Event

from fshunt.backoff import Backoff
from fshunt.errors import FshuntError
from fshunt.esl import api
from fshunt.esl.inbound import Inbound
from fshunt.freeswitch.leg_uuids import leg_uuids
from fshunt.freeswitch.phones import Change, PhoneCall, PhoneTable, watch
from fshunt.freeswitch.slices import Breathe, in_slices
from fshunt.log_events import LogEvent, about
from fshunt.settings import WatchedSwitch

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 15.0
"""Pauses between tries to reach a switch that is cut off; each is twice the one before."""

SIGN_OF_LIFE_SECONDS = 10.0
"""After so long without a word the switch is asked whether it is there."""

ANSWER_SECONDS = 5.0
SETTLE_SECONDS = 2.0
"""FreeSWITCH's tables lag behind its events by a moment: soon after the start state it is taken once more."""

FRESH_STATE_SECONDS = 300.0
"""The start state is taken anew so often, in case an event was lost."""


@dataclass(frozen=True, slots=True)
class SeenPhone:
    """What is known of a member: ``registered`` None, not known; the calls that are seen are all there are or some."""

    registered: bool | None
    calls: tuple[PhoneCall, ...]


NOTHING_SEEN = SeenPhone(None, ())


def _breathe() -> None:
    gevent.sleep(0)


def _nothing(*_told: object) -> None:
    return


@dataclass(frozen=True, slots=True)
class Observers:
    """Who is told of what the switches say: each change, that a state was taken, and which switch was lost."""

    on_change: Callable[[Change], object] = _nothing
    on_state: Callable[[], object] = _nothing
    on_error: Callable[[str], object] = _nothing


NO_OBSERVERS = Observers()


class SwitchMonitor:
    """Follows one switch."""

    def __init__(
        self,
        switch: WatchedSwitch,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        observers: Observers = NO_OBSERVERS,
    ) -> None:
        self.switch = switch
        self.table = PhoneTable()
        self.core_uuid = ""
        """What tells this switch from others; it is another one after a restart."""
        self.watched = False
        """Whether the table is true now."""
        self.since: datetime | None = None
        """Since when it is watched, or cut off; None: it was never reached."""
        self.heard_at: datetime | None = None
        self.error: str | None = None
        self.pilot_table_error: str | None = None
        """Why its table of pilots is not kept, where somebody has to do something about it."""
        self._now, self._monotonic = now, monotonic
        self._observers = observers
        self.tried = Event()
        """Set when the switch was reached, or could not be, once."""

    def pilot_table_looked_at(self, error: str | None) -> None:
        """Its table of pilots is as the groups are; ``error`` is why it is not kept."""
        self.pilot_table_error = error

    def broke_down(self) -> None:
        """``run`` has raised: what the table says is true no more."""
        self._cut_off("internal error, see the log of the daemon")

    def run(self) -> None:
        """Follow the switch until killed; it is connected to again whenever the connection is lost."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            try:
                inbound = self._connect()
                try:
                    self.core_uuid = inbound.send(api.core_uuid(), ANSWER_SECONDS).reply_text.strip()
                    self._begin(inbound)
                    backoff.reset()
                    self._follow(inbound)
                finally:
                    inbound.close()
            except FshuntError as error:
                self._cut_off(str(error))
            gevent.sleep(backoff.next())

    def _connect(self) -> Inbound:
        password = self.switch.password()
        return Inbound.connect(
            self.switch.host,
            self.switch.port,
            password,
            CONNECT_SECONDS,
            create_connection=socket.create_connection,
            clock=self._monotonic,
        )

    def _begin(self, inbound: Inbound) -> None:
        self.table = PhoneTable()
        change = watch(inbound, self.table, _breathe)
        self.watched, self.error = True, None
        self.since = self.heard_at = self._now()
        log.info(
            "watching switch %s: %d channels, %d registrations",
            self.switch.name,
            self.table.channels,
            self.table.registrations,
            extra=about(LogEvent.SWITCH_WATCHED),
        )
        self.tried.set()
        self._observers.on_change(change)
        self._observers.on_state()

    def _follow(self, inbound: Inbound) -> None:
        fresh_state_at = self._monotonic() + SETTLE_SECONDS
        while True:
            event = inbound.next_event(min(fresh_state_at, self._monotonic() + SIGN_OF_LIFE_SECONDS))
            if event is not None:
                self.heard_at = self._now()
                self._observers.on_change(self.table.on_event(event.event))
            elif self._monotonic() >= fresh_state_at:
                self._observers.on_change(watch(inbound, self.table, _breathe))
                fresh_state_at = self._monotonic() + FRESH_STATE_SECONDS
                self.heard_at = self._now()
                self._observers.on_state()
            else:
                inbound.send(api.uptime(), ANSWER_SECONDS)
                self.heard_at = self._now()

    def _cut_off(self, error: str) -> None:
        if self.watched or error != self.error:  # at each try it is said only what was not said before
            log.warning("switch %s not watched: %s", self.switch.name, error, extra=about(LogEvent.SWITCH_LOST))
        if self.watched or self.since is None:
            self.since = self._now()
        self.watched, self.error = False, error
        self.tried.set()
        self._observers.on_error(self.switch.name)


class Monitor:
    """All switches of the configuration, taken together."""

    def __init__(
        self,
        switches: Iterable[WatchedSwitch],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        observers: Observers = NO_OBSERVERS,
    ) -> None:
        self.switches = [SwitchMonitor(switch, now, monotonic, observers) for switch in switches]

    def wait_until_tried(self, seconds: float) -> None:
        """Wait until each switch was reached, or could not be, once: so long for all of them together."""
        gevent.wait([each.tried for each in self.switches], timeout=seconds)

    @property
    def configured(self) -> bool:
        """Whether there is a switch to watch."""
        return bool(self.switches)

    @property
    def watched(self) -> bool:
        """Whether every switch is watched, so that what is not seen is not there."""
        return self.configured and all(each.watched for each in self.switches)

    def why_not(self) -> str | None:
        """Return in words why who is on the phone is not known; None if it is."""
        if not self.configured:
            return "no switch is configured to be watched"
        cut_off = [each.switch.name for each in self.switches if not each.watched]
        return f"cut off from the switch {', '.join(cut_off)}" if cut_off else None

    def elsewhere(self, domain: str, number: str, core_uuid: str) -> WatchedSwitch | None:
        """Return another switch than that of ``core_uuid`` where an extension is registered, one with a route first."""
        others = [each for each in self.switches if each.watched and each.core_uuid != core_uuid]
        found = [each.switch for each in others if each.table.is_registered(number, domain)]
        return min(found, key=lambda switch: switch.dial is None, default=None)

    def look(self, domain: str, number: str, core_uuid: str | None = None) -> SeenPhone:
        """Return what is known of an extension now; at one switch alone where its ``core_uuid`` is given."""
        tables = [each.table for each in self.switches if each.watched and core_uuid in (None, each.core_uuid)]
        if not tables:
            return NOTHING_SEEN
        presence_id = f"{number}@{domain}".lower()
        calls = tuple(call for table in tables for call in table.calls_of(presence_id))
        if any(table.is_registered(number, domain) for table in tables):
            return SeenPhone(True, calls)
        return SeenPhone(False if self.watched else None, calls)

    def registered_in(self, domain: str, breathe: Breathe) -> list[str]:
        """Return the extensions of a domain that are registered at any switch; ``breathe`` is called now and then."""
        tables = [each.table for each in self.switches if each.watched]
        return sorted({user for table in tables for user in in_slices(table.registered_in(domain), breathe)})

    def has_channel(self, uuid: str) -> bool | None:
        """Tell whether a channel exists; None: a switch that may have it is cut off."""
        if any(each.watched and each.table.has_channel(uuid) for each in self.switches):
            return True
        return False if self.watched else None

    def extension_of(self, uuid: str) -> str | None:
        """Return the extension whose channel it is; None where that is not known."""
        found = (each.table.ids_of(uuid) for each in self.switches if each.watched)
        return next((min(ids).partition("@")[0] for ids in found if ids), None)

    def is_answered(self, uuid: str) -> bool:
        """Tell whether a channel is seen, and answered."""
        return any(each.watched and each.table.is_answered(uuid) for each in self.switches)

    def legs_of(self, offer_id: str, phones: int) -> list[str]:
        """Return the legs that are seen of an offer to so many phones, and to those that have come late."""
        return [leg for leg in leg_uuids(offer_id, phones) if self.has_channel(leg)]
