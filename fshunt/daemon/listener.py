"""Takes FreeSWITCH's connections, one for each call, and gives each its own greenlet.

greenswitch's server asks for new connections every 100 ms, dies when there is no file descriptor left, and counts calls
too late. Here a connection is taken when it comes, faults of ``accept`` are waited out, and whoever is too many is
handed back so that FreeSWITCH goes on to its next action (fact 7).
"""

import errno
import ipaddress
import logging
import time
from collections.abc import Callable, Collection

import gevent
from gevent import socket
from gevent.pool import Group

from fshunt.errors import BadValue, FshuntError
from fshunt.switch.session import Session, SwitchLost

BACKLOG = 1024  # connections that the kernel holds for us; FreeSWITCH waits 25 s there before it gives a call up
FIRST_PAUSE_SECONDS = (
    0.05  # after a fault of accept(), doubled while it lasts: no file descriptor is free before a call ends
)
LONGEST_PAUSE_SECONDS = 1.0
CONNECTIONS_BETWEEN_YIELDS = 20  # a rush of connections leaves a turn to the calls under way
NOTICE_SECONDS = 60.0  # the same complaint is logged once in this time
MAX_NOTICES = 1000  # complaints remembered for that

log = logging.getLogger(__name__)

Address = tuple[str, int]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Listener:
    """Listens at ``address`` and calls ``handle`` with the greeted session of each call, in the call's own greenlet.

    At most ``max_calls`` calls are held; as many again are being handed back at a time, the rest is closed at once.
    Peers other than this machine must be in ``allowed_peers`` (addresses or networks). A peer that does not answer
    ``connect`` within ``greet_timeout`` seconds is closed. Raises BadValue for an allowed peer that is no address.
    """

    def __init__(
        self,
        address: Address,
        handle: Callable[[Session], None],
        *,
        max_calls: int,
        allowed_peers: Collection[str] = (),
        greet_timeout: float = 5.0,
    ) -> None:
        self._address = address
        self._handle = handle
        self._max_calls = max_calls
        self._allowed = [_network(peer) for peer in allowed_peers]
        self._greet_timeout = greet_timeout
        self._socket: socket.socket | None = None
        self._accepting: gevent.Greenlet | None = None
        self._notices = _Notices()
        self.calls = Group()
        """The greenlets of the calls that are held."""
        self.handing_back = Group()
        """The greenlets of the calls that were too many."""

    @property
    def port(self) -> int:
        """The port it listens on; that of the address before ``start``."""
        return self._address[1] if self._socket is None else self._socket.getsockname()[1]

    def start(self) -> None:
        """Binds and begins to take calls. Raises FshuntError when the address cannot be had."""
        self._socket = _listen(self._address)
        self._accepting = gevent.spawn(self._accept_all, self._socket)

    def stop(self) -> None:
        """Takes no more calls: FreeSWITCH is refused and goes to its next host. Calls that are held go on."""
        if self._accepting is not None:
            self._accepting.kill()
            self._accepting = None
        if self._socket is not None:
            self._address = (self._address[0], self.port)
            self._socket.close()
            self._socket = None

    def _accept_all(self, listening: socket.socket) -> None:
        pause = FIRST_PAUSE_SECONDS
        taken = 0
        while True:
            try:
                sock, peer = listening.accept()
            except OSError as error:
                self._notices.warn("accept", "No call can be taken for the moment: %s", error)
                gevent.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            pause = FIRST_PAUSE_SECONDS
            self._take(sock, peer[0])
            taken += 1
            if taken % CONNECTIONS_BETWEEN_YIELDS == 0:
                gevent.sleep(0)

    def _take(self, sock: socket.socket, peer: str) -> None:
        if not self._may_connect(peer):
            self._notices.warn(peer, "A connection from %s was closed: it is not among the allowed peers.", peer)
            sock.close()
        elif len(self.calls) < self._max_calls:
            self.calls.spawn(self._serve, sock, peer)
        elif len(self.handing_back) < self._max_calls:
            self._notices.warn("full", "%d calls are held, the most allowed; more are handed back.", self._max_calls)
            self.handing_back.spawn(Session(sock, peer).hand_back)
        else:
            self._notices.warn("flood", "Far more than %d calls came; some were closed at once.", self._max_calls)
            sock.close()

    def _may_connect(self, peer: str) -> bool:
        address = ipaddress.ip_address(peer.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in network for network in self._allowed)

    def _serve(self, sock: socket.socket, peer: str) -> None:
        session = Session(sock, peer)
        try:
            if self._greet(session):
                self._handle(session)
        except Exception:
            log.exception("%s: an error inside fshunt; the caller is handed back", session.uuid)
        finally:
            session.hand_back()

    def _greet(self, session: Session) -> bool:
        try:
            session.connect(self._greet_timeout)
        except SwitchLost as error:
            log.debug("%s: connected and went away: %s", session.peer, error)
            return False
        except FshuntError as error:
            self._notices.warn(f"greet {session.peer}", "A call from %s was not taken: %s", session.peer, error)
            return False
        return True


class _Notices:
    """Warnings of which each kind is logged once a minute, so that nobody can fill the log by knocking."""

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
        log.warning(sentence, *values)


def _listen(address: Address) -> socket.socket:
    host, port = address
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[
            0
        ]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise FshuntError(f"{host} is not an address of this machine: {error}.") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise FshuntError(_why_not(host, port, error)) from error
    return listening


def _why_not(host: str, port: int, error: OSError) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program; stop that one, or choose another address with --listen."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; choose another with --listen."
    if error.errno == errno.EACCES:
        return f"{where} may not be used without root's rights; choose a port above 1023 with --listen."
    return f"{where} cannot be listened at: {error}."


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise BadValue(f"{text!r} among the allowed peers is neither an address nor a network.") from None
