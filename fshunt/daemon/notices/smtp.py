"""Sends one mail, over a connection of its own and within one deadline."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fshunt.daemon.notices.cutoff import Cutoff
from fshunt.daemon.notices.outcome import Blame, NotSent, why
from fshunt.errors import FshuntError
from fshunt.notices.message import Message, mail_of
from fshunt.settings import Settings
from fshunt.settings.secret_file import read_secret

DEADLINE_SECONDS = 30.0
"""For the whole exchange: servers that greet late, against spam, take some seconds."""

CONNECT_SECONDS = 10.0
PORTS = {"starttls": 587, "tls": 465, "none": 25}
PERMANENT = 500
"""From this code on a server will not take this mail, however often it is tried."""


@cache
def own_name() -> str:
    """Return the name of this host, which may take the resolver some seconds."""
    return socket.getfqdn()


def sender_of(settings: Settings) -> str:
    """Return the sender of notices."""
    return settings.smtp_from or f"fshunt@{own_name()}"


@dataclass(frozen=True, slots=True)
class Mails:
    """Sends mails by the server of the settings."""

    tls: ssl.SSLContext
    settings: Settings
    seconds: float = DEADLINE_SECONDS
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def send(self, message: Message) -> None:
        """Send a message; raise NotSent unless the server has taken it."""
        host = self.settings.smtp_host
        if host is None:
            raise NotSent("no `smtp_host` is set", Blame.HOST)
        until = time.monotonic() + self.seconds
        try:
            sock = socket.create_connection((host, self._port), timeout=min(CONNECT_SECONDS, self.seconds))
        except OSError as error:
            raise NotSent(f"no connection to {host}: {_why(error)}", Blame.HOST) from None
        with sock, Cutoff(sock, until - time.monotonic()) as cutoff:
            try:
                self._exchange(sock, message)
            except NotSent:
                raise
            except (OSError, smtplib.SMTPException, ValueError) as error:
                if cutoff.is_over:
                    raise NotSent(f"mail server {host}: no answer within {self.seconds:g} s", Blame.HOST) from None
                raise NotSent(f"mail server {host}: {_why(error)}", Blame.HOST) from None

    @property
    def _port(self) -> int:
        return self.settings.smtp_port or PORTS[self.settings.smtp_tls]

    def _exchange(self, sock: socket.socket, message: Message) -> None:
        host, kind = str(self.settings.smtp_host), self.settings.smtp_tls
        sock.settimeout(None)  # the cutoff ends what takes too long
        wire = self.tls.wrap_socket(sock, server_hostname=host) if kind == "tls" else sock
        smtp = _Smtp(wire, host, self._port, self.seconds)
        try:
            if kind == "starttls":
                smtp.starttls(context=self.tls)
            if self.settings.smtp_user is not None:
                smtp.login(self.settings.smtp_user, self._password())
            sender = sender_of(self.settings)
            self._deliver(smtp, sender, message)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                smtp.quit()
            smtp.close()

    def _deliver(self, smtp: smtplib.SMTP, sender: str, message: Message) -> None:
        mail = mail_of(message, sender, self.now()).as_bytes()
        try:
            smtp.sendmail(sender, [message.target], mail)
        except smtplib.SMTPRecipientsRefused as refused:
            [(code, words)] = refused.recipients.values()
            raise _refused(code, words, Blame.TARGET) from None
        except smtplib.SMTPSenderRefused as refused:
            raise NotSent(f"sender refused: {_reply(refused.smtp_code, refused.smtp_error)}", Blame.HOST) from None
        except smtplib.SMTPDataError as refused:
            raise _refused(refused.smtp_code, refused.smtp_error, Blame.TARGET) from None

    def _password(self) -> str:
        try:
            return read_secret(Path(str(self.settings.smtp_password_file)), "the mail server's password")
        except FshuntError as error:
            raise NotSent(str(error), Blame.HOST) from None


class _Smtp(smtplib.SMTP):
    """As the library's, over a connection that is there already."""

    def __init__(self, sock: socket.socket, host: str, port: int, seconds: float) -> None:
        self._given = sock
        super().__init__(host, port, local_hostname=own_name(), timeout=seconds)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        del host, port, timeout
        return self._given


def _refused(code: int, words: bytes | str, blame: Blame) -> NotSent:
    return NotSent(f"refused: {_reply(code, words)}", Blame.MESSAGE if code >= PERMANENT else blame)


def _reply(code: int, words: bytes | str) -> str:
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(said.split())}"


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _reply(error.smtp_code, error.smtp_error)
    return why(error)
