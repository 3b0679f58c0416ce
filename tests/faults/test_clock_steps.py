"""The clock of the machine is set an hour back or forward: stamps never go back, no timeout is affected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fshunt.db.models import CallRecord
from fshunt.hunting.ringtime import RingTime
from fshunt.simulator.core.phones import RINGS, answers
from tests.support.clock import CLOCK
from tests.support.fault_office import Office, ended, happened, phones, switch_to, until
from tests.support.processes import FshuntProcess
from tests.support.rig import RING_SECONDS, RINGS_ON, RINGS_OUT, WAIT_SECONDS, Rig, light, passed, rang

pytestmark = pytest.mark.faults

HOUR = timedelta(hours=1)
TALKS = answers(0.05, talks=0.05)


@pytest.fixture(params=[-HOUR, HOUR], ids=["back", "forward"])
def step(request: pytest.FixtureRequest) -> timedelta:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def rig(sqlite_url: str) -> Iterator[Rig]:
    with light(sqlite_url, dead_after=2.0) as made:
        yield made


def set_clock(rig: Rig, by: timedelta) -> None:
    """Set the wall clock, as the daemon sees it; no other clock can be set."""
    clock = rig.daemon.deps.now.__self__  # type: ignore[attr-defined]
    clock._wall = lambda: datetime.now(UTC) + by


def when(rig: Rig, what: str, action: Callable[[], object]) -> None:
    rig.switch.watch(lambda fact: action() if fact.what == what else None)


def in_order(record: CallRecord) -> bool:
    moments = [record.started_at]
    for offer in record.offers:
        moments += [offer.started_at, offer.ended_at]
    moments += [record.ended_at]
    return moments == sorted(moments)


def test_the_clock_is_set_while_a_phone_rings(rig: Rig, step: timedelta) -> None:
    rig.group("5000", "1001", "1002", hunt_timeout=20.0, ring_time=RINGS_OUT)
    rig.rings_for(RINGS_ON, "1002")
    first, _ = rig.phones("1001", "1002")
    rig.switch.registrations.phones_of("1002", rig.switch.domain)[0].behaviour = TALKS
    when(rig, "rings", lambda: set_clock(rig, step))
    record = rig.call()
    assert rang(record) == [("1001", "no-answer"), ("1002", "answered")]
    assert RING_SECONDS - 0.05 <= first.rings[0].seconds < WAIT_SECONDS, "the phone rings its time"
    assert in_order(record)


def test_the_clock_is_set_during_a_call_and_the_claim_ends_with_the_call(rig: Rig, step: timedelta) -> None:
    rig.group("5000", "1001")
    rig.phones("1001", behaviour=answers(0.02))
    talks = rig.happens("talks with")
    talking = rig.started()
    assert talks.wait(WAIT_SECONDS)
    set_clock(rig, step)
    until(lambda: rig.daemon.deps.outbox.flush(0), "the answer is written")
    other = rig.started()
    assert other.join(WAIT_SECONDS)
    assert other.ending.kind == "voicemail", "a member on a call is not rung"
    talking.hang_up()
    record = rig.closed(talking)
    assert (record.result, record.end_seen) == ("answered", True)
    assert record.started_at <= record.answered_at <= record.ended_at
    rig.switch.registrations.phones_of("1001", rig.switch.domain)[0].behaviour = TALKS
    assert rig.call().result == "answered", "and the member is free at once after the call"


def test_stamps_never_go_back_and_the_longest_idle_stays_the_longest_idle(rig: Rig, step: timedelta) -> None:
    rig.group("5000", "1001", "1002", "1003", policy="uniform")
    rig.phones("1001", "1002", "1003", behaviour=TALKS)
    seen: dict[str, datetime] = {}
    order = []
    for number in range(7):
        if number == 3:
            set_clock(rig, step)
        record = rig.call()
        order.append(record.answered_by)
        assert in_order(record)
        for member in record.policy_input["members"]:
            if member["idle_since"]:
                stamp = datetime.fromisoformat(member["idle_since"])
                assert stamp >= seen.get(member["extension"], stamp)
                seen[member["extension"]] = stamp
    assert order == ["1001", "1002", "1003", "1001", "1002", "1003", "1001"]


def test_the_wrap_up_lasts_as_long_as_configured(rig: Rig, step: timedelta) -> None:
    rig.group("5000", "1001", wrap_up_seconds=2.0)
    rig.phones("1001", behaviour=TALKS)
    assert rig.call().result == "answered"
    set_clock(rig, step)
    assert passed(rig.call()) == [("1001", "wrap-up")]
    CLOCK.move(2.0)
    until(lambda: rig.call().result == "answered", "the wrap-up is over, and does not last an hour")


# A whole process.


@pytest.mark.parametrize("step", ["-3600", "+3600"], ids=["back", "forward"])
def test_the_clock_of_a_running_daemon_is_set(
    office: Office, processes: list[FshuntProcess], tmp_path: Path, step: str
) -> None:
    office.group("5000", "1001", "1002", hunt_timeout=20.0, policy="uniform")
    office.rings_for(RingTime(rings=5), "1002")
    daemon = FshuntProcess(office.url)
    processes.append(daemon)
    clock = tmp_path / "clock"
    clock.write_text("0")
    daemon.program = ["-m", "tests.faults.shifted_clock", str(clock), "serve"]
    daemon.start()
    switch = switch_to([daemon])
    _, second = phones(switch, "1001", "1002", behaviour=TALKS)
    before = switch.call("5000")
    assert (ended(before).kind, before.ending.who) == ("answered", "1001")
    office.closed(before.uuid)
    second.behaviour = RINGS
    rings = happened(switch, "rings")
    call = switch.call("5000")
    assert rings.wait(WAIT_SECONDS)
    clock.write_text(step)
    assert (ended(call).kind, call.ending.who) == ("answered", "1001")
    assert 0.45 <= second.rings[0].seconds < WAIT_SECONDS
    (hunt,) = office.closed(call.uuid)
    assert in_order(hunt)
    if step == "+3600":
        assert hunt.ended_at - hunt.started_at > HOUR, "forward it is believed: a machine may have slept"
    else:
        assert daemon.said("was set back by 3600 s")
    assert hunt.started_at >= office.closed(before.uuid)[0].ended_at
    stamps = office.stamps("5000")
    daemon.terminate()
    daemon.start()
    until(lambda: not office.claimed(), "no claim lasts an hour")
    second.behaviour = TALKS
    office.rings_for(None, "1002")
    after = switch.call("5000")
    assert (ended(after).kind, after.ending.who) == ("answered", "1002"), "the longest idle"
    (hunt,) = office.closed(after.uuid)
    assert hunt.answered_at >= stamps["1001"], "a restarted daemon continues from the stored times"
