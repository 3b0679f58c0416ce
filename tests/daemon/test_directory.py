"""Members whom the directory of the switch has reached otherwise than at their phones (design, section 3)."""

from __future__ import annotations

import pytest

from fshunt.simulator.core.phones import answers
from tests.support.rig import Rig, passed, rang

TALKS = answers(0.02, talks=0.05)


@pytest.mark.parametrize(
    ("said", "reason", "detail"),
    [
        ("error/user_busy", "blocked", "directory"),
        ("error/user_not_registered", "unregistered", None),
        ("loopback/1|loopback/2", "not-dialable", "the directory has several other endpoints for the user"),
    ],
)
def test_a_member_whom_the_directory_keeps_from_ringing_is_passed_over(
    rig: Rig, said: str, reason: str, detail: str | None
) -> None:
    rig.group("5000", "1001", "1002")
    phone, _ = rig.phones("1001", "1002", behaviour=TALKS)
    rig.switch.dial_strings["1001"] = said
    record = rig.call()
    (skip,) = record.skips
    assert (skip.extension, skip.reason, skip.detail) == ("1001", reason, detail)
    assert rang(record) == [("1002", "answered")]
    assert phone.rings == []


def test_a_member_whom_the_directory_reaches_otherwise_is_rung_there(rig: Rig) -> None:
    rig.group("5000", "1001")
    (phone,) = rig.phones("1001", behaviour=TALKS)
    mobile = rig.switch.gateway("carrier").add("0151", TALKS)
    rig.switch.dial_strings["1001"] = "sofia/gateway/carrier/0151"
    record = rig.call()
    assert (rang(record), passed(record)) == ([("1001", "answered")], [])
    assert (len(mobile.rings), phone.rings) == (1, [])
