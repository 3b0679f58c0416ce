"""What runs beside the calls is started in order, restarted when it raises, and stopped in reverse order."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event

from fshunt.daemon import supervisor
from fshunt.daemon.supervisor import STEADY_SECONDS, STOPPED_AFTER_SECONDS, Service, ServiceStates, Supervisor
from fshunt.db.notifications import Changes
from fshunt.errors import FshuntError
from fshunt.simulator.core.phones import answers
from tests.support.rig import WAIT_SECONDS, Rig


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 0.001)


class Body:
    """Raises so often, and then runs until it is killed."""

    def __init__(self, failures: int) -> None:
        self.left, self.begun, self.works, self.ended = failures, 0, Event(), Event()

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


def test_a_service_that_raises_is_restarted_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    body, errors, states = Body(2), [], ServiceStates()
    made = Supervisor([Service("counting", body, on_error=lambda: errors.append(1))], states)
    made.start()
    assert body.works.wait(WAIT_SECONDS)
    (health,) = states.all()
    made.stop()
    assert body.ended.is_set()
    assert (body.begun, len(errors)) == (3, 2)
    assert (health.running, health.restarts, health.error) == (True, 2, "ZeroDivisionError: a mistake")
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [
        (logging.ERROR, "internal error: service counting failed; restarting it")
    ] * 2
    assert "ZeroDivisionError: a mistake" in caplog.text


def test_stopped_in_the_pause_after_a_failure_it_is_not_restarted_and_stopped_twice_it_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", WAIT_SECONDS)
    body, states = Body(1), ServiceStates()
    made = Supervisor([Service("counting", body)], states)
    made.stop()
    made.start()
    gevent.sleep(0)
    made.stop()
    made.stop()
    assert body.begun == 1
    assert not states.all()[0].running


class Noted:
    """Services whose starts and stops are noted in one list."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def service(self, name: str, **more: object) -> Service:
        return Service(
            name,
            more.pop("run", None),  # type: ignore[arg-type]
            start=lambda: self.done.append(f"start {name}"),
            stop=lambda: self.done.append(f"stop {name}"),
            **more,  # type: ignore[arg-type]
        )


def test_services_are_started_in_order_and_stopped_in_reverse() -> None:
    noted = Noted()
    made = Supervisor([noted.service(name) for name in ("first", "second", "third")], ServiceStates())
    made.start()
    made.stop()
    assert noted.done == ["start first", "start second", "start third", "stop third", "stop second", "stop first"]


def test_where_a_start_fails_those_that_were_started_are_stopped_and_no_other() -> None:
    noted = Noted()

    def fails() -> None:
        raise FshuntError("no")

    made = Supervisor([noted.service("first"), Service("bad", start=fails), noted.service("third")], ServiceStates())
    with pytest.raises(FshuntError, match="no"):
        made.start()
    made.stop()
    assert noted.done == ["start first", "stop first"]


def test_an_optional_service_that_cannot_be_started_is_done_without(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise FshuntError("The address is in use.")

    noted, states = Noted(), ServiceStates()
    made = Supervisor([Service("metrics", start=fails, optional=True), noted.service("next")], states)
    made.start()
    assert [(each.running, each.error) for each in states.all()] == [(False, "The address is in use."), (True, None)]
    assert caplog.messages == ["continuing without metrics: The address is in use."]
    made.stop()


def test_a_body_that_ends_when_it_is_told_to_is_not_killed() -> None:
    told, ended = Event(), []

    def body() -> None:
        told.wait()
        gevent.sleep(0)
        ended.append("by itself")

    made = Supervisor([Service("gentle", body, stop=told.set, grace_seconds=WAIT_SECONDS)], ServiceStates())
    made.start()
    gevent.sleep(0)
    made.stop()
    assert ended == ["by itself"]


def test_a_stop_that_fails_or_takes_too_long_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    noted = Noted()
    body = Body(0)
    never: Callable[[], object] = Event().wait
    made = Supervisor(
        [
            noted.service("first"),
            Service("fails", stop=lambda: 1 / 0),
            Service("stuck", body, stop=never, stop_seconds=0.01),
        ],
        ServiceStates(),
    )
    made.start()
    assert body.works.wait(WAIT_SECONDS)
    made.stop()
    assert body.ended.is_set()
    assert noted.done == ["start first", "stop first"]
    assert caplog.messages == ["service fails failed to stop"]


class Moving:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_an_essential_service_that_fails_again_and_again_counts_as_stopped() -> None:
    clock, states, body = Moving(), ServiceStates(), Body(1_000_000)
    made = Supervisor([Service("writer", body, essential=True), Service("other", Body(1_000_000))], states, clock)
    made.start()

    def fails_once_more() -> None:
        begun = body.begun
        while body.begun == begun:
            gevent.sleep(0.001)

    with gevent.Timeout(WAIT_SECONDS):
        fails_once_more()
        assert states.stopped() == [], "one failure is mended by a restart"
        assert states.all()[0].failing_since is not None
        clock.seconds = STOPPED_AFTER_SECONDS + 1
        fails_once_more()
        assert states.stopped() == ["writer"]
        body.left = 0
        assert body.works.wait()
        clock.seconds += STEADY_SECONDS + 1
        assert states.stopped() == []
        assert states.all()[0].failing_since is None
    made.stop()


def test_a_service_that_returns_before_it_is_told_to_is_restarted() -> None:
    begun, again = [], Event()

    def body() -> None:
        begun.append(1)
        if len(begun) > 1:
            again.set()
            Event().wait()

    states = ServiceStates()
    made = Supervisor([Service("short", body)], states)
    made.start()
    assert again.wait(WAIT_SECONDS)
    assert states.all()[0].error == "it returned"
    made.stop()


def test_the_daemon_stops_what_makes_records_before_what_writes_them(light_rig: Rig) -> None:
    names = [each["name"] for each in light_rig.daemon.report.health()[1]["services"]]
    assert names == [
        "database",
        "database file",
        "claim audit",
        "membership",
        "outbox file",
        "outbox writer",
        "group reader",
        "heartbeat",
        "pruning",
        "notices",
        "live state",
        "phones of watched members",
        "live changes",
        "notifications",
        "first state",
        "loop lag",
        "greetings",
        "calls",
        "listener",
    ]


def owner_of(rig: Rig, name: str) -> object:
    """The object whose method is the body of a service."""
    (body,) = [each.service.run for each in rig.daemon._supervisor._services if each.service.name == name]
    return body.__self__  # type: ignore[union-attr]


SERVICES_AND_WHAT_THEY_CALL: dict[str, Callable[[Rig], tuple[object, str]]] = {
    "outbox writer": lambda rig: (rig.daemon.deps.outbox, "_write_some"),
    "heartbeat": lambda rig: (rig.daemon.heartbeat, "_one_heartbeat"),
    "notifications": lambda _: (Changes, "_readable"),
    "live changes": lambda rig: (owner_of(rig, "live changes"), "_ringing"),
    "loop lag": lambda rig: (rig.daemon.deps.metrics._loop_lag, "observe"),
    "listener": lambda rig: (rig.daemon.listener, "_take"),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("name", SERVICES_AND_WHAT_THEY_CALL)
def test_a_service_that_fails_once_goes_on_and_calls_are_answered(
    light_rig: Rig, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    owner, attribute = SERVICES_AND_WHAT_THEY_CALL[name](light_rig)
    whole, failed = getattr(owner, attribute), list[str]()

    def fails(*args: object, **kwargs: object) -> object:
        if failed:
            return whole(*args, **kwargs)
        failed.append(attribute)
        raise ZeroDivisionError(attribute)

    monkeypatch.setattr(owner, attribute, fails)
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=answers(0.02, talks=0.02))
    light_rig.daemon.heartbeat.hurry()
    first = light_rig.switch.call("5000")
    assert first.join(WAIT_SECONDS)
    light_rig.until(lambda: failed, "it has failed")

    def works_again() -> bool:
        (health,) = [each for each in light_rig.daemon.report.health()[1]["services"] if each["name"] == name]
        return bool(health["running"] and health["restarts"] == 1)

    light_rig.until(works_again, "it is restarted")
    light_rig.settle()
    assert light_rig.call().result == "answered"
    assert light_rig.call().result == "answered"
    assert light_rig.daemon.report.health()[0]
