"""A failed start changes nothing, or is reported to the others; a stop forgets no call that is being greeted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from sqlalchemy import select

from fshunt.daemon.bootstrap import build
from fshunt.daemon.clock import utc_now
from fshunt.daemon.switches.monitor import Monitor
from fshunt.db.engine import Store
from fshunt.db.models import DaemonRecord
from fshunt.db.queries import calls
from fshunt.errors import FshuntError
from fshunt.settings import WatchedSwitch
from tests.support.rig import WAIT_SECONDS, Rig, rang, running


def runs(store: Store) -> list[str]:
    """The daemons with a heartbeat."""
    with store.reading() as s:
        return list(s.scalars(select(DaemonRecord.run_id)))


def test_where_another_daemon_listens_a_start_touches_nothing(rig: Rig) -> None:
    rig.group("5000", "1001")
    rig.phones("1001")
    rings = rig.happens("rings", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    rig.until(lambda: _written(rig, call.uuid), "the hunt is written")
    second = build(replace(rig.settings, listen=rig.daemon.listener.address, node_name=rig.settings.node_name))
    with pytest.raises(FshuntError, match="in use"):
        second.start()
    assert runs(rig.store) == [rig.daemon.deps.run_id]
    with rig.store.reading() as s:
        (record,) = calls.show_call(s, call.uuid)
    assert (record.run_id, record.ended_at) == (rig.daemon.deps.run_id, None)
    call.hang_up()
    assert rig.record(call).result == "abandoned"


def _written(rig: Rig, uuid: str) -> bool:
    with rig.store.reading() as s:
        return any(each.uuid == uuid for each in calls.list_calls(s))


def test_a_failed_start_is_reported_to_the_others(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(str(database_url), store) as rig:
        second = build(rig.settings)
        monkeypatch.setattr(second.heartbeat, "wait_for_the_first", lambda _seconds: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            second.start()
        assert runs(store) == [rig.daemon.deps.run_id]


class AnswersWhenTold:
    """A switch that is silent until it is released."""

    def __init__(self) -> None:
        self.asked, self.may_answer = Event(), Event()

    def apply(self, number: int, frame: bytes) -> Iterator[bytes]:
        if number == 1:
            self.asked.set()
            assert self.may_answer.wait(WAIT_SECONDS)
        yield frame


def test_a_call_that_is_being_greeted_at_a_stop_is_waited_for_and_handed_back(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    light_rig.phones("1001")
    slow = AnswersWhenTold()
    call = light_rig.started(faults=[slow])
    assert slow.asked.wait(WAIT_SECONDS)
    stopping = gevent.spawn(light_rig.daemon.stop)
    light_rig.until(lambda: not light_rig.daemon.listener.takes_calls, "no call is accepted any more")
    slow.may_answer.set()
    stopping.get(timeout=WAIT_SECONDS)
    assert len(light_rig.daemon.listener.calls) == 0, "it was not forgotten"
    assert call.join(WAIT_SECONDS)
    assert call.ending.kind == "fallback-voicemail"
    assert not _written(light_rig, call.uuid), "and nobody was hunted for"


def test_the_start_waits_for_all_switches_together() -> None:
    """For each one by itself it would be a minute and more."""
    silent = [WatchedSwitch("192.0.2.1", number, Path("unread")) for number in range(1, 200)]
    monitor = Monitor(silent, utc_now, time.monotonic)
    with gevent.Timeout(WAIT_SECONDS):
        monitor.wait_until_tried(0.5)
    for each in monitor.switches:
        each.tried.set()
    monitor.wait_until_tried(WAIT_SECONDS)


def test_offers_that_are_left_ringing_at_a_stop_have_an_outcome(database_url: str, store: Store) -> None:
    """No switch is watched, so nobody will see what becomes of them."""
    with running(str(database_url), store) as rig:
        rig.group("5000", "1001", "1002", policy="simultaneous")
        (phone, _) = rig.phones("1001", "1002")
        rings = rig.happens("rings", "1002")
        call = rig.started()
        assert rings.wait(WAIT_SECONDS)
        rig.daemon.stop()
        assert phone.rings[0].outcome == "ringing"
        with store.reading() as s:
            (record,) = calls.show_call(s, call.uuid)
        assert (record.result, record.end_seen) == ("failed", False)
        assert sorted(rang(record)) == [("1001", "switch-lost"), ("1002", "switch-lost")]
        assert {offer.detail for offer in record.offers} == {"the daemon stopped while the phone rang"}
        assert all(offer.ended_at for offer in record.offers)
        call.hang_up()
