"""A daemon and a simulated switch in one process, on a real database, over real TCP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gevent.event import Event

from fshunt.daemon.bootstrap import build
from fshunt.daemon.clock import utc_now
from fshunt.daemon.daemon import Daemon
from fshunt.db.engine import Store, open_store
from fshunt.db.models import CallRecord
from fshunt.db.queries import calls
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from fshunt.settings import Address, Settings, WatchedSwitch
from fshunt.simulator.core.phones import RINGS, Behaviour, Phone
from fshunt.simulator.switch import Fact, SimulatedSwitch
from tests.support import waiting
from tests.support.clock import CLOCK
from tests.support.conversation import LINGER_NOTICE
from tests.support.ports import held_port, number_of
from tests.support.timing import set_dead_after
from tests.support.waiting import WAIT_SECONDS

DOMAIN = "office.test"
RING_CYCLE = 0.1
RING_SECONDS = 0.3
RINGS_OUT = RingTime(rings=3)
"""Three rings of a tenth of a second, for who is to ring out: the daemon's own timers are real, so they are short."""

PASSWORD = "for-the-monitor"

RINGS_ON = RingTime(seconds=4 * WAIT_SECONDS)
"""For everybody else: longer than a test waits, so that nobody rings out because the machine is slow."""


class Rig:
    """What a test says and asks."""

    def __init__(self, daemon: Daemon, store: Store, settings: Settings) -> None:
        self.daemon, self.store, self.settings = daemon, store, settings
        self.switch = SimulatedSwitch(
            [("127.0.0.1", daemon.listener.port)], domain=DOMAIN, voicemail_seconds=0.05, fallback_box="1999"
        )

    def group(self, pilot: str = "5000", *extensions: str, **fields: Any) -> Group:
        """Make a group with these members; nobody rings out unless ``ring_time`` says so."""
        fields.setdefault("ring_time", RINGS_ON)
        with self.store.writing() as s:
            groups.add_group(s, DOMAIN, pilot, **fields)
            if extensions:
                members.add_members(s, DOMAIN, pilot, [parse_member(e) for e in extensions])
            return groups.get_group(s, DOMAIN, pilot)

    def rings_for(self, ring_time: RingTime, *extensions: str) -> None:
        """Give members of the group 5000 a ring time of their own."""
        with self.store.writing() as s:
            for extension in extensions:
                members.set_member(s, DOMAIN, "5000", parse_member(extension), ring_time=ring_time)

    def phones(self, *extensions: str, behaviour: Behaviour = RINGS) -> list[Phone]:
        """Register a phone at each of the extensions; a daemon that watches has seen it when this returns."""
        made = [self.switch.phone(extension, behaviour) for extension in extensions]
        monitor = self.daemon.deps.monitor
        if monitor.watched:
            for each in extensions:
                self.until(lambda each=each: monitor.look(DOMAIN, each).registered, f"{each} is seen registered")
        return made

    def call(self, number: str = "5000", **more: Any) -> CallRecord:
        """Have somebody call, wait for the end, and return the record."""
        return self.record(self.started(number, **more))

    def started(self, number: str = "5000", **more: Any) -> Any:
        """Have somebody call."""
        return self.switch.call(number, **more)

    def record(self, call: Any) -> CallRecord:
        """Wait for the end of a call, and return the record of its newest hunt."""
        assert call.join(WAIT_SECONDS), "the call has not ended"
        self.settle()
        with self.store.reading() as s:
            return calls.show_call(s, call.uuid)[0]

    def until(self, done: Callable[[], object], what: str) -> Any:
        """Wait until something holds, and return it."""
        return waiting.until(done, what)

    def pass_time_until(self, done: Callable[[], object], what: str) -> None:
        """Let time pass, quicker than it does, until something holds."""
        CLOCK.run_until(done, what)

    def call_that_takes_time(self) -> CallRecord:
        """As ``call``, where phones ring out or members are waited for: time passes quicker than it does."""
        call = self.started()
        self.pass_time_until(call.ended.is_set, "the call has ended")
        return self.record(call)

    def let_watch(self) -> None:
        """Let the daemon's monitor in, and wait until it watches."""
        (monitor,) = self.daemon.deps.monitor.switches
        self.switch.serve_inbound(PASSWORD, monitor.switch.port)
        self.until(lambda: monitor.watched, "the switch is watched")

    def happens(self, what: str, who: str | None = None) -> Event:
        """Return an event that is set when something happens on the switch, to somebody."""
        happened = Event()

        def see(fact: Fact) -> None:
            if fact.what == what and who in (None, fact.who):
                happened.set()

        self.switch.watch(see)
        return happened

    def pick_up(self, call: Any, extension: str) -> None:
        """Have a phone that rings for a call picked up now."""
        (leg,) = [leg for leg in call.legs.values() if leg.phone.user == extension and not leg.ended]
        leg._answer()

    def hunts(self, call: Any) -> int:
        """How many hunts there were for a call that has ended."""
        with self.store.reading() as s:
            return len(calls.show_call(s, call.uuid))

    def closed(self, call: Any) -> CallRecord:
        """Wait until the record of a call's newest hunt is closed, whatever other calls there are, and return it."""
        found: list[CallRecord] = []

        def is_closed() -> bool:
            with self.store.reading() as s:
                found[:] = [each for each in calls.list_calls(s) if each.uuid == call.uuid][:1]
                if not found or found[0].ended_at is None:
                    return False
                found[:] = calls.show_call(s, call.uuid)[:1]
                return True

        self.until(is_closed, "the record is closed")
        return found[0]

    def settle(self) -> None:
        """Wait until the daemon holds no call and has written all down."""
        assert self.daemon.listener.calls.join(WAIT_SECONDS), "the daemon still has a call"
        assert self.daemon.deps.outbox.flush(WAIT_SECONDS)


def end_service(daemon: Daemon, name: str) -> None:
    """Kill a service for good, as nothing does but a fault that nobody foresaw."""
    (greenlet,) = [each._greenlet for each in daemon._supervisor._services if each.service.name == name]
    assert greenlet is not None
    greenlet.kill()


def rang(record: CallRecord) -> list[tuple[str, str | None]]:
    """Who was rung, and how each offer ended."""
    return [(offer.extension, offer.outcome) for offer in record.offers]


def passed(record: CallRecord) -> list[tuple[str, str]]:
    """Who was passed over, and why."""
    return [(skip.extension, skip.reason) for skip in record.skips]


UNREADABLE = b"Content-Length: 8000000\nContent-Type: text/event-plain\n\n"
"""The head of an event that is larger than any that is taken."""


def cut(call: Any) -> None:
    """End the connection of a call."""
    call.listener.cut()


def says_what_cannot_be_read(call: Any) -> None:
    """Spoil the connection of a call, which stays open."""
    call.listener._post(UNREADABLE)


def says_goodbye_and_what_cannot_be_read(call: Any) -> None:
    """The same at the caller's hang-up."""
    call.listener._post(LINGER_NOTICE)
    call.listener._post(UNREADABLE)


@contextmanager
def watching(database_url: str, store: Store, folder: Path, **settings: Any) -> Iterator[Rig]:
    """A daemon that takes calls and watches the switch."""
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    with held_port() as held:
        watched = (WatchedSwitch("127.0.0.1", number_of(held), password),)
        with running(database_url, store, switch=watched, **settings) as rig:
            rig.let_watch()
            try:
                yield rig
            finally:
                rig.switch.close_inbound()


@contextmanager
def light(sqlite_url: str, *, dead_after: float | None = None, **settings: Any) -> Iterator[Rig]:
    """As ``running``, on SQLite; a silent daemon is presumed dead after so many seconds."""
    with closing(open_store(sqlite_url)) as store:
        if dead_after is not None:
            set_dead_after(store, dead_after)
        with running(sqlite_url, store, **settings) as rig:
            yield rig


@contextmanager
def running(
    database_url: str, store: Store, *, wall: Callable[[], datetime] = utc_now, **settings: Any
) -> Iterator[Rig]:
    """A daemon that takes calls, stopped at the end; ``wall`` is the clock of its machine."""
    made = replace(
        Settings(database_url=database_url),
        seconds_per_ring=RING_CYCLE,
        confirm_prompt="silence_stream://100",
        **{
            "listen": Address("127.0.0.1", 0),
            "controllers": (),
            "confirm_timeout": WAIT_SECONDS,
            "database_timeout": 10.0,
            "stop_timeout": 0.0,
            "http_listen": None,
            "outbox_dir": None,
            "lamps": "off",
            **settings,
        },
    )
    daemon = build(made, wall=wall)
    daemon.start()
    try:
        yield Rig(daemon, store, made)
    finally:
        daemon.stop()
