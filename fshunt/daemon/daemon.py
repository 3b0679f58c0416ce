"""The daemon: takes calls, keeps what is theirs alive, and stops without losing a caller."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import gevent
from gevent import getcurrent
from gevent.event import Event

from fshunt import __version__
from fshunt.daemon.call.call import Call
from fshunt.daemon.call.finish import Detach
from fshunt.daemon.cluster.clock import SteadyClock
from fshunt.daemon.cluster.heartbeat import Heartbeat, Run
from fshunt.daemon.cluster.live_changes import LiveChanges
from fshunt.daemon.cluster.processes import this_process
from fshunt.daemon.data.events import CallsTakenBack
from fshunt.daemon.data.group_reader import GroupReader
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.net.http import HttpServer
from fshunt.daemon.net.listener import Listener
from fshunt.daemon.net.loop_lag import LoopLag
from fshunt.daemon.net.status import database_status, switch_status
from fshunt.daemon.net.systemd import Notifier
from fshunt.daemon.supervisor import Keeper
from fshunt.errors import FshuntError
from fshunt.esl.session import Session
from fshunt.freeswitch.phones import Change

log = logging.getLogger(__name__)

FAREWELL_SECONDS = 3.0
"""How long, at a stop, calls that were told to end may take to close their records."""

FLUSH_SECONDS = 10.0
"""How long, at a stop, the database may take for the last records, if there is nowhere else to keep them."""

GREETING_SECONDS = 0.5
"""How long, at a stop, calls that are being greeted are waited for; FreeSWITCH answers a greeting within some ms."""

START_STATE_SECONDS = 0.5
"""How long the start waits for the switches: better to know who is on the phone before the first call. It waits as long
for the groups and the first beat together; the groups of a large installation are read on while calls come."""


class Daemon:
    """All calls of one process. Start it, wait, stop it; it cannot be started again."""

    def __init__(self, deps: Dependencies, clock: SteadyClock, notifier: Notifier | None = None) -> None:
        self.deps = deps
        self.last_errors: Callable[[], list[dict[str, str]]] = list
        settings = deps.settings
        self._notifier = notifier or Notifier({})
        self._calls: dict[gevent.Greenlet, Call] = {}
        self._keepers: list[Keeper] = []
        self.listener = Listener(
            (settings.listen.host, settings.listen.port),
            self._handle,
            max_calls=settings.max_calls,
            allowed_peers=[str(peer) for peer in settings.allowed_peers],
        )
        life = Run(deps.run_id, settings.node_name, deps.now(), settings.lease_seconds)
        self._heartbeat = Heartbeat(
            life,
            deps.database,
            deps.claims.clock,
            deps.takeover,
            deps.now,
            self._say_how_it_is,
            self._back_among_the_living,
        )
        self._withdrawals = LiveChanges(
            deps.database, settings.database_url, deps.queue, lambda: list(self._calls.values())
        )
        self._groups = GroupReader(deps.database, deps.group_cache, clock, settings.node_name)
        self._stopped = False
        self._web: HttpServer | None = None
        self._lag = LoopLag(deps.metrics.loop_lag)
        self._connect_parts()

    @property
    def calls(self) -> int:
        """How many calls are held now."""
        return len(self._calls)

    def start(self) -> None:
        """Take calls, and look after what an earlier life left open.

        Raises FshuntError if the address is in use, and has touched nothing then: another daemon, of the same node
        maybe, is at work there. A database or a switch that is away is waited for meanwhile.
        """
        self.listener.bind()
        with ExitStack() as unless_started:
            unless_started.callback(self.stop)  # nobody shall wait for the beats of a daemon that never took a call
            self._start_parts()
            unless_started.pop_all()

    def _start_parts(self) -> None:
        deps = self.deps
        deps.outbox.start()
        deps.monitor.start()
        deps.monitor.wait_until_tried(START_STATE_SECONDS)
        self._groups.start()
        self._heartbeat.start()
        until = deps.monotonic() + START_STATE_SECONDS
        self._groups.wait_for_the_first(START_STATE_SECONDS)
        self._heartbeat.wait_for_the_first(max(0.0, until - deps.monotonic()))
        self._withdrawals.start()
        if self._notifier.watchdog_seconds:
            feed = partial(self._feed_watchdog, self._notifier.watchdog_seconds / 2)
            self._keepers.append(Keeper("giving signs of life", feed))
        for keeper in self._keepers:
            keeper.start()
        self._lag.start()
        self._start_web()
        self.listener.start()
        if not deps.monitor.configured:
            log.info("no [[switch]] is configured: who is on the phone is known only from what the phones answer")
        log.info("fshunt takes calls at %s", self.listener.address)
        self._notifier.send("READY=1", "STATUS=takes calls")

    def stop(self) -> None:
        """Take no new calls, let go of talks, let hunts end within ``stop_timeout``, write all down, and stop.

        Done twice it does nothing more.
        """
        if self._stopped:
            return
        self._stopped = True
        timeout = self.deps.settings.stop_timeout
        self._notifier.send("STOPPING=1", f"STATUS=stopping, {self.calls} calls")
        log.info("stopping: no new calls; %d calls are held, hunts have %g s to end", self.calls, timeout)
        self.listener.stop()
        greeting = list(self.listener.greeting)
        self._let_hunts_end(timeout)
        for call in list(self._calls.values()):
            call.stop()
        self._let_hunts_end(FAREWELL_SECONDS)
        gevent.joinall(greeting, timeout=GREETING_SECONDS)
        for keeper in self._keepers:
            keeper.stop()
        self._groups.stop()
        self._withdrawals.stop()
        self._lag.stop()
        if self._web is not None:
            self._web.stop()
        self.deps.monitor.stop()
        self._heartbeat.stop()
        self.deps.outbox.stop(FLUSH_SECONDS)  # after all that puts events into it
        self._heartbeat.retire()  # after the ends of our calls: another daemon would take the open ones over
        self.deps.claims.close()
        self.deps.database.close()
        log.info("stopped")

    def _connect_parts(self) -> None:
        deps, metrics = self.deps, self.deps.metrics
        ears = deps.monitor.ears
        ears.on_change, ears.on_state = self._phones_changed, self._switch_state_taken
        ears.on_error = metrics.switch_error
        deps.takeover.on_closed = metrics.hunt_ended
        deps.claims.rank = lambda: self._heartbeat.rank
        deps.database.on_change = self._database_changed
        deps.database.on_error = metrics.database_error
        metrics.watch(
            hunts=lambda: sum(1 for call in self._calls.values() if call.detached_result is None),
            talks=lambda: sum(1 for call in self._calls.values() if call.detached_result is not None),
            waiting=lambda: len(deps.queue),
            claims=lambda: len(deps.claims),
            switches=lambda: {each.switch.name: each.watched for each in deps.monitor.switches},
            database=lambda: deps.database.away is None,
            unwritten=lambda: deps.outbox.pending,
        )

    def _handle(self, session: Session) -> None:
        if self._stopped:  # greeted too late: the caller goes on, as one does whose hunt is stopped
            return
        greenlet, call = getcurrent(), Call(session, self.deps)
        self._calls[greenlet] = call
        try:
            call.run()
        finally:
            del self._calls[greenlet]

    def _let_hunts_end(self, timeout: float) -> None:
        """Wait for hunts under way; a call is let go of as soon as it can live without us."""
        deadline = self.deps.monotonic() + timeout
        while self._calls:
            for greenlet, call in list(self._calls.items()):
                if call.detached_result is not None:
                    greenlet.kill(Detach, block=False)
            remaining = deadline - self.deps.monotonic()
            if remaining <= 0:
                return
            gevent.joinall(list(self._calls), timeout=min(remaining, 0.1), count=1)

    def _phones_changed(self, change: Change) -> None:
        self.deps.takeover.changed(change)
        for presence_id in change.presence_ids:
            self.deps.queue.presence_changed(presence_id)

    def _switch_state_taken(self) -> None:
        self.deps.takeover.review()
        self.deps.queue.something_changed()

    def _database_changed(self) -> None:
        deps = self.deps
        deps.claims.database_changed()
        if deps.database.away is not None:
            deps.outbox.keep()
        else:
            self._heartbeat.hurry()
            deps.outbox.database_back()
            deps.queue.something_changed()

    def _back_among_the_living(self) -> None:
        """What others may have taken over or swept, taking us for dead, is ours, claimed, and waited for again."""
        deps, live = self.deps, [call.call_log.hunt_id for call in list(self._calls.values())]
        hunts = [*live, *deps.takeover.hunt_ids]
        deps.outbox.put(CallsTakenBack(hunt_ids=tuple(hunts), node=deps.settings.node_name, run_id=deps.run_id))
        self.deps.claims.claim_again()
        self.deps.queue.begin_again()

    def _start_web(self) -> None:
        settings = self.deps.settings
        if settings.http_listen is None:
            return
        web = HttpServer(settings.http_listen, settings.http_allowed_peers, self.deps.metrics, self._health)
        try:
            web.start()
        except FshuntError as error:
            log.warning("goes on without metrics: %s", error)
        else:
            self._web = web

    def _health(self) -> tuple[bool, dict[str, Any]]:
        """Whether calls had better be sent here, and what is to be known besides."""
        database = database_status(self.deps)
        takes_calls = self.listener.takes_calls and self._works
        return takes_calls and bool(database["ok"]), {"takes_calls": takes_calls, "database": database}

    def _say_how_it_is(self) -> tuple[dict[str, Any], Sequence[str], Sequence[str]]:
        deps, calls = self.deps, list(self._calls.values())
        live = [call.call_log.hunt_id for call in calls]
        status = {
            "version": __version__,
            "pid": os.getpid(),
            "process": this_process(),
            "listen": str(self.listener.address),
            "metrics": None if self._web is None else str(deps.settings.http_listen),
            "hunts": sum(1 for call in calls if call.detached_result is None),
            "talks": sum(1 for call in calls if call.detached_result is not None),
            "waiting": len(deps.queue),
            "detached": len(deps.takeover),
            "database": database_status(deps),
            "switches": [switch_status(each) for each in deps.monitor.switches],
            "errors": self.last_errors(),
        }
        return status, [*live, *deps.takeover.hunt_ids], deps.queue.hunt_ids

    @property
    def _works(self) -> bool:
        """Whether what keeps claims and records alive goes on."""
        return self._heartbeat.beats and self.deps.outbox.is_writing

    def _feed_watchdog(self, pause: float) -> None:
        """Say that we live, as long as what keeps claims and records alive does: else systemd starts us anew."""
        while self._works:
            gevent.sleep(pause)
            self._notifier.send("WATCHDOG=1", f"STATUS=takes calls, {self.calls} now")
        log.error("claims or records are not looked after any more: systemd is given no sign of life, and starts anew")
        Event().wait()
