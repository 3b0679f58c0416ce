"""One inbound connection to a FreeSWITCH's event socket: login, commands, events of the whole switch.

It starts no greenlet and no thread: the greenlet that waits reads. The password is in no log, no error and no
representation.

Errors of every method that sends or waits: ``SwitchLost`` when the connection has ended, ``ProtocolError`` when what
came cannot be read, ``TimedOut``.
"""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Never

from fshunt.errors import FshuntError
from fshunt.esl import commands, frames
from fshunt.esl.commands import Command
from fshunt.esl.connection import Bounds, Connection, TimedOut
from fshunt.esl.frames import Frame, ProtocolError
from fshunt.esl.jobs import Jobs
from fshunt.esl.replies import CommandRefused
from fshunt.esl.transport import SwitchLost, Transport

__all__ = ["AddressRefused", "CommandRefused", "Inbound", "LoginRefused", "ProtocolError", "SwitchLost", "TimedOut"]

REPLY_SECONDS = 5.0  # FreeSWITCH answers within milliseconds, a long table within some hundred
MAX_BODY_BYTES = 64 * 1024 * 1024  # `show channels as json` takes 1.1 KB a channel, a list of phones 1 KB a phone
BUFFER = Bounds(events=50_000, bytes=128 * 1024 * 1024)  # FreeSWITCH itself gives a listener up after 100,000

_AUTH_REQUEST = "auth/request"
_RUDE_REJECTION = "text/rude-rejection"  # how FreeSWITCH sends away an address that its access list does not allow


class LoginRefused(FshuntError):
    """FreeSWITCH does not let us in: a wrong password, or an address that is not allowed."""


class AddressRefused(LoginRefused):
    """FreeSWITCH lets nobody in from our address, whatever the password."""


class Inbound:
    """A connection that has logged in. Deadlines are times of ``clock``."""

    def __init__(self, sock: socket.socket, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        """the switch's address, for logs"""
        self._clock = clock
        self._transport = Transport(sock, clock, MAX_BODY_BYTES)
        self._connection = Connection(self._transport, clock, BUFFER, _ignore, name)

    @classmethod
    def connect(
        cls,
        host: str,
        port: int,
        password: str,
        timeout: float,
        *,
        create_connection: Callable[..., socket.socket] = socket.create_connection,
        clock: Callable[[], float] = time.monotonic,
    ) -> "Inbound":
        """Connects and logs in. Raises SwitchLost, TimedOut, LoginRefused, ProtocolError, each in one sentence."""
        name = f"{host}:{port}"
        login = commands.auth(password)
        deadline = clock() + timeout
        try:
            sock = create_connection((host, port), timeout)
        except TimeoutError as error:
            raise TimedOut(f"FreeSWITCH at {name} did not take the connection in {timeout:g} s.") from error
        except OSError as error:
            raise SwitchLost(f"FreeSWITCH at {name} cannot be reached: {error}") from error
        connection = cls(sock, name, clock)
        with ExitStack() as unless_let_in:
            unless_let_in.callback(connection.close)
            connection._log_in(login, deadline)
            unless_let_in.pop_all()
        return connection

    def send(self, command: Command, timeout: float = REPLY_SECONDS) -> Frame:
        """Sends one command and waits for its reply; events that come before it are buffered in order.

        Raises CommandRefused when FreeSWITCH refuses it (an API command's output is returned as it is, ``-ERR`` too),
        UnsafeText when a text is more than one line.
        """
        return self._connection.ask([command], timeout)[0]

    def send_all(self, said: Sequence[Command], timeout: float = REPLY_SECONDS) -> list[Frame]:
        """Sends commands in one write, and returns their replies when all have come."""
        return self._connection.ask(said, timeout)

    def start_jobs(self, asked: Sequence[Command]) -> Jobs:
        """Has API commands run in the background, so that what is sent after them does not wait. Raises UnsafeText."""
        return self._connection.start_jobs(asked)

    def finish_jobs(self, jobs: Jobs, timeout: float) -> list[str | None]:
        """Waits at most so many seconds for the outputs of these jobs; None of one that has not ended by then."""
        return self._connection.finish_jobs(jobs, timeout)

    def next_event(self, deadline: float | None = None) -> Frame | None:
        """The next event, in the order they came; None when the deadline, a time of ``clock``, has passed."""
        while True:
            while (event := self._connection.next_buffered()) is not None:
                if event.content_type != frames.DISCONNECT_NOTICE:
                    return event
            if not self._connection.read(deadline):
                return None

    def close(self) -> None:
        """Closes the socket; a greenlet that waits gets SwitchLost."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<Inbound {self.name}>"

    def _log_in(self, login: Command, deadline: float) -> None:
        greeting = self._transport.read(deadline)
        if greeting is None:
            raise TimedOut(f"FreeSWITCH at {self.name} did not ask for a password in time: is it an event socket?")
        if greeting.content_type == _RUDE_REJECTION:
            raise AddressRefused(
                f"FreeSWITCH at {self.name} does not let this address in: see apply-inbound-acl there."
            )
        if greeting.content_type != _AUTH_REQUEST:
            self._transport.fail(ProtocolError(f"What listens at {self.name} is not FreeSWITCH's event socket."))
        try:
            reply = self.send(login, max(0.0, deadline - self._clock()))
        except CommandRefused:
            self._refused()
        if not reply.reply_text.startswith("+OK"):
            self._refused()

    def _refused(self) -> Never:
        raise LoginRefused(
            f"FreeSWITCH at {self.name} refuses the event socket's password: on its host, `fshunt setup` writes the "
            "one of its event_socket.conf.xml into our password file."
        ) from None


def _ignore(_event: Frame) -> None:
    """No event matters before it is read."""
