from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import text

from fshunt.db.engine import open_store
from fshunt.db.queries import hunts, queue
from fshunt.hunting.availability import in_wrap_up
from fshunt.services import groups, members
from tests.db.test_claims import ALL, claim, look_and_claim, release
from tests.support.small_office import DOMAIN, NOON, PILOT, after, make_office
from tests.support.statements import noted


def join(store, hunt, *extensions, ticket=None, at=NOON, run_id="run", domain=DOMAIN, call=None, group_id=1):
    who = {"domain": domain, "group_id": group_id, "call_uuid": call or f"call of {hunt}", "run_id": run_id}
    with store.writing() as s:
        return queue.join(s, hunt, extensions, **who, ticket=ticket, at=at)


def leave(store, hunt):
    with store.writing() as s:
        queue.leave(s, hunt)


def drop_run(store, run_id):
    with store.writing() as s:
        queue.drop_run(s, run_id)


def queued(store):
    with store.reading() as s:
        return [(each.hunt_id, each.extensions) for each in queue.waiting_hunts(s)]


@pytest.fixture
def group(store):
    return make_office(store, *ALL)


def got(store, group, hunt, *wanted, **how):
    seen = look_and_claim(store, group, hunt, *wanted, **how)
    return {extension for extension, flags in seen.items() if flags.acquired}


def test_places_are_given_in_the_order_of_coming(store):
    tickets = [join(store, hunt, "1001") for hunt in ("c", "a", "b")]
    assert tickets == sorted(set(tickets))
    assert [hunt for hunt, _ in queued(store)] == ["c", "a", "b"]


def test_a_hunt_that_joins_twice_keeps_its_place_whether_it_knows_it_or_not(store):
    first = join(store, "a", "1001")
    join(store, "b", "1001")
    assert join(store, "a", "1001") == first
    assert join(store, "a", "1002", "1003", ticket=first) == first
    assert queued(store) == [("a", ("1002", "1003")), ("b", ("1001",))]


def test_a_hunt_that_was_swept_comes_back_to_its_old_place(store):
    ticket = join(store, "a", "1001")
    join(store, "b", "1001", run_id="other")
    drop_run(store, "run")
    assert queued(store) == [("b", ("1001",))]
    join(store, "a", "1001", ticket=ticket)
    assert [hunt for hunt, _ in queued(store)] == ["a", "b"]


def test_places_are_given_where_the_counter_is_missing(store):
    with store.writing() as s:
        s.execute(text("DELETE FROM cluster"))
    assert join(store, "a", "1001") < join(store, "b", "1001")


def test_who_waits_for_nobody_is_out_of_the_queue(store):
    ticket = join(store, "a", "1001")
    join(store, "a", ticket=ticket)
    assert queued(store) == []


def test_who_leaves_is_out_of_the_queue_at_once_and_may_leave_twice(store):
    join(store, "a", "1001")
    join(store, "b", "1001")
    leave(store, "a")
    leave(store, "a")
    assert queued(store) == [("b", ("1001",))]


def test_the_queue_is_shown_in_order_with_what_a_person_asks(store, group):
    join(store, "b", "1002", "1001", group_id=group.id, at=after(-5))
    join(store, "b", "1003", "1001", group_id=group.id, at=after(9))
    join(store, "gone", "1001", group_id=99, run_id="other")
    with store.reading() as s:
        first, second = queue.waiting_hunts(s)
    assert (first.hunt_id, first.domain, first.pilot, first.run_id) == ("b", DOMAIN, PILOT, "run")
    assert (first.since, first.extensions, first.call_uuid) == (after(-5), ("1001", "1003"), "call of b")
    assert first.ticket < second.ticket
    assert second.pilot is None


def test_a_freed_member_goes_to_nobody_who_came_after_one_who_waits(store, group):
    claim(store, "talk", ["1001"])
    first, second = join(store, "a", "1001"), join(store, "b", "1001")
    release(store, "talk")
    assert got(store, group, "new", "1001") == set()
    assert got(store, group, "b", "1001", ticket=second) == set()
    assert look_and_claim(store, group, "b", "1001", ticket=second)["1001"].claimed
    assert got(store, group, "a", "1001", ticket=first) == {"1001"}


def test_members_nobody_waits_for_are_free_for_all(store, group):
    join(store, "a", "1001")
    assert got(store, group, "new", "1001", "1002") == {"1002"}


def test_who_gets_a_member_is_out_of_the_queue(store, group):
    ticket = join(store, "a", "1001", "1002")
    later = join(store, "b", "1001", "1002")
    assert got(store, group, "a", "1002", ticket=ticket) == {"1002"}
    assert queued(store) == [("b", ("1001", "1002"))]
    assert got(store, group, "b", "1001", ticket=later) == {"1001"}


@pytest.mark.parametrize("queues", [True, False])
def test_a_hunt_of_a_group_without_a_queue_deletes_nothing_from_it(store, group, queues):
    with noted() as statements:
        assert got(store, group, "a", "1001", may_be_queued=queues) == {"1001"}
    deleting = [each for each in statements if "DELETE FROM queue_entries" in each.text]
    assert len(deleting) == (1 if queues else 0)
    assert len(statements) == (1 if not store.is_sqlite else 4 if queues else 2)


def test_who_gets_nobody_stays_in_the_queue(store, group):
    ticket = join(store, "a", "1001")
    claim(store, "talk", ["1001"])
    assert got(store, group, "a", "1001", ticket=ticket) == set()
    assert queued(store) == [("a", ("1001",))]


def test_an_earlier_hunt_of_the_same_caller_keeps_nobody_from_the_later(store, group):
    """Another daemon took the caller over: the first hunt waits no more."""
    join(store, "dead", "1001", call="the caller")
    assert got(store, group, "b", "1001", call="the caller") == {"1001"}


def test_the_queue_of_another_domain_is_another_queue(store, group):
    join(store, "a", "1001", domain="other.test")
    assert got(store, group, "new", "1001") == {"1001"}


def test_with_call_waiting_the_queue_is_no_hindrance(store, group):
    join(store, "a", "1001")
    flags = look_and_claim(store, group, "new", "1001", call_waiting=True)["1001"]
    assert (flags.claimed, flags.may_ring) == (False, True)


def test_a_member_of_two_groups_is_kept_for_who_waits_in_the_other(store, group):
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5001")
        other = members.add_members(s, DOMAIN, "5001", [group.members[0].address], shared=True)
    join(store, "a", "1001", group_id=other.id)
    assert got(store, group, "new", "1001") == set()


def test_who_waits_gets_nobody_who_is_disabled_blocked_or_rests(store, group):
    with store.writing() as s:
        members.enable_member(s, DOMAIN, PILOT, group.members[0].address, False)
        members.block(s, DOMAIN, "1002", True)
        hunts.note_end(s, group.members[2].id, at=NOON)
    ticket = join(store, "a", *ALL)
    assert got(store, group, "a", *ALL[:3], ticket=ticket, at=after(4), wrap_up_seconds=5.0) == set()
    assert got(store, group, "a", *ALL[:3], ticket=ticket, at=after(5), wrap_up_seconds=5.0) == {"1003"}


def test_a_stamp_in_the_future_lets_nobody_rest_for_the_hours_between(store, group):
    with store.writing() as s:
        hunts.note_end(s, group.members[0].id, at=after(3600))
    seen = look_and_claim(store, group, "a", "1001", at=NOON, wrap_up_seconds=5.0)["1001"]
    assert (seen.in_wrap_up, seen.acquired) == (False, True)


@pytest.mark.parametrize("wrap_up_seconds", [0.0, 5.0])
def test_the_database_says_who_rests_as_the_core_does_whatever_the_clocks_of_others(store, wrap_up_seconds):
    """Also a call that ended 50 ms from now, on a machine whose clock is ahead: else nobody rests for a moment."""
    apart = [-3600, -5.1, -5, -4.999, -0.05, 0, 0.05, 4.999, 5, 5.1, 3600]
    group = make_office(store, *(f"2{number:03}" for number in range(len(apart))))
    stamps = {member.extension: after(seconds) for member, seconds in zip(group.members, apart, strict=True)}
    with store.writing() as s:
        for member in group.members:
            hunts.note_end(s, member.id, at=stamps[member.extension])
    seen = look_and_claim(store, group, "a", *stamps, at=NOON, wrap_up_seconds=wrap_up_seconds)
    expected = {extension for extension, stamp in stamps.items() if in_wrap_up(stamp, wrap_up_seconds, NOON)}
    assert {extension for extension, flags in seen.items() if flags.in_wrap_up} == expected
    assert {extension for extension, flags in seen.items() if not flags.acquired} == expected
    assert len(expected) == (5 if wrap_up_seconds else 0)


def test_callers_who_join_at_once_from_two_daemons_have_places_of_their_own(store, database_url):
    with closing(open_store(database_url)) as other, ThreadPoolExecutor(8) as pool:
        tickets = list(pool.map(lambda n: join((store, other)[n % 2], f"h{n}", "1001", "1002"), range(40)))
    assert sorted(tickets) == list(range(min(tickets), min(tickets) + 40))


def test_a_caller_whose_daemon_is_gone_has_the_place_again_and_stands_in_the_queue_once(store):
    for hunt in ("dead", "other"):
        join(store, hunt, "1001")
    assert join(store, "again", "1001", call="call of dead", run_id="second") == 1
    with store.reading() as s:
        assert [(each.hunt_id, each.ticket) for each in queue.waiting_hunts(s)] == [("again", 1), ("other", 2)]
