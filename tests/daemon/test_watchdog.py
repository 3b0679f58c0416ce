"""The watchdog is answered while the services run that claims and records depend on."""

from __future__ import annotations

import gevent
import pytest
from gevent.queue import Queue

from fshunt.daemon.net.watchdog import Watchdog
from fshunt.process.systemd import Notifier
from tests.support.rig import WAIT_SECONDS


class Noting(Notifier):
    """Notes what systemd would be told."""

    def __init__(self) -> None:
        super().__init__({})
        self.sent: Queue[tuple[str, ...]] = Queue()

    def send(self, *states: str) -> None:
        self.sent.put(states)


def test_the_ping_is_withheld_while_an_essential_service_stands_still_and_that_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notifier, looks = Noting(), iter([[], ["heartbeat"], ["heartbeat"], ["heartbeat"], []])
    running = gevent.spawn(Watchdog(notifier, 0.0, lambda: next(looks, []), lambda: 3).run)
    ping = ("WATCHDOG=1", "STATUS=taking calls, 3 in progress")
    assert [notifier.sent.get(timeout=WAIT_SECONDS) for _ in range(2)] == [ping, ping]
    running.kill()
    assert caplog.messages == ["heartbeat stopped; withholding the watchdog ping so that systemd restarts fshunt"]
