"""The HTTP server of the pages: greenlets read requests and write answers, native threads run the application.

A connection that is silent, slow or only half there is a greenlet that waits, and holds no thread. So it costs nothing,
and the application may wait for the database.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.server import StreamServer
from gevent.ssl import SSLContext

from fshunt.process.peers import Peers
from fshunt.process.sockets import address_of, listen
from fshunt.settings import Address, IpNetwork
from fshunt.web.http.connection import ClientGone, Connection
from fshunt.web.http.files import Files, LongFile, Sending
from fshunt.web.http.messages import Refused, Request, Response, plain, problem
from fshunt.web.http.proxies import Client, client_of
from fshunt.web.http.workers import Busy, Workers
from fshunt.web.http.wsgi import Application, call, environ_of, path_for_log, path_of

BACKLOG = 1024
MAX_CONNECTIONS = 1000
"""Connections at a time; beyond that the oldest idle one of the peer with the most is closed for a new one."""

MAX_STREAMS = 500
"""Responses without an end at a time, such as live pages."""

THREADS, WAITING, OF_ONE_CLIENT = 8, 64, 40
"""For requests. One client, which may be a whole office behind one address, leaves room for others."""

SLOW_THREADS, SLOW_WAITING, SLOW_OF_ONE_CLIENT = 2, 32, 8
"""For requests that hash a password, which takes a core for a tenth of a second: floods of sign-ins hold up no page."""

HANDSHAKE_SECONDS = 5.0
RETRY_AFTER_SECONDS = 2

FOR_PROGRAMS = "/api/"
"""Where the paths of programs begin, which read problem details."""

access_log = logging.getLogger("fshunt.web.access")


class Options(NamedTuple):
    """What the server is told: where it listens and for whom, and which requests are slow."""

    listen: Address
    tls: SSLContext | None
    trusted_proxies: Sequence[IpNetwork]
    peers: Peers | None
    """Who may connect; None: everybody."""
    is_slow: Callable[[str, str], bool]
    """Whether a request, by method and path, hashes a password."""


class Server:
    """Serves one WSGI application."""

    def __init__(self, application: Application, options: Options) -> None:
        self._application, self._options = application, options
        self._quick = Workers(THREADS, WAITING, OF_ONE_CLIENT)
        self._slow = Workers(SLOW_THREADS, SLOW_WAITING, SLOW_OF_ONE_CLIENT)
        self._files = Files()
        self._server: StreamServer | None = None
        self._connections = Pool()
        self._idle: dict[gevent.Greenlet, str] = {}
        """Connections without a whole request, the longest first, each with its peer."""
        self._streams: set[gevent.Greenlet] = set()
        self._stopping = False
        self.address = options.listen
        """Where it listens; with the actual port, once it is started."""

    def start(self) -> None:
        """Begin to serve. Raises FshuntError when the address cannot be had."""
        listening = listen(self._options.listen, BACKLOG, "with --listen or the setting `web_listen`")
        self.address = address_of(listening)
        self._server = StreamServer(listening, self._serve, spawn=self._connections)
        self._server.start()

    def stop(self, seconds: float) -> None:
        """Take no more requests; those in progress have ``seconds`` to end, then they are cut off."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        for each in (*self._idle, *self._streams):
            each.kill(block=False)
        self._connections.join(timeout=seconds)
        self._connections.kill()
        self._quick.close()
        self._slow.close()
        self._files.close()

    def _serve(self, raw: socket.socket, peer: tuple[Any, ...]) -> None:
        if self._options.peers is not None and peer[0] not in self._options.peers:
            access_log.debug("connection from %s closed: it is none of `web_trusted_proxies`", peer[0])
            return
        self._make_room()
        me = gevent.getcurrent()
        self._idle[me] = peer[0]
        try:
            with suppress(ClientGone, OSError, ssl.SSLError), closing(self._with_tls(raw)) as sock:
                self._serve_requests(Connection(sock), peer[0])
        finally:
            self._idle.pop(me, None)

    def _with_tls(self, raw: socket.socket) -> socket.socket:
        if self._options.tls is None:
            return raw
        with gevent.Timeout(HANDSHAKE_SECONDS, ClientGone()):
            return self._options.tls.wrap_socket(raw, server_side=True)

    def _serve_requests(self, connection: Connection, peer: str) -> None:
        me = gevent.getcurrent()
        while True:
            try:
                request = connection.read_request()
            except Refused as refused:
                access_log.info("%s - refused: %d", peer, refused.status)
                connection.refuse(refused.status, formatdate(usegmt=True))
                return
            if request is None:
                return
            self._idle.pop(me, None)
            self._answer(connection, request, peer)
            if request.too_large:
                connection.read_off()
                return
            if self._stopping or not connection.next_cycle():
                return
            self._idle[me] = peer

    def _answer(self, connection: Connection, request: Request, peer: str) -> None:
        began = time.monotonic()
        scheme = "http" if self._options.tls is None else "https"
        client = client_of(request, peer, scheme, self._options.trusted_proxies)
        response, sent = self._response(request, client), 0
        try:
            if response.stream is not None and not isinstance(response.stream, Sending):
                self._streams.add(gevent.getcurrent())
            is_last = self._stopping or bool(request.too_large)
            sent = connection.send(response, close=is_last, date=formatdate(usegmt=True))
        finally:
            if response.stream is not None:
                response.stream.close()
                self._streams.discard(gevent.getcurrent())
            _log_access(request, client, response, sent, time.monotonic() - began)

    def _response(self, request: Request, client: Client) -> Response:
        environ = environ_of(request, client, self.address)
        slow = self._options.is_slow(request.method, path_of(request))
        try:
            response = (self._slow if slow else self._quick).run(
                client.address, partial(call, self._application, environ)
            )
            if isinstance(response.stream, LongFile):
                return response._replace(stream=self._files.begin(response.stream, client.address))
        except Busy:
            return _busy(request)
        if response.stream is None or len(self._streams) < MAX_STREAMS:
            return response
        response.stream.close()
        return _busy(request)

    def _make_room(self) -> None:
        """Close an idle connection if there are too many: one of the peer that has the most."""
        if len(self._connections) <= MAX_CONNECTIONS or not self._idle:
            return
        greediest, _ = Counter(self._idle.values()).most_common(1)[0]
        oldest = next(serving for serving, peer in self._idle.items() if peer == greediest)
        del self._idle[oldest]
        oldest.kill(block=False)  # its socket is closed as it ends


def _busy(request: Request) -> Response:
    status, later = HTTPStatus.SERVICE_UNAVAILABLE, ("retry-after", str(RETRY_AFTER_SECONDS))
    return problem(status, later) if path_of(request).startswith(FOR_PROGRAMS) else plain(status, later)


def _log_access(request: Request, client: Client, response: Response, sent: int, seconds: float) -> None:
    access_log.info(
        "%s %s %s %s %d %d B %.0f ms",
        client.address,
        response.user or "-",
        request.method,
        path_for_log(path_of(request)),
        response.status,
        sent,
        seconds * 1000,
    )
