"""The simulated switch sends a monitor the events that a real one sent, as recorded, with the same meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import gevent
import pytest
from gevent import socket

from fshunt.esl.frames import Frame
from fshunt.esl.reader import FrameReader
from fshunt.freeswitch.phones import PhoneState, PhoneTable
from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.clock import RealClock
from fshunt.simulator.core.phones import RINGS, Phone, answers, refuses
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.tapes import MONITOR_TAPES, Line, read_tape
from tests.support.waiting import WAIT_SECONDS

PASSWORD = "not-the-default"
SPEED = 5.0
READ = (
    *("Channel-Call-State", "Answer-State", "Call-Direction", "Channel-Presence-ID", "Caller-Caller-ID-Number"),
    *("Caller-Destination-Number",),
)
"""What is read of a channel's event, and is the same whatever the time and the channel's name."""


class Monitor:
    """Connects to the simulated switch as the recorder did to the real one, and keeps every frame."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self.switch = switch
        self.frames: list[Frame] = []
        assert switch.inbound is not None
        self._socket = socket.create_connection(("127.0.0.1", switch.inbound.port))
        self._news = gevent.event.Event()
        self._reader = gevent.spawn(self._read)
        self.until(lambda: len(self.frames) == 1)

    def _read(self) -> None:
        reader = FrameReader()
        while data := self._socket.recv(65536):
            self.frames += reader.feed(data)
            self._news.set()

    def until(self, holds: Callable[[], bool]) -> None:
        with gevent.Timeout(WAIT_SECONDS):
            while not holds():
                self._news.clear()
                self._news.wait()

    def say(self, command: str) -> None:
        before = self._replies()
        self._socket.sendall(f"{command}\n\n".encode())
        self.until(lambda: self._replies() > before)

    def until_events(self, count: int) -> None:
        self.until(lambda: len(events(self.frames)) >= count)

    def leave(self) -> list[Frame]:
        self.say("exit")
        self._reader.join(WAIT_SECONDS)
        self._socket.close()
        return self.frames

    def _replies(self) -> int:
        return sum(frame.is_reply for frame in self.frames)


@dataclass
class Office:
    """Two phones, as on the tapes."""

    switch: SimulatedSwitch
    first: Phone
    second: Phone


Scenario = Callable[[Office, Callable[[], Monitor]], Monitor]


def _direct_call(office: Office, begin: Callable[[], Monitor]) -> Monitor:
    office.first.script(answers(0.5))
    monitor = begin()
    call = office.switch.call("1001", "1002", "Lab")
    monitor.until_events(9)
    call.hang_up()
    monitor.until_events(13)
    return monitor


def _busy_and_given_up(office: Office, begin: Callable[[], Monitor]) -> Monitor:
    office.first.script(refuses(486, 0.3))
    monitor = begin()
    office.switch.call("1001", "4155550100", "Lab")
    monitor.until_events(8)
    office.switch.call("1002", "4155550100", "Lab", caller=SimulatedCaller(give_up_after=0.6))
    monitor.until_events(16)
    return monitor


def _begun_in_the_midst(office: Office, begin: Callable[[], Monitor]) -> Monitor:
    office.first.script(answers(0.2, talks=2.0))
    office.switch.call("1001", "4155550100", "Lab")
    ringing = office.switch.call("1002", "4155550100", "Lab")
    office.switch.clock.sleep(0.9)
    monitor = begin()
    monitor.until_events(4)
    ringing.hang_up()
    monitor.until_events(8)
    return monitor


def _registrations(office: Office, begin: Callable[[], Monitor]) -> Monitor:
    monitor = begin()
    desk, soft = office.switch.phone("1003"), office.switch.phone("1003")
    office.switch.registrations.unregister(desk)
    monitor.say("api sofia xmlstatus profile internal reg")
    office.switch.registrations.unregister(soft)
    office.switch.registrations.unregister(office.second, expired=True)
    monitor.say("api sofia xmlstatus profile internal reg")
    monitor.until_events(5)
    return monitor


SCENARIOS: dict[str, Scenario] = {
    "monitor-direct-call": _direct_call,
    "monitor-busy-and-given-up": _busy_and_given_up,
    "monitor-begun-in-the-midst": _begun_in_the_midst,
    "monitor-registrations": _registrations,
}


def lines_of(name: str) -> list[tuple[Line, Frame | None]]:
    """A tape, its frames read."""
    return [(line, _frame(line) if line.sender == "switch" else None) for line in read_tape(name)]


def _frame(line: Line) -> Frame:
    (frame,) = FrameReader().feed(line.text.encode())
    return frame


@pytest.fixture(scope="module", params=sorted(SCENARIOS))
def told(request: pytest.FixtureRequest) -> tuple[list[Frame], list[Frame]]:
    """The events of the simulated switch, and of the real one."""
    tape = lines_of(request.param)
    switch = SimulatedSwitch([], domain="pbx.test", clock=RealClock(SPEED))
    switch.serve_inbound(PASSWORD)
    office = Office(switch, switch.phone("1001", RINGS), switch.phone("1002", RINGS))
    commands = [line.text for line, frame in tape if frame is None]

    def begin() -> Monitor:
        monitor = Monitor(switch)
        for command in commands[:5]:
            monitor.say(command)
        return monitor

    heard = SCENARIOS[request.param](office, begin).leave()
    switch.stop()
    switch.close_inbound()
    return heard, [frame for _, frame in tape if frame is not None]


def events(frames: list[Frame]) -> list[Frame]:
    return [frame.event for frame in frames if frame.content_type == "text/event-plain"]


def stories(frames: list[Frame]) -> list[list[tuple[str, ...]]]:
    """The events of each channel, in order. Between channels there is no order: each has a thread of its own."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for event in events(frames):
        if uuid := event.get("Unique-ID"):
            said = (event.get("Event-Name", ""), *(event.get(name, "") for name in READ))
            found.setdefault(uuid, []).append(said)
    return sorted(found.values())


def registrations(frames: list[Frame]) -> list[tuple[str, list[str], str]]:
    return [
        (event.get("Event-Subclass", ""), [name for name, _ in event.items()], _who(event))
        for event in events(frames)
        if event.get("Event-Name") == "CUSTOM"
    ]


def _who(event: Frame) -> str:
    return f"{event.get('from-user') or event.get('user')}@{event.get('from-host') or event.get('host')}"


def replies(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.is_reply]


def test_each_tape_is_played() -> None:
    assert sorted(SCENARIOS) == sorted(MONITOR_TAPES)


def test_each_channel_has_the_same_events_in_the_same_order(told: tuple[list[Frame], list[Frame]]) -> None:
    ours, theirs = told
    assert stories(ours) == stories(theirs)


def test_registrations_have_the_same_headers(told: tuple[list[Frame], list[Frame]]) -> None:
    ours, theirs = told
    assert registrations(ours) == registrations(theirs)


def test_the_greeting_the_replies_and_the_goodbye_are_the_same(told: tuple[list[Frame], list[Frame]]) -> None:
    ours, theirs = told
    for frames in told:
        assert frames[0].content_type == "auth/request"
        assert frames[-1].content_type == "text/disconnect-notice"
    assert [frame.content_type for frame in replies(ours)] == [frame.content_type for frame in replies(theirs)]
    plain = [[one.reply_text for one in replies(frames) if one.content_type == "command/reply"] for frames in told]
    assert plain[0] == plain[1]
    assert [name for name, _ in ours[-1].items()] == [name for name, _ in theirs[-1].items()]


def test_the_tables_have_the_same_form(told: tuple[list[Frame], list[Frame]]) -> None:
    ours, theirs = (
        [one.reply_text for one in replies(frames) if one.content_type == "api/response"] for frames in told
    )
    rows = [json.loads(each[0]).get("rows", []) for each in (ours, theirs)]
    seen = [
        sorted((row["presence_id"], row["direction"], row["callstate"], row["dest"]) for row in each) for each in rows
    ]
    assert seen[0] == seen[1]
    assert [sorted(row) for row in rows[0]] == [sorted(row) for row in rows[1]]
    for mine, real in zip(ours[2:], theirs[2:], strict=True):
        assert re.findall(r"<(/?[a-z-]+)>", mine) == re.findall(r"<(/?[a-z-]+)>", real)
        assert re.findall("<user>.*</user>", mine) == re.findall("<user>.*</user>", real)


def test_events_have_about_the_size_of_the_real_ones(told: tuple[list[Frame], list[Frame]]) -> None:
    mine, real = (
        sorted((event.get("Event-Name", ""), event.get("Call-Direction", ""), event.size) for event in events(frames))
        for frames in told
    )
    for (name, direction, size), (_, _, their_size) in zip(mine, real, strict=True):
        assert size == pytest.approx(their_size, rel=0.35), (name, direction)


def test_the_same_is_understood(told: tuple[list[Frame], list[Frame]]) -> None:
    assert understood(told[0]) == understood(told[1])


def understood(frames: list[Frame]) -> dict[str, list[list[PhoneState]]]:
    """What a table makes of it: the states that each phone goes through."""
    table, seen = PhoneTable(), dict[str, list[list[PhoneState]]]()
    tables = [one.reply_text for one in replies(frames) if one.content_type == "api/response"]
    table.begin()
    table.take_channels(tables[0])
    table.take_registrations(tables[2])
    for event in events(frames):
        table.on_event(event)
        for user in ("1001", "1002", "4155550100"):
            state = sorted(call.state for call in table.calls_of(f"{user}@pbx.test"))
            states = seen.setdefault(user, [state])
            if states[-1] != state:
                states.append(state)
    assert table.channels == 0
    return seen


def test_a_tape_in_slices_gives_the_same_events() -> None:
    for name in MONITOR_TAPES:
        told = [line.text.encode() for line in read_tape(name) if line.sender == "switch"]
        stream = b"".join(told)
        reader, frames = FrameReader(), []
        for start in range(0, len(stream), 997):
            frames += reader.feed(stream[start : start + 997])
        assert understood(frames) == understood([_frame(line) for line in read_tape(name) if line.sender == "switch"])
