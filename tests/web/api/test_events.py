"""The stream of events on the wire: who is let in, what comes, and what ends it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from fshunt.db.engine import Store
from fshunt.db.models import WebSession
from fshunt.services import accounts, members, sign_in
from fshunt.services.users import Scope
from fshunt.web.http.server import Server
from fshunt.web.live.hub import MAX_OF_ACCOUNT
from tests.support.waiting import WAIT_SECONDS
from tests.web.api.conftest import MakeProgram
from tests.web.people import ADMIN, DOMAIN, MEMBER, OTHER_PILOT, PILOT
from tests.web.talking import connect, get, serving

ONE = f"/api/v1/events?domain={DOMAIN}&pilot={PILOT}"


class Reader:
    """A client that reads a stream event by event."""

    def __init__(self, server: Server, path: str, *headers: str) -> None:
        self.sock = connect(server)
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode())
        self.head = self._until(b"\r\n\r\n").decode()

    def event(self) -> tuple[str, Any]:
        """Return the next event."""
        while True:
            name = data = ""
            for line in self._until(b"\n\n").decode().splitlines():
                key, _, value = line.partition(": ")
                name, data = (value, data) if key == "event" else (name, value if key == "data" else data)
            if name:
                return name, json.loads(data)

    def next(self, wanted: str) -> Any:
        """Return the data of the next event of this name."""
        while True:
            name, data = self.event()
            if name == wanted:
                return data

    def is_over(self) -> bool:
        """Read to the end; False where it does not come."""
        while some := self.sock.recv(65536):
            if some.endswith(b"0\r\n\r\n"):
                return True
        return True

    def _until(self, end: bytes) -> bytes:
        found = b""
        while not found.endswith(end):
            some = self.sock.recv(1)
            assert some, f"closed after {found!r}"
            found += some
        return found


@contextmanager
def reading(server: Server, path: str = ONE, *headers: str) -> Iterator[Reader]:
    reader = Reader(server, path, *headers)
    with closing(reader.sock):
        yield reader


@pytest.fixture
def server(app: Flask, office: Store) -> Iterator[Server]:
    with serving(app) as made:
        yield made
    app.extensions["fshunt-hub"].close()


@pytest.fixture
def bearer(program: MakeProgram) -> str:
    return f"Authorization: Bearer {program(ADMIN, Scope.READ).secret}"


def cookie_of(store: Store, name: str = ADMIN) -> str:
    with store.writing() as s:
        secret = sign_in.start_session(s, accounts.get_user(s, name).id, address=None, agent=None)
    return f"Cookie: __Host-fshunt={secret}"


def test_a_program_is_told_the_state_and_then_what_changes(server: Server, office: Store, bearer: str) -> None:
    with reading(server, ONE, bearer) as stream:
        assert "content-type: text/event-stream" in stream.head
        assert "cache-control: no-store" in stream.head
        now = stream.next("now")
        assert (now["now"]["pilot"], [each["blocked"] for each in now["members"]]) == (PILOT, [False, False])
        with office.writing() as s:
            members.block(s, DOMAIN, "1002", True)
        began = time.monotonic()
        assert [each["state"] for each in stream.next("now")["members"]] == ["unknown", "blocked"]
        assert time.monotonic() - began < 1.5


def test_the_pages_read_it_by_their_session_and_keep_none_alive(server: Server, office: Store) -> None:
    cookie, an_age = cookie_of(office), datetime.now(UTC) - timedelta(minutes=20)
    with office.writing() as s:
        s.execute(update(WebSession).values(used_at=an_age))
    with reading(server, ONE, cookie) as stream:
        assert stream.next("now")["now"]["pilot"] == PILOT
    with office.reading() as s:
        assert [row.used_at for row in s.query(WebSession)] == [an_age]


def test_who_has_no_right_is_not_let_in(server: Server, office: Store, program: MakeProgram, bearer: str) -> None:
    of_member = f"Authorization: Bearer {program(MEMBER, Scope.READ).secret}"
    without_scope = f"Authorization: Bearer {program(ADMIN, Scope.WRITE).secret}"
    hidden = f"/api/v1/events?pilot={OTHER_PILOT}"
    asked = [
        get(server, "/api/v1/events"),
        get(server, ONE, "Authorization: Bearer fsh_unknown", cookie_of(office)),
        get(server, ONE, of_member),
        get(server, ONE, without_scope),
        get(server, ONE, cookie_of(office, MEMBER)),
        get(server, hidden, bearer),
        get(server, hidden, cookie_of(office)),
        get(server, "/api/v1/events?pilot=no%20number", bearer),
    ]
    assert [each.status for each in asked] == [401, 401, 403, 403, 403, 404, 404, 400]


def _revoke_token(store: Store) -> None:
    with store.writing() as s:
        accounts.revoke_token(s, 1)


def _take_group(store: Store) -> None:
    with store.writing() as s:
        accounts.revoke(s, ADMIN, DOMAIN, PILOT)


@pytest.mark.parametrize("end", [_revoke_token, _take_group])
def test_a_stream_ends_soon_after_its_right(server: Server, office: Store, bearer: str, end: Any) -> None:
    with reading(server, ONE, bearer) as stream:
        stream.next("now")
        end(office)
        began = time.monotonic()
        assert stream.is_over()
        assert time.monotonic() - began < 5


def test_signing_out_ends_the_stream_of_the_page(server: Server, office: Store) -> None:
    cookie = cookie_of(office)
    with reading(server, ONE, cookie) as stream:
        stream.next("now")
        with office.writing() as s:
            sign_in.end_session(s, cookie.partition("=")[2])
        assert stream.is_over()


def test_one_account_has_so_many_streams(server: Server, bearer: str) -> None:
    readers = [Reader(server, ONE, bearer) for _ in range(MAX_OF_ACCOUNT)]
    refused = get(server, ONE, bearer)
    assert (refused.status, json.loads(refused.body)["code"]) == (429, "too-many-streams")
    for each in readers:
        each.sock.close()


def test_a_stop_ends_streams_at_once(app: Flask, office: Store, bearer: str) -> None:
    with serving(app) as server, reading(server, ONE, bearer) as stream:
        stream.next("now")
        began = time.monotonic()
        server.stop(WAIT_SECONDS)
        app.extensions["fshunt-hub"].close()
        assert time.monotonic() - began < 1
        assert stream.sock.recv(1) == b"" or stream.is_over()
