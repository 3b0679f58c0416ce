"""Boards: addresses at which a wall screen shows a group without signing in, until they are revoked.

Whoever has the address sees the board, and nothing else. Its secret is told once; the database has the hash.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from fshunt.db import models
from fshunt.db.queries import boards as rows
from fshunt.db.queries.rows import find_domain_id, find_group
from fshunt.errors import BadValue, Conflict, NotFound
from fshunt.hunting.group import Group
from fshunt.hunting.validation import check_board_name, shown
from fshunt.services.audit import ChangeKind, Subject, record, record_of_group
from fshunt.services.random_secrets import hash_of, new_secret

PATH = "/board/"
"""Before the secret, in the address of a board."""

MAX_BOARDS = 20
"""Boards of one group."""


@dataclass(frozen=True, slots=True)
class Board:
    """A board without its secret. ``expires_at`` None: it holds until it is revoked."""

    id: int
    name: str
    domain: str
    pilot: str
    group_id: int
    created_at: datetime
    expires_at: datetime | None

    def holds(self, now: datetime) -> bool:
        """Tell whether it still shows something."""
        return self.expires_at is None or now < self.expires_at


def link_of(secret: str, web_address: str) -> str:
    """Return the address of a board."""
    return f"{web_address}{PATH}{secret}"


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raise BadValue for a board that would have ended by now; None: it has no end."""
    if expires_at is not None and expires_at <= now:
        raise BadValue("The board would have expired already: choose a later time.")


def add_board(
    s: Session,
    domain: str,
    pilot: str,
    name: str,
    *,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> tuple[Board, str]:
    """Add a board of a group and return it with its secret, which is not known later.

    Raises NotFound, BadValue, or Conflict for a name that another board of the group has.
    """
    at = now or datetime.now(UTC)
    check_board_name(name)
    check_expiry(expires_at, at)
    group = find_group(s, find_domain_id(s, domain, lock=True), domain, pilot)
    held = list_boards(s, group_ids=[group.id])
    if len(held) >= MAX_BOARDS:
        raise Conflict(f"Group {pilot} has {len(held)} boards: revoke one first.")
    if any(board.name == name for board in held):
        raise Conflict(f"Group {pilot} has a board {shown(name)} already: choose another name, or revoke that one.")
    secret = new_secret()
    values = {"secret_hash": hash_of(secret), "group_id": group.id, "name": name}
    board_id = rows.add_board(s, values | {"created_at": at, "expires_at": expires_at})
    made = Board(board_id, name, domain, pilot, group.id, at, expires_at)
    record_of_group(s, group, Subject.BOARD, ChangeKind.ADD, name, after=_values(made))
    return made, secret


def list_boards(s: Session, *, group_ids: Collection[int] | None = None) -> list[Board]:
    """Return the boards in order of domain, pilot and age, also those that have expired; of some groups alone."""
    return [_board(row) for row in rows.boards(s, *_of_groups(group_ids))]


def get_board(s: Session, board_id: int) -> Board:
    """Return a board; raise NotFound."""
    found = rows.boards(s, models.Board.id == board_id)
    if not found:
        raise _no_board(board_id)
    return _board(found[0])


def _no_board(board_id: int) -> NotFound:
    return NotFound(f"There is no board {board_id}: `fshunt board list` lists them.")


def revoke_board(s: Session, board_id: int) -> Board:
    """End a board and return it as it was; raise NotFound."""
    board = get_board(s, board_id)
    if not rows.remove_board(s, board.id):  # somebody was faster
        raise _no_board(board_id)
    place = {"domain": board.domain, "pilot": board.pilot, "group_id": board.group_id}
    record(s, Subject.BOARD, ChangeKind.REMOVE, board.name, **place, before=_values(board))  # type: ignore[arg-type]
    return board


def find_board(s: Session, secret: str, now: datetime) -> tuple[Board, Group]:
    """Return the board of an address and its group; raise NotFound, in the same words for whatever does not hold."""
    row = rows.find_board(s, hash_of(secret), now)
    if row is None:
        raise NotFound("This address shows nothing any more: it was revoked, or has expired.")
    board = _board(row)
    return board, find_group(s, find_domain_id(s, board.domain), board.domain, board.pilot)


def _of_groups(group_ids: Collection[int] | None) -> list[Any]:
    return [] if group_ids is None else [models.Board.group_id.in_(group_ids)]


def _board(row: Any) -> Board:
    board, domain, pilot = row
    return Board(board.id, board.name, domain, pilot, board.group_id, board.created_at, board.expires_at)


def _values(board: Board) -> dict[str, Any]:
    return {"expires_at": None if board.expires_at is None else board.expires_at.isoformat()}
