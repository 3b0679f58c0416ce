"""The signals of the process: SIGTERM and SIGINT stop it, SIGHUP reloads the settings, SIGUSR1 logs a report.

A signal that comes before the daemon takes calls is kept until then; none but the first two ends the process.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable

import gevent
from gevent.event import Event

log = logging.getLogger(__name__)

STOP = (signal.SIGTERM, signal.SIGINT)
JOBS = (signal.SIGHUP, signal.SIGUSR1)


class ProcessSignals:
    """Listens from when it is built."""

    def __init__(self) -> None:
        self._stop = False
        self._asked: set[signal.Signals] = set()
        self._something = Event()
        for number in (*STOP, *JOBS):
            gevent.signal_handler(number, self._came, number)

    def run(self, reload: Callable[[], None], report: Callable[[], None]) -> None:
        """Do what is asked for until the process is told to stop; many signals of one kind at once are one."""
        jobs = dict(zip(JOBS, (reload, report), strict=True))
        while True:
            self._something.wait()
            self._something.clear()
            if self._stop:
                return
            for number in sorted(self._asked):
                self._asked.discard(number)
                self._do(number, jobs[number])

    def _came(self, number: signal.Signals) -> None:
        self._stop = self._stop or number in STOP
        self._asked.add(number)
        self._something.set()

    def _do(self, number: signal.Signals, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:  # the outermost frame: a mistake here must end no call
            log.exception("internal error at %s", number.name)
