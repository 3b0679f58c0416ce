"""Answers systemd's watchdog, as long as the services run that claims and records depend on."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent

from fshunt.process.systemd import Notifier

log = logging.getLogger(__name__)


class Watchdog:
    """Sends a ping each ``pause`` seconds, unless ``stopped`` names services; ``calls`` counts those in progress."""

    def __init__(
        self, notifier: Notifier, pause: float, stopped: Callable[[], list[str]], calls: Callable[[], int]
    ) -> None:
        self._notifier, self._pause = notifier, pause
        self._stopped, self._calls = stopped, calls

    def run(self) -> None:
        """Answer the watchdog until killed."""
        withheld = False
        while True:
            gevent.sleep(self._pause)
            stopped = self._stopped()
            if not stopped:
                withheld = False
                self._notifier.send("WATCHDOG=1", f"STATUS=taking calls, {self._calls()} in progress")
            elif not withheld:
                withheld = True
                log.error(
                    "%s stopped; withholding the watchdog ping so that systemd restarts fshunt",
                    " and ".join(stopped),
                )
