"""What a notice tells, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fshunt.errors import BadValue, UsageError
from fshunt.notices.notice import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Channel,
    NoticeEvent,
    Wish,
    event_of_hunt,
    is_given_up,
    parse_events,
    parse_time,
    pause_seconds,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = frozenset(NoticeEvent)


def wish(*events: NoticeEvent, **more: int | None) -> Wish:
    return Wish(Channel.MAIL, "a@b.test", frozenset(events), **more)


@pytest.mark.parametrize(
    ("result", "reason", "event"),
    [
        ("answered", None, NoticeEvent.ANSWERED),
        ("voicemail", "nobody answered", NoticeEvent.MISSED),
        ("abandoned", None, NoticeEvent.MISSED),
        ("rejected", "everybody busy", NoticeEvent.MISSED),
        ("transferred", "closed by hand", NoticeEvent.MISSED),
        ("failed", "The daemon stopped during this hunt.", NoticeEvent.MISSED),
        ("voicemail", "nobody reachable", NoticeEvent.NOBODY_REACHABLE),
    ],
)
def test_a_hunt_that_no_member_answered_was_missed(result: str, reason: str | None, event: NoticeEvent) -> None:
    assert event_of_hunt(result, reason) is event


def test_a_hunt_that_reached_nobody_is_told_once_as_what_was_asked_for() -> None:
    both = wish(NoticeEvent.MISSED, NoticeEvent.NOBODY_REACHABLE)
    assert both.event_for(NoticeEvent.NOBODY_REACHABLE) is NoticeEvent.NOBODY_REACHABLE
    assert wish(NoticeEvent.MISSED).event_for(NoticeEvent.NOBODY_REACHABLE) is NoticeEvent.MISSED
    assert wish(NoticeEvent.NOBODY_REACHABLE).event_for(NoticeEvent.MISSED) is None
    assert wish(NoticeEvent.ANSWERED).event_for(NoticeEvent.NOBODY_REACHABLE) is None


def test_an_event_is_told_at_once_after_minutes_or_at_the_time_of_the_digest() -> None:
    assert wish(NoticeEvent.MISSED).due_at(NOON, None) == NOON
    assert wish(NoticeEvent.MISSED, after_minutes=15).due_at(NOON, None) == NOON + timedelta(minutes=15)
    digest = wish(NoticeEvent.MISSED, digest_at=18 * 60)
    assert digest.due_at(NOON, None) == NOON.replace(hour=18)
    assert digest.due_at(NOON, "Europe/Rome") == NOON.replace(hour=17)
    assert digest.due_at(NOON.replace(hour=17), "Europe/Rome") == NOON.replace(day=2, hour=17), "not at this moment"
    assert digest.due_at(NOON, "Nowhere/City") == NOON.replace(hour=18)


def test_a_digest_keeps_its_time_when_the_clock_is_changed() -> None:
    at_half_past_two = wish(NoticeEvent.MISSED, digest_at=150)
    before = datetime(2026, 3, 28, 20, tzinfo=UTC)  # in the night after it 02:30 is skipped in Rome
    assert at_half_past_two.due_at(before, "Europe/Rome") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    evening = wish(NoticeEvent.MISSED, digest_at=18 * 60)
    assert evening.due_at(before, "Europe/Rome") == datetime(2026, 3, 29, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (wish(), "A notice needs an event"),
        (wish(NoticeEvent.MISSED, after_minutes=5, digest_at=0), "not both"),
        (wish(NoticeEvent.MISSED, after_minutes=0), "from 1 to 1440 minutes, not 0"),
        (wish(NoticeEvent.ANSWERED, after_minutes=5), "Only missed and nobody-reachable can wait"),
        (wish(NoticeEvent.MISSED, digest_at=1440), "from 00:00 to 23:59"),
    ],
)
def test_what_contradicts_itself_is_refused(made: Wish, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        made.check()


def test_events_are_written_as_they_are_read() -> None:
    words = ["answered", "missed", "nobody-reachable", "queue-longer-than:5", "member-blocked"]
    events, longer_than = parse_events(words)
    assert (events, longer_than) == (ALL, 5)
    assert Wish(Channel.MAIL, "a@b.test", events, longer_than).event_words() == words


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("mised", r"'mised' is not an event \(did you mean `missed`\?\): use answered, "),
        ("missed:3", "only queue-longer-than has a number"),
        ("queue-longer-than", "name the callers, 0 to 1000"),
        ("queue-longer-than:-1", "name the callers"),
        ("queue-longer-than:1001", "name the callers"),
        ("queue-longer-than:٣", "name the callers"),
    ],
)
def test_an_event_that_is_none_is_one_sentence(word: str, sentence: str) -> None:
    with pytest.raises(BadValue, match=sentence):
        parse_events([word])


def test_a_notice_names_one_length_of_the_queue() -> None:
    assert parse_events(["queue-longer-than:3", "queue-longer-than:3"])[1] == 3
    with pytest.raises(BadValue, match="names one length of the queue, not 3 and 5"):
        parse_events(["queue-longer-than:3", "queue-longer-than:5"])


@pytest.mark.parametrize("word", ["24:00", "6", "18:60", "18.00", "", "1\uff18:00"])
def test_a_time_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(BadValue, match="is not a time of the day"):
        parse_time(word)
    assert parse_time("9:05") == 545


def test_pauses_grow_up_to_the_longest() -> None:
    pauses = [pause_seconds(tries) for tries in range(1, 40)]
    assert pauses[:3] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS, 4 * FIRST_PAUSE_SECONDS]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pause_seconds(10**9) == LONGEST_PAUSE_SECONDS


def test_a_delivery_is_given_up_after_a_day_and_some_tries() -> None:
    a_day = NOON + timedelta(hours=24)
    assert not is_given_up(100, NOON, a_day - timedelta(seconds=1))
    assert not is_given_up(2, NOON, a_day)
    assert is_given_up(3, NOON, a_day)
