"""Boards: addresses at which a wall screen shows a group. Secrets are named by their hashes alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, select
from sqlalchemy.orm import Session

from fshunt.db.models import Board, Domain, HuntGroup
from fshunt.db.statements import insert_into

_BOARDS = (
    select(Board, Domain.name.label("domain"), HuntGroup.pilot)
    .join(HuntGroup, HuntGroup.id == Board.group_id)
    .join(Domain, Domain.id == HuntGroup.domain_id)
)


def add_board(s: Session, values: dict[str, Any]) -> int:
    """Add a board and return its id."""
    added: int = s.execute(insert_into(s, Board).values(values).returning(Board.id)).scalar_one()
    return added


def boards(s: Session, *which: ColumnElement[bool]) -> list[Row[Any]]:
    """Return boards, each with the domain and the pilot of its group, in order of these, the newest last."""
    return list(s.execute(_BOARDS.where(*which).order_by(Domain.name, HuntGroup.pilot, Board.id)))


def find_board(s: Session, secret_hash: str, now: datetime) -> Row[Any] | None:
    """Return the board of a secret, if it holds now."""
    return next(iter(boards(s, Board.secret_hash == secret_hash, _holds(now))), None)


def places_of_boards(s: Session, ids: Collection[int], now: datetime) -> dict[int, tuple[str, str]]:
    """Return the domain and the pilot that those of some boards show that hold now, by the board's id."""
    return {row[0].id: (row.domain, row.pilot) for row in s.execute(_BOARDS.where(Board.id.in_(ids), _holds(now)))}


def remove_board(s: Session, board_id: int) -> bool:
    """Remove a board; return False if there was none."""
    gone = delete(Board).where(Board.id == board_id)
    return s.execute(gone.returning(Board.id)).first() is not None


def _holds(now: datetime) -> ColumnElement[bool]:
    return func.coalesce(Board.expires_at > now, True)
