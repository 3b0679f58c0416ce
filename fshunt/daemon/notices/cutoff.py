"""An end for a whole exchange: a peer that sends a byte now and then would keep a connection alive for ever."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from types import TracebackType


class Cutoff:
    """Ends a connection when its time is over, whatever is being waited for then.

    It has a descriptor of its own for the connection: TLS may wrap the socket, and whoever uses it may close it.
    """

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._same = socket.socket(fileno=os.dup(sock.fileno()))
        self._seconds, self._done = max(0.0, seconds), threading.Event()
        self._thread = threading.Thread(target=self._wait, name="cutoff", daemon=True)
        self.is_over = False
        """Whether the time was over."""

    def __enter__(self) -> Cutoff:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._same.close()

    def _wait(self) -> None:
        if self._done.wait(self._seconds):
            return
        self.is_over = True
        with suppress(OSError):  # the peer was quicker
            self._same.shutdown(socket.SHUT_RDWR)
