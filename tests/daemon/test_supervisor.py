"""What the daemon does besides calls goes on whatever happens in it."""

from __future__ import annotations

import logging

import gevent
import pytest
from gevent.event import Event

from fshunt.daemon import supervisor
from fshunt.daemon.supervisor import Keeper
from fshunt.simulator.core.phones import answers
from tests.support.rig import WAIT_SECONDS, Rig


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS", 0.01)


class Work:
    """Breaks down so often, and then goes on until it is stopped."""

    def __init__(self, breakdowns: int) -> None:
        self.left, self.begun, self.works, self.ended = breakdowns, 0, Event(), Event()

    def __call__(self) -> None:
        self.begun += 1
        if self.left:
            self.left -= 1
            raise ZeroDivisionError("a mistake")
        self.works.set()
        try:
            Event().wait()
        finally:
            self.ended.set()


def test_a_failed_service_is_restarted_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    work, errors = Work(2), []
    kept = Keeper("counting", work, lambda: errors.append(1))
    kept.start()
    assert work.works.wait(WAIT_SECONDS)
    kept.stop()
    assert work.ended.is_set()
    assert (work.begun, len(errors)) == (3, 2)
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [
        (logging.ERROR, "counting: an error inside fshunt; it is begun anew")
    ] * 2
    assert "ZeroDivisionError: a mistake" in caplog.text


def test_a_stopped_service_is_not_restarted_and_may_be_stopped_twice() -> None:
    work = Work(1)
    kept = Keeper("counting", work)
    kept.stop()
    kept.start()
    gevent.sleep(0)
    kept.stop()  # in the pause after the breakdown
    kept.stop()
    gevent.sleep(0.05)  # longer than the pause
    assert work.begun == 1


def test_a_daemon_whose_services_fail_continues(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part that runs beside the calls fails once, in the midst of its work."""
    deps = rig.daemon.deps
    broken: list[str] = []

    def once(owner: object, name: str) -> None:
        whole = getattr(owner, name)

        def breaks(*args: object, **kwargs: object) -> object:
            monkeypatch.setattr(owner, name, whole)
            broken.append(name)
            raise ZeroDivisionError(name)

        monkeypatch.setattr(owner, name, breaks)

    once(deps.queue, "something_changed")  # looking who may ring
    once(rig.daemon.listener, "_may_connect")  # taking calls
    rig.group("5000", "1001")
    rig.phones("1001", behaviour=answers(0.02, talks=0.02))
    unlucky = rig.switch.call("5000")
    assert unlucky.join(WAIT_SECONDS)
    assert unlucky.ending.kind == "answered", "at the switch's second try"
    rig.until(lambda: sorted(broken) == ["_may_connect", "something_changed"], "both have failed")
    rig.settle()
    assert rig.call().result == "answered"
