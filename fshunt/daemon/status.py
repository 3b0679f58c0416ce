"""The status of a daemon: for ``/healthz``, and with each heartbeat for `fshunt status`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from fshunt import __version__
from fshunt.daemon.call.live_calls import LiveCalls
from fshunt.daemon.cluster.processes import this_process
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.net.listener import Listener
from fshunt.daemon.supervisor import ServiceHealth, ServiceStates
from fshunt.daemon.switches.monitor import SwitchMonitor

HTTP_SERVICE = "metrics"
"""The name of the service that serves `/metrics` and `/healthz`."""


class StatusReport:
    """Collects the status of the daemon; ``last_errors`` returns the last warnings and errors of its log."""

    def __init__(
        self,
        deps: Dependencies,
        calls: LiveCalls,
        listener: Listener,
        services: ServiceStates,
        last_errors: Callable[[], list[dict[str, str]]],
    ) -> None:
        self._deps, self._calls, self._listener = deps, calls, listener
        self._services, self._last_errors = services, last_errors

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Return whether this daemon should get calls, and the details."""
        database = database_status(self._deps)
        takes_calls = self._listener.takes_calls and not self._services.stopped()
        told = {
            "takes_calls": takes_calls,
            "database": database,
            "services": [service_status(each) for each in self._services.all()],
        }
        return takes_calls and bool(database["ok"]), told

    def for_heartbeat(self) -> tuple[dict[str, Any], Sequence[str]]:
        """Return the status for the daemon's row, and the hunts that live here."""
        return self._status(), self._calls.hunt_ids

    def _status(self) -> dict[str, Any]:
        deps, services = self._deps, self._services.all()
        serves_http = any(each.name == HTTP_SERVICE and each.running for each in services)
        return {
            "version": __version__,
            "pid": os.getpid(),
            "process": this_process(),
            "listen": str(self._listener.address),
            "http_listen": str(deps.settings.http_listen) if serves_http else None,
            "hunts": self._calls.hunts,
            "answered_calls": self._calls.talks,
            "queued": len(deps.queue),
            "taken_over_calls": len(deps.takeover),
            "database": database_status(deps),
            "switches": [switch_status(each, deps.now()) for each in deps.monitor.switches],
            "services": [service_status(each) for each in services if each.restarts or not each.running],
            "errors": self._last_errors(),
        }


def database_status(deps: Dependencies) -> dict[str, Any]:
    """Return whether calls can use the database, since when they cannot and why, and how many writes are pending."""
    away = deps.database.away
    return {
        "id": deps.database.identity,
        "ok": away is None,
        "since": _iso(deps.database.away_since),
        "pending_writes": deps.outbox.pending,
        "error": str(away) if away else deps.outbox.error,
        "file_replaced_at": _iso(deps.database_file.replaced_at),
    }


def switch_status(monitor: SwitchMonitor, now: datetime) -> dict[str, Any]:
    """Return the status of a switch, the age of its latest event, and what it says that can hardly be true."""
    watched = monitor.watched
    implausible = monitor.table.implausible(now.timestamp()) if watched else []
    return {
        "name": monitor.switch.name,
        "core_uuid": monitor.core_uuid,
        "watched": watched,
        "since": _iso(monitor.since),
        "channels": monitor.table.channels if watched else 0,
        "registrations": monitor.table.registrations if watched else 0,
        "heard_at": _iso(monitor.heard_at),
        "error": monitor.error,
        "pilot_table_error": monitor.pilot_table_error,
        "implausible": [asdict(each) for each in implausible],
    }


def service_status(service: ServiceHealth) -> dict[str, Any]:
    """Return the status of a service."""
    return {
        "name": service.name,
        "running": service.running,
        "essential": service.essential,
        "restarts": service.restarts,
        "error": service.error,
        "failing_since": _iso(service.failing_since),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
