"""FreeSWITCH restarts or a connection to it breaks; frames arrive in pieces, twice, late, or for another call."""

from __future__ import annotations

import random
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fshunt.db.engine import open_store
from fshunt.db.queries import calls
from fshunt.simulator.core.faults import CutByte, Delay, Duplicate, Fault, Slices, Stranger
from fshunt.simulator.core.phones import RINGS, answers, refuses
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.fault_office import until
from tests.support.rig import WAIT_SECONDS, Rig, light, rang, watching
from tests.support.timing import set_dead_after

pytestmark = pytest.mark.faults

TALKS = answers(0.05, talks=0.05)
BYTES_OF_A_CALL = 60_000
"""More than the switch sends for the call of these tests: the last cuts cut nothing."""


@pytest.fixture
def rig(sqlite_url: str) -> Iterator[Rig]:
    with light(sqlite_url, dead_after=1.0) as made:
        yield made


def crash(switch: SimulatedSwitch) -> None:
    """The switch dies: its connections end without another frame, and its calls with them."""
    if switch.inbound is not None:
        switch.close_inbound()
    for call in list(switch.calls.values()):
        if call.listener is not None:
            with suppress(OSError):
                call.listener._socket.shutdown(socket.SHUT_RDWR)
            call.listener.finished = True
        call.hangup("SYSTEM_SHUTDOWN")


def test_freeswitch_dies_and_restarts(sqlite_url: str, tmp_path: Path) -> None:
    store = open_store(sqlite_url)
    set_dead_after(store, 1.0)
    with watching(sqlite_url, store, tmp_path) as rig:
        (monitor,) = rig.daemon.deps.monitor.switches
        rig.group("5000", "1001", "1002")
        rig.group("5001", "1003")
        rig.phones("1001", behaviour=answers(0.02))
        rig.phones("1002", "1003", behaviour=RINGS)
        talks, rings = rig.happens("talks with"), rig.happens("rings", "1003")
        under_way = [rig.started("5000"), rig.started("5001")]
        assert talks.wait(WAIT_SECONDS)
        assert rings.wait(WAIT_SECONDS)
        crash(rig.switch)
        rig.settle()
        assert len(rig.daemon.calls) == 0, "nothing waits for a dead switch"
        until(lambda: not monitor.watched, "the monitor reports that it is cut off")
        for phone in rig.switch.registrations.all_phones():
            phone.behaviour = TALKS
            phone.talking = 0
        rig.let_watch()
        until(lambda: rig.call("5000").result == "answered", "calls are hunted as before")
        until(lambda: rig.call("5001").result == "answered", "of every group")
        until(lambda: all(_ended(rig, call.uuid) for call in under_way), "open calls are closed in the records")
    store.close()


def _ended(rig: Rig, uuid: str) -> bool:
    with rig.store.reading() as s:
        return all(record.result and record.ended_at for record in calls.show_call(s, uuid))


def test_the_monitors_connection_is_cut_and_restored_while_calls_arrive(sqlite_url: str, tmp_path: Path) -> None:
    store = open_store(sqlite_url)
    with watching(sqlite_url, store, tmp_path) as rig:
        (monitor,) = rig.daemon.deps.monitor.switches
        rig.group("5000", "1001", "1002", policy="round-robin")
        rig.phones("1001", "1002", behaviour=TALKS)
        for _ in range(4):
            rig.switch.drop_inbound()
            assert rig.call().result == "answered", "without a monitor the hunt goes by what the phones answer"
            until(lambda: monitor.watched, "it watches again")
            assert rig.call().result == "answered"
    store.close()


class Late:
    """Holds an event back and sends it after some more frames."""

    def __init__(self, event: str, frames: int) -> None:
        self.event, self.frames = event, frames
        self._held: deque[list[object]] = deque()

    def __repr__(self) -> str:
        return f"Late({self.event}, {self.frames})"

    def apply(self, number: int, frame: bytes) -> Iterator[bytes]:
        held, self._held = self._held, deque()
        if f"\n\nEvent-Name: {self.event}\n".encode() in frame:
            self._held.append([self.frames, frame])
        else:
            yield frame
        for left, late in held:
            if left == 1:
                yield late
            else:
                self._held.append([left - 1, late])


EVENTS = ["CHANNEL_PROGRESS", "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"]
ODD: list[Fault] = [
    *(Duplicate(event) for event in ("CHANNEL_PROGRESS", "CHANNEL_ANSWER", "CHANNEL_HANGUP")),
    *(Stranger(number, "CHANNEL_BRIDGE") for number in (6, 9, 12)),
    *(Stranger(number, "CHANNEL_EXECUTE_COMPLETE") for number in (6, 12)),
    *(Stranger(number, "CHANNEL_HANGUP") for number in (6, 9, 12)),
    *(Late(event, 1) for event in EVENTS),
    *(Delay(number, 0.3, after_bytes=10) for number in (7, 9, 11)),
    Slices(7),
]


@pytest.mark.parametrize("fault", ODD, ids=repr)
def test_frames_come_late_twice_in_pieces_or_for_another_call(rig: Rig, fault: Fault) -> None:
    rig.group("5000", "1001", "1002")
    rig.phones("1001", behaviour=refuses(486))
    rig.phones("1002", behaviour=answers(0.1, talks=0.1))
    record = rig.call(faults=[fault])
    assert rang(record) == [("1001", "busy"), ("1002", "answered")]
    assert (record.result, record.answered_by) == ("answered", "1002")


def cut_in_a_call(rig: Rig, at: int) -> None:
    """A call whose connection ends at a byte reaches an end, and the next call is hunted."""
    call = rig.started(faults=[CutByte(at)])
    assert call.join(WAIT_SECONDS), f"cut at byte {at}: the call has no end"
    assert call.ending.kind in ("answered", "voicemail", "fallback-voicemail"), f"cut at byte {at}: {call.ending}"
    rig.settle()
    with rig.store.reading() as s:
        assert all(record.result for record in calls.list_calls(s)), f"cut at byte {at}"


@pytest.mark.parametrize("part", range(8))
def test_the_event_socket_of_a_call_is_cut_at_a_byte(rig: Rig, part: int) -> None:
    rig.group("5000", "1001", "1002")
    rig.phones("1001", behaviour=refuses(486))
    rig.phones("1002", behaviour=TALKS)
    random_ = random.Random(part)
    cut_in_a_call(rig, random_.randrange(BYTES_OF_A_CALL // 8 * part, BYTES_OF_A_CALL // 8 * (part + 1)))


def test_the_event_socket_of_a_call_is_cut_at_many_bytes(rig: Rig) -> None:
    rig.group("5000", "1001", "1002")
    rig.phones("1001", behaviour=refuses(486))
    rig.phones("1002", behaviour=TALKS)
    for at in range(0, BYTES_OF_A_CALL, 601):
        cut_in_a_call(rig, at)
    until(lambda: rig.call().result == "answered", "the next caller is hunted for as ever")
