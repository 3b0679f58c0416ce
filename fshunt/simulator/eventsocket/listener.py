"""The switch's end of one controller's connection: takes commands, sends replies, events and notices.

Its replies and their timing follow mod_event_socket.c of FreeSWITCH 1.10.12.
"""

from __future__ import annotations

import time

from gevent import socket

from fshunt.esl.frames import render_connect_reply, render_frame
from fshunt.simulator.core.headers import Headers
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.eventsocket import commands
from fshunt.simulator.eventsocket.socket import GOODBYE, EventSocket

CONNECT_SECONDS = 25
"""How long FreeSWITCH waits for the first command before it drops the controller (reference, 2.1)."""


class SimulatedListener(EventSocket):
    """One connection to a controller, for one call."""

    def __init__(self, call: SimulatedCall, connection: socket.socket) -> None:
        super().__init__(call.switch, connection, call.faults)
        self.call = call
        self.connected = False
        """Whether the controller has sent ``connect``."""
        self.my_events = False
        self._linger: int | None = None
        self._opened = time.monotonic()
        self._down = False  # the call is over, and that is still to be announced
        self._told_down = False
        self._first = True

    def start(self) -> None:
        """Begins to read and to write."""
        self.call.clock.call_later(CONNECT_SECONDS, self._give_up)
        super().start()

    @property
    def outbound(self) -> SimulatedListener:
        """This connection, which a call of ours dialled."""
        return self

    def scope(self) -> set[str] | None:
        """The channels whose events it may want; None for all there are on the switch, as with no filter at all."""
        return {self.call.uuid} if self.my_events else super().scope()

    def channel_down(self) -> None:
        """The call has ended: a notice follows the pending output."""
        if not self._told_down:
            self._told_down = self._down = True
            self._work.set()

    def stay(self, seconds: int | None) -> None:
        """How long it stays open after the call; None: it does not."""
        self._linger = seconds

    def want_own_call(self) -> None:
        """It wants the events of its own call only."""
        self.my_events = True

    def note_bridge(self) -> None:
        """The controller has something rung; the first time is measured."""
        self.call.note_bridge_delay(time.monotonic() - self._opened)

    def connect_reply(self) -> bytes:
        """The answer to ``connect``."""
        self.connected = True
        self.call.wake()
        return render_connect_reply(self.call.channel.data())

    def _give_up(self) -> None:
        if not self.connected:
            self.cut()

    def _accept(self, text: str) -> None:
        reply = commands.handle(self, text)
        # FreeSWITCH runs a first command that is not `connect`, without a reply (reference, 2.1).
        if reply and (self.connected or not self._first):
            self._post(reply)
        self._first = False

    def _idle(self) -> bool:
        if not self._down:
            return super()._idle()
        self._down = False
        if self._linger is None:
            return False
        self._announce_linger(self._linger)
        return True

    def _count(self, received: int, sent: int) -> None:
        self.switch.note_bytes(received, sent)

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

    def _goodbye(self) -> bytes:
        return render_frame([*self._notice("disconnect"), ("Content-Length", str(len(GOODBYE)))], GOODBYE)

    def _notice(self, disposition: str) -> Headers:
        return [
            ("Content-Type", "text/disconnect-notice"),
            ("Controlled-Session-UUID", self.call.uuid),
            ("Content-Disposition", disposition),
        ]

    def _ended(self) -> None:
        self.call.controller_gone()
