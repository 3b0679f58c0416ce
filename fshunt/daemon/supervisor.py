"""What the daemon does besides calls, for as long as it lives: an error inside fshunt ends none of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
"""Before work that broke down is begun anew: an error that comes back each time shall not fill the log."""


def _nothing() -> None:
    return


class Keeper:
    """A greenlet that does some work again and again, until it is stopped.

    The work ends by an error inside fshunt only. The error is logged, ``on_error`` is called, and the work is begun
    anew.
    """

    def __init__(self, name: str, work: Callable[[], object], on_error: Callable[[], object] = _nothing) -> None:
        self.name = name
        self._work, self._on_error = work, on_error
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """End it, wherever it is; not started, it does nothing."""
        greenlet, self._greenlet = self._greenlet, None
        if greenlet is not None:
            greenlet.kill()

    def _run(self) -> None:
        while True:
            try:
                self._work()
            except Exception:
                log.exception("%s: an error inside fshunt; it is begun anew", self.name)
                self._on_error()
            gevent.sleep(PAUSE_SECONDS)
