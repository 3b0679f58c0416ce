"""Questions to the switches: written by who has no connection to them, answered by a daemon that has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from fshunt.db.models import SwitchQuestion
from fshunt.db.prepared import Prepared
from fshunt.db.statements import run, table, write

QUESTIONS = table(SwitchQuestion)
_OPEN = (
    select(QUESTIONS.c.id, QUESTIONS.c.kind, QUESTIONS.c.arguments, QUESTIONS.c.run_id)
    .order_by(QUESTIONS.c.id)
    .limit(bindparam("many"))
)
_COUNT = select(func.count()).select_from(QUESTIONS)
_ASK = insert(QUESTIONS).returning(QUESTIONS.c.id)
_IDS = QUESTIONS.c.id.in_(bindparam("ids", expanding=True))
_TAKE = (
    update(QUESTIONS).where(_IDS, QUESTIONS.c.run_id.is_(None)).values(run_id=bindparam("by")).returning(QUESTIONS.c.id)
)
_ANSWER = Prepared(
    update(QUESTIONS)
    .where(QUESTIONS.c.id == bindparam("question"))
    .values(answer=bindparam("said", type_=QUESTIONS.c.answer.type), answered_at=bindparam("at"))
)
_ANSWERS = select(QUESTIONS.c.id, QUESTIONS.c.answer).where(_IDS, QUESTIONS.c.answered_at.is_not(None))
_FORGET = Prepared(delete(QUESTIONS).where(_IDS))


class Asked(NamedTuple):
    """A question that is in the table; ``run_id`` None: no daemon has taken it."""

    id: int
    kind: str
    arguments: Sequence[str]
    run_id: str | None


def count(s: Session) -> int:
    """Return how many questions there are."""
    return int(run(s, _COUNT, {}).scalar_one())


def ask(s: Session, kind: str, arguments: Sequence[str], at: datetime) -> int:
    """Write a question down, and return its id."""
    values = {"kind": kind, "arguments": {"arguments": list(arguments)}, "asked_at": at}
    return int(run(s, _ASK, values).scalar_one())


def listed(s: Session, many: int) -> list[Asked]:
    """Return the oldest questions."""
    rows = run(s, _OPEN, {"many": many})
    return [Asked(row.id, row.kind, _arguments(row.arguments), row.run_id) for row in rows]


def take(s: Session, ids: Collection[int], run_id: str) -> set[int]:
    """Take questions for a run to answer; return those that no other run had."""
    return set(run(s, _TAKE, {"ids": sorted(ids), "by": run_id}).scalars())


def answer(s: Session, answers: Mapping[int, dict[str, Any]], at: datetime) -> None:
    """Write the answers to questions, by their ids; those that are gone are passed over."""
    for question, said in sorted(answers.items()):
        write(s, _ANSWER, {"question": question, "said": said, "at": at})


def answers(s: Session, ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return the answers to those of these questions that have one."""
    return {row.id: row.answer for row in run(s, _ANSWERS, {"ids": sorted(ids)})}


def forget(s: Session, ids: Collection[int]) -> None:
    """Remove questions."""
    write(s, _FORGET, {"ids": sorted(ids)})


def _arguments(stored: Mapping[str, Any]) -> list[str]:
    """The arguments of a row, which somebody may have written by hand."""
    found = stored.get("arguments")
    return [str(each) for each in found] if isinstance(found, list) else []
