"""The services that run beside the calls, in the order in which they are started; they are stopped in reverse.

What writes stands before what makes writes: at a stop the outbox is written out when nobody puts anything any more, and
only then do the other daemons hear that this one has gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial

from fshunt.daemon.call.live_calls import LiveCalls
from fshunt.daemon.callbacks.service import CallbackService
from fshunt.daemon.clock import SteadyClock
from fshunt.daemon.cluster.heartbeat import Heartbeat
from fshunt.daemon.cluster.live_changes import LiveChanges
from fshunt.daemon.data.group_reader import GroupReader
from fshunt.daemon.data.pruner import Pruner
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.net.http import HttpServer
from fshunt.daemon.net.listener import Listener
from fshunt.daemon.net.loop_lag import LoopLag
from fshunt.daemon.net.watchdog import Watchdog
from fshunt.daemon.notices.worker import STOP_SECONDS as NOTICES_STOP_SECONDS
from fshunt.daemon.notices.worker import NoticeWorker
from fshunt.daemon.signals import Signal
from fshunt.daemon.status import HTTP_SERVICE, StatusReport
from fshunt.daemon.supervisor import Service, ServiceStates
from fshunt.daemon.switches.pilot_tables import PilotTables
from fshunt.db.notifications import Changed
from fshunt.process.peers import Peers
from fshunt.process.systemd import Notifier

FAREWELL_SECONDS = 3.0
"""How long, at a stop, calls that were told to end may take to close their records."""

FLUSH_SECONDS = 10.0
"""How long, at a stop, the database may take for the last records, if there is nowhere else to keep them."""

GREETING_SECONDS = 0.5
"""How long, at a stop, calls that are being greeted are waited for; FreeSWITCH answers a greeting within some ms."""

START_STATE_SECONDS = 0.5
"""How long the start waits for the switches: better to know who is on the phone before the first call. It waits as long
for the groups and the first heartbeat together; the groups of a large installation are read on while calls come."""

LAST_HEARTBEAT_SECONDS = 0.5
"""How long, at a stop, a heartbeat that is under way is waited for: its database may be away."""

CLOSE_SECONDS = 3.0
"""How long, at a stop, the threads of the database may take."""

MARGIN_SECONDS = 1.0
"""A service that keeps its own time at a stop is killed so long after it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the services are made of."""

    deps: Dependencies
    calls: LiveCalls
    listener: Listener
    heartbeat: Heartbeat
    report: StatusReport
    notifier: Notifier
    states: ServiceStates
    clock: SteadyClock


def services(parts: Parts) -> list[Service]:
    """Return all services of a daemon, in their order."""
    return [*_what_lasts(parts), *_what_watches(parts), *_what_is_seen(parts), *_what_takes_calls(parts)]


def _what_lasts(parts: Parts) -> Iterator[Service]:
    deps = parts.deps
    yield Service("database", stop=deps.database.close, stop_seconds=CLOSE_SECONDS)
    if deps.database.store.is_sqlite:
        yield Service("database file", deps.database_file.run)
    yield Service("claim audit", stop=deps.claims.close)
    yield Service(
        "membership", stop=parts.heartbeat.retire, stop_seconds=deps.settings.database_timeout + MARGIN_SECONDS
    )
    yield Service("outbox file", stop=deps.outbox.close)
    yield Service(
        "outbox writer",
        deps.outbox.run,
        start=deps.outbox.start,
        stop=partial(deps.outbox.stop, FLUSH_SECONDS),
        stop_seconds=FLUSH_SECONDS + MARGIN_SECONDS,
        essential=True,
    )


def _what_watches(parts: Parts) -> Iterator[Service]:
    deps, settings = parts.deps, parts.deps.settings
    for each in deps.monitor.switches:
        yield Service(f"switch {each.switch.name}", each.run, on_error=each.broke_down)
    groups = GroupReader(deps.database, deps.group_cache, parts.clock, settings.node_name)
    heard: Signal[[Collection[Changed] | None]] = Signal()
    heard.connect(deps.live_phones.database_changed, deps.switch_answers.database_changed, deps.lamps.database_changed)
    changes = LiveChanges(deps.database, settings.database_url, deps.queue, lambda: parts.calls, deps.wall, heard.send)
    yield Service("group reader", groups.run, start=partial(deps.monitor.wait_until_tried, START_STATE_SECONDS))
    yield Service(
        "heartbeat",
        parts.heartbeat.run,
        stop=parts.heartbeat.stop,
        grace_seconds=LAST_HEARTBEAT_SECONDS,
        essential=True,
    )
    yield from _what_the_lead_does(deps)
    yield from _what_asks_switches(parts)
    yield Service("live changes", changes.run, start=changes.start)
    yield Service("notifications", changes.listen, stop=changes.stop)
    yield Service("first state", start=partial(_wait_for_the_first, deps, groups, parts.heartbeat))


def _what_the_lead_does(deps: Dependencies) -> Iterator[Service]:
    """What one of the daemons does for all: the one of the lowest rank."""
    pruner = Pruner(deps.database, lambda: deps.settings, deps.claims.rank, deps.now)
    yield Service("pruning", pruner.run)
    worker = NoticeWorker(
        deps.database,
        lambda: deps.settings,
        deps.claims.rank,
        deps.wall,
        deps.monotonic,
        on_tried=deps.metrics.notice_tried,
    )
    yield Service("notices", worker.run, stop=worker.stop, stop_seconds=NOTICES_STOP_SECONDS + MARGIN_SECONDS)


def _what_asks_switches(parts: Parts) -> Iterator[Service]:
    """What is known of phones, and what is kept at the switches that are watched."""
    deps = parts.deps
    if deps.monitor.configured:
        yield Service("second lines", parts.calls.watch_second_lines)
    yield Service("live state", deps.live_phones.run)
    yield Service("phones of watched members", deps.live_phones.ask_switches)
    if deps.monitor.configured:
        yield Service("answers of switches", deps.switch_answers.run)
        tables = PilotTables(deps.database, deps.monitor, lambda: deps.settings, deps.monotonic)
        yield Service("tables of pilots", tables.run)
        if deps.settings.lamps == "on":
            yield from _lamps(deps)
        yield Service("callbacks", CallbackService(deps).run)


def _lamps(deps: Dependencies) -> Iterator[Service]:
    yield Service("lamps", deps.lamps.run)
    for each in deps.lamps.switches:
        yield Service(f"lamps at {each.monitor.switch.name}", each.publish)
        yield Service(f"subscriptions at {each.monitor.switch.name}", each.listen)


def _wait_for_the_first(deps: Dependencies, groups: GroupReader, heartbeat: Heartbeat) -> None:
    until = deps.monotonic() + START_STATE_SECONDS
    groups.wait_for_the_first(START_STATE_SECONDS)
    heartbeat.wait_for_the_first(max(0.0, until - deps.monotonic()))


def _what_is_seen(parts: Parts) -> Iterator[Service]:
    settings, metrics, notifier = parts.deps.settings, parts.deps.metrics, parts.notifier
    if notifier.watchdog_seconds:
        watchdog = Watchdog(notifier, notifier.watchdog_seconds / 2, parts.states.stopped, parts.calls.__len__)
        yield Service("watchdog", watchdog.run)
    yield Service("loop lag", LoopLag(metrics.loop_lag).run)
    if settings.http_listen is not None:
        peers = Peers(lambda: parts.deps.settings.http_allowed_peers)
        http = HttpServer(settings.http_listen, peers, metrics, parts.report.health)
        yield Service(HTTP_SERVICE, start=http.start, stop=http.stop, optional=True)


def _what_takes_calls(parts: Parts) -> Iterator[Service]:
    def stop_timeout() -> float:
        return parts.deps.settings.stop_timeout

    yield Service("greetings", stop=partial(parts.listener.wait_for_calls, GREETING_SECONDS))
    yield Service(
        "calls",
        stop=lambda: parts.calls.close(stop_timeout(), FAREWELL_SECONDS),
        stop_seconds=lambda: stop_timeout() + FAREWELL_SECONDS + MARGIN_SECONDS,
    )
    listener = parts.listener
    yield Service(
        "listener",
        listener.run,
        start=listener.start,
        stop=listener.stop,
        grace_seconds=MARGIN_SECONDS,
        essential=True,
    )
