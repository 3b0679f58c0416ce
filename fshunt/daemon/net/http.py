"""Metrics and health over HTTP: two pages, for this machine and the allowed peers.

Only the first line of a request matters. gevent's own HTTP server would read megabytes of headers and wait forever for
the next one; here a request is small and short, or its connection is closed.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.server import StreamServer

from fshunt.daemon.net.metrics import CONTENT_TYPE, Metrics
from fshunt.process.peers import Peers
from fshunt.process.sockets import address_of, listen
from fshunt.settings import Address

MAX_CONNECTIONS = 16
"""Connections at a time; beyond that the oldest of the peer with the most is closed. Prometheus or a load balancer
needs one for some milliseconds, so a peer with many idle ones does not keep them waiting."""

BACKLOG = 64
MAX_HEAD_BYTES = 8192
"""A request's first line and headers; browsers with many cookies send more, and do not belong here."""

HEAD_SECONDS = 1.0
"""Time for a request's head: it arrives in one packet."""

REQUEST_SECONDS = 5.0
"""Time for a whole request and its answer."""

MAX_UNREAD_BYTES = 65536
"""Bytes read and discarded at the end: closing with unread bytes would drop the answer."""

METHODS = ("GET", "HEAD")
PLAIN = "text/plain; charset=utf-8"

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """The answer to a request."""

    status: HTTPStatus
    body: bytes
    content_type: str = PLAIN


class HttpServer:
    """Serves ``/metrics`` and ``/healthz``; ``health`` returns whether the daemon is healthy, and the body."""

    def __init__(
        self,
        address: Address,
        peers: Peers,
        metrics: Metrics,
        health: Callable[[], tuple[bool, dict[str, Any]]],
    ) -> None:
        self._address, self._peers = address, peers
        self._metrics, self._health = metrics, health
        self._server: StreamServer | None = None
        self._held: dict[gevent.Greenlet, str] = {}
        """The greenlets in progress, the oldest first, each with its peer."""

    @property
    def address(self) -> Address:
        """The address; with the actual port, once it is started."""
        return self._address

    def start(self) -> None:
        """Begin to serve. Raises FshuntError when the address cannot be had."""
        listening = listen(self._address, BACKLOG, "with the setting `http_listen`")
        self._address = address_of(listening)
        self._server = StreamServer(listening, self._serve, spawn=Pool())
        self._server.start()

    def stop(self) -> None:
        """Stop serving; requests in progress are cut off."""
        if self._server is not None:
            self._server.stop(timeout=0)
            self._server = None

    def _serve(self, sock: socket.socket, peer: tuple[Any, ...]) -> None:
        if peer[0] not in self._peers:
            log.debug("connection from %s closed: it is not in `http_allowed_peers`", peer[0])
            return
        self._make_room()
        me = gevent.getcurrent()
        self._held[me] = peer[0]
        try:
            with suppress(OSError), gevent.Timeout(REQUEST_SECONDS, False):
                self._serve_request(sock)
        finally:
            self._held.pop(me, None)

    def _serve_request(self, sock: socket.socket) -> None:
        line = None
        with gevent.Timeout(HEAD_SECONDS, False):
            line = _first_line(sock)
        if line is None:
            return
        method, answer = self._answer(line)
        sock.sendall(_head(answer) + (b"" if method == "HEAD" else answer.body))
        sock.shutdown(socket.SHUT_WR)
        _read_off(sock)

    def _make_room(self) -> None:
        """Close a connection if there are too many: one of the peer that has the most."""
        if len(self._held) < MAX_CONNECTIONS:
            return
        greediest, _ = Counter(self._held.values()).most_common(1)[0]
        oldest = next(serving for serving, peer in self._held.items() if peer == greediest)
        del self._held[oldest]
        oldest.kill(block=False)  # its socket is closed as it ends

    def _answer(self, line: str) -> tuple[str, Answer]:
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return "", _error(HTTPStatus.BAD_REQUEST)
        method, path = words[0], words[1].partition("?")[0]
        page = {"/metrics": self._metrics_page, "/healthz": self._health_page}.get(path)
        if page is None:
            return method, _error(HTTPStatus.NOT_FOUND)
        if method not in METHODS:
            return method, _error(HTTPStatus.METHOD_NOT_ALLOWED)
        return method, page()

    def _metrics_page(self) -> Answer:
        return Answer(HTTPStatus.OK, self._metrics.page(), CONTENT_TYPE)

    def _health_page(self) -> Answer:
        well, said = self._health()
        body = json.dumps({"ok": well, **said}, indent=2).encode() + b"\n"
        return Answer(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, body, "application/json")


def _first_line(sock: socket.socket) -> str | None:
    """Read a request up to its empty line and return its first line; "" if too long, None if the peer is gone."""
    head = b""
    while b"\r\n\r\n" not in head and b"\n\n" not in head:
        if len(head) >= MAX_HEAD_BYTES:
            return ""
        some = sock.recv(MAX_HEAD_BYTES)
        if not some:
            return None
        head += some
    return head.partition(b"\n")[0].rstrip(b"\r").decode("latin-1")


def _head(answer: Answer) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append(f"Allow: {', '.join(METHODS)}")
    return "\r\n".join([*lines, "", ""]).encode()


def _error(status: HTTPStatus) -> Answer:
    return Answer(status, f"{status.phrase}\n".encode())


def _read_off(sock: socket.socket) -> None:
    unread = MAX_UNREAD_BYTES
    while unread > 0 and (some := sock.recv(MAX_HEAD_BYTES)):
        unread -= len(some)
