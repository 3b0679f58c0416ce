"""The record of a call whose daemon died is closed when the call ends: the next daemon's monitor sees it (I6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fshunt.daemon.bootstrap import build
from fshunt.daemon.cluster import reconcile
from fshunt.daemon.daemon import Daemon
from fshunt.db.engine import Store
from fshunt.db.models import CallRecord
from fshunt.db.queries import calls
from fshunt.errors import DatabaseError
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups
from fshunt.simulator.core.phones import answers
from tests.support.rig import (
    DOMAIN,
    PASSWORD,
    WAIT_SECONDS,
    Rig,
    cut,
    passed,
    rang,
    says_what_cannot_be_read,
    watching,
)

STAYS = answers(0.02)


def talking(rig: Rig, **fields: Any) -> Any:
    rig.group("5000", "1001", **fields)
    rig.phones("1001", behaviour=STAYS)
    talks = rig.happens("talks with", "1001")
    call = rig.started()
    assert talks.wait(WAIT_SECONDS)
    rig.until(lambda: record(rig, call).answered_at, "the answer is written")
    return call


def record(rig: Rig, call: Any) -> CallRecord:
    with rig.store.reading() as s:
        return calls.show_call(s, call.uuid)[0]


def started_again(rig: Rig) -> Any:
    """The next run of the daemon, with the same settings; it takes no calls from the switch."""
    daemon = build(rig.settings)
    daemon.start()
    return daemon


def test_stopped_during_a_call_the_next_daemon_finishes_the_record(watched_rig: Rig) -> None:
    rig = watched_rig
    call = talking(rig)
    rig.daemon.stop()
    assert not call.ended.is_set()
    assert record(rig, call).ended_at is None, "left open for the next daemon"
    following = started_again(rig)
    try:
        rig.until(lambda: len(following.deps.takeover) == 1, "the call is detached")
        with rig.store.reading() as s:
            stamped = groups.get_group(s, DOMAIN, "5000").members[0].idle_since
        call.hang_up()
        after = rig.closed(call)
        assert (after.result, after.answered_by, after.end_seen, after.reason) == ("answered", "1001", True, None)
        with rig.store.reading() as s:
            idle_since = groups.get_group(s, DOMAIN, "5000").members[0].idle_since
        assert idle_since is not None
        assert stamped is not None
        assert idle_since > stamped, "set again at the end of the call"
        rig.until(lambda: not claims_in_database(rig), "its claim is released")
        assert (hunts_counted(rig.daemon), hunts_counted(following)) == ({}, {"answered": 1}), "where it ended"
    finally:
        following.stop()


def hunts_counted(daemon: Daemon) -> dict[str, float]:
    """How many hunts the daemon's metrics tell of, by result."""
    families = {family.name: family for family in text_string_to_metric_families(daemon.deps.metrics.page().decode())}
    return {each.labels["result"]: each.value for each in families["fshunt_hunts"].samples if each.value}


def claims_in_database(rig: Rig) -> list[Any]:
    from sqlalchemy import select

    from fshunt.db.models import Claim

    with rig.store.reading() as s:
        return list(s.scalars(select(Claim)))


def test_a_call_that_ended_unobserved_is_closed_and_its_end_was_not_seen(watched_rig: Rig) -> None:
    rig = watched_rig
    call = talking(rig)
    rig.daemon.stop()
    call.hang_up()
    assert call.join(WAIT_SECONDS)
    following = started_again(rig)
    try:
        after = rig.closed(call)
        assert (after.result, after.end_seen) == ("answered", False)
        rig.until(lambda: not claims_in_database(rig), "its claim is released")
        assert hunts_counted(following) == {"answered": 1}
    finally:
        following.stop()


@pytest.mark.parametrize("fault", [cut, says_what_cannot_be_read])
def test_after_a_lost_connection_during_a_call_the_same_daemon_sees_the_end(
    watched_rig: Rig, fault: Callable[[Any], None]
) -> None:
    rig = watched_rig
    call = talking(rig)
    fault(call)
    rig.until(lambda: len(rig.daemon.deps.takeover) == 1, "the call is detached")
    assert passed(rig.closed(rig.started())) == [("1001", "on-call")], "and its member is not rung"
    call.hang_up()
    after = rig.closed(call)
    assert (after.result, after.answered_by, after.end_seen) == ("answered", "1001", True)
    assert hunts_counted(rig.daemon)["answered"] == 1


def test_killed_between_the_answer_and_its_record_the_switch_knows_the_member(
    database_url: str, store: Store, tmp_path: Path
) -> None:
    """The row of the answer is held back here, as a kill in that moment would."""
    with watching(str(database_url), store, tmp_path) as rig:
        rig.group("5000", "1001", "1002", policy="circular")
        rig.phones("1001", "1002")
        talks, rings = rig.happens("talks with", "1001"), rig.happens("rings", "1001")
        call = rig.started()
        assert rings.wait(WAIT_SECONDS)
        rig.until(lambda: rang(record(rig, call)), "the offer is written")
        rig.daemon.deps.outbox.put = lambda _event, _then=None: None
        rig.pick_up(call, "1001")
        assert talks.wait(WAIT_SECONDS)
        rig.daemon.stop()
        assert record(rig, call).answered_at is None
        following = started_again(rig)
        try:
            rig.until(lambda: record(rig, call).answered_at, "the answer is found out")
            call.hang_up()
            after = rig.closed(call)
            assert (after.result, after.answered_by, after.end_seen) == ("answered", "1001", True)
            assert rang(after) == [("1001", "answered")]
            with rig.store.reading() as s:
                from fshunt.db.queries.hunts import rotation_pointers

                answerer, _ = rotation_pointers(s, groups.get_group(s, DOMAIN, "5000").id)
            assert answerer is not None
            assert answerer.position == 1, "the memory of the circular group has moved"
        finally:
            following.stop()


def test_stopped_while_a_phone_rings_the_next_daemon_sees_who_picks_up(watched_rig: Rig) -> None:
    rig = watched_rig
    rig.group("5000", "1001", "1002", policy="circular")
    (phone,) = rig.phones("1001")
    rings, talks = rig.happens("rings", "1001"), rig.happens("talks with", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    rig.daemon.stop()
    assert phone.rings[0].outcome == "ringing"
    following = started_again(rig)
    try:
        rig.until(lambda: len(following.deps.takeover) == 1, "the call is detached")
        rig.pick_up(call, "1001")
        assert talks.wait(WAIT_SECONDS)
        rig.until(lambda: record(rig, call).answered_at, "the answer is seen")
        call.hang_up()
        after = rig.closed(call)
        assert (after.result, after.answered_by, after.end_seen) == ("answered", "1001", True)
        assert (call.ending.kind, len(phone.rings)) == ("answered", 1)
    finally:
        following.stop()


def test_stopped_while_a_phone_rings_that_nobody_picks_up_the_record_is_closed(
    watched_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig = watched_rig
    rig.group("5000", "1001", ring_time=RingTime(seconds=1))
    rig.phones("1001")
    rings = rig.happens("rings", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    rig.daemon.stop()
    following = started_again(rig)
    try:
        rig.pass_time_until(call.ended.is_set, "the phone rings out")
        assert call.ending.kind == "fallback-voicemail", "no daemon listens at the address of the dialplan any more"
        after = rig.closed(call)
        assert (after.result, rang(after)) == ("failed", [("1001", "switch-lost")])
        assert after.reason == calls.DAEMON_STOPPED
        assert [line.levelname for line in caplog.records if f"call {call.uuid}: " in line.message][-1] == "WARNING"
        rig.until(lambda: not claims_in_database(rig), "its claim is released")
        assert hunts_counted(following) == {"failed": 1}
    finally:
        following.stop()


def test_after_the_takeover_of_a_stage_only_the_answerer_stays_claimed(watched_rig: Rig) -> None:
    rig = watched_rig
    rig.group("5000", "1001", "1002", policy="simultaneous")
    rig.phones("1001", "1002")
    rings, talks = rig.happens("rings", "1002"), rig.happens("talks with", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    rig.daemon.stop()
    following = started_again(rig)
    try:
        rig.until(lambda: len(following.deps.takeover) == 1, "the call is detached")
        rig.pick_up(call, "1001")
        assert talks.wait(WAIT_SECONDS)
        rig.until(lambda: [c.extension for c in claims_in_database(rig)] == ["1001"], "the other claim is released")
        call.hang_up()
        assert sorted(rang(rig.closed(call))) == [("1001", "answered"), ("1002", "answered-elsewhere")]
    finally:
        following.stop()


def test_taken_over_before_the_switch_is_watched_a_call_is_not_closed(watched_rig: Rig) -> None:
    rig = watched_rig
    call = talking(rig)
    rig.daemon.stop()
    (monitor,) = rig.daemon.deps.monitor.switches
    rig.switch.close_inbound()
    following = started_again(rig)
    try:
        rig.until(lambda: len(following.deps.takeover) == 1, "the call is taken over")
        assert record(rig, call).ended_at is None
        rig.switch.serve_inbound(PASSWORD, monitor.switch.port)
        rig.until(lambda: following.deps.monitor.watched, "the switch is watched")
        call.hang_up()
        assert rig.closed(call).end_seen
    finally:
        following.stop()


def test_a_call_whose_end_is_not_written_yet_is_not_taken_over(
    watched_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage the writes of many calls may wait for a while: their records are open, and the calls over."""
    rig = watched_rig
    monkeypatch.setattr(reconcile, "LOST_SECONDS", 0.0)
    outbox, takeover = rig.daemon.deps.outbox, rig.daemon.deps.takeover

    def not_now(_batch: object) -> None:
        raise DatabaseError("not now")

    call = talking(rig)
    monkeypatch.setattr(outbox, "_write", not_now)
    call.hang_up()
    assert call.join(WAIT_SECONDS)
    rig.daemon.listener.calls.join(WAIT_SECONDS)
    (hunt_id,) = takeover.closing
    rig.daemon.heartbeat._one_heartbeat()
    assert takeover.closing == [hunt_id], "it is not closed once more"
    monkeypatch.undo()
    outbox.database_back()
    closed = rig.record(call)
    assert (closed.id, closed.result, closed.end_seen, closed.reason) == (hunt_id, "answered", True, None)
    assert takeover.closing == []
