"""A caller is to be called back, and at each step the daemon dies, FreeSWITCH with it, or the database goes away.

The request stays in its place, the caller's phone is never called twice at once, and never again after an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import select, update

from fshunt.daemon.call.queue_keys import KEYS_AFTER_SECONDS
from fshunt.db.models import CallbackRequest, CallRecord
from fshunt.db.queries import callbacks
from fshunt.freeswitch.callbacks import MEMBER_TALKS
from fshunt.hunting.callbacks import IN_PLACE, CallbackOutcome
from fshunt.hunting.group import WhenBusy
from fshunt.settings import Settings
from fshunt.simulator.core.phones import answers
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.eventsocket import commands
from fshunt.simulator.eventsocket.listener import SimulatedListener
from fshunt.simulator.eventsocket.socket import EventSocket
from fshunt.simulator.switch import Fact, SimulatedSwitch
from tests.faults.test_switch import crash
from tests.support.fault_office import PASSWORD, Office, ended, happened, phones, switch_to, until, watched
from tests.support.postgres_proxy import PostgresProxy
from tests.support.processes import FshuntProcess
from tests.support.waiting import WAIT_SECONDS

pytestmark = pytest.mark.faults

CALLED_BACK_SECONDS = 90.0
"""Longer than a daemon takes that starts, finds what was left, and makes the call again."""


@dataclass(frozen=True)
class Said:
    """A daemon's command has these words; ``near``: of the channel that a member has answered."""

    words: str
    near: bool = False

    def is_in(self, listener: EventSocket, text: str) -> bool:
        near = isinstance(listener, SimulatedListener) and MEMBER_TALKS in listener.call.variables
        return self.words in text and near >= self.near


@dataclass(frozen=True)
class Seen:
    """This happens to a phone."""

    what: str
    who: str


KEPT = "the caller hears of it"
STEPS: dict[str, Said | Seen] = {
    KEPT: Said(Settings().callback_prompt),
    "a call is made in the place": Said("api bgapi originate"),
    "the member's phone rings": Seen("rings", "1001"),
    "the member answers": Seen("talks with", "1001"),
    "a daemon is told that the member is there": Said("connect", near=True),
    "the caller is dialled": Said("user/1002@", near=True),
    "the caller's phone rings": Seen("rings", "1002"),
    "both talk": Seen("talks with", "1002"),
}


@contextmanager
def at(switch: SimulatedSwitch, step: str, action: Callable[[], object]) -> Iterator[Event]:
    """Do something, once, at a step: before the switch does what was said, or tells a daemon what was seen."""
    reached, looked_for, handle = Event(), STEPS[step], commands.handle

    def reach() -> None:
        if not reached.is_set():
            reached.set()
            action()

    def on_fact(fact: Fact) -> None:
        if looked_for == Seen(fact.what, fact.who):
            reach()

    def listen(listener: EventSocket, text: str) -> bytes:
        if isinstance(looked_for, Said) and looked_for.is_in(listener, text):
            reach()
        return handle(listener, text)

    switch.watch(on_fact)
    commands.handle = listen
    try:
        yield reached
    finally:
        commands.handle = handle


class Desk:
    """A daemon, its switch, a member (1001), and an extension that is to be called back (1002)."""

    def __init__(self, office: Office, daemon: FshuntProcess, folder: Path) -> None:
        self.office, self.daemon, self.switch = office, daemon, switch_to([daemon])
        daemon.settings |= watched(folder, self.switch)
        office.group("5000", "1001", when_busy=WhenBusy.QUEUE, answer_first=True, callback=True, hunt_timeout=60.0)
        self.member, self.caller = phones(self.switch, "1001", "1002", behaviour=answers(0.3))
        daemon.start()
        until(lambda: daemon.said("watching switch"), "the daemon watches the switch")

    def member_talks(self) -> SimulatedCall:
        """Have the member talk with a caller."""
        talks = happened(self.switch, "talks with")
        call = self.switch.call("5000")
        assert talks.wait(WAIT_SECONDS)
        return call

    def ask(self) -> SimulatedCall:
        """Have 1002 queue, and press 2 when keys count."""
        call = self.switch.call("5000", "1002", login="1002")

        def listens() -> bool:
            received = [] if call.listener is None else call.listener.received
            return any("event plain DTMF" in each for each in received)

        until(listens, "the daemon hears keys")
        gevent.sleep(KEYS_AFTER_SECONDS + 0.2)
        call.press("2")
        return call

    def open_requests(self) -> int:
        """How many requests are open."""
        with self.office.store.reading() as s:
            return callbacks.count_open(s)

    def restart_freeswitch(self) -> None:
        """FreeSWITCH dies with all calls, and is there again."""
        assert self.switch.inbound is not None
        port = self.switch.inbound.port
        crash(self.switch)
        until(lambda: not self.switch.calls, "all calls have ended")
        self.member.talking = self.caller.talking = 0
        self.switch.bus.core_uuid = str(uuid4())
        self.switch.serve_inbound(PASSWORD, port)

    def until_called_back(self) -> None:
        """Wait until the caller has answered, once; the pauses between two tries take no time."""

        def has_answered() -> bool:
            with self.office.store.writing() as s:
                s.execute(update(CallbackRequest).values(not_before=None))
            gevent.sleep(0.1)
            return self.answers == 1

        until(has_answered, "the caller is called back", CALLED_BACK_SECONDS)
        for call in list(self.switch.calls.values()):
            if MEMBER_TALKS in call.variables:
                until(lambda call=call: call.talking.is_set() or call.ended.is_set(), "both talk, or one has left")
                call.hang_up()
        until(lambda: not self.open_requests(), "the request has ended")

    @property
    def answers(self) -> int:
        """How often the caller has answered the phone."""
        return sum(ring.outcome == "answered" for ring in self.caller.rings)

    def check(self) -> None:
        """Nobody was called twice at once, or again after an answer, and nobody has missed a call."""
        until(lambda: not list(self.switch.all_channels()), "no call is left")
        rings = self.caller.rings
        assert [ring.outcome for ring in rings].index("answered") == len(rings) - 1, "not called again"
        assert all(one.ended is not None and one.ended <= other.at for one, other in pairwise(rings)), "nor at once"
        with self.office.store.reading() as s:
            assert s.scalars(select(CallbackRequest.outcome)).all() == [CallbackOutcome.ANSWERED]
        until(lambda: not self.office.unfinished(), "all records are closed")
        with self.office.store.reading() as s:
            results = set(s.scalars(select(CallRecord.result).where(CallRecord.reason.startswith(IN_PLACE))))
        assert "answered" in results
        assert results <= {"answered", "callback"}, "nobody has missed a call"


def brought_to(desk: Desk, step: str, fault: Callable[[], object]) -> SimulatedCall:
    """Have a caller ask, and be called back; at the step there is a fault. Return the caller's call."""
    first = desk.member_talks()
    with at(desk.switch, step, fault) as reached:
        asks = desk.ask()
        until(desk.open_requests, "the request is kept")
        first.hang_up()
        assert reached.wait(WAIT_SECONDS)
    return asks


@pytest.fixture
def desk(office: Office, processes: list[FshuntProcess], tmp_path: Path) -> Desk:
    processes.append(FshuntProcess(office.url))
    return Desk(office, processes[0], tmp_path)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step_of_a_call_back_the_caller_is_called_once(desk: Desk, step: str) -> None:
    asks = brought_to(desk, step, desk.daemon.kill)
    desk.daemon.start()
    desk.until_called_back()
    assert step != KEPT or ended(asks).kind == "fallback-voicemail"
    desk.check()


@pytest.mark.parametrize("step", STEPS)
def test_killed_and_freeswitch_restarts_at_each_step_of_a_call_back(desk: Desk, step: str) -> None:
    brought_to(desk, step, desk.daemon.kill)
    desk.restart_freeswitch()
    desk.daemon.start()
    desk.until_called_back()
    desk.check()


@pytest.mark.parametrize("step", STEPS)
def test_the_database_goes_away_at_each_step_of_a_call_back(
    proxy: PostgresProxy, pg_office: Office, processes: list[FshuntProcess], tmp_path: Path, step: str
) -> None:
    processes.append(FshuntProcess(proxy.url))
    desk = Desk(pg_office, processes[0], tmp_path)
    brought_to(desk, step, proxy.refuse)
    gevent.sleep(2.0)
    proxy.mend()
    desk.until_called_back()
    desk.check()
