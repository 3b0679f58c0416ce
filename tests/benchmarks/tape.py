"""A tape: one hunt as the simulated switch and a controller have it, to be played again without the simulator.

The simulator makes every frame anew, which costs more than the controllers under test. A tape is recorded from the
simulator with the very controller that is to be measured, at the beginning of each run: it holds the commands of today
and cannot grow old. Played again, identities (UUIDs), times and the numbers of the call are new for each call.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import gevent
from gevent import socket
from gevent.server import StreamServer

from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.phones import answers
from fshunt.simulator.switch import SimulatedSwitch

DOMAIN = "office.test"
PILOT, EXTENSION = "5237", "1237"
"""Of the hunt on the tape: digits that no other value of a frame has."""
ANSWER_SECONDS, TALK_SECONDS = 0.02, 0.4
"""Of the hunt on the tape; the talk is the longest pause by far, so that it can be found."""
WAIT_SECONDS = 20.0
LINGERS_SECONDS = 0.2
"""How long after the call the controller may still say something."""

ID = re.compile(rb"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_OF_THE_SWITCH = re.compile(rb"Core-UUID: (%s)" % ID.pattern)
_TIME = re.compile(rb"(?<!\d)1\d{9}(?:\d{6})?(?!\d)")
_NUMBERS = {"pilot": PILOT.encode(), "extension": EXTENSION.encode()}
HEAD_END = b"\n\n"
_LENGTH = re.compile(rb"(?:^|\n)content-length: *(\d+)", re.IGNORECASE)
REPLIES = (b"Content-Type: command/reply", b"Content-Type: api/response")

Kind = Literal["command", "reply", "event", "closed by the switch", "closed by the controller"]


@dataclass(frozen=True, slots=True)
class Item:
    """What went over the connection: who said it, when (seconds from the connection), and the bytes."""

    kind: Kind
    at: float
    data: bytes


def split(received: bytes) -> tuple[list[bytes], bytes]:
    """The whole frames or commands of what was received, each with its body, and what is left of it."""
    whole, begin = [], 0
    while (end := received.find(HEAD_END, begin)) >= 0:
        length = _LENGTH.search(received[begin:end])
        after = end + 2 + (int(length[1]) if length else 0)
        if after > len(received):
            break
        whole.append(received[begin:after])
        begin = after
    return whole, received[begin:]


def is_reply(frame: bytes) -> bool:
    """Whether a frame answers a command: the answer to ``connect`` has 150 lines before its Content-Type."""
    head = frame.partition(HEAD_END)[0]
    return any(head.startswith(each) or b"\n" + each in head for each in REPLIES)


class Relay:
    """Stands between the switch and a controller, and notes what passes."""

    def __init__(self, port: int) -> None:
        self.items: list[Item] = []
        self._port, self._began = port, 0.0
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.address: tuple[str, int] = self._server.address

    def stop(self) -> None:
        """Take no more connections."""
        self._server.stop()

    def _serve(self, switch: socket.socket, _peer: object) -> None:
        self.items, self._began = [], time.monotonic()
        controller = socket.create_connection(("127.0.0.1", self._port))
        for each in (switch, controller):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gevent.joinall(
            [
                gevent.spawn(self._pass_on, switch, controller, True),
                gevent.spawn(self._pass_on, controller, switch, False),
            ]
        )

    def _pass_on(self, source: socket.socket, target: socket.socket, by_switch: bool) -> None:
        left = b""
        try:
            while data := source.recv(65536):
                whole, left = split(left + data)
                at = time.monotonic() - self._began
                self.items += [Item(_kind(each, by_switch), at, each) for each in whole]
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side was quicker, which the items say
        by: Kind = "closed by the switch" if by_switch else "closed by the controller"
        self.items.append(Item(by, time.monotonic() - self._began, b""))


def _kind(data: bytes, by_switch: bool) -> Kind:
    if not by_switch:
        return "command"
    return "reply" if is_reply(data) else "event"


@contextmanager
def relayed(port: int) -> Iterator[tuple[SimulatedSwitch, Relay]]:
    """A simulated switch whose calls reach a controller by a relay, with the phone of the tape."""
    relay = Relay(port)
    switch = SimulatedSwitch([relay.address], domain=DOMAIN)
    switch.phone(EXTENSION, answers(ANSWER_SECONDS))
    try:
        yield switch, relay
    finally:
        relay.stop()


def hunt(switch: SimulatedSwitch, relay: Relay) -> list[Item]:
    """Have one hunt, and return what passed. Raises RuntimeError if it was not answered."""
    call = switch.call(PILOT, caller=SimulatedCaller(talk_for=TALK_SECONDS))
    if not call.join(WAIT_SECONDS) or call.ending.kind != "answered":
        raise RuntimeError(f"the hunt for the tape ended as {call.ending.kind}")
    gevent.sleep(LINGERS_SECONDS)
    return list(relay.items)


def record(port: int) -> list[Item]:
    """The tape of one hunt of the controller at a port, whose first hunt went before."""
    with relayed(port) as (switch, relay):
        hunt(switch, relay)
        return hunt(switch, relay)


def save(path: Path, tape: list[Item]) -> None:
    """Write a tape for another process."""
    path.write_text(json.dumps([{**asdict(item), "data": item.data.decode("latin-1")} for item in tape]))


def load(path: Path) -> list[Item]:
    """Read such a tape."""
    return [Item(row["kind"], row["at"], row["data"].encode("latin-1")) for row in json.loads(path.read_text())]


class Template:
    """Bytes of the tape with slots for what is new in each call. A slot is named by what the tape has there."""

    def __init__(self, data: bytes, fixed: frozenset[bytes]) -> None:
        self.ids = [each for each in ID.findall(data) if each not in fixed]
        """The identities in it, in their order, with repetitions."""
        self.times: set[bytes] = set()
        self._slots: list[bytes] = []
        text, begin = [], 0
        for found in _SLOT.finditer(data):
            if found[0] in fixed or (found.lastgroup == "time" and not _is_now(found[0])):
                continue
            text.append(data[begin : found.start()].replace(b"%", b"%%"))
            self._slots.append(found[0])
            self.times |= {found[0]} if found.lastgroup == "time" else set()
            begin = found.end()
        self._text = b"%b".join([*text, data[begin:].replace(b"%", b"%%")])

    def fill(self, values: Mapping[bytes, bytes]) -> bytes:
        """The bytes for one call, with its values by those of the tape."""
        return self._text % tuple([values[each] for each in self._slots])


def fresh(like: bytes) -> bytes:
    """A new identity of the same form, so that every Content-Length stays true."""
    made = uuid.uuid4()
    return str(made).encode() if b"-" in like else made.hex.encode()


def numbers(pilot: bytes, extension: bytes) -> dict[bytes, bytes]:
    """The values of a call's numbers."""
    return {_NUMBERS["pilot"]: pilot, _NUMBERS["extension"]: extension}


def later(times: Iterable[bytes], seconds: float) -> dict[bytes, bytes]:
    """The values of times of the tape, so many seconds later."""
    units = {10: 1, 16: 1_000_000}
    return {each: b"%d" % (int(each) + round(seconds * units[len(each)])) for each in times}


def _number_pattern() -> bytes:
    return b"|".join(rb"(?<!\d)%s(?!\d)" % value for value in _NUMBERS.values())


_SLOT = re.compile(rb"(?P<id>%s)|(?P<time>%s)|(?P<number>%s)" % (ID.pattern, _TIME.pattern, _number_pattern()))


def _is_now(digits: bytes) -> bool:
    """Whether digits are a time of the tape, and no caller's number."""
    return abs(int(digits[:10]) - time.time()) < 86400


def key_of(command: bytes, pilot: bytes = _NUMBERS["pilot"], extension: bytes = _NUMBERS["extension"]) -> bytes:
    """A command of a call with these numbers, without what differs between calls."""
    bare = _alone(pilot).sub(b"PILOT", ID.sub(b"*", command))
    return _alone(extension).sub(b"EXTENSION", bare)


@lru_cache(maxsize=4096)
def _alone(digits: bytes) -> re.Pattern[bytes]:
    """Finds digits that are no part of a longer number."""
    return re.compile(rb"(?<!\d)%s(?!\d)" % digits)


def fixed_ids(tape: list[Item]) -> frozenset[bytes]:
    """The identities that are the same in all calls: the switch's own."""
    return frozenset(found for item in tape for found in _OF_THE_SWITCH.findall(item.data))


def ids_of_the_switch(tape: list[Item]) -> list[bytes]:
    """The identities that the switch names first, so that each call played has others; the call's own comes first."""
    fixed, seen, own = fixed_ids(tape), set[bytes](), list[bytes]()
    for item in tape:
        for each in ID.findall(item.data):
            if each not in seen and each not in fixed and item.kind != "command":
                own.append(each)
            seen.add(each)
    call = next(re.findall(rb"(?:^|\n)Unique-ID: (\S+)", item.data)[0] for item in tape if item.kind == "reply")
    return [call, *(each for each in own if each != call)]
