"""What the end of a leg means: the cause, the SIP answer, whether it came through a gateway, and how long it rang."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.freeswitch.causes import OUTCOMES, detail_of, outcome_of
from fshunt.hunting.states import Outcome

DECLINED, BUSY, NO_ANSWER, UNREACHABLE = Outcome.DECLINED, Outcome.BUSY, Outcome.NO_ANSWER, Outcome.UNREACHABLE


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        ("NO_ANSWER", NO_ANSWER),
        ("ALLOTTED_TIMEOUT", NO_ANSWER),
        ("PROGRESS_TIMEOUT", UNREACHABLE),
        ("NO_USER_RESPONSE", UNREACHABLE),
        ("USER_BUSY", BUSY),
        ("CALL_REJECTED", DECLINED),
        ("USER_NOT_REGISTERED", Outcome.UNREGISTERED),
        ("SUBSCRIBER_ABSENT", Outcome.UNREGISTERED),
        ("LOSE_RACE", Outcome.ANSWERED_ELSEWHERE),
        ("ORIGINATOR_CANCEL", Outcome.CALLER_GONE),
        ("NEVER_HEARD_OF", UNREACHABLE),
    ],
)
def test_without_a_sip_answer_the_cause_counts(cause: str, outcome: Outcome) -> None:
    assert outcome_of(cause, None) is outcome


NOT_RUNG, AT_ONCE, SOON, LONG = None, 0.4, 2.0, 12.0


@pytest.mark.parametrize("external", [False, True], ids=["phone", "gateway"])
@pytest.mark.parametrize(
    ("code", "outcomes"),
    [  # of a phone that did not ring, that has just begun to ring, that rang for 2 s and for 12 s
        (486, (BUSY, BUSY, DECLINED, DECLINED)),
        (600, (BUSY, BUSY, DECLINED, DECLINED)),
        (480, (UNREACHABLE, DECLINED, DECLINED, NO_ANSWER)),
        (487, (UNREACHABLE, DECLINED, DECLINED, NO_ANSWER)),
        (408, (UNREACHABLE, NO_ANSWER, NO_ANSWER, NO_ANSWER)),
        *((code, (UNREACHABLE,) * 4) for code in (302, 400, 401, 403, 404, 407, 410, 430, 481, 482, 483, 484, 488)),
        *((code, (UNREACHABLE,) * 4) for code in (500, 501, 502, 503, 504, 604, 606, 608)),
    ],
)
def test_what_an_answer_means_depends_on_whether_it_rang(
    code: int, outcomes: tuple[Outcome, ...], external: bool
) -> None:
    found = [outcome_of("ORIGINATOR_CANCEL", code, external=external, rang=r) for r in (NOT_RUNG, AT_ONCE, SOON, LONG)]
    assert tuple(found) == outcomes


@pytest.mark.parametrize("code", [603, 607])
def test_a_decline_is_the_persons_unless_a_gateway_gives_it_before_the_mobile_rings(code: int) -> None:
    assert [outcome_of("CALL_REJECTED", code, rang=r) for r in (NOT_RUNG, AT_ONCE, SOON)] == [DECLINED] * 3
    through = [outcome_of("CALL_REJECTED", code, external=True, rang=r) for r in (NOT_RUNG, AT_ONCE, SOON)]
    assert through == [UNREACHABLE, UNREACHABLE, DECLINED]


def test_the_boundaries_belong_to_the_later_meaning() -> None:
    assert [outcome_of("USER_BUSY", 486, rang=r) for r in (0.499, 0.5)] == [BUSY, DECLINED]
    assert [outcome_of("NO_USER_RESPONSE", 480, rang=r) for r in (11.99, 12.0)] == [DECLINED, NO_ANSWER]


@pytest.mark.parametrize("cause", ["NO_ANSWER", "LOSE_RACE", "PROGRESS_TIMEOUT"])
def test_the_answer_to_our_own_cancel_says_nothing(cause: str) -> None:
    assert outcome_of(cause, 487, rang=2.0) is OUTCOMES[cause]
    assert detail_of(cause, 487, OUTCOMES[cause]) == detail_of(cause, None, OUTCOMES[cause])


@given(st.integers(300, 699), st.booleans(), st.none() | st.floats(0, 600), st.sampled_from(sorted(OUTCOMES)))
def test_whatever_a_phone_answers_it_did_not_take_the_call(
    code: int, external: bool, rang: float | None, cause: str
) -> None:
    found = outcome_of(cause, code, external=external, rang=rang)
    assert code == 487 or found in (DECLINED, BUSY, NO_ANSWER, UNREACHABLE)
    assert rang is not None or found is not NO_ANSWER or cause in ("NO_ANSWER", "ALLOTTED_TIMEOUT")


def test_the_details_say_whose_refusal_it_was_and_the_code() -> None:
    assert "do not disturb" in str(detail_of("NO_USER_RESPONSE", 480, UNREACHABLE))
    assert "did not respond" in str(detail_of("NO_USER_RESPONSE", None, UNREACHABLE))
    assert "no sign of ringing" in str(detail_of("PROGRESS_TIMEOUT", None, UNREACHABLE))
    assert detail_of("USER_BUSY", 486, BUSY) is None
    assert detail_of("USER_BUSY", 486, DECLINED) == "refused while it rang (486)"
    assert detail_of("CALL_REJECTED", 603, DECLINED) is None
    assert detail_of("NO_USER_RESPONSE", 480, NO_ANSWER) == "the phone stopped ringing by itself (480)"
    assert detail_of("CALL_REJECTED", 403, UNREACHABLE, external=True) == "the gateway refused the call (403)"
    assert detail_of("CALL_REJECTED", 403, UNREACHABLE) == "the phone cannot take the call (403)"
    assert detail_of("NORMAL_UNSPECIFIED", None, UNREACHABLE) == "cause NORMAL_UNSPECIFIED"
