"""Sends one request to a webhook: to the address that was judged, signed, and within one deadline.

Whoever looks after a group words the URL, so the request leads nowhere but to public hosts (``notices.targets``): the
name is looked up once, and the connection goes to the very address that was judged. Redirects are not followed, no
proxy of the environment is used, and the answer is not kept but for its status.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from fshunt import __version__
from fshunt.daemon.notices.cutoff import Cutoff
from fshunt.daemon.notices.outcome import Blame, NotSent, why
from fshunt.errors import BadValue
from fshunt.notices import signing
from fshunt.notices.message import Message, body_of
from fshunt.notices.targets import IpNetwork, WebhookUrl, is_allowed, parse_webhook_url

DEADLINE_SECONDS = 15.0
"""For the whole exchange, from the connection to the status of the answer."""

MAX_ANSWER_BYTES = 64 * 1024
"""What is read of an answer's body, so that its sender sees no error; none of it is kept."""

MAX_ADDRESSES = 4
"""Addresses of a name that are tried."""

Resolve = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, in the order of the system; raise OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Sends requests. ``allowed`` are the networks that are not public and may be reached."""

    tls: ssl.SSLContext
    allowed: Collection[IpNetwork]
    resolve: Resolve = resolve
    seconds: float = DEADLINE_SECONDS
    now: Callable[[], float] = time.time

    def send(self, message: Message) -> None:
        """Send a message; raise NotSent unless the receiver has answered with a status of 2xx."""
        try:
            url = parse_webhook_url(message.target)
        except BadValue as error:
            raise NotSent(str(error), Blame.MESSAGE) from None
        until = time.monotonic() + self.seconds
        sock = self._connect(url, until)
        with sock, Cutoff(sock, until - time.monotonic()) as cutoff:
            try:
                status = self._exchange(sock, url, message)
            except (OSError, http.client.HTTPException, ValueError) as error:
                if cutoff.is_over:
                    raise NotSent(f"no answer within {self.seconds:g} s", Blame.HOST) from None
                raise NotSent(f"connection to {url.host} failed: {why(error)}", Blame.HOST) from None
        if status == http.client.GONE:
            raise NotSent("answered 410: the receiver wants no more", Blame.MESSAGE)
        if 300 <= status < 400:
            raise NotSent(f"answered {status}: a webhook follows no redirect")
        if not 200 <= status < 300:
            raise NotSent(f"answered {status}")

    def _connect(self, url: WebhookUrl, until: float) -> socket.socket:
        try:
            found = self.resolve(url.host, url.port)[:MAX_ADDRESSES]
        except (OSError, UnicodeError) as error:
            raise NotSent(f"{url.host} not found: {why(error)}", Blame.HOST) from None
        allowed = [each for each in found if is_allowed(ipaddress.ip_address(each), self.allowed)]
        if not allowed:
            raise NotSent(f"{url.host} leads to no public address ({', '.join(found) or 'none'})")
        failure = ""
        for others, each in zip(range(len(allowed), 0, -1), allowed, strict=True):
            share = max(0.001, (until - time.monotonic()) / others)  # an address that is silent leaves time for others
            try:
                return socket.create_connection((each, url.port), timeout=share)
            except OSError as error:
                failure = why(error)
        raise NotSent(f"no connection to {url.host}: {failure}", Blame.HOST)

    def _exchange(self, sock: socket.socket, url: WebhookUrl, message: Message) -> int:
        """Send the request over a connection, and return the status of the answer."""
        sock.settimeout(None)  # the cutoff ends what takes too long
        wire = self.tls.wrap_socket(sock, server_hostname=url.host) if url.https else sock
        with wire:
            wire.sendall(self._request(url, message))
            answer = http.client.HTTPResponse(wire, method="POST")
            try:
                answer.begin()
                with suppress(OSError, http.client.HTTPException):  # it has said what counts
                    answer.read(MAX_ANSWER_BYTES)
                return answer.status
            finally:
                answer.close()

    def _request(self, url: WebhookUrl, message: Message) -> bytes:
        body = body_of(message)
        headers = {
            "Host": url.host_header,
            "User-Agent": f"fshunt/{__version__}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept-Encoding": "identity",
            "Connection": "close",
        } | signing.headers(message.secret or "", message.id, int(self.now()), body)
        lines = [f"POST {url.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
