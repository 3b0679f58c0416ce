"""One daemon tells the others that somebody is free, or may be rung no more."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from fshunt.db.engine import Store, open_store
from fshunt.db.notifications import STOP_SECONDS, Changes, announce
from fshunt.services import groups, members
from tests.db.test_autoblock import Desk
from tests.db.test_claims import claim, drop_run, look_and_claim, release
from tests.db.test_queue import drop_run as drop_queue
from tests.db.test_queue import join, leave
from tests.support.postgres_proxy import PostgresProxy
from tests.support.small_office import DOMAIN, PILOT, make_office

SOON = 30.0
"""How long a test waits for what comes in some milliseconds."""
AT_MOST = 5.0
"""Within it a stop has to end, which takes a second at most."""


class Ears:
    """What a test hears."""

    def __init__(self, url: str) -> None:
        self.heard: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.said: list[object] = []
        self.changes = Changes(url, self._hear)

    def _hear(self, changed) -> None:
        self.said.append(changed)
        self.heard.put(threading.get_ident())

    def hear(self) -> int:
        return self.heard.get(timeout=SOON)


@contextmanager
def listening(url: str) -> Iterator[Ears]:
    ears = Ears(url)
    ears.changes.start()
    try:
        ears.hear()  # once when the connection is made
        yield ears
    finally:
        ears.changes.stop()


@pytest.fixture
def ears(store: Store, database_url: str) -> Iterator[Ears]:
    make_office(store, "1001", "1002", "1003", auto_block=1)
    with store.writing() as s:
        members.block(s, DOMAIN, "1003", True)
    with listening(database_url) as heard:
        yield heard


def write(store, function, *args, **kwargs):
    with store.writing() as s:
        function(s, *args, **kwargs)


def desk_of(store):
    with store.reading() as s:
        return Desk(store, groups.get_group(s, DOMAIN, PILOT))


def first(store):
    return desk_of(store).members["1001"]


CHANGES = {
    "block": lambda store: write(store, members.block, DOMAIN, "1001", True),
    "unblock": lambda store: write(store, members.block, DOMAIN, "1003", False),
    "block by itself": lambda store: desk_of(store).ring_out("1001"),
    "disable": lambda store: write(store, members.enable_member, DOMAIN, PILOT, first(store).address, False),
    "remove": lambda store: write(store, members.remove_member, DOMAIN, PILOT, first(store).address),
    "move": lambda store: write(store, members.move_member, DOMAIN, PILOT, first(store).address, 2),
    "disable the group": lambda store: write(store, groups.enable_group, DOMAIN, PILOT, False),
    "remove the group": lambda store: write(store, groups.remove_group, DOMAIN, PILOT),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_what_an_administrator_or_a_member_changes_is_told(store, ears, change):
    change(store)
    ears.hear()


def test_it_is_heard_in_a_thread_of_its_own(store, ears):
    CHANGES["block"](store)
    assert ears.hear() != threading.get_ident()


@pytest.fixture
def on_postgres(postgres_url):
    with closing(open_store(postgres_url)) as opened:
        yield opened


@pytest.fixture
def group(on_postgres):
    return make_office(on_postgres, "1001", "1002", "1003")


@pytest.fixture
def heard(postgres_url, group):
    """What PostgreSQL tells, word for word."""
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("LISTEN fshunt")

        def told(act) -> list[str]:
            """The payloads that ``act`` sends, up to a mark that is set after it."""
            act()
            connection.execute("NOTIFY fshunt, 'mark'")
            domains = []
            for note in connection.notifies(timeout=SOON):
                if note.payload == "mark":
                    return domains
                domains.append(note.payload)
            raise AssertionError("nothing was told")

        yield told


def test_a_released_member_is_told_only_where_somebody_waits(on_postgres, heard):
    claim(on_postgres, "talk", ["1001"])
    assert heard(lambda: release(on_postgres, "talk")) == []
    claim(on_postgres, "talk", ["1001"])
    join(on_postgres, "elsewhere", "1001", domain="other.test")
    assert heard(lambda: release(on_postgres, "talk", ["1001"])) == []
    claim(on_postgres, "talk", ["1001"])
    join(on_postgres, "a", "1001")
    assert heard(lambda: release(on_postgres, "talk", ["1001"])) == [f"{DOMAIN}\t1001"]
    assert heard(lambda: release(on_postgres, "talk")) == [], "it was released already"


def test_who_leaves_the_queue_makes_way_for_who_waits_behind(on_postgres, heard):
    join(on_postgres, "a", "1001")
    assert heard(lambda: leave(on_postgres, "a")) == []
    join(on_postgres, "a", "1001")
    join(on_postgres, "b", "1001")
    assert heard(lambda: leave(on_postgres, "a")) == [f"{DOMAIN}\t1001"]
    assert heard(lambda: leave(on_postgres, "a")) == []


def test_who_gets_a_member_makes_way_for_who_waits_behind(on_postgres, group, heard):
    place = join(on_postgres, "a", "1001", "1002")
    assert heard(lambda: look_and_claim(on_postgres, group, "a", "1001", ticket=place)) == []
    release(on_postgres, "a")
    place = join(on_postgres, "a", "1001", "1002")
    join(on_postgres, "b", "1002")
    assert heard(lambda: look_and_claim(on_postgres, group, "a", "1001", ticket=place)) == [f"{DOMAIN}\t1002"]


def test_what_a_dead_run_leaves_is_told_where_somebody_waits_who_lives(on_postgres, heard):
    claim(on_postgres, "dead", ["1001"])
    join(on_postgres, "dead too", "1001", run_id="node")
    assert heard(lambda: drop_queue(on_postgres, "node")) == [], "nobody is left"
    join(on_postgres, "dead too", "1001", run_id="node")
    join(on_postgres, "lives", "1001")
    assert heard(lambda: drop_queue(on_postgres, "node")) == [f"{DOMAIN}\t1001"]
    assert heard(lambda: drop_run(on_postgres, "node")) == [f"{DOMAIN}\t1001"]


def test_a_change_names_the_members_or_where_they_are_too_many_their_domain(on_postgres, heard):
    assert heard(lambda: write(on_postgres, announce, DOMAIN, ["1002", "1001"])) == [f"{DOMAIN}\t1001\t1002"]
    many = [f"{number:05}" for number in range(2000)]
    assert heard(lambda: write(on_postgres, announce, DOMAIN, many)) == [DOMAIN]


def test_what_has_changed_is_named_also_where_it_comes_from_a_file(store, ears):
    CHANGES["block"](store)
    ears.hear()
    assert ears.said == [None, [(DOMAIN, "1001")]]


def test_a_write_that_changes_nothing_for_anybody_is_not_told(store, ears):
    claim(store, "talk", ["1001"])
    release(store, "talk")
    CHANGES["unblock"](store)
    ears.hear()
    assert ears.said == [None, [(DOMAIN, "1003")]]


def test_what_was_undone_is_not_told(on_postgres, heard):
    def undone():
        with pytest.raises(LookupError):
            write(on_postgres, block_and_fail)

    def block_and_fail(s):
        members.block(s, DOMAIN, "1001", True)
        raise LookupError

    assert heard(undone) == []


def test_after_a_connection_was_lost_it_is_looked_again(on_postgres, group, postgres_url):
    with PostgresProxy(postgres_url) as proxy, listening(proxy.url) as ears:
        proxy.refuse()
        CHANGES["block"](on_postgres)
        proxy.mend()
        ears.hear()
        CHANGES["unblock"](on_postgres)
        ears.hear()


def test_a_server_that_says_nothing_any_more_is_left(on_postgres, group, postgres_url, monkeypatch):
    monkeypatch.setattr("fshunt.db.notifications.QUIET_SECONDS", 0.1)
    with PostgresProxy(postgres_url) as proxy, listening(proxy.url) as ears:
        proxy.swallow()
        waits_until(lambda: proxy.connections > 1 or not ears.heard.empty())
        proxy.mend()
        ears.hear()


def test_a_quiet_server_is_kept(on_postgres, group, postgres_url, monkeypatch):
    monkeypatch.setattr("fshunt.db.notifications.QUIET_SECONDS", 0.25)
    with PostgresProxy(postgres_url) as proxy, listening(proxy.url) as ears:
        waits_until(lambda: sum("SELECT 1" in each for each in proxy.statements) > 5)
        assert proxy.connections == 1
        CHANGES["block"](on_postgres)
        ears.hear()


def waits_until(holds):
    deadline = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_database_that_is_not_there_yet_is_waited_for(tmp_path, migrated_sqlite_file):
    path = tmp_path / "late.db"
    ears = Ears(f"sqlite:///{path}")
    ears.changes.start()
    path.write_bytes(migrated_sqlite_file.read_bytes())
    ears.hear()
    ears.changes.stop()


@pytest.mark.parametrize("away", [False, True])
def test_a_stop_is_quick_and_leaves_no_thread(store, database_url, away):
    url = f"{database_url}-away" if away and store.is_sqlite else database_url
    if away and not store.is_sqlite:
        url = str(make_url(database_url).set(query={"host": "127.0.0.1", "port": "1"}))
    ears = Ears(url)
    ears.changes.start()
    if not away:
        ears.hear()
    began = time.monotonic()
    ears.changes.stop()
    assert time.monotonic() - began < AT_MOST
    ears.changes._thread.join(SOON)
    assert not ears.changes._thread.is_alive()


def test_after_a_stop_nobody_is_told_though_the_thread_hears_on(on_postgres, postgres_url):
    with PostgresProxy(postgres_url) as proxy:
        ears = Ears(proxy.url)
        with proxy.trap("LISTEN", lambda: setattr(proxy, "delay", 2 * STOP_SECONDS)) as reached:
            ears.changes.start()
            assert reached.wait(SOON)
            ears.changes.stop()
            assert ears.changes._thread.is_alive(), "the answer is still on its way"
            ears.changes._thread.join(SOON)
        assert not ears.changes._thread.is_alive()
        assert ears.heard.empty()


def test_a_stop_before_the_start_is_no_error(database_url):
    Changes(database_url, lambda _changed: None).stop()
