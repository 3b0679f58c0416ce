"""What the answers of phones and trunks mean, by whether the phone rang."""

from __future__ import annotations

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
