"""Attended transfers to a pilot, while its phones ring and while the one who asks is queued."""

import json

import pytest

from tests.live.test_waiting import talking, until_waiting


async def consultation(lab):
    """A customer who talks with 1003, who calls the pilot beside it."""
    lab.behave("1003", answer_after=0.1)
    customer = lab.caller("1003", name="customer", number_shown="4155550111", display="Customer").dial()
    assert await customer.result(10) == 200
    return customer, lab.caller("5000", name="agent", number_shown="1003", display="Agent").dial()


def hunts(admin):
    """Who was hunted for and how that ended, the oldest first."""
    listed = json.loads(admin("call", "list", "--json"))["calls"]
    return [(call["caller_number"], call["result"], call["reason"]) for call in reversed(listed)]


@pytest.mark.parametrize("policy", ["round-robin", "simultaneous"])
async def test_while_phones_ring_they_stop_at_once_and_ring_for_the_one_who_is_transferred(lab, admin, daemon, policy):
    admin.group("--policy", policy, members=("1001", "1002"))
    customer, agent = await consultation(lab)
    rings = ["1001"] if policy == "round-robin" else ["1001", "1002"]
    for phone in rings:
        await lab.until_seen(phone, "INVITE")
    await agent.hears(180)
    for phone in rings:
        lab.behave(phone, answer_after=1.0 if phone == "1001" else None)
    lab.refer("1003", "5000", agent)
    referred = lab.seen("1003", "REFER")[0].at
    for phone in rings:
        stopped = await lab.until_seen(phone, "CANCEL")
        assert stopped.at - referred < 0.5
        assert "Call completed elsewhere" in stopped.detail["reason"], "no missed call"
        again = await lab.until_seen(phone, "INVITE", 2)
        assert again.at - referred < 1.0
        assert "4155550111" in again.detail["shown"]
    await lab.until_seen("1001", "ANSWER")
    await lab.until(lambda: "1001 answered" in daemon.log())
    assert not customer.ended.is_set()
    customer.hang_up()
    await lab.until(
        lambda: hunts(admin) == [("1003", "transferred", "attended transfer"), ("4155550111", "answered", None)]
    )
    assert len(lab.rang()) == 1 + 2 * len(rings)


async def test_queued_the_one_who_is_transferred_keeps_the_place(lab, admin, watching):
    admin.group("--when-busy", "queue", "--hunt-timeout", "120", members=("1001",))
    first = await talking(lab)
    customer, agent = await consultation(lab)
    await until_waiting(admin, 1)
    later = lab.caller("5000", name="later", number_shown="4155550222").dial()
    await until_waiting(admin, 2)
    lab.refer("1003", "5000", agent)
    await lab.until(lambda: "goes on with the hunt" in watching.log())
    await until_waiting(admin, 2)
    lab.behave("1001", answer_after=0.2)
    before = len(lab.seen("1001", "INVITE"))
    first.hang_up()
    rung = await lab.until_seen("1001", "INVITE", before + 1)
    assert "4155550111" in rung.detail["shown"], "before the one who came later"
    await lab.until(lambda: watching.log().count("1001 answered") == 2)
    customer.hang_up()
    assert await later.result(10) == 200
    later.hang_up()


async def test_a_customer_who_was_called_and_hears_music_is_rung_for_too(pbx, lab, admin, daemon):
    admin.group(members=("1001",))
    lab.behave("1002", answer_after=0.1)
    talk = lab.caller("1002", name="talk", number_shown="1003").dial()
    assert await talk.result(10) == 200
    await lab.until(lambda: "1 total." in pbx.api("show calls count"))
    customer = next(line.split(",")[0] for line in pbx.api("show channels").splitlines() if ",outbound," in line)
    pbx.api(f"uuid_setvar {customer} hold_music tone_stream://%(500,500,440);loops=-1")
    agent = lab.caller("5000", name="agent", number_shown="1003").dial()
    await lab.until_seen("1001", "INVITE")
    await agent.hears(180)
    lab.behave("1001", answer_after=0.5)
    talk.refer("5000", agent)
    await lab.until_seen("1001", "CANCEL", seconds=3)
    await lab.until_seen("1001", "ANSWER")
    await lab.until(lambda: "1001 answered" in daemon.log())
    lab.hang_up("1002")
    await lab.until(lambda: [result for _, result, _ in hunts(admin)] == ["transferred", "answered"])


async def test_a_customer_who_hangs_up_on_the_way_leaves_nothing(pbx, lab, admin, daemon):
    admin.group(members=("1001",))
    customer, agent = await consultation(lab)
    await lab.until_seen("1001", "INVITE")
    await agent.hears(180)
    lab.refer("1003", "5000", agent)
    await lab.until_seen("1001", "CANCEL")
    customer.hang_up()
    await lab.until(lambda: all(result for _, result, _ in hunts(admin)))
    await lab.until(lambda: pbx.channels() == 0)
