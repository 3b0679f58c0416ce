"""Groups that overflow into each other, directly or through an extension: the third entry into one goes to its box."""

import json

import pytest

from tests.live.test_destinations import leave_a_message


def two_groups(admin, by):
    admin("group", "add", "5001", "--on-busy", "transfer:5000", "--voicemail", "1009")
    admin("member", "add", "5001", "1002")
    admin.group("--on-busy", f"transfer:{by}", "--voicemail", "1008", members=("1001",))


def in_short(admin):
    """The hunts of all callers there are, the first first."""
    listed = json.loads(admin("call", "list", "--limit", "100", "--json"))["calls"]
    return [(call["pilot"], call["result"], call["reason"]) for call in reversed(listed)]


ROUND = [(pilot, "transferred", "everybody busy") for pilot in ("5000", "5001") * 2]


@pytest.mark.parametrize(
    "by", ["5001", "95001", "75001", "1003"], ids=["directly", "an extension", "a loopback", "a phone's 302"]
)
async def test_the_third_entry_into_a_group_by_overflow_goes_to_its_box(pbx, lab, admin, by):
    two_groups(admin, by)
    for phone in ("1001", "1002"):
        lab.behave(phone, reject=486)
    lab.behave("1003", reject=302, forwards_to=f"sip:5001@127.0.0.1:{pbx.ports.sip}")
    before = len(pbx.messages("1008"))
    await leave_a_message(lab.caller("5000").dial())
    await lab.until_stored(pbx, "1008", before + 1)
    await lab.until(lambda: in_short(admin) == [*ROUND, ("5000", "voicemail", "loop")])


async def test_a_person_who_answers_and_sends_the_caller_back_is_no_loop(pbx, lab, admin):
    admin.group("--on-busy", "transfer:1003", members=("1001",))
    lab.behave("1001", reject=486)
    lab.behave("1003", answer_after=0.2)
    caller = lab.caller("5000").dial()
    for count in range(1, 4):
        await lab.until(lambda count=count: len(lab.seen("1003", "ANSWER")) == count)
        await lab.until(lambda: "1 total." in pbx.api("show calls count"))
        lab.refer("1003", "5000")
    await lab.until(lambda: len(lab.seen("1003", "ANSWER")) == 4)
    caller.hang_up()
    await lab.until(lambda: in_short(admin) == [("5000", "transferred", "everybody busy")] * 4)
