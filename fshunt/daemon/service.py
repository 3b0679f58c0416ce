"""The daemon: takes calls, keeps their claims alive, and stops without losing a caller."""

from __future__ import annotations

import logging

import gevent
from gevent import getcurrent
from gevent.event import Event

from fshunt.daemon.call import Call
from fshunt.daemon.ending import LetGo, Stopped
from fshunt.daemon.listener import Listener
from fshunt.daemon.notify import Notifier
from fshunt.daemon.services import Services
from fshunt.errors import StoreError
from fshunt.store import calls, hunts
from fshunt.switch.session import Session

log = logging.getLogger(__name__)

RENEWALS_A_LEASE = 3
"""How often a claim is renewed within its lease: two renewals may fail before it is lost."""

FAREWELL_SECONDS = 5.0
"""How long, at a stop, calls that were told to end may take to close their records."""

FLUSH_SECONDS = 10.0
"""How long, at a stop, the database may take for the last records."""


class Daemon:
    """All calls of one process. Start it, wait, stop it; it cannot be started again."""

    def __init__(self, services: Services, notifier: Notifier | None = None) -> None:
        self.services = services
        settings = services.settings
        self._notifier = notifier or Notifier({})
        self._calls: dict[gevent.Greenlet, Call] = {}
        self._keepers: list[gevent.Greenlet] = []
        self.listener = Listener(
            (settings.listen.host, settings.listen.port),
            self._handle,
            max_calls=settings.max_calls,
            allowed_peers=[str(peer) for peer in settings.allowed_peers],
        )

    @property
    def calls(self) -> int:
        """How many calls are held now."""
        return len(self._calls)

    def start(self) -> None:
        """Close what an earlier life left open, then take calls.

        Raises StoreError if the database cannot be used, FshuntError if the address is in use.
        """
        self._close_unfinished()
        self.services.recorder.start()
        self._keepers.append(gevent.spawn(self._keep_claims))
        if self._notifier.watchdog_seconds:
            self._keepers.append(gevent.spawn(self._feed_watchdog, self._notifier.watchdog_seconds / 2))
        self.listener.start()
        log.info("fshunt takes calls at %s:%d", self.services.settings.listen.host, self.listener.port)
        self._notifier.send("READY=1", "STATUS=takes calls")

    def stop(self) -> None:
        """Take no new calls, let go of talks, let hunts end within ``stop_timeout``, write all down, and stop."""
        timeout = self.services.settings.stop_timeout
        self._notifier.send("STOPPING=1", f"STATUS=stopping, {self.calls} calls")
        log.info("stopping: no new calls; %d calls are held, hunts have %g s to end", self.calls, timeout)
        self.listener.stop()
        self._let_hunts_end(timeout)
        self._tell_all(Stopped)
        gevent.joinall(list(self._calls), timeout=FAREWELL_SECONDS)
        gevent.killall(self._keepers)
        self.services.recorder.stop(FLUSH_SECONDS)
        self.services.database.close()
        log.info("stopped")

    def _handle(self, session: Session) -> None:
        greenlet, call = getcurrent(), Call(session, self.services)
        self._calls[greenlet] = call
        try:
            call.run()
        finally:
            del self._calls[greenlet]

    def _let_hunts_end(self, timeout: float) -> None:
        """Wait for hunts under way; a call is let go of as soon as it can live without us."""
        deadline = self.services.monotonic() + timeout
        while self._calls:
            for greenlet, call in list(self._calls.items()):
                if call.outlives is not None:
                    greenlet.kill(LetGo, block=False)
            remaining = deadline - self.services.monotonic()
            if remaining <= 0:
                return
            gevent.joinall(list(self._calls), timeout=min(remaining, 0.25), count=1)

    def _tell_all(self, what: type[BaseException]) -> None:
        for greenlet in list(self._calls):
            greenlet.kill(what, block=False)

    def _close_unfinished(self) -> None:
        settings, database = self.services.settings, self.services.database
        closed = database.write(calls.close_unfinished, settings.node, self.services.now())
        if closed:
            log.warning("closed %d calls that an earlier run of this daemon left unfinished", closed)

    def _keep_claims(self) -> None:
        lease = self.services.settings.lease_seconds
        while True:
            gevent.sleep(lease / RENEWALS_A_LEASE)
            try:
                live = [call.journal.hunt_id for call in self._calls.values()]
                self.services.database.write(hunts.renew, self.services.claim_owner, self.services.now(), lease, live)
                self.services.database.write(hunts.sweep, self.services.now())
            except StoreError as error:
                log.warning("claims could not be renewed: %s", error)

    def _feed_watchdog(self, pause: float) -> None:
        stopped = Event()
        while not stopped.wait(pause):
            self._notifier.send("WATCHDOG=1", f"STATUS=takes calls, {self.calls} now")
