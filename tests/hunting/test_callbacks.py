"""Who may be called back, and the group as a call in a caller's place has it."""

import pytest

from fshunt.errors import BadValue
from fshunt.hunting.callbacks import as_served, may_be_called
from fshunt.hunting.group import WhenBusy
from fshunt.hunting.validation import check_callback_pattern
from tests.hunting.test_hunt import ANSWERED_QUEUE, group


@pytest.mark.parametrize(
    ("number", "may"),
    [
        ("+4930123456", True),
        ("+4930", True),
        ("+493", False),
        ("4930123456", False),
        ("5551234", True),
        ("55512345", False),
        ("", False),
    ],
)
def test_the_patterns_say_who_may_be_called_back(number, may):
    assert may_be_called(number, ["+4930*", "5551234"]) is may
    assert not may_be_called(number, [])


@pytest.mark.parametrize("pattern", ["*", "", "+", "+*", "49 30", "4930**", "49*30", "abc", "${x}", "+49;x", "1" * 21])
def test_a_pattern_is_a_number_or_its_beginning(pattern):
    with pytest.raises(BadValue):
        check_callback_pattern(pattern)


def test_the_call_in_a_callers_place_plays_nothing_and_goes_nowhere():
    served = as_served(group("1001", **ANSWERED_QUEUE | {"callback": True, "queue_limit": 1, "voicemail": "1009"}))
    assert (served.when_busy, served.answer_first, served.queue_limit, served.hunt_timeout) == (
        WhenBusy.QUEUE,
        False,
        None,
        None,
    )
    assert {str(each) for each in served.destinations} == {"hangup:NO_ANSWER"}
    assert not served.callback
