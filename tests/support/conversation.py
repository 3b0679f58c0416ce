"""A FreeSWITCH at the other end of a session's socket, driven by hand: the test decides what it sends and expects."""

from collections.abc import Iterator
from contextlib import contextmanager

from gevent import socket

from fshunt.esl import frames
from fshunt.esl.session import Session
from tests.support.waiting import WAIT_SECONDS

UUID = "a996eccf-4b77-49f6-80d2-b4948e9830f1"
CHANNEL = [("Event-Name", "CHANNEL_DATA"), ("Unique-ID", UUID), ("Caller-Destination-Number", "5000")]

LINGER_NOTICE = frames.render_frame(
    [
        ("Content-Type", "text/disconnect-notice"),
        ("Controlled-Session-UUID", UUID),
        ("Content-Disposition", "linger"),
        ("Linger-Time", "5"),
        ("Content-Length", "0"),
    ]
)
FINAL_NOTICE = frames.render_frame(
    [
        ("Content-Type", "text/disconnect-notice"),
        ("Controlled-Session-UUID", UUID),
        ("Content-Disposition", "disconnect"),
        ("Content-Length", "24"),
    ],
    b"Disconnected, goodbye.\n\n",
)
CONNECTED = frames.render_connect_reply(CHANNEL)
OK = frames.render_reply("+OK")


class Switch:
    """FreeSWITCH's end of one call's socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(WAIT_SECONDS)
        self._received = b""

    def say(self, *parts: bytes) -> None:
        self.sock.sendall(b"".join(parts))

    def hear(self) -> str:
        """The next command, without its closing empty line."""
        while b"\n\n" not in self._received:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(self._received)
            self._received += data
        command, _, self._received = self._received.partition(b"\n\n")
        return command.decode()

    def hear_end(self) -> None:
        """The controller has closed without another command."""
        assert self._received == b""
        assert self.sock.recv(1) == b""

    def say_no_more(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def hang_up_rudely(self) -> None:
        self.sock.close()


@contextmanager
def talking(greeted: bool = True) -> Iterator[tuple[Session, Switch]]:
    """A session and the FreeSWITCH it talks to."""
    ours, theirs = socket.socketpair()
    session, switch = Session(ours, "test"), Switch(theirs)
    try:
        if greeted:
            switch.say(CONNECTED)
            session.connect(WAIT_SECONDS)
            assert switch.hear() == "connect"
        yield session, switch
    finally:
        session.close()
        theirs.close()


def event(name: str, *headers: tuple[str, str], unique_id: str = UUID) -> bytes:
    return frames.render_event([("Event-Name", name), ("Unique-ID", unique_id), *headers])


def completion(event_uuid: str, application: str = "bridge", *headers: tuple[str, str]) -> bytes:
    return event(
        "CHANNEL_EXECUTE_COMPLETE",
        ("variable_current_application", application),
        *headers,
        ("Application", application),
        ("Application-UUID", event_uuid),
    )
