"""The daemon: takes calls, and stops without losing a caller."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from fshunt.daemon.call.live_calls import LiveCalls
from fshunt.daemon.cluster.heartbeat import Heartbeat
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.net.listener import Listener
from fshunt.daemon.report import report
from fshunt.daemon.status import StatusReport
from fshunt.daemon.supervisor import Supervisor
from fshunt.log_events import LogEvent, about
from fshunt.process.systemd import Notifier

log = logging.getLogger(__name__)
report_log = logging.getLogger("fshunt.report")
report_log.setLevel(logging.INFO)


class Daemon:
    """All that one process does. Start it, wait, stop it; it cannot be started again."""

    def __init__(
        self,
        deps: Dependencies,
        *,
        calls: LiveCalls,
        listener: Listener,
        heartbeat: Heartbeat,
        report: StatusReport,
        supervisor: Supervisor,
        notifier: Notifier,
    ) -> None:
        self.deps, self.calls, self.listener, self.heartbeat, self.report = deps, calls, listener, heartbeat, report
        self._supervisor, self._notifier = supervisor, notifier
        self._stopped = False

    def start(self) -> None:
        """Start the services, the listener last.

        Raises FshuntError if the address is in use, and has touched nothing then: another daemon, of the same node
        maybe, is at work there. A database or a switch that is away is waited for meanwhile.
        """
        self.listener.bind()
        with ExitStack() as unless_started:
            unless_started.callback(self.stop)  # nobody shall wait for the heartbeats of a daemon that took no call
            self._supervisor.start()
            unless_started.pop_all()
        if not self.deps.monitor.configured:
            log.info("no [[switch]] configured: busy members are detected only when their phones answer 486")
        log.info("taking calls at %s", self.listener.address, extra=about(LogEvent.DAEMON_STARTED))
        self._notifier.send("READY=1", "STATUS=taking calls")

    def log_report(self) -> None:
        """Log the state of the daemon, whatever `log_level` is, for somebody who has asked for it."""
        status, _ = self.report.for_heartbeat()
        for line in report(status, self.calls, len(self.deps.claims)):
            report_log.info("report: %s", line)

    def stop(self) -> None:
        """Stop the services in reverse: refuse new calls, let hunts end within ``stop_timeout``, write all down.

        Done twice it does nothing more.
        """
        if self._stopped:
            return
        self._stopped = True
        self._notifier.send("STOPPING=1", f"STATUS=stopping, {len(self.calls)} calls")
        log.info(
            "stopping: refusing new calls, %d in progress, up to %g s for hunts to finish",
            len(self.calls),
            self.deps.settings.stop_timeout,
            extra=about(LogEvent.DAEMON_STOPPING),
        )
        self._supervisor.stop()
        self.listener.stop()  # whose service was not started yet where the start has failed
        log.info("stopped", extra=about(LogEvent.DAEMON_STOPPED))
