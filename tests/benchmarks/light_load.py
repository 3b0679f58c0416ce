"""The switch's side of a tape, for hundreds of hunts a second: a process that plays it as often as it is told.

``python -m tests.benchmarks.light_load TAPE PORT FIRST STEP PILOTS``. It reads orders as lines of JSON and writes a
line of JSON for each. Several such processes share the pilots and are no limit to one controller.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event
from gevent.fileobject import FileObjectPosix

from tests.benchmarks.tape import ID, Item, Template, fixed_ids, fresh, ids_of_the_switch, key_of, later, load, split
from tests.benchmarks.tape import numbers as tape_numbers

RINGS = (b"execute-app-name: bridge", b"originate ")
"""What the first command to ring has."""
CAUSES = (b"connect", b"sendmsg", b"bgapi", b"api bgapi", b"api uuid_kill", b"api originate")
"""Commands after which something happens; others are only answered."""
OK, OK_OF_API = (
    b"Content-Type: command/reply\nReply-Text: +OK\n\n",
    b"Content-Type: api/response\nContent-Length: 4\n\n+OK\n",
)
END_SECONDS = 15.0
"""How long the controller may take to close after the last frame."""
CALL_SECONDS = 60.0
SHORT_SECONDS = 0.003
"""A pause that is not worth a timer."""


@dataclass(slots=True)
class Report:
    """What came of the calls of one order. Times are in seconds."""

    placed: int = 0
    finished: int = 0
    """Calls to which all events of the tape were sent, the end of the call among them."""
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    """From the beginning to the last event of the last call that finished."""
    delays: list[float] = field(default_factory=list)
    """From the connection to the first command that rings."""
    unknown: dict[str, int] = field(default_factory=dict)
    """Commands that the tape does not have, and how often; each was answered +OK."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Events of the tape that follow each other at once: after which command, how long after it or
    the events before, and the frames."""

    cause: tuple[bytes, int]
    pause: float
    frame: Template
    ends_the_talk: bool


class Prepared:
    """A tape made ready."""

    def __init__(self, tape: Sequence[Item]) -> None:
        fixed = fixed_ids(list(tape))
        self.recorded_at = time.time()
        self.own_ids = ids_of_the_switch(list(tape))
        self.replies: dict[tuple[bytes, int], tuple[list[bytes], Template]] = {}
        self.times: set[bytes] = set()
        commands = [item for item in tape if item.kind == "command"]
        answered = iter([item for item in tape if item.kind == "reply"])
        seen: Counter[bytes] = Counter()
        self.keys: dict[int, tuple[bytes, int]] = {}
        for command in commands:
            key = key_of(command.data)
            self.keys[id(command)] = (key, seen[key])
            if (reply := next(answered, None)) is not None:
                self.replies[key, seen[key]] = (ID.findall(command.data), Template(reply.data, fixed))
            seen[key] += 1
        self.times = {each for _, reply in self.replies.values() for each in reply.times}
        self.switch_closes = next((i.kind == "closed by the switch" for i in tape if i.kind.startswith("closed")), True)
        self.happenings: list[Happening] = []
        self._happen(tape, fixed)

    def _happen(self, tape: Sequence[Item], fixed: frozenset[bytes]) -> None:
        cause, before = (b"connect\n\n", 0), 0.0
        gathered: list[tuple[tuple[bytes, int], float, bytes]] = []
        for item in tape:
            if item.kind == "command" and item.data.startswith(CAUSES):
                cause, before = self.keys[id(item)], max(before, item.at)
            elif item.kind == "event":
                if gathered and gathered[-1][0] == cause and item.at - before < SHORT_SECONDS:
                    gathered[-1] = (*gathered[-1][:2], gathered[-1][2] + item.data)
                else:
                    gathered.append((cause, item.at - before, item.data))
                before = item.at
        longest = max((pause for _, pause, _ in gathered), default=0.0)
        self.happenings = [
            Happening(after, pause, Template(data, fixed), pause == longest) for after, pause, data in gathered
        ]
        self.times |= {each for happening in self.happenings for each in happening.frame.times}


def _rings(command: bytes) -> bool:
    return any(each in command for each in RINGS)


class PlayedCall:
    """One call: answers commands as the tape does, and lets happen what happens on it."""

    def __init__(
        self, tape: Prepared, port: int, numbers: tuple[bytes, bytes], talk_for: float, report: Report
    ) -> None:
        self._tape, self._port, self._numbers, self._talk_for = tape, port, numbers, talk_for
        self._report = report
        self.values = {each: fresh(each) for each in tape.own_ids} | tape_numbers(*numbers)
        self.values |= later(tape.times, time.time() - tape.recorded_at)
        self._heard: dict[tuple[bytes, int], float] = {}
        self._seen: Counter[bytes] = Counter()
        self._news = Event()
        self._rang = self._over = False
        self.talks, self.let_go, self.done = Event(), Event(), Event()

    def run(self) -> None:
        """Have the call, to its end."""
        began = time.monotonic()
        self._began = began
        with socket.create_connection(("127.0.0.1", self._port)) as self._socket:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = gevent.spawn(self._read)
            with gevent.Timeout(CALL_SECONDS + self._talk_for, False):
                done = self._happen()
                self.done.set()
                if done:
                    self._report.seconds = time.monotonic() - self._report.began
                    if self._tape.switch_closes:
                        self._socket.shutdown(socket.SHUT_WR)
                    reader.join(END_SECONDS)
                    self._report.finished += 1
            reader.kill()

    def _happen(self) -> bool:
        """Send the events, each after its cause; False: the controller has gone before."""
        before = self._began
        for each in self._tape.happenings:
            while each.cause not in self._heard:
                if self._over:
                    return False
                self._news.clear()
                self._news.wait()
            if each.ends_the_talk:
                self.talks.set()
                self.let_go.wait(self._talk_for)
            else:
                due = max(before, self._heard[each.cause]) + each.pause
                if due - time.monotonic() > SHORT_SECONDS:
                    gevent.sleep(due - time.monotonic())
            self._send([each.frame])
            before = time.monotonic()
        return True

    def _send(self, templates: Sequence[Template | bytes]) -> None:
        made = [each if isinstance(each, bytes) else each.fill(self.values) for each in templates]
        self._socket.sendall(b"".join(made))

    def _read(self) -> None:
        left = b""
        try:
            while data := self._socket.recv(65536):
                commands, left = split(left + data)
                if commands:
                    self._send([self._answer(each) for each in commands])
                    self._news.set()
        except OSError:
            pass  # the controller has closed
        self._over = True
        self._news.set()

    def _answer(self, command: bytes) -> Template | bytes:
        now = time.monotonic()
        if not self._rang and _rings(command):
            self._rang = True
            self._report.delays.append(now - self._began)
        bare = key_of(command, *self._numbers)
        key = (bare, self._seen[bare])
        self._seen[bare] += 1
        known = self._tape.replies.get(key)
        if known is None:
            name = b" ".join(command.split(None, 3)[:3]).decode(errors="replace")
            self._report.unknown[name] = self._report.unknown.get(name, 0) + 1
            return OK_OF_API if command.startswith(b"api ") else OK
        for taped, live in zip(known[0], ID.findall(command), strict=False):
            self.values.setdefault(taped, live)
        self._heard[key] = now
        return known[1]


class Player:
    """Plays a tape to a controller for the pilots of this process."""

    def __init__(self, tape: list[Item], port: int, pilots: Sequence[int]) -> None:
        self._tape, self._port, self._pilots = Prepared(tape), port, pilots
        self._held: list[tuple[PlayedCall, gevent.Greenlet]] = []

    def call(self, number: int, talk_for: float, report: Report) -> tuple[PlayedCall, gevent.Greenlet]:
        """Begin a call to one of the pilots."""
        pilot = self._pilots[number % len(self._pilots)]
        numbers = (b"%d" % (5000 + pilot), b"%d" % (1000 + pilot))
        call = PlayedCall(self._tape, self._port, numbers, talk_for, report)
        report.placed += 1
        return call, gevent.spawn(call.run)

    def load(self, rate: float, seconds: float, talk_for: float) -> Report:
        """So many calls a second for so long; wait for the last to end."""
        report = Report()
        calls = []
        for number in range(int(rate * seconds)):
            # Against the clock and not the last call: a slow controller does not slow the callers.
            gevent.sleep(max(0.0, report.began + number / rate - time.monotonic()))
            calls.append(self.call(number, talk_for, report)[1])
        gevent.joinall(calls, timeout=CALL_SECONDS)
        return report

    def saturate(self, at_once: int, seconds: float, talk_for: float) -> Report:
        """So many calls at a time for so long, each followed by the next at once."""
        report, calls = Report(), list[gevent.Greenlet]()
        numbers = itertools.count()  # so that the claims of a pilot's call are long released when it is called again

        def call_again() -> None:
            while time.monotonic() - report.began < seconds:
                call, greenlet = self.call(next(numbers), talk_for, report)
                calls.append(greenlet)
                call.done.wait(CALL_SECONDS)  # and not for the controller, which may linger

        gevent.joinall([gevent.spawn(call_again) for _ in range(at_once)], timeout=CALL_SECONDS + seconds)
        gevent.joinall(calls, timeout=END_SECONDS)
        return report

    def hold(self, count: int, rate: float) -> Report:
        """So many calls that talk until ``release``; wait until all do."""
        report = Report()
        for number in range(count):
            gevent.sleep(max(0.0, report.began + number / rate - time.monotonic()))
            self._held.append(self.call(number, CALL_SECONDS * 10, report))
        report.finished = sum(call.talks.wait(CALL_SECONDS) or False for call, _ in self._held)
        return report

    def release(self) -> Report:
        """End the calls that are held."""
        for call, _ in self._held:
            call.let_go.set()
        gevent.joinall([greenlet for _, greenlet in self._held], timeout=CALL_SECONDS)
        self._held = []
        return Report()

    def obey(self, order: dict[str, Any]) -> Report:
        """Do what a line says."""
        name = order.pop("order")
        return {"load": self.load, "saturate": self.saturate, "hold": self.hold, "release": self.release}[name](**order)


def main() -> None:
    """Obey until standard input ends."""
    tape, port, first, step, pilots = sys.argv[1:]
    player = Player(load(Path(tape)), int(port), range(int(first), int(pilots), int(step)))
    for line in FileObjectPosix(sys.stdin.buffer.raw, "rb"):
        print(json.dumps(asdict(player.obey(json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
