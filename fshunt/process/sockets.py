"""Listening sockets: bound here, or handed over by systemd, which holds the daemon's port while none runs."""

from __future__ import annotations

import errno
import os
import stat

from gevent import socket

from fshunt.errors import FshuntError
from fshunt.settings import Address

FIRST_HANDED_OVER = 3  # sd_listen_fds(3): they come after the standard streams
ABOUT_THEM = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")


def listen(address: Address, backlog: int, how: str) -> socket.socket:
    """Bind and listen; raise FshuntError if that fails. ``how`` tells in the error how to choose another address."""
    host, port = address
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[
            0
        ]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise FshuntError(f"{host} is not an address of this machine: {error}.") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(backlog)
    except OSError as error:
        listening.close()
        raise FshuntError(_why_not(address, error, how)) from error
    return listening


def handed_over() -> socket.socket | None:
    """Return the listening socket that systemd hands over, or None.

    It is for this process alone: no child process gets it or its variables. Closing it does not end
    it, since systemd has it, too: who connects then waits for the next daemon. Raises FshuntError if what is handed
    over is not one listening TCP socket.
    """
    told = {name: os.environ.pop(name, "") for name in ABOUT_THEM}
    if told["LISTEN_PID"] != str(os.getpid()) or told["LISTEN_FDS"] in ("", "0"):
        return None
    if told["LISTEN_FDS"] != "1":
        raise FshuntError(
            f"systemd hands over {told['LISTEN_FDS']} sockets; fshunt takes one: fshunt.socket needs one ListenStream."
        )
    try:
        os.set_inheritable(FIRST_HANDED_OVER, False)
        if not stat.S_ISSOCK(os.fstat(FIRST_HANDED_OVER).st_mode):
            raise FshuntError("systemd handed over a file that is not a socket.")
        listening = socket.socket(fileno=FIRST_HANDED_OVER)
        tcp = listening.family in (socket.AF_INET, socket.AF_INET6) and listening.type == socket.SOCK_STREAM
        if not tcp or not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise FshuntError(
                "What systemd hands over is no listening TCP socket: fshunt.socket needs a ListenStream with a port."
            )
    except OSError as error:
        raise FshuntError(f"The socket that systemd hands over cannot be used: {error.strerror}.") from error
    return listening


def turn_away() -> int:
    """Close the connections that wait at systemd's socket, and return how many: this daemon cannot start.

    Their callers would wait the 25 s that FreeSWITCH gives a controller; so they go to the dialplan's next action at
    once (fact 7). Whoever comes next meets the next try to start, a second later.
    """
    turned = 0
    try:
        listening = handed_over()
        if listening is None:
            return 0
        listening.settimeout(0)
        while True:
            connection, _ = listening.accept()
            connection.close()
            turned += 1
    except (FshuntError, OSError):  # no caller waits, or there is no socket
        return turned


def address_of(listening: socket.socket) -> Address:
    """Return the address of a socket."""
    host, port = listening.getsockname()[:2]
    return Address(host, port)


def _why_not(address: Address, error: OSError, how: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use by another program; stop that one, or choose another address {how}."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address.host} is not an address of this machine; choose another {how}."
    if error.errno == errno.EACCES:
        return f"{address} may not be used without root's rights; choose a port above 1023 {how}."
    return f"{address} cannot be listened at: {error}."
