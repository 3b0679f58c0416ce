"""A caller who comes back to a pilot on the same channel: a new hunt, with a turn and a record of its own."""

import json

import pytest


def hunts_of(admin):
    """The hunts of the only caller there is, the first first."""
    (uuid,) = {call["uuid"] for call in json.loads(admin("call", "list", "--json"))["calls"]}
    newest = json.loads(admin("call", "show", uuid, "--json"))["call"]
    return [*reversed(newest["earlier"]), newest]


async def until_talking(lab, daemon, member):
    """Wait until the daemon knows that this member has the caller."""
    await lab.until(lambda: f"{member} answered" in daemon.log())


@pytest.mark.parametrize("policy", ["round-robin", "circular"])
async def test_a_caller_whom_a_member_sends_back_to_the_pilot_is_a_new_hunt(lab, admin, daemon, policy):
    admin.group("--policy", policy)
    lab.behave("1001", answer_after=0.3)
    lab.behave("1002", answer_after=0.3)
    lab.behave("1003", answer_after=0.3, hangup_after=0.5)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await until_talking(lab, daemon, "1001")
    lab.refer("1001", "5000")
    await until_talking(lab, daemon, "1002")
    lab.refer("1002", "5000")
    await until_talking(lab, daemon, "1003")
    await caller.until_end(10)
    assert lab.rang() == ["1001", "1002", "1003"]
    await lab.until(lambda: [hunt["answered_by"] for hunt in hunts_of(admin) if hunt["ended_at"]] == lab.rang())


async def test_a_caller_who_came_back_is_the_same_call_to_the_daemon_that_follows(lab, admin, daemon, second_daemon):
    second_daemon.start()
    admin.group("--policy", "round-robin")
    lab.behave("1001", answer_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await until_talking(lab, daemon, "1001")
    lab.refer("1001", "5000")
    await lab.until_seen("1002", "INVITE")
    lab.behave("1002", reject=486)
    lab.behave("1003", answer_after=0.2, hangup_after=0.5)
    daemon.kill()
    await caller.until_end(10)
    assert lab.rang() == ["1001", "1002", "1002", "1003"], "the same turn at the second daemon"
    await lab.until(lambda: "ended: answered by 1003" in second_daemon.log())
    after = lab.caller("5000").dial()
    assert await after.result(10) == 200
    assert lab.rang()[4:5] == ["1003"], "the next caller has the next turn"
    await after.until_end(10)
