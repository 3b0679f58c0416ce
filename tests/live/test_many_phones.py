"""A simultaneous stage with more phones than FreeSWITCH takes in one bridge (fact 23)."""

from fshunt.freeswitch.dialstring import MAX_LEGS


async def test_as_many_phones_ring_as_freeswitch_takes_and_the_rest_is_skipped(lab, admin, daemon):
    await lab.register(*(f"1001/{number}" for number in range(2, MAX_LEGS + 1)))
    admin.group("--policy", "simultaneous", "--ring-seconds", "4", members=("1001", "1002"))
    caller = lab.caller("5000").dial()
    assert await caller.result(30) == 200  # voicemail
    rung = [seen.who for seen in lab.seen(what="INVITE") if seen.who.startswith("1001")]
    assert len(set(rung)) == MAX_LEGS, "all that were offered did ring"
    assert lab.seen("1002", "INVITE") == []
    (call,) = admin.calls()
    assert [(offer["extension"], offer["phones"], offer["outcome"]) for offer in call["offers"]] == [
        ("1001", MAX_LEGS, "no-answer")
    ]
    assert "refused" not in daemon.log(), "FreeSWITCH takes each filter, and its deletion"
    assert [(skip["extension"], skip["reason"]) for skip in call["skips"]] == [("1002", "switch-limit")]
