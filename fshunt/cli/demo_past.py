"""The past of the demo's office, in its database."""

from __future__ import annotations

import uuid as uuids
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy.orm import Session

from fshunt.db.engine import Store
from fshunt.db.queries import call_search, calls, hunts
from fshunt.hunting.group import Group
from fshunt.hunting.states import Result
from fshunt.services import call_back
from fshunt.services.audit import Actor, Entrance, acting
from fshunt.simulator.scenarios.past_calls import RING_SECONDS, PastCall, past_calls
from fshunt.simulator.scenarios.workday import CALLERS

NODE = "demo"
"""The name of the demo's daemon."""

DAYS = 20


def write_past(store: Store, group: Group, *, now: datetime, a_day: int, noted_by: str) -> None:
    """Write past calls of a group, and what it remembers of the last one.

    ``now`` has the office's time zone; ``noted_by`` has called some of the missed callers back.
    """
    random = Random(group.pilot)  # noqa: S311 each run has the same story
    with store.writing() as s:
        acting(s, Actor(noted_by, Entrance.PAGE, "127.0.0.1"))
        missed, last = [], None
        made = past_calls(group, CALLERS, now=now, days=DAYS, a_day=a_day, random=random)
        for number, call in enumerate(made):
            hunt_id = f"past-{group.pilot}-{number}"
            _write_call(s, group, hunt_id, call)
            if call.answered_by is None:
                missed.append(hunt_id)
            else:
                last = (hunt_id, call)
        for hunt_id in missed[:: max(2, len(missed) // 6)]:
            record = call_search.one_call(s, call_search.Question(group.domain, group.pilot), hunt_id)
            call_back.note_called_back(s, record, noted_by, now=now)
        if last is not None and last[1].answered_by is not None:
            ended = last[1].began + timedelta(seconds=last[1].waited + last[1].talked)
            who = last[1].answered_by.id
            hunts.note_answer(s, group.id, who, call_uuid=last[0], at=ended, moves_answerer=True)


def _write_call(s: Session, group: Group, hunt_id: str, call: PastCall) -> None:
    calls.open_call(
        s, hunt_id, uuid=str(uuids.uuid5(uuids.NAMESPACE_OID, hunt_id)), domain=group.domain, pilot=group.pilot,
        group_name=group.name,
        policy=group.policy, caller_number=call.number, caller_name=call.name, started_at=call.began,
        policy_input=call.policy_input.to_json(), node=NODE,
    )  # fmt: skip
    positions = {member.extension: member.position for member in group.members}
    for stage, step in enumerate(call.steps, start=1):
        place: dict[str, Any] = {"call_id": hunt_id, "stage": stage, "cycle": 1, "extension": step.extension}
        place["position"] = positions[step.extension]
        start, end = (call.began + timedelta(seconds=each) for each in (step.start, step.end))
        step_id = f"{hunt_id}-{stage}"
        if step.reason is not None:
            calls.add_skip(s, step_id, **place, reason=step.reason, at=start)
        elif step.outcome is not None:
            calls.add_offer(s, step_id, **place, phones=1, ring_seconds=RING_SECONDS, started_at=start)
            calls.end_offer(s, step_id, ended_at=end, outcome=step.outcome)
    answered = call.began + timedelta(seconds=call.waited)
    if call.answered_by is not None:
        calls.note_answered(s, hunt_id, answered_by=call.answered_by.extension, answered_at=answered)
    to_box = call.result is Result.VOICEMAIL
    calls.close_call(
        s, hunt_id, result=call.result, reason="nobody answered" if to_box else None,
        destination=f"voicemail:{group.voicemail or group.members[-1].extension}" if to_box else None,
        ended_at=answered + timedelta(seconds=call.talked),
    )  # fmt: skip
