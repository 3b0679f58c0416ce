"""A live daemon takes over the calls of a dead one."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from fshunt.db.engine import open_store
from fshunt.db.queries import calls, daemons, hunts, orphans
from fshunt.db.queries.orphans import OpenOffer
from fshunt.hunting.policy_input import policy_input_of
from fshunt.hunting.states import Outcome, Result
from fshunt.services import groups
from tests.db.test_claims import claim, leases, renew
from tests.support.small_office import DOMAIN, NOON, PILOT, after, make_office

DEAD_AFTER = 30.0


@pytest.fixture
def group(store):
    return make_office(store, "1001", "1002", policy="circular")


def beat(store, run, node, seconds=0.0, started=0.0):
    with store.writing() as s:
        times = {"started_at": after(started), "at": after(seconds), "now": after(seconds)}
        daemons.beat(s, run, node=node, **times, status={})


def open_call(store, group, hunt, run, node, started=1.0, **fields):
    pilot = {"domain": DOMAIN, "pilot": PILOT, "group_name": "", "policy": group.policy}
    caller = {"uuid": f"uuid of {hunt}", "caller_number": None, "caller_name": None}
    policy_input = policy_input_of(group, None, None, 0).to_json()
    with store.writing() as s:
        values = (
            pilot
            | caller
            | {"started_at": after(started), "policy_input": policy_input, "node": node, "run_id": run}
            | fields
        )
        calls.open_call(s, hunt, **values)


def ring(store, hunt, extension, outcome=None):
    place = {"stage": 1, "cycle": 1, "position": 1, "extension": extension, "phones": 1}
    with store.writing() as s:
        calls.add_offer(s, f"{hunt} {extension}", call_id=hunt, **place, ring_seconds=18.0, started_at=after(2))
        if outcome is not None:
            calls.end_offer(s, f"{hunt} {extension}", ended_at=after(3), outcome=outcome)


def take(store, run="b", node="node-b", seconds=DEAD_AFTER, **more):
    who = {"node": node, "run_id": run, "now": after(seconds)}
    with store.writing() as s:
        return orphans.take(s, **who, dead_after_seconds=DEAD_AFTER, **more)


def taken(store, **how):
    return sorted(each.hunt_id for each in take(store, **how))


def owner_of(store, hunt):
    with store.reading() as s:
        [record] = calls.show_call(s, hunt)
        return record.run_id, record.node


@pytest.fixture
def two_daemons(store, group):
    """``a`` has just died, ``b`` is alive; each has a call."""
    beat(store, "a", "node-a", 0)
    beat(store, "b", "node-b", DEAD_AFTER)
    open_call(store, group, "of a", "a", "node-a")
    open_call(store, group, "of b", "b", "node-b")
    return store


def test_calls_of_a_live_daemon_are_not_taken_over(two_daemons):
    assert taken(two_daemons, seconds=DEAD_AFTER - 0.001) == []


def test_calls_of_a_dead_daemon_are_taken_over_once(two_daemons):
    assert taken(two_daemons) == ["of a"]
    assert owner_of(two_daemons, "of a") == ("b", "node-b")
    assert taken(two_daemons) == []


def test_ended_calls_are_not_taken_over(two_daemons):
    with two_daemons.writing() as s:
        calls.close_call(s, "of a", result=Result.FAILED, reason="", destination=None, ended_at=NOON)
    assert taken(two_daemons) == []


def test_calls_of_a_daemon_that_stopped_are_taken_over_at_once(two_daemons):
    with two_daemons.writing() as s:
        daemons.retire(s, "a")
    assert taken(two_daemons, seconds=0) == ["of a"]


def test_the_next_run_of_a_node_takes_over_the_calls_of_the_ended_one(two_daemons, group):
    beat(two_daemons, "a2", "node-a", 1, started=1)
    open_call(two_daemons, group, "of a2", "a2", "node-a", started=0.5)
    asked = []
    later = {"run": "a2", "node": "node-a", "seconds": 1}
    assert taken(two_daemons, **later, is_over=lambda each: asked.append(each.run_id)) == [], "another one of its name"
    assert set(asked) == {"a"}, "neither of itself nor of another node's"
    assert taken(two_daemons, **later, is_over=lambda _: True) == ["of a"]
    assert owner_of(two_daemons, "of a") == ("a2", "node-a")


@pytest.mark.parametrize(
    "policy_input", [{"members": [{"extension": "1001"}]}, {"members": 7}, ["1001"], "1001"], ids=str
)
def test_an_unreadable_policy_input_blocks_no_other_takeover(two_daemons, group, policy_input):
    open_call(two_daemons, group, "odd", "a", "node-a", policy_input=policy_input)
    found = {each.hunt_id: each for each in take(two_daemons)}
    assert sorted(found) == ["odd", "of a"]
    assert (found["odd"].group_id, found["odd"].member_id) == (None, None)


def test_a_daemon_without_a_heartbeat_yet_takes_over_no_call_of_its_own(two_daemons, group):
    open_call(two_daemons, group, "of new", "new", "node-c")
    assert taken(two_daemons, run="new", node="node-c", seconds=0, is_over=lambda _: True) == []


def test_calls_without_a_run_are_found_by_their_node(store, group):
    beat(store, "b", "node-b", 50, started=10)
    open_call(store, group, "gone", None, "node-gone")
    open_call(store, group, "before", None, "node-b", started=9)
    open_call(store, group, "since", None, "node-b", started=11)
    assert taken(store, seconds=50) == ["gone"]
    assert taken(store, seconds=50, is_over=lambda _: True) == ["before"]


def test_a_call_is_taken_over_as_far_as_it_was_written(two_daemons, group):
    store = two_daemons
    ring(store, "of a", "1001", Outcome.NO_ANSWER)
    ring(store, "of a", "1002")
    with store.writing() as s:
        calls.note_answered(s, "of a", answered_by="1002", answered_at=after(4))
    first, second = (member.id for member in group.members)
    assert take(store) == [
        orphans.UnfinishedCall(
            hunt_id="of a",
            uuid="uuid of of a",
            group_id=group.id,
            policy="circular",
            result="answered",
            answered_by="1002",
            member_id=second,
            offers=(
                OpenOffer("of a 1001", "1001", first, "no-answer", 1),
                OpenOffer("of a 1002", "1002", second, None, 1),
            ),
        )
    ]


def test_a_call_of_a_missing_group_is_taken_over_too(two_daemons, group):
    open_call(two_daemons, group, "no group", "a", "node-a", policy_input=None)
    with two_daemons.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
    found = {each.hunt_id: each for each in take(two_daemons)}
    assert [found[hunt].group_id for hunt in ("of a", "no group")] == [None, None]
    assert found["no group"].member_id is None


def test_a_call_is_taken_over_with_its_group_after_a_renumbering(two_daemons, group):
    with two_daemons.writing() as s:
        groups.renumber_group(s, DOMAIN, PILOT, "5100")
    assert [each.group_id for each in take(two_daemons)] == [group.id]


def test_claims_of_a_call_taken_over_are_renewed_by_its_new_daemon(two_daemons):
    claim(two_daemons, "of a", ["1001"], run_id="a")
    claim(two_daemons, "of b", ["1002"], run_id="b")
    take(two_daemons)
    assert renew(two_daemons, after(10), "of a", run_id="a") == 0
    assert renew(two_daemons, after(10), "of a", run_id="b") == 1
    assert renew(two_daemons, after(10), "of b", run_id="b") == 1


def test_of_several_daemons_one_takes_each_call_over(two_daemons, group, database_url):
    store, count = two_daemons, 30
    for number in range(count):
        open_call(store, group, f"{number}", "a", "node-a")
    for run in "cdef":
        beat(store, run, f"node-{run}", DEAD_AFTER)
    with closing(open_store(database_url)) as other, ThreadPoolExecutor(5) as pool:
        stores = {run: (store, other)[n % 2] for n, run in enumerate("bcdef")}
        found = pool.map(lambda run: taken(stores[run], run=run, node=f"node-{run}"), "bcdef")
        assert sorted(hunt for each in found for hunt in each) == sorted(["of a", *map(str, range(count))])


def test_a_ringing_call_of_a_dead_run_is_closed_and_its_members_are_free(two_daemons):
    ring(two_daemons, "of a", "1001")
    claim(two_daemons, "of a", ["1001"], run_id="a")
    [unfinished] = take(two_daemons)
    for _ in range(2):
        with two_daemons.writing() as s:
            calls.close_orphan(s, unfinished.hunt_id, after(40))
    with two_daemons.reading() as s:
        [record] = calls.show_call(s, "of a")
    assert (record.result, record.reason, record.end_seen) == ("failed", calls.DAEMON_STOPPED, False)
    assert (record.ended_at, record.offers[0].outcome) == (after(40), "switch-lost")
    assert leases(two_daemons) == set()
    assert owner_of(two_daemons, "of b") == ("b", "node-b")


def test_a_daemon_that_was_presumed_dead_restores_its_calls(two_daemons, group):
    open_call(two_daemons, group, "also of a", "a", "node-a")
    assert taken(two_daemons) == ["also of a", "of a"]
    with two_daemons.writing() as s:
        orphans.take_back(s, ["of a", "never written"], node="node-a", run_id="a")
    assert owner_of(two_daemons, "of a") == ("a", "node-a")
    assert owner_of(two_daemons, "also of a") == ("b", "node-b"), "it had that one no more"
    assert taken(two_daemons, run="c", kept=["of a"]) == [], "a daemon does not take its own call over"
    assert taken(two_daemons, at=after(120), kept=["also of a", "of b"]) == ["of a"], "until it is silent again"


def test_an_answered_call_of_a_dead_run_is_closed_when_its_end_is_seen(two_daemons):
    with two_daemons.writing() as s:
        calls.note_answered(s, "of a", answered_by="1001", answered_at=after(4))
    take(two_daemons)
    ended = {"result": Result.FAILED, "reason": None, "ended_at": after(90), "end_seen": True}
    with two_daemons.writing() as s:
        calls.finish_call(s, "of a", **ended)
        calls.finish_call(s, "of a", **ended | {"ended_at": after(99)})
    with two_daemons.reading() as s:
        [record] = calls.show_call(s, "of a")
    assert (record.result, record.answered_by, record.ended_at) == ("answered", "1001", after(90))
    assert record.end_seen


def test_a_call_taken_over_on_its_way_to_voicemail_keeps_its_destination(two_daemons):
    with two_daemons.writing() as s:
        calls.note_leaving(s, "of a", result=Result.VOICEMAIL, reason="nobody answered", destination="voicemail:1002")
    [unfinished] = take(two_daemons)
    assert unfinished.result == "voicemail"
    with two_daemons.writing() as s:
        calls.finish_call(s, "of a", result=Result.VOICEMAIL, reason=None, ended_at=after(90), end_seen=True)
    with two_daemons.reading() as s:
        [record] = calls.show_call(s, "of a")
    assert (record.result, record.destination) == ("voicemail", "voicemail:1002")


def test_the_wait_of_a_queued_caller_is_recorded(two_daemons):
    end = {"result": Result.VOICEMAIL, "reason": "", "destination": "voicemail:1002", "ended_at": after(90)}
    with two_daemons.writing() as s:
        calls.close_call(s, "of b", **end, waited_seconds=12.5)
    with two_daemons.reading() as s:
        assert calls.show_call(s, "of b")[0].waited_seconds == 12.5


def test_an_open_call_is_swept_by_no_release_of_another(two_daemons):
    claim(two_daemons, "of a", ["1001"], run_id="a")
    with two_daemons.writing() as s:
        hunts.release(s, "of b")
    assert len(leases(two_daemons)) == 1


def test_an_answered_call_is_taken_over_sooner_than_a_hunt(two_daemons, group):
    open_call(two_daemons, group, "talk of a", "a", "node-a")
    with two_daemons.writing() as s:
        calls.note_answered(s, "talk of a", answered_by="1001", answered_at=after(2))
    beat(two_daemons, "b", "node-b", 11)
    assert taken(two_daemons, seconds=11, talks_after_seconds=10.0) == ["talk of a"]
    assert taken(two_daemons) == ["of a"], "the hunt when the lease is over"


def test_a_take_over_whose_answer_was_lost_is_done_again(two_daemons, group):
    assert taken(two_daemons) == ["of a"]
    assert taken(two_daemons) == [], "it is our own"
    later = {"at": after(120), "kept": ["of b"]}
    assert taken(two_daemons, **later) == ["of a"], "nobody knows of it"
    assert taken(two_daemons, at=after(30), kept=[]) == [], "a new call may not be listed yet"
