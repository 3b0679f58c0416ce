"""``kill -9`` of the daemon at every step of a call: answered calls continue, callers reach the standby or the
fallback, claims end, the rotation pointer moves once, and the records agree.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fshunt.simulator.core.phones import RINGS, Phone, answers
from fshunt.simulator.switch import SimulatedSwitch
from tests.support.call_steps import Step, at
from tests.support.fault_office import Office, ended, happened, phones, switch_to, until, watched
from tests.support.processes import FshuntProcess
from tests.support.waiting import WAIT_SECONDS

pytestmark = pytest.mark.faults

BEFORE_THE_ANSWER = [Step.GREETING, Step.PLANNED, Step.BRIDGE, Step.RINGING]
TALK_SECONDS = 1.0
MUSIC = "/var/lib/sounds/music.wav"
LONGER_THAN_A_LEASE_SECONDS = 8.0


class Pair:
    """Two daemons on one PostgreSQL, and a switch that dials the first and then the second."""

    def __init__(self, office: Office, processes: list[FshuntProcess], folder: Path, **settings: str) -> None:
        self.office = office
        self.first = FshuntProcess(office.url, "first", **settings)
        self.second = FshuntProcess(office.url, "second", **settings)
        processes += [self.first, self.second]
        self.switch = switch_to(processes)
        watching = watched(folder, self.switch)
        for each in processes:
            each.settings |= watching

    def start(self) -> None:
        self.first.start_soon()
        self.second.start()
        self.first.until_ready()

    def waits(self, uuid: str) -> int:
        """How often a caller joined a queue, at one daemon and then the other."""
        lines = [line for daemon in (self.first, self.second) for line in daemon.log]
        return sum(uuid in line and "queued until a member is free" in line for line in lines)


@pytest.fixture
def pair(pg_office: Office, processes: list[FshuntProcess], tmp_path: Path) -> Pair:
    made = Pair(pg_office, processes, tmp_path)
    made.start()
    return made


@pytest.mark.parametrize("step", BEFORE_THE_ANSWER)
@pytest.mark.parametrize("policy", ["round-robin", "circular"])
def test_killed_before_the_answer_the_caller_reaches_the_standby(pair: Pair, step: Step, policy: str) -> None:
    pair.office.group("5000", "1001", "1002", policy=policy)
    quick = answers(0.3, talks=0.1)
    phones(pair.switch, "1001", "1002", behaviour=quick)
    with at(pair.switch, step, pair.first.kill) as killed:
        call = pair.switch.call("5000")
        assert ended(call).kind == "answered"
        assert killed.is_set()
    assert call.ending.who == "1001", "the order of the call is the same with the standby"
    *before, last = pair.office.closed(call.uuid)
    assert (last.node, last.result, last.answered_by, last.end_seen) == ("second", "answered", "1001", True)
    assert [(hunt.result, hunt.end_seen) for hunt in before] in ([], [("failed", False)]), "detached and closed"
    assert all(offer.outcome for hunt in before for offer in hunt.offers)
    assert pair.office.moves(call.uuid) == 1
    until(lambda: not pair.office.claimed(), "the claims have ended")
    after = pair.switch.call("5000")
    assert (ended(after).kind, after.ending.who) == ("answered", "1002"), "the pointer moved once"


@pytest.mark.parametrize("answered", [False, True], ids=["ringing", "answered before"])
def test_killed_while_a_sound_file_plays_the_fallback_is_heard_without_it(
    office: Office, processes: list[FshuntProcess], answered: bool
) -> None:
    office.group("5000", "1001", music=MUSIC)
    daemon = FshuntProcess(office.url)
    processes.append(daemon)
    daemon.start()
    switch = switch_to([daemon])
    if answered:
        switch.pilot_actions[:0] = [("answer", "")]
    phones(switch, "1001")
    heard: list[set[str]] = []
    rings, speaks = happened(switch, "rings"), happened(switch, "voicemail")
    switch.watch(lambda fact: heard.append(set(call.displaced)) if fact.what in ("rings", "voicemail") else None)
    call = switch.call("5000")
    assert rings.wait(WAIT_SECONDS)
    daemon.kill()
    assert speaks.wait(WAIT_SECONDS)
    assert ended(call).kind == "fallback-voicemail"
    assert heard == [{MUSIC}, set()]


@pytest.mark.parametrize("policy", ["circular", "round-robin"])
def test_killed_at_the_answer_the_call_continues_and_the_standby_closes_it(pair: Pair, policy: str) -> None:
    pair.office.group("5000", "1001", "1002", policy=policy)
    talks = answers(0.1, talks=LONGER_THAN_A_LEASE_SECONDS)
    one, other = phones(pair.switch, "1001", "1002", behaviour=talks)
    with at(pair.switch, Step.ANSWER, pair.first.kill) as killed:
        call = pair.switch.call("5000")
        assert ended(call).kind == "answered"
        assert killed.is_set()
    assert call.ending.seconds >= LONGER_THAN_A_LEASE_SECONDS
    assert (len(one.rings), len(other.rings)) == (1, 0), "nobody else was rung"
    (hunt,) = pair.office.closed(call.uuid)
    assert (hunt.result, hunt.answered_by, hunt.offers[0].outcome) == ("answered", "1001", "answered")
    assert pair.office.moves(call.uuid) == 1, "the daemon that takes the call over moves the pointer"
    until(lambda: not pair.office.claimed(), "the claims have ended")


def test_killed_while_a_late_phone_rings_too_the_caller_reaches_the_standby(pair: Pair) -> None:
    pair.office.group("5000", "1001")
    (desk,) = phones(pair.switch, "1001")
    until(lambda: pair.first.said("watching switch"), "the first daemon watches the switch")
    call = pair.switch.call("5000")
    until(lambda: desk.rings, "the first phone rings")
    (late,) = phones(pair.switch, "1001")
    until(lambda: late.rings, "the late phone rings")
    late.behave(answers(0.3, talks=0.1))
    pair.first.kill()
    assert ended(call).kind == "answered"
    assert [ring.outcome for ring in late.rings] == ["cancelled", "answered"], "the standby knows both phones"
    assert not late.rings[0].missed
    assert [hunt.result for hunt in pair.office.closed(call.uuid)] == ["failed", "answered"]
    assert not list(pair.switch.all_channels())


def test_killed_at_the_answer_of_a_late_phone_the_call_continues_and_the_standby_closes_it(pair: Pair) -> None:
    pair.office.group("5000", "1001", policy="circular")
    (desk,) = phones(pair.switch, "1001")
    until(lambda: pair.first.said("watching switch"), "the first daemon watches the switch")
    with at(pair.switch, Step.ANSWER, pair.first.kill) as killed:
        call = pair.switch.call("5000")
        until(lambda: desk.rings, "the first phone rings")
        (late,) = phones(pair.switch, "1001", behaviour=answers(0.1, talks=LONGER_THAN_A_LEASE_SECONDS))
        assert ended(call).kind == "answered"
        assert killed.is_set()
    assert call.ending.seconds >= LONGER_THAN_A_LEASE_SECONDS
    assert (len(late.rings), len(desk.rings), desk.rings[0].missed) == (1, 1, False)
    (hunt,) = pair.office.closed(call.uuid)
    assert (hunt.result, hunt.answered_by, hunt.offers[0].outcome) == ("answered", "1001", "answered")
    assert pair.office.moves(call.uuid) == 1, "the daemon that takes the call over moves the pointer"
    until(lambda: not pair.office.claimed(), "the claims have ended")


def test_killed_during_a_call_the_member_is_not_rung_until_it_ends(pair: Pair) -> None:
    pair.office.group("5000", "1001", on_busy="hangup:USER_BUSY")
    (phone,) = phones(pair.switch, "1001", behaviour=answers(0.05, talks=LONGER_THAN_A_LEASE_SECONDS))
    phone.busy_while_talking = False  # a phone with two lines: only fshunt knows better
    call = pair.switch.call("5000")
    until(lambda: _answered(pair.office, call.uuid), "the answer is in the records")
    pair.first.kill()
    others = 0
    while not call.ended.is_set():
        other = pair.switch.call("5000")
        assert ended(other).kind in ("rejected", "answered")
        others += other.ending.kind == "rejected"
        if other.ending.kind == "answered":
            assert call.ended.is_set(), "the member was rung during the call"
    assert ended(call).kind == "answered"
    assert call.ending.seconds >= LONGER_THAN_A_LEASE_SECONDS
    assert others
    (hunt,) = pair.office.closed(call.uuid)
    assert (hunt.result, hunt.answered_by, hunt.end_seen) == ("answered", "1001", True)
    assert (hunt.ended_at - hunt.answered_at).total_seconds() >= LONGER_THAN_A_LEASE_SECONDS - 0.5
    until(lambda: not pair.office.claimed(), "the claims have ended")


def _answered(office: Office, uuid: str) -> bool:
    hunts = office.hunts(uuid)
    return bool(hunts and hunts[0].answered_at)


def test_killed_while_the_caller_speaks_to_voicemail_the_message_is_whole(pair: Pair) -> None:
    pair.office.group("5000", voicemail="1009")
    pair.switch.voicemail_seconds = TALK_SECONDS

    def kill_when_recorded() -> None:
        until(lambda: pair.office.unfinished() == 1, "the record of the call is open")
        pair.first.kill()

    with at(pair.switch, Step.VOICEMAIL, kill_when_recorded) as killed:
        call = pair.switch.call("5000")
        assert ended(call).kind == "voicemail"
        assert killed.is_set()
    (message,) = pair.switch.messages
    assert message.box == "1009"
    # The daemon was killed as the message began; the simulated voicemail counts by pauses, which fall a little short.
    assert message.seconds >= TALK_SECONDS * 0.9
    assert len(pair.office.closed(call.uuid)) == 1, "the caller is not hunted for again"


def test_killed_before_its_first_command(pair: Pair) -> None:
    pair.office.group("5000", "1001")
    phones(pair.switch, "1001", behaviour=answers(0.05, talks=0.05))
    pair.first.freeze()
    call = pair.switch.call("5000")
    until(lambda: call.listener is not None, "the kernel has accepted the connection")
    pair.first.kill()
    assert (ended(call).kind, call.ending.who) == ("answered", "1001")
    (hunt,) = pair.office.closed(call.uuid)
    assert hunt.node == "second"


def test_a_dead_daemons_claim_expires_and_the_member_is_rung_again(pair: Pair) -> None:
    pair.office.group("5000", "1001", on_busy="hangup:USER_BUSY")
    (phone,) = phones(pair.switch, "1001", behaviour=RINGS)
    with at(pair.switch, Step.RINGING, pair.first.kill):
        call = pair.switch.call("5000")
        until(lambda: len(phone.rings) == 2, "the standby rings for the same caller, whatever the dead one claimed")
        call.hang_up()
        ended(call)
    assert pair.office.closed(call.uuid)[-1].result == "abandoned"
    phone.behaviour = answers(0.02, talks=0.02)
    until(lambda: ended(pair.switch.call("5000")).kind == "answered", "another caller has the member")
    until(lambda: not pair.office.claimed(), "the claims have ended")


# One daemon alone, and what its next start makes of it.


class Single:
    """One daemon on SQLite, and its switch."""

    def __init__(self, office: Office, processes: list[FshuntProcess], folder: Path) -> None:
        self.office, self.daemon = office, FshuntProcess(office.url, "first")
        processes.append(self.daemon)
        self.switch: SimulatedSwitch = switch_to([self.daemon])
        self.daemon.settings |= watched(folder, self.switch)


@pytest.fixture
def single(office: Office, processes: list[FshuntProcess], tmp_path: Path) -> Single:
    made = Single(office, processes, tmp_path)
    made.daemon.start()
    return made


@pytest.mark.parametrize("step", BEFORE_THE_ANSWER)
def test_killed_before_the_answer_without_a_standby_the_caller_reaches_the_fallback(single: Single, step: Step) -> None:
    single.office.group("5000", "1001", "1002", policy="round-robin")
    phones(single.switch, "1001", "1002", behaviour=answers(0.3, talks=0.05))
    with at(single.switch, step, single.daemon.kill) as killed:
        call = single.switch.call("5000")
        ended(call)
        assert killed.is_set()
    expected = [("fallback-voicemail", "1999")]
    if step is Step.BRIDGE:  # FreeSWITCH may still run the command that it has read
        expected.append(("answered", "1001"))
    assert (call.ending.kind, call.ending.who) in expected
    single.daemon.start()
    hunts = single.office.closed(call.uuid) if single.office.hunts(call.uuid) else []
    assert [(hunt.result, hunt.end_seen) for hunt in hunts] in ([], [("failed", False)])
    assert all(offer.outcome == "switch-lost" for hunt in hunts for offer in hunt.offers)
    moved = single.office.moves(call.uuid)
    assert moved == (step is not Step.GREETING)
    after = single.switch.call("5000")
    assert (ended(after).kind, after.ending.who) == ("answered", "1002" if moved else "1001"), "at once"
    until(lambda: not single.office.claimed(), "the claims have ended")


@pytest.mark.parametrize("when", ["at the answer", "during the call"])
def test_after_a_restart_an_answered_call_is_closed_when_it_ends(single: Single, when: str) -> None:
    single.office.group("5000", "1001", "1002", policy="circular")
    one, other = phones(single.switch, "1001", "1002", behaviour=answers(0.05))
    if when == "at the answer":
        with at(single.switch, Step.ANSWER, single.daemon.kill) as killed:
            call = single.switch.call("5000")
            assert killed.wait(30)
    else:
        call = single.switch.call("5000")
        until(lambda: _answered(single.office, call.uuid), "the answer is in the records")
        single.daemon.kill()
    single.daemon.start()
    assert not call.ended.is_set()
    assert single.office.hunts(call.uuid)[0].ended_at is None, "it is detached, not closed"
    hung_up_at = datetime.now(UTC)
    call.hang_up()
    assert ended(call).kind == "answered"
    (hunt,) = single.office.closed(call.uuid)
    assert (hunt.result, hunt.answered_by, hunt.end_seen) == ("answered", "1001", True)
    assert hunt.ended_at >= hung_up_at > hunt.answered_at
    assert (len(one.rings), len(other.rings)) == (1, 0)
    assert single.office.moves(call.uuid) == 1
    until(lambda: not single.office.claimed(), "the claims have ended")


def test_after_a_restart_a_call_that_ended_meanwhile_is_closed(single: Single) -> None:
    single.office.group("5000", "1001")
    (phone,) = phones(single.switch, "1001", behaviour=answers(0.05, talks=0.05))
    phone.script(answers(0.05))
    call = single.switch.call("5000")
    until(lambda: _answered(single.office, call.uuid), "the answer is in the records")
    single.daemon.kill()
    call.hang_up()
    assert ended(call).kind == "answered"
    single.daemon.start()
    (hunt,) = single.office.closed(call.uuid)
    assert (hunt.result, hunt.answered_by, hunt.end_seen) == ("answered", "1001", False)
    after = single.switch.call("5000")
    assert ended(after).kind == "answered", "the member is free at once"


def test_killed_with_queued_callers_they_reach_the_standby_and_keep_their_turn(
    pair: Pair,
) -> None:
    phone, first = _everybody_talks(pair)
    waiting = [pair.switch.call("5000") for _ in range(3)]
    until(lambda: pair.office.waiting() == 3, "three callers wait")
    phone.behaviour = answers(0.02, talks=0.02)
    pair.first.kill()
    first.hang_up()
    for call in [first, *waiting]:
        assert (ended(call).kind, call.ending.who) == ("answered", "1001")
    until(lambda: pair.office.waiting() == 0, "the queue is empty")


@pytest.mark.parametrize("how", [FshuntProcess.kill, FshuntProcess.terminate], ids=["killed", "stopped"])
def test_one_daemon_after_the_other_is_restarted_and_a_queued_caller_is_served(
    pair: Pair, how: Callable[[FshuntProcess], None]
) -> None:
    phone, first = _everybody_talks(pair)
    waiting = pair.switch.call("5000")
    for hunts, daemon in enumerate((pair.first, pair.second) * 2, start=1):
        until(lambda hunts=hunts: pair.waits(waiting.uuid) == hunts, "the caller waits with the next daemon")
        how(daemon)
        daemon.wait()
        daemon.start()
    until(lambda: pair.waits(waiting.uuid) == 5, "the caller waits with the first again")
    phone.behaviour = answers(0.02, talks=0.02)
    first.hang_up()
    assert (ended(waiting).kind, waiting.ending.who) == ("answered", "1001")


def _everybody_talks(pair: Pair) -> tuple[Phone, Any]:
    """The only member's phone, and the caller connected to it: further callers queue."""
    pair.office.group("5000", "1001", when_busy=_wait(), hunt_timeout=60.0)
    (phone,) = phones(pair.switch, "1001", behaviour=answers(0.05))
    talks = happened(pair.switch, "talks with")
    first = pair.switch.call("5000")
    assert talks.wait(30)
    return phone, first


def _wait() -> Any:
    from fshunt.hunting.group import WhenBusy

    return WhenBusy.QUEUE
