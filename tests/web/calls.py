"""Calls as a daemon would have written them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fshunt.db.engine import Store
from fshunt.db.queries import calls
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.states import Outcome, Result
from tests.web.people import DOMAIN, PILOT


@dataclass(frozen=True)
class Rang:
    """A member who rang, from ``start`` to ``end`` seconds after the call began, and how that ended."""

    extension: str
    start: float
    end: float
    outcome: Outcome = Outcome.NO_ANSWER


def add_call(
    store: Store,
    hunt_id: str,
    *rang: Rang,
    at: datetime | None = None,
    result: Result = Result.VOICEMAIL,
    number: str | None = "+4930123456",
    name: str | None = None,
    domain: str = DOMAIN,
    pilot: str = PILOT,
    talk_seconds: float = 60,
    skipped: tuple[str, ...] = (),
) -> datetime:
    """Write a call that has ended, with those who rang, and others who were skipped as blocked; return its begin."""
    begin = at or datetime.now(UTC) - timedelta(hours=1)
    last = max((each.end for each in rang), default=2.0)
    with store.writing() as s:
        calls.open_call(
            s,
            hunt_id,
            uuid=f"uuid-{hunt_id}",
            domain=domain,
            pilot=pilot,
            group_name="Sales",
            policy="regular",
            caller_number=number,
            caller_name=name,
            started_at=begin,
            policy_input=None,
            node="pbx1",
        )
        for i, each in enumerate(rang, 1):
            place = {"call_id": hunt_id, "stage": i, "cycle": 1, "position": i, "extension": each.extension}
            start, end = begin + timedelta(seconds=each.start), begin + timedelta(seconds=each.end)
            calls.add_offer(s, f"{hunt_id}-{i}", **place, phones=1, ring_seconds=18, started_at=start)
            calls.end_offer(s, f"{hunt_id}-{i}", ended_at=end, outcome=each.outcome)
        for i, extension in enumerate(skipped, len(rang) + 1):
            place = {"call_id": hunt_id, "stage": i, "cycle": 1, "position": i, "extension": extension}
            calls.add_skip(s, f"{hunt_id}-s{i}", **place, reason=SkipReason.BLOCKED, at=begin)
        ended = begin + timedelta(seconds=last)
        if result is Result.ANSWERED:
            calls.note_answered(s, hunt_id, answered_by=rang[-1].extension, answered_at=ended)
            ended += timedelta(seconds=talk_seconds)
        where = "voicemail:1001" if result is Result.VOICEMAIL else None
        calls.close_call(s, hunt_id, result=result, reason=None, destination=where, ended_at=ended)
    return begin
