"""Each policy's order, as the phones see it."""

import json


async def call_and_talk(lab, admin, name):
    """One call that somebody takes and ends; returns who rang for it.

    The next may come when the daemon knows of the end: the caller hears of it some 30 ms sooner.
    """
    before = len(lab.rang())
    caller = lab.caller("5000", name=name).dial()
    assert await caller.result(20) == 200
    await caller.until_end(10)
    rang = lab.rang()[before:]
    await lab.until(lambda: all(call["ended_at"] for call in json.loads(admin("call", "list", "--json"))["calls"]))
    return rang


async def test_regular_begins_at_the_first_position_each_time(lab, admin):
    admin.group("--policy", "regular")
    lab.behave("1001", reject=486)
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    assert await call_and_talk(lab, admin, "first") == ["1001", "1002"]
    assert await call_and_talk(lab, admin, "second") == ["1001", "1002"]


async def test_circular_begins_after_the_last_who_answered(lab, admin):
    admin.group("--policy", "circular")
    lab.behave("1001", reject=486)
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    lab.behave("1003", answer_after=0.2, hangup_after=0.3)
    assert await call_and_talk(lab, admin, "first") == ["1001", "1002"]
    assert await call_and_talk(lab, admin, "second") == ["1003"]
    assert await call_and_talk(lab, admin, "third") == ["1001", "1002"]


async def test_round_robin_moves_its_turn_whoever_answers(lab, admin):
    admin.group("--policy", "round-robin")
    lab.behave("1001", reject=486)
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    lab.behave("1003", answer_after=0.2, hangup_after=0.3)
    assert await call_and_talk(lab, admin, "first") == ["1001", "1002"]
    assert await call_and_talk(lab, admin, "second") == ["1002"]
    assert await call_and_talk(lab, admin, "third") == ["1003"]


async def test_simultaneous_rings_all_and_the_losers_see_no_missed_call(lab, admin):
    admin.group("--policy", "simultaneous")
    lab.behave("1002", answer_after=0.5, hangup_after=0.3)
    assert sorted(await call_and_talk(lab, admin, "first")) == ["1001", "1002", "1003"]
    for loser in ("1001", "1003"):
        (cancelled,) = lab.seen(loser, "CANCEL")
        assert "Call completed elsewhere" in cancelled.detail["reason"]
    rung = [seen.at for seen in lab.seen(what="INVITE")]
    assert max(rung) - min(rung) < 0.25


async def test_uniform_begins_with_the_longest_idle(lab, admin):
    admin.group("--policy", "uniform")
    for phone in ("1001", "1002", "1003"):
        lab.behave(phone, answer_after=0.2, hangup_after=0.3)
    rang = [await call_and_talk(lab, admin, f"call {n}") for n in range(4)]
    assert rang == [["1001"], ["1002"], ["1003"], ["1001"]]


async def test_weighted_rings_a_weight_of_nothing_last(lab, admin):
    admin.group("--policy", "weighted")
    admin("member", "set", "5000", "1001", "--weight", "0")
    admin("member", "set", "5000", "1002", "--weight", "0")
    admin("member", "set", "5000", "1003", "--weight", "5")
    lab.behave("1003", reject=486)
    lab.behave("1001", reject=486)
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    rang = await call_and_talk(lab, admin, "first")
    assert rang[0] == "1003"
    assert rang[-1] == "1002"
