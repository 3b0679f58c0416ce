import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from fshunt.db.engine import Store, open_store
from fshunt.db.models import Claim
from fshunt.db.queries import claims, hunts
from fshunt.hunting.availability import MemberStatus
from fshunt.services import groups, members
from tests.support.small_office import DOMAIN, NOON, PILOT, addresses, after, make_office, waits_or_ends
from tests.support.statements import noted

ALL = ["1001", "1002", "1003", "1004"]


def claim(
    store: Store, hunt: str, extensions, sequence=1, run_id="node", domain=DOMAIN, call: str | None = None
) -> set[str]:
    with store.writing() as s:
        who = {"hunt_id": hunt, "call_uuid": call or f"call of {hunt}", "run_id": run_id}
        return hunts.claim(s, domain, extensions, **who, sequence=sequence)


def claimed(store: Store, *hunt_ids: str) -> set[tuple[str, str, str]]:
    """Hunt, extension and run of each claim."""
    query = select(Claim.hunt_id, Claim.extension, Claim.run_id)
    with store.reading() as s:
        return {tuple(row) for row in s.execute(query) if not hunt_ids or row.hunt_id in hunt_ids}


def release(store: Store, hunt: str, extensions=None, **how) -> int:
    """How many claims that were."""
    before = claimed(store, hunt)
    with store.writing() as s:
        hunts.release(s, hunt, extensions, **how)
    return len(before - claimed(store, hunt))


def drop_run(store: Store, run_id: str) -> int:
    before = claimed(store)
    with store.writing() as s:
        claims.drop_run(s, run_id)
    return len(before - claimed(store))


def test_of_two_hunts_one_has_the_member(store):
    assert claim(store, "a", ["1001", "1002"]) == {"1001", "1002"}
    assert claim(store, "b", ["1002", "1003"]) == {"1003"}


def test_a_hunt_that_claims_again_still_has_its_claim(store):
    claim(store, "a", ["1001"])
    assert claim(store, "a", ["1001"], sequence=2) == {"1001"}


def test_nobody_wanted_is_no_claim(store):
    assert claim(store, "a", []) == set()


def test_a_member_said_twice_is_one_claim(store):
    assert claim(store, "a", ["1001", "1001"]) == {"1001"}


def test_a_released_member_is_free(store):
    claim(store, "a", ["1001", "1002"])
    assert release(store, "a", ["1001"]) == 1
    assert claim(store, "b", ["1001", "1002"]) == {"1001"}


def test_a_hunt_releases_only_its_own(store):
    claim(store, "a", ["1001"])
    assert release(store, "b") == 0
    assert release(store, "b", ["1001"]) == 0
    assert claim(store, "b", ["1001"]) == set()
    assert release(store, "a") == 1


def test_the_same_extension_of_another_domain_is_another_member(store):
    claim(store, "a", ["1001"])
    assert claim(store, "b", ["1001"], domain="other.test") == {"1001"}


def test_a_later_hunt_of_the_same_caller_takes_over_what_the_earlier_holds_and_keeps_it(store):
    """Another daemon took the caller over (fact 7): the hunt before rings no more, and what it still says is late."""
    claim(store, "dead", ["1001", "1002"], call="the caller", run_id="other node")
    assert claim(store, "b", ["1001"], call="the caller") == {"1001"}
    assert release(store, "dead", ["1001"]) == 0
    assert claim(store, "c", ["1001"]) == set()


def test_each_claim_is_taken_in_one_statement_in_one_order_of_members(store):
    with noted() as statements, store.writing() as s:
        hunts.claim(s, DOMAIN, ALL[::-1], hunt_id="a", call_uuid="u", run_id="n", sequence=1)
    taking = [each for each in statements if "INSERT INTO claims" in each.text]
    assert statements == taking
    values = [each.values.values() if isinstance(each.values, dict) else each.values for each in taking]
    assert [next(value for value in given if value in ALL) for given in values] == sorted(ALL)


def test_hunts_of_two_daemons_that_rush_at_the_same_members_never_share_one(store, database_url):
    """Wanted in opposite orders, and released meanwhile: no deadlock, and nobody is claimed twice."""
    other = open_store(database_url)
    start = threading.Barrier(6)
    has: dict[str, str] = {}

    def rush(n: int) -> None:
        mine = (store, other)[n % 2]
        start.wait()
        for turn in range(8):
            hunt, wanted = f"{n}.{turn}", ALL if n % 3 else ALL[::-1]
            got = claim(mine, hunt, wanted)
            for extension in got:
                assert has.setdefault(extension, hunt) == hunt
            drop_run(mine, "nobody")
            for extension in got:
                del has[extension]
            assert release(mine, hunt) == len(got)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(rush, n) for n in range(6)]:
            done.result(60)
    other.close()
    assert claimed(store) == set()


@pytest.fixture
def postgres_store(postgres_url):
    with closing(open_store(postgres_url)) as opened:
        claim(opened, "a", ["1004"])
        claim(opened, "a", ["1001"])
        yield opened


@pytest.mark.parametrize(
    "what",
    [
        lambda store: claim(store, "a", ["1004", "1001"]),
        lambda store: release(store, "a"),
        lambda store: release(store, "a", ["1004", "1001"]),
    ],
    ids=["claim", "release", "release-some"],
)
def test_claims_are_locked_in_one_order_so_that_nobody_waits_in_a_ring(postgres_store, what):
    """While it waits for the first in order it must not hold the last, whatever order was said or stored."""
    with ThreadPoolExecutor(1) as pool:
        with postgres_store.writing() as s:
            s.execute(text("SELECT 1 FROM claims WHERE extension = '1001' FOR UPDATE"))
            pending = pool.submit(what, postgres_store)
            waits_or_ends(postgres_store, pending)
            assert not pending.done()
            s.execute(text("SELECT 1 FROM claims WHERE extension = '1004' FOR UPDATE NOWAIT"))
        pending.result(30)


def test_claims_of_a_run_that_is_gone_are_ended_without_waiting_for_a_lock(postgres_store):
    with postgres_store.writing() as s:
        s.execute(text("SELECT 1 FROM claims WHERE extension = '1001' FOR UPDATE"))
        assert drop_run(postgres_store, "node") == 1
    assert drop_run(postgres_store, "node") == 1


def test_claims_of_other_runs_stay_when_one_is_gone(store):
    claim(store, "a", ["1001"])
    claim(store, "b", ["1002"], run_id="other")
    assert drop_run(store, "node") == 1
    assert claimed(store) == {("b", "1002", "other")}


def test_a_stale_claim_is_ended_unless_it_was_taken_again_since(store):
    claim(store, "a", ["1001", "1002"])
    stale = [claims.ClaimRow(DOMAIN, extension, "a", 1) for extension in ("1001", "1002")]
    claim(store, "a", ["1002"], sequence=2)
    with store.writing() as s:
        claims.drop_stale(s, "node", stale)
    assert claimed(store) == {("a", "1002", "node")}


@pytest.fixture
def group(store):
    return make_office(store, *ALL)


def look_and_claim(store: Store, group, hunt: str, *wanted: str, at=NOON, call: str | None = None, **how):
    ids = {m.extension: m.id for m in group.members}
    who = {"domain": DOMAIN, "hunt_id": hunt, "call_uuid": call or f"call of {hunt}", "run_id": "n"}
    with store.writing() as s:
        flags = hunts.look_and_claim(
            s, group.id, list(ids.values()), [ids[each] for each in wanted], **who, at=at, sequence=1, **how
        )
    return {extension: flags[member_id] for extension, member_id in ids.items() if member_id in flags}


def test_looking_tells_of_all_and_claims_those_wanted(store, group):
    seen = look_and_claim(store, group, "a", "1001")
    nothing = MemberStatus(in_wrap_up=False)
    assert seen == dict.fromkeys(ALL, nothing) | {"1001": replace(nothing, acquired=True)}
    assert claim(store, "b", ALL) == {"1002", "1003", "1004"}


def test_looking_sees_what_was_changed_since_the_hunt_began(store, group):
    one, three = addresses("1001", "1003")
    with store.writing() as s:
        members.enable_member(s, DOMAIN, PILOT, one, False)
        members.block(s, DOMAIN, "1002", True)
        members.remove_member(s, DOMAIN, PILOT, three)
        hunts.note_end(s, group.members[3].id, at=NOON)
    seen = look_and_claim(store, group, "a", *ALL)
    assert not seen["1001"].enabled
    assert seen["1002"].blocked
    assert "1003" not in seen
    assert seen["1004"].idle_since == NOON
    assert claim(store, "b", ALL) == {"1001", "1002", "1003"}


def test_looking_sees_a_block_of_this_group_alone_until_it_ends(store, group):
    later = NOON + timedelta(hours=1)
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5009")
        members.add_members(s, DOMAIN, "5009", addresses("1002"), shared=True)
        members.block(s, DOMAIN, "1001", True, pilot=PILOT, now=NOON, until=later)
        members.block(s, DOMAIN, "1002", True, pilot="5009", now=NOON)
        members.block(s, DOMAIN, "1003", True, now=NOON)
    seen = look_and_claim(store, group, "a", *ALL)
    assert [(seen[each].blocked, seen[each].blocked_in_group) for each in ALL] == [
        (True, True),
        (False, False),
        (True, False),
        (False, False),
    ]
    assert [seen[each].acquired for each in ALL] == [False, True, False, True]
    assert look_and_claim(store, group, "a", "1001", at=later)["1001"].acquired


def test_looking_tells_who_is_claimed_by_another_hunt_wanted_or_not(store, group):
    claim(store, "other", ["1001", "1002"])
    claim(store, "a", ["1003"])
    seen = look_and_claim(store, group, "a", "1001", "1003", "1004")
    assert [seen[each].claimed for each in ALL] == [True, True, False, False]


def test_claims_of_an_earlier_hunt_of_the_same_caller_are_no_hindrance(store, group):
    claim(store, "dead", ["1001", "1002"], call="the caller")
    claim(store, "other", ["1003"])
    seen = look_and_claim(store, group, "b", "1001", call="the caller")
    assert [seen[each].claimed for each in ALL] == [False, False, True, False]
    assert claim(store, "c", ["1001"]) == set()


def test_with_call_waiting_another_hunts_claim_is_no_hindrance(store, group):
    claim(store, "other", ["1001"])
    assert not look_and_claim(store, group, "a", "1001", call_waiting=True)["1001"].claimed
    assert claim(store, "other", ["1001"]) == {"1001"}


def test_a_member_who_rests_is_not_claimed(store, group):
    with store.writing() as s:
        hunts.note_end(s, group.members[0].id, at=NOON)
    look_and_claim(store, group, "a", "1001", at=after(4.9), wrap_up_seconds=5.0)
    assert claim(store, "b", ["1001"]) == {"1001"}
    release(store, "b")
    look_and_claim(store, group, "a", "1001", at=after(5), wrap_up_seconds=5.0)
    assert claim(store, "b", ["1001"]) == set()


def test_a_release_that_is_written_late_spares_the_claim_taken_since(store):
    claim(store, "h", ["1001"])
    claim(store, "h", ["1001"], sequence=3)
    assert release(store, "h", ["1001"], taken_before=2) == 0
    assert release(store, "h", ["1001"], taken_before=4) == 1
