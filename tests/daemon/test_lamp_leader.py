"""Of several daemons one tells the lamps of a switch."""

from __future__ import annotations

from datetime import UTC, datetime

from fshunt.daemon.switches.lamp_leader import GONE_SECONDS, LampLeader
from fshunt.daemon.switches.own_subscriptions import MAX_OWN, OwnSubscriptions
from fshunt.db.queries.lamps import Beat
from fshunt.freeswitch.presence import Lamp

AT = datetime(2026, 11, 30, tzinfo=UTC)
LAMP, OTHER = Lamp("a.test", "5000", "1001"), Lamp("b.test", "5000", "1001")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def beat(run_id: str, counter: int, *watches: str, node: str = "") -> Beat:
    return Beat(run_id, node or run_id, counter, AT, frozenset(watches))


def test_alone_it_leads_before_anybody_has_heard_of_it() -> None:
    leader = LampLeader("b", "node", Clock())
    assert leader.leads("fs")
    leader.read([])
    assert leader.leads("fs")


def test_the_first_of_those_that_watch_a_switch_leads() -> None:
    leader = LampLeader("b", "b", Clock())
    leader.read([beat("a", 1, "fs2"), beat("b", 1, "fs1", "fs2"), beat("c", 1, "fs1")])
    assert leader.leads("fs1")
    assert not leader.leads("fs2")


def test_one_that_stands_still_leads_no_more_and_one_that_counts_again_does() -> None:
    clock = Clock()
    leader = LampLeader("b", "b", clock)
    leader.read([beat("a", 1, "fs"), beat("b", 1, "fs")])
    clock.now += GONE_SECONDS - 0.1
    leader.read([beat("a", 1, "fs"), beat("b", 2, "fs")])
    assert not leader.leads("fs")
    clock.now += 0.2
    leader.read([beat("a", 1, "fs"), beat("b", 3, "fs")])
    assert leader.leads("fs")
    assert leader.living == {"b"}
    leader.read([beat("a", 2, "fs"), beat("b", 4, "fs")])
    assert not leader.leads("fs")


def test_one_that_cannot_read_the_database_leaves_to_others_what_they_watch() -> None:
    clock = Clock()
    leader = LampLeader("a", "a", clock)
    leader.read([beat("a", 1, "fs1", "fs2"), beat("b", 1, "fs1")])
    leader.looked()
    clock.now += GONE_SECONDS - 0.1
    assert leader.leads("fs1")
    clock.now += 0.1
    assert not leader.leads("fs1")
    assert leader.leads("fs2"), "nobody else tells the lamps of this one"
    leader.read([beat("a", 2, "fs1", "fs2"), beat("b", 6, "fs1")])
    leader.looked()
    assert leader.leads("fs1")


def test_an_earlier_run_of_the_same_node_is_not_waited_for() -> None:
    leader = LampLeader("b", "node", Clock())
    leader.read([beat("a", 7, "fs", node="node"), beat("b", 1, "fs", node="node")])
    assert leader.leads("fs")


def test_subscriptions_end_and_are_bounded() -> None:
    clock = Clock()
    own = OwnSubscriptions(clock)
    own.add("one", LAMP, 60, at_address=True)
    own.add("two", LAMP, 120, at_address=False)
    own.add("three", OTHER, 60, at_address=True)
    assert list(own.of(LAMP, at_address=True)) == ["one", "two"]
    assert list(own.of(LAMP, at_address=False)) == ["two"]
    clock.now += 61
    assert list(own.of(LAMP, at_address=True)) == ["two"]
    own.add("two", OTHER, 60, at_address=True)
    assert list(own.of(LAMP, at_address=True)) == []
    own.remove("nobody")
    for number in range(MAX_OWN + 5):
        own.add(str(number), LAMP, 60, at_address=True)
    assert len(own) == MAX_OWN
