import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InvalidRequestError

from fshunt.db import migrate
from fshunt.db.engine import open_store
from fshunt.db.queries import hunts
from fshunt.errors import Conflict, DatabaseError, FshuntError
from fshunt.hunting.addresses import MemberAddress
from fshunt.services import groups, members
from tests.support.small_office import DOMAIN, NOON, PILOT, look, make_office, waits_or_ends


def domains(store):
    with store.reading() as s:
        return [name for (name,) in s.execute(text("SELECT name FROM domains ORDER BY name"))]


def add_domain(s, name):
    s.execute(text("INSERT INTO domains (name) VALUES (:name)"), {"name": name})


def test_a_block_that_ends_well_holds(store):
    with store.writing() as s:
        add_domain(s, "a")
    assert domains(store) == ["a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, FshuntError])
def test_a_block_that_ends_badly_is_undone(store, error):
    with pytest.raises(error):
        add_and_fail(store, error)
    assert domains(store) == []


def add_and_fail(store, error):
    with store.writing() as s:
        add_domain(s, "a")
        raise error


def test_a_reading_transaction_cannot_write(store):
    with pytest.raises(DatabaseError, match="is read-only"), store.reading() as s:
        add_domain(s, "a")
    with store.writing() as s:
        add_domain(s, "b")
    assert domains(store) == ["b"]


def test_a_reading_transaction_sees_one_moment(store):
    with store.reading() as s:
        before = s.execute(text("SELECT count(*) FROM domains")).scalar_one()
        with store.writing() as other:
            add_domain(other, "a")
        assert s.execute(text("SELECT count(*) FROM domains")).scalar_one() == before == 0
    assert domains(store) == ["a"]


def test_readers_do_not_wait_for_a_writer(store):
    with store.writing() as s:
        add_domain(s, "a")
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(domains, store).result(10) == []


def test_a_session_is_of_no_use_after_its_block(store):
    """It would begin a transaction without an end, and on SQLite keep the only write lock."""
    with store.writing() as s:
        add_domain(s, "a")
    with pytest.raises(InvalidRequestError):
        add_domain(s, "b")


def test_many_threads_write_at_once_and_nothing_is_lost(store):
    start = threading.Barrier(8)

    def write(n: int) -> None:
        start.wait()
        for i in range(10):
            with store.writing() as s:
                add_domain(s, f"{n}.{i}")

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write, n) for n in range(8)]:
            done.result(60)
    assert len(domains(store)) == 80


def test_two_administrators_add_to_one_group_at_once(store, database_url):
    other = open_store(database_url)
    make_office(store)
    start = threading.Barrier(4)

    def add(n: int) -> None:
        mine = (store, other)[n % 2]
        start.wait()
        for i in range(4):
            with mine.writing() as s:
                member = MemberAddress(f"{n}{i}")
                members.add_members(s, DOMAIN, PILOT, [member], at=1)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(add, n) for n in range(4)]:
            done.result(60)
    other.close()
    assert [m.position for m in look(store).members] == list(range(1, 17))


def one_after_the_other(store, other, first, second):
    """Do ``second`` in another process's place while ``first`` is done and not yet committed."""

    def do_second():
        with other.writing() as s:
            second(s)

    with ThreadPoolExecutor(1) as pool:
        with store.writing() as s:
            first(s)
            pending = pool.submit(do_second)
            waits_or_ends(other, pending)
            assert not pending.done()
        return pending.exception(30)


def test_two_administrators_cannot_put_one_member_into_two_groups(store, database_url):
    make_office(store)
    make_office(store, pilot="5001")
    one = [MemberAddress("1001")]
    with closing(open_store(database_url)) as other:
        failed = one_after_the_other(
            store,
            other,
            lambda s: members.add_members(s, DOMAIN, PILOT, one),
            lambda s: members.add_members(s, DOMAIN, "5001", one),
        )
    assert isinstance(failed, Conflict)
    assert "already a member of 5000" in str(failed)


def test_of_two_administrators_of_one_group_neither_undoes_the_others_change(store, database_url):
    make_office(store)
    with closing(open_store(database_url)) as other:
        failed = one_after_the_other(
            store,
            other,
            lambda s: groups.set_group(s, DOMAIN, PILOT, name="Sales"),
            lambda s: groups.set_group(s, DOMAIN, PILOT, cycles=3),
        )
    assert failed is None
    assert (look(store).name, look(store).cycles) == ("Sales", 3)


def test_a_group_added_while_the_domains_last_one_is_removed_is_there(store, database_url):
    make_office(store)
    with closing(open_store(database_url)) as other:
        failed = one_after_the_other(
            store,
            other,
            lambda s: groups.remove_group(s, DOMAIN, PILOT),
            lambda s: groups.add_group(s, DOMAIN, "5001"),
        )
    assert failed is None
    assert look(store, "5001").domain == DOMAIN


@pytest.mark.parametrize("hours", [-11, 0, 5.75, 14])
def test_a_moment_is_read_back_in_utc_whatever_its_time_zone(store, hours):
    group = make_office(store, "1001")
    said = NOON.astimezone(timezone(timedelta(hours=hours))) + timedelta(microseconds=7)
    with store.writing() as s:
        hunts.note_end(s, group.members[0].id, at=said)
    seen = look(store).members[0].idle_since
    assert seen == said
    assert seen.utcoffset() == timedelta(0)


def test_moments_of_different_zones_are_compared_as_moments(store):
    group = make_office(store, "1001")
    east = datetime(2026, 3, 1, 20, tzinfo=timezone(timedelta(hours=9)))  # 11:00 in UTC
    with store.writing() as s:
        hunts.note_end(s, group.members[0].id, at=NOON)
        hunts.note_end(s, group.members[0].id, at=east)
    assert look(store).members[0].idle_since == NOON


def test_sqlite_is_set_up_for_several_writers(sqlite_url):
    store = open_store(sqlite_url, busy_timeout_ms=1234)
    with store.writing() as s:
        pragmas = {name: s.execute(text(f"PRAGMA {name}")).scalar_one() for name in PRAGMAS}
    store.close()
    assert pragmas == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 1234}


def test_postgresql_ends_statements_that_wait_too_long(postgres_url):
    store = open_store(postgres_url, busy_timeout_ms=1234)
    with store.writing() as s:
        timeouts = [s.execute(text(f"SHOW {name}_timeout")).scalar_one() for name in ("lock", "statement")]
    store.close()
    assert timeouts == ["1234ms", "2234ms"]


def test_a_store_knows_whether_it_has_one_writer_only(store, database_url):
    assert store.is_sqlite == database_url.startswith("sqlite")


def test_a_closed_store_leaves_no_connection(postgres_databases):
    url = postgres_databases.migrated()
    for _ in range(3):
        store = open_store(url)
        make_office(store) if not domains(store) else None
        store.close()
    watch = open_store(url)
    with watch.reading() as s:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert s.execute(text(f"{count} AND backend_type = 'client backend' AND state <> 'active'")).scalar_one() == 0
    watch.close()
    postgres_databases.drop(url)


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_a_new_sqlite_database_is_for_its_owner_alone(tmp_path, umask):
    file = tmp_path / "new.db"
    before = os.umask(umask)
    try:
        migrate.upgrade(f"sqlite:///{file}")
        with closing(open_store(f"sqlite:///{file}")) as store, store.writing() as s:
            add_domain(s, "a")
            s.flush()
            rights = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert rights == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}


def test_the_rights_of_a_sqlite_database_that_is_there_stay(tmp_path):
    file = tmp_path / "shared.db"
    file.touch()
    file.chmod(0o660)
    migrate.upgrade(f"sqlite:///{file}")
    assert file.stat().st_mode & 0o777 == 0o660
