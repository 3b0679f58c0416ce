"""Calls a WSGI application (PEP 3333) for one request. It runs in a native thread; its answer is whole, or a stream."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from fshunt.web.http.messages import EventStream, Headers, Request, Response, plain
from fshunt.web.http.proxies import FORWARDED, Client

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

USER = "fshunt.user"
"""Key of the environ under which the application leaves who asked, for the access log."""

OWN_HEADERS = ("connection", "content-length", "date", "server", "transfer-encoding")
"""Headers of a response that the connection writes."""

log = logging.getLogger(__name__)


class Stream:
    """The iterable of an application that answers with a stream: it carries it to the connection."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream

    def __iter__(self) -> Iterable[bytes]:
        """Give the chunks, for a client of the tests that reads them itself."""
        return self.stream.chunks()

    def close(self) -> None:
        """Nothing: the connection closes the stream itself."""


def path_of(request: Request) -> str:
    """Return the decoded path of a request, by which applications choose what to do."""
    return unquote_to_bytes(request.target.partition("?")[0]).decode("latin-1")


def environ_of(request: Request, client: Client, server: tuple[str, int]) -> dict[str, Any]:
    """Return the environ of a request."""
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path_of(request),
        "QUERY_STRING": request.target.partition("?")[2],
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": client.address,
        "CONTENT_LENGTH": str(request.too_large or len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": client.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ.update(_headers_of(request))
    environ["HTTP_HOST"] = client.host
    return environ


def _headers_of(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers:
        # A name with "_" would be taken for the one with "-", which a proxy may have removed.
        if "_" in name or name in FORWARDED or name in ("content-length", "transfer-encoding", "proxy"):
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        joint = "; " if name == "cookie" else ", "
        found[key] = f"{found[key]}{joint}{value}" if key in found else value
    return found


def call(application: Application, environ: dict[str, Any]) -> Response:
    """Return the application's answer; an error that it lets through is logged, and answered by 500."""
    started: list[Any] = []

    def start_response(status: str, headers: Headers, _exc_info: Any = None) -> Callable[[bytes], None]:
        started[:] = [int(status.split(" ", 1)[0]), headers]
        return lambda _data: None

    try:
        answered = application(environ, start_response)
        try:
            stream = answered.stream if isinstance(answered, Stream) else None
            body = b"" if stream else b"".join(answered)
        finally:
            getattr(answered, "close", lambda: None)()
    except Exception:  # the outermost frame of a request: it must not end the thread
        log.exception("internal error at %s %s", environ["REQUEST_METHOD"], path_for_log(environ["PATH_INFO"]))
        return plain(HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = [(name.lower(), value) for name, value in started[1] if name.lower() not in OWN_HEADERS]
    return Response(started[0], headers, body, stream, environ.get(USER))


SECRET_PATHS = ("/invitation/", "/board/")
"""Paths whose next part is a secret: it may stand in no log."""


def path_for_log(path: str) -> str:
    """Return the path without a secret that it may hold, and without characters that could forge a line."""
    for secret in SECRET_PATHS:
        if path.startswith(secret):
            return f"{secret}***"
    return path.encode("unicode_escape").decode("ascii")[:500]
