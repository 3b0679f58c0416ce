from datetime import timedelta

from fshunt.db.queries import daemons
from tests.support.small_office import NOON, after

STATUS = {"version": "1", "hunts": 3, "switches": [{"name": "h:8021", "since": None}]}


def beat(store, run, seconds, node="node"):
    with store.writing() as s:
        daemons.write_heartbeat(s, run, node=node, started_at=NOON, at=after(seconds), status=STATUS | {"n": run})


def presume_dead(store, run, counter=1):
    with store.writing() as s:
        if daemons.lock_if_still(s, run, counter):
            daemons.mark_lost(s, run, counter)


def lost_by_run(store):
    with store.reading() as s:
        return {each.run_id: each.lost for each in daemons.list_daemons(s)}


def test_a_daemon_is_listed_as_it_was_at_its_last_heartbeat(store):
    beat(store, "a", 0)
    beat(store, "a", 2)
    with store.reading() as s:
        assert daemons.list_daemons(s) == [
            daemons.DaemonRow("a", "node", NOON, after(2), 2, False, STATUS | {"n": "a"})
        ]


def test_a_daemon_that_stops_is_out_of_the_list(store):
    beat(store, "a", 0)
    beat(store, "b", 0, "other")
    for _ in range(2):
        with store.writing() as s:
            daemons.retire(s, "a")
    assert lost_by_run(store) == {"b": False}


def test_a_run_is_marked_lost_only_while_its_counter_stands_still(store):
    beat(store, "a", 0)
    beat(store, "a", 1)
    presume_dead(store, "a", counter=1)
    assert lost_by_run(store) == {"a": False}
    presume_dead(store, "a", counter=2)
    assert lost_by_run(store) == {"a": True}
    beat(store, "a", 90)
    assert lost_by_run(store) == {"a": False}, "it lives after all"


def test_a_lost_daemon_is_listed_for_a_day_and_then_forgotten(store):
    beat(store, "dead", 0, "other")
    beat(store, "silent", 0, "other")
    presume_dead(store, "dead")
    for at, expected in (
        (after(daemons.KEPT_SECONDS), {"dead", "silent"}),
        (after(daemons.KEPT_SECONDS + 1), {"silent"}),
    ):
        with store.reading() as s:
            forgotten = {each.run_id for each in daemons.list_daemons(s) if daemons.is_forgotten(each, "node", at)}
        with store.writing() as s:
            daemons.forget(s, "a", "node", at)
        assert lost_by_run(store).keys() == expected
        assert forgotten == {"dead", "silent"} - expected


def test_a_lost_run_of_this_node_is_forgotten_but_not_two_that_share_a_name(store):
    for run in ("first", "other", "here"):
        beat(store, run, 0)
    presume_dead(store, "first")
    with store.writing() as s:
        daemons.forget(s, "here", "node", NOON + timedelta(seconds=1))
    assert lost_by_run(store).keys() == {"other", "here"}
