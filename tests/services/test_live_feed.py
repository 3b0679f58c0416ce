"""What all who watch see: one look for all, numbers that grow with changes, and rights looked at again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from fshunt.db.engine import Store
from fshunt.db.models import CallRecord, Token, WebSession
from fshunt.db.queries import calls
from fshunt.errors import DatabaseError
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.states import Result
from fshunt.services import accounts, groups, members, sign_in
from fshunt.services.live import NOBODY_WATCHES
from fshunt.services.live_feed import AGAIN_SECONDS, CHECK_SECONDS, LiveFeed, Look
from fshunt.services.users import Role, Scope
from fshunt.services.watchers import MAX_GROUPS, Credential, CredentialKind, Wish
from fshunt.settings import Settings

pytestmark = pytest.mark.sql

DOMAIN = "pbx.test"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SALES, SUPPORT = (DOMAIN, "5000"), (DOMAIN, "6000")


class Office:
    """Two groups, of which the administrator looks after the first, and a feed whose clock the test moves."""

    def __init__(self, store: Store) -> None:
        self.store, self.seconds = store, 0.0
        with store.writing() as s:
            groups.add_group(s, *SALES, name="Sales")
            groups.add_group(s, *SUPPORT)
            members.add_members(s, *SALES, [parse_member("1001")])
            accounts.add_user(s, "omar", Role.ADMIN)
            accounts.grant(s, "omar", *SALES)
            token, _ = accounts.add_token(s, "omar", "wall", [Scope.READ], now=NOON)
        self.credential = Credential(CredentialKind.TOKEN, str(token.id))
        self.wish = Wish(self.credential)
        self.feed = LiveFeed(store, Settings(), lambda: self.seconds, self.now)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def look(self, *wishes: Wish, after: float = 0.0) -> Look:
        self.seconds += after
        return self.feed.look(wishes or (self.wish,))

    def places(self, *wishes: Wish) -> set[tuple[str, str]]:
        look = self.look(*wishes, after=CHECK_SECONDS)
        return {place for theirs in look.places.values() for place in theirs}

    def call(self, hunt_id: str, place: tuple[str, str] = SALES) -> None:
        with self.store.writing() as s:
            calls.open_call(
                s, hunt_id, uuid=f"uuid-{hunt_id}", domain=place[0], pilot=place[1], group_name="", policy="regular",
                caller_number="100", caller_name=None, started_at=self.now(), policy_input=None, node="n",
            )  # fmt: skip

    def end_call(self, hunt_id: str) -> None:
        with self.store.writing() as s:
            calls.close_call(s, hunt_id, result=Result.ABANDONED, reason=None, destination=None, ended_at=self.now())


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


def test_a_group_that_changes_gets_another_number_and_one_that_does_not_keeps_it(office: Office) -> None:
    first = office.look()
    same = office.look(after=AGAIN_SECONDS + 1)
    assert (first.changed, same.changed) == (True, False)
    assert same.groups[SALES].number == first.groups[SALES].number
    with office.store.writing() as s:
        members.block(s, DOMAIN, "1001", True)
    then = office.look()
    assert then.changed
    assert then.groups[SALES].number > first.groups[SALES].number
    assert then.groups[SALES].value["members"][0]["state"] == "blocked"
    assert then.groups[SALES].value["next"]["skips"][0]["reason"] == "blocked"


def test_the_names_are_those_of_the_documents(office: Office) -> None:
    value = office.look().groups[SALES].value
    assert value["schema"] == 1
    assert value["now"] == {
        "domain": DOMAIN, "pilot": "5000", "group_name": "Sales", "watched": False, "queued": 0, "queued_since": [],
    }  # fmt: skip
    assert value["members"][0]["extension"] == "1001"
    assert value["next"]["pilot"] == "5000"
    assert value["warnings"] == [NOBODY_WATCHES]


def test_one_sees_what_one_looks_after(office: Office) -> None:
    assert office.places() == {SALES}
    assert office.places(Wish(office.credential, DOMAIN, "6000")) == set()
    with office.store.writing() as s:
        accounts.grant(s, "omar", *SUPPORT)
    assert office.places() == {SALES, SUPPORT}
    assert office.places(Wish(office.credential, DOMAIN, "6000")) == {SUPPORT}
    assert office.places(Wish(office.credential, "other.test")) == set()


def test_of_many_groups_the_first_are_seen(office: Office) -> None:
    with office.store.writing() as s:
        accounts.add_user(s, "ines", Role.PROVIDER)
        token, _ = accounts.add_token(s, "ines", "wall", [Scope.READ])
        for number in range(MAX_GROUPS):
            groups.add_group(s, DOMAIN, str(7000 + number))
    seen = office.places(Wish(Credential(CredentialKind.TOKEN, str(token.id))))
    assert len(seen) == MAX_GROUPS
    assert min(seen) == SALES


def _revoke_token(office: Office) -> None:
    with office.store.writing() as s:
        accounts.revoke_token(s, int(office.credential.id))


def _expire_token(office: Office) -> None:
    with office.store.writing() as s:
        s.execute(update(Token).values(expires_at=office.now() + timedelta(seconds=1)))


def _disable_user(office: Office) -> None:
    with office.store.writing() as s:
        accounts.enable_user(s, "omar", False)


def _take_group(office: Office) -> None:
    with office.store.writing() as s:
        accounts.revoke(s, "omar", *SALES)


def _remove_group(office: Office) -> None:
    with office.store.writing() as s:
        groups.remove_group(s, *SALES)


def _take_scope(office: Office) -> None:
    with office.store.writing() as s:
        s.execute(update(Token).values(scopes="write"))


@pytest.mark.parametrize("end", [_revoke_token, _expire_token, _disable_user, _take_group, _remove_group, _take_scope])
def test_a_right_that_is_over_is_seen_within_two_seconds(office: Office, end: Callable[[Office], None]) -> None:
    assert office.wish in office.look().places
    end(office)
    look = office.look(after=CHECK_SECONDS)
    assert office.wish in look.asked
    assert office.wish not in look.places
    assert look.changed


def test_a_session_is_watched_as_a_token_is_and_none_is_kept_alive(office: Office) -> None:
    with office.store.writing() as s:
        secret = sign_in.start_session(s, accounts.get_user(s, "omar").id, address=None, agent=None, now=NOON)
        found = sign_in.find_session(s, secret, sign_in.limits_of(Settings()), now=NOON)
        waiting = sign_in.start_session(s, found.user.id, address=None, agent=None, awaits_code=True, now=NOON)
        other = sign_in.find_session(s, waiting, sign_in.limits_of(Settings()), now=NOON)
    wish, without_code = (Wish(Credential(CredentialKind.SESSION, each.session.id)) for each in (found, other))
    look = office.look(wish, without_code)
    assert set(look.places) == {wish}
    idle = Settings().session_idle_minutes * 60
    assert wish in office.look(wish, after=idle - 1).places
    assert wish not in office.look(wish, after=CHECK_SECONDS).places
    with office.store.reading() as s:
        assert {row.used_at for row in s.query(WebSession)} == {NOON}


def test_calls_are_told_when_they_begin_and_when_they_end_and_then_forgotten(office: Office) -> None:
    office.call("a")
    office.call("hidden", SUPPORT)
    begun = office.look(after=1)
    assert [(call.value["uuid"], call.open) for call in begun.calls] == [("uuid-a", True)]
    assert not office.look(after=0.5).changed
    assert [call.open for call in office.look(after=3600).calls] == [True]
    office.end_call("a")
    ended = office.look(after=1)
    assert ended.changed
    assert [(call.value["result"], call.open) for call in ended.calls] == [("abandoned", False)]
    assert ended.calls[0].number > begun.calls[0].number
    assert office.look(after=301).calls == ()


def test_a_call_that_somebody_has_worked_at_later_is_told_within_five_seconds(office: Office) -> None:
    office.call("H1")
    [begun] = office.look().calls
    office.end_call("H1")
    [ended] = office.look(after=1.0).calls
    assert ended.number > begun.number
    office.look(after=60.0)
    with office.store.writing() as s:
        s.execute(update(CallRecord).where(CallRecord.id == "H1").values(caller_name="Zoe"))
    later = [office.look(after=1.0).calls[0] for _ in range(6)]
    assert later[-1].value["caller_name"] == "Zoe"
    assert {call.number for call in later} <= {ended.number, ended.number + 1}, "what stays the same is no change"


def test_without_the_database_the_last_state_stands_with_the_reason(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = office.look()

    def away(*_: object) -> None:
        raise DatabaseError("The database does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(office.store, "reading", away)
        look = office.look(after=1)
        assert (str(look.trouble), look.changed) == ("The database does not answer.", True)
        assert (look.groups, look.state, look.places) == (before.groups, before.state, before.places)
        assert not office.look(after=1).changed
    back = office.look(after=1)
    assert back.trouble is None
    assert back.changed
