"""Notifies systemd of a process's state: ready, alive, stopping (sd_notify(3)).

The protocol is one datagram to a Unix socket; the libraries for it are either unmaintained or need libsystemd.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

MICROSECONDS = 1_000_000


class Notifier:
    """Sends states to the service manager named in the environment; without one it does nothing."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog = environment.get("WATCHDOG_USEC", "")
        for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(watchdog) / MICROSECONDS if watchdog.isdigit() and for_us else None
        """The watchdog's timeout in seconds; None: systemd does not watch."""

    def send(self, *states: str) -> None:
        """Send states such as ``READY=1``. Never fails: the work of the process matters more."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
                channel.sendto("\n".join(states).encode(), self._address)
        except OSError:
            return
