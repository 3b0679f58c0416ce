"""``socket``: dials a controller and parks the call under its control, in async full mode."""

from __future__ import annotations

import gevent
from gevent import socket

from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.eventsocket.listener import SimulatedListener

PARK_POLL_SECONDS = 0.02
"""How often a parked channel looks for commands (fact 11)."""
DIAL_SECONDS = 5.0
"""Real seconds until a controller's address counts as dead; FreeSWITCH itself waits for the kernel (fact 8)."""


def socket_application(call: SimulatedCall, argument: str) -> None:
    """Runs the application: ``host:port|host:port async full``."""
    connection = _dial(call, argument.split()[0].split("|") if argument else [])
    if connection is None:
        call.switch.tell(call, "no controller", "", argument)
        return
    listener = SimulatedListener(call, connection)
    call.obey(listener)
    listener.start()
    call.wait_until(lambda: listener.connected or listener.finished, nested=False)
    if listener.finished and not listener.connected and call.listening:
        # No controller is left to clear the channel's control: parked forever (fact 7).
        call.ending.become("stuck", call.ending.who)
        call.switch.tell(call, "stuck", "", "the controller closed without connect")
        call.wait_until(lambda: False)
        return
    _park(call, listener)


def _dial(call: SimulatedCall, hosts: list[str]) -> socket.socket | None:
    """The first controller of the list that takes the connection; one that refuses is passed over (fact 7)."""
    for host in hosts:
        address, _, port = host.rpartition(":")
        call.variables["socket_host"] = address
        call.switch.note_connection(1)
        try:
            with gevent.Timeout(DIAL_SECONDS, TimeoutError(host)):
                connection = socket.create_connection((address, int(port)))
        except OSError as error:
            call.switch.note_connection(-1)
            call.switch.tell(call, "controller refuses", host, str(error))
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    return None


def _park(call: SimulatedCall, listener: SimulatedListener) -> None:
    call.channel.fire("CHANNEL_PARK")
    while call.listening and call.transfer is None:
        call.wait_until(lambda: bool(call.private) or listener.finished, nested=False)
        if not call.private:
            break
        call.clock.sleep(PARK_POLL_SECONDS)
        _run_all(call)
    for name in ("current_loop", "total_loops"):
        call.variables.pop(name, None)
    call.channel.fire("CHANNEL_UNPARK")


def _run_all(call: SimulatedCall) -> None:
    while call.private and call.listening and call.transfer is None:
        call.run_message(call.private.popleft())
