"""The event socket that monitors connect to: login, commands, the events of the whole switch.

It follows mod_event_socket.c of FreeSWITCH 1.10.12; ``tests/simulator`` holds it to recorded frames.
"""

from __future__ import annotations

from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

from fshunt.esl.frames import render_frame, render_reply
from fshunt.simulator.core.simulated_call import Switch
from fshunt.simulator.eventsocket import commands
from fshunt.simulator.eventsocket.socket import GOODBYE, EventSocket


class SimulatedMonitor(EventSocket):
    """One connection of a monitor."""

    def __init__(self, switch: Switch, connection: socket.socket, password: str) -> None:
        super().__init__(switch, connection, switch.inbound_faults)
        self._password = password
        self._authorised = False
        self.over = Event()
        """Set when the connection has ended."""

    def start(self) -> None:
        """Asks for the password, and begins to read and to write."""
        self._post(render_frame([("Content-Type", "auth/request")]))
        super().start()

    def _accept(self, text: str) -> None:
        if self._authorised:
            self._post(commands.handle(self, text))
            return
        verb, _, said = text.partition(" ")
        if verb == "exit":
            self.leave()
            self._post(render_reply("+OK bye"))
        elif verb == "auth" and said == self._password:
            self._authorised = True
            self._post(render_reply("+OK accepted"))
        else:  # FreeSWITCH disconnects after a wrong password only
            self._leaving = verb == "auth"
            self._post(render_reply("-ERR invalid" if verb == "auth" else "-ERR command not found"))

    def _ended(self) -> None:
        self.over.set()

    def _goodbye(self) -> bytes:
        head = [("Content-Type", "text/disconnect-notice"), ("Content-Length", str(len(GOODBYE)))]
        return render_frame(head, GOODBYE)


class InboundSocket:
    """Listens for monitors on loopback."""

    def __init__(self, switch: Switch, password: str, port: int = 0) -> None:
        self.monitors: list[SimulatedMonitor] = []
        self._switch = switch
        self._password = password
        self._server = StreamServer(("127.0.0.1", port), self._connected)
        self._server.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def drop(self) -> None:
        """Cuts all connections, without a word."""
        monitors, self.monitors = self.monitors, []
        for monitor in monitors:
            monitor.cut()

    def close(self) -> None:
        """Cuts all connections and listens no more, as when FreeSWITCH is stopped."""
        self._server.stop()
        self.drop()

    def _connected(self, connection: socket.socket, _address: object) -> None:
        monitor = SimulatedMonitor(self._switch, connection, self._password)
        self.monitors = [one for one in self.monitors if not one.finished]
        self.monitors.append(monitor)
        monitor.start()
        monitor.over.wait()  # the server closes the connection of a handler that returns
