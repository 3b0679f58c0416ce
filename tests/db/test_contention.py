"""Many threads of two daemons at the same members: nobody is claimed twice or passed by, nobody waits in a ring."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import text, update

from fshunt.db.engine import Store, open_store
from fshunt.db.models import HuntMember
from fshunt.db.queries import calls, claims, daemons, hunts, queue
from fshunt.hunting.policy_input import policy_input_of
from fshunt.hunting.rotation import next_index
from fshunt.hunting.states import Outcome
from fshunt.services import groups, members
from tests.db.test_claims import claimed
from tests.support.small_office import DOMAIN, NOON, PILOT, addresses, after, look, make_office, waits_or_ends

THREADS = 6
CALLS_A_THREAD = 15
MORE_ON_A_SERVER = 5
"""Times as many where threads need not poll for a lock."""
LONGEST_SECONDS = 100.0
MEMBERS = ["1001", "1002", "1003", "1004"]


@pytest.fixture
def stores(database_url: str) -> Iterator[list[Store]]:
    """Two daemons' stores on one database."""
    with closing(open_store(database_url)) as one, closing(open_store(database_url)) as two:
        yield [one, two]


def at_once(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Have all threads do their work, and raise the first error of any."""
    start = threading.Barrier(threads)

    def begin(number: int) -> None:
        start.wait()
        work(number)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(begin, number) for number in range(threads)]:
            done.result(LONGEST_SECONDS)


class Counter:
    """Callers of one group: each tries, joins the queue, tries until a claim succeeds, and releases it."""

    def __init__(self, stores: list[Store], *members: str) -> None:
        self.stores = stores
        self.turns = CALLS_A_THREAD * (1 if stores[0].is_sqlite else MORE_ON_A_SERVER)
        self.group = make_office(stores[0], *members)
        self.ids = [member.id for member in self.group.members]
        self.claimed: dict[str, str] = {}
        self.in_queue: dict[str, int] = {}
        self.served: list[str] = []
        self.passed_by: list[tuple[str, str]] = []

    def try_once(self, store: Store, hunt: str, ticket: int | None) -> set[str]:
        """Claim any free member; note which callers were queued before the claim and still are after it."""
        before = dict(self.in_queue)
        who = {"domain": DOMAIN, "hunt_id": hunt, "call_uuid": hunt, "run_id": "run"}
        with store.writing() as s:
            flags = hunts.look_and_claim(
                s, self.group.id, self.ids, self.ids, **who, at=NOON, sequence=1, ticket=ticket
            )
        got = {member.extension for member in self.group.members if flags[member.id].acquired}
        if got:
            for extension in got:
                assert self.claimed.setdefault(extension, hunt) == hunt, (
                    f"{extension} is claimed by {self.claimed[extension]}"
                )
            earlier = {other for other, its in before.items() if other != hunt and (ticket is None or its < ticket)}
            self.passed_by += [(other, hunt) for other in earlier if other in self.in_queue]
            self.in_queue.pop(hunt, None)
            self.served.append(hunt)
        return got

    def join(self, store: Store, hunt: str, ticket: int | None) -> int:
        who = {"domain": DOMAIN, "group_id": self.group.id, "call_uuid": hunt, "run_id": "run", "ticket": ticket}
        with store.writing() as s:
            given = queue.join(s, hunt, MEMBERS, **who, at=NOON)
        self.in_queue[hunt] = given
        return given

    def hold_and_release(self, store: Store, hunt: str, got: set[str]) -> None:
        with store.writing() as s:
            claims.drop_stale(s, "run", [claims.ClaimRow(DOMAIN, "nobody", hunt, 1)])
        assert {extension for _, extension, _ in claimed(store, hunt)} == got
        for extension in got:
            assert self.claimed.pop(extension) == hunt
        with store.writing() as s:
            hunts.release(s, hunt)

    def serve(self, number: int) -> None:
        """The callers of one thread, one after the other. Every third goes on at once if everybody is busy."""
        store = self.stores[number % len(self.stores)]
        for turn in range(self.turns):
            hunt, ticket = f"{number}.{turn}", None
            got = self.try_once(store, hunt, None)
            while not got and (number + turn) % 3:
                ticket = ticket or self.join(store, hunt, None)
                got = self.try_once(store, hunt, ticket)
            self.hold_and_release(store, hunt, got)


@pytest.mark.faults
def test_one_member_goes_to_callers_in_the_order_of_the_queue(stores):
    counter = Counter(stores, "1001")
    at_once(counter.serve)
    assert counter.passed_by == []
    patient = sum(bool((number + turn) % 3) for number in range(THREADS) for turn in range(counter.turns))
    assert len(counter.served) >= patient
    nothing_is_left(stores[0])


@pytest.mark.faults
def test_members_acquired_and_released_all_the_time_are_never_claimed_twice(stores):
    counter = Counter(stores, *MEMBERS)
    at_once(counter.serve)
    nothing_is_left(stores[0])


def nothing_is_left(store: Store) -> None:
    assert claimed(store) == set()
    with store.reading() as s:
        assert queue.waiting_hunts(s) == []


@pytest.mark.faults
def test_recorders_that_write_in_opposite_orders_never_wait_for_each_other(stores):
    """PostgreSQL would end one of two that wait in a ring, after a second in which calls wait, too."""
    first = make_office(stores[0], *MEMBERS, policy="circular", auto_block=2)
    with stores[0].writing() as s:
        groups.add_group(s, DOMAIN, "5001", policy="circular", auto_block=2)
        second = members.add_members(s, DOMAIN, "5001", addresses("2001", "2002", "2003"))
    everybody = [(group, member) for group in (first, second) for member in group.members]
    numbers = itertools.count()

    def record(number: int) -> None:
        dice = random.Random(number)
        for batch in range(20):
            with stores[number % 2].writing() as s:
                for group, member in dice.sample(everybody, len(everybody)):
                    record_call(s, f"{next(numbers)}", group, member, NOON if dice.random() < 0.5 else after(batch))
            with stores[number % 2].writing() as s:
                daemons.write_heartbeat(s, f"{number}", node=f"{number}", started_at=NOON, at=NOON, status={})
                claims.drop_run(s, "gone")

    at_once(record, 4)
    assert all(member.idle_since >= NOON for member in look(stores[0], PILOT).members)
    blocked = [member.blocked for pilot in (PILOT, "5001") for member in look(stores[0], pilot).members]
    assert True in blocked


@pytest.mark.parametrize("change", ["put back", "moved"])
def test_a_change_of_several_members_locks_them_in_the_order_of_the_outbox(stores, change):
    """A daemon writes of the first and then of the second, while an administrator is at both."""
    group = make_office(stores[0], "1001", "1002")
    with stores[0].writing() as s:
        groups.add_group(s, DOMAIN, "5001")
        other = members.add_members(s, DOMAIN, "5001", addresses("1001"), shared=True)
        members.block(s, DOMAIN, "1001", True)
    mine = [group.members[0], other.members[0]] if change == "put back" else list(group.members)
    first, second = sorted(member.id for member in mine)
    with stores[0].writing() as s:  # the first lies behind the second from here on, where rows are read as they lie
        s.execute(update(HuntMember).where(HuntMember.id == first).values(weight=2))

    def administrate() -> None:
        with stores[1].writing() as s:
            for plan in () if stores[1].is_sqlite else ("indexscan", "bitmapscan", "nestloop"):
                s.execute(text(f"SET LOCAL enable_{plan} = off"))
            if change == "put back":
                members.block(s, DOMAIN, "1001", False)
            else:
                members.move_member(s, DOMAIN, PILOT, group.members[0].address, 2)

    with ThreadPoolExecutor(1) as pool:
        with stores[0].writing() as s:
            s.execute(update(HuntMember).where(HuntMember.id == first).values(idle_since=NOON))
            administrating = pool.submit(administrate)
            waits_or_ends(stores[0], administrating)
            s.execute(update(HuntMember).where(HuntMember.id == second).values(idle_since=NOON))
        administrating.result(LONGEST_SECONDS)
    assert {member.idle_since for member in look(stores[0], PILOT).members if member.id in (first, second)} == {NOON}


def record_call(s, hunt, group, member, at):
    """What is written of one call, in the order in which it happens."""
    who = {"uuid": hunt, "domain": DOMAIN, "pilot": group.pilot, "group_name": "", "policy": group.policy}
    calls.open_call(s, hunt, **who, caller_number=None, caller_name=None, started_at=at, policy_input=None, node="n")
    ticket = {"stage": 1, "cycle": 1, "position": 1, "extension": member.extension, "phones": 1}
    calls.add_offer(s, hunt, call_id=hunt, **ticket, ring_seconds=18.0, started_at=at)
    outcome = Outcome.NO_ANSWER if int(hunt) % 2 else Outcome.ANSWERED
    calls.end_offer(
        s, hunt, ended_at=at, outcome=outcome, member_id=member.id, rang_whole_time=outcome is Outcome.NO_ANSWER
    )
    hunts.note_answer(s, group.id, member.id, call_uuid=hunt, at=at, moves_answerer=True)
    hunts.move_first_at_end(s, group.id, hunt, policy_input_of(group, None, None, 0).to_json())
    hunts.release(s, hunt, [member.extension])


def test_administration_between_calls_breaks_nothing(stores):
    """Members move, are blocked and put back while calls take turns, claim and are written down."""
    group = make_office(stores[0], *MEMBERS, policy="round-robin", auto_block=3)
    ids = [member.id for member in group.members]

    def work(number: int) -> None:
        store, dice = stores[number % 2], random.Random(number)
        for turn in range(10):
            hunt, member = f"{number}{turn:02}", dice.choice(group.members)
            with store.writing() as s:
                if number == 0:
                    members.move_member(s, DOMAIN, PILOT, member.address, dice.randint(1, len(MEMBERS)))
                elif number == 1:
                    members.block(s, DOMAIN, member.extension, dice.random() < 0.5)
                else:
                    hunts.move_first(s, group.id, hunt, lambda memory: ids[next_index(memory, ids)])
            if number > 1:
                who = {"domain": DOMAIN, "hunt_id": hunt, "call_uuid": hunt, "run_id": "run"}
                with store.writing() as s:
                    hunts.look_and_claim(s, group.id, ids, ids, **who, at=NOON, sequence=1)
                with store.writing() as s:
                    record_call(s, hunt, group, member, NOON)
                    hunts.release(s, hunt)

    at_once(work)
    assert [member.position for member in look(stores[0]).members] == [1, 2, 3, 4]
    assert claimed(stores[0]) == set()


def test_a_turn_moved_twice_at_once_moves_once(stores):
    """The first try was slow, and is not over when the second begins."""
    group = make_office(stores[0], *MEMBERS, policy="round-robin")
    ids = [member.id for member in group.members]
    found: dict[str, list[object]] = {}

    def work(number: int) -> None:
        for call in range(10):
            with stores[number % 2].writing() as s:
                memory = hunts.move_first(s, group.id, f"{call}", lambda memory: ids[next_index(memory, ids)])
            found.setdefault(f"{call}", []).append(memory)

    at_once(work, 4)
    assert all(memory == each[0] for each in found.values() for memory in each)
    firsts = sorted(ids[next_index(each[0], ids)] for each in found.values())
    assert firsts == sorted(ids[number % len(ids)] for number in range(10))
