"""Who is on the phone is known before anybody is rung: calls through the pilot, direct ones, those a member makes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import gevent
import pytest

from fshunt.daemon.clock import utc_now
from fshunt.daemon.switches.monitor import Observers, SwitchMonitor
from fshunt.freeswitch.channels import NOTHING, Change
from fshunt.freeswitch.slices import Breathe
from fshunt.hunting.group import WhenBusy
from fshunt.hunting.ringtime import RingTime
from fshunt.settings import WatchedSwitch
from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.phones import RINGS, answers
from tests.support.rig import PASSWORD, Rig, passed, rang

TALKS = answers(0.02, talks=0.05)
STAYS = answers(0.02)


def test_a_member_on_a_direct_call_is_skipped(watched_rig: Rig) -> None:
    watched_rig.group("5000", "1001", "1002")
    watched_rig.phones("1001", behaviour=STAYS)
    watched_rig.phones("1002", behaviour=TALKS)
    talks = watched_rig.happens("talks with", "1001")
    direct = watched_rig.started("1001")
    assert talks.wait(30)
    record = watched_rig.call()
    assert passed(record) == [("1001", "on-call")]
    assert rang(record) == [("1002", "answered")]
    direct.hang_up()
    assert direct.join(30)
    watched_rig.until(lambda: not seen(watched_rig, "1001").calls, "the monitor sees the end of the direct call")
    (phone,) = watched_rig.switch.registrations.phones_of("1001", "office.test")
    phone.script(TALKS)
    assert rang(watched_rig.call()) == [("1001", "answered")], "free again"


def seen(rig: Rig, number: str):  # type: ignore[no-untyped-def]
    return rig.daemon.deps.monitor.look("office.test", number)


def test_a_member_who_dials_is_skipped_from_the_first_moment(watched_rig: Rig) -> None:
    watched_rig.group("5000", "1001", "1002")
    (maker,) = watched_rig.phones("1001", behaviour=STAYS)
    watched_rig.phones("1002", behaviour=TALKS)
    watched_rig.phones("1003", behaviour=RINGS)
    rings = watched_rig.happens("rings", "1003")
    made = watched_rig.switch.call_from(maker, "1003")
    assert rings.wait(30)
    record = watched_rig.call()
    assert passed(record) == [("1001", "on-call")]
    made.hang_up()


def test_a_member_whom_a_direct_call_rings_is_passed_over_and_one_whom_a_hunt_rings_is_claimed(
    watched_rig: Rig,
) -> None:
    watched_rig.group("5000", "1001", "1002", "1003")
    watched_rig.phones("1001", "1002")
    watched_rig.phones("1003", behaviour=TALKS)
    direct_rings, hunt_rings = watched_rig.happens("rings", "1001"), watched_rig.happens("rings", "1002")
    direct = watched_rig.started("1001")
    assert direct_rings.wait(30)
    first = watched_rig.started()
    assert hunt_rings.wait(30)
    record = watched_rig.closed(watched_rig.started())
    assert passed(record) == [("1001", "on-call"), ("1002", "claimed")]
    assert rang(record) == [("1003", "answered")]
    for call in (direct, first):
        call.hang_up()
        assert call.join(30)


def test_a_member_is_not_rung_by_their_own_call(watched_rig: Rig) -> None:
    watched_rig.group("5000", "1001", "1002")
    (member,) = watched_rig.phones("1001", behaviour=STAYS)
    watched_rig.phones("1002", behaviour=TALKS)
    record = watched_rig.record(watched_rig.switch.call_from(member, "5000"))
    assert passed(record) == [("1001", "on-call")]
    assert rang(record) == [("1002", "answered")]


def test_the_same_member_is_rung_again_in_the_next_cycle_though_the_last_leg_is_still_seen(watched_rig: Rig) -> None:
    watched_rig.group("5000", "1001", cycles=3, ring_time=RingTime(seconds=1))
    watched_rig.phones("1001")
    record = watched_rig.call_that_takes_time()
    assert rang(record) == [("1001", "no-answer")] * 3
    assert passed(record) == []


def test_whether_there_is_a_phone_is_asked_of_the_switch_for_all_members_of_a_stage_in_one_write(
    watched_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event of a registration may still be on its way."""
    watched_rig.group("5000", "1001", "1002", policy="simultaneous")
    monkeypatch.setattr("fshunt.freeswitch.registrations.RegistrationTable.on_event", lambda *_: NOTHING)
    late = watched_rig.switch.phone("1001", TALKS)
    assert seen(watched_rig, "1001").registered is False
    record = watched_rig.call()
    assert (rang(record), passed(record)) == ([("1001", "answered")], [("1002", "unregistered")])
    assert len(late.rings) == 1


def test_a_queued_caller_asks_the_switch_only_for_phones_that_are_there(watched_rig: Rig) -> None:
    watched_rig.group("5000", "1001", "1002", when_busy=WhenBusy.QUEUE, hunt_timeout=10)
    watched_rig.phones("1001", behaviour=STAYS)
    talks = watched_rig.happens("talks with", "1001")
    direct = watched_rig.started("1001")
    assert talks.wait(30)
    call = watched_rig.started()
    watched_rig.until(lambda: len(watched_rig.daemon.deps.queue), "the caller is queued")
    asked = [command for command in call.listener.received if "sofia_contact */1002" in command]
    watched_rig.pass_time_until(call.ended.is_set, "the time of the hunt is over")
    assert [command for command in call.listener.received if "sofia_contact */1002" in command] == asked
    assert asked, "before the caller queued, it was"
    direct.hang_up()


def test_a_member_without_a_phone_is_passed_over(watched_rig: Rig) -> None:
    watched_rig.group("5000", "1001", "1002")
    (phone,) = watched_rig.phones("1001", behaviour=TALKS)
    watched_rig.phones("1002", behaviour=TALKS)
    watched_rig.switch.registrations.unregister(phone)
    watched_rig.until(lambda: seen(watched_rig, "1001").registered is False, "the end of the registration is seen")
    record = watched_rig.call()
    assert (passed(record), rang(record)) == ([("1001", "unregistered")], [("1002", "answered")])


def test_with_call_waiting_a_member_on_a_call_is_rung(watched_rig: Rig) -> None:
    watched_rig.group("5000", "1001", call_waiting=True)
    (phone,) = watched_rig.phones("1001", behaviour=TALKS)
    phone.busy_while_talking = False
    phone.script(STAYS, TALKS)
    talks = watched_rig.happens("talks with", "1001")
    direct = watched_rig.started("1001")
    assert talks.wait(30)
    assert rang(watched_rig.call()) == [("1001", "answered")]
    direct.hang_up()


def test_cut_off_the_hunt_relies_on_the_phones_answers_and_logs_it(
    watched_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    watched_rig.group("5000", "1001", "1002")
    watched_rig.phones("1001", behaviour=STAYS)
    watched_rig.phones("1002", behaviour=TALKS)
    talks = watched_rig.happens("talks with", "1001")
    direct = watched_rig.started("1001")
    assert talks.wait(30)
    (monitor,) = watched_rig.daemon.deps.monitor.switches
    watched_rig.switch.close_inbound()
    watched_rig.until(lambda: not monitor.watched, "the switch is cut off")
    with caplog.at_level(logging.INFO):
        record = watched_rig.call()
    assert rang(record) == [("1001", "busy"), ("1002", "answered")], "the phone answers 486"
    assert any("busy members unknown: cut off from the switch" in line for line in caplog.messages)
    watched_rig.switch.serve_inbound(PASSWORD, monitor.switch.port)
    watched_rig.until(lambda: monitor.watched, "it is reached again")
    assert passed(watched_rig.call()) == [("1001", "on-call")], "and got the whole state again"
    direct.hang_up()


def test_a_wrong_password_is_logged_once_and_tried_again(
    watched_rig: Rig, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fshunt.daemon.switches.monitor.FIRST_PAUSE_SECONDS", 0.01)
    (monitor,) = watched_rig.daemon.deps.monitor.switches
    tries: list[str] = []
    with caplog.at_level(logging.WARNING):
        watched_rig.switch.close_inbound()
        watched_rig.until(lambda: not monitor.watched, "the switch is cut off")
        monkeypatch.setattr(monitor, "_observers", Observers(on_error=lambda _: tries.append(monitor.error or "")))
        watched_rig.switch.serve_inbound("another", monitor.switch.port)
        watched_rig.until(lambda: sum("refuses" in each for each in tries) >= 2, "the password is refused, again")
    said = [line for line in caplog.messages if "not watched" in line]
    assert ["refuses" in line for line in said].count(True) == 1
    assert "refuses" in said[-1], "although it was cut off, and that was logged, before"
    assert PASSWORD not in caplog.text
    watched_rig.switch.close_inbound()
    watched_rig.let_watch()


def test_two_hunts_that_come_together_ring_two_members(watched_rig: Rig) -> None:
    for number, policy in enumerate(("circular", "round-robin", "uniform", "regular", "weighted")):
        pilot, members = f"500{number}", (f"11{number}1", f"11{number}2")
        watched_rig.group(pilot, *members, policy=policy)
        watched_rig.phones(*members, behaviour=answers(0.1, talks=0.1))
        calls = [watched_rig.started(pilot, caller=SimulatedCaller()) for _ in range(2)]
        records = [watched_rig.record(call) for call in calls]
        assert sorted(record.answered_by for record in records) == sorted(members), policy


def test_others_run_while_the_state_of_a_switch_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    ran_meanwhile: list[str] = []

    def take(_inbound: object, _table: object, breathe: Breathe) -> Change:
        gevent.spawn(ran.append, "another")
        breathe()
        ran_meanwhile.extend(ran)
        return Change()

    monkeypatch.setattr("fshunt.daemon.switches.monitor.watch", take)
    monitor = SwitchMonitor(WatchedSwitch("127.0.0.1", 8021, Path("none")), utc_now, lambda: 0.0)
    inbound: Any = None  # what it says is taken from above
    monitor._begin(inbound)
    assert ran_meanwhile == ["another"]
