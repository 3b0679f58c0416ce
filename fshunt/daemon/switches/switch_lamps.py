"""The lamps at one switch: who watches them, what they were told last, and what is to be told (design, section 18)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import gevent
from gevent.event import Event

from fshunt.backoff import Backoff
from fshunt.daemon.switches.lamp_book import LampBook
from fshunt.daemon.switches.line import open_line
from fshunt.daemon.switches.monitor import SwitchMonitor
from fshunt.daemon.switches.own_subscriptions import OwnSubscriptions
from fshunt.errors import FshuntError
from fshunt.esl import api, commands
from fshunt.esl.commands import Command, UnsafeText
from fshunt.esl.inbound import Inbound
from fshunt.freeswitch.presence import (
    NO_PHONE,
    PRESENCE,
    PROBE,
    Lamp,
    LampState,
    Watching,
    address_of,
    read_watching,
    told,
)

log = logging.getLogger(__name__)

TOLD_AT_ONCE, PAUSE_SECONDS = 20, 0.05
"""Events in one write, and the pause after it: 400 a second at most. mod_sofia takes 0.4 ms for each and for each of
its profiles, in the one thread that serves all presence."""

REST_PAUSE_SECONDS = 0.1
"""The same while all lamps are told anew and none has changed: half the load for the switch, for twice as long."""

LOOKED_AT_ONCE = 100
"""Lamps whose state is made before other greenlets run: some milliseconds."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 15.0
"""Between tries to reach the switch; each is twice the one before."""

SIGN_OF_LIFE_SECONDS, ANSWER_SECONDS = 30.0, 5.0

MAX_ASKED = 1000
"""Subscriptions that wait to be told. More than that is a flood: phones ask again when they renew."""

MAX_UNKNOWN = 1000
"""The first one is forgotten for a further one: whoever watches what is no lamp will not use up the memory."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Who counts the events that were sent, and the subscriptions that were heard; each gets the name of the switch."""

    told: Callable[[str, int], object]
    heard: Callable[[str], object]


@dataclass(slots=True)
class _Due:
    """What is to be told, in this order. A dict keeps its order, and has nothing twice."""

    changed: dict[Lamp, None] = field(default_factory=dict)
    """These may be otherwise than they were told."""
    anew: dict[Lamp, None] = field(default_factory=dict)
    """These are told again, whether they are otherwise or not."""
    subscriptions: dict[str, Lamp] = field(default_factory=dict)
    rest: Iterator[Lamp] | None = None
    """All others, one by one; None: there are none."""

    def __bool__(self) -> bool:
        return self.is_urgent or self.rest is not None

    @property
    def is_urgent(self) -> bool:
        """Whether anything is due but the rest."""
        return bool(self.changed or self.anew or self.subscriptions)


class SwitchLamps:
    """Two services: ``listen`` hears who watches, ``publish`` tells, unless another daemon does (``leads``)."""

    def __init__(
        self, monitor: SwitchMonitor, book: LampBook, monotonic: Callable[[], float], counters: Counters
    ) -> None:
        self.monitor = monitor
        self._book, self._monotonic, self._counters = book, monotonic, counters
        self.hears = False
        """Whether it hears who watches."""
        self._leads_at: str | None = None
        self._wake, self._publish_again, self._listen_again = Event(), Event(), Event()
        self._due = _Due()
        self._told: dict[Lamp, LampState] = {}
        self._own = OwnSubscriptions(monotonic)
        self._unknown: dict[str, Watching] = {}
        """Subscriptions to what is no lamp: the group may come, or is not read yet."""

    @property
    def leads(self) -> bool:
        """Whether this daemon tells the lamps of the switch."""
        return self._leads_at is not None

    def lead(self, core_uuid: str | None) -> None:
        """Tell the lamps of the switch with this Core-UUID, all of them at first; None: leave it to another daemon."""
        if core_uuid == self._leads_at:
            return
        self._leads_at = core_uuid
        self._told, self._due = {}, _Due()
        self.tell_all()
        self._publish_again.set()
        self._listen_again.set()

    def tell_all(self) -> None:
        """Tell all lamps anew: nobody knows what the phones show."""
        if self.leads:
            self._told = {}
            self._due.rest = self._book.all_lamps()
            self._wake.set()

    def touch(self, lamps: Collection[Lamp]) -> None:
        """Tell those of these lamps that are otherwise now."""
        if self.leads and lamps:
            self._due.changed.update(dict.fromkeys(lamps))
            self._wake.set()

    def tell_blocks_again(self, lamps: Collection[Lamp]) -> None:
        """Extensions with these lamps have begun or ended a call: told meanwhile, a lamp that is on may blink."""
        again = [lamp for lamp in lamps if self._told.get(lamp) is LampState.BLOCKED]
        if self.leads and again:
            self._due.anew.update(dict.fromkeys(again))
            self._wake.set()

    def groups_read(self, lamps: Collection[Lamp]) -> None:
        """Groups with these lamps were read: tell them, and look who watches them of whom that was not known."""
        self.touch(lamps)
        if self._unknown and lamps:
            users = {lamp.extension or lamp.pilot for lamp in lamps}
            for subscription in [each for each, said in self._unknown.items() if said.address.user in users]:
                self._is_watched(self._unknown.pop(subscription))

    def listen(self) -> None:
        """Hear who watches, until killed."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            try:
                with open_line(self.monitor, self._monotonic) as line:
                    self._listen_to(line)
                    self.hears = True
                    backoff.reset()
                    self.tell_all()  # whoever began to watch before was not heard
                    self._follow(line)
            except FshuntError as error:
                log.debug("subscriptions at switch %s not heard: %s", self.monitor.switch.name, error)
            self.hears = False
            self._listen_again.wait(backoff.next())
            self._listen_again.clear()

    def publish(self) -> None:
        """Tell what has changed, until killed."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            self._wake.wait()
            try:
                with open_line(self.monitor, self._monotonic) as line:
                    while True:
                        self._wake.wait()
                        self._wake.clear()
                        self._tell_what_is_due(line)
                        backoff.reset()
            except FshuntError as error:
                log.debug("lamps at switch %s not told: %s", self.monitor.switch.name, error)
            self.tell_all()
            self._publish_again.wait(backoff.next())
            self._publish_again.clear()

    @staticmethod
    def _listen_to(line: Inbound) -> None:
        """Each call makes events of presence: only the two kinds that matter are wanted."""
        line.send(commands.add_filter_of_header("Event-Name", PROBE), ANSWER_SECONDS)
        line.send(commands.add_filter_of_header("status", NO_PHONE), ANSWER_SECONDS)
        line.send(commands.subscribe(PROBE, PRESENCE), ANSWER_SECONDS)

    def _follow(self, line: Inbound) -> None:
        while True:
            event = line.next_event(self._monotonic() + SIGN_OF_LIFE_SECONDS)
            if event is None:
                line.send(api.uptime(), ANSWER_SECONDS)
            elif (watching := read_watching(event.event)) is not None:
                self._is_watched(watching)

    def _is_watched(self, watching: Watching) -> None:
        lamp, subscription = self._book.find(watching), watching.subscription
        if subscription is not None:
            self._own.remove(subscription)
            self._unknown.pop(subscription, None)
        if not watching.seconds:
            return
        if lamp is None:
            self._note_unknown(watching)
            return
        self._counters.heard(self.monitor.switch.name)
        at_address = address_of(lamp) == watching.address
        if subscription is not None and (lamp.may_be_shared or not at_address):  # also while another daemon tells
            self._own.add(subscription, lamp, watching.seconds, at_address=at_address)
        if not self.leads:
            return
        if subscription is None:
            self._due.anew[lamp] = None
        elif len(self._due.subscriptions) < MAX_ASKED:
            self._due.subscriptions[subscription] = lamp
        self._wake.set()

    def _note_unknown(self, watching: Watching) -> None:
        if watching.subscription is not None:
            if len(self._unknown) >= MAX_UNKNOWN:
                del self._unknown[next(iter(self._unknown))]
            self._unknown[watching.subscription] = watching

    def _tell_what_is_due(self, line: Inbound) -> None:
        while self._due:
            said = self._some_of_what_is_due()
            if said:
                line.send_all(said, ANSWER_SECONDS)
                self._counters.told(self.monitor.switch.name, len(said))
            pause = PAUSE_SECONDS if self._due.is_urgent else REST_PAUSE_SECONDS
            gevent.sleep(pause if said else 0)

    def _some_of_what_is_due(self) -> list[Command]:
        said: list[Command] = []
        for _ in range(LOOKED_AT_ONCE):
            if len(said) >= TOLD_AT_ONCE or not self._due:
                break
            said += self._next()
        return said

    def _next(self) -> Iterator[Command]:
        due = self._due
        if due.changed:
            yield from self._if_otherwise(_take_first(due.changed))
        elif due.anew:
            again = _take_first(due.anew)
            self._told.pop(again, None)
            yield from self._if_otherwise(again)
        elif due.subscriptions:
            subscription = next(iter(due.subscriptions))
            watched = due.subscriptions.pop(subscription)
            yield from _event(watched, self._book.state(watched, self.monitor) or LampState.OFF, subscription)
        elif due.rest is not None:
            lamp = next(due.rest, None)
            if lamp is None:
                due.rest = None
            else:
                yield from self._if_otherwise(lamp)

    def _if_otherwise(self, lamp: Lamp) -> Iterator[Command]:
        state = self._book.state(lamp, self.monitor)
        if state is None:  # its group or its member was removed: it goes dark once
            self._told.pop(lamp, None)
        elif self._told.get(lamp) is state:
            return
        else:
            self._told[lamp] = state
        shown = state or LampState.OFF
        is_shared = self._book.is_shared(lamp)
        if not is_shared:
            yield from _event(lamp, shown)
        for subscription in self._own.of(lamp, at_address=is_shared):
            yield from _event(lamp, shown, subscription)


def _take_first(lamps: dict[Lamp, None]) -> Lamp:
    lamp = next(iter(lamps))
    del lamps[lamp]
    return lamp


def _event(lamp: Lamp, state: LampState, subscription: str | None = None) -> Iterator[Command]:
    try:
        yield commands.send_event(PRESENCE, told(lamp, state, subscription))
    except UnsafeText:  # a subscriber has chosen a Call-ID that cannot be sent
        return
