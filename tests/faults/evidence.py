"""What is left of a run: the rows of the database and what the phones of the switches went through.

It reads the tables by their names, so that the checks do not depend on the code under test.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine, make_url, text


@dataclass
class Rung:
    """An offer."""

    extension: str
    stage: int
    cycle: int
    started: datetime
    ended: datetime | None
    outcome: str | None


@dataclass
class Passed:
    """A skip."""

    extension: str
    stage: int
    cycle: int
    reason: str


@dataclass
class Hunt:
    """A row of ``calls`` with its offers and skips."""

    id: str
    uuid: str
    pilot: str
    policy: str
    started: datetime
    answered: datetime | None = None
    ended: datetime | None = None
    end_seen: bool = True
    result: str | None = None
    answered_by: str | None = None
    policy_input: dict[str, Any] | None = None
    rung: list[Rung] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)


@dataclass
class Move:
    """A row of ``rotation_moves``: a call has moved a pointer, which was ``before`` (a member's id)."""

    pilot: str
    kind: str
    call: str
    number: int
    before: int | None


@dataclass
class Use:
    """A phone of a member rings or is on a call, by the clock of the switches."""

    member: str
    call: str
    since: float
    until: float
    talks: bool = False
    direct: bool = False
    """The call has nothing to do with fshunt."""


@dataclass
class Caller:
    """A call to a pilot as the switch saw it: its end, the member, and the duration."""

    uuid: str
    kind: str
    who: str
    began: float
    ended: float | None
    talked: float = 0.0
    means_to_talk: float = 0.0
    story: tuple[str, ...] = ()
    """What happened, in order."""


@dataclass
class Run:
    """All evidence of a run. ``interrupted`` has the calls whose daemon was killed or stopped."""

    hunts: list[Hunt]
    callers: list[Caller]
    uses: list[Use] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    stamps: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    """By pilot and extension, since when a member is idle."""
    claims_left: int = 0
    waiting_left: int = 0
    interrupted: frozenset[str] = frozenset()
    longest_seconds: float = 60.0

    def of(self, uuid: str) -> list[Hunt]:
        return [hunt for hunt in self.hunts if hunt.uuid == uuid]


def read_hunts(url: str) -> dict[str, Any]:
    """The evidence in the database: arguments of Run."""
    engine = create_engine(make_url(url))
    with engine.connect() as connection:

        def rows(statement: str) -> list[Any]:
            return list(connection.execute(text(statement)))

        hunts = {row.id: _hunt(row) for row in rows("SELECT * FROM calls ORDER BY started_at, id")}
        for row in rows("SELECT * FROM offers ORDER BY cycle, stage, position"):
            offer = Rung(row.extension, row.stage, row.cycle, _time(row.started_at), _time(row.ended_at), row.outcome)
            hunts[row.call_id].rung.append(offer)
        for row in rows("SELECT * FROM skips ORDER BY cycle, stage, position"):
            hunts[row.call_id].passed.append(Passed(row.extension, row.stage, row.cycle, row.reason))
        moves = rows("SELECT m.*, g.pilot FROM rotation_moves m JOIN groups g ON g.id = m.group_id")
        stamps = rows("SELECT m.extension, m.idle_since, g.pilot FROM members m JOIN groups g ON g.id = m.group_id")
        found = {
            "hunts": list(hunts.values()),
            "moves": [Move(row.pilot, row.kind, row.call_uuid, row.number, row.before_id) for row in moves],
            "stamps": {(row.pilot, row.extension): _time(row.idle_since) for row in stamps},
            "claims_left": len(rows("SELECT * FROM claims")),
            "waiting_left": len(rows("SELECT * FROM queue_entries")) if _has_waiting(rows) else 0,
        }
    engine.dispose()
    return found


def _has_waiting(rows: Any) -> bool:
    try:
        rows("SELECT 1 FROM queue_entries")
    except Exception:  # noqa: BLE001 - a database of a release that has no such table
        return False
    return True


def _hunt(row: Any) -> Hunt:
    return Hunt(
        id=row.id,
        uuid=row.uuid,
        pilot=row.pilot,
        policy=row.policy,
        started=_time(row.started_at),
        answered=_time(row.answered_at),
        ended=_time(row.ended_at),
        end_seen=bool(row.end_seen),
        result=row.result,
        answered_by=row.answered_by,
        policy_input=json.loads(row.policy_input) if isinstance(row.policy_input, str) else row.policy_input,
    )


def _time(value: Any) -> Any:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is not None and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value


def read_switches(
    calls: Iterable[Any], phones: Iterable[Any], policy_input: Iterable[Any], now: float
) -> dict[str, Any]:
    """What simulated switches saw: arguments of Run. ``calls`` are all calls, ``policy_input`` all that happened."""
    told: dict[str, list[Any]] = defaultdict(list)
    for fact in policy_input:
        told[fact.call].append(fact)
    calls = list(calls)
    direct = {call.uuid for call in calls if not call.channel.profile.destination.startswith("5")}
    uses = [
        Use(phone.user, ring.call, ring.at, ring.ended or now, direct=ring.call in direct)
        for phone in phones
        for ring in phone.rings
    ]
    callers = []
    for call in calls:
        story = told[call.uuid]
        talk = next((fact for fact in story if fact.what == "talks with"), None)
        end = next((fact.at for fact in story if fact.what == "ends"), None)
        over = next((fact.at for fact in story if talk and fact.at >= talk.at and fact.what == "hangs up"), end)
        if talk is not None:
            uses.append(Use(talk.who, call.uuid, talk.at, over or now, talks=True, direct=call.uuid in direct))
        if call.uuid in direct:
            continue
        callers.append(
            Caller(
                uuid=call.uuid,
                kind=call.ending.kind,
                who=call.ending.who,
                began=story[0].at if story else now,
                ended=end,
                talked=(over or now) - talk.at if talk else 0.0,
                means_to_talk=getattr(call, "means_to_talk", 0.0),
                story=tuple(fact.what for fact in story),
            )
        )
    return {"uses": uses, "callers": callers}
