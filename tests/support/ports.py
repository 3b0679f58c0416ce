"""Ports that stay reserved for a test until it listens there."""

from __future__ import annotations

import socket


def held_port() -> socket.socket:
    """A socket that holds a free port of loopback: bound, and not listening, so that connections are refused.

    Whoever binds this port with SO_REUSEADDR may listen there, also several times one after the other; the kernel
    gives it to nobody who asks for any free one.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def number_of(held: socket.socket) -> int:
    """The port of a socket."""
    return int(held.getsockname()[1])
