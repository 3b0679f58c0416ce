"""One connection: whole requests in, responses out, within limits of bytes and of time.

h11 knows the wire and has no sockets. gevent's own HTTP server would read megabytes of headers, and wait for ever for
the next one.
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any

import gevent
import h11
from gevent import socket

from fshunt.web.http.messages import Headers, Refused, Request, Response, plain

MAX_HEAD_BYTES = 16 * 1024
"""A request's first line and headers. A browser sends some 2 KB."""

MAX_BODY_BYTES = 1024 * 1024
"""A body: forms are small, and a calendar of holidays has some 100 KB."""

IDLE_SECONDS = 15.0
"""How long a connection may be silent before the first byte of a request."""

HEAD_SECONDS = 10.0
"""From there to the end of its head, which comes in one packet or two."""

BODY_SECONDS = 30.0
"""For a whole body, on a slow line."""

SEND_SECONDS = 30.0
"""For a response to be taken, on a slow line; and for each part of a stream."""

MAX_UNREAD_BYTES = 256 * 1024
UNREAD_SECONDS = 2.0
"""What is read off at the end of a refused request: closing with unread bytes would drop the answer."""

RECEIVE_BYTES = 64 * 1024


class ClientGone(Exception):
    """The client has closed the connection, or was silent or slow for too long."""


class _TooLarge(Exception):
    """A body has more than ``MAX_BODY_BYTES``: so many, or more."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


class Connection:
    """Serves the requests of one connection one after the other."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._head_only = False
        """Whether the request is a HEAD, whose answer has no body."""

    def read_request(self) -> Request | None:
        """Return the next request; None if the client sends no more. Raises ClientGone, or Refused for a bad one."""
        try:
            head = self._head()
            if head is None:
                return None
            self._head_only = head.method == b"HEAD"
            body, too_large = b"", 0
            try:
                body = self._body(head)
            except _TooLarge as error:
                too_large = error.size
            return Request(
                head.method.decode("ascii"),
                head.target.decode("ascii"),
                head.http_version.decode("ascii"),
                [(name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers],
                body,
                too_large,
            )
        except h11.RemoteProtocolError as error:
            raise Refused(HTTPStatus(error.error_status_hint)) from error
        except OSError as error:
            raise ClientGone from error

    def send(self, response: Response, *, close: bool, date: str) -> int:
        """Send a response and return how many bytes its body had; ``close``: it is the last one of the connection.

        Raises ClientGone.
        """
        headers = [*response.headers, ("date", date)]
        if close:
            headers.append(("connection", "close"))
        try:
            if response.stream is not None:
                return self._send_stream(response, headers)
            headers.append(("content-length", str(len(response.body))))
            self._send_all(_start(response, headers), *self._data(response.body), h11.EndOfMessage())
            return len(response.body)
        except OSError as error:
            raise ClientGone from error

    def refuse(self, status: HTTPStatus, date: str) -> None:
        """Answer a request that cannot be read, so that the client has the answer although not all was read."""
        if self._wire.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        self.send(plain(status), close=True, date=date)
        self.read_off()

    def read_off(self) -> None:
        """Read some of what the client still sends after the last answer, so that it has the answer."""
        with suppress(OSError), gevent.Timeout(UNREAD_SECONDS, False):
            self._socket.shutdown(socket.SHUT_WR)
            unread = MAX_UNREAD_BYTES
            while unread > 0 and (some := self._socket.recv(RECEIVE_BYTES)):
                unread -= len(some)

    def next_cycle(self) -> bool:
        """Whether another request may come on this connection."""
        if self._wire.our_state is not h11.DONE or self._wire.their_state is not h11.DONE:
            return False
        self._wire.start_next_cycle()
        return True

    def _head(self) -> h11.Request | None:
        if not self._wire.trailing_data[0]:
            self._receive_within(IDLE_SECONDS)
        event = self._event_within(HEAD_SECONDS)
        return event if isinstance(event, h11.Request) else None

    def _body(self, head: h11.Request) -> bytes:
        announced = next((int(value) for name, value in head.headers if name == b"content-length"), 0)
        if announced > MAX_BODY_BYTES:
            raise _TooLarge(announced)
        if self._wire.they_are_waiting_for_100_continue:
            self._send_all(h11.InformationalResponse(status_code=100, headers=[]))
        parts: list[bytes] = []
        with gevent.Timeout(BODY_SECONDS, ClientGone()):
            while not isinstance(event := self._event(), h11.EndOfMessage):
                if not isinstance(event, h11.Data):
                    raise ClientGone
                parts.append(bytes(event.data))
                if (size := sum(map(len, parts))) > MAX_BODY_BYTES:
                    raise _TooLarge(size)
        return b"".join(parts)

    def _event_within(self, seconds: float) -> Any:
        with gevent.Timeout(seconds, ClientGone()):
            return self._event()

    def _event(self) -> Any:
        while (event := self._wire.next_event()) is h11.NEED_DATA:
            self._wire.receive_data(self._socket.recv(RECEIVE_BYTES))
        return event

    def _receive_within(self, seconds: float) -> None:
        with gevent.Timeout(seconds, ClientGone()):
            self._wire.receive_data(self._socket.recv(RECEIVE_BYTES))

    def _send_stream(self, response: Response, headers: Headers) -> int:
        assert response.stream is not None
        sent = 0
        self._send_all(_start(response, headers))
        for chunk in response.stream.chunks():
            self._send_all(*self._data(chunk))
            sent += len(chunk)
        self._send_all(h11.EndOfMessage())
        return sent

    def _data(self, body: bytes) -> list[h11.Data]:
        return [] if not body or self._head_only else [h11.Data(data=body)]

    def _send_all(self, *events: Any) -> None:
        data = b"".join(self._wire.send(event) or b"" for event in events)
        with gevent.Timeout(SEND_SECONDS, ClientGone()):
            self._socket.sendall(data)


def _start(response: Response, headers: Headers) -> h11.Response:
    status = HTTPStatus(response.status)
    encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
    return h11.Response(status_code=status.value, headers=encoded, reason=status.phrase.encode("ascii"))
