from fshunt.db.queries import daemons
from tests.support.small_office import NOON, after

STATUS = {"version": "1", "hunts": 3, "switches": [{"name": "h:8021", "since": None}]}


def beat(store, run, seconds, node="node"):
    """The wall clock is an hour ahead of the lease clock."""
    with store.writing() as s:
        daemons.beat(
            s, run, node=node, started_at=NOON, at=after(seconds + 3600), now=after(seconds), status=STATUS | {"n": run}
        )


def known(store):
    with store.reading() as s:
        return [each.run_id for each in daemons.list_daemons(s)]


def test_a_daemon_is_listed_as_of_its_latest_heartbeat(store):
    beat(store, "a", 0)
    beat(store, "a", 2)
    with store.reading() as s:
        assert daemons.list_daemons(s) == [
            daemons.DaemonRow("a", "node", NOON, after(3602), after(2), STATUS | {"n": "a"})
        ]


def test_daemons_are_listed_by_node_the_newest_run_first(store):
    beat(store, "a1", 0, "a")
    beat(store, "b1", 0, "b")
    beat(store, "a2", 1, "a")
    assert known(store) == ["a2", "a1", "b1"]


def test_a_daemon_that_stops_is_out_of_the_list(store):
    beat(store, "a", 0)
    beat(store, "b", 0, "other")
    for _ in range(2):
        with store.writing() as s:
            daemons.retire(s, "a")
    assert known(store) == ["b"]


def test_a_dead_daemon_is_listed_for_a_day_and_then_forgotten(store):
    beat(store, "dead", 0, "other")
    beat(store, "a", daemons.KEPT_SECONDS)
    assert known(store) == ["a", "dead"]
    beat(store, "a", daemons.KEPT_SECONDS + 1)
    assert known(store) == ["a"]


def test_an_earlier_run_of_a_node_is_forgotten_soon_but_not_two_nodes_of_one_name(store):
    beat(store, "first", 0)
    beat(store, "second", 10)
    assert known(store) == ["second", "first"]
    beat(store, "second", daemons.REPLACED_SECONDS + 1)
    assert known(store) == ["second"]
