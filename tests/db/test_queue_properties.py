"""Several daemons on one database, with claims, a line, leases, deaths and clocks that jump, beside a plain model.

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

from fshunt.db.engine import Store
from fshunt.db.queries import calls, daemons, hunts, lease, orphans, queue
from fshunt.db.queries.claims import MAX_TICKET
from fshunt.hunting.states import Result
from fshunt.services import groups
from tests.db.test_claims import leases
from tests.support.examples import examples
from tests.support.small_office import DOMAIN, NOON, PILOT, look, make_office

NAMES = ["1001", "1002", "1003"]
LEASE = 30.0
BEAT = LEASE / 3
LAG = 2.0
"""How far the lease clock of a daemon is behind the farthest, at most: the time between two of its beats."""
REST = 5.0

SOME = st.sets(st.sampled_from(NAMES), min_size=1)


@dataclass
class Run:
    """A run of a daemon."""

    id: str
    node: str
    lag: float
    alive: bool = True
    missed: int = 0
    heartbeat_at: object = NOON


@dataclass
class Hunt:
    """A hunt as its daemon sees it: its claims, and its ticket in the queue."""

    id: str
    call: str
    run: Run
    has: set[str] = field(default_factory=set)
    ticket: int | None = None


@dataclass
class Lease:
    """A row of the model: a claim on one member, or a wait for some; ``owner`` renews it."""

    hunt: Hunt
    owner: Run
    until: object
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
        self.now, self.wall, self.numbers = NOON, NOON, 0
        self.runs: list[Run] = []
        self.hunts: dict[str, Hunt] = {}
        self.lost: dict[str, Hunt] = {}
        """Of daemons that are gone, still open in the records."""
        self.claims: dict[str, Lease] = {}
        self.line: dict[str, Lease] = {}
        self.blocked: set[str] = set()
        self.stamps: dict[str, object] = {}
        for node in ("north", "south"):
            self.begin(node, 0.0)

    # Daemons.

    @property
    def alive(self) -> list[Run]:
        return [run for run in self.runs if run.alive]

    def begin(self, node, lag):
        self.runs.append(Run(f"{node} {self.number()}", node, lag))
        self.beat(self.runs[-1])

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def clock(self, run: Run):
        return self.now - timedelta(seconds=run.lag)

    def beat(self, run: Run, sweeps: bool = True):
        mine = [hunt.id for hunt in self.hunts.values() if hunt.run is run]
        with self.store.writing() as s:
            reached = lease.advance(s, self.clock(run))
            times = {"started_at": self.wall, "at": self.wall, "now": reached}
            daemons.beat(s, run.id, node=run.node, **times, status={})
            hunts.renew(s, run.id, reached, LEASE, mine)
            queue.renew(s, run.id, reached, LEASE, mine)
            if sweeps:
                hunts.sweep(s, reached)
                queue.sweep(s, reached)
        assert reached <= self.now
        run.missed, run.heartbeat_at = 0, reached
        until = reached + timedelta(seconds=LEASE)
        for rows in (self.claims, self.line):
            for row in rows.values():
                if row.owner is run and row.hunt.id in mine:
                    row.until = until
            for key in [key for key, row in rows.items() if sweeps and row.until <= reached]:
                del rows[key]

    @rule(seconds=st.sampled_from([1.0, BEAT / 2, BEAT]), silent=st.booleans(), sweeps=st.booleans(), data=st.data())
    def time_passes(self, seconds, silent, sweeps, data):
        """All who live beat; one may miss a beat, but no second one after it."""
        self.now += timedelta(seconds=seconds)
        quiet = data.draw(st.sampled_from(self.alive)) if silent and self.alive else None
        for run in self.alive:
            if run is quiet and not run.missed:
                run.missed += 1
            else:
                self.beat(run, sweeps)

    @rule(seconds=st.sampled_from([-3600.0, -REST, 1.0, REST, 3600.0]))
    def the_wall_clock_jumps(self, seconds):
        self.wall += timedelta(seconds=seconds)

    @precondition(lambda self: len(self.alive) < 3)
    @rule(node=st.sampled_from(["north", "south", "west"]), lag=st.sampled_from([0.0, 1.0, LAG]))
    def a_daemon_starts(self, node, lag):
        if not any(run.node == node for run in self.alive):
            self.begin(node, lag)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def a_daemon_is_killed(self, data):
        run = data.draw(st.sampled_from(self.alive))
        run.alive = False
        for hunt in [hunt for hunt in self.hunts.values() if hunt.run is run]:
            self.lost[hunt.id] = self.hunts.pop(hunt.id)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), own_node=st.booleans(), talks=st.booleans())
    def a_daemon_takes_over(self, data, own_node, talks):
        """What it takes over either talks and goes on, or is closed."""
        run = data.draw(st.sampled_from(self.alive))
        dead_before = self.clock(run) - timedelta(seconds=LEASE)
        own = {hunt.id for hunt in self.lost.values() if own_node and hunt.run.node == run.node}
        expected = own | {hunt.id for hunt in self.lost.values() if hunt.run.heartbeat_at <= dead_before}
        with self.store.writing() as s:
            found = orphans.take(
                s,
                node=run.node,
                run_id=run.id,
                now=self.clock(run),
                dead_after_seconds=LEASE,
                is_over=(lambda row: any(row.run_id == hunt.run.id for hunt in self.lost.values()))
                if own_node
                else None,
            )
        assert {orphan.hunt_id for orphan in found} == expected
        for hunt_id in expected:
            hunt = self.lost.pop(hunt_id)
            if talks and not any(other.call == hunt.call for other in self.hunts.values()):
                self.goes_on(hunt, run)
                continue
            with self.store.writing() as s:
                calls.close_orphan(s, hunt_id, self.wall)
            self.claims = {name: row for name, row in self.claims.items() if row.hunt is not hunt}

    def goes_on(self, hunt, run):
        """With the claims that last until the daemon beats again."""
        self.hunts[hunt.id], hunt.run, hunt.ticket, hunt.has = hunt, run, None, set()
        for extension, row in self.claims.items():
            if row.hunt is hunt:
                row.owner = run
                if row.until > self.now + timedelta(seconds=2 * BEAT + LAG):
                    hunt.has.add(extension)

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
        with self.store.writing() as s:
            calls.open_call(s, hunt.id, **pilot, **caller, started_at=self.wall, node=run.node, run_id=run.id)
        if not self.tries(hunt, wanted) and waits:
            self.waits(hunt, wanted)

    def some_hunt(self, data) -> Hunt:
        return self.hunts[data.draw(st.sampled_from(sorted(self.hunts)))]

    @precondition(lambda self: self.hunts)
    @rule(data=st.data(), wanted=SOME)
    def a_hunt_tries(self, data, wanted):
        self.tries(self.some_hunt(data), wanted)

    @precondition(lambda self: self.line)
    @rule()
    def the_first_in_the_line_tries(self):
        """Whoever lives and waits the longest has each free member whom it waits for."""
        living = [row for row in self.line.values() if row.hunt.id in self.hunts and row.hunt.ticket is not None]
        for row in sorted(living, key=lambda row: row.ticket)[:1]:
            hunt, wanted = row.hunt, set(row.extensions)
            dead = {e for other in self.line.values() if other.hunt.id not in self.hunts for e in other.extensions}
            got = self.tries(hunt, wanted)
            free = {e for e in wanted if e not in self.claims or self.claims[e].hunt in (hunt, None)}
            assert got >= free - self.blocked - self.resting() - dead - set().union(
                *(other.has for other in self.hunts.values() if other is not hunt)
            )

    def tries(self, hunt: Hunt, wanted) -> set[str]:
        now = self.clock(hunt.run)
        ticket = MAX_TICKET if hunt.ticket is None else hunt.ticket
        expected = {e for e in wanted if self.may_have(hunt, e, ticket, now)}
        who = {"domain": DOMAIN, "hunt_id": hunt.id, "call_uuid": hunt.call, "run_id": hunt.run.id}
        times = {"now": now, "at": self.wall, "lease_seconds": LEASE, "wrap_up_seconds": REST}
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
            self.claims[extension] = Lease(hunt, hunt.run, now + timedelta(seconds=LEASE))
        hunt.has |= got
        if got:
            for row in self.rows_of(hunt.call):
                del self.line[row.hunt.id]
            hunt.ticket = None
        return got

    def rows_of(self, call) -> list[Lease]:
        """The queue entries of a call, including the hunts of dead daemons."""
        return [row for row in self.line.values() if row.hunt.call == call]

    def may_have(self, hunt, extension, ticket, now) -> bool:
        if extension in self.blocked or extension in self.resting():
            return False
        claim = self.claims.get(extension)
        if claim is not None and claim.until > now and claim.hunt.call != hunt.call:
            return False
        return not any(
            extension in row.extensions and row.until > now and row.hunt.call != hunt.call and row.ticket < ticket
            for row in self.line.values()
        )

    def nobody_is_passed_by(self, hunt, extension, ticket):
        """Told from what the daemons know, not from leases."""
        for other in self.hunts.values():
            if other is not hunt and other.ticket is not None and other.ticket < ticket:
                assert extension not in self.line[other.id].extensions

    def resting(self) -> set[str]:
        return {e for e, stamp in self.stamps.items() if abs(self.wall - stamp) < timedelta(seconds=REST)}

    @precondition(lambda self: self.hunts)
    @rule(data=st.data(), wanted=SOME)
    def a_hunt_waits(self, data, wanted):
        hunt = self.some_hunt(data)
        if not hunt.has:
            self.waits(hunt, wanted)

    def waits(self, hunt, wanted):
        now = self.clock(hunt.run)
        who = {"domain": DOMAIN, "group_id": self.group.id, "call_uuid": hunt.call, "run_id": hunt.run.id}
        with self.store.writing() as s:
            ticket = queue.join(
                s, hunt.id, wanted, **who, ticket=hunt.ticket, at=self.wall, now=now, lease_seconds=LEASE
            )
        before = self.rows_of(hunt.call)
        if before or hunt.ticket is not None:
            assert ticket == (hunt.ticket or min(row.ticket for row in before)), "the ticket goes with the call"
        else:
            assert all(ticket > row.ticket for row in self.line.values())
        for row in before:
            del self.line[row.hunt.id]
        hunt.ticket = ticket
        self.line[hunt.id] = Lease(hunt, hunt.run, now + timedelta(seconds=LEASE), ticket, set(wanted))

    @precondition(lambda self: any(hunt.has for hunt in self.hunts.values()))
    @rule(data=st.data(), which=SOME)
    def a_hunt_releases(self, data, which):
        hunt = self.hunts[data.draw(st.sampled_from(sorted(hunt.id for hunt in self.hunts.values() if hunt.has)))]
        with self.store.writing() as s:
            hunts.release(s, hunt.id, which)
        self.released(hunt, which)

    def released(self, hunt, which):
        hunt.has -= which
        self.claims = {e: row for e, row in self.claims.items() if row.hunt is not hunt or e not in which}

    @precondition(lambda self: self.hunts)
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
        self.line.pop(hunt.id, None)

    @rule(who=st.sampled_from(NAMES))
    def a_member_is_blocked_or_put_back(self, who):
        self.blocked ^= {who}
        with self.store.writing() as s:
            groups.block(s, DOMAIN, who, who in self.blocked)

    # Invariants.

    @invariant()
    def two_live_hunts_never_have_one_member(self):
        for extension in NAMES:
            assert sum(extension in hunt.has for hunt in self.hunts.values()) <= 1

    @invariant()
    def who_lives_keeps_what_it_has_and_its_place(self):
        for hunt in self.hunts.values():
            assert all(self.claims[extension].hunt is hunt for extension in hunt.has)
            assert hunt.ticket is None or hunt.id in self.line

    @invariant()
    def the_database_says_what_the_model_says(self):
        assert leases(self.store) == {(row.hunt.id, e, row.until) for e, row in self.claims.items()}
        with self.store.reading() as s:
            line = [(each.hunt_id, each.ticket, set(each.extensions)) for each in queue.waiting_hunts(s)]
        rows = sorted(self.line.values(), key=lambda row: row.ticket)
        assert line == [(row.hunt.id, row.ticket, row.extensions) for row in rows]
        assert {m.extension: m.idle_since for m in look(self.store).members if m.idle_since} == self.stamps

    def teardown(self):
        """Everybody dies; when their leases are over, nothing is left of them (I2)."""
        end = self.now + timedelta(seconds=LEASE)
        with self.store.writing() as s:
            hunts.sweep(s, end)
            queue.sweep(s, end)
        assert leases(self.store) == set()
        with self.store.reading() as s:
            assert queue.waiting_hunts(s) == []


def clear(store):
    with store.writing() as s:
        for table in ("groups", "domains", "claims", "queue_entries", "daemons", "calls"):
            s.connection().exec_driver_sql(f"DELETE FROM {table}")
        s.connection().exec_driver_sql("UPDATE lease_clock SET reached = NULL")


@pytest.mark.hypothesis  # a state machine has no @given
@pytest.mark.timeout(600)  # a failure is made smaller before it is shown
def test_daemons_share_members_and_a_queue_whatever_happens_to_them(store):
    here = type("DaemonsHere", (Daemons,), {"store": store})
    thorough = 100 if store.is_sqlite else 20  # the model is the same; the other database is slower to ask
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
    how = settings(max_examples=examples(thorough), stateful_step_count=50, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(here, settings=how)
