"""Takes FreeSWITCH's connections, one for each call, and gives each its own greenlet.

greenswitch's server asks for new connections every 100 ms, dies when there is no file descriptor left, and counts calls
too late. Here a connection is accepted when it arrives, faults of ``accept`` are retried, and calls beyond the limit
are refused, so that FreeSWITCH continues with its next action (fact 7).
"""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack

import gevent
from gevent import socket
from gevent.pool import Group

from fshunt.backoff import Backoff
from fshunt.errors import FshuntError
from fshunt.esl.session import Session, SwitchLost
from fshunt.log_events import LogEvent, about
from fshunt.process.peers import Peers
from fshunt.process.sockets import address_of, handed_over, listen
from fshunt.settings import Address

BACKLOG = 1024  # connections that the kernel holds for us; FreeSWITCH waits 25 s there before it gives up
FIRST_PAUSE_SECONDS = (
    0.05  # after a fault of accept(), doubled while it lasts: no file descriptor is free before a call ends
)
LONGEST_PAUSE_SECONDS = 1.0
CONNECTIONS_BETWEEN_YIELDS = 20  # during a rush of connections current calls still get their turn
NOTICE_SECONDS = 60.0  # the same warning is logged once in this time
MAX_NOTICES = 1000  # warnings remembered for that

log = logging.getLogger(__name__)

ONLY_THIS_MACHINE = Peers()


class Listener:
    """Listens at ``address`` and calls ``handle`` with the greeted session of each call, in the call's own greenlet.

    At most ``max_calls`` calls are held (a number, or a function: what it returns may change); as many again are being
    handed back at a time, the rest is closed at once.
    Others than the ``peers`` are closed, and so is a peer that does not answer ``connect`` within ``greet_timeout``
    seconds.
    """

    def __init__(
        self,
        address: tuple[str, int],
        handle: Callable[[Session], None],
        *,
        max_calls: int | Callable[[], int],
        peers: Peers = ONLY_THIS_MACHINE,
        greet_timeout: float = 5.0,
    ) -> None:
        self._address = Address(*address)
        self._handle = handle
        self._max_calls_now = max_calls if callable(max_calls) else lambda: max_calls
        self._peers = peers
        self._greet_timeout = greet_timeout
        self._socket: socket.socket | None = None
        self._accepts = False
        self._notices = _Notices()
        self.calls = Group()
        """The greenlets of the calls in progress."""
        self.greeting: set[gevent.Greenlet] = set()
        """Calls whose switch has not answered the greeting yet."""
        self.handing_back = Group()
        """The greenlets that refuse calls beyond ``max_calls``."""

    @property
    def address(self) -> Address:
        """The address it listens on, or will listen on before ``bind``."""
        return self._address if self._socket is None else address_of(self._socket)

    @property
    def port(self) -> int:
        """The port it listens on; that of the address before ``bind``."""
        return self.address.port

    @property
    def takes_calls(self) -> bool:
        """Tell whether a new call would be accepted now."""
        return self._accepts and len(self.calls) < self._max_calls

    @property
    def _max_calls(self) -> int:
        return self._max_calls_now()

    def bind(self) -> None:
        """Takes the socket that systemd hands over, or binds one: the kernel holds who connects until ``start``.

        Raises FshuntError when the address cannot be had, or others can reach it and no peers are allowed.
        """
        self._socket = self._handed_over() or listen(self._address, BACKLOG, "with --listen")

    def start(self) -> None:
        """Accept calls from now on, after a ``bind`` if there was none; raises as ``bind`` does."""
        if self._socket is None:
            self.bind()
        self._accepts = True

    def run(self) -> None:
        """Accept calls until ``stop``; it may be called again after an exception."""
        while self._socket is not None:
            self._accept_all(self._socket)

    def stop(self) -> None:
        """Accept no more calls; current calls continue. A second call does nothing.

        FreeSWITCH is refused and goes to its next host; where systemd has the socket, the next daemon takes its calls.
        """
        if self._socket is not None:
            listening, self._address, self._socket = self._socket, self.address, None
            self._accepts = False
            listening.close()  # never shut down: systemd's own socket would stop listening, too

    def wait_for_calls(self, seconds: float) -> None:
        """Wait until all current calls have ended, including those being greeted."""
        self.calls.join(seconds)

    def _handed_over(self) -> socket.socket | None:
        listening = handed_over()
        if listening is None:
            return None
        address = address_of(listening)
        if not address.loopback and not self._peers:
            listening.close()
            raise FshuntError(
                f"systemd's fshunt.socket listens on {address}, which other machines can reach: set `allowed_peers` to "
                "the addresses of your FreeSWITCH hosts."
            )
        if address != self._address:
            log.warning("listening on %s (fshunt.socket), not on %s (setting `listen`)", address, self._address)
        return listening

    def _accept_all(self, listening: socket.socket) -> None:
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        taken = 0
        while True:
            try:
                sock, peer = listening.accept()
            except OSError as error:
                if self._socket is not listening:  # stopped
                    return
                self._notices.warn("accept", "cannot accept calls for the moment: %s", error)
                gevent.sleep(backoff.next())
                continue
            backoff.reset()
            with ExitStack() as unless_taken:
                unless_taken.callback(sock.close)  # the caller then goes to the next daemon or to the fallback
                self._take(sock, peer[0])
                unless_taken.pop_all()
            taken += 1
            if taken % CONNECTIONS_BETWEEN_YIELDS == 0:
                gevent.sleep(0)

    def _take(self, sock: socket.socket, peer: str) -> None:
        if peer not in self._peers:
            self._notices.warn(peer, "connection from %s closed: it is not in `allowed_peers`", peer)
            sock.close()
        elif len(self.calls) < self._max_calls:
            self.calls.spawn(self._serve, sock, peer)
        elif len(self.handing_back) < self._max_calls:
            self._notices.warn(
                "full",
                "`max_calls` reached: %d calls in progress; further calls are returned to the dialplan",
                self._max_calls,
            )
            self.handing_back.spawn(Session(sock, peer).hand_back)
        else:
            self._notices.warn(
                "flood", "more than twice `max_calls` (%d) calls came; some connections were closed", self._max_calls
            )
            sock.close()

    def _serve(self, sock: socket.socket, peer: str) -> None:
        session = Session(sock, peer)
        try:
            if self._greet(session):
                self._handle(session)
        except Exception:
            extra = about(LogEvent.INTERNAL_ERROR, call=session.uuid)
            log.exception("%s: internal error; call returned to the dialplan", session.uuid, extra=extra)
        finally:
            session.hand_back()

    def _greet(self, session: Session) -> bool:
        self.greeting.add(gevent.getcurrent())
        try:
            session.connect(self._greet_timeout)
        except SwitchLost as error:
            log.debug("%s: connected and went away: %s", session.peer, error)
            return False
        except FshuntError as error:
            self._notices.warn(f"greet {session.peer}", "call from %s not taken: %s", session.peer, error)
            return False
        finally:
            self.greeting.discard(gevent.getcurrent())
        return True


class _Notices:
    """Warnings, each kind logged once a minute, so that repeated connections cannot fill the log."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def warn(self, kind: str, sentence: str, *values: object) -> None:
        now = time.monotonic()
        if now < self._next.get(kind, now):
            log.debug(sentence, *values)
            return
        if len(self._next) >= MAX_NOTICES:
            self._next.clear()
        self._next[kind] = now + NOTICE_SECONDS
        log.warning(sentence, *values, extra=about(LogEvent.CALL_REFUSED))
