"""A database that cannot be used: one sentence each, and never a password in it."""

import re
import sqlite3
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg
import pytest
from sqlalchemy import make_url, text

from fshunt.db import migrate
from fshunt.db.engine import open_engine, open_store
from fshunt.errors import DatabaseError
from fshunt.services import groups
from tests.support.postgres import LOCKED_ROLE
from tests.support.small_office import DOMAIN, PILOT, look, make_office

SECRET = "hunter2-s3cret"


def fault(store, write=False):
    """The sentence with which the store refuses; it must be one, without a secret in it or in what led to it."""
    transaction = store.writing if write else store.reading
    with pytest.raises(DatabaseError) as refused, closing(store), transaction() as s:
        groups.list_groups(s, DOMAIN) if not write else groups.add_group(s, DOMAIN, PILOT)
    sentence = str(refused.value)
    assert re.fullmatch(r"[A-Z][^\n]+\.", sentence)
    assert SECRET not in "".join(traceback.format_exception(refused.value))
    return sentence


def test_a_database_that_is_not_migrated(empty_database_url):
    open_engine(empty_database_url, create=True).connect().close()
    for write in (False, True):
        assert fault(open_store(empty_database_url), write) == "The database is not migrated: run `fshunt db upgrade`."


def test_a_database_of_an_older_fshunt_without_a_column(store):
    make_office(store)
    with store.writing() as s:
        s.execute(text("ALTER TABLE members DROP COLUMN idle_since"))
    with pytest.raises(DatabaseError, match="is not migrated"), store.reading() as s:
        groups.list_groups(s, DOMAIN)


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    path = tmp_path / "none.db"
    said = fault(open_store(f"sqlite:///{path}"))
    assert said.startswith(f"The database file {path} is not there. If it was never made, run `fshunt db upgrade`.")
    assert said.endswith("put it back from a backup: `fshunt db upgrade` would make an empty one.")
    with pytest.raises(DatabaseError, match="is not there"):
        migrate.check(f"sqlite:///{path}")
    with pytest.raises(DatabaseError, match="is not there"):
        migrate.downgrade(f"sqlite:///{path}", "base")
    assert not path.exists()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DatabaseError, match=r"cannot be opened: check that its folder exists and may be written\.$"):
        migrate.upgrade(f"sqlite:///{tmp_path}/no/such/folder/fshunt.db")


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear Ada, " * 500)
    assert "is not a SQLite database" in fault(open_store(f"sqlite:///{path}"))


def test_an_sqlite_file_that_another_process_writes(sqlite_url):
    with holding_the_write_lock(sqlite_url):
        assert "is locked by another process" in fault(open_store(sqlite_url, busy_timeout_ms=50), write=True)


def test_an_sqlite_file_that_another_process_writes_can_be_read(sqlite_url):
    store = open_store(sqlite_url, busy_timeout_ms=50)
    make_office(store)
    with holding_the_write_lock(sqlite_url):
        assert look(store).pilot == PILOT
    with store.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
    store.close()


def test_an_sqlite_file_is_written_when_the_other_process_lets_go(sqlite_url):
    store = open_store(sqlite_url)
    with ThreadPoolExecutor(1) as pool:
        with holding_the_write_lock(sqlite_url):
            pending = pool.submit(make_office, store)
            assert not pending.done()
        assert pending.result(30).pilot == PILOT
    store.close()


@contextmanager
def holding_the_write_lock(url):
    with closing(sqlite3.connect(make_url(url).database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_thread_that_waits_too_long_for_another_threads_write(sqlite_url):
    store = open_store(sqlite_url, busy_timeout_ms=50)
    inside, go_on = threading.Event(), threading.Event()

    def write_for_long() -> None:
        with store.writing():
            inside.set()
            assert go_on.wait(30)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(write_for_long)
        assert inside.wait(30)
        with pytest.raises(DatabaseError, match="is locked"), store.writing():
            pytest.fail("two writers at once")
        go_on.set()
        pending.result(30)
    make_office(store)
    store.close()


def test_an_sqlite_file_that_is_read_only(sqlite_url):
    path = make_url(sqlite_url).database
    assert "is read-only" in fault(open_store(f"sqlite:///file:{path}?mode=ro&uri=true"), write=True)


def test_a_postgresql_database_that_is_read_only(postgres_url):
    read_only = make_url(postgres_url).update_query_dict({"options": "-c default_transaction_read_only=on"})
    assert "is read-only" in fault(open_store(read_only), write=True)


def test_a_postgresql_row_that_another_holds(postgres_url):
    store = open_store(postgres_url)
    make_office(store)
    with psycopg.connect(make_url(postgres_url).set(drivername="postgresql").render_as_string(False)) as other:
        other.execute("SELECT * FROM domains FOR UPDATE")
        assert "is locked by another client" in fault(open_store(postgres_url, busy_timeout_ms=50), write=True)
    store.close()


def test_a_postgresql_statement_that_takes_too_long(postgres_url):
    store = open_store(postgres_url, busy_timeout_ms=50)
    with closing(store), pytest.raises(DatabaseError, match="took too long"), store.reading() as s:
        s.execute(text("SELECT pg_sleep(30)"))


def test_a_postgresql_server_that_is_not_there(tmp_path):
    url = f"postgresql://fshunt:{SECRET}@127.0.0.1:1/fshunt"
    sentence = fault(open_store(url))
    assert sentence.startswith("The database fshunt on 127.0.0.1:1 cannot be used: ")
    assert "refused" in sentence
    assert "cannot be used" in fault(open_store(f"postgresql://fshunt:{SECRET}@/fshunt?host={tmp_path}"))
    with pytest.raises(DatabaseError, match="cannot be used"):
        migrate.upgrade(url)
    with pytest.raises(DatabaseError, match="cannot be used"):
        migrate.check(url)


def test_a_server_name_that_does_not_exist():
    assert "cannot be used" in fault(open_store(f"postgresql://fshunt:{SECRET}@no-such-host.invalid/fshunt"))


def test_a_wrong_password(own_postgres, postgres_url):
    url = make_url(postgres_url).set(username=LOCKED_ROLE, password=SECRET)
    assert fault(open_store(url)).endswith("refuses the user name or the password.")
    without = make_url(postgres_url).set(username=LOCKED_ROLE)
    assert fault(open_store(without)).endswith("set `database_password_file` to a file that has it.")


def test_a_user_without_rights(own_postgres, postgres_url):
    from tests.support.postgres import LOCKED_PASSWORD

    url = make_url(postgres_url).set(username=LOCKED_ROLE, password=LOCKED_PASSWORD)
    assert "refuses this to its user" in fault(open_store(url))


def test_a_database_that_the_server_does_not_have(postgres_url):
    assert "there is no such database" in fault(open_store(make_url(postgres_url).set(database="nowhere")))


def test_a_connection_that_was_cut_in_the_middle_and_then_is_made_again(postgres_url):
    store = open_store(postgres_url)
    make_office(store)
    with pytest.raises(DatabaseError):
        remove_group_and_cut_the_connection(store)
    assert look(store).pilot == PILOT
    store.close()


def remove_group_and_cut_the_connection(store):
    with store.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
        s.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def test_idle_connections_that_were_cut(postgres_url):
    store = open_store(postgres_url)
    make_office(store)
    with psycopg.connect(
        make_url(postgres_url).set(drivername="postgresql").render_as_string(False), autocommit=True
    ) as other:
        everybody = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        other.execute(f"{everybody} AND pid <> pg_backend_pid()")
        while other.execute(f"{everybody} AND pid <> pg_backend_pid()").fetchone() is not None:
            pass  # they are ending
    assert look(store).pilot == PILOT
    store.close()


def test_more_transactions_at_once_than_connections(database_url):
    store = open_store(database_url, connections=1, busy_timeout_ms=50)
    with closing(store), store.reading() as s:
        s.execute(text("SELECT 1"))
        with pytest.raises(DatabaseError, match="all connections of this process are in use"), store.reading() as other:
            other.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"no url {SECRET}", "The database URL cannot be read"),
        (f"postgresql://u:{SECRET}@host:port/x", "The database URL cannot be read"),
        (f"mysql://u:{SECRET}@host/x", r"fshunt supports sqlite:// and postgresql:// databases, not mysql://\."),
        (f"postgresql+psycopg2://u:{SECRET}@host/x", r"not postgresql\+psycopg2://\."),
        ("sqlite://", "An SQLite database needs a file"),
        ("sqlite:///:memory:", "An SQLite database needs a file"),
    ],
)
def test_a_url_that_is_of_no_use(url, sentence):
    with pytest.raises(DatabaseError, match=sentence) as refused:
        open_store(url)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("driver", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_write_a_postgresql_url(postgres_url, driver):
    store = open_store(make_url(postgres_url).set(drivername=driver))
    make_office(store)
    store.close()


def test_a_driver_that_repeats_the_password_is_not_quoted(monkeypatch):
    import sqlalchemy.exc

    from fshunt.db.failures import as_store_errors

    url = make_url(f"postgresql+psycopg://u:{SECRET}@host/x")
    with pytest.raises(DatabaseError) as refused, as_store_errors(url):
        raise sqlalchemy.exc.OperationalError("", {}, psycopg.OperationalError(f"bad conninfo password={SECRET}"))
    assert SECRET not in str(refused.value)
