"""Whatever is done in whatever order: positions, memory, stamps and claims hold (invariants I1, I2, I3 and I5)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from fshunt.db.engine import Store
from fshunt.db.models import Claim
from fshunt.db.queries import claims, hunts
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.rotation import next_index
from fshunt.services import members
from tests.support.examples import examples
from tests.support.small_office import DOMAIN, NOON, PILOT, after, look, make_office

LEFT_OUT = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
PROPERTY = settings(max_examples=examples(20), stateful_step_count=20, deadline=None, suppress_health_check=LEFT_OUT)
NAMES = [f"10{n:02}" for n in range(1, 8)]


class Pointer:
    """What is remembered, told without places: a remembered member who leaves leaves an empty chair."""

    def __init__(self):
        self.chairs = []
        self.at = None

    def next_up(self):
        """Who sits after the remembered chair, around the table."""
        if self.at is None:
            return next(iter(self.people()), None)
        index = self.chairs.index(self.at)
        around = self.chairs[index + 1 :] + self.chairs[: index + 1]
        return next((who for who in around if who in NAMES), None)

    def people(self):
        return [who for who in self.chairs if who in NAMES]

    def add(self, who, ticket):
        """Sit down as the ``ticket``-th; beside an empty chair, after it."""
        before = self.people()[: ticket - 1]
        index = self.chairs.index(before[-1]) + 1 if before else 0
        while index < len(self.chairs) and self.chairs[index] not in NAMES:
            index += 1
        self.chairs.insert(index, who)

    def remove(self, who):
        if who == self.at:
            self.at = "empty chair"
            self.chairs[self.chairs.index(who)] = self.at
        else:
            self.chairs.remove(who)

    def move(self, who, ticket):
        self.chairs.remove(who)
        self.add(who, ticket)

    def remember(self, who):
        self.chairs = self.people()
        self.at = who


class Office(RuleBasedStateMachine):
    """A group to which everything is done, beside two tables of chairs."""

    store: Store

    def __init__(self):
        super().__init__()
        clear(self.store)
        self.group_id = make_office(self.store).id
        self.first, self.answerer, self.calls = Pointer(), Pointer(), 0

    @rule(who=st.sampled_from(NAMES), where=st.floats(0, 1))
    def add(self, who, where):
        if who in self.first.people():
            return
        ticket = 1 + round(where * len(self.first.people()))
        with self.store.writing() as s:
            members.add_members(s, DOMAIN, PILOT, [parse_member(who)], at=ticket)
        for pointer in (self.first, self.answerer):
            pointer.add(who, ticket)

    @precondition(lambda self: self.first.people())
    @rule(data=st.data())
    def remove(self, data):
        who = data.draw(st.sampled_from(self.first.people()))
        with self.store.writing() as s:
            members.remove_member(s, DOMAIN, PILOT, parse_member(who))
        for pointer in (self.first, self.answerer):
            pointer.remove(who)

    @precondition(lambda self: self.first.people())
    @rule(data=st.data())
    def move(self, data):
        who = data.draw(st.sampled_from(self.first.people()))
        ticket = data.draw(st.integers(1, len(self.first.people())))
        with self.store.writing() as s:
            members.move_member(s, DOMAIN, PILOT, parse_member(who), ticket)
        for pointer in (self.first, self.answerer):
            pointer.move(who, ticket)

    @precondition(lambda self: self.first.people())
    @rule(again=st.booleans())
    def call(self, again):
        expected = self.first.next_up()
        for _ in range(1 + again):
            with self.store.writing() as s:
                hunts.move_first(s, self.group_id, f"call {self.calls}", self._first)
        self.first.remember(expected)
        self.calls += 1

    @precondition(lambda self: self.first.people())
    @rule(data=st.data(), again=st.booleans())
    def answer(self, data, again):
        who = data.draw(st.sampled_from(self.answerer.people()))
        member_id = next(m.id for m in look(self.store).members if m.extension == who)
        for _ in range(1 + again):
            with self.store.writing() as s:
                uuid = f"call {self.calls}"
                hunts.note_answer(s, self.group_id, member_id, call_uuid=uuid, at=NOON, moves_answerer=True)
        self.answerer.remember(who)
        self.calls += 1

    def _first(self, memory):
        ids = [m.id for m in look(self.store).members]
        return ids[next_index(memory, ids)]

    @invariant()
    def positions_are_one_to_n_in_the_order_of_the_table(self):
        members = look(self.store).members
        assert [m.position for m in members] == list(range(1, len(members) + 1))
        assert [m.extension for m in members] == self.first.people()

    @invariant()
    def the_memory_follows_the_member(self):
        members = look(self.store).members
        if not members:
            return
        with self.store.reading() as s:
            answerer, turn = hunts.rotation_pointers(s, self.group_id)
        ids = [m.id for m in members]
        assert members[next_index(turn, ids)].extension == self.first.next_up()
        assert members[next_index(answerer, ids)].extension == self.answerer.next_up()


def clear(store):
    with store.writing() as s:
        for table in ("groups", "domains", "claims"):
            s.connection().exec_driver_sql(f"DELETE FROM {table}")


@pytest.mark.hypothesis  # a state machine has no @given
def test_positions_and_rotation_under_every_change(store):
    office = type("OfficeHere", (Office,), {"store": store})
    thorough = 20 if store.is_sqlite else 6  # the oracle is the same; the other database is slower to ask
    run_state_machine_as_test(office, settings=settings(PROPERTY, max_examples=examples(thorough)))


@given(seconds=st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=8))
@PROPERTY
def test_a_stamp_is_the_latest_moment_whatever_the_clock_does(store, seconds):
    clear(store)
    group = make_office(store, "1001")
    latest = None
    for n, each in enumerate(seconds):
        at = after(each)
        with store.writing() as s:
            hunts.note_answer(s, group.id, group.members[0].id, call_uuid=str(n), at=at, moves_answerer=False)
        latest = at if latest is None else max(latest, at)
        assert look(store).members[0].idle_since == latest


HUNTS = st.sampled_from(["a", "b", "c"])
SOME = st.sets(st.sampled_from(NAMES[:4]), max_size=4)
CLAIM_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), HUNTS, SOME),
        st.tuples(st.just("release"), HUNTS, SOME),
        st.tuples(st.just("release all"), HUNTS, st.just(set())),
        st.tuples(st.just("drop"), HUNTS, st.just(set())),
    ),
    max_size=20,
)


@given(steps=CLAIM_STEPS)
@PROPERTY
def test_no_two_hunts_ever_hold_one_member(store, steps):
    clear(store)
    claimed: dict[str, str] = {}
    for number, (step, hunt, what) in enumerate(steps):
        with store.writing() as s:
            done = act(s, step, hunt, what, number)
        if step == "claim":
            free = {e for e in what if claimed.get(e, hunt) == hunt}
            assert done == free
            claimed |= dict.fromkeys(free, hunt)
        else:
            claimed = {e: x for e, x in claimed.items() if x != hunt or (step == "release" and e not in what)}
        with store.reading() as s:
            assert {row.extension: row.hunt_id for row in s.scalars(select(Claim))} == claimed


def act(s, step, hunt, what, number):
    """Each hunt is of a run of its own."""
    if step == "claim":
        return claims.claim(s, DOMAIN, what, hunt_id=hunt, call_uuid=hunt, run_id=hunt, sequence=number)
    if step == "drop":
        return claims.drop_run(s, hunt)
    return claims.release(s, hunt, what if step == "release" else None)


@given(calls=st.lists(st.integers(0, 5), max_size=20))
@PROPERTY
def test_the_turn_moves_once_for_each_call_in_whatever_order_steps_are_tried_again(store, calls):
    clear(store)
    group = make_office(store, *NAMES[:3])
    ids, found = [m.id for m in group.members], {}
    for uuid in calls:
        with store.writing() as s:
            memory = hunts.move_first(s, group.id, str(uuid), lambda memory: ids[next_index(memory, ids)])
        assert found.setdefault(uuid, memory) == memory
    firsts = [ids[next_index(memory, ids)] for memory in found.values()]
    assert firsts == [ids[n % 3] for n in range(len(found))]
