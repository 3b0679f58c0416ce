"""What pipelining saves: the statements of one hunt on a PostgreSQL that is 0, 1 and 20 ms away.

``python -m tests.benchmarks.pipelining [--hunts N] [--away MS ...]``. Three kinds of connection run the same hunts:
one that waits for each answer, one that has psycopg's ``pipeline()`` for what is written together, and fshunt's, which
sends BEGIN with the first statement and COMMIT with the last as well.
"""

from __future__ import annotations

import argparse
import queue
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any, Self
from unittest.mock import patch

import psycopg
from sqlalchemy import make_url, text

from fshunt.db import engine, migrate
from fshunt.db.engine import Store, open_store
from fshunt.db.pipeline import PipedConnection, PipedCursor
from fshunt.db.queries import calls, hunts
from fshunt.hunting.group import Group
from fshunt.hunting.states import Outcome, Result
from tests.support.postgres import start_or_explain
from tests.support.small_office import DOMAIN, NOON, PILOT, make_office

MEMBERS = [str(1001 + number) for number in range(10)]
MS = 1000.0
UNCOUNTED = 8
"""Hunts that are not counted: psycopg prepares a statement at its fifth use."""


class DelayingProxy:
    """Passes bytes on to the server's socket, each so many seconds after it came, in either direction."""

    def __init__(self, server: str, one_way_seconds: float) -> None:
        self._server, self._delay = server, one_way_seconds
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._pass_on(client, server)
                self._pass_on(server, client)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        on_the_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

        def read() -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    on_the_way.put((time.monotonic() + self._delay, data))
            on_the_way.put((0.0, b""))

        def send() -> None:
            with suppress(OSError):
                while (item := on_the_way.get())[1]:
                    time.sleep(max(0.0, item[0] - time.monotonic()))
                    target.sendall(item[1])
                target.shutdown(socket.SHUT_WR)

        for job in (read, send):
            threading.Thread(target=job, daemon=True).start()


class OneByOneCursor(PipedCursor):
    """Waits for the answer to BEGIN, too."""

    def execute(self, query: Any, params: Any = None, **how: Any) -> Self:
        begin, self.connection.begin_with = self.connection.begin_with, None
        if begin is not None:
            psycopg.Cursor(self.connection).execute(begin)
        return super().execute(query, params, **how)


class BatchesOnly(PipedConnection):
    """Sends together what is written together, by psycopg's ``pipeline()``; BEGIN and COMMIT are waited for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = OneByOneCursor

    def hold_answers(self, statements: int, *, until_commit: bool) -> None:
        super().hold_answers(statements, until_commit=False)


class OneByOne(BatchesOnly):
    """Waits for each answer, as every plain connection does."""

    def hold_answers(self, statements: int, *, until_commit: bool) -> None:
        """Hold none."""


KINDS: dict[str, type[PipedConnection]] = {
    "each answer waited for": OneByOne,
    "psycopg's pipeline() for batches": BatchesOnly,
    "fshunt's": PipedConnection,
}


def hunt(store: Store, group: Group, number: str) -> Iterator[Callable[[], object]]:
    """The transactions of a plain hunt: a call that the second member answers. A caller waits for the first three."""
    ids = [member.id for member in group.members]
    who = {"hunt_id": number, "call_uuid": number, "run_id": "run"}
    place = {"call_id": number, "cycle": 1, "phones": 1, "ring_seconds": 18.0, "started_at": NOON}

    def load() -> None:
        with store.reading() as s:
            hunts.load(s, pilot=PILOT, host=DOMAIN)

    def move_first() -> None:
        with store.writing() as s:
            hunts.move_first(s, group.id, number, lambda _turn: ids[0])

    def claim() -> None:
        with store.writing() as s:
            hunts.look_and_claim(s, group.id, ids[:1], domain=DOMAIN, **who, at=NOON, sequence=1)

    def write() -> None:
        with store.writing() as s:
            caller = {"caller_number": "4930", "caller_name": "Ada", "policy_input": None, "node": "n"}
            names = {"domain": DOMAIN, "pilot": PILOT, "group_name": "", "policy": "round-robin"}
            calls.open_call(s, number, uuid=number, **names, **caller, started_at=NOON)
            for stage, extension in enumerate(MEMBERS[:2], 1):
                offer = f"{number}-{stage}"
                calls.add_offer(s, offer, **place, stage=stage, position=stage, extension=extension)
                outcome = Outcome.ANSWERED if stage == 2 else Outcome.NO_ANSWER
                calls.end_offer(s, offer, ended_at=NOON, outcome=outcome)
            calls.note_answered(s, number, answered_by=MEMBERS[1], answered_at=NOON)
            hunts.note_answer(s, group.id, ids[1], call_uuid=number, at=NOON, moves_answerer=False)
            hunts.release(s, number)
            calls.close_call(s, number, result=Result.ANSWERED, reason=None, destination=None, ended_at=NOON)

    yield from (load, move_first, claim, write)


def measure(url: str, group: Group, times: int) -> dict[str, list[float]]:
    """The median time of each transaction of a hunt by kind of connection, in milliseconds; the kinds take turns."""
    took: dict[str, list[list[float]]] = {name: [] for name in KINDS}
    with ExitStack() as open_stores:
        stores = {name: open_stores.enter_context(closing(_store_with(url, kind))) for name, kind in KINDS.items()}
        for number in range(times + UNCOUNTED):
            for name, store in stores.items():
                one: list[float] = []
                for transaction in hunt(store, group, f"{name} {time.monotonic_ns()} {number}"):
                    began = time.perf_counter()
                    transaction()
                    one.append((time.perf_counter() - began) * MS)
                took[name].append(one)
    return {
        name: [statistics.median(step) for step in zip(*each[UNCOUNTED:], strict=True)] for name, each in took.items()
    }


def _store_with(url: str, kind: type[PipedConnection]) -> Store:
    """A store whose one connection is of this kind."""
    with patch.object(engine, "PipedConnection", kind):
        store = open_store(url, connections=1)
        with store.reading() as s:
            s.execute(text("SELECT 1"))
    return store


@contextmanager
def away(url: str, milliseconds: float) -> Iterator[str]:
    """The URL of the same database with this delay; 0: the server's own socket."""
    if not milliseconds:
        yield url
        return
    made = make_url(url)
    with closing(DelayingProxy(f"{made.query['host']}/.s.PGSQL.5432", milliseconds / MS / 2)) as proxy:
        query = {"host": "127.0.0.1", "port": str(proxy.port), "sslmode": "disable", "gssencmode": "disable"}
        yield made.set(query=query).render_as_string(hide_password=False)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hunts", type=int, default=100)
    parser.add_argument("--away", type=float, nargs="+", default=[0.0, 1.0, 20.0], help="milliseconds, there and back")
    given = parser.parse_args()
    with contextmanager(start_or_explain)() as server:
        url = server.render_as_string(hide_password=False)
        migrate.upgrade(url)
        with closing(open_store(url)) as store:
            group = make_office(store, *MEMBERS, policy="round-robin")
        print(f"{'away':>6}  {'connection':<34}{'load':>8}{'turn':>8}{'claim':>8}{'records':>9}{'hunt':>9}   (ms)")
        for milliseconds in given.away:
            with away(url, milliseconds) as reached:
                for name, steps in measure(reached, group, given.hunts).items():
                    cells = "".join(f"{step:8.2f}" for step in steps[:3])
                    print(f"{milliseconds:4g} ms  {name:<34}{cells}{steps[3]:9.2f}{sum(steps):9.2f}")


if __name__ == "__main__":
    main()
