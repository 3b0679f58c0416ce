"""The connection under a session: frames in, commands out, each with a deadline, read by the greenlet that waits.

It starts no greenlet. An exception thrown into the waiting greenlet from outside passes through, and leaves the link as
it was: what was read is kept, and what is left of a half-sent command goes out with the next.
"""

import math
import socket
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from typing import Never

import gevent

from fshunt.errors import FshuntError
from fshunt.esl.frames import Frame, ProtocolError
from fshunt.esl.reader import MAX_BODY_BYTES, FrameReader

SEND_SECONDS = 5.0  # commands are short: a socket that takes none of them is not read by FreeSWITCH any more
RECEIVE_BYTES = 64 * 1024
FRAMES_BETWEEN_YIELDS = 50  # a connection that never runs dry gives the others a turn this often
KEEPALIVE = {
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
}  # seconds, seconds, probes: a dead host ends in 60 s


class SwitchLost(FshuntError):
    """The connection to FreeSWITCH has ended."""

    def __init__(self, sentence: str, final: bool = False) -> None:
        super().__init__(sentence)
        self.final = final
        """whether FreeSWITCH said goodbye first, as it does when the call is over or has left us"""


class _Awake(BaseException):
    """Thrown into the greenlet that waits for bytes, by ``Transport.wake``."""


class Transport:
    """One connection. Deadlines are times of ``clock``. Once reading has failed, every call raises the same error."""

    def __init__(self, sock: socket.socket, clock: Callable[[], float], max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._sock = sock
        self._clock = clock
        self._frames = FrameReader(max_body_bytes)
        self._outgoing = bytearray()
        self._frames_since_yield = 0
        self._waiting: gevent.Greenlet | None = None  # whom ``wake`` may interrupt
        self._woken = False
        self._failure: FshuntError | None = None
        self._unheard: SwitchLost | None = None  # sending has failed; what FreeSWITCH sent before can still be read
        _tune(sock)

    @property
    def failed(self) -> bool:
        """Whether nothing can be sent, or nothing read, any more."""
        return self._failure is not None or self._unheard is not None

    @property
    def lost(self) -> bool:
        """Whether the connection has ended, so that not even a farewell would be heard."""
        return isinstance(self._failure, SwitchLost)

    def write(self, data: bytes) -> None:
        """Sends bytes. Raises SwitchLost when FreeSWITCH does not take them within ``SEND_SECONDS``.

        What FreeSWITCH had sent before can be read even then: the call's last events may be among it.
        """
        self._check()
        if self._unheard is not None:
            raise copy(self._unheard)
        self._outgoing += data
        self._flush()

    def read(self, deadline: float | None, *, wakeable: bool = False) -> Frame | None:
        """The next frame, or None when the deadline has passed, or ``wake`` was called.

        Raises SwitchLost, ProtocolError.
        """
        self._check()
        while (frame := self._pull()) is None:
            if wakeable and self._woken:
                self._woken = False
                return None
            if not self._receive(deadline, wakeable):
                return None
        return frame

    def wake(self) -> None:
        """Ends a wakeable ``read`` early, from another greenlet: the one under way, else the next one."""
        self._woken = True
        if self._waiting is not None:
            # Not from here: what is thrown into a greenlet runs at once, before the rest of what we do.
            gevent.get_hub().loop.run_callback(self._throw_awake)

    def breathe(self) -> None:
        """Gives the other greenlets a turn after every few frames; to be called when a frame has been put away."""
        self._frames_since_yield += 1
        if self._frames_since_yield >= FRAMES_BETWEEN_YIELDS:
            self._frames_since_yield = 0
            gevent.sleep(0)

    def fail(self, error: FshuntError) -> Never:
        """Raises the error, now and on every later use."""
        self._failure = error
        self._check()
        raise AssertionError

    def farewell(self, data: bytes, seconds: float) -> None:
        """Sends last bytes and reads, without looking, until FreeSWITCH closes or the time is over.

        To close with bytes unread would reset the connection, perhaps before FreeSWITCH has read ours. Raises OSError,
        SwitchLost.
        """
        self._outgoing += data
        self._flush()
        deadline = self._clock() + seconds
        while (remaining := deadline - self._clock()) > 0:
            self._sock.settimeout(remaining)
            if not self._sock.recv(RECEIVE_BYTES):
                return
            gevent.sleep(0)

    def close(self) -> None:
        """Closes the socket; a greenlet that waits on it gets SwitchLost."""
        self._failure = self._failure or SwitchLost("The connection to FreeSWITCH was closed.")
        with suppress(OSError):
            self._sock.close()

    def _check(self) -> None:
        if self._failure is not None:
            raise copy(self._failure)  # a copy: an error that was raised holds on to its frames, and so to the session

    def _pull(self) -> Frame | None:
        try:
            return self._frames.pull()
        except ProtocolError as error:
            self.fail(error)

    def _flush(self) -> None:
        while self._outgoing:
            self._sock.settimeout(SEND_SECONDS)
            try:
                sent = self._sock.send(bytes(self._outgoing))
            except TimeoutError:
                self._give_up_sending(f"FreeSWITCH has taken no command for {SEND_SECONDS:g} s.")
            except OSError as error:
                self._give_up_sending(f"The connection to FreeSWITCH broke: {error}")
            del self._outgoing[:sent]

    def _give_up_sending(self, sentence: str) -> Never:
        self._outgoing.clear()
        self._unheard = SwitchLost(sentence)
        raise copy(self._unheard)

    def _throw_awake(self) -> None:
        if self._woken and self._waiting is not None:
            self._waiting.throw(_Awake)

    def _receive(self, deadline: float | None, wakeable: bool) -> bool:
        """Takes in some bytes; False when the deadline has passed, or somebody woke us."""
        self._flush()  # which lets others run while FreeSWITCH takes nothing: ``wake`` finds nobody to interrupt then
        if wakeable and self._woken:
            self._woken = False
            return False
        self._sock.settimeout(_remaining(deadline, self._clock()))
        try:
            self._waiting = gevent.getcurrent() if wakeable else None
            data = self._sock.recv(RECEIVE_BYTES)
        except _Awake:
            self._woken = False
            return False
        except (TimeoutError, BlockingIOError):
            return False
        except OSError as error:
            self.fail(SwitchLost(f"The connection to FreeSWITCH broke: {error}"))
        finally:
            self._waiting = None
        if not data:
            self._end_of_file()
        self._frames.push(data)
        return True

    def _end_of_file(self) -> Never:
        try:
            self._frames.eof()
        except ProtocolError:
            self.fail(SwitchLost("FreeSWITCH closed the connection in the middle of a frame."))
        self.fail(SwitchLost("FreeSWITCH closed the connection."))


def _remaining(deadline: float | None, now: float) -> float | None:
    """Seconds for a socket to wait: none left is 0, no limit is None."""
    return None if deadline is None or math.isinf(deadline) else max(0.0, deadline - now)


def _tune(sock: socket.socket) -> None:
    with suppress(OSError):  # not a TCP socket, or its peer has gone already: the first read will say so
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
