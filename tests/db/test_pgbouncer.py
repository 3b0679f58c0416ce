"""A connection pooler before PostgreSQL: in session mode it works, in any other it is refused with one sentence."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import make_url

from fshunt.db import migrate
from fshunt.db.engine import open_store
from fshunt.db.notifications import Changes, announce
from fshunt.db.pooler import SHARED_SERVER, SharedServer
from fshunt.db.queries.rows import domain_names
from fshunt.services import groups
from tests.support.pgbouncer import through
from tests.support.waiting import WAIT_SECONDS

pytestmark = pytest.mark.faults

CODES = ("group list", "db check", "db upgrade", "status", "serve")


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("pool_size", [1, 20])
def test_a_pooler_that_shares_its_servers_is_refused(postgres_url: str, mode: str, pool_size: int) -> None:
    with through(postgres_url, mode, pool_size) as url, closing(open_store(url)) as store:
        with pytest.raises(SharedServer) as refused, store.reading() as session:
            domain_names(session)
        assert str(refused.value) == SHARED_SERVER
        with pytest.raises(SharedServer):
            migrate.check(url)


@pytest.fixture
def busy(postgres_url: str) -> Iterator[str]:
    """A pooler in transaction mode that others use all the time."""
    with through(postgres_url, "transaction", 5) as url:
        stopped = threading.Event()

        def use() -> None:
            with psycopg.connect(url.render_as_string(False), autocommit=True, prepare_threshold=None) as connection:
                while not stopped.is_set():
                    with connection.transaction():
                        connection.execute("SELECT pg_sleep(0.002)")

        threads = [threading.Thread(target=use) for _ in range(4)]
        for each in threads:
            each.start()
        yield url.render_as_string(False)
        stopped.set()
        for each in threads:
            each.join()


def test_it_is_refused_while_others_use_it_too(busy: str) -> None:
    for _ in range(10):
        with closing(open_store(busy)) as store, pytest.raises(SharedServer), store.reading() as session:
            domain_names(session)


@pytest.mark.parametrize("words", CODES)
def test_a_command_and_the_start_of_the_daemon_say_what_to_set(postgres_url: str, words: str) -> None:
    with through(postgres_url, "transaction") as url:
        env = {"FSHUNT_DATABASE_URL": url.render_as_string(False), "FSHUNT_LISTEN": "127.0.0.1:0"}
        command = [sys.executable, "-m", "fshunt", *words.split()]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert SHARED_SERVER in said
    assert "Traceback" not in said


def test_in_session_mode_everything_works(postgres_url: str) -> None:
    """Migrations, transactions in pipelines, timeouts of the session, and notifications."""
    with through(postgres_url, "session") as url, closing(open_store(url)) as store:
        assert migrate.check(url).ok
        heard: list[object] = []
        told = threading.Event()

        def note(changed: object) -> None:
            heard.append(changed)
            told.set()

        changes = Changes(url, note)
        changes.start()
        assert told.wait(WAIT_SECONDS)
        told.clear()
        with store.writing() as session:
            groups.add_group(session, "pbx.test", "5000")
            announce(session, "pbx.test", ["1001"])
        assert told.wait(WAIT_SECONDS)
        changes.stop()
        assert heard[0] is None
        assert [("pbx.test", "1001")] in heard
        with store.reading() as session:
            assert groups.get_group(session, "pbx.test", "5000").pilot == "5000"


def test_without_a_pooler_no_second_connection_is_made(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    connect = psycopg.Connection.connect.__func__

    def count(cls: type, *args: object, **named: object) -> object:
        made.append(args)
        return connect(cls, *args, **named)

    monkeypatch.setattr(psycopg.Connection, "connect", classmethod(count))
    with closing(open_store(make_url(postgres_url))) as store, store.reading() as session:
        domain_names(session)
    assert len(made) == 1
