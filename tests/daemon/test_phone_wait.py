"""A caller waits for a phone where no member has one (``wait_for_phone_seconds``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fshunt.db.engine import Store
from fshunt.hunting.addresses import parse_member
from fshunt.services import members
from fshunt.simulator.core.phones import Phone, answers
from tests.support.rig import DOMAIN, RINGS_OUT, Rig, light, passed, rang, running, watching
from tests.support.waiting import WAIT_SECONDS

LONG = WAIT_SECONDS * 2


@pytest.fixture
def waiting_rig(sqlite_url: str) -> Iterator[Rig]:
    """Whose callers wait for a phone for longer than a test does; without a monitor."""
    with light(sqlite_url, wait_for_phone_seconds=LONG) as made:
        yield made


@pytest.fixture
def short_rig(sqlite_url: str) -> Iterator[Rig]:
    """Whose callers wait a moment."""
    with light(sqlite_url, wait_for_phone_seconds=0.3) as made:
        yield made


def waits(rig: Rig) -> bool:
    return len(rig.daemon.deps.phone_waits) == 1


def registers(rig: Rig, extension: str) -> Phone:
    """A phone comes, and nobody waits until the daemon has seen it."""
    return rig.switch.phone(extension, answers(0.0, talks=0.0))


def started(rig: Rig) -> Any:
    call = rig.started()
    rig.until(lambda: waits(rig), "the caller waits")
    return call


def test_the_first_phone_that_comes_ends_the_wait(waiting_rig: Rig) -> None:
    waiting_rig.group("5000", "1001", "1002")
    call = started(waiting_rig)
    registers(waiting_rig, "1002")
    record = waiting_rig.record(call)
    assert record.answered_by == "1002"
    assert passed(record) == [("1001", "unregistered")], "the members are skipped as they are when the wait is over"
    assert len(waiting_rig.daemon.deps.phone_waits) == 0


def test_a_monitor_that_sees_the_phone_wakes_the_caller(
    database_url: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fshunt.daemon.call.phone_wait.WATCHED_LOOK_SECONDS", LONG)
    with watching(str(database_url), store, tmp_path, wait_for_phone_seconds=LONG) as rig:
        rig.group("5000", "1001")
        call = started(rig)
        registers(rig, "1001")
        assert rig.record(call).answered_by == "1001"


def test_nobody_waits_where_a_member_has_a_phone(waiting_rig: Rig) -> None:
    waiting_rig.group("5000", "1001", "1002", ring_time=RINGS_OUT)
    waiting_rig.phones("1002")
    assert rang(waiting_rig.call()) == [("1002", "no-answer")]


def test_an_external_member_is_a_phone(waiting_rig: Rig) -> None:
    waiting_rig.switch.gateway("carrier").up = False
    waiting_rig.group("5000", "1001", "+14155550123@carrier")
    assert passed(waiting_rig.call()) == [("1001", "unregistered")]


@pytest.mark.parametrize("how", ["disabled", "blocked"])
def test_nobody_waits_for_members_who_may_not_ring(waiting_rig: Rig, how: str) -> None:
    waiting_rig.group("5000", "1001")
    with waiting_rig.store.writing() as s:
        if how == "blocked":
            members.block(s, DOMAIN, "1001", True)
        else:
            members.enable_member(s, DOMAIN, "5000", parse_member("1001"), False)
    record = waiting_rig.call()
    assert (record.reason, passed(record)) == ("nobody reachable", [("1001", how)])


def test_nobody_waits_for_a_group_that_is_disabled(waiting_rig: Rig) -> None:
    waiting_rig.group("5000", "1001", enabled=False)
    assert waiting_rig.call().reason == "nobody reachable"


def test_without_a_phone_the_caller_goes_on_when_the_time_is_over(short_rig: Rig) -> None:
    short_rig.group("5000", "1001")
    record = short_rig.call()
    assert (record.result, record.reason) == ("voicemail", "nobody reachable")
    assert passed(record) == [("1001", "unregistered")]
    assert (record.ended_at - record.started_at).total_seconds() >= 0.3


def test_the_wait_is_part_of_the_time_of_the_hunt(waiting_rig: Rig) -> None:
    waiting_rig.group("5000", "1001", hunt_timeout=1)
    record = waiting_rig.call_that_takes_time()
    assert (record.result, record.reason) == ("voicemail", "nobody reachable")


def test_a_caller_who_hangs_up_waits_no_more(waiting_rig: Rig) -> None:
    waiting_rig.group("5000", "1001")
    call = started(waiting_rig)
    call.hangup("ORIGINATOR_CANCEL")
    record = waiting_rig.record(call)
    assert (record.result, passed(record)) == ("abandoned", [])
    assert len(waiting_rig.daemon.deps.phone_waits) == 0


def test_a_daemon_that_stops_hands_the_caller_on(database_url: str, store: Store) -> None:
    with running(str(database_url), store, wait_for_phone_seconds=LONG) as rig:
        rig.group("5000", "1001")
        call = started(rig)
        rig.daemon.stop()
        assert call.join(WAIT_SECONDS)
        assert [message.box for message in rig.switch.messages] == ["1999"], "the fallback of the dialplan"
