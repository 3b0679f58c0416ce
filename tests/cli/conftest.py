import json
import os
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url

from fshunt.cli import status
from fshunt.cli.main import cli
from fshunt.db.queries import daemons
from tests.support.ports import held_port, number_of


def content_of(text: str) -> Any:
    """What a document of schema 1 holds under its kind."""
    document = json.loads(text)
    [kind] = set(document) - {"schema", "warnings"}
    assert document["schema"] == 1
    return document[kind]


@dataclass
class Fshunt:
    """The command line on one database. `run` is for what shall go well, `refused` for what shall not."""

    env: dict[str, str]

    def invoke(self, *words: str, given: str | None = None) -> Result:
        """Run a command; ``given`` is its standard input."""
        return CliRunner(env=self.env).invoke(cli, list(words), prog_name="fshunt", input=given)

    def run(self, *words: str, given: str | None = None) -> Result:
        result = self.invoke(*words, given=given)
        assert result.exit_code == 0, result.output
        return result

    def json(self, *words: str) -> Any:
        """The thing or the list in the document that a command prints."""
        return content_of(self.run(*words, "--json").stdout)

    def refused(self, exit_code: int, *words: str) -> str:
        """Run what shall be refused: one sentence on stderr, no traceback, and nothing changed."""
        return self.all_refused(exit_code, [words])[0]

    def _sentence(self, exit_code: int, words: Sequence[str]) -> str:
        result = self.invoke(*words)
        assert result.exit_code == exit_code, result.output
        sentence = result.stderr.removesuffix("\n")
        if "--json" in words:
            sentence = f"Error: {json.loads(sentence)['error']['message']}"
        assert sentence.startswith("Error: ")
        assert "\n" not in sentence
        assert sentence.endswith((".", "?"))
        assert "Traceback" not in result.output
        assert result.stdout == ""
        return sentence.removeprefix("Error: ")

    def all_refused(self, exit_code: int, many: Iterable[Sequence[str]]) -> list[str]:
        """As `refused`, for many; whether nothing was changed is looked at once."""
        before = self.state()
        sentences = [self._sentence(exit_code, words) for words in many]
        assert self.state() == before
        return sentences

    def state(self) -> str:
        """All groups with all that is known of them."""
        return self.invoke("group", "list", "--json", "--domain", "pbx.test").stdout


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("FSHUNT_", "_FSHUNT_", "NO_COLOR"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("fshunt.settings.loading.DEFAULT_FILE", tmp_path / "no-settings.toml")


@pytest.fixture
def fshunt_on() -> Callable[[str], Fshunt]:
    return lambda url: Fshunt({"FSHUNT_DATABASE_URL": url, "FSHUNT_DEFAULT_DOMAIN": "pbx.test"})


@pytest.fixture
def fshunt(fshunt_on, database_url) -> Fshunt:
    """The command line on a migrated database without groups; once on SQLite, once on PostgreSQL."""
    return fshunt_on(database_url)


@pytest.fixture
def unwritable(fshunt, database_url, monkeypatch) -> Iterator[str]:
    """The database is locked (SQLite) or read-only (PostgreSQL) from now on; gives words of the error."""
    monkeypatch.setattr("fshunt.db.writable.LOCK_MS", 50)
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield "is locked by another process"
        return
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(False), autocommit=True) as administrator:
        administrator.execute(f'ALTER DATABASE "{url.database}" SET default_transaction_read_only = on')
    yield "is read-only"


@pytest.fixture
def office(fshunt) -> Fshunt:
    """The command line with a group 5000 of three agents."""
    fshunt.run("group", "add", "5000", "--name", "Sales", "--policy", "circular")
    fshunt.run("member", "add", "5000", "1001", "1002", "1003")
    return fshunt


@pytest.fixture
def free_port() -> Iterator[int]:
    with held_port() as held:
        yield number_of(held)


@pytest.fixture
def neighbour(free_port):
    """A program that listens on the port and sends a greeting."""
    listening = socket.create_server(("127.0.0.1", free_port))

    def start(greeting: bytes) -> None:
        def greet() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.sendall(greeting)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(4096)  # unread bytes would drop the greeting at the other end

        threading.Thread(target=greet, daemon=True).start()

    yield start
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def status_of_daemon(now: datetime | None = None, **others: Any) -> dict[str, Any]:
    """The status of a daemon without problems, by its own clock."""
    now = now or datetime.now(UTC)
    switch = {
        "name": "127.0.0.1:8021",
        "watched": True,
        "since": (now - timedelta(hours=1)).isoformat(),
        "channels": 12,
        "registrations": 85,
        "heard_at": now.isoformat(),
        "error": None,
    }
    return {
        "version": "0.1.0",
        "pid": 4711,
        "listen": "127.0.0.1:8084",
        "http_listen": "127.0.0.1:8085",
        "hunts": 3,
        "answered_calls": 9,
        "queued": 1,
        "taken_over_calls": 2,
        "database": {"ok": True, "since": None, "pending_writes": 0, "error": None},
        "switches": [switch],
        "errors": [],
    } | others


@pytest.fixture
def beat(store):
    """Write what a daemon says; ``silent`` so many seconds ago, by both clocks; ``apart``: by the wall clock only."""

    def beat(
        node: str = "pbx1-8084",
        run: str = "",
        silent: float = 0,
        apart: float = 0,
        started: float = 18000,
        **others: Any,
    ) -> None:
        at = datetime.now(UTC) - timedelta(seconds=silent + apart)
        with store.writing() as s:
            daemons.write_heartbeat(
                s,
                run or f"run-{node}",
                node=node,
                started_at=at - timedelta(seconds=started),
                at=at,
                status=status_of_daemon(at, **others),
            )

    return beat


@pytest.fixture
def pauses(monkeypatch) -> list[float]:
    """The pauses before second looks; nothing is waited for."""
    seconds: list[float] = []
    monkeypatch.setattr(status, "sleep", seconds.append)
    return seconds


@pytest.fixture
def no_daemon_of_this_machine(monkeypatch, no_settings_of_this_machine):
    """Ask no daemon that runs beside the tests, where a test names none."""
    monkeypatch.setenv("FSHUNT_HTTP_LISTEN", "none")
