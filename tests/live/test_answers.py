"""What the answers of phones and trunks mean, by whether the phone rang."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

CASES = (
    *("--on-no-answer", "hangup:NO_ANSWER", "--on-busy", "hangup:USER_BUSY"),
    *("--on-unreachable", "hangup:SUBSCRIBER_ABSENT"),
)
"""Each case of "nobody took the call" ends the call with an answer of its own, and at once."""

NO_ANSWER, BUSY, UNREACHABLE = 480, 486, 480


def ends(call):
    return [(offer["extension"], offer["outcome"], offer["sip_code"]) for offer in call["offers"]]


async def test_the_answer_of_a_phone_counts_by_how_long_it_rang(lab, admin):
    members = ("1001", "1002", "1003", "1004", "1005")
    admin.group(*CASES, "--cycles", "2", members=members)
    await lab.register("1004", "1005")
    lab.behave("1001", reject=486, reject_after=0.1)
    lab.behave("1002", reject=486, reject_after=1.0)
    lab.behave("1003", reject=480, reject_after=1.0)
    lab.behave("1004", rings=None, reject=480, reject_after=0.1)
    lab.behave("1005", reject=603, reject_after=1.0)
    assert await lab.caller("5000").dial().result(30) == NO_ANSWER
    (call,) = admin.calls()
    assert ends(call) == [
        ("1001", "busy", 486),
        ("1002", "declined", 486),
        ("1003", "declined", 480),
        ("1004", "unreachable", 480),
        ("1005", "declined", 603),
        ("1001", "busy", 486),
    ]
    assert call["reason"] == "nobody answered"


async def test_a_refusal_stops_the_other_phones_and_the_queue_does_not_wait_for_the_member(lab, admin):
    admin.group(*CASES, "--when-busy", "queue", "--hunt-timeout", "20", members=("1001",))
    await lab.register("1001/soft")
    lab.behave("1001", reject=486, reject_after=1.0)
    assert await lab.caller("5000").dial().result(10) == NO_ANSWER
    (cancelled,) = lab.seen("1001/soft", "CANCEL")
    assert "Call completed elsewhere" in cancelled.detail["reason"]
    assert lab.rang().count("1001") == 1


async def test_a_refusal_by_a_trunk_is_not_the_persons(lab, admin):
    codes = (403, 404, 410, 484, 488, 500, 502, 503, 603)
    numbers = {code: f"4155550{code}" for code in codes}
    admin.group(*CASES, members=tuple(f"{number}@carrier" for number in numbers.values()))
    for code, number in numbers.items():
        lab.behave(number, rings=None, reject=code)
    await lab.caller("5000").dial().result(30)
    (call,) = admin.calls()
    assert ends(call) == [(f"{number}@carrier", "unreachable", code) for code, number in numbers.items()]
    assert call["reason"] == "nobody reachable"
    assert all(str(offer["sip_code"]) in offer["detail"] for offer in call["offers"])


async def test_a_mobile_that_rang_and_says_603_was_refused_by_the_person(lab, admin):
    admin.group(*CASES, members=("4155550177@carrier",))
    lab.behave("4155550177", reject=603, reject_after=1.0)
    assert await lab.caller("5000").dial().result(10) == NO_ANSWER
    (call,) = admin.calls()
    assert ends(call) == [("4155550177@carrier", "declined", 603)]


TOLERANCE_SECONDS = 0.5


@pytest.fixture
def dead_address() -> Iterator[str]:
    """An address at which nobody answers; a port that is closed would refuse at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield "{}:{}".format(*deaf.getsockname())


async def test_a_dead_phone_is_ended_after_four_seconds_blocks_nobody_and_the_next_member_rings(
    lab, admin, dead_address
):
    admin.group(*CASES, "--auto-block", "1", members=("1004", "1002"))
    await lab.register_as("1004", f"<sip:1004@{dead_address}>")
    lab.behave("1002", answer_after=0.3, hangup_after=0.3)
    for number in (1, 2):
        caller = lab.caller("5000", name=f"caller {number}").dial()
        assert await caller.result(20) == 200
        await caller.until_end()
        rung = lab.seen("1002", "INVITE")[-1].at - lab.seen(f"caller {number}", "DIAL")[0].at
        assert rung == pytest.approx(4, abs=TOLERANCE_SECONDS)
    calls = admin.calls()
    assert [ends(call) for call in calls] == [[("1004", "unreachable", None), ("1002", "answered", None)]] * 2
    assert "no sign of ringing" in calls[0]["offers"][0]["detail"]


async def test_a_busy_phone_beats_a_stale_contact_and_the_caller_waits_for_the_member(lab, admin, dead_address):
    admin.group(*CASES, "--when-busy", "queue", members=("1001",))
    await lab.register_as("1001", f"<sip:1001-old@{dead_address}>")
    lab.behave("1001", reject=486)
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001", "REJECT 486")
    lab.behave("1001", answer_after=0.2, hangup_after=0.3)
    assert await caller.result(25) == 200
    await caller.until_end()
    (call,) = admin.calls()
    assert [end[:2] for end in ends(call)] == [("1001", "busy"), ("1001", "answered")]


@pytest.mark.parametrize(
    ("does", "seconds", "outcome"),
    [
        ({"rings_after": 6.0}, 6 + 3, "no-answer"),
        ({"rings": 183, "rings_after": 1.0}, 1 + 8 + 3, "no-answer"),
        ({"rings": 183, "rings_after": 1.0, "then_180_after": 3.0}, 4 + 3, "no-answer"),
        ({"rings": None}, 15, "unreachable"),
    ],
    ids=["180", "183", "183 and 180", "nothing"],
)
async def test_the_ring_time_of_a_mobile_counts_from_when_it_rings(lab, admin, does, seconds, outcome):
    admin.group(*CASES, "--ring-seconds", "3", members=("4155550177@carrier",))
    lab.behave("4155550177", **does)
    await lab.caller("5000").dial().result(30)
    assert lab.ringing_seconds("4155550177") == pytest.approx(seconds, abs=TOLERANCE_SECONDS)
    (call,) = admin.calls()
    assert [end[:2] for end in ends(call)] == [("4155550177@carrier", outcome)]


@pytest.mark.parametrize("after", [0.03, 0.05])
async def test_a_phone_picked_up_just_after_another_one_of_the_member_refused_keeps_the_call(lab, admin, after):
    await lab.register("1001/app")
    admin.group("--ring-seconds", "8", members=("1001",))
    lab.behave("1001", reject=486, reject_after=1.0)
    lab.behave("1001/app", answer_after=1.0 + after, hangup_after=1.0)
    assert await lab.caller("5000").dial().result(10) == 200
    await lab.until(lambda: lab.seen("1001/app", "HANGUP") or lab.seen("1001/app", "BYE"))
    assert not lab.seen("1001/app", "BYE"), "connected and cut"
