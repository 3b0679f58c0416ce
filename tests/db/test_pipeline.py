"""What is sent to PostgreSQL together: how many answers are waited for, and what comes of errors among them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from statistics import mode
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url, text

from fshunt.db.engine import Store, open_store
from fshunt.db.models import CallRecord
from fshunt.db.queries import calls, cluster, hunts, queue
from fshunt.errors import BadValue, Conflict, DatabaseError
from fshunt.hunting.group import Group
from fshunt.hunting.states import Result
from tests.support.small_office import DOMAIN, NOON, PILOT, look, make_office

TIMES = 8


class Passed:
    """A connection that is passed on."""

    clients_turn = True
    """Whether the server has spoken since the client did."""
    is_own = False
    """Not of a client that asks again and again for a server of an earlier test, which had this port."""


class TurnCounter:
    """Passes connections on to a server, and counts how often the client spoke after the server had."""

    def __init__(self, url: str) -> None:
        self._server = str(make_url(url).query["host"])
        self._url = make_url(url)
        self._name = f"turns-{uuid4().hex}"
        self.turns = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        port = self._listening.getsockname()[1]
        query = {"host": "127.0.0.1", "port": str(port), "sslmode": "disable", "gssencmode": "disable"}
        query |= {"application_name": self._name}
        return self._url.set(query=query).render_as_string(hide_password=False)

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{self._server}/.s.PGSQL.5432")
                passed = Passed()
                threading.Thread(target=self._bring, args=[passed, server, client], daemon=True).start()
                threading.Thread(target=self._take, args=[passed, client, server], daemon=True).start()

    def _take(self, passed: Passed, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                passed.is_own = passed.is_own or self._name.encode() in data  # in its first words
                if passed.clients_turn:
                    self.turns += passed.is_own
                    passed.clients_turn = False
                server.sendall(data)
        server.close()

    def _bring(self, passed: Passed, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                passed.clients_turn = True
                client.sendall(data)
        client.close()


@pytest.fixture
def counter(postgres_url: str) -> Iterator[TurnCounter]:
    if not str(make_url(postgres_url).query.get("host", "")).startswith("/"):
        pytest.skip("the server is not ours, on a socket in a folder")
    with closing(TurnCounter(postgres_url)) as counting:
        yield counting


@pytest.fixture
def far(counter: TurnCounter) -> Iterator[Store]:
    """A store whose answers are counted."""
    with closing(open_store(counter.url)) as store:
        yield store


@pytest.fixture
def group(far: Store) -> Group:
    return make_office(far, "1001", "1002", "1003", policy="round-robin")


def answers(counter: TurnCounter, act) -> int:
    """How many answers ``act``, a transaction, mostly waits for; once a statement is prepared it may be one more."""
    found = []
    for number in range(TIMES):
        before = counter.turns
        act(f"{number}")
        found.append(counter.turns - before)
    return mode(found)


def test_a_hunt_waits_for_seven_answers_at_most_until_it_rings(counter, far, group):
    """At 0.1 s each, it goes on within a second."""
    ids = [member.id for member in group.members]

    def load(_number):
        with far.reading() as s:
            hunts.load(s, pilot=PILOT, host=DOMAIN)

    def move_first(number):
        with far.writing() as s:
            hunts.move_first(s, group.id, number, lambda _pointer: ids[0])

    def claim(number):
        who = {"domain": DOMAIN, "hunt_id": number, "call_uuid": number, "run_id": "run"}
        with far.writing() as s:
            hunts.look_and_claim(s, group.id, ids, ids, **who, at=NOON, sequence=1)

    assert (answers(counter, load), answers(counter, move_first), answers(counter, claim)) == (2, 3, 2)


def test_what_only_is_written_waits_for_one_answer(counter, far, group):
    def write(number):
        with far.writing() as s:
            for part in "abcdef":
                open_call(s, number + part)
                calls.close_call(s, number + part, result=Result.FAILED, reason="", destination=None, ended_at=NOON)
            hunts.note_end(s, group.members[0].id, at=NOON)
            hunts.release(s, number)
            queue.leave(s, number)

    assert answers(counter, write) == 1
    with far.reading() as s:
        assert len(calls.list_calls(s, limit=1000)) == 6 * TIMES


def test_a_caller_joins_the_queue_in_two_round_trips(counter, far, group):
    def join(number):
        who = {"domain": DOMAIN, "group_id": group.id, "call_uuid": number, "run_id": "run"}
        with far.writing() as s:
            queue.join(s, number, ["1001", "1002"], **who, ticket=None, at=NOON)

    assert answers(counter, join) == 2


def open_call(s, hunt_id, started_at=NOON):
    group = {"domain": DOMAIN, "pilot": PILOT, "group_name": "", "policy": "regular"}
    caller = {"uuid": "u", "caller_number": None, "caller_name": None, "policy_input": None, "node": "n"}
    calls.open_call(s, hunt_id, **group, **caller, started_at=started_at)


def add_offer(s, offer_id, call_id):
    place = {"stage": 1, "cycle": 1, "position": 1, "extension": "1001", "phones": 1}
    calls.add_offer(s, offer_id, call_id=call_id, **place, ring_seconds=1.0, started_at=NOON)


def call_ids(store):
    with store.reading() as s:
        return {record.id for record in calls.list_calls(s)}


@pytest.mark.parametrize("then", [0, 1, 50], ids=["last", "before the last", "early"])
@pytest.mark.parametrize("before", [0, 1, 50])
def test_one_refused_statement_of_a_pipeline_undoes_all_and_is_named(store, before, then):
    """A record that can never be written must not look like an unavailable database: it would be retried forever."""

    def block(s):
        for number in range(before):
            open_call(s, f"before {number}")
        add_offer(s, "offer", call_id="nobody's")
        for number in range(then):
            open_call(s, f"then {number}")

    with pytest.raises(Conflict):
        in_one_transaction(store, block)
    assert call_ids(store) == set()
    in_one_transaction(store, lambda s: open_call(s, "after"))
    assert call_ids(store) == {"after"}


def in_one_transaction(store, block):
    with store.writing() as s:
        block(s)


def test_a_refused_statement_is_reported_by_the_next(store):
    def block(s):
        add_offer(s, "offer", call_id="nobody's")
        cluster.timing(s)

    with pytest.raises(Conflict):
        in_one_transaction(store, block)
    assert look_is_possible(store)


def test_a_value_that_is_refused_before_it_is_sent_undoes_what_was(store):
    def block(s):
        open_call(s, "one")
        open_call(s, "two", started_at=NOON.replace(tzinfo=None))
        open_call(s, "three")

    with pytest.raises(BadValue):
        in_one_transaction(store, block)
    assert call_ids(store) == set()
    assert look_is_possible(store)


def test_what_is_read_in_a_transaction_holds_what_was_written_in_it(store):
    with store.writing() as s:
        open_call(s, "one")
        assert s.get(CallRecord, "one") is not None
        open_call(s, "two")
        assert {record.id for record in calls.list_calls(s)} == {"one", "two"}


def test_an_error_of_the_block_undoes_what_was_still_to_be_sent(store):
    def block(s):
        open_call(s, "one")
        raise LookupError

    with pytest.raises(LookupError):
        in_one_transaction(store, block)
    assert call_ids(store) == set()


def test_a_server_that_dies_during_a_send_is_unavailable(postgres_url):
    def block(s):
        open_call(s, "one")
        s.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with closing(open_store(postgres_url)) as store:
        with pytest.raises(DatabaseError):
            in_one_transaction(store, block)
        assert call_ids(store) == set()


def test_the_error_of_a_lost_connection_is_its_cause(postgres_url):
    def ended():
        try:
            raise psycopg.errors.AdminShutdown("terminating connection due to administrator command")
        finally:
            raise psycopg.OperationalError("cannot exit pipeline mode while busy")

    def ask(store):
        with store.reading() as s:
            connection = s.connection().connection.driver_connection
            connection.open_pipe()
            connection._pipe = ExitStack()  # the other one is never closed, as if answers were missing
            connection._pipe.callback(ended)
            s.execute(text("SELECT 1"))

    with closing(open_store(postgres_url)) as store:
        with pytest.raises(
            DatabaseError, match=r"cannot be used: terminating connection due to administrator command\.$"
        ):
            ask(store)
        assert look_is_possible(store)


def look_is_possible(store):
    make_office(store, "1001")
    return look(store).pilot == PILOT
