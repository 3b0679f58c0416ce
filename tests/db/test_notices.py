"""The deliveries that calls, blocks and queues make: each event once, whatever happens twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from fshunt.db.engine import Store
from fshunt.db.models import CalledBack, CallRecord, NoticeHappening
from fshunt.db.queries import calls, notice_deliveries, queue
from fshunt.db.queries import notices as rows
from fshunt.db.queries.notice_deliveries import FAILING_FOR, LEASE, Delivery
from fshunt.db.queries.pilots import Span
from fshunt.errors import DatabaseError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.states import Outcome, Result
from fshunt.services import groups, members, notices
from tests.support.statements import noted

pytestmark = pytest.mark.sql

DOMAIN = "pbx.test"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(store: Store) -> Store:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5000", auto_block=1)
        groups.add_group(s, DOMAIN, "6000")
        members.add_members(s, DOMAIN, "5000", [parse_member("1001"), parse_member("1002")])
    return store


def notify(store: Store, *events: str, mail: str = "a@b.test", pilot: str = "5000", **more: Any) -> int:
    wish = notices.wish_of(mail=mail, webhook=None, events=events, **more)
    with store.writing() as s:
        return notices.add_notice(s, DOMAIN, pilot, wish, now=NOON)[0].id


def called(
    store: Store,
    hunt: str,
    result: Result | None = Result.VOICEMAIL,
    reason: str | None = "nobody answered",
    *,
    pilot: str = "5000",
    at: datetime = NOON,
    number: str = "5551",
) -> None:
    """A call; result None: it is still open, ANSWERED: they talk."""
    with store.writing() as s:
        calls.open_call(
            s,
            hunt,
            uuid=f"call-{hunt}",
            domain=DOMAIN,
            pilot=pilot,
            group_name="",
            policy="regular",
            caller_number=number,
            caller_name=None,
            started_at=at,
            policy_input=None,
            node="a",
        )
        if result is Result.ANSWERED:
            calls.note_answered(s, hunt, answered_by="1001", answered_at=at)
        elif result is not None:
            calls.close_call(s, hunt, result=result, reason=reason, destination=None, ended_at=at)


def made(store: Store, now: datetime = NOON) -> list[Delivery]:
    """Make what is to be made by now, and return all that waits."""
    with store.reading() as s:
        ids, queues = rows.calls_to_tell(s), rows.queues_to_tell(s, now)
    with store.writing() as s:
        rows.make_for_calls(s, ids, now)
        if queues:
            rows.make_for_queues(s, now)
    with store.reading() as s:
        return notice_deliveries.waiting(s)


def told(store: Store) -> list[tuple[str, str | None, str | None, int | None]]:
    with store.reading() as s:
        found = s.scalars(select(NoticeHappening).order_by(NoticeHappening.id)).all()
    return [(each.event, each.call_id, each.member, each.queued) for each in found]


def in_db(store: Store, what: Callable[[Session], Any]) -> Any:
    with store.writing() as s:
        return what(s)


def test_a_missed_call_is_told_to_who_wants_to_know_it_and_once(office: Store) -> None:
    first, second = notify(office, "missed"), notify(office, "answered", mail="c@b.test")
    called(office, "h1")
    called(office, "h2", Result.ANSWERED)
    called(office, "h3", None)
    called(office, "h4", pilot="6000")
    for _ in range(2):
        assert [(each.id, each.target) for each in made(office)] == [
            (f"{first}-hunt-h1", "a@b.test"),
            (f"{second}-hunt-h2", "c@b.test"),
        ]
    assert told(office) == [("missed", "h1", None, None), ("answered", "h2", None, None)]


def test_calls_of_groups_without_notices_are_never_looked_at(office: Store) -> None:
    called(office, "h1")
    with office.reading() as s:
        assert s.get_one(CallRecord, "h1").notice_group_id is None
        assert not rows.are_there(s)
    notify(office, "missed")
    assert made(office) == [], "the call was over before the notice was there"
    called(office, "h2", pilot="6000")
    with office.reading() as s:
        assert rows.calls_to_tell(s) == []


def test_a_call_from_before_the_notice_is_not_told(office: Store) -> None:
    first = notify(office, "missed")
    called(office, "h1", at=NOON - MINUTE)
    in_db(office, lambda s: notices.remove_notice(s, DOMAIN, "5000", first))
    notify(office, "missed")
    assert made(office) == []
    with office.reading() as s:
        assert rows.calls_to_tell(s) == []


def test_an_open_call_is_told_when_a_takeover_closes_it(office: Store) -> None:
    notify(office, "missed")
    called(office, "h1", None)
    assert made(office) == []
    in_db(office, lambda s: calls.close_unfinished(s, "h1", NOON))
    assert len(made(office)) == 1


def test_who_asks_for_nobody_reachable_is_told_of_no_other_miss(office: Store) -> None:
    notify(office, "nobody-reachable")
    called(office, "h1")
    called(office, "h2", reason="nobody reachable")
    made(office)
    assert told(office) == [("nobody-reachable", "h2", None, None)]


def test_a_caller_who_misses_again_meanwhile_is_told_in_one_message(office: Store) -> None:
    notify(office, "missed", after_minutes=15)
    called(office, "h1")
    called(office, "h2", number="5552")
    assert [each.due_at for each in made(office)] == [NOON + 15 * MINUTE] * 2
    called(office, "h3", at=NOON + 5 * MINUTE)
    waiting = made(office, NOON + 5 * MINUTE)
    assert [each.id for each in waiting] == ["1-hunt-h1", "1-hunt-h2"]
    with office.writing() as s:
        assert notice_deliveries.count_happenings(s, "1-hunt-h1") == 2
        assert notice_deliveries.take(s, waiting[0], NOON + 15 * MINUTE)
    called(office, "h4", at=NOON + 15 * MINUTE)
    assert len(made(office, NOON + 15 * MINUTE)) == 3, "the first is on its way already"


def test_nobody_sends_a_message_while_one_more_call_is_put_into_it(office: Store) -> None:
    if office.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    notify(office, "missed", after_minutes=15)
    called(office, "h1")
    [waiting] = made(office)
    called(office, "h2")

    def take() -> int:
        with office.writing() as s:
            s.execute(text("SET LOCAL lock_timeout = '20ms'"))
            assert notice_deliveries.take(s, waiting, NOON + 15 * MINUTE)
            return notice_deliveries.count_happenings(s, waiting.id)

    with office.writing() as s:
        rows.make_for_calls(s, ["h2"], NOON)
        with pytest.raises(DatabaseError):
            take()
    assert take() == 2


@pytest.mark.parametrize("number", ["anonymous", "Unknown", ""])
def test_callers_without_a_number_are_not_one_caller(office: Store, number: str) -> None:
    notify(office, "missed", after_minutes=15)
    called(office, "h1", number=number)
    called(office, "h2", number=number)
    assert len(made(office)) == 2


def test_a_digest_is_one_message_a_day(office: Store) -> None:
    notify(office, "missed", digest="18:00")
    for at, hunt in ((NOON, "h1"), (NOON + 60 * MINUTE, "h2"), (NOON + 360 * MINUTE, "h3")):
        called(office, hunt, at=at)
        made(office, at)
    assert [each.id for each in made(office)] == ["1-digest-20260301T180000", "1-digest-20260302T180000"]
    with office.reading() as s:
        assert len(notice_deliveries.happenings(s, "1-digest-20260301T180000", 10)) == 2


def test_a_member_who_is_blocked_automatically_is_told_in_the_same_transaction(office: Store) -> None:
    notify(office, "member-blocked")
    called(office, "h1", None)
    with office.writing() as s:
        member = groups.get_group(s, DOMAIN, "5000").members[0]
        place = {"call_id": "h1", "stage": 1, "cycle": 1, "position": 1, "extension": "1001"}
        calls.add_offer(s, "o1", **place, phones=1, ring_seconds=5, started_at=NOON)
    for _ in range(2):
        with office.writing() as s:
            calls.end_offer(
                s, "o1", ended_at=NOON, outcome=Outcome.NO_ANSWER, member_id=member.id, rang_whole_time=True
            )
    assert told(office) == [("member-blocked", None, "1001", None)]


def test_a_queue_that_is_too_long_is_told_until_it_is_shorter(office: Store) -> None:
    notify(office, "queue-longer-than:1")

    def join(hunt: str) -> None:
        where = {"domain": DOMAIN, "group_id": 1, "call_uuid": hunt, "run_id": "r", "ticket": None, "at": NOON}
        in_db(office, lambda s: queue.join(s, hunt, ["1001", "1002"], **where))

    join("q1")
    assert made(office) == []
    join("q2")
    assert len(made(office)) == 1
    join("q3")
    assert len(made(office, NOON + MINUTE)) == 1, "it was told already"
    for hunt in ("q2", "q3"):
        in_db(office, lambda s, hunt=hunt: queue.leave(s, hunt))
    made(office, NOON + 2 * MINUTE)
    join("q4")
    assert len(made(office, NOON + 3 * MINUTE)) == 1, "not so soon after the last time"
    assert len(made(office, NOON + 6 * MINUTE)) == 2
    assert told(office) == [("queue-longer-than", None, None, 2)] * 2


def test_one_of_two_daemons_sends_a_delivery(office: Store) -> None:
    notify(office, "missed")
    called(office, "h1")
    [seen] = made(office)
    assert in_db(office, lambda s: notice_deliveries.take(s, seen, NOON))
    assert not in_db(office, lambda s: notice_deliveries.take(s, seen, NOON))
    with office.reading() as s:
        assert notice_deliveries.due(s, NOON + LEASE - MINUTE) == []
        [again] = notice_deliveries.due(s, NOON + LEASE)
    assert again.tries == 1
    assert in_db(office, lambda s: notice_deliveries.take(s, again, NOON + LEASE))
    in_db(office, lambda s: notice_deliveries.remove(s, seen.id, 1))
    assert len(made(office)) == 1, "the first sender came back too late: the second has it by now"
    in_db(office, lambda s: notice_deliveries.remove(s, seen.id, 2))
    assert made(office) == []


def test_a_dead_letter_waits_until_somebody_has_it_sent_or_discards_it(office: Store) -> None:
    notify(office, "missed")
    called(office, "h1")
    [seen] = made(office)
    in_db(office, lambda s: notice_deliveries.take(s, seen, NOON))
    late = NOON + timedelta(days=2)
    how = {"error": "no such user", "next_try_at": NOON, "dead": True}
    in_db(office, lambda s: notice_deliveries.note_failed(s, seen.id, 1, **how))
    with office.reading() as s:
        assert notice_deliveries.due(s, late) == []
        assert notice_deliveries.undelivered(s, late).dead == 1
    assert in_db(office, lambda s: notice_deliveries.retry(s, [seen.id], late)) == 1
    with office.reading() as s:
        assert [each.due_at for each in notice_deliveries.due(s, late)] == [late]
        assert notice_deliveries.undelivered(s, late).dead == 0
        assert notice_deliveries.undelivered(s, late + 2 * FAILING_FOR).failing == 0, "it was not tried since"
    assert in_db(office, lambda s: notice_deliveries.discard(s, [seen.id])) == 1
    assert told(office) == []


def served(store: Store, *hunts: str) -> bool:
    """Whether the caller of these missed calls was served; until a minute past noon the group had another number."""
    places = [(DOMAIN, Span("5000")), (DOMAIN, Span("4999", until=NOON + MINUTE))]
    with store.reading() as s:
        return notice_deliveries.was_served(s, hunts, places)


def test_a_caller_who_was_served_is_known_by_an_answer(office: Store) -> None:
    for hunt, at in (("h1", NOON), ("h2", NOON + MINUTE / 2)):
        called(office, hunt, at=at)
    assert not served(office, "h1", "h2")
    called(office, "h3", Result.ANSWERED, at=NOON + MINUTE / 4)
    assert served(office, "h1")
    assert not served(office, "h1", "h2"), "missed again after that"
    called(office, "h4", Result.ANSWERED, at=NOON + 2 * MINUTE, number="5552")
    assert not served(office, "h2"), "another caller"
    called(office, "h5", Result.ANSWERED, at=NOON + 2 * MINUTE, pilot="6000")
    assert not served(office, "h2"), "another group"
    called(office, "h6", Result.ANSWERED, at=NOON + 2 * MINUTE, pilot="4999")
    assert not served(office, "h2"), "another group, which has the earlier number now"
    called(office, "h7", Result.ANSWERED, at=NOON + MINUTE * 3 / 4, pilot="4999")
    assert served(office, "h2"), "the number that the group had before"
    assert not served(office, "h99"), "its record is gone"


def test_a_caller_whose_earlier_call_is_answered_after_the_missed_one_was_served(office: Store) -> None:
    called(office, "h1", None, at=NOON - MINUTE)
    called(office, "h2")
    assert not served(office, "h2")
    in_db(office, lambda s: calls.note_answered(s, "h1", answered_by="1001", answered_at=NOON + MINUTE))
    assert served(office, "h2")


def test_who_noted_a_call_back_before_the_last_miss_has_not_served_that_one(office: Store) -> None:
    called(office, "h1")
    in_db(office, lambda s: s.add(CalledBack(call_id="h1", at=NOON + MINUTE, said_by="ann")))
    assert served(office, "h1")
    called(office, "h2", at=NOON + 2 * MINUTE)
    assert not served(office, "h1", "h2")
    in_db(office, lambda s: s.add(CalledBack(call_id="h2", at=NOON + 3 * MINUTE, said_by="ann")))
    assert served(office, "h1", "h2")


def test_a_hunt_costs_no_statement_more_whether_its_group_has_notices_or_not(office: Store) -> None:
    def hunt(name: str) -> list[str]:
        with noted() as said:
            called(office, name)
        words = [each.text.split()[0] for each in said]
        return [word for word in words if word in ("SELECT", "INSERT", "UPDATE", "DELETE")]

    without = hunt("h1")
    notify(office, "missed")
    assert hunt("h2") == without == ["INSERT", "UPDATE"]
