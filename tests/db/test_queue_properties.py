"""Several daemons on one database, with claims, a queue, deaths and clocks that jump, beside a plain model.

What is held: two live hunts never have one member (I1); every claim ends (I2); a free member goes to nobody who came
after one who waits for that member and lives; a stamp never goes back (I5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fshunt.daemon.cluster.membership import Membership
from fshunt.daemon.cluster.reconcile import Run as Identity
from fshunt.daemon.cluster.reconcile import Wanted, reconcile
from fshunt.db.engine import Store
from fshunt.db.queries import calls, claims, hunts, queue
from fshunt.db.queries.claims import MAX_TICKET
from fshunt.hunting.states import Result
from fshunt.services import members
from tests.db.test_claims import claimed
from tests.support.examples import examples
from tests.support.small_office import DOMAIN, NOON, PILOT, look, make_office

NAMES = ["1001", "1002", "1003"]
QUEUE_BEATS, TALK_BEATS, DEAD_BEATS = 2, 3, 4
REST = 5.0

SOME = st.sets(st.sampled_from(NAMES), min_size=1)


@dataclass
class Run:
    """One process life of a daemon. A frozen one lives, and does nothing."""

    id: str
    node: str
    alive: bool = True
    frozen: bool = False
    missed: bool = False
    membership: Membership = field(default_factory=Membership)
    silent: dict[str, int] = field(default_factory=dict)
    """By other run, how often this one has beaten since the other did."""
    moved: set[str] = field(default_factory=set)
    """The other runs that have beaten while this one looked."""
    watched: set[str] = field(default_factory=set)
    """The hunts that it has taken over."""


@dataclass
class Hunt:
    """A hunt as its daemon sees it: whom it has, and its ticket in the queue."""

    id: str
    call: str
    run: Run
    has: set[str] = field(default_factory=set)
    ticket: int | None = None


@dataclass
class Row:
    """A row of the model: a claim on one member, or a wait for some; ``owner`` is the run that it names."""

    hunt: Hunt
    owner: Run
    ticket: int = 0
    extensions: set[str] = field(default_factory=set)


class Daemons(RuleBasedStateMachine):
    """Everything that daemons do to claims and the queue."""

    store: Store

    def __init__(self):
        super().__init__()
        clear(self.store)
        self.group = make_office(self.store, *NAMES)
        self.ids = {member.extension: member.id for member in self.group.members}
        self.wall, self.numbers = NOON, 0
        self.runs: list[Run] = []
        self.hunts: dict[str, Hunt] = {}
        self.lost: dict[str, Hunt] = {}
        """Of daemons that are gone, still open in the records."""
        self.owner: dict[str, Run] = {}
        """By hunt, the run that its record names."""
        self.wants: dict[str, set[str]] = {}
        self.claims: dict[str, Row] = {}
        self.entries: dict[str, Row] = {}
        self.blocked: set[str] = set()
        self.stamps: dict[str, object] = {}
        for node in ("north", "south"):
            self.begin(node)

    # Daemons.

    @property
    def alive(self) -> list[Run]:
        return [run for run in self.runs if run.alive and not run.frozen]

    def begin(self, node):
        run = Run(f"{node} {self.number()}", node)
        self.runs.append(run)
        self.beat(run)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def beat(self, run: Run):
        mine = {hunt.id: hunt for hunt in self.hunts.values() if hunt.run is run}
        has = frozenset((DOMAIN, e, hunt.id) for hunt in mine.values() for e in hunt.has)
        queued = frozenset(hunt.id for hunt in mine.values() if hunt.ticket is not None)
        wanted = Wanted(
            at=self.wall,
            hunts=frozenset(mine),
            claimed=has,
            claiming=has,
            watched=frozenset(run.watched & mine.keys()),
            queued=queued,
            joined=queued,
            takes_over=True,
        )
        with self.store.writing() as s:
            found = reconcile(s, Identity(run.id, run.node, self.wall), wanted, run.membership)
        run.membership, run.missed = found.membership, False
        self.count(run)
        self.take(run, found.taken, mine)
        self.write_missing(run, found.missing_claims, found.missing_entries, mine)

    def count(self, run: Run):
        for other in self.runs:
            if other is run:
                continue
            run.silent[other.id] = run.silent.get(other.id, 0) + 1
            if run.id in other.silent:
                other.moved.add(run.id)
                other.silent[run.id] = 0

    def take(self, run: Run, taken, mine):
        """Whom this run may presume dead, and no others, and what of it goes."""
        expected = set()
        for other in self.runs:
            still = run.silent.get(other.id, 0) - 1
            if other is run or still < QUEUE_BEATS:
                continue
            self.entries = {name: row for name, row in self.entries.items() if row.owner is not other}
            over = other.node == run.node and other.id not in run.moved
            if not over and still < DEAD_BEATS:
                continue
            assert not other.alive or other.frozen, "who beats is not presumed dead"
            hunts = [hunt for hunt in (*self.lost.values(), *self.hunts.values()) if self.owner[hunt.id] is other]
            expected |= {hunt.id for hunt in hunts}
            for hunt in hunts:
                self.owner[hunt.id] = run
            for extension, row in list(self.claims.items()):
                if row.hunt in hunts:
                    row.owner = run
                elif row.owner is other:
                    del self.claims[extension]
            if still >= DEAD_BEATS:
                run.silent[other.id] = 1
        assert {each.hunt_id for each in taken} == expected - mine.keys()
        for hunt_id in sorted(expected):
            self.goes_on_or_ends(run, hunt_id)

    def goes_on_or_ends(self, run: Run, hunt_id: str):
        """Of those that are taken over every other one talks."""
        hunt = self.lost.pop(hunt_id, None)
        if hunt is None:
            hunt = self.hunts[hunt_id]  # of a daemon that is frozen, and has it still
        elif self.number() % 2 and not any(other.call == hunt.call for other in self.hunts.values()):
            self.hunts[hunt.id], hunt.run, hunt.ticket = hunt, run, None
            hunt.has = {extension for extension, row in self.claims.items() if row.hunt is hunt}
            run.watched.add(hunt.id)
            return
        with self.store.writing() as s:
            calls.close_unfinished(s, hunt_id, self.wall)
        self.claims = {name: row for name, row in self.claims.items() if row.hunt is not hunt}

    def write_missing(self, run, missing_claims, missing_entries, mine):
        """What others have taken from a run that they presumed dead, and nobody has since, is its own again."""
        for hunt in mine.values():
            self.owner[hunt.id] = run
        expected = {
            (DOMAIN, e, hunt.id)
            for hunt in mine.values()
            for e in hunt.has
            if e not in self.claims or (self.claims[e].hunt is hunt and self.claims[e].owner is not run)
        }
        assert missing_claims == expected
        for domain, extension, hunt_id in missing_claims:
            hunt = mine[hunt_id]
            who = {"hunt_id": hunt_id, "call_uuid": hunt.call, "run_id": run.id, "sequence": self.number()}
            with self.store.writing() as s:
                assert claims.claim(s, domain, [extension], **who) == {extension}
            self.claims[extension] = Row(hunt, run)
        for hunt in mine.values():
            hunt.has = {e for e in hunt.has if self.claims[e].hunt is hunt}
        assert missing_entries == {h.id for h in mine.values() if h.ticket is not None and h.id not in self.entries}
        for hunt_id in missing_entries:
            self.waits(mine[hunt_id], self.wants[hunt_id])

    @rule(silent=st.booleans(), data=st.data())
    def all_beat(self, silent, data):
        """All who live; one may miss a heartbeat, but no second one after it."""
        quiet = data.draw(st.sampled_from(self.alive)) if silent and self.alive else None
        for run in self.alive:
            if run is quiet and not run.missed:
                run.missed = True
            else:
                self.beat(run)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def a_daemon_is_frozen(self, data):
        data.draw(st.sampled_from(self.alive)).frozen = True

    @precondition(lambda self: any(run.frozen and run.alive for run in self.runs))
    @rule(data=st.data(), first=st.booleans())
    def a_daemon_goes_on(self, data, first):
        """The others may send a heartbeat before its own first one, and presume it dead at that very moment."""
        run, others = data.draw(st.sampled_from([run for run in self.runs if run.frozen and run.alive])), self.alive
        if not first:
            for each in others:
                self.beat(each)
        run.frozen = False
        self.beat(run)
        if first:
            for each in others:
                self.beat(each)

    @rule(seconds=st.sampled_from([-3600.0, -REST, 1.0, REST, 3600.0]))
    def the_wall_clock_jumps(self, seconds):
        self.wall += timedelta(seconds=seconds)

    @precondition(lambda self: sum(run.alive for run in self.runs) < 3)
    @rule(node=st.sampled_from(["north", "south", "west"]))
    def a_daemon_starts(self, node):
        if not any(run.node == node for run in self.runs if run.alive):
            self.begin(node)

    @precondition(lambda self: any(run.alive for run in self.runs))
    @rule(data=st.data())
    def a_daemon_is_killed(self, data):
        run = data.draw(st.sampled_from([run for run in self.runs if run.alive]))
        run.alive = False
        for hunt in [hunt for hunt in self.hunts.values() if hunt.run is run]:
            del self.hunts[hunt.id]
            if self.owner[hunt.id] is run:
                self.lost[hunt.id] = hunt

    # Hunts.

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), again=st.booleans(), wanted=SOME, waits=st.booleans())
    def a_call_comes(self, data, again, wanted, waits):
        """Or one comes again, whose daemon is gone. It tries, and may wait if it has nobody."""
        run = data.draw(st.sampled_from(self.alive))
        number = self.number()
        call = f"call {number}"
        if again and self.lost:
            call = data.draw(st.sampled_from(sorted(hunt.call for hunt in self.lost.values())))
            if any(hunt.call == call for hunt in self.hunts.values()):
                return
        hunt = self.hunts[f"h{number}"] = Hunt(f"h{number}", call, run)
        pilot = {"domain": DOMAIN, "pilot": PILOT, "group_name": "", "policy": "regular"}
        caller = {"uuid": call, "caller_number": None, "caller_name": None, "policy_input": None}
        self.owner[hunt.id] = run
        with self.store.writing() as s:
            calls.open_call(s, hunt.id, **pilot, **caller, started_at=self.wall, node=run.node, run_id=run.id)
        if not self.tries(hunt, wanted) and waits:
            self.waits(hunt, wanted)

    @property
    def active(self) -> list[str]:
        """Hunts whose daemon is not frozen."""
        return sorted(hunt.id for hunt in self.hunts.values() if not hunt.run.frozen)

    def some_hunt(self, data) -> Hunt:
        return self.hunts[data.draw(st.sampled_from(self.active))]

    @precondition(lambda self: self.active)
    @rule(data=st.data(), wanted=SOME)
    def a_hunt_tries(self, data, wanted):
        self.tries(self.some_hunt(data), wanted)

    @precondition(lambda self: self.entries)
    @rule()
    def the_first_in_the_queue_tries(self):
        """Whoever lives and waits the longest has each free member whom it waits for."""
        living = [row for row in self.entries.values() if row.hunt.id in self.active and row.hunt.ticket is not None]
        for row in sorted(living, key=lambda row: row.ticket)[:1]:
            hunt, wanted = row.hunt, set(row.extensions)
            # The place of a frozen daemon's caller stays until its daemon is presumed dead, as that of a dead one's.
            silent = {
                e for other in self.entries.values() if other.hunt.id not in self.active for e in other.extensions
            }
            got = self.tries(hunt, wanted)
            free = {e for e in wanted if e not in self.claims or self.claims[e].hunt in (hunt, None)}
            assert got >= free - self.blocked - self.in_wrap_up() - silent - set().union(
                *(other.has for other in self.hunts.values() if other is not hunt)
            )

    def tries(self, hunt: Hunt, wanted) -> set[str]:
        ticket = MAX_TICKET if hunt.ticket is None else hunt.ticket
        expected = {e for e in wanted if self.may_have(hunt, e, ticket)}
        who = {"domain": DOMAIN, "hunt_id": hunt.id, "call_uuid": hunt.call, "run_id": hunt.run.id}
        times = {"at": self.wall, "sequence": self.number(), "wrap_up_seconds": REST}
        with self.store.writing() as s:
            flags = hunts.look_and_claim(
                s,
                self.group.id,
                list(self.ids.values()),
                [self.ids[e] for e in wanted],
                **who,
                **times,
                ticket=hunt.ticket,
            )
        got = {e for e in NAMES if flags[self.ids[e]].acquired}
        assert got == expected
        for extension in got:
            self.nobody_is_passed_by(hunt, extension, ticket)
            self.claims[extension] = Row(hunt, hunt.run)
        hunt.has |= got
        if got:
            for row in self.rows_of(hunt.call):
                del self.entries[row.hunt.id]
            hunt.ticket = None
        return got

    def rows_of(self, call) -> list[Row]:
        """What a call has in the queue, the hunts of daemons that are gone included."""
        return [row for row in self.entries.values() if row.hunt.call == call]

    def may_have(self, hunt, extension, ticket) -> bool:
        if extension in self.blocked or extension in self.in_wrap_up():
            return False
        claim = self.claims.get(extension)
        if claim is not None and claim.hunt.call != hunt.call:
            return False
        return not any(
            extension in row.extensions and row.hunt.call != hunt.call and row.ticket < ticket
            for row in self.entries.values()
        )

    def nobody_is_passed_by(self, hunt, extension, ticket):
        """Told from what the daemons know, not from counters."""
        for other in self.hunts.values():
            if other is not hunt and not other.run.frozen and other.ticket is not None and other.ticket < ticket:
                assert extension not in self.entries[other.id].extensions

    def in_wrap_up(self) -> set[str]:
        return {e for e, stamp in self.stamps.items() if abs(self.wall - stamp) < timedelta(seconds=REST)}

    @precondition(lambda self: self.active)
    @rule(data=st.data(), wanted=SOME)
    def a_hunt_waits(self, data, wanted):
        hunt = self.some_hunt(data)
        if not hunt.has:
            self.waits(hunt, wanted)

    def waits(self, hunt, wanted):
        self.wants[hunt.id] = set(wanted)
        who = {"domain": DOMAIN, "group_id": self.group.id, "call_uuid": hunt.call, "run_id": hunt.run.id}
        with self.store.writing() as s:
            ticket = queue.join(s, hunt.id, wanted, **who, ticket=hunt.ticket, at=self.wall)
        before = self.rows_of(hunt.call)
        if before or hunt.ticket is not None:
            assert ticket == (hunt.ticket or min(row.ticket for row in before)), "the ticket goes with the call"
        else:
            assert all(ticket > row.ticket for row in self.entries.values())
        for row in before:
            del self.entries[row.hunt.id]
        hunt.ticket = ticket
        self.entries[hunt.id] = Row(hunt, hunt.run, ticket, set(wanted))

    @precondition(lambda self: any(self.hunts[each].has for each in self.active))
    @rule(data=st.data(), which=SOME)
    def a_hunt_releases(self, data, which):
        hunt = self.hunts[data.draw(st.sampled_from([each for each in self.active if self.hunts[each].has]))]
        with self.store.writing() as s:
            hunts.release(s, hunt.id, which)
        self.released(hunt, which)

    def released(self, hunt, which):
        hunt.has -= which
        self.claims = {e: row for e, row in self.claims.items() if row.hunt is not hunt or e not in which}

    @precondition(lambda self: self.active)
    @rule(data=st.data(), twice=st.booleans())
    def a_hunt_ends(self, data, twice):
        hunt = self.hunts.pop(self.some_hunt(data).id)
        for _ in range(1 + twice):
            with self.store.writing() as s:
                end = {"result": Result.ABANDONED, "reason": None, "destination": None, "ended_at": self.wall}
                calls.close_call(s, hunt.id, **end)
                for extension in sorted(hunt.has)[::-1]:
                    hunts.note_end(s, self.ids[extension], at=self.wall)
                hunts.release(s, hunt.id)
                queue.leave(s, hunt.id)
        for extension in hunt.has:
            self.stamps[extension] = max(self.stamps.get(extension, self.wall), self.wall)
        self.released(hunt, set(NAMES))
        self.entries.pop(hunt.id, None)

    @rule(who=st.sampled_from(NAMES))
    def a_member_is_blocked_or_put_back(self, who):
        self.blocked ^= {who}
        with self.store.writing() as s:
            members.block(s, DOMAIN, who, who in self.blocked)

    # Invariants.

    @invariant()
    def two_live_hunts_never_have_one_member(self):
        for extension in NAMES:
            assert sum(extension in self.hunts[each].has for each in self.active) <= 1

    @invariant()
    def who_lives_keeps_what_it_has_and_its_place(self):
        for hunt in map(self.hunts.__getitem__, self.active):
            assert all(self.claims[extension].hunt is hunt for extension in hunt.has)
            assert hunt.ticket is None or hunt.id in self.entries

    @invariant()
    def the_database_says_what_the_model_says(self):
        assert claimed(self.store) == {(row.hunt.id, e, row.owner.id) for e, row in self.claims.items()}
        with self.store.reading() as s:
            found = [(each.hunt_id, each.ticket, set(each.extensions)) for each in queue.waiting_hunts(s)]
        rows = sorted(self.entries.values(), key=lambda row: row.ticket)
        assert found == [(row.hunt.id, row.ticket, row.extensions) for row in rows]
        assert {m.extension: m.idle_since for m in look(self.store).members if m.idle_since} == self.stamps

    def teardown(self):
        """Everybody dies; when another one has presumed them dead, nothing is left of them (I2)."""
        for run in self.runs:
            run.alive = False
        self.lost |= {hunt.id: hunt for hunt in self.hunts.values()}
        self.hunts.clear()
        last = Identity("the last", "nowhere", self.wall)
        membership = Membership()
        for _ in range(DEAD_BEATS + 2):
            with self.store.writing() as s:
                found = reconcile(s, last, Wanted(self.wall, takes_over=True), membership)
                for each in found.taken:
                    calls.close_unfinished(s, each.hunt_id, self.wall)
            membership = found.membership
        assert claimed(self.store) == set()
        with self.store.reading() as s:
            assert queue.waiting_hunts(s) == []


def clear(store):
    with store.writing() as s:
        for table in ("groups", "domains", "claims", "queue_entries", "daemons", "calls"):
            s.connection().exec_driver_sql(f"DELETE FROM {table}")
        s.connection().exec_driver_sql(
            f"UPDATE cluster SET queue_heartbeats = {QUEUE_BEATS}, talk_heartbeats = {TALK_BEATS},"
            f" dead_heartbeats = {DEAD_BEATS}"
        )


@pytest.mark.faults
@pytest.mark.hypothesis  # a state machine has no @given
@pytest.mark.timeout(600)  # a failure is made smaller before it is shown
def test_daemons_share_members_and_a_queue_whatever_happens_to_them(store):
    here = type("DaemonsHere", (Daemons,), {"store": store})
    thorough = 100 if store.is_sqlite else 20  # the model is the same; the other database is slower to ask
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
    how = settings(max_examples=examples(thorough), stateful_step_count=50, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(here, settings=how)
