"""Calls of the last weeks, as hunts that are over: what lists of calls and reports of an office show.

Who rang in which order is decided by the group's own policy, so the story of each call can be explained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from fshunt.hunting.availability import SkipReason
from fshunt.hunting.group import Group, Member
from fshunt.hunting.policies import decide
from fshunt.hunting.policy_input import PolicyInput, policy_input_of
from fshunt.hunting.rotation import RotationPointer
from fshunt.hunting.states import Outcome, Result

CALLS_BY_HOUR = {8: 3, 9: 7, 10: 8, 11: 6, 12: 2, 13: 3, 14: 6, 15: 5, 16: 4, 17: 2}
"""How busy each hour of a day is, beside the others."""

RING_SECONDS = 18.0
_SKIPPED, _ANSWERS, _REFUSES = 0.12, 0.62, 0.7
"""The chances of a member: to be on a call; and of those who ring, to answer, and to answer or refuse."""


@dataclass(frozen=True, slots=True)
class PastStep:
    """A member who rang from ``start`` to ``end`` (seconds after the call began), or was skipped for a ``reason``."""

    extension: str
    start: float
    end: float
    outcome: Outcome | None = None
    reason: SkipReason | None = None


@dataclass(frozen=True, slots=True)
class PastCall:
    """One call to a pilot. ``waited`` and ``talked`` are seconds; ``answered_by`` None: nobody took it."""

    began: datetime
    number: str
    name: str
    policy_input: PolicyInput
    steps: tuple[PastStep, ...]
    result: Result
    waited: float
    talked: float = 0.0
    answered_by: Member | None = None


@dataclass(slots=True)
class _Memory:
    """What a group remembers from one call to the next."""

    answerer: RotationPointer | None = None
    idle_since: dict[int, datetime] = field(default_factory=dict)


def past_calls(
    group: Group, callers: list[tuple[str, str]], *, now: datetime, days: int, a_day: int, random: Random
) -> Iterator[PastCall]:
    """Yield the calls of the weekdays before ``now``, the oldest first; ``callers`` are numbers with names.

    ``now`` must have a zone: the office's hours are those of its clock.
    """
    memory = _Memory()
    for began in _begins(now, days, a_day, random):
        members = tuple(replace(m, blocks=(), idle_since=memory.idle_since.get(m.id)) for m in group.members)
        decided_on = policy_input_of(replace(group, members=members), memory.answerer, None, random.randrange(2**31))
        number, name = random.choice(callers)
        call = _call(group, decided_on, began, (number, name), random)
        if call.answered_by is not None:
            memory.answerer = RotationPointer(call.answered_by.id, call.answered_by.position)
            memory.idle_since[call.answered_by.id] = began + timedelta(seconds=call.waited + call.talked)
        yield call


def _begins(now: datetime, days: int, a_day: int, random: Random) -> list[datetime]:
    """When callers call: on weekdays, more in the busy hours."""
    hours, weights = list(CALLS_BY_HOUR), list(CALLS_BY_HOUR.values())
    begins = []
    for ago in range(days, -1, -1):
        day = now - timedelta(days=ago)
        if day.weekday() > 4:
            continue
        for hour in random.choices(hours, weights, k=round(a_day * random.uniform(0.7, 1.3))):
            at = day.replace(hour=hour, minute=random.randrange(60), second=random.randrange(60), microsecond=0)
            if at < now - timedelta(minutes=10):
                begins.append(at)
    return sorted(begins)


def _call(group: Group, decided_on: PolicyInput, began: datetime, caller: tuple[str, str], random: Random) -> PastCall:
    by_id = {member.id: member for member in group.members}
    patience = random.expovariate(1 / 70) + 6
    steps: list[PastStep] = []
    at = 0.4
    for member in (by_id[each] for stage in decide(decided_on) for each in stage):
        step = _step(member.extension, at, patience, random)
        steps.append(step)
        at = step.end
        taken = step.outcome is Outcome.ANSWERED
        if taken or step.outcome is Outcome.CALLER_GONE:
            result = Result.ANSWERED if taken else Result.ABANDONED
            talked = random.lognormvariate(4.6, 0.8) if taken else 0.0
            answered_by = member if taken else None
            return PastCall(began, *caller, decided_on, tuple(steps), result, at, talked, answered_by)
    return PastCall(began, *caller, decided_on, tuple(steps), Result.VOICEMAIL, at)


def _step(extension: str, at: float, patience: float, random: Random) -> PastStep:
    """What one member does with the call."""
    if random.random() < _SKIPPED:
        return PastStep(extension, at, at, reason=SkipReason.ON_CALL)
    fate = random.random()
    if fate < _ANSWERS:
        end, outcome = at + random.uniform(2, 14), Outcome.ANSWERED
    elif fate < _REFUSES:
        end, outcome = at + random.uniform(1, 5), random.choice((Outcome.DECLINED, Outcome.BUSY))
    else:
        end, outcome = at + RING_SECONDS, Outcome.NO_ANSWER
    if end > patience:
        return PastStep(extension, at, max(at + 0.5, patience), Outcome.CALLER_GONE)
    return PastStep(extension, at, end, outcome)
