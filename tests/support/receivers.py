"""Whom notices go to: a real SMTP server and a real HTTP one, in threads of their own, which do as they are told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

CERTIFICATE = Path(__file__).parents[1] / "web" / "certificate"
"""Of localhost and 127.0.0.1."""

TAKEN = "250 OK"
CUT = "cut"
SILENT = "silent"


def trusting() -> ssl.SSLContext:
    """A client that trusts the certificate of the tests, and no other."""
    return ssl.create_default_context(cafile=str(CERTIFICATE / "cert.pem"))


def certified() -> ssl.SSLContext:
    """A server with this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE / "cert.pem", CERTIFICATE / "key.pem")
    return context


@dataclass
class MailServer:
    """What an SMTP server has taken, and what it says: to a recipient, and to a mail."""

    port: int = 0
    on_recipient: str = TAKEN
    on_data: str = TAKEN
    mails: list[EmailMessage] = field(default_factory=list)
    users: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The ids of the mails."""
        return [str(each["Message-ID"]) for each in self.mails]

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 (given)
        """Somebody is to get a mail."""
        await self._act(server, self.on_recipient)
        if self.on_recipient == TAKEN:
            envelope.rcpt_tos.append(address)
        return self.on_recipient

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (given)
        """A mail is there, unless the server says something else."""
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        if self.on_data in (TAKEN, CUT):  # one that cuts now has taken it, and nobody knows
            self.mails.append(mail)
        await self._act(server, self.on_data)
        return self.on_data

    async def _act(self, server: Any, what: str) -> None:
        if what == CUT:
            server.transport.abort()
        if what == SILENT:
            await asyncio.sleep(3600)


class _Controller(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(*, tls: str = "none", port: int = 0, password: str | None = None, **said: str) -> Iterator[MailServer]:
    """An SMTP server on localhost; ``tls`` as the setting ``smtp_tls``, ``password`` of its only user."""
    server = MailServer(**said)

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        server.users.append((data.login, data.password))
        return AuthResult(success=data.password.decode() == password, handled=False)

    how: dict[str, Any] = {"ssl_context": certified()} if tls == "tls" else {}
    if tls == "starttls":
        how = {"tls_context": certified(), "require_starttls": True}
    if password is not None:
        how |= {"authenticator": check, "auth_required": True, "auth_require_tls": tls == "starttls"}
    controller = _Controller(server, hostname="127.0.0.1", port=port, **how)
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        with suppress(Exception):
            controller.stop(no_assert=True)


@dataclass
class Request:
    """What a webhook has got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class WebServer:
    """What an HTTP server has got, and how it answers: a status, cut, silent, or raw bytes that drip."""

    port: int = 0
    answer: int | str | bytes = 200
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook", *, https: bool = False, host: str = "127.0.0.1") -> str:
        """The address of a webhook here."""
        return f"{'https' if https else 'http'}://{host}:{self.port}{path}"

    @property
    def ids(self) -> list[str]:
        """The ids of the requests."""
        return [each.headers["webhook-id"] for each in self.requests]


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.requests.append(Request(self.path, headers, body))
            self._answer(server.answer)

        def _answer(self, answer: int | str | bytes) -> None:
            if answer == SILENT:
                server.over.wait()
            elif isinstance(answer, bytes):
                for byte in answer:
                    with suppress(OSError):
                        self.wfile.write(bytes([byte]))
                    if server.over.wait(0.005):
                        return
            elif isinstance(answer, int):
                self.send_response(answer)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    return Handler


@contextmanager
def web_server(*, https: bool = False, port: int = 0, answer: int | str | bytes = 200) -> Iterator[WebServer]:
    """An HTTP server on localhost."""
    made = WebServer(answer=answer)
    http = ThreadingHTTPServer(("127.0.0.1", port), _handler(made))
    http.daemon_threads, http.block_on_close = True, False
    if https:
        http.socket = certified().wrap_socket(http.socket, server_side=True)
    made.port = http.server_address[1]
    thread = threading.Thread(target=lambda: http.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        http.shutdown()
        thread.join()
        http.server_close()


def free_port(serving: Callable[[], Any]) -> int:
    """A port at which nobody answers any more."""
    with serving() as server:
        return int(server.port)
