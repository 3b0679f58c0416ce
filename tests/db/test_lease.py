from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from fshunt.db.models import LeaseClock
from fshunt.db.queries import lease
from tests.support.small_office import NOON, after


def advance(store, seconds):
    with store.writing() as s:
        return lease.advance(s, after(seconds))


def read(store):
    with store.reading() as s:
        return lease.read(s)


def test_before_any_daemon_there_is_no_reading(store):
    assert read(store) is None


def test_the_farthest_reading_counts(store):
    assert advance(store, 5) == after(5)
    assert advance(store, 3) == after(5)
    assert read(store) == after(5)
    assert advance(store, 9) == after(9)
    assert read(store) == after(9)


def test_a_reading_is_published_where_the_row_is_missing(store):
    with store.writing() as s:
        s.execute(text("DELETE FROM lease_clock"))
    assert advance(store, 1) == after(1)
    assert read(store) == after(1)


def test_drawn_tickets_are_not_forgotten(store):
    with store.writing() as s:
        s.execute(text("UPDATE lease_clock SET tickets = 7"))
    advance(store, 1)
    with store.reading() as s:
        assert s.get_one(LeaseClock, 1).tickets == 7


def test_daemons_that_publish_at_once_never_set_it_back(store):
    with ThreadPoolExecutor(6) as pool:
        heard = list(pool.map(lambda seconds: advance(store, seconds), [*range(40), *range(40)[::-1]]))
    assert all(each >= NOON for each in heard)
    assert read(store) == after(39)
