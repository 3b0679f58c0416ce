"""The wait that a queued caller is told (design, section 4)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.hunting.expected_wait import FEWEST_CALLS, MAX_MINUTES, expected_minutes, mean_talk


@pytest.mark.parametrize(
    ("position", "members", "talk", "wrap_up", "minutes"),
    [
        (1, 1, 60.0, 0.0, 1),
        (1, 4, 60.0, 0.0, 1),
        (3, 1, 60.0, 30.0, 5),
        (3, 2, 100.0, 20.0, 3),
        (4, 2, 100.0, 20.0, 4),
        (1, 1, 3600.0, 0.0, 60),
        (1, 1, 3601.0, 0.0, None),
        (1, 0, 60.0, 0.0, None),
        (1, 1, 0.0, 0.0, 1),
    ],
)
def test_minutes(position: int, members: int, talk: float, wrap_up: float, minutes: int | None) -> None:
    assert expected_minutes(position, members, talk, wrap_up) == minutes


def test_few_calls_say_nothing_of_the_wait() -> None:
    assert mean_talk([100.0] * (FEWEST_CALLS - 1)) is None
    assert mean_talk([50.0, 100.0, 150.0, 100.0, 100.0]) == 100.0


@given(st.integers(1, 200), st.integers(1, 50), st.floats(0, 7200), st.floats(0, 600))
def test_who_is_further_back_waits_no_shorter_and_more_members_make_it_no_longer(
    position: int, members: int, talk: float, wrap_up: float
) -> None:
    def told(position: int, members: int) -> float:
        minutes = expected_minutes(position, members, talk, wrap_up)
        return math.inf if minutes is None else minutes

    assert told(position, members) <= told(position + 1, members)
    assert told(position, members + 1) <= told(position, members)
    assert told(position, members) == math.inf or 1 <= told(position, members) <= MAX_MINUTES
