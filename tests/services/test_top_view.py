"""What `fshunt top` counts, and how it looks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fshunt.db.engine import Store
from fshunt.db.queries import calls, live, queue
from fshunt.errors import DatabaseError
from fshunt.hunting.states import Result
from fshunt.services import groups, members
from fshunt.services.live import NOBODY_WATCHES
from fshunt.services.top_view import Counts, TopView
from tests.support.live_office import AWAY, DOMAIN, FREE, GROUP, NOON, Office, talking

pytestmark = pytest.mark.sql


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


def view_of(office: Office) -> TopView:
    now = lambda: NOON + timedelta(seconds=office.seconds)  # noqa: E731
    return TopView(office.store, [GROUP], lambda: office.seconds, now)


def test_members_are_counted_by_what_they_do_and_callers_who_wait(office: Office) -> None:
    office.beat()
    office.sees({"1001": talking("100"), "1002": AWAY, "1003": FREE})
    with office.store.writing() as s:
        members.block(s, DOMAIN, "1003", True, now=NOON)
        queue.join(
            s, "h", ["1001"], domain=DOMAIN, group_id=office.group_id, call_uuid="u", run_id="run", ticket=None,
            at=NOON,
        )  # fmt: skip
    found = view_of(office).look()
    (group,) = found.groups
    assert group.counts == found.total == Counts(waiting=1, talking=1, blocked=1, unregistered=1)
    assert (group.pilot, group.waits_since, group.closed) == ("5000", NOON, "")
    assert found.sentences == ()


def test_a_member_of_several_groups_counts_once_in_the_total(office: Office) -> None:
    with office.store.writing() as s:
        groups.add_group(s, DOMAIN, "5100")
        members.add_members(
            s, DOMAIN, "5100", [each.address for each in groups.get_group(s, DOMAIN, "5000").members],
            shared=True,
        )  # fmt: skip
    office.beat()
    found = TopView(office.store, [live.Watched(DOMAIN)], lambda: 0.0, lambda: NOON).look()
    assert [group.counts.other for group in found.groups] == [3, 3]
    assert found.total.other == 3


def test_who_looks_says_so_and_a_database_that_cannot_be_written_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.beat()
    found = view_of(office).look()
    assert found.awaited is True
    assert found.sentences == (), "the daemon has a moment to say what it sees"
    with office.store.reading() as s:
        assert live.watches(s) == {GROUP: 1}

    def cannot(*_: object) -> None:
        raise DatabaseError("The database is read-only.")

    monkeypatch.setattr("fshunt.services.live.watch", cannot)
    found = view_of(office).look()
    assert found.sentences[0] == "Daemons cannot be asked for what they see: The database is read-only."


def test_without_a_daemon_it_says_that_no_switch_is_seen(office: Office) -> None:
    assert view_of(office).look().sentences == (NOBODY_WATCHES,)


def test_a_group_that_is_closed_or_disabled_says_so(office: Office) -> None:
    with office.store.writing() as s:
        groups.enable_group(s, DOMAIN, "5000", False)
    assert [group.closed for group in view_of(office).look().groups] == ["disabled"]


def test_the_last_calls_are_told_newest_first(office: Office) -> None:
    place = {
        "domain": DOMAIN,
        "pilot": "5000",
        "group_name": "",
        "policy": "regular",
        "policy_input": None,
        "node": "n",
    }
    with office.store.writing() as s:
        for number in (1, 2):
            calls.open_call(
                s, f"h{number}", uuid=f"u{number}", caller_number="100", caller_name="Bob",
                started_at=NOON + timedelta(seconds=number), **place,
            )  # fmt: skip
        calls.note_answered(s, "h2", answered_by="1001", answered_at=NOON)
        calls.close_call(
            s, "h1", result=Result.ABANDONED, reason=None, destination=None, ended_at=NOON + timedelta(seconds=5)
        )
    found = view_of(office).look().calls
    assert [(each.caller, each.state, each.ended_at is None) for each in found] == [
        ("Bob <100>", "talks with 1001", True),
        ("Bob <100>", "caller hung up", False),
    ]
