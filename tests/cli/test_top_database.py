"""`fshunt top` while PostgreSQL is away: it says so, its keys work, and it goes on by itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from fshunt.db.engine import open_store
from fshunt.services import groups
from tests.support.postgres_proxy import PostgresProxy
from tests.support.terminal import OnTerminal

pytestmark = pytest.mark.faults

HOME = "\x1b[H"


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[PostgresProxy]:
    """A fresh migrated PostgreSQL database behind a proxy."""
    with PostgresProxy(postgres_url) as made:
        yield made


@pytest.fixture
def terminal(proxy: PostgresProxy, postgres_url: str) -> Iterator[OnTerminal]:
    store = open_store(postgres_url)
    with store.writing() as s:
        groups.add_group(s, "pbx.test", "5000", name="Sales")
    store.close()
    program = [sys.executable, "-m", "fshunt", "top"]
    made = OnTerminal(program, {**os.environ, "FSHUNT_DATABASE_URL": proxy.url})
    made.until("Sales")
    yield made
    made.close()


def assert_goes_on(terminal: OnTerminal) -> None:
    """A whole screen without trouble comes, and q quits."""
    while "! As of" in (screen := terminal.until("Sales").rpartition(HOME)[2]):
        terminal.until(HOME)
    assert screen
    terminal.press("q")
    assert terminal.end() == 0


def test_a_server_that_is_down_is_told_until_it_is_back(proxy: PostgresProxy, terminal: OnTerminal) -> None:
    proxy.refuse()
    terminal.until("! As of")
    proxy.mend()
    assert_goes_on(terminal)


def test_a_server_that_answers_nothing_is_told_and_keys_work(proxy: PostgresProxy, terminal: OnTerminal) -> None:
    proxy.swallow()
    assert "not" in terminal.until("! As of") + terminal.until("\r\n")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.seen.endswith("\x1b[?25h\x1b[?1049l")


def test_connections_that_were_cut_cost_nothing(proxy: PostgresProxy, terminal: OnTerminal) -> None:
    proxy.cut()
    terminal.until("Sales")
    assert_goes_on(terminal)
