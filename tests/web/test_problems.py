"""Errors as pages and as problem details; the database away, without tables, older and newer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from fshunt.db import migrate
from fshunt.errors import BadValue, CannotStore, Conflict, DatabaseError, FshuntError, NotFound, UsageError
from fshunt.web import database_state, problems
from fshunt.web.database_state import DatabaseState, State, Trouble
from tests.web.conftest import MakeApp

AS_PROGRAM = {"Accept": "application/json"}


def raising(app: Flask, error: Exception) -> Flask:
    """The application with a route that fails."""

    @app.get("/failing")
    def _fail() -> str:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFound("There is no group 5 in pbx.test."), 404, "not-found"),
        (Conflict("5 exists already."), 409, "conflict"),
        (BadValue("'x' is no number."), 422, "bad-value"),
        (UsageError("Position 9 does not exist: use 1 to 5."), 422, "usage"),
        (FshuntError("It failed."), 400, "failed"),
    ],
)
def test_the_sentence_of_a_service_is_that_of_the_page_and_of_the_details(
    app: Flask, error: FshuntError, status: int, code: str
) -> None:
    client = raising(app, error).test_client()
    page = client.get("/failing")
    assert page.status_code == status
    assert str(error).replace("'", "&#39;") in page.text
    details = client.get("/failing", headers=AS_PROGRAM)
    assert details.content_type == "application/problem+json"
    assert details.get_json(force=True) | {"title": ""} == {
        "type": "about:blank",
        "title": "",
        "status": status,
        "detail": str(error),
        "code": code,
    }


@pytest.mark.parametrize("headers", [{}, AS_PROGRAM])
def test_the_name_of_the_database_is_logged_and_not_shown(
    app: Flask, caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    error = CannotStore("A value does not fit into the database /var/lib/fshunt.db: it is too large.")
    answer = raising(app, error).test_client().get("/failing", headers=headers)
    assert answer.status_code == 422
    assert "A value does not fit." in answer.text
    assert "/var/lib" not in answer.text
    assert str(error) in caplog.messages


def test_an_error_that_nobody_has_foreseen_is_logged_and_not_shown(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    answer = raising(app, ZeroDivisionError("secret detail")).test_client().get("/failing")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text


def test_a_method_that_a_page_does_not_have_is_told_with_those_it_has(app: Flask) -> None:
    answer = app.test_client().post("/healthz")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_text_of_a_request_cannot_become_part_of_a_page(app: Flask) -> None:
    answer = raising(app, NotFound("There is no <script>alert(1)</script>.")).test_client().get("/failing")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text


def test_the_details_of_the_database_stay_in_the_log(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    answer = raising(app, DatabaseError("The database fshunt on db1:5432 is away.")).test_client().get("/failing")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, problems.RETRY_AFTER_SECONDS)
    assert "db1" not in answer.text
    assert "db1" in caplog.text


def older(url: str) -> None:
    migrate.downgrade(url, "-1")


def newer(url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE compatibility SET oldest_code = '9999'")


def newer_but_compatible(url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def away(url: str) -> None:
    Path(url.removeprefix("sqlite:///")).unlink()


def no_tables(url: str) -> None:
    away(url)
    Path(url.removeprefix("sqlite:///")).touch()


@pytest.mark.parametrize("make_trouble", [older, newer, away, no_tables])
def test_without_a_database_that_can_be_used_each_page_says_so(
    make: MakeApp, sqlite_url: str, make_trouble: Callable[[str], None]
) -> None:
    make_trouble(sqlite_url)
    client = make(sqlite_url).test_client()
    trouble = {older: Trouble.OLDER, newer: Trouble.NEWER, away: Trouble.AWAY, no_tables: Trouble.NO_TABLES}[
        make_trouble
    ]
    health = client.get("/healthz")
    assert (health.status_code, health.get_json()) == (503, {"ok": False, "database": trouble.value})
    page = client.get("/")
    assert page.status_code == 503
    assert str(problems.TROUBLES[trouble]).split("`")[0] in page.text.replace("&#39;", "'")
    assert client.get("/", headers=AS_PROGRAM).get_json(force=True)["code"] == "database"


@pytest.mark.parametrize("change", [lambda _url: None, newer_but_compatible])
def test_with_a_database_that_can_be_used_all_is_well(
    make: MakeApp, sqlite_url: str, change: Callable[[str], None]
) -> None:
    change(sqlite_url)
    health = make(sqlite_url).test_client().get("/healthz")
    assert (health.status_code, health.get_json()) == (200, {"ok": True, "database": "ok"})


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Trouble | None]:
    """What the database is found to be, look by look."""
    found: list[Trouble | None] = []

    def look(_url: str) -> State:
        return State(found.pop(0), "as found")

    monkeypatch.setattr(database_state, "state_of", look)
    return found


def test_a_good_state_holds_for_a_while_and_a_bad_one_is_asked_again_soon(looks: list[Trouble | None]) -> None:
    clock = Clock()
    state = DatabaseState("sqlite:////none", clock)
    looks += [None, Trouble.AWAY, None]
    assert state.now().trouble is None
    clock.now += database_state.GOOD_SECONDS - 0.1
    assert state.now().trouble is None
    clock.now += 0.2
    assert state.now().trouble is Trouble.AWAY
    clock.now += database_state.BAD_SECONDS
    assert state.now().trouble is None
    assert looks == []


def test_a_transaction_that_fails_has_the_database_asked_at_once(looks: list[Trouble | None]) -> None:
    state = DatabaseState("sqlite:////none", Clock())
    looks += [None, Trouble.AWAY]
    state.now()
    state.doubt()
    assert state.now().trouble is Trouble.AWAY
