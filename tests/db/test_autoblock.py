"""Auto-block: unanswered calls in a row block a member, but never the last available one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from fshunt.db.queries import calls
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.states import Outcome
from fshunt.services import audit, groups, members
from tests.support.small_office import DOMAIN, NOON, PILOT, after, look, make_office

N = 3


@pytest.fixture
def group(store):
    return make_office(store, "1001", "1002", "1003", auto_block=N)


class Desk:
    """Rings members and records the outcome."""

    def __init__(self, store, group):
        self.store, self.members = store, {member.extension: member for member in group.members}
        self.calls = 0

    def call(self) -> str:
        self.calls += 1
        hunt = f"hunt {self.calls}"
        who = {"uuid": hunt, "domain": DOMAIN, "pilot": PILOT, "group_name": "", "policy": "regular"}
        with self.store.writing() as s:
            calls.open_call(
                s, hunt, **who, caller_number=None, caller_name=None, started_at=NOON, policy_input=None, node="node"
            )
        return hunt

    def offer(self, hunt, extension, outcome=Outcome.NO_ANSWER, rang_whole_time=True, cycle=1, times=1, missing=()):
        offer_id = f"{hunt} {extension} {cycle}"
        place = {"stage": 1, "cycle": cycle, "position": 1, "extension": extension, "phones": 1}
        with self.store.writing() as s:
            calls.add_offer(s, offer_id, call_id=hunt, **place, ring_seconds=18.0, started_at=NOON)
        end = {"ended_at": after(18), "outcome": outcome, "member_id": self.members[extension].id}
        for _ in range(times):
            with self.store.writing() as s:
                calls.end_offer(s, offer_id, **end, rang_whole_time=rang_whole_time, missing=missing)

    def ring_out(self, extension, calls=1):
        for _ in range(calls):
            self.offer(self.call(), extension)


@pytest.fixture
def desk(store, group):
    return Desk(store, group)


def state(store, extension):
    member = next(each for each in look(store).members if each.extension == extension)
    return member.unanswered_in_a_row, member.blocked, member.auto_blocked


def block(store, extension, blocked=True, pilot=None):
    with store.writing() as s:
        members.block(s, DOMAIN, extension, blocked, pilot=pilot)


def test_after_so_many_calls_in_a_row_a_member_is_blocked(store, desk):
    desk.ring_out("1001", N - 1)
    assert state(store, "1001") == (N - 1, False, False)
    desk.ring_out("1001")
    assert state(store, "1001") == (N, True, True)
    assert state(store, "1002") == (0, False, False)


def test_off_is_off_and_counts_nothing(store):
    desk = Desk(store, make_office(store, "1001", "1002"))
    desk.ring_out("1001", 10)
    assert state(store, "1001") == (0, False, False)


@pytest.mark.parametrize("outcome", [Outcome.ANSWERED, Outcome.DECLINED])
def test_an_answer_or_a_refusal_resets_the_count(store, desk, outcome):
    desk.ring_out("1001", N - 1)
    desk.offer(desk.call(), "1001", outcome, rang_whole_time=False)
    desk.ring_out("1001", N - 1)
    assert state(store, "1001") == (N - 1, False, False)


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.UNREACHABLE, Outcome.CALLER_GONE, Outcome.SWITCH_LOST])
def test_what_is_not_the_members_doing_neither_counts_nor_clears(store, desk, outcome):
    desk.ring_out("1001")
    desk.offer(desk.call(), "1001", outcome, rang_whole_time=True)
    desk.offer(desk.call(), "1001", Outcome.NO_ANSWER, rang_whole_time=False)
    assert state(store, "1001") == (1, False, False)


def test_a_call_counts_once_however_often_it_comes_round(store, desk):
    first, second = desk.call(), desk.call()
    for cycle in (1, 2, 3):
        desk.offer(first, "1001", cycle=cycle)
        desk.offer(second, "1001", cycle=cycle)
    assert state(store, "1001") == (2, False, False)


def test_an_end_that_is_written_twice_counts_once(store, desk):
    desk.offer(desk.call(), "1001", times=3)
    assert state(store, "1001") == (1, False, False)


def test_the_last_available_member_is_never_blocked(store, desk):
    block(store, "1002")
    with store.writing() as s:
        members.enable_member(s, DOMAIN, PILOT, desk.members["1003"].address, False)
    desk.ring_out("1001", 2 * N)
    assert state(store, "1001") == (2 * N, False, False)
    block(store, "1002", False)
    desk.ring_out("1001")
    assert state(store, "1001") == (2 * N + 1, True, True)


def test_who_is_blocked_in_this_group_alone_is_not_available_in_it(store, desk):
    block(store, "1002", pilot=PILOT)
    block(store, "1003", pilot=PILOT)
    desk.ring_out("1001", 2 * N)
    assert state(store, "1001") == (2 * N, False, False)
    block(store, "1003", False, pilot=PILOT)
    desk.ring_out("1001")
    assert state(store, "1001") == (2 * N + 1, True, True)


def test_who_is_blocked_in_another_group_is_available_in_this_one(store, desk):
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5001", auto_block=N)
        members.add_members(s, DOMAIN, "5001", [parse_member("1002")], shared=True)
    for pilot, extension in (("5001", "1002"), (PILOT, "1003")):
        block(store, extension, pilot=pilot)
    desk.ring_out("1001", N)
    assert state(store, "1001") == (N, True, True), "1002 can be rung in this group"


def test_a_group_in_which_the_member_is_blocked_anyway_does_not_need_them(store, desk):
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5001")
        members.add_members(s, DOMAIN, "5001", [parse_member("1001")], shared=True)
    desk.ring_out("1001", N)
    assert state(store, "1001") == (N, False, False), "the last of 5001"
    block(store, "1001", pilot="5001")
    desk.ring_out("1001")
    assert state(store, "1001") == (N + 1, True, True)


def test_a_block_that_has_ended_is_none_and_gives_way(store, desk):
    with store.writing() as s:
        for extension in ("1001", "1002"):
            members.block(s, DOMAIN, extension, True, until=after(-60), now=after(-120))
        members.enable_member(s, DOMAIN, PILOT, desk.members["1003"].address, False)
    desk.ring_out("1001", N)
    assert state(store, "1001") == (N, True, True), "1002 can be rung"


def test_a_members_own_block_that_holds_stays_their_own(store, desk):
    with store.writing() as s:
        members.block(s, DOMAIN, "1001", True, until=datetime.now(UTC) + timedelta(hours=1), now=after(0))
    desk.ring_out("1001", N)
    assert state(store, "1001") == (N, True, False)


def test_a_member_without_a_phone_is_not_available(store, desk):
    block(store, "1002")
    for _ in range(N):
        desk.offer(desk.call(), "1001", missing=["1003"])
    assert state(store, "1001") == (N, False, False)
    desk.offer(desk.call(), "1001", missing=["1002"])
    assert state(store, "1001") == (N + 1, True, True), "1003 is back"


def test_the_only_member_with_a_phone_in_another_group_is_not_blocked(store, group, desk):
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5001")
        members.add_members(s, DOMAIN, "5001", [group.members[0].address], shared=True)
        members.add_members(s, DOMAIN, "5001", [parse_member("1009")])
    for _ in range(N):
        desk.offer(desk.call(), "1001", missing=["1009"])
    assert state(store, "1001") == (N, False, False)


def test_the_last_member_of_another_group_is_not_blocked(store, group, desk):
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5001")
        members.add_members(s, DOMAIN, "5001", [group.members[0].address], shared=True)
    desk.ring_out("1001", N)
    assert state(store, "1001") == (N, False, False)


def test_of_members_who_reach_the_limit_at_once_one_stays(store, group, desk):
    hunts = []
    for extension in desk.members:
        desk.ring_out(extension, N - 1)
        hunts.append((desk.call(), extension))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda each: desk.offer(*each), hunts))
    assert sorted(state(store, extension)[1] for extension in desk.members) == [False, True, True]


def test_unblocking_resets_the_count(store, desk):
    desk.ring_out("1001", N)
    block(store, "1001", False)
    assert state(store, "1001") == (0, False, False)
    desk.ring_out("1001", N - 1)
    assert state(store, "1001") == (N - 1, False, False)


def test_an_own_wish_stays_an_own_wish_and_is_the_stronger(store, desk):
    block(store, "1001")
    desk.ring_out("1001", N)
    assert state(store, "1001") == (N, True, False)
    desk.ring_out("1002", N)
    assert state(store, "1002") == (N, True, True)
    block(store, "1002")
    assert state(store, "1002") == (N, True, False)


def test_an_offer_of_a_removed_member_does_not_count(store, desk):
    with store.writing() as s:
        members.remove_member(s, DOMAIN, PILOT, desk.members["1001"].address)
    desk.ring_out("1001", N)
    assert [member.blocked for member in look(store).members] == [False, False]


def test_the_audit_has_an_auto_block_once_and_nothing_of_the_counting(store, desk):
    def blocks():
        with store.reading() as s:
            return [each for each in audit.history(s) if each.subject is audit.Subject.BLOCK]

    desk.ring_out("1001", N - 1)
    assert blocks() == []
    desk.ring_out("1001", 2)
    [change] = blocks()
    assert (change.actor, change.entrance, change.key) == ("fshunt", audit.Entrance.DAEMON, "1001")
    assert (change.domain, change.action, change.before) == (DOMAIN, audit.ChangeKind.ADD, None)
    assert change.after == {"since": after(18).isoformat(timespec="milliseconds"), "reason": "auto", "until": None}
    block(store, "1001", False)
    assert [each.action for each in blocks()] == [audit.ChangeKind.REMOVE, audit.ChangeKind.ADD]
