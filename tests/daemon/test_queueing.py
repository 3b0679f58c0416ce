"""Callers wait for busy members, first come first served (``when_busy = queue``; design, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
import pytest
from sqlalchemy import select

from fshunt.daemon.call.queueing import LONGEST_PAUSE_SECONDS
from fshunt.db.models import SkipRecord
from fshunt.db.queries import calls, queue
from fshunt.hunting.group import WhenBusy
from fshunt.services import groups, members
from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.phones import Behaviour, Phone, answers, refuses
from fshunt.simulator.core.simulated_call import SimulatedCall
from tests.support.clock import CLOCK
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, cut, passed, rang
from tests.support.small_office import addresses
from tests.support.statements import noted

STAYS = answers(0.02)
TALKS = answers(0.02, talks=0.1)
MUSIC = "tone_stream://%(1000,0,300);loops=-1"


def waits(rig: Rig, *extensions: str, **fields: object) -> None:
    """A group 5000 whose callers wait."""
    rig.group("5000", *extensions, when_busy=WhenBusy.QUEUE, **fields)


def busy_with_a_caller(rig: Rig, extension: str = "1001", then: Behaviour = TALKS) -> SimulatedCall:
    """The phone is on a call of the group until the caller is told to hang up."""
    (phone,) = rig.phones(extension, behaviour=then)
    phone.script(STAYS)
    talks = rig.happens("talks with", extension)
    call = rig.started()
    assert talks.wait(WAIT_SECONDS)
    return call


def are_queued(rig: Rig, count: int) -> None:
    rig.until(lambda: len(rig.daemon.deps.queue) == len(queue_in_database(rig)) == count, f"{count} callers wait")


def queue_in_database(rig: Rig) -> list[str]:
    with rig.store.reading() as s:
        return [hunt.call_uuid for hunt in queue.waiting_hunts(s)]


def test_a_caller_waits_until_the_member_is_free(rig: Rig) -> None:
    waits(rig, "1001")
    first = busy_with_a_caller(rig)
    second = rig.started()
    are_queued(rig, 1)
    assert queue_in_database(rig) == [second.uuid]
    first.hang_up()
    record = rig.closed(second)
    assert (record.result, record.answered_by) == ("answered", "1001")
    assert passed(record) == [("1001", "claimed")], "recorded once, not at each try"
    assert record.waited_seconds is not None
    assert queue_in_database(rig) == []


def test_without_it_the_caller_leaves_at_once(rig: Rig) -> None:
    rig.group("5000", "1001", voicemail="1009")
    first = busy_with_a_caller(rig)
    record = rig.closed(rig.started())
    assert (record.result, record.destination, record.waited_seconds) == ("voicemail", "voicemail:1009", None)
    first.hang_up()


def test_first_come_first_served(rig: Rig) -> None:
    waits(rig, "1001")
    (phone,) = rig.phones("1001")
    phone.script(STAYS, *[TALKS] * 5)
    talks = rig.happens("talks with", "1001")
    first = rig.started()
    assert talks.wait(WAIT_SECONDS)
    callers = []
    for number in range(5):
        callers.append(rig.started(caller_number=f"415555020{number}"))
        are_queued(rig, number + 1)
    first.hang_up()
    for caller in callers:
        assert rig.closed(caller).result == "answered"
    assert [ring.caller_number for ring in phone.rings[1:]] == [f"415555020{n}" for n in range(5)]


def test_a_new_caller_does_not_overtake_the_queue(rig: Rig) -> None:
    waits(rig, "1001", "1002")
    first = busy_with_a_caller(rig, "1001", then=answers(0.2, talks=0.1))
    (other,) = rig.phones("1002")
    other.script(STAYS)
    talks = rig.happens("talks with", "1002")
    second = rig.started()
    assert talks.wait(WAIT_SECONDS)
    caller = rig.started(caller_number="4155550201")
    are_queued(rig, 1)
    rings = rig.happens("rings", "1001")
    first.hang_up()
    newcomer = rig.started(caller_number="4155550202")
    assert rings.wait(WAIT_SECONDS)
    assert rig.closed(caller).answered_by == "1001"
    assert rig.closed(newcomer).answered_by == "1001"
    (phone,) = rig.switch.registrations.phones_of("1001", DOMAIN)
    assert [ring.caller_number for ring in phone.rings[1:]] == ["4155550201", "4155550202"]
    second.hang_up()


def test_a_caller_who_leaves_is_out_of_the_queue_at_once(rig: Rig) -> None:
    waits(rig, "1001")
    first = busy_with_a_caller(rig)
    second, third = rig.started(), None
    are_queued(rig, 1)
    third = rig.started()
    are_queued(rig, 2)
    second.hang_up()
    record = rig.closed(second)
    assert (record.result, rang(record)) == ("abandoned", [])
    assert queue_in_database(rig) == [third.uuid]
    first.hang_up()
    assert rig.closed(third).result == "answered"


def test_the_time_of_the_hunt_ends_the_wait(rig: Rig) -> None:
    waits(rig, "1001", hunt_timeout=1.0, voicemail="1009")
    first = busy_with_a_caller(rig)
    second = rig.started()
    rig.pass_time_until(second.ended.is_set, "the hunt is over")
    record = rig.closed(second)
    assert (record.result, record.reason, record.destination) == ("voicemail", "everybody busy", "voicemail:1009")
    first.hang_up()


def test_a_member_who_declined_or_did_not_answer_is_not_waited_for(rig: Rig) -> None:
    waits(rig, "1001", "1002", "1003", voicemail="1009")
    first = busy_with_a_caller(rig, "1001", then=refuses(603))
    (away,) = rig.phones("1002", behaviour=refuses(603))
    rig.phones("1003", behaviour=refuses(480, rings=False))
    second = rig.started()
    are_queued(rig, 1)
    first.hang_up()
    record = rig.closed(second)
    assert rang(record) == [("1002", "declined"), ("1003", "unreachable"), ("1001", "declined")]
    assert record.result == "voicemail"
    assert len(away.rings) == 1


def test_a_member_who_unblocks_or_registers_is_offered_to_the_queue(rig: Rig) -> None:
    waits(rig, "1001", "1002")
    with rig.store.writing() as s:
        members.block(s, DOMAIN, "1002", True)
    first = busy_with_a_caller(rig)
    rig.phones("1002", behaviour=TALKS)
    second = rig.started()
    are_queued(rig, 1)
    with rig.store.writing() as s:
        members.block(s, DOMAIN, "1002", False)
    assert rig.closed(second).answered_by == "1002"
    first.hang_up()


def test_a_member_who_unblocks_in_this_group_is_offered_to_the_queue(rig: Rig) -> None:
    waits(rig, "1001", "1002")
    with rig.store.writing() as s:
        groups.add_group(s, DOMAIN, "5001")
        members.add_members(s, DOMAIN, "5001", addresses("1002"), shared=True)
        members.block(s, DOMAIN, "1002", True)
    first = busy_with_a_caller(rig)
    rig.phones("1002", behaviour=TALKS)
    second = rig.started()
    are_queued(rig, 1)
    with rig.store.writing() as s:
        state = members.block(s, DOMAIN, "1002", False, pilot="5000")
    assert state.blocked_in == ("5001",)
    assert rig.closed(second).answered_by == "1002"
    first.hang_up()


def test_a_simultaneous_group_rings_the_member_who_is_free_first(rig: Rig) -> None:
    waits(rig, "1001", "1002", policy="simultaneous")
    one, two = busy_with_a_caller(rig, "1001"), busy_with_a_caller(rig, "1002")
    third = rig.started()
    are_queued(rig, 1)
    two.hang_up()
    assert rig.closed(third).answered_by == "1002"
    one.hang_up()


def test_a_member_is_offered_to_the_queue_after_the_wrap_up(rig: Rig) -> None:
    waits(rig, "1001", wrap_up_seconds=1.0)
    first = busy_with_a_caller(rig)
    second = rig.started()
    are_queued(rig, 1)
    first.hang_up()
    record = rig.closed(second)
    assert record.answered_by == "1001"
    assert passed(record) == [("1001", "claimed"), ("1001", "wrap-up")]
    with rig.store.reading() as s:
        (member,) = groups.get_group(s, DOMAIN, "5000").members
    assert member.idle_since is not None
    ended = rig.closed(first).ended_at
    assert ended is not None
    assert record.answered_at is not None
    assert (record.answered_at - ended).total_seconds() >= 0.9


def test_a_queued_caller_hears_the_groups_music_until_the_next_phone_rings(rig: Rig) -> None:
    waits(rig, "1001", music=MUSIC)
    first = busy_with_a_caller(rig)
    second = rig.started()
    are_queued(rig, 1)
    rig.until(lambda: any(": playback" in c for c in second.listener.received), "the music plays")
    first.hang_up()
    assert rig.closed(second).answered_by == "1001"
    said = [c for c in second.listener.received[1:] if ": playback" in c or "uuid_break" in c or ": bridge" in c]
    said = said[1:] if "uuid_break" in said[0] else said  # the greeting drops what a dead daemon has asked for
    assert [("uuid_break" in c, ": bridge" in c) for c in said] == [(False, False), (True, False), (False, True)]


def test_a_phone_that_answers_busy_is_tried_again_after_a_while(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fshunt.daemon.call.queueing.BUSY_AGAIN_SECONDS", 0.3)
    waits(rig, "1001")
    (phone,) = rig.phones("1001")
    phone.script(refuses(486), refuses(486), TALKS)
    record = rig.call()
    assert rang(record) == [("1001", "busy"), ("1001", "busy"), ("1001", "answered")]


def waits_for_a_direct_call(rig: Rig) -> tuple[Phone, SimulatedCall, SimulatedCall]:
    """A phone that talks, who talks to it, and who waits for that to end."""
    waits(rig, "1001", voicemail="1009")
    (phone,) = rig.phones("1001")
    phone.script(STAYS, TALKS)
    talks = rig.happens("talks with", "1001")
    direct = rig.started("1001")
    assert talks.wait(WAIT_SECONDS)
    caller = rig.started()
    are_queued(rig, 1)
    return phone, direct, caller


def test_the_end_of_a_direct_call_is_seen_and_the_member_offered(watched_rig: Rig) -> None:
    rig = watched_rig
    _, direct, caller = waits_for_a_direct_call(rig)
    direct.hang_up()
    record = rig.closed(caller)
    assert record.answered_by == "1001"
    assert passed(record) == [("1001", "on-call")]


def talks_while_the_phone_is_gone(rig: Rig) -> tuple[Phone, SimulatedCall, SimulatedCall]:
    """A phone that is not registered any more while it talks, who talks to it, and who waits and has seen that."""
    phone, direct, caller = waits_for_a_direct_call(rig)
    rig.switch.registrations.unregister(phone)
    rig.until(lambda: "unregistered" in reasons(rig), "the hunt has seen that the phone is gone")
    return phone, direct, caller


def reasons(rig: Rig) -> list[str]:
    """Why members were passed over, by whatever call."""
    with rig.store.reading() as s:
        return list(s.scalars(select(SkipRecord.reason)))


def test_a_busy_phone_that_is_unregistered_for_a_moment_is_waited_for(watched_rig: Rig) -> None:
    phone, direct, caller = talks_while_the_phone_is_gone(watched_rig)
    are_queued(watched_rig, 1)
    watched_rig.switch.registrations.register(phone)
    watched_rig.until(lambda: watched_rig.daemon.deps.monitor.look(DOMAIN, "1001").registered, "it is back")
    direct.hang_up()
    assert watched_rig.closed(caller).answered_by == "1001"


def test_an_unregistered_phone_is_waited_for_until_its_call_is_over(watched_rig: Rig) -> None:
    _, direct, caller = talks_while_the_phone_is_gone(watched_rig)
    are_queued(watched_rig, 1)
    direct.hang_up()
    record = watched_rig.closed(caller)
    assert passed(record) == [("1001", "on-call"), ("1001", "unregistered")]
    assert (record.result, record.reason) == ("voicemail", "everybody busy")


def test_a_stop_returns_queued_callers_who_keep_their_ticket(rig: Rig) -> None:
    waits(rig, "1001")
    first = busy_with_a_caller(rig)
    second = rig.started()
    are_queued(rig, 1)
    rig.daemon.stop()
    assert second.join(WAIT_SECONDS)
    assert second.ending.kind == "fallback-voicemail"
    assert queue_in_database(rig) == [second.uuid], "for a moment: the next daemon finds it by the call"
    first.hang_up()


def test_many_wait_for_few_and_everybody_is_served_in_order(rig: Rig) -> None:
    waits(rig, "1001", "1002", "1003")
    phones = rig.phones("1001", "1002", "1003", behaviour=answers(0.01, talks=0.03))
    callers = [rig.started(caller_number=f"41555503{n:02}", caller=SimulatedCaller()) for n in range(30)]
    with gevent.Timeout(WAIT_SECONDS):
        assert {rig.closed(call).result for call in callers} == {"answered"}
    assert sum(len(phone.rings) for phone in phones) == 30, "nobody was rung for nothing"
    rig.until(lambda: len(rig.daemon.deps.claims) == 0, "no claim is left")


def test_calls_of_another_group_wake_no_queued_caller(rig: Rig) -> None:
    """A wake is a look into the database: what happens elsewhere must not cost one for each queued caller."""
    waits(rig, "1001")
    rig.group("5001", "1002")
    rig.phones("1002", behaviour=TALKS)
    talks = busy_with_a_caller(rig)
    queued = rig.started()
    are_queued(rig, 1)
    call_queue = rig.daemon.deps.queue
    (caller,) = call_queue._waiting.values()
    # That the daemon listens again may wake the caller at any moment, and has nothing to do with the other group.
    causes, woken, heard = ["its own call"], list[object](), list[object]()
    wake, caller.wake = caller.wake, lambda: woken.append(causes[-1])
    call_queue.member_may_be_free = caused(call_queue.member_may_be_free, causes, heard)  # type: ignore[method-assign]
    call_queue.something_changed = caused(call_queue.something_changed, causes, heard)  # type: ignore[method-assign]
    for _ in range(3):
        assert rig.closed(rig.started("5001")).result == "answered"
    for extension in ("1002", "1001"):
        with rig.store.writing() as s:
            members.block(s, DOMAIN, extension, False)
    rig.until(lambda: ((DOMAIN, "1001"),) in woken, "a change of the member wakes the caller")
    assert ((DOMAIN, "1002"),) in heard, "what happened elsewhere was heard"
    assert set(woken) <= {((DOMAIN, "1001"),), ()}
    caller.wake = wake
    for call in (talks, queued):
        call.hang_up()
        assert call.join(WAIT_SECONDS)


def caused(change: Callable[..., None], causes: list[object], heard: list[object]) -> Callable[..., None]:
    """Note what is heard, and that whatever happens meanwhile is caused by it."""

    def note(*what: object) -> None:
        heard.append(what)
        causes.append(what)
        change(*what)
        causes.pop()

    return note


CALLERS = 10
CALLS_A_SECOND, SECONDS = 4, 5
ELSEWHERE = "5900"


@dataclass
class Cost:
    """What was asked of the database and, for the queued callers, of the switch; and how long it took."""

    statements: float
    commands: float
    seconds: float

    def for_as_long_as(self, other: Cost) -> Cost:
        """What it may be in the other's time, if nobody is woken: as many more looks as the time has room for."""
        most = other.seconds // LONGEST_PAUSE_SECONDS + 1
        longer = most / (self.seconds // LONGEST_PAUSE_SECONDS)
        return Cost(self.statements * longer, self.commands * longer, other.seconds)


@pytest.mark.faults
def test_calls_of_another_group_cost_queued_callers_nothing(rig: Rig) -> None:
    _cost_of_queued_callers(rig)


@pytest.mark.faults
def test_they_cost_nothing_where_the_switch_is_watched_either(watched_rig: Rig) -> None:
    _cost_of_queued_callers(watched_rig)


def _cost_of_queued_callers(rig: Rig) -> None:
    """Ten callers who are each the first for a member, and four calls a second to other members."""
    others = [f"19{number:02}" for number in range(CALLS_A_SECOND * SECONDS)]
    rig.group(ELSEWHERE, *others, policy="round-robin")
    rig.phones(*others, behaviour=TALKS)
    calls_alone = cost(rig, [], calls=len(others))
    talks, queued = [], []
    for number in range(CALLERS):
        rig.group(f"50{number:02}", f"10{number:02}", when_busy=WhenBusy.QUEUE)
        rig.phones(f"10{number:02}", behaviour=STAYS)
        talking = rig.happens("talks with", f"10{number:02}")
        talks.append(rig.started(f"50{number:02}"))
        assert talking.wait(WAIT_SECONDS)
        queued.append(rig.started(f"50{number:02}"))
    are_queued(rig, CALLERS)
    queue_alone = cost(rig, queued, calls=0)
    both = cost(rig, queued, calls=len(others))
    by_themselves = queue_alone.for_as_long_as(both)
    assert both.statements <= calls_alone.statements + by_themselves.statements, (calls_alone, queue_alone, both)
    assert both.commands <= by_themselves.commands, (queue_alone, both)
    for call in (*queued, *talks):
        call.hang_up()
        assert call.join(WAIT_SECONDS)


def cost(rig: Rig, queued: list[SimulatedCall], calls: int) -> Cost:
    """Let some seconds pass, with so many calls elsewhere; what that costs until they are over."""
    began, before, elsewhere = CLOCK.now(), commands_of(queued), []

    def is_over() -> bool:
        passed_seconds = CLOCK.now() - began
        if len(elsewhere) < calls and passed_seconds * CALLS_A_SECOND >= len(elsewhere):
            elsewhere.append(rig.started(ELSEWHERE))
        return passed_seconds >= SECONDS and len(elsewhere) == calls

    with noted(rig.daemon.deps.database.store._engine) as statements:
        rig.pass_time_until(is_over, f"{SECONDS} s have passed")
        assert [rig.closed(call).result for call in elsewhere] == ["answered"] * calls
        assert rig.daemon.deps.outbox.flush(WAIT_SECONDS)
        return Cost(len(statements), commands_of(queued) - before, CLOCK.now() - began)


def commands_of(calls: list[SimulatedCall]) -> int:
    """How many commands the switch has had about these calls."""
    return sum(len(call.listener.received) for call in calls if call.listener is not None)


def test_a_group_that_answers_first_answers_a_caller_who_waits_and_nobody_else(rig: Rig) -> None:
    waits(rig, "1001", answer_first=True)
    rings = rig.happens("rings", "1001")
    (phone,) = rig.phones("1001", behaviour=TALKS)
    phone.script(answers(0.3))
    first = rig.started()
    assert rings.wait(WAIT_SECONDS)
    assert not first.channel.answered, "the member answers who need not wait"
    assert first.talking.wait(WAIT_SECONDS)
    second = rig.started()
    are_queued(rig, 1)
    rig.until(lambda: second.channel.answered, "the second caller is answered")
    assert (second.variables["socket_resume"], second.variables["fshunt_answered"]) == ("true", "false")
    assert second.variables["transfer_ringback"], "who is answered hears no ringing of the own phone"
    rig.until(lambda: second.variables.get("current_application") == "playback", "the second caller hears ringing")
    first.hang_up()
    record = rig.closed(second)
    assert (record.result, record.answered_by) == ("answered", "1001")
    assert record.waited_seconds is not None
    assert (record.answered_at - record.started_at).total_seconds() >= record.waited_seconds, (
        "it is the member's answer"
    )
    assert second.variables["socket_resume"] == "false", "the talk outlives the daemon"


def test_a_caller_who_was_answered_first_is_hunted_on_when_the_connection_breaks(light_rig: Rig) -> None:
    waits(light_rig, "1001", answer_first=True)
    first = busy_with_a_caller(light_rig)
    second = light_rig.started()
    are_queued(light_rig, 1)
    light_rig.until(lambda: second.channel.answered, "the second caller is answered")
    cut(second)
    light_rig.until(lambda: len(hunts_of(light_rig, second)) == 2, "the dialplan brings the caller back")
    are_queued(light_rig, 1)
    first.hang_up()
    assert light_rig.closed(second).answered_by == "1001"


def test_a_caller_who_was_answered_first_reaches_voicemail_and_ends_there(light_rig: Rig) -> None:
    waits(light_rig, "1001", answer_first=True, hunt_timeout=1, voicemail="1009")
    first = busy_with_a_caller(light_rig)
    second = light_rig.started()
    light_rig.until(second.ended.is_set, "the second caller has left a message")
    record = light_rig.closed(second)
    assert (record.result, record.destination, record.answered_at) == ("voicemail", "voicemail:1009", None)
    first.hang_up()


def test_a_caller_who_was_answered_first_and_hangs_up_has_left(light_rig: Rig) -> None:
    waits(light_rig, "1001", answer_first=True)
    first = busy_with_a_caller(light_rig)
    second = light_rig.started()
    light_rig.until(lambda: second.channel.answered, "the second caller is answered")
    second.hang_up()
    record = light_rig.closed(second)
    assert (record.result, record.reason) == ("abandoned", "the caller hung up")
    first.hang_up()


def hunts_of(rig: Rig, call: SimulatedCall) -> list[Any]:
    with rig.store.reading() as s:
        return [each for each in calls.list_calls(s) if each.uuid == call.uuid]
