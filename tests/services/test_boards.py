"""Boards: made and revoked, recorded, and found by their secret alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from fshunt.db import models
from fshunt.db.engine import Store
from fshunt.errors import BadValue, Conflict, NotFound
from fshunt.services import audit, boards, groups
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.boards import MAX_BOARDS, Board

pytestmark = pytest.mark.sql

DOMAIN = "pbx.test"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDED = "This address shows nothing any more: it was revoked, or has expired."


@pytest.fixture
def office(store: Store) -> Store:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5000")
        groups.add_group(s, DOMAIN, "6000")
    return store


def add(store: Store, name: str = "Hall", pilot: str = "5000", **more: datetime) -> tuple[Board, str]:
    with store.writing() as s:
        return boards.add_board(s, DOMAIN, pilot, name, now=NOON, **more)


def shows(store: Store, secret: str, after: timedelta = timedelta()) -> str:
    with store.reading() as s:
        try:
            return boards.find_board(s, secret, NOON + after)[1].pilot
        except NotFound as error:
            return str(error)


def test_a_board_is_found_by_its_secret_until_it_is_revoked(office: Store) -> None:
    board, secret = add(office)
    other, others_secret = add(office, pilot="6000")
    assert (shows(office, secret), shows(office, others_secret), shows(office, secret[:-1])) == ("5000", "6000", ENDED)
    with office.writing() as s:
        assert boards.revoke_board(s, board.id) == board
    assert (shows(office, secret), shows(office, others_secret)) == (ENDED, "6000")
    with office.reading() as s:
        assert boards.list_boards(s) == [other]
        with pytest.raises(NotFound, match=r"There is no board 1: `fshunt board list` lists them\."):
            boards.get_board(s, board.id)


def test_a_board_ends_at_its_time(office: Store) -> None:
    _, secret = add(office, expires_at=NOON + timedelta(days=1))
    assert shows(office, secret, timedelta(hours=23)) == "5000"
    assert shows(office, secret, timedelta(days=1)) == ENDED


def test_the_database_has_no_secret(office: Store) -> None:
    _, secret = add(office)
    with office.reading() as s:
        row = s.scalars(select(models.Board)).one()
        changes = [(each.before, each.after) for each in audit.history(s)]
    assert secret not in str(vars(row)) + str(changes)
    assert len(secret) >= 43, "256 bits"


def test_what_is_made_and_revoked_stands_in_the_history_of_the_group(office: Store) -> None:
    board, _ = add(office)
    with office.writing() as s:
        boards.revoke_board(s, board.id)
    with office.reading() as s:
        found = [each for each in audit.history(s, domain=DOMAIN, pilot="5000") if each.subject is Subject.BOARD]
    assert [(each.action, each.key) for each in found] == [(ChangeKind.REMOVE, "Hall"), (ChangeKind.ADD, "Hall")]


def test_a_board_goes_with_its_group_and_no_later_one_has_its_number(office: Store) -> None:
    board, secret = add(office)
    with office.writing() as s:
        groups.remove_group(s, DOMAIN, "5000")
    assert shows(office, secret) == ENDED
    assert add(office, pilot="6000")[0].id > board.id


def test_what_cannot_be_is_one_sentence(office: Store) -> None:
    add(office)
    with pytest.raises(Conflict, match="has a board 'Hall' already"):
        add(office)
    with pytest.raises(BadValue, match="would have expired already"):
        add(office, "Late", expires_at=NOON)
    with pytest.raises(BadValue, match="is not the name of a board"):
        add(office, "\x1b[31m")
    with pytest.raises(NotFound, match="There is no group 7000"):
        add(office, "Lost", "7000")
    for number in range(1, MAX_BOARDS):
        add(office, f"Board {number}")
    with pytest.raises(Conflict, match="has 20 boards: revoke one first"):
        add(office, "One more")
