"""Callers who overflow from group to group, and come round."""

from __future__ import annotations

from typing import Any

from fshunt.db.models import CallRecord
from fshunt.db.queries import calls
from fshunt.hunting.destinations import parse_destination
from fshunt.simulator.core.phones import answers, refuses
from tests.support.rig import WAIT_SECONDS, Rig, cut

FROM_5000 = parse_destination("transfer:5000")
FROM_5001 = parse_destination("transfer:5001")


def hunts_of(rig: Rig, call: Any) -> list[tuple[str, str, str | None, str | None]]:
    """The hunts of a call that has ended, the first first."""
    assert call.join(WAIT_SECONDS)
    rig.settle()
    with rig.store.reading() as s:
        return [_in_short(each) for each in reversed(calls.show_call(s, call.uuid))]


def _in_short(record: CallRecord) -> tuple[str, str, str | None, str | None]:
    return record.pilot, record.result or "open", record.reason, record.destination


def two_groups(rig: Rig, first: str = "transfer:5001") -> None:
    rig.group("5000", "1001", on_busy=parse_destination(first), voicemail="1008")
    rig.group("5001", "1002", on_busy=FROM_5000, voicemail="1009")
    rig.phones("1001", "1002", behaviour=refuses(486))


def test_the_third_entry_into_a_group_goes_to_its_box(rig: Rig) -> None:
    two_groups(rig)
    call = rig.started()
    busy = "everybody busy"
    assert hunts_of(rig, call) == [
        ("5000", "transferred", busy, "transfer:5001"),
        ("5001", "transferred", busy, "transfer:5000"),
        ("5000", "transferred", busy, "transfer:5001"),
        ("5001", "transferred", busy, "transfer:5000"),
        ("5000", "voicemail", "loop", "voicemail:1008"),
    ]
    assert (call.ending.kind, call.ending.who) == ("voicemail", "1008")


def test_a_loop_through_an_extension_ends_too(rig: Rig) -> None:
    two_groups(rig, "transfer:70")
    rig.switch.routes["70"] = [("set", "x=y"), ("transfer", "5001")]
    found = hunts_of(rig, rig.started())
    assert [pilot for pilot, *_ in found] == ["5000", "5001"] * 2 + ["5000"]
    assert found[-1][1:3] == ("voicemail", "loop")


def test_an_answer_in_between_is_no_loop(rig: Rig) -> None:
    two_groups(rig, "transfer:1003")
    rig.phones("1003", behaviour=answers(0.02))
    talks = rig.happens("talks with", "1003")
    call = rig.started()
    for _ in range(3):
        assert talks.wait(WAIT_SECONDS)
        talks.clear()
        call.send_away("5000")
    assert talks.wait(WAIT_SECONDS)
    call.hang_up()
    found = hunts_of(rig, call)
    assert [each[:2] for each in found] == [("5000", "transferred")] * 4, "each time a person has sent the caller"


def test_a_person_who_transfers_the_caller_while_a_phone_rings_is_no_overflow(rig: Rig) -> None:
    rig.group("5000", "1001", on_busy=FROM_5001, voicemail="1008")
    rig.group("5001", "1002", voicemail="1009")
    rig.phones("1001", behaviour=refuses(486))
    rig.phones("1002")
    rings = rig.happens("rings", "1002")
    call = rig.started()
    for _ in range(3):
        assert rings.wait(WAIT_SECONDS)
        rings.clear()
        call.send_away("5000")
    assert rings.wait(WAIT_SECONDS)
    call.hang_up()
    assert [each[0] for each in hunts_of(rig, call)] == ["5000", "5001"] * 4


def test_the_daemon_that_takes_the_caller_over_knows_the_way_so_far(rig: Rig) -> None:
    two_groups(rig)
    (second,) = rig.switch.registrations.phones_of("1002", rig.switch.domain)
    second.behaviour = answers(30.0)
    rings = rig.happens("rings", "1002")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    second.behaviour = refuses(486)
    cut(call)
    found = hunts_of(rig, call)
    assert [each[0] for each in found] == ["5000", "5001", "5001", "5000", "5001", "5000"]
    assert found[1][1] == "failed"
    assert found[-1][1:3] == ("voicemail", "loop")
