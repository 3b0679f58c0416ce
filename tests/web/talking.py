"""A server of the pages in the process of a test, and clients that say exactly what they are told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from gevent import socket

from fshunt.settings import Address
from fshunt.web.http.server import Options, Server
from tests.support.waiting import WAIT_SECONDS

ANY_PORT = Address("127.0.0.1", 0)
OPTIONS = Options(listen=ANY_PORT, tls=None, trusted_proxies=(), peers=None, is_slow=lambda _method, _path: False)


class Answer(NamedTuple):
    """A response as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


@contextmanager
def serving(application: Callable[..., Any], **options: Any) -> Iterator[Server]:
    """Serve an application on a free port of loopback."""
    server = Server(application, OPTIONS._replace(**options))
    server.start()
    try:
        yield server
    finally:
        server.stop(0)


def connect(server: Server) -> socket.socket:
    """Return a connection that fails, rather than hangs, where nothing comes."""
    return socket.create_connection(server.address, timeout=WAIT_SECONDS)


def read_answer(sock: socket.socket, method: str = "GET") -> Answer:
    """Read one response, and no byte after it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        some = sock.recv(1)
        assert some, f"closed after {head!r}"
        head += some
    status, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    length = 0 if method == "HEAD" else int(headers.get("content-length", 0))
    body = b""
    while len(body) < length:
        body += sock.recv(length - len(body))
    return Answer(int(status.split(" ")[1]), headers, body)


def ask(server: Server, request: bytes | str, method: str = "GET") -> Answer:
    """Send bytes on a connection of their own, and return the first response."""
    with connect(server) as sock:
        sock.sendall(request if isinstance(request, bytes) else request.encode())
        return read_answer(sock, method)


def get(server: Server, path: str = "/", *headers: str) -> Answer:
    """Ask for a path as a browser does."""
    return ask(server, "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]))


def is_closed(sock: socket.socket) -> bool:
    """Wait until the other side closes the connection; False if it says something instead."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True
