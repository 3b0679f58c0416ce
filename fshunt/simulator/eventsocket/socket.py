"""The switch's end of an event-socket connection, outbound or inbound: takes commands, sends replies and events."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import gevent
from gevent import socket
from gevent.event import Event

from fshunt.esl.commands import SUCCEEDS
from fshunt.esl.frames import render_event
from fshunt.simulator.core.faults import Broken, Fault, send_with_faults
from fshunt.simulator.core.headers import Headers
from fshunt.simulator.core.simulated_call import SimulatedCall, Switch

READ_BYTES = 65536
MAX_COMMAND_BYTES = 2 * 1024 * 1024  # FreeSWITCH's own bound
GOODBYE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"


SUCCESSOR = f"variable_{SUCCEEDS}"
"""What the events of a channel can be asked by that is to be put in the place of another one."""


_SCOPES = ("unique-id", "job-uuid", SUCCESSOR)


class Outbound(Protocol):
    """A connection that a call dialled: what its commands need of it."""

    call: SimulatedCall
    events: set[str]
    my_events: bool

    def stay(self, seconds: int | None) -> None:
        """How long it stays open after the call; None: it does not."""

    def want_own_call(self) -> None:
        """It wants the events of its own call only."""

    def connect_reply(self) -> bytes:
        """The answer to ``connect``."""

    def note_bridge(self) -> None:
        """The controller has something rung."""


class EventSocket:
    """One connection. What is special to a kind of it stands in ``scope``, ``_accept``, ``_idle`` and ``_ended``."""

    def __init__(self, switch: Switch, connection: socket.socket, faults: Sequence[Fault]) -> None:
        self.switch = switch
        self.finished = False
        self.events: set[str] = set()
        self.filters: list[tuple[str, str]] = []
        self.received: list[str] = []
        """The commands, in order, for tests and for the load driver."""
        self._socket = connection
        self._faults = faults
        self._buffer = b""
        self._outbox: deque[bytes] = deque()
        self._work = Event()
        self._leaving = False
        self._sent = 0

    def start(self) -> None:
        """Begins to read and to write."""
        self.switch.bus.place(self)
        gevent.spawn(self._read)
        gevent.spawn(self._write)

    # For the switch: which events, and the events themselves.

    def scope(self) -> set[str] | None:
        """The channels, and jobs, whose events it may want; None for all there are, as with no filter at all."""
        if not self.filters or any(header.lower() not in _SCOPES for header, _ in self.filters):
            return None
        own = {value.lower() for header, value in self.filters if header.lower() != SUCCESSOR}
        successors = (
            self.switch.successors.get(value) for header, value in self.filters if header.lower() == SUCCESSOR
        )
        return own | {uuid for uuid in successors if uuid is not None}

    def push(self, event: Headers, body: bytes = b"") -> None:
        """Sends an event, unless a filter on another header than Unique-ID stops it."""
        if self.filters:
            heads = {name.lower(): value.lower() for name, value in event}
            if not any(heads.get(name.lower()) == value.lower() for name, value in self.filters):
                return
        self._post(render_event(event, body))

    def leave(self) -> None:
        """The other side sent ``exit``: pending replies are sent, then the connection ends."""
        self._leaving = True

    # What the kinds differ in.

    @property
    def outbound(self) -> Outbound | None:
        """This connection, if a call of ours dialled it."""
        return None

    def _accept(self, text: str) -> None:
        """Executes a command."""
        raise NotImplementedError

    def _idle(self) -> bool:
        """Whether there is still something to say now that the outbox is empty; False ends the connection."""
        self._work.clear()
        self._work.wait()
        return True

    def _goodbye(self) -> bytes:
        """The last frame."""
        return b""

    def _count(self, received: int, sent: int) -> None:
        """Counts bytes."""

    def _ended(self) -> None:
        """The connection is over."""

    # Reading.

    def _read(self) -> None:
        try:
            while not self.finished:
                data = self._socket.recv(READ_BYTES)
                if not data:
                    break
                self._count(len(data), 0)
                self._buffer += data
                self._take_commands()
        except OSError:
            pass  # the other side is gone, which the end of this function reports
        if not self._leaving:
            self.cut()

    def _take_commands(self) -> None:
        while not self._leaving and (text := self._next_command()) is not None:
            self.received.append(text)
            self._accept(text)

    def _next_command(self) -> str | None:
        self._buffer = self._buffer.lstrip(b"\r\n")
        head, mark, rest = self._buffer.partition(b"\n\n")
        if not mark:
            if len(self._buffer) > MAX_COMMAND_BYTES:
                self.cut()
            return None
        length = _body_length(head)
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        return (head + (mark + rest[:length] if length else b"")).decode(errors="replace")

    # Writing.

    def _post(self, frame: bytes) -> None:
        self._outbox.append(frame)
        self._work.set()

    def _write(self) -> None:
        try:
            while not self.finished:
                if self._outbox:
                    self._send(self._outbox.popleft())
                elif self._leaving or not self._idle():
                    break
            if not self.finished and (goodbye := self._goodbye()):
                self._send(goodbye)
        except (OSError, Broken):
            pass  # the other side is gone: no disconnect notice
        self.cut()

    def _send(self, frame: bytes) -> None:
        self._sent += 1
        for sent in send_with_faults(self._socket, frame, self._sent, self._faults, self.switch.clock):
            self._count(0, sent)

    def cut(self) -> None:
        """Ends the connection without another word."""
        if not self.finished:
            self.finished = True
            self.switch.bus.remove(self)
            with suppress(OSError):  # the other side may have been quicker
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._work.set()
            self._ended()


def _body_length(head: bytes) -> int:
    """The Content-Length of a command, 0 without."""
    for line in head.split(b"\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0
