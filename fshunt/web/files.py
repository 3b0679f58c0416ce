"""Responses whose body is a long file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Response, request

from fshunt.web.http.files import LongFile
from fshunt.web.http.wsgi import Stream


def file_response(parts: Iterator[bytes], content_type: str) -> Response:
    """Return the response whose body is made while it is sent. The parts know nothing of the request any more."""
    body: Iterable[bytes] = () if request.method == "HEAD" else Stream(LongFile(parts))  # type: ignore[assignment]
    return Response(body, content_type=content_type, direct_passthrough=True)
