"""Builds the daemon from its settings, the one place where parts are chosen, and runs it until it is told to stop."""

from __future__ import annotations

import signal
import sys

import gevent
from gevent.event import Event

from fshunt.daemon.database import Database
from fshunt.daemon.logs import start_logging
from fshunt.daemon.notify import Notifier
from fshunt.daemon.recorder import Recorder
from fshunt.daemon.service import Daemon
from fshunt.daemon.services import Services
from fshunt.errors import StoreError
from fshunt.settings import Settings
from fshunt.store import migrate
from fshunt.store.engine import Store, open_engine

THREAD_SWITCH_SECONDS = 0.0005
"""How long a database thread may keep the interpreter from the loop; Python's default of 5 ms would be heard."""

LOCK_WAIT_MS = 2000
"""How long a statement waits for a lock. A call itself waits no longer than ``database_timeout``."""


def build(settings: Settings, notifier: Notifier | None = None) -> Daemon:
    """Return a daemon that is not started; raise StoreError if the database is not migrated or cannot be reached."""
    status = migrate.check(settings.database_url)
    if not status.ok:
        raise StoreError(status.sentence)
    store = Store(open_engine(settings.database_url, busy_timeout_ms=LOCK_WAIT_MS), busy_timeout_ms=LOCK_WAIT_MS)
    database = Database(store, settings.database_timeout)
    return Daemon(Services(settings, database, Recorder(database)), notifier)


def serve(settings: Settings) -> int:
    """Run the daemon until SIGTERM or SIGINT, then stop it gracefully; return the exit status.

    Raises FshuntError, with one sentence, if it cannot be started.
    """
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    logs = start_logging(settings.log_level, settings.log_format)
    try:
        daemon = build(settings, Notifier())
        told_to_stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, told_to_stop.set)
        daemon.start()
        told_to_stop.wait()
        daemon.stop()
        return 0
    finally:
        logs.stop()
