"""Runs the services beside the calls: starts them in order, restarts those that raise, stops them in reverse order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import gevent

from fshunt.backoff import Backoff
from fshunt.daemon.clock import utc_now
from fshunt.errors import FshuntError

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
"""Pauses before a service is restarted: the calls need the outbox writer at once, and the log shall not fill up."""

STEADY_SECONDS = 10.0
"""A service that has run for so long without an exception works again: the backoff begins anew."""

STOPPED_AFTER_SECONDS = 10.0
"""An essential service that has been failing for so long counts as stopped, however often it is restarted."""

KILL_SECONDS = 1.0
"""How long, at a stop, a greenlet that was killed may take for its ``finally`` clauses."""


@dataclass(frozen=True, slots=True)
class Service:
    """Something that runs beside the calls: its name, and what the supervisor calls.

    ``start`` is called once and may take a moment. ``run`` is the body, in a greenlet of its own; it may be called
    again after any exception. ``stop`` is called once and has ``stop_seconds``; ``run`` then has ``grace_seconds`` to
    return by itself, and is killed. ``on_error`` is called after each exception of ``run``.
    An ``essential`` service that stands still is a reason to restart the daemon; the daemon continues without an
    ``optional`` one whose ``start`` raises FshuntError.
    """

    name: str
    run: Callable[[], object] | None = None
    start: Callable[[], object] | None = None
    stop: Callable[[], object] | None = None
    on_error: Callable[[], object] | None = None
    stop_seconds: float | Callable[[], float] = 2.0
    grace_seconds: float = 0.0
    essential: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """How a service is: ``error`` is the last exception, ``failing_since`` is None for one that works."""

    name: str
    running: bool
    essential: bool = False
    restarts: int = 0
    error: str | None = None
    failing_since: datetime | None = None


class ServiceStates:
    """What the supervisor knows of its services. Built first, so that what it runs can show it."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}

    def add(self, running: _Running) -> None:
        """Show one more service."""
        self._running[running.service.name] = running

    def all(self) -> list[ServiceHealth]:
        """All services, in the order in which they are started."""
        return [each.health() for each in self._running.values()]

    def stopped(self) -> list[str]:
        """The names of the essential services that stand still."""
        return [name for name, each in self._running.items() if each.service.essential and each.stands_still()]


class Supervisor:
    """Owns the greenlets of the services; ``states`` shows how they are."""

    def __init__(
        self, services: Iterable[Service], states: ServiceStates, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._services = [_Running(service, monotonic) for service in services]
        for each in self._services:
            states.add(each)
        self._started: list[_Running] = []

    def start(self) -> None:
        """Start all in order. An exception of a ``start`` is raised; ``stop`` then stops those that were started."""
        for each in self._services:
            self._started.append(each)
            each.start()

    def stop(self) -> None:
        """Stop those that were started, in reverse order, each within its bound. Done twice it does nothing more."""
        while self._started:
            self._started.pop().stop()


class _Running:
    """One service and its greenlet."""

    def __init__(self, service: Service, monotonic: Callable[[], float]) -> None:
        self.service = service
        self._monotonic = monotonic
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._greenlet: gevent.Greenlet | None = None
        self._begun_at: float | None = None
        """When the body was begun; None: it does not run now."""
        self._failing_since: tuple[float, datetime] | None = None
        self._restarts = 0
        self._error: str | None = None
        self._is_started = self._stopping = False

    def start(self) -> None:
        try:
            if self.service.start is not None:
                self.service.start()
        except FshuntError as error:
            self._error = str(error)
            if not self.service.optional:
                raise
            log.warning("continuing without %s: %s", self.service.name, error)
            return
        self._is_started = True
        if self.service.run is not None:
            self._greenlet = gevent.spawn(self._run, self.service.run)

    def stop(self) -> None:
        self._stopping = True
        if self.service.stop is not None:
            seconds = self.service.stop_seconds
            with gevent.Timeout(seconds() if callable(seconds) else seconds, False):
                self._call(self.service.stop)
        greenlet, self._greenlet = self._greenlet, None
        if greenlet is not None:
            greenlet.join(self.service.grace_seconds)
            greenlet.kill(timeout=KILL_SECONDS)
            if not greenlet.dead:
                log.warning("service %s did not stop within %g s", self.service.name, KILL_SECONDS)

    def health(self) -> ServiceHealth:
        failing = None if self._works_again() or self._failing_since is None else self._failing_since[1]
        return ServiceHealth(
            self.service.name, self._runs, self.service.essential, self._restarts, self._error, failing
        )

    def stands_still(self) -> bool:
        if self._greenlet is None or self._greenlet.dead:
            return True
        if self._failing_since is None or self._works_again():
            return False
        return self._monotonic() - self._failing_since[0] > STOPPED_AFTER_SECONDS

    @property
    def _runs(self) -> bool:
        if self.service.run is None:
            return self._is_started and not self._stopping
        return self._begun_at is not None and self._greenlet is not None and not self._greenlet.dead

    def _works_again(self) -> bool:
        return self._begun_at is not None and self._monotonic() - self._begun_at > STEADY_SECONDS

    def _call(self, stop: Callable[[], object]) -> None:
        try:
            stop()
        except Exception:
            log.exception("service %s failed to stop", self.service.name)

    def _run(self, body: Callable[[], object]) -> None:
        while True:
            self._begun_at = self._monotonic()
            try:
                body()
                error = "it returned"
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"
                log.exception("internal error: service %s failed; restarting it", self.service.name)
            if self._stopping:
                return
            self._failed(error)
            gevent.sleep(self._backoff.next())
            self._restarts += 1

    def _failed(self, error: str) -> None:
        if self._works_again() or self._failing_since is None:
            self._backoff.reset()
            self._failing_since = self._monotonic(), utc_now()
        self._begun_at, self._error = None, error
        if self.service.on_error is not None:
            self.service.on_error()
