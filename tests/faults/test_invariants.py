"""The checker of invariants finds each breach that is planted, and nothing in a run that was right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults.evidence import Caller, Hunt, Move, Passed, Run, Rung, Use
from tests.faults.invariants import check

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def facts(policy: str, first: int | None = None, idle: dict[str, str] | None = None) -> dict[str, Any]:
    members = [
        {
            "id": number,
            "extension": f"100{number}",
            "weight": number % 2,
            "idle_since": (idle or {}).get(f"100{number}"),
        }
        for number in (1, 2, 3)
    ]
    pointer = first and {"member_id": first, "position": first}
    return {"policy": policy, "members": members, "first": pointer, "answerer": pointer, "seed": 1}


def answered(uuid: str, start: float, who: str = "1001", **more: Any) -> Hunt:
    rung = [Rung(who, 1, 1, at(start), at(start + 1), "answered")]
    given = {"policy": "regular", "policy_input": facts("regular"), "rung": rung, **more}
    return Hunt(
        f"h-{uuid}",
        uuid,
        "5000",
        started=at(start),
        answered=at(start + 1),
        ended=at(start + 3),
        result="answered",
        answered_by=who,
        **given,
    )


def caller(uuid: str, start: float, kind: str = "answered", who: str = "1001") -> Caller:
    return Caller(uuid, kind, who, start, start + 3, 2.0, 2.0, ("dials", "rings", "talks with", "ends"))


def right() -> Run:
    """Two calls, one after the other."""
    uses = [Use("1001", "x", 0, 1), Use("1001", "x", 1, 3, talks=True), Use("1001", "y", 3, 4)]
    hunts = [answered("x", 0), answered("y", 3)]
    return Run(hunts, [caller("x", 0), caller("y", 3)], uses, stamps={("5000", "1001"): at(6)})


def names(run: Run) -> set[str]:
    return {problem.split(":")[0] for problem in check(run)}


def test_a_run_that_was_right_has_no_problems() -> None:
    assert check(right()) == []


def test_a_phone_that_rings_for_one_call_while_busy_with_another() -> None:
    run = right()
    run.uses.append(Use("1001", "z", 2, 2.5))
    assert names(run) == {"I1"}


def test_a_member_on_a_direct_call_is_not_rung_once_it_can_be_known() -> None:
    run = right()
    run.uses.append(Use("1001", "d", -5, 5, talks=True, direct=True))
    assert names(run) == {"busy"}
    run.uses[-1].since = 2.5
    assert check(run) == [], "it was too late to see, and a direct call may ring any phone"


def test_offers_in_the_records_that_overlap() -> None:
    run = right()
    run.hunts[1] = answered("y", 2)
    assert "I1" in names(run)


@pytest.mark.parametrize("what", ["claims_left", "waiting_left"])
def test_something_that_is_left(what: str) -> None:
    assert names(replace(right(), **{what: 1})) <= {"I2", "I9"}
    assert names(replace(right(), **{what: 1}))


def test_a_hunt_or_an_offer_that_was_never_closed() -> None:
    run = right()
    run.hunts[0].ended, run.hunts[1].rung[0].outcome = None, None
    assert sum(problem.startswith("I9") for problem in check(run)) == 2


def test_a_rotation_pointer_that_moved_twice_or_never() -> None:
    run = right()
    run.hunts = [
        answered("x", 0, policy="round-robin", policy_input=facts("round-robin")),
        answered("y", 3, policy="circular", policy_input=facts("circular")),
    ]
    assert len([problem for problem in check(run) if problem.startswith("I3")]) == 2
    run.moves = [Move("5000", "first", "x", 1, None), Move("5000", "answerer", "h-y", 2, None)]
    assert check(run) == []
    run.moves.append(Move("5000", "answerer", "h-y", 3, 1))
    assert names(run) == {"I3"}


@pytest.mark.parametrize("kind", ["stuck", "voicemail", "abandoned", "fallback-voicemail"])
def test_a_caller_whose_end_is_none_or_is_not_what_the_records_say(kind: str) -> None:
    run = right()
    run.callers[0] = caller("x", 0, kind)
    assert names(run) == {"I4"}


def test_a_call_that_never_ends_takes_too_long_or_is_not_recorded() -> None:
    run = right()
    run.callers[0].ended = None
    assert names(run) == {"I4"}
    run = replace(right(), longest_seconds=0.5)
    assert names(run) == {"I4"}
    run = right()
    run.callers.append(replace(caller("z", 9), story=()))
    assert names(run) == {"I4"}
    run = right()
    run.hunts.append(replace(answered("y", 9), id="again"))
    assert "I4" in names(run)


def test_a_stamp_that_went_back() -> None:
    run = right()
    run.stamps["5000", "1001"] = at(1)
    assert names(run) == {"I5"}
    run = right()
    run.hunts[0].policy_input = facts("regular", idle={"1002": at(-10).isoformat()})
    run.hunts[1] = answered("y", 20, policy_input=facts("regular", idle={"1002": at(-20).isoformat()}))
    run.stamps["5000", "1001"] = at(30)
    assert names(run) == {"I5"}


def test_a_phone_rung_after_the_answer_a_call_cut_and_two_answers() -> None:
    run = right()
    run.callers[0].story += ("rings",)
    run.callers[1].talked = 1.0
    run.hunts[0].rung.append(Rung("1002", 1, 1, at(0), at(1), "answered"))
    assert sum(problem.startswith("I6") for problem in check(run)) == 3


@pytest.mark.parametrize(
    ("given", "right_order"),
    [
        (facts("regular"), ["1001", "1002", "1003"]),
        (facts("circular", first=2), ["1003", "1001", "1002"]),
        (facts("round-robin", first=1), ["1002", "1003", "1001"]),
        (facts("uniform", idle={"1001": at(0).isoformat(), "1002": at(-1).isoformat()}), ["1003", "1002", "1001"]),
        (facts("weighted"), ["1003", "1001", "1002"]),
    ],
    ids=lambda value: value["policy"] if isinstance(value, dict) else "",
)
def test_an_order_that_is_not_the_policys(given: dict[str, Any], right_order: list[str]) -> None:
    run = Run([Hunt("h", "x", "5000", given["policy"], at(0), ended=at(9), result="voicemail", policy_input=given)], [])
    run.moves = [Move("5000", "first", "x", 1, None)]
    hunt = run.hunts[0]

    def came_to(*order: str) -> None:
        hunt.rung = [Rung(order[0], 1, 1, at(0), at(1), "busy")]
        hunt.passed = [Passed(extension, n, 1, "on-call") for n, extension in enumerate(order[1:], start=2)]

    came_to(*right_order)
    assert check(run) == []
    came_to(*right_order[:2])
    assert check(run) == [], "it may end early"
    came_to(right_order[2], right_order[0])
    assert names(run) == {"I7"}


def test_all_of_a_simultaneous_group_are_one_stage() -> None:
    hunt = Hunt(
        "h", "x", "5000", "simultaneous", at(0), ended=at(9), result="voicemail", policy_input=facts("simultaneous")
    )
    hunt.rung = [Rung(extension, 1, 1, at(0), at(1), "busy") for extension in ("1001", "1002")]
    hunt.passed = [Passed("1003", 1, 1, "blocked")]
    assert check(Run([hunt], [])) == []
    hunt.passed = []
    assert names(Run([hunt], [])) == {"I7"}


def test_turns_that_are_not_fair() -> None:
    hunts = [answered(f"c{n}", 3 * n, policy="round-robin", policy_input=facts("round-robin")) for n in range(4)]
    befores = [None, 1, 2, 3]
    run = Run(hunts, [], moves=[Move("5000", "first", f"c{n}", n + 1, before) for n, before in enumerate(befores)])
    assert check(run) == []
    run.moves[3].before = 2
    assert names(run) == {"I8"}


def test_a_call_whose_daemon_was_killed_may_be_hunted_again_but_not_be_lost() -> None:
    run = right()
    run.hunts.append(replace(answered("y", 3), id="again"))
    run.hunts[1].result, run.hunts[1].answered_by = "abandoned", None
    run.interrupted = frozenset({"y"})
    assert check(run) == []
    run.hunts[2].result = "voicemail"
    assert names(run) == {"I4"}
