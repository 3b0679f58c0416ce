"""What a daemon says of its database and its switches, for `fshunt status` and for ``/healthz``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fshunt.daemon.deps import Dependencies
from fshunt.daemon.switches.monitor import SwitchMonitor


def database_status(deps: Dependencies) -> dict[str, Any]:
    """Whether calls can use the database, since when they cannot and why, and how many writes wait for it."""
    away = deps.database.away
    return {
        "ok": away is None,
        "since": _iso(deps.database.away_since),
        "unwritten": deps.outbox.pending,
        "error": str(away) if away else deps.outbox.error,
    }


def switch_status(monitor: SwitchMonitor) -> dict[str, Any]:
    """What is known of a switch, and how old that is."""
    watched = monitor.watched
    return {
        "name": monitor.switch.name,
        "watched": watched,
        "since": _iso(monitor.since),
        "channels": monitor.table.channels if watched else 0,
        "registrations": monitor.table.registrations if watched else 0,
        "heard_at": _iso(monitor.heard_at),
        "error": monitor.error,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
