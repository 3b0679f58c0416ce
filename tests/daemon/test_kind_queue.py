"""What a queue does for those who wait: a limit, position and wait told, a key that leads out (design, section 4)."""

from __future__ import annotations

import pytest

from fshunt.daemon.call import music, queue_keys
from fshunt.db.queries import queue
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.hunt import QUEUE_FULL
from fshunt.services import groups
from fshunt.simulator.core.phones import refuses
from fshunt.simulator.core.simulated_call import SimulatedCall
from tests.daemon.test_queueing import STAYS, are_queued, busy_with_a_caller, waits
from tests.support.rig import DOMAIN, Rig

FULL = f"everybody busy: {QUEUE_FULL}"
POSITION = "file_string://ivr/ivr-you_are_number.wav!digits/"


def sounds(call: SimulatedCall) -> list[str]:
    """The sounds that were requested for a caller, in order."""
    received = [] if call.listener is None else call.listener.received
    played = [each for each in received if "execute-app-name: playback" in each]
    return [line.partition(": ")[2] for each in played for line in each.splitlines() if "execute-app-arg" in line]


def hears(rig: Rig, call: SimulatedCall, sound: str) -> None:
    rig.until(lambda: sound in sounds(call), f"the caller hears {sound}")


def test_a_caller_who_finds_the_queue_full_goes_to_the_destination_of_busy(rig: Rig) -> None:
    waits(
        rig,
        "1001",
        queue_limit=1,
        on_busy=parse_destination("hangup:USER_BUSY"),
        on_no_answer=parse_destination("hangup:NO_ANSWER"),
        answer_first=True,
    )
    first = busy_with_a_caller(rig, then=STAYS)
    second = rig.started()
    are_queued(rig, 1)
    third = rig.started()
    record = rig.closed(third)
    assert (record.result, record.reason, record.destination) == ("rejected", FULL, "hangup:USER_BUSY")
    assert not third.channel.answered, "who cannot wait is not answered for it"
    assert record.waited_seconds is None, "nor counted among those who waited"
    are_queued(rig, 1)
    first.hang_up()
    assert second.talking.wait(10)
    fourth = rig.started()
    are_queued(rig, 1)
    for call in (second, fourth):
        call.hang_up()
    assert rig.closed(fourth).reason != FULL


def test_a_member_who_refused_does_not_change_what_a_full_queue_is(light_rig: Rig) -> None:
    waits(
        light_rig,
        "1001",
        "1002",
        queue_limit=1,
        on_busy=parse_destination("hangup:USER_BUSY"),
        on_no_answer=parse_destination("hangup:NO_ANSWER"),
    )
    light_rig.phones("1002", behaviour=refuses(603))
    first = busy_with_a_caller(light_rig)
    second = light_rig.started()
    are_queued(light_rig, 1)
    assert light_rig.closed(light_rig.started()).destination == "hangup:USER_BUSY"
    for call in (first, second):
        call.hang_up()


def test_many_who_come_at_once_do_not_pass_the_limit(rig: Rig) -> None:
    waits(rig, "1001", queue_limit=3, on_busy=parse_destination("hangup:USER_BUSY"))
    first = busy_with_a_caller(rig)
    many = [rig.started() for _ in range(8)]
    rig.until(lambda: sum(call.ended.is_set() for call in many) == 5, "five find no room")
    are_queued(rig, 3)
    with rig.store.reading() as s:
        assert queue.length(s, groups.get_group(s, DOMAIN, "5000").id) == 3
    for call in (first, *many):
        call.hang_up()


def test_without_the_database_the_limit_is_that_of_this_daemon(light_rig: Rig) -> None:
    waits(light_rig, "1001", queue_limit=1, on_busy=parse_destination("hangup:USER_BUSY"))
    first = busy_with_a_caller(light_rig)
    with light_rig.store.writing():  # nobody else writes: SQLite lets one do it
        second = light_rig.started()
        light_rig.until(lambda: len(light_rig.daemon.deps.queue) == 1, "the second waits")
        third = light_rig.started()
        light_rig.until(third.ended.is_set, "the third finds no room")
    assert light_rig.closed(third).reason == FULL
    for call in (first, second):
        call.hang_up()


def test_the_key_1_leads_from_the_queue_to_voicemail(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_keys, "KEYS_AFTER_SECONDS", 0.0)
    waits(
        rig,
        "1001",
        answer_first=True,
        voicemail_key=True,
        voicemail="1009",
        on_busy=parse_destination("hangup:USER_BUSY"),
    )
    first = busy_with_a_caller(rig)
    second = rig.started()
    are_queued(rig, 1)
    rig.until(lambda: second.channel.answered, "the second caller is answered")
    rig.until(lambda: any("event plain DTMF" in each for each in second.listener.received), "keys are listened for")
    for key in "5*#":
        second.press(key)
    are_queued(rig, 1)
    second.press("1")
    record = rig.closed(second)
    assert (record.result, record.destination) == ("voicemail", "voicemail:1009")
    assert record.reason == "left the queue by key"
    are_queued(rig, 0)
    first.hang_up()


@pytest.mark.parametrize("fields", [{"voicemail_key": False, "voicemail": "1009"}, {"answer_first": False}])
def test_without_the_key_or_the_answer_1_does_nothing(
    light_rig: Rig, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    monkeypatch.setattr(queue_keys, "KEYS_AFTER_SECONDS", 0.0)
    waits(light_rig, "1001", **{"answer_first": True, "voicemail_key": True, **fields})
    first = busy_with_a_caller(light_rig)
    second = light_rig.started()
    are_queued(light_rig, 1)
    second.press("1")
    first.hang_up()
    assert light_rig.closed(second).answered_by == "1001"


def test_a_key_of_the_first_moment_was_meant_for_a_menu_before(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_keys, "KEYS_AFTER_SECONDS", 1000.0)
    waits(light_rig, "1001", answer_first=True, voicemail_key=True, voicemail="1009")
    first = busy_with_a_caller(light_rig)
    second = light_rig.started()
    are_queued(light_rig, 1)
    light_rig.until(lambda: second.channel.answered, "the second caller is answered")
    second.press("1")
    first.hang_up()
    assert light_rig.closed(second).answered_by == "1001"


def test_queued_callers_are_told_their_position_again_and_again(rig: Rig) -> None:
    waits(rig, "1001", answer_first=True, announce_seconds=10)
    first = busy_with_a_caller(rig)
    second = rig.started()
    are_queued(rig, 1)
    hears(rig, second, f"{POSITION}1.wav")
    third = rig.started()
    are_queued(rig, 2)
    hears(rig, third, f"{POSITION}2.wav")
    rig.until(lambda: sounds(third)[-1].startswith("tone_stream"), "the ringing goes on")
    second.hang_up()
    are_queued(rig, 1)
    rig.pass_time_until(lambda: f"{POSITION}1.wav" in sounds(third), "the third has moved up")
    for call in (first, third):
        call.hang_up()


def test_a_member_who_becomes_free_ends_an_announcement(rig: Rig) -> None:
    rig.switch.playback_seconds = 1000.0
    waits(rig, "1001", answer_first=True, announce_seconds=10)
    first = busy_with_a_caller(rig)
    second = rig.started()
    hears(rig, second, f"{POSITION}1.wav")
    first.hang_up()
    assert rig.closed(second).answered_by == "1001"


@pytest.mark.parametrize("key", ["1", None])
def test_a_caller_leaves_in_the_middle_of_an_announcement(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.setattr(queue_keys, "KEYS_AFTER_SECONDS", 0.0)
    rig.switch.playback_seconds = 1000.0
    waits(rig, "1001", answer_first=True, announce_seconds=10, voicemail_key=True, voicemail="1009")
    first = busy_with_a_caller(rig)
    second = rig.started()
    are_queued(rig, 1)
    hears(rig, second, f"{POSITION}1.wav")
    rig.until(lambda: second.channel.answered, "the second caller is answered")
    if key is None:
        second.hang_up()
    else:
        second.press(key)
    record = rig.closed(second)
    assert record.result == ("voicemail" if key else "abandoned")
    are_queued(rig, 0)
    first.hang_up()


def test_what_cannot_be_played_is_not_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music, "SHORTEST_MUSIC_SECONDS", 1000.0)  # a busy machine tells late of an end
    rig.switch.playback_seconds = 0.0
    waits(rig, "1001", answer_first=True, announce_seconds=10)
    first = busy_with_a_caller(rig)
    second = rig.started()
    hears(rig, second, f"{POSITION}1.wav")
    rig.until(lambda: sounds(second)[-1].startswith("tone_stream"), "the ringing goes on")
    now = rig.daemon.deps.monotonic()
    rig.pass_time_until(lambda: rig.daemon.deps.monotonic() > now + 12, "the next one was due")
    assert sounds(second).count(f"{POSITION}1.wav") == 1
    first.hang_up()
    assert rig.closed(second).answered_by == "1001"
