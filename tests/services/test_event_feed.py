"""Events as they are read from the records: each once, in order, whoever looks and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fshunt.db.engine import Store
from fshunt.db.queries import calls, queue
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.states import Outcome, Result
from fshunt.services import groups, members
from fshunt.services.event_feed import EventFeed, StateFeed
from fshunt.services.events import Event
from fshunt.services.live import Watched
from tests.support.live_office import AWAY, DOMAIN, FREE, GROUP, NOON, Office

pytestmark = pytest.mark.sql

NOW = datetime.now(UTC)
ALL = Watched()


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Records:
    """Writes calls as a daemon does, and reads events as `fshunt events` does."""

    def __init__(self, store: Store, *watched: Watched) -> None:
        self.store, self.feed = store, EventFeed(watched or [ALL])

    def begin(self, limit: int = 20) -> list[Event]:
        with self.store.reading() as s:
            return self.feed.begin(s, limit, NOW)

    def look(self, seconds: float = 0.0) -> list[Event]:
        with self.store.reading() as s:
            return self.feed.look(s, after(seconds))

    def arrives(self, hunt: str, pilot: str = "5000", domain: str = DOMAIN, at: float = 0.0) -> None:
        with self.store.writing() as s:
            calls.open_call(
                s, hunt, uuid=f"uuid-{hunt}", domain=domain, pilot=pilot, group_name="", policy="regular",
                caller_number="100", caller_name="Bob", started_at=after(at), policy_input=None, node="n",
            )  # fmt: skip

    def rings(self, hunt: str, who: str = "1001", at: float = 0.1) -> None:
        place = {"call_id": hunt, "cycle": 1, "stage": 1, "position": 1, "extension": who}
        with self.store.writing() as s:
            calls.add_offer(s, f"{hunt}-{who}", **place, phones=1, ring_seconds=18, started_at=after(at))

    def offer_ends(self, hunt: str, outcome: Outcome, who: str = "1001", at: float = 0.2) -> None:
        with self.store.writing() as s:
            calls.end_offer(s, f"{hunt}-{who}", ended_at=after(at), outcome=outcome)

    def ends(self, hunt: str, result: Result, reason: str | None = None, at: float = 0.3) -> None:
        with self.store.writing() as s:
            calls.close_call(s, hunt, result=result, reason=reason, destination=None, ended_at=after(at))


@pytest.fixture
def records(store: Store) -> Records:
    return Records(store)


def names(events: list[Event]) -> list[str]:
    return [event.name.value for event in events]


def test_each_step_of_a_call_is_told_once_when_it_is_written(records: Records) -> None:
    assert records.begin() == []
    records.arrives("h")
    records.rings("h")
    assert names(records.look()) == ["call-arrived", "ringing"]
    assert records.look() == []
    records.offer_ends("h", Outcome.NO_ANSWER)
    with records.store.writing() as s:
        place = {"call_id": "h", "cycle": 1, "stage": 2, "position": 2, "extension": "1002"}
        calls.add_skip(s, "s", **place, reason=SkipReason.CLAIMED, at=after(0.25))
        calls.note_leaving(s, "h", result=Result.VOICEMAIL, reason="nobody answered", destination="voicemail:1005")
    found = records.look()
    assert [(each.name.value, each.member, each.outcome) for each in found] == [
        ("not-answered", "1001", "no-answer"),
        ("skipped", "1002", "claimed"),
        ("voicemail", None, None),
    ]
    assert found[-1].words == "caller goes to voicemail 1005 (nobody answered)"
    records.ends("h", Result.VOICEMAIL)
    (ended,) = records.look()
    assert (ended.name, ended.outcome, ended.call, ended.pilot) == ("ended", "voicemail", "uuid-h", "5000")
    assert records.look(1) == []


def test_who_looks_later_reads_the_same_events_in_the_same_order(records: Records) -> None:
    records.begin()
    records.arrives("h")
    records.rings("h")
    records.offer_ends("h", Outcome.ANSWERED)
    with records.store.writing() as s:
        calls.note_answered(s, "h", answered_by="1001", answered_at=after(0.2))
    records.ends("h", Result.ANSWERED)
    seen = records.look()
    assert names(seen) == ["call-arrived", "ringing", "answered", "ended"]
    later = Records(records.store)
    assert later.begin() == seen
    assert Records(records.store).begin(limit=2) == seen[-2:]
    assert later.look() == [], "what was told at the start is not told again"


def test_what_is_older_than_the_last_events_is_not_told_later(records: Records) -> None:
    for number in range(3):
        records.arrives(f"h{number}", at=number / 10)
    assert len(records.begin(limit=1)) == 1
    assert records.look() == []


def test_a_record_that_was_closed_by_a_guess_ends_again_as_it_really_did(records: Records) -> None:
    records.arrives("h")
    with records.store.writing() as s:
        calls.close_unfinished(s, "h", after(1))
    assert [each.outcome for each in records.begin()] == [None, "failed"]
    with records.store.writing() as s:
        calls.note_answered(s, "h", answered_by="1001", answered_at=after(0.5))
    assert records.look() == []
    records.ends("h", Result.ANSWERED, at=2)
    assert [each.outcome for each in records.look()] == ["answered"]


def test_only_what_is_watched_is_told(store: Store) -> None:
    everything, domain, group = Records(store), Records(store, Watched(DOMAIN)), Records(store, GROUP)
    for each in (everything, domain, group):
        each.begin()
    everything.arrives("h1")
    everything.arrives("h2", pilot="5999")
    everything.arrives("h3", domain="other.test")
    assert [len(each.look()) for each in (everything, domain, group)] == [3, 2, 1]


def test_changes_and_blocks_are_told_with_who_made_them(store: Store) -> None:
    office, records = Office(store), Records(store, GROUP)
    records.begin()
    with office.store.writing() as s:
        groups.set_group(s, DOMAIN, "5000", name="Sales")
        members.block(s, DOMAIN, "1001", True)
    changed, blocked = records.look()
    assert (changed.name, changed.pilot, changed.change and changed.change.after) == (
        "changed", "5000", {"name": "Sales"},
    )  # fmt: skip
    assert (blocked.name, blocked.member) == ("blocked", "1001")
    with office.store.writing() as s:
        members.block(s, DOMAIN, "1001", False)
    assert names(records.look()) == ["unblocked"]
    assert records.look() == []


def test_phones_that_come_and_go_are_told(store: Store) -> None:
    office, feed = Office(store), StateFeed()
    office.beat()
    office.sees({"1001": FREE, "1002": AWAY, "1003": FREE})
    assert feed.look(office.look()[0]) == []
    office.sees({"1001": AWAY, "1002": FREE, "1003": FREE})
    assert {(each.name.value, each.member) for each in feed.look(office.look()[0])} == {
        ("unregistered", "1001"),
        ("registered", "1002"),
    }
    office.publishes("run")  # no switch is watched: nothing is known, and nothing is told
    assert feed.look(office.look()[0]) == []
    office.sees({"1001": AWAY, "1002": AWAY, "1003": FREE})
    assert names(feed.look(office.look()[0])) == ["unregistered"]


def test_callers_who_begin_and_cease_to_wait_are_told(store: Store) -> None:
    office, feed = Office(store), StateFeed()
    office.beat()
    feed.look(office.look()[0])
    with store.writing() as s:
        queue.join(
            s, "h", ["1001"], domain=DOMAIN, group_id=office.group_id, call_uuid="u", run_id="run", ticket=None,
            at=NOON,
        )  # fmt: skip
    (queued,) = feed.look(office.look()[0])
    assert (queued.name, queued.at, queued.words) == (
        "queued",
        NOON,
        "a caller waits for a busy member, 1 in the queue",
    )
    office.seconds = 3.0
    office.beat()
    assert feed.look(office.look()[0]) == []
    with store.writing() as s:
        queue.leave(s, "h")
    (left,) = feed.look(office.look()[0])
    assert (left.name, left.words) == ("left-queue", "a caller left the queue after 3 s, 0 in the queue")
