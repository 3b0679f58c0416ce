"""Requests and responses as values, and the errors of a request that no application sees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import NamedTuple, Protocol

Headers = list[tuple[str, str]]


class Request(NamedTuple):
    """A whole request: nothing of it is left on the wire. Header names are in lower case.

    ``too_large``: how many bytes the body has at least, where it was not read since it has too many.
    """

    method: str
    target: str
    version: str
    headers: Headers
    body: bytes
    too_large: int = 0

    def header(self, name: str) -> str | None:
        """Return the last value of a header; None if it is not there."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


class EventStream(Protocol):
    """The body of a response that is not there as a whole, such as server-sent events.

    ``chunks`` runs in a greenlet of the event loop: it may wait only by gevent, and must not touch the database.
    ``close`` is called in any case, when the client is gone or the process stops.
    """

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes to send, each when it is there."""

    def close(self) -> None:
        """Free what the stream holds."""


class Response(NamedTuple):
    """An answer: its body is whole, or a stream. ``user`` is who asked, for the access log."""

    status: int
    headers: Headers
    body: bytes
    stream: EventStream | None = None
    user: str | None = None


class Refused(Exception):
    """A request that is answered before any application sees it; the connection is closed after it."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


SENTENCES = {
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers of a request may have 16 KB at most.",
    HTTPStatus.SERVICE_UNAVAILABLE: "There are too many requests right now: try again in a moment.",
}
"""What a person reads where no page can be made."""


def plain(status: HTTPStatus, *headers: tuple[str, str]) -> Response:
    """Return the answer to a request that no application has answered: one line of text."""
    return _made(status, "text/plain; charset=utf-8", f"{SENTENCES.get(status, status.phrase)}\n", headers)


def problem(status: HTTPStatus, *headers: tuple[str, str]) -> Response:
    """Return the same answer for programs: problem details (RFC 9457)."""
    code = status.name.lower().replace("_", "-")
    sentence = SENTENCES.get(status, status.phrase)
    details = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": sentence, "code": code}
    return _made(status, "application/problem+json", json.dumps(details), headers)


def _made(status: HTTPStatus, content_type: str, text: str, headers: Iterable[tuple[str, str]]) -> Response:
    fixed = [
        ("content-type", content_type),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ]
    return Response(status.value, [*fixed, *headers], text.encode())
