"""A connection to a switch for questions that no hunt waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from gevent import socket

from fshunt.daemon.switches.monitor import SwitchMonitor
from fshunt.esl.inbound import Inbound
from fshunt.esl.transport import SwitchLost

CONNECT_SECONDS = 2.0
"""How long a switch may take to accept the connection; normally it takes milliseconds."""


@contextmanager
def open_line(monitor: SwitchMonitor, monotonic: Callable[[], float]) -> Iterator[Inbound]:
    """A connection to the switch that a monitor watches, closed at the end: one that idles would collect events.

    A switch that the monitor is cut off from is not tried, so that nobody waits for it. Raises FshuntError.
    """
    if not monitor.watched:
        raise SwitchLost(monitor.error or "FreeSWITCH was not reached yet.")
    switch = monitor.switch
    inbound = Inbound.connect(
        switch.host,
        switch.port,
        switch.password(),
        CONNECT_SECONDS,
        create_connection=socket.create_connection,
        clock=monotonic,
    )
    with closing(inbound):
        yield inbound
