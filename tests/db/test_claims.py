import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import event, select, text

from fshunt.db.engine import Store, open_store
from fshunt.db.models import Claim
from fshunt.db.queries import hunts
from fshunt.hunting.availability import MemberStatus
from fshunt.services import groups
from tests.support.small_office import DOMAIN, NOON, PILOT, addresses, after, make_office, waits_or_ends

ALL = ["1001", "1002", "1003", "1004"]
LEASE = 60.0


def claim(
    store: Store, hunt: str, extensions, now=NOON, run_id="node", domain=DOMAIN, call: str | None = None
) -> set[str]:
    with store.writing() as s:
        who = {"hunt_id": hunt, "call_uuid": call or f"call of {hunt}", "run_id": run_id}
        return hunts.claim(s, domain, extensions, **who, now=now, lease_seconds=LEASE)


def leases(store: Store, *hunt_ids: str) -> set[tuple[str, str, datetime]]:
    query = select(Claim.hunt_id, Claim.extension, Claim.expires_at)
    with store.reading() as s:
        return {tuple(row) for row in s.execute(query) if not hunt_ids or row.hunt_id in hunt_ids}


def release(store: Store, hunt: str, extensions=None, **how) -> int:
    """How many claims that were."""
    before = leases(store, hunt)
    with store.writing() as s:
        hunts.release(s, hunt, extensions, **how)
    return len(before - leases(store, hunt))


def renew(store: Store, now, *hunt_ids: str, run_id="node") -> int:
    before = leases(store, *hunt_ids)
    with store.writing() as s:
        hunts.renew(s, run_id, now, LEASE, hunt_ids)
    return len(before - leases(store, *hunt_ids))


def sweep(store: Store, now) -> int:
    before = leases(store)
    with store.writing() as s:
        hunts.sweep(s, now)
    return len(before - leases(store))


def test_of_two_hunts_one_has_the_member(store):
    assert claim(store, "a", ["1001", "1002"]) == {"1001", "1002"}
    assert claim(store, "b", ["1002", "1003"]) == {"1003"}


def test_a_hunt_that_claims_again_still_has_its_claim(store):
    claim(store, "a", ["1001"])
    assert claim(store, "a", ["1001"], now=after(1)) == {"1001"}


def test_no_member_wanted_is_no_claim(store):
    assert claim(store, "a", []) == set()


def test_a_member_named_twice_is_one_claim(store):
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


def test_a_claim_ends_with_its_lease_to_the_moment(store):
    claim(store, "a", ["1001"])
    assert claim(store, "b", ["1001"], now=after(LEASE - 0.000001)) == set()
    assert claim(store, "b", ["1001"], now=after(LEASE)) == {"1001"}


def test_renewing_lengthens_the_leases_of_living_hunts_only(store):
    """A daemon keeps its name when it restarts: the claims of its previous run must expire (invariant I2)."""
    claim(store, "a", ["1001"])
    claim(store, "dead", ["1002"])
    claim(store, "elsewhere", ["1003"], run_id="other node")
    assert renew(store, after(50), "a", "elsewhere") == 1
    assert claim(store, "b", ALL, now=after(70)) == {"1002", "1003", "1004"}


def test_many_hunts_can_be_renewed_at_once(store):
    for n in range(3):
        claim(store, f"h{n}", [f"10{n}"])
    assert renew(store, after(1), *(f"h{n}" for n in range(1201))) == 3


def test_sweeping_drops_what_is_over_and_nothing_else(store):
    claim(store, "a", ["1001"])
    claim(store, "b", ["1002"], now=after(1))
    assert sweep(store, after(LEASE)) == 1
    assert claim(store, "c", ["1002"], now=after(LEASE)) == set()
    assert sweep(store, after(LEASE + 1)) == 1


def test_the_same_extension_of_another_domain_is_another_member(store):
    claim(store, "a", ["1001"])
    assert claim(store, "b", ["1001"], domain="other.test") == {"1001"}


def test_a_later_hunt_of_the_same_caller_takes_over_what_the_earlier_holds_and_keeps_it(store):
    """Another daemon took the caller over (fact 7): the hunt before rings no more, and what it still says is late."""
    claim(store, "dead", ["1001", "1002"], call="the caller", run_id="other node")
    assert claim(store, "b", ["1001"], call="the caller", now=after(1)) == {"1001"}
    assert release(store, "dead", ["1001"]) == 0
    assert claim(store, "c", ["1001"], now=after(2)) == set()


def test_a_claim_is_acquired_in_one_statement(store):
    statements = []
    with store.writing() as s:
        s.connection()
        event.listen(s.connection(), "before_cursor_execute", lambda *given: statements.append(given[2]))
        hunts.claim(s, DOMAIN, ALL, hunt_id="a", call_uuid="u", run_id="n", now=NOON, lease_seconds=LEASE)
    assert len(statements) == 1


def test_hunts_of_two_daemons_that_rush_at_the_same_members_never_share_one(store, database_url):
    """Wanted in opposite orders, renewed, released and swept meanwhile: no deadlock, and nobody is held twice."""
    other = open_store(database_url)
    start = threading.Barrier(6)
    held: dict[str, str] = {}

    def rush(n: int) -> None:
        mine = (store, other)[n % 2]
        start.wait()
        for turn in range(8):
            hunt, wanted = f"{n}.{turn}", ALL if n % 3 else ALL[::-1]
            got = claim(mine, hunt, wanted)
            for extension in got:
                assert held.setdefault(extension, hunt) == hunt
            renew(mine, after(turn), hunt)
            sweep(mine, after(-1))
            for extension in got:
                del held[extension]
            assert release(mine, hunt) == len(got)

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(rush, n) for n in range(6)]:
            done.result(60)
    other.close()
    assert sweep(store, after(10_000)) == 0


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
def test_claims_are_locked_in_one_order_so_that_none_deadlocks(postgres_store, what):
    """While it waits for the first in order it must not hold the last, whatever order was said or stored."""
    with ThreadPoolExecutor(1) as pool:
        with postgres_store.writing() as s:
            s.execute(text("SELECT 1 FROM claims WHERE extension = '1001' FOR UPDATE"))
            pending = pool.submit(what, postgres_store)
            waits_or_ends(postgres_store, pending)
            assert not pending.done()
            s.execute(text("SELECT 1 FROM claims WHERE extension = '1004' FOR UPDATE NOWAIT"))
        pending.result(30)


def test_renewing_does_not_wait_for_a_batch_of_the_recorder_that_releases_in_another_order(postgres_store):
    with postgres_store.writing() as s:
        s.execute(text("SELECT 1 FROM claims WHERE extension = '1001' FOR UPDATE"))
        renew(postgres_store, NOON, "a")  # would time out
        s.execute(text("SELECT 1 FROM claims WHERE extension = '1004' FOR UPDATE NOWAIT"))


def test_sweeping_does_not_wait_for_a_claim_being_acquired(postgres_store):
    with postgres_store.writing() as s:
        s.execute(text("SELECT 1 FROM claims WHERE extension = '1001' FOR UPDATE"))
        assert sweep(postgres_store, after(LEASE)) == 1
    assert sweep(postgres_store, after(LEASE)) == 1


@pytest.fixture
def group(store):
    return make_office(store, *ALL)


def look_and_claim(store: Store, group, hunt: str, *wanted: str, now=NOON, call: str | None = None, **how):
    ids = {m.extension: m.id for m in group.members}
    who = {"domain": DOMAIN, "hunt_id": hunt, "call_uuid": call or f"call of {hunt}", "run_id": "n"}
    with store.writing() as s:
        flags = hunts.look_and_claim(
            s, group.id, list(ids.values()), [ids[each] for each in wanted], **who, now=now, lease_seconds=LEASE, **how
        )
    return {extension: flags[member_id] for extension, member_id in ids.items() if member_id in flags}


def test_looking_returns_all_members_and_claims_the_wanted(store, group):
    seen = look_and_claim(store, group, "a", "1001")
    nothing = MemberStatus(in_wrap_up=False)
    assert seen == dict.fromkeys(ALL, nothing) | {"1001": replace(nothing, acquired=True)}
    assert claim(store, "b", ALL) == {"1002", "1003", "1004"}


def test_looking_sees_what_was_changed_since_the_hunt_began(store, group):
    one, three = addresses("1001", "1003")
    with store.writing() as s:
        groups.enable_member(s, DOMAIN, PILOT, one, False)
        groups.block(s, DOMAIN, "1002", True)
        groups.remove_member(s, DOMAIN, PILOT, three)
        hunts.note_end(s, group.members[3].id, at=NOON)
    seen = look_and_claim(store, group, "a", *ALL)
    assert not seen["1001"].enabled
    assert seen["1002"].blocked
    assert "1003" not in seen
    assert seen["1004"].idle_since == NOON
    assert claim(store, "b", ALL) == {"1001", "1002", "1003"}


def test_looking_returns_claims_of_other_hunts_wanted_or_not(store, group):
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


def test_a_member_in_wrap_up_is_not_claimed(store, group):
    with store.writing() as s:
        hunts.note_end(s, group.members[0].id, at=NOON)
    look_and_claim(store, group, "a", "1001", now=after(4.9), wrap_up_seconds=5.0)
    assert claim(store, "b", ["1001"], now=after(4.9)) == {"1001"}
    release(store, "b")
    look_and_claim(store, group, "a", "1001", now=after(5), wrap_up_seconds=5.0)
    assert claim(store, "b", ["1001"], now=after(5)) == set()


def test_a_late_release_spares_a_newer_claim(store):
    claim(store, "h", ["1001"])
    ended = after(18)
    claim(store, "h", ["1001"], now=after(18.001))
    assert release(store, "h", ["1001"], taken_before=ended) == 0
    assert release(store, "h", ["1001"], taken_before=after(19)) == 1
