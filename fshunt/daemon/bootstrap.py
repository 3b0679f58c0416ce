"""Builds the daemon from its settings, the one place where parts are chosen, and runs it until it is told to stop."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import uuid4

import gevent

from fshunt.daemon.call.live_calls import LiveCalls
from fshunt.daemon.clock import SteadyClock, utc_now
from fshunt.daemon.cluster.claim_audit import ClaimAudit
from fshunt.daemon.cluster.claims import Claims
from fshunt.daemon.cluster.heartbeat import Heartbeat
from fshunt.daemon.cluster.queue import CallQueue
from fshunt.daemon.cluster.reconcile import Run
from fshunt.daemon.cluster.takeover import Takeover
from fshunt.daemon.current_settings import CurrentSettings
from fshunt.daemon.daemon import Daemon
from fshunt.daemon.data.database import Database, open_for_calls, quiet, result_of
from fshunt.daemon.data.database_file import DatabaseFile
from fshunt.daemon.data.group_cache import GroupCache
from fshunt.daemon.data.handovers import Handovers
from fshunt.daemon.data.outbox import Outbox
from fshunt.daemon.data.outbox_file import OutboxFile
from fshunt.daemon.data.wrap_up import WrapUps
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.net.listener import Listener
from fshunt.daemon.net.metrics import Metrics
from fshunt.daemon.process_signals import ProcessSignals
from fshunt.daemon.signals import Signal
from fshunt.daemon.status import StatusReport
from fshunt.daemon.supervised import Parts, services
from fshunt.daemon.supervisor import ServiceStates, Supervisor
from fshunt.daemon.switches.answers import SwitchAnswers
from fshunt.daemon.switches.lamp_book import LampBook
from fshunt.daemon.switches.lamp_leader import LampLeader
from fshunt.daemon.switches.lamps import Lamps
from fshunt.daemon.switches.live_phones import LivePhones
from fshunt.daemon.switches.monitor import Monitor, Observers
from fshunt.daemon.switches.phone_waits import PhoneWaits
from fshunt.daemon.switches.switch_lamps import Counters, SwitchLamps
from fshunt.db import migrate
from fshunt.db.pooler import SharedServer
from fshunt.db.sqlite_file import sqlite_path
from fshunt.errors import DatabaseError, FshuntError
from fshunt.freeswitch.contacts import SipProfiles
from fshunt.freeswitch.dialplan_contexts import Lookups
from fshunt.freeswitch.directory import KnownUsers, SlowDirectories
from fshunt.freeswitch.phones import Change
from fshunt.log_events import LogEvent, about
from fshunt.process.logs import LastErrors, LogWriter, set_logging, start_logging
from fshunt.process.peers import Peers
from fshunt.process.systemd import Notifier
from fshunt.settings import Settings

log = logging.getLogger(__name__)

THREAD_SWITCH_SECONDS = 0.0005
"""How long a database thread may keep the interpreter from the loop; Python's default of 5 ms would be heard."""

DATABASE_CHECK_SECONDS = 1.0
"""How long the start waits for the database: callers are with the fallback meanwhile."""


def build(
    settings: Settings,
    notifier: Notifier | None = None,
    last_errors: Callable[[], list[dict[str, str]]] = list,
    current: CurrentSettings | None = None,
    wall: Callable[[], datetime] = utc_now,
) -> Daemon:
    """Return a daemon that is not started; raise DatabaseError if the database is not migrated.

    ``current`` holds the same settings, for whoever reloads them; ``wall`` is the clock of the machine.
    A database that cannot be reached now is no reason not to start: callers go to the fallback until it can be.
    """
    for switch in settings.switch:
        switch.password()  # a file that cannot be read, or FreeSWITCH's default password: said now, not at night
    _check_database(settings)
    notifier, clock = notifier or Notifier({}), SteadyClock(wall)
    database_changed: Signal[[]] = Signal()
    metrics = Metrics()
    deps = _dependencies(current or CurrentSettings(settings), clock, metrics, database_changed)
    calls, states = LiveCalls(deps), ServiceStates()
    listener = _listener(deps, calls)
    report = StatusReport(deps, calls, listener, states, last_errors)
    run = Run(deps.run_id, settings.node_name, deps.now())
    heartbeat = Heartbeat(run, deps.database, deps.claims, deps.queue, deps.takeover, deps.now, report.for_heartbeat)
    database_changed.connect(partial(_database_changed, deps, heartbeat))
    _measure(metrics, deps, calls)
    parts = Parts(deps, calls, listener, heartbeat, report, notifier, states, clock)
    return Daemon(
        deps,
        calls=calls,
        listener=listener,
        heartbeat=heartbeat,
        report=report,
        supervisor=Supervisor(services(parts), states),
        notifier=notifier,
    )


def _listener(deps: Dependencies, calls: LiveCalls) -> Listener:
    """What takes calls; its limits follow the settings."""
    peers = Peers(lambda: deps.settings.allowed_peers)
    return Listener(deps.settings.listen, calls.handle, max_calls=lambda: deps.settings.max_calls, peers=peers)


class _SwitchSignals(NamedTuple):
    """What the monitor tells: phones have changed, the state of a switch was taken, a switch is lost."""

    phones_changed: Signal[[Change]]
    state_taken: Signal[[]]
    lost: Signal[[str]]

    @classmethod
    def new(cls) -> _SwitchSignals:
        """Signals that nobody hears yet."""
        return cls(Signal(), Signal(), Signal())

    @property
    def observers(self) -> Observers:
        """What the monitor calls."""
        return Observers(self.phones_changed.send, self.state_taken.send, self.lost.send)

    def connect(self, deps: Dependencies) -> None:
        """Have those who look at phones hear it."""
        takeover, queue, live, lamps = deps.takeover, deps.queue, deps.live_phones, deps.lamps
        woken = partial(_wake_for_phones, queue)
        self.phones_changed.connect(
            takeover.changed, woken, deps.phone_waits.changed, live.phones_changed, lamps.phones_changed
        )
        self.state_taken.connect(takeover.review, queue.something_changed, live.state_taken, lamps.state_taken)
        self.lost.connect(deps.metrics.switch_error, live.switch_lost, lamps.switch_lost)


def _dependencies(
    current: CurrentSettings, clock: SteadyClock, metrics: Metrics, database_changed: Signal[[]]
) -> Dependencies:
    """Build what every call needs."""
    settings, run_id = current.now, uuid4().hex
    database, queue = _database(settings, metrics, database_changed), CallQueue()
    outbox = Outbox(database, OutboxFile(settings.outbox_dir, settings.node_name))
    audit = ClaimAudit(settings.claim_audit_file, run_id)
    claims = Claims(database, outbox, queue, run_id=run_id, audit=audit, wall=clock.wall)
    signals = _SwitchSignals.new()
    monitor = Monitor(settings.switch, clock.now, time.monotonic, signals.observers)
    wrap_ups, known_users = WrapUps(time.monotonic), KnownUsers()
    book = LampBook(monitor, clock.wall, wrap_ups.in_wrap_up, known_users.is_by_contacts)
    deps = Dependencies(
        current=current,
        run_id=run_id,
        database=database,
        database_file=DatabaseFile(sqlite_path(settings.database_url), clock.now, database_changed.send),
        outbox=outbox,
        group_cache=GroupCache(),
        claims=claims,
        queue=queue,
        wrap_ups=wrap_ups,
        handovers=Handovers(time.monotonic),
        monitor=monitor,
        phone_waits=PhoneWaits(),
        live_phones=LivePhones(run_id, database, monitor, clock.now, time.monotonic),
        lamps=_lamps(run_id, settings.node_name, database, book, metrics),
        switch_answers=SwitchAnswers(run_id, database, monitor, clock.now, time.monotonic),
        takeover=Takeover(monitor, outbox, claims, clock.now, on_closed=metrics.hunt_ended),
        metrics=metrics,
        sip_profiles=SipProfiles(),
        known_users=known_users,
        slow_directories=SlowDirectories(time.monotonic),
        lookups=Lookups(partial(gevent.sleep, 0)),
        now=clock.now,
        wall=clock.wall,
    )
    signals.connect(deps)
    return deps


def _lamps(run_id: str, node: str, database: Database, book: LampBook, metrics: Metrics) -> Lamps:
    """What keeps the lamps of pilots and blocks."""
    counters = Counters(metrics.lamps_told, metrics.lamp_watched)
    switches = [SwitchLamps(each, book, time.monotonic, counters) for each in book.switches]
    return Lamps(database, book, LampLeader(run_id, node, time.monotonic), switches, time.monotonic)


def _database(settings: Settings, metrics: Metrics, database_changed: Signal[[]]) -> Database:
    """The database with its deadlines and its circuit breaker; ``database_changed`` is sent when it goes or is back."""
    timeout = settings.database_timeout
    store = open_for_calls(settings.database_url, timeout)
    return Database(store, timeout, on_change=database_changed.send, on_error=metrics.database_error)


def _wake_for_phones(queue: CallQueue, change: Change) -> None:
    for presence_id in change.presence_ids:
        queue.presence_changed(presence_id)


def _database_changed(deps: Dependencies, heartbeat: Heartbeat) -> None:
    """The database went away or came back: see to it that nothing is lost, or that all is written at once."""
    deps.claims.database_changed()
    if deps.database.away is not None:
        deps.outbox.keep()
    else:
        heartbeat.hurry()
        deps.outbox.database_back()
        deps.queue.something_changed()


def _measure(metrics: Metrics, deps: Dependencies, calls: LiveCalls) -> None:
    metrics.watch(
        hunts=lambda: calls.hunts,
        talks=lambda: calls.talks,
        waiting=lambda: len(deps.queue),
        claims=lambda: len(deps.claims),
        switches=lambda: {each.switch.name: each.watched for each in deps.monitor.switches},
        database=lambda: deps.database.away is None,
        outbox_pending=lambda: deps.outbox.pending,
    )


def serve(settings: Settings, read: Callable[[], Settings] | None = None) -> int:
    """Run the daemon until SIGTERM or SIGINT, then stop it gracefully; return the exit status.

    ``read`` reads the settings anew, for SIGHUP; without it they stay. Raises FshuntError, with one sentence, if the
    daemon cannot be started.
    """
    sys.setswitchinterval(THREAD_SWITCH_SECONDS)
    logs = start_logging(settings.log_level, settings.log_format)
    errors = LastErrors()
    logging.getLogger().addHandler(errors)
    try:
        signals, current = ProcessSignals(), CurrentSettings(settings)
        daemon = build(settings, Notifier(), errors.lines, current)
        daemon.start()
        signals.run(partial(_reload, current, read or (lambda: settings), logs), daemon.log_report)
        daemon.stop()
        return 0
    finally:
        logs.stop()


def _reload(current: CurrentSettings, read: Callable[[], Settings], logs: LogWriter) -> None:
    """Read the settings anew and take what can be taken; settings that are not valid change nothing."""
    try:
        reloaded = current.take(read())
    except FshuntError as error:
        log.warning("settings not reloaded, the daemon keeps those it has: %s", error)
        return
    set_logging(logs, current.now.log_level, current.now.log_format)
    changed = ", ".join(reloaded.changed) or "none"
    log.info("settings reloaded, changed: %s", changed, extra=about(LogEvent.SETTINGS_RELOADED))
    if reloaded.need_restart:
        log.warning(
            "settings that differ but need a restart (`systemctl restart fshunt`): %s", ", ".join(reloaded.need_restart)
        )


def _check_database(settings: Settings) -> None:
    """Refuse a database that is not migrated, or an SQLite file that is not there; one that is away may come back."""
    checking = gevent.get_hub().threadpool.spawn(quiet(lambda: migrate.check(settings.database_url)))
    try:
        status = result_of(checking.get(timeout=DATABASE_CHECK_SECONDS))
    except gevent.Timeout:
        words = "starting without the database: it did not answer within %g s"
        log.warning(words, DATABASE_CHECK_SECONDS, extra=about(LogEvent.DATABASE_DOWN))
        return
    except DatabaseError as error:
        if isinstance(error, SharedServer) or migrate.is_missing(settings.database_url):
            raise
        log.warning("starting without the database: %s", error, extra=about(LogEvent.DATABASE_DOWN))
        return
    if not status.ok:
        raise DatabaseError(status.sentence)
    if status.newer:
        log.warning("%s", status.sentence)
