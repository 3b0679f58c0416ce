"""The switch's end of one controller's connection: takes commands, sends replies, events and notices.

What it says, and when, follows mod_event_socket.c of FreeSWITCH 1.10.12.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

import gevent
from gevent import socket
from gevent.event import Event

from fshunt.simulator import commands
from fshunt.simulator.faults import Broken, send_with_faults
from fshunt.switch.frames import render_connect_reply, render_event, render_frame

if TYPE_CHECKING:
    from fshunt.simulator.call import SimulatedCall
    from fshunt.simulator.headers import Headers

CONNECT_SECONDS = 25
"""How long FreeSWITCH waits for the first command before it gives the controller up (reference, 2.1)."""
READ_BYTES = 65536
MAX_COMMAND_BYTES = 2 * 1024 * 1024  # FreeSWITCH's own bound
GOODBYE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"


class Listener:
    """One connection to a controller, for one call."""

    def __init__(self, call: SimulatedCall, connection: socket.socket) -> None:
        self.call = call
        self.connected = False
        """Whether the controller has said ``connect``."""
        self.finished = False
        self.events: set[str] = set()
        self.my_events = False
        self.filters: list[tuple[str, str]] = []
        self.linger: int | None = None
        self.received: list[str] = []
        """The commands, in order, for tests and for the load driver."""
        self._socket = connection
        self._opened = time.monotonic()
        self._buffer = b""
        self._outbox: deque[bytes] = deque()
        self._work = Event()
        self._down = False  # the call is over, and that is still to be announced
        self._told_down = False
        self._leaving = False
        self._first = True
        self._sent = 0

    def start(self) -> None:
        """Begins to read and to write."""
        self.call.switch.bus.place(self)
        self.call.clock.call_later(CONNECT_SECONDS, self._give_up)
        gevent.spawn(self._read)
        gevent.spawn(self._write)

    # For the switch: which events, and the events themselves.

    def scope(self) -> set[str] | None:
        """The channels whose events it may want; None for all there are on the switch, as with no filter at all."""
        if self.my_events:
            return {self.call.uuid}
        if not self.filters or any(header.lower() != "unique-id" for header, _ in self.filters):
            return None
        return {value.lower() for _, value in self.filters}

    def push(self, event: Headers) -> None:
        """Sends an event, unless a filter on another header than Unique-ID stops it."""
        if self.filters:
            heads = {name.lower(): value.lower() for name, value in event}
            if not any(heads.get(name.lower()) == value.lower() for name, value in self.filters):
                return
        self._post(render_event(event))

    def channel_down(self) -> None:
        """The call is over: a notice goes out after what is still to be said."""
        if not self._told_down:
            self._told_down = self._down = True
            self._work.set()

    def note_bridge(self) -> None:
        """The controller has something rung; the first time is measured."""
        if self.call.bridge_delay is None:
            self.call.bridge_delay = time.monotonic() - self._opened

    def leave(self) -> None:
        """The controller said ``exit``: the replies still go out, then the connection ends."""
        self._leaving = True

    def connect_reply(self) -> bytes:
        """The answer to ``connect``."""
        self.connected = True
        self.call.wake()
        return render_connect_reply(self.call.channel.data())

    def _post(self, frame: bytes) -> None:
        self._outbox.append(frame)
        self._work.set()

    def _give_up(self) -> None:
        if not self.connected:
            self._finish()

    # Reading.

    def _read(self) -> None:
        try:
            while not self.finished:
                data = self._socket.recv(READ_BYTES)
                if not data:
                    break
                self.call.switch.bytes_in += len(data)
                self._buffer += data
                self._take_commands()
        except OSError:
            pass  # the controller is gone, which is what the end of this function says
        if not self._leaving:
            self._finish()

    def _take_commands(self) -> None:
        while not self._leaving and (text := self._next_command()) is not None:
            self.received.append(text)
            reply = commands.handle(self, text)
            # FreeSWITCH runs a first command that is not `connect`, and says nothing (reference, 2.1).
            if reply and (self.connected or not self._first):
                self._post(reply)
            self._first = False

    def _next_command(self) -> str | None:
        self._buffer = self._buffer.lstrip(b"\r\n")
        head, mark, rest = self._buffer.partition(b"\n\n")
        if not mark:
            if len(self._buffer) > MAX_COMMAND_BYTES:
                self._finish()
            return None
        length = commands.body_length(head)
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        return (head + (mark + rest[:length] if length else b"")).decode(errors="replace")

    # Writing.

    def _write(self) -> None:
        try:
            while not self.finished:
                if self._outbox:
                    self._sent += 1
                    send_with_faults(self._socket, self._outbox.popleft(), self._sent, self.call)
                elif self._leaving:
                    break
                elif self._down:
                    self._down = False
                    if self.linger is None:
                        break
                    self._announce_linger(self.linger)
                else:
                    self._work.clear()
                    self._work.wait()
            self._goodbye()
        except (OSError, Broken):
            pass  # a controller that is gone gets no goodbye
        self._finish()

    def _announce_linger(self, seconds: int) -> None:
        notice = [
            *self._notice("linger"),
            ("Channel-Name", self.call.channel.name),
            ("Linger-Time", str(seconds)),
            ("Content-Length", "0"),
        ]
        self._post(render_frame(notice))
        if seconds >= 0:
            clock = self.call.clock
            until = int(clock.epoch()) + seconds + 1  # whole clock seconds, and strictly later
            clock.call_later(until - clock.epoch(), self._linger_over)

    def _linger_over(self) -> None:
        self._leaving = True
        self._work.set()

    def _goodbye(self) -> None:
        if not self.finished:
            head = [*self._notice("disconnect"), ("Content-Length", str(len(GOODBYE)))]
            send_with_faults(self._socket, render_frame(head, GOODBYE), self._sent + 1, self.call)

    def _notice(self, disposition: str) -> Headers:
        return [
            ("Content-Type", "text/disconnect-notice"),
            ("Controlled-Session-UUID", self.call.uuid),
            ("Content-Disposition", disposition),
        ]

    def _finish(self) -> None:
        if not self.finished:
            self.finished = True
            self.call.switch.bus.remove(self)
            with suppress(OSError):  # the other side may have been quicker
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._work.set()
            self.call.controller_gone()
