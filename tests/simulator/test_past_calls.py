"""The past of the demo's office: calls as they could have been."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.hunting.policies import POLICIES, decide
from fshunt.hunting.states import Outcome, Result
from fshunt.simulator.scenarios.past_calls import PastCall, past_calls

NOW = datetime(2026, 3, 6, 15, tzinfo=UTC)
MEMBERS = tuple(Member(id=10 + i, position=i, address=parse_member(f"100{i}")) for i in (1, 2, 3))


def made(policy: str = "circular", seed: int = 1) -> list[PastCall]:
    group = Group(1, "office.test", "5000", policy=policy, members=MEMBERS)
    return list(past_calls(group, [("+14155550101", "Nora")], now=NOW, days=20, a_day=12, random=Random(seed)))


def test_calls_come_on_weekdays_in_order_and_are_over() -> None:
    begins = [call.began for call in made()]
    assert len(begins) > 100
    assert begins == sorted(begins)
    assert begins[-1] < NOW
    assert {begin.weekday() for begin in begins} == {0, 1, 2, 3, 4}


def test_members_come_in_the_order_of_the_policy_for_each_policy() -> None:
    numbers = {member.id: member.extension for member in MEMBERS}
    for policy in POLICIES:
        for call in made(policy):
            order = [numbers[each] for stage in decide(call.policy_input) for each in stage]
            assert [step.extension for step in call.steps] == order[: len(call.steps)]


def test_the_member_after_the_one_who_answered_last_is_first() -> None:
    last = None
    for call in made("circular"):
        if last is not None:
            assert call.steps[0].extension == MEMBERS[last.position % 3].extension
        last = call.answered_by or last


def test_the_result_is_what_the_last_step_says() -> None:
    expected = {Outcome.ANSWERED: Result.ANSWERED, Outcome.CALLER_GONE: Result.ABANDONED}
    results = set()
    for call in made():
        last = call.steps[-1]
        assert call.result is expected.get(last.outcome, Result.VOICEMAIL)  # type: ignore[arg-type]
        assert (call.answered_by is not None) == (call.talked > 0) == (call.result is Result.ANSWERED)
        assert call.waited == last.end
        results.add(call.result)
    assert results == {Result.ANSWERED, Result.ABANDONED, Result.VOICEMAIL}


def test_the_same_chance_makes_the_same_calls() -> None:
    assert made(seed=4) == made(seed=4)
    assert made(seed=4) != made(seed=5)
