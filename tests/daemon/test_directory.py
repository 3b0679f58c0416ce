"""Members whom the directory of the switch has reached otherwise than at their phones (design, section 3)."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from fshunt.daemon.call.phone_lookup import API_SECONDS
from fshunt.freeswitch.directory import SLOW_SECONDS
from fshunt.simulator.core.phones import answers
from tests.support.clock import CLOCK
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


def test_a_directory_that_does_not_answer_holds_up_one_hunt_for_a_moment_and_the_next_not_at_all(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.group("5000", "1001", "1002")
    rig.phones("1001", "1002", behaviour=TALKS)
    rig.switch.dial_strings["1001"] = "error/user_busy"
    rig.switch.directory_seconds = 100 * API_SECONDS
    record = rig.call_that_takes_time()
    assert (rang(record), passed(record)) == ([("1001", "answered")], []), "as usual: the registered phone counts"
    call = rig.started()
    assert rang(rig.record(call)) == [("1001", "answered")]
    assert not [said for said in call.listener.received if "user_data" in said], "nobody waits for it again"
    said = [line for line in caplog.messages if "directory of its FreeSWITCH" in line]
    assert len(said) == 1
    assert "did not answer in 1 s" in said[0]


def test_claims_have_all_their_time_however_long_the_directory_takes(rig: Rig) -> None:
    """Else the hunt would ring without claims, and say that the database is unavailable."""
    rig.group("5000", "1001")
    rig.phones("1001", behaviour=TALKS)
    rig.switch.directory_seconds = 100 * API_SECONDS
    left: list[float] = []
    take = rig.daemon.deps.claims.take

    def note_time(hunt: Any, members: Any, wanted: Any, queued: Any, deadline: Any, at: Any) -> Any:
        left.append(deadline.left())
        return take(hunt, members, wanted, queued, deadline, at)

    rig.daemon.deps.claims.take = note_time  # type: ignore[method-assign]
    rig.call_that_takes_time()
    assert left[0] > rig.settings.database_timeout - API_SECONDS / 2


def test_a_slow_directory_is_asked_again_after_a_while_and_counts_when_it_answers(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig.group("5000", "1001", "1002")
    rig.phones("1001", "1002", behaviour=TALKS)
    rig.switch.dial_strings["1001"] = "error/user_busy"
    rig.switch.directory_seconds = 100 * API_SECONDS
    rig.call_that_takes_time()
    rig.switch.directory_seconds = 0.0
    CLOCK.move(SLOW_SECONDS)
    assert rang(rig.call()) == [("1002", "answered")]
    assert len([line for line in caplog.messages if "answers in time again" in line]) == 1
