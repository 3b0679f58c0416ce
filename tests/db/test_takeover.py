"""Calls whose daemon is gone are taken over by one that lives."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from fshunt.db.engine import open_store
from fshunt.db.queries import calls, hunts, takeover
from fshunt.db.queries.takeover import OpenOffer
from fshunt.hunting.policy_input import policy_input_of
from fshunt.hunting.states import Outcome, Result
from fshunt.services import groups
from tests.db.test_claims import claim, claimed
from tests.support.small_office import DOMAIN, NOON, PILOT, after, make_office


@pytest.fixture
def group(store):
    return make_office(store, "1001", "1002", policy="circular")


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


def take(store, run="b", node="node-b", gone="a", **more):
    with store.writing() as s:
        return takeover.take(s, gone, node=node, run_id=run, **more)


def taken(store, **how):
    return sorted(each.hunt_id for each in take(store, **how))


def owner_of(store, hunt):
    with store.reading() as s:
        [record] = calls.show_call(s, hunt)
        return record.run_id, record.node


@pytest.fixture
def two_daemons(store, group):
    """``a`` is gone, ``b`` lives; each has a call."""
    open_call(store, group, "of a", "a", "node-a")
    open_call(store, group, "of b", "b", "node-b")
    return store


def test_calls_of_a_daemon_that_is_gone_are_taken_over_once(two_daemons):
    assert taken(two_daemons) == ["of a"]
    assert owner_of(two_daemons, "of a") == ("b", "node-b")
    assert taken(two_daemons) == []


def test_calls_that_have_ended_are_not_taken_over(two_daemons):
    with two_daemons.writing() as s:
        calls.close_call(s, "of a", result=Result.FAILED, reason="", destination=None, ended_at=NOON)
    assert taken(two_daemons) == []


def test_it_is_told_which_runs_have_left_something(two_daemons, group):
    claim(two_daemons, "of c", ["1001"], run_id="c")
    open_call(two_daemons, group, "of nobody", None, "node-a")
    with two_daemons.reading() as s:
        left = takeover.leftovers(s, "b")
    assert (left.calls, left.claims, left.queue) == ({"a", None}, {"c"}, frozenset())


def test_calls_that_name_no_run_are_taken_over(store, group):
    open_call(store, group, "of nobody", None, "node-a")
    assert taken(store, gone=None) == ["of nobody"]
    assert taken(store, gone=None) == []


@pytest.mark.parametrize(
    "policy_input", [{"members": [{"extension": "1001"}]}, {"members": 7}, ["1001"], "1001"], ids=str
)
def test_an_unfinished_call_whose_policy_input_cannot_be_read_hinders_no_other(two_daemons, group, policy_input):
    open_call(two_daemons, group, "odd", "a", "node-a", policy_input=policy_input)
    found = {each.hunt_id: each for each in take(two_daemons)}
    assert sorted(found) == ["odd", "of a"]
    assert (found["odd"].group_id, found["odd"].member_id) == (None, None)


def test_an_unfinished_call_is_told_as_far_as_it_was_written(two_daemons, group):
    store = two_daemons
    ring(store, "of a", "1001", Outcome.NO_ANSWER)
    ring(store, "of a", "1002")
    with store.writing() as s:
        calls.note_answered(s, "of a", answered_by="1002", answered_at=after(4))
    first, second = (member.id for member in group.members)
    assert take(store) == [
        takeover.UnfinishedCall(
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


def test_an_unfinished_call_of_a_group_that_is_gone_or_of_no_group_is_told_too(two_daemons, group):
    open_call(two_daemons, group, "no group", "a", "node-a", policy_input=None)
    with two_daemons.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
    found = {each.hunt_id: each for each in take(two_daemons)}
    assert [found[hunt].group_id for hunt in ("of a", "no group")] == [None, None]
    assert found["no group"].member_id is None


def test_a_group_that_was_renumbered_is_still_that_of_the_unfinished_call(two_daemons, group):
    with two_daemons.writing() as s:
        groups.renumber_group(s, DOMAIN, PILOT, "5100")
    assert [each.group_id for each in take(two_daemons)] == [group.id]


def test_of_several_daemons_that_look_at_once_one_has_each_unfinished_call(two_daemons, group, database_url):
    store, count = two_daemons, 30
    for number in range(count):
        open_call(store, group, f"{number}", "a", "node-a")
    with closing(open_store(database_url)) as other, ThreadPoolExecutor(5) as pool:
        stores = {run: (store, other)[n % 2] for n, run in enumerate("bcdef")}
        found = pool.map(lambda run: taken(stores[run], run=run, node=f"node-{run}"), "bcdef")
        assert sorted(hunt for each in found for hunt in each) == sorted(["of a", *map(str, range(count))])


def test_an_unfinished_call_that_rang_is_closed_and_its_members_are_free(two_daemons):
    ring(two_daemons, "of a", "1001")
    claim(two_daemons, "of a", ["1001"], run_id="a")
    [unfinished] = take(two_daemons)
    for _ in range(2):
        with two_daemons.writing() as s:
            calls.close_unfinished(s, unfinished.hunt_id, after(40))
    with two_daemons.reading() as s:
        [record] = calls.show_call(s, "of a")
    assert (record.result, record.reason, record.end_seen) == ("failed", calls.DAEMON_STOPPED, False)
    assert (record.ended_at, record.offers[0].outcome) == (after(40), "switch-lost")
    assert claimed(two_daemons) == set()
    assert owner_of(two_daemons, "of b") == ("b", "node-b")


def test_an_unfinished_call_that_talked_is_finished_when_its_end_is_seen(two_daemons):
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


def test_an_unfinished_call_on_its_way_to_voicemail_keeps_its_destination(two_daemons):
    with two_daemons.writing() as s:
        calls.note_leaving(s, "of a", result=Result.VOICEMAIL, reason="nobody answered", destination="voicemail:1002")
    [unfinished] = take(two_daemons)
    assert unfinished.result == "voicemail"
    with two_daemons.writing() as s:
        calls.finish_call(s, "of a", result=Result.VOICEMAIL, reason=None, ended_at=after(90), end_seen=True)
    with two_daemons.reading() as s:
        [record] = calls.show_call(s, "of a")
    assert (record.result, record.destination) == ("voicemail", "voicemail:1002")


def test_a_caller_who_waited_is_recorded_with_how_long(two_daemons):
    end = {"result": Result.VOICEMAIL, "reason": "", "destination": "voicemail:1002", "ended_at": after(90)}
    with two_daemons.writing() as s:
        calls.close_call(s, "of b", **end, waited_seconds=12.5)
    with two_daemons.reading() as s:
        assert calls.show_call(s, "of b")[0].waited_seconds == 12.5


def test_an_open_call_is_swept_by_no_release_of_another(two_daemons):
    claim(two_daemons, "of a", ["1001"], run_id="a")
    with two_daemons.writing() as s:
        hunts.release(s, "of b")
    assert len(claimed(two_daemons)) == 1


def test_claims_of_a_call_go_with_it_to_who_takes_it_over(two_daemons):
    claim(two_daemons, "of a", ["1001"], run_id="a")
    claim(two_daemons, "of b", ["1002"], run_id="b")
    take(two_daemons)
    assert claimed(two_daemons) == {("of a", "1001", "b"), ("of b", "1002", "b")}


def test_a_daemon_that_was_presumed_dead_takes_back_what_it_still_has(two_daemons, group):
    open_call(two_daemons, group, "also of a", "a", "node-a")
    assert taken(two_daemons) == ["also of a", "of a"]
    with two_daemons.writing() as s:
        takeover.take_back(s, ["of a", "never written"], node="node-a", run_id="a")
    assert owner_of(two_daemons, "of a") == ("a", "node-a")
    assert owner_of(two_daemons, "also of a") == ("b", "node-b"), "it had that one no more"
    assert taken(two_daemons, run="c", kept=["of a"]) == [], "it is not taken by who has it"


def test_talks_are_taken_over_alone_while_their_daemon_may_only_be_cut_off(two_daemons, group):
    open_call(two_daemons, group, "talk of a", "a", "node-a")
    with two_daemons.writing() as s:
        calls.note_answered(s, "talk of a", answered_by="1001", answered_at=after(2))
    assert taken(two_daemons, talks_only=True) == ["talk of a"]
    assert taken(two_daemons) == ["of a"]
