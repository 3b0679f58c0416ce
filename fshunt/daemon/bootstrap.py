"""Builds the daemon from its settings, the one place where parts are chosen, and runs it until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
import time
from uuid import uuid4

import gevent
from gevent.event import Event

from fshunt.daemon.cluster.claim_audit import ClaimAudit
from fshunt.daemon.cluster.claims import Claims
from fshunt.daemon.cluster.clock import LeaseClock, SteadyClock
from fshunt.daemon.cluster.queue import CallQueue
from fshunt.daemon.cluster.takeover import Takeover
from fshunt.daemon.daemon import Daemon
from fshunt.daemon.data.database import Database, open_for_calls, quiet, result_of
from fshunt.daemon.data.group_cache import GroupCache
from fshunt.daemon.data.outbox import Outbox
from fshunt.daemon.data.outbox_file import OutboxFile
from fshunt.daemon.data.wrap_up import WrapUps
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.net.logs import LastErrors, start_logging
from fshunt.daemon.net.metrics import Metrics
from fshunt.daemon.net.systemd import Notifier
from fshunt.daemon.switches.monitor import Monitor
from fshunt.db import migrate
from fshunt.errors import DatabaseError
from fshunt.settings import Settings

log = logging.getLogger(__name__)

THREAD_SWITCH_SECONDS = 0.0005
"""How long a database thread may keep the interpreter from the loop; Python's default of 5 ms would be heard."""

DATABASE_CHECK_SECONDS = 1.0
"""How long the start waits for the database: callers are with the fallback meanwhile."""


def build(settings: Settings, notifier: Notifier | None = None) -> Daemon:
    """Return a daemon that is not started; raise DatabaseError if the database is not migrated.

    A database that cannot be reached now is no reason not to start: callers go to the fallback until it can be.
    """
    for switch in settings.switch:
        switch.password()  # a file that cannot be read, or FreeSWITCH's default password: said now, not at night
    _check_database(settings)
    run_id, clock, lease_clock, monotonic = uuid4().hex, SteadyClock(), LeaseClock(), time.monotonic
    store = open_for_calls(settings.database_url, settings.database_timeout)
    database = Database(store, settings.database_timeout)
    outbox, queue = Outbox(database, OutboxFile(settings.outbox_dir, settings.node_name)), CallQueue()
    claims = Claims(
        database,
        outbox,
        queue,
        run_id=run_id,
        lease_seconds=settings.lease_seconds,
        clock=lease_clock,
        audit=ClaimAudit(settings.claim_audit_file, run_id),
    )
    monitor = Monitor(settings.switch, clock.now, monotonic)
    deps = Dependencies(
        settings=settings,
        run_id=run_id,
        database=database,
        outbox=outbox,
        group_cache=GroupCache(),
        claims=claims,
        queue=queue,
        wrap_ups=WrapUps(monotonic),
        monitor=monitor,
        takeover=Takeover(monitor, outbox, claims, clock.now),
        metrics=Metrics(),
        now=clock.now,
        monotonic=monotonic,
    )
    return Daemon(deps, clock, notifier)


def serve(settings: Settings) -> int:
    """Run the daemon until SIGTERM or SIGINT, then stop it gracefully; return the exit status.

    Raises FshuntError, with one sentence, if it cannot be started.
    """
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    logs = start_logging(settings.log_level, settings.log_format)
    errors = LastErrors()
    logging.getLogger().addHandler(errors)
    try:
        daemon = build(settings, Notifier())
        daemon.last_errors = errors.lines
        told_to_stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, told_to_stop.set)
        daemon.start()
        told_to_stop.wait()
        daemon.stop()
        return 0
    finally:
        logs.stop()


def _check_database(settings: Settings) -> None:
    """Refuse a database that is not migrated, or an SQLite file that is not there; one that is away may come back."""
    checking = gevent.get_hub().threadpool.spawn(quiet(lambda: migrate.check(settings.database_url)))
    try:
        status = result_of(checking.get(timeout=DATABASE_CHECK_SECONDS))
    except gevent.Timeout:
        log.warning("starts without the database: it did not answer within %g s", DATABASE_CHECK_SECONDS)
        return
    except DatabaseError as error:
        if migrate.is_missing(settings.database_url):
            raise
        log.warning("starts without the database: %s", error)
        return
    if not status.ok:
        raise DatabaseError(status.sentence)
