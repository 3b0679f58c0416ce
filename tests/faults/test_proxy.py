"""The proxy works as documented: the tests of faults rely on it."""

from __future__ import annotations

import struct
import threading
import time

import psycopg
import pytest
from sqlalchemy import make_url

from tests.support.postgres_proxy import WAIT_SECONDS, Messages, PostgresProxy


def connect(url: str, **more: object) -> psycopg.Connection:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, **more)


def one(connection: psycopg.Connection) -> object:
    row = connection.execute("SELECT 1").fetchone()
    return row and row[0]


def test_it_passes_all_on_and_knows_the_statements(proxy: PostgresProxy) -> None:
    with connect(proxy.url) as connection:
        for _ in range(10):  # later ones are prepared statements, without their text
            assert connection.execute("SELECT %s + 1", (1,)).fetchone() == (2,)
        connection.execute("SELECT 'x'" + " " * 100_000)
    assert sum(s.startswith("SELECT $1 + 1") for s in proxy.statements) == 10
    assert proxy.statements[-1] == "COMMIT"


def test_every_answer_is_late(proxy: PostgresProxy) -> None:
    with connect(proxy.url, autocommit=True) as connection:
        proxy.delay, began = 0.2, time.monotonic()
        assert one(connection) == 1
        assert time.monotonic() - began >= 0.2


def test_a_cut_ends_what_is_open_and_lets_new_ones_in(proxy: PostgresProxy) -> None:
    connection = connect(proxy.url)
    proxy.cut()
    with pytest.raises(psycopg.OperationalError):
        one(connection)
    with connect(proxy.url) as again:
        assert one(again) == 1


def test_refused_until_it_is_mended_at_the_same_port(proxy: PostgresProxy) -> None:
    url = proxy.url
    proxy.refuse()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(url)
    proxy.mend()
    assert proxy.url == url
    with connect(url) as again:
        assert one(again) == 1


def test_a_black_hole_answers_nothing_and_its_connections_end_when_it_is_mended(proxy: PostgresProxy) -> None:
    connection, ended = connect(proxy.url), threading.Event()

    def ask() -> None:
        with pytest.raises(psycopg.OperationalError):
            one(connection)
        ended.set()

    proxy.swallow()
    threading.Thread(target=ask, daemon=True).start()
    with pytest.raises(psycopg.OperationalError, match="timeout"):
        connect(proxy.url, connect_timeout=2)
    assert not ended.is_set()
    proxy.mend()
    assert ended.wait(WAIT_SECONDS)
    with connect(proxy.url) as again:
        assert one(again) == 1


def test_a_commit_is_done_and_its_answer_never_comes(proxy: PostgresProxy, postgres_url: str) -> None:
    connection = connect(proxy.url)
    connection.execute("INSERT INTO domains (name) VALUES ('committed.test')")
    proxy.drop_the_answer_to_commit()
    with pytest.raises(psycopg.OperationalError):
        connection.commit()
    assert proxy.commits_dropped == 1
    with connect(postgres_url) as other:
        assert other.execute("SELECT count(*) FROM domains").fetchone() == (1,)
    with connect(proxy.url) as again:
        assert one(again) == 1


def test_a_trap_springs_once_before_the_statement_is_done(proxy: PostgresProxy, postgres_url: str) -> None:
    connection = connect(proxy.url)
    with proxy.trap("INSERT INTO domains", proxy.cut) as sprung:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("INSERT INTO domains (name) VALUES ('lost.test')")
        assert sprung.is_set()
        with connect(proxy.url) as again:
            again.execute("INSERT INTO domains (name) VALUES ('kept.test')")
    with connect(postgres_url) as other:
        assert other.execute("SELECT name FROM domains").fetchall() == [("kept.test",)]


def test_it_leaves_nothing_behind(proxy: PostgresProxy) -> None:
    with connect(proxy.url):
        assert proxy.connections == 1
    deadline = time.monotonic() + WAIT_SECONDS
    while proxy.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert proxy.connections == 0


def test_messages_are_the_same_in_any_slices() -> None:
    start = [wish_for_tls(), message(b"", b"\0\3\0\0")]
    run_prepared = message(b"B", b"\0s1\0" + bytes(6))
    stream = b"".join([*start, message(b"Q", b"COMMIT\0"), message(b"P", b"s1\0SELECT 1\0\0\0"), run_prepared])
    whole = [statement for _, statement in Messages().feed(stream)]
    assert whole == [None, None, "COMMIT", None, "SELECT 1"]
    for size in (1, 2, 7):
        messages, found = Messages(), []
        for start_at in range(0, len(stream), size):
            found += list(messages.feed(stream[start_at : start_at + size]))
        assert [statement for _, statement in found] == whole


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def wish_for_tls() -> bytes:
    return message(b"", struct.pack("!I", 80877103))
