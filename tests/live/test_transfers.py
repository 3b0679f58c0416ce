"""Members who transfer the caller, and phones with unusual registrations."""

import pytest


async def test_a_member_transfers_the_caller_to_another_pilot_and_that_hunt_is_left_alone(lab, admin):
    admin.group(members=("1001",))
    admin("group", "add", "5001")
    admin("member", "add", "5001", "1002")
    lab.behave("1001", answer_after=0.3)
    lab.behave("1002", answer_after=5.0, hangup_after=0.5)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    lab.refer("1001", "5001")
    await lab.until_seen("1002", "ANSWER", seconds=15)
    await caller.until_end(10)
    assert lab.rang() == ["1001", "1002"], "no second hunt for the same caller, and nobody is cancelled"
    await lab.until(lambda: [call["result"] for call in admin.calls()] == ["answered", "answered"])


async def test_a_member_transfers_the_caller_to_an_extension_and_the_call_is_not_ended_by_us(lab, admin):
    admin.group(members=("1001",))
    lab.behave("1001", answer_after=0.3)
    lab.behave("1003", answer_after=0.5, hangup_after=4.0)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    lab.refer("1001", "1003")
    await lab.until_seen("1003", "HANGUP", seconds=15)
    assert lab.seen("1003", "BYE") == []
    await caller.until_end(10)


@pytest.mark.parametrize(
    "address",
    [
        "sip:a$@127.0.0.1:{port};x=,[execute_on_answer=set_global::live_owned=yes]loopback/1003",
        "sip:a@127.0.0.1:{port};x=,sofia/internal/sip:1003@127.0.0.1:{port}",
    ],
)
async def test_a_registered_contact_rings_nobody_but_itself(lab, admin, address):
    admin.group("--ring-seconds", "1", "--on-unreachable", "hangup:USER_BUSY", members=("1014",))
    await lab.register_as("1014", f"<{address.format(port=lab.port)}>")
    lab.behave("1003", answer_after=0.2)
    assert await lab.caller("5000").dial().result(10) == 486
    assert lab.rang() == []
