"""The two who are put to the same hazards: bare greenswitch, and our session and listener on top of it."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent
from gevent import socket
from gevent.event import Event
from greenswitch.esl import OutboundESLServer, OutboundSession

from fshunt.daemon.net.listener import Listener
from fshunt.esl.commands import command
from fshunt.esl.session import CallerGone, Session
from tests.support.ports import held_port, number_of

Headers = Callable[[str], str | None]
FOREVER_SECONDS = 3600.0


class Contender(Protocol):
    """What a hunt needs of an event-socket library."""

    def session(self, sock: socket.socket) -> Any:
        """A session on an accepted connection."""

    def command(self, session: Any, text: str) -> None:
        """Sends a command and waits for its reply."""

    def start(self, session: Any, application: str, argument: str) -> None:
        """Starts an application."""

    def bridge(self, session: Any, argument: str) -> Headers:
        """Runs a bridge to its end and gives the headers of its completion."""

    def noticed(self, session: Any) -> bool:
        """Whether the session has seen the linger notice."""

    def caller_is_there(self, session: Any) -> bool:
        """Whether the caller has not hung up, as far as the session knows."""

    def hold(self, session: Any) -> None:
        """Holds a call, with its events being read."""

    def serve(self, handle: Callable[[Any], None], max_calls: int) -> int:
        """Starts a server and gives its port."""


class Bare:
    """greenswitch as it comes."""

    def session(self, sock: socket.socket) -> OutboundSession:
        return OutboundSession(("127.0.0.1", 0), sock)

    def command(self, session: OutboundSession, text: str) -> None:
        session.send(text)

    def start(self, session: OutboundSession, application: str, argument: str) -> None:
        session.call_command(application, argument)

    def bridge(self, session: OutboundSession, argument: str) -> Headers:
        return session.bridge(argument).headers.get  # type: ignore[no-any-return]

    def noticed(self, session: OutboundSession) -> bool:
        return bool(session._lingering)

    def caller_is_there(self, session: OutboundSession) -> bool:
        return bool(session._outbound_connected)

    def hold(self, session: OutboundSession) -> None:
        Event().wait()

    def serve(self, handle: Callable[[OutboundSession], None], max_calls: int) -> int:
        class Application:
            def __init__(self, session: OutboundSession) -> None:
                self.session = session

            def run(self) -> None:
                handle(self.session)

        with held_port() as held:  # its server cannot choose a free port by itself
            port = number_of(held)
            server = OutboundESLServer("127.0.0.1", port, Application, max_connections=max_calls)
            gevent.spawn(server.listen)
            gevent.idle()
        return port


class Ours:
    """fshunt's session and listener."""

    def session(self, sock: socket.socket) -> Session:
        return Session(sock)

    def command(self, session: Session, text: str) -> None:
        session.send(command(text), FOREVER_SECONDS)

    def start(self, session: Session, application: str, argument: str) -> None:
        session.execute(application, argument)

    def bridge(self, session: Session, argument: str) -> Headers:
        return session.wait_completion(session.execute("bridge", argument), time.monotonic() + FOREVER_SECONDS).get

    def noticed(self, session: Session) -> bool:
        return session.gone

    def caller_is_there(self, session: Session) -> bool:
        try:
            session.raise_if_disconnected()
        except CallerGone:
            return False
        return True

    def hold(self, session: Session) -> None:
        while session.next_event(None) is not None:
            pass

    def serve(self, handle: Callable[[Session], None], max_calls: int) -> int:
        listener = Listener(("127.0.0.1", 0), handle, max_calls=max_calls, greet_timeout=FOREVER_SECONDS)
        listener.start()
        gevent.spawn(listener.run)
        return listener.port


CONTENDERS: dict[str, Contender] = {"bare": Bare(), "ours": Ours()}
