"""The clock that tests can move."""

import time

import gevent
import pytest
from gevent.event import Event

from tests.support.clock import CLOCK

HOUR = 3600.0


def test_a_move_makes_all_timers_on_the_way_due_in_their_order() -> None:
    seen: list[str] = []
    for name, seconds in (("late", 2 * HOUR), ("last", HOUR + 2), ("first", HOUR)):
        gevent.spawn_later(seconds, seen.append, name)
    before = time.monotonic()
    CLOCK.move(HOUR + 10)
    assert seen == ["first", "last"]
    assert time.monotonic() - before >= HOUR + 10


def test_who_sleeps_again_and_again_wakes_each_time() -> None:
    woken: list[float] = []

    def sleep() -> None:
        while True:
            gevent.sleep(HOUR)
            woken.append(time.monotonic())

    sleeping = gevent.spawn(sleep)
    gevent.sleep(0)
    began = time.monotonic()
    CLOCK.move(3.5 * HOUR)
    assert [round((each - began) / HOUR) for each in woken] == [1, 2, 3]
    sleeping.kill()


def test_waits_with_a_limit_and_timeouts_end() -> None:
    def wait() -> None:
        with gevent.Timeout(HOUR):
            Event().wait()

    limited, timed = gevent.spawn(Event().wait, HOUR), gevent.spawn(wait)
    gevent.sleep(0)
    CLOCK.move(HOUR + 1)
    assert limited.get() is False
    with pytest.raises(gevent.Timeout):
        timed.get()


def test_a_timer_that_was_stopped_is_not_due() -> None:
    seen: list[str] = []
    stopped = gevent.spawn_later(HOUR, seen.append, "stopped")
    stopped.kill()
    CLOCK.move(2 * HOUR)
    assert seen == []


def test_time_passes_until_something_is_so() -> None:
    happened = Event()
    gevent.spawn_later(5.0, happened.set)
    CLOCK.run_until(happened.is_set, "five seconds have passed")
