"""What a phone may register, it is rung at (facts 38 and 39); what cannot be dialled is told."""

import asyncio
import json

import pytest

from fshunt.freeswitch.dialstring import MAX_LEGS

LONGEST_CHARS = 1023 - len('"" <>')
"""Of an address that FreeSWITCH keeps whole."""

PARTS = [
    "a,b$c&d=e+f;g?h/i@{at}",
    "a'b'c!d~e*f(g)h_i.j-k@{at}",
    "$,$@{at};x=$,$",
    "p1@{at};x=a[b]c",
    "p2@{at};x=a:_:b:_:c",
    "p3@{at};x=a$b&c/d:e+f;y='q'",
    "p4@{at};x=a,[leg_timeout=1]user/1002;y=mod_event_socket",
    "p5@{at};pn-provider=apns;pn-param=ABC.com:voip;pn-prid=" + "0aF_:-" * 150,
    "a%20b%22%7B%7C%5E@{at};x=%C3%A9",
]


async def test_phones_ring_at_every_address_that_is_legal(lab, admin, pbx, daemon):
    """The lab knows each by the whole address that it registered."""
    addresses = ["sip:" + part.format(at=f"127.0.0.1:{lab.port}") for part in PARTS]
    for number, address in enumerate(addresses):
        await lab.register_at(f"1001/{number}", address)
    admin.group("--policy", "simultaneous", members=("1001", "1003"))
    caller = lab.caller("5000").dial()
    for number, address in enumerate(addresses):
        await lab.until_seen(f"1001/{number}", "INVITE")
        assert len(lab.seen(f"1001/{number}", "INVITE")) == 1, address
    await lab.until_seen("1001", "INVITE")
    await lab.until_seen("1003", "INVITE")
    assert lab.seen("1002", "INVITE") == []
    caller.hang_up()
    await lab.until_closed(admin, "abandoned")


@pytest.mark.parametrize("user", ["a|b", "a^b", "z\u00e9"])
async def test_what_cannot_be_dialled_is_told_in_the_skip_and_in_the_list(lab, admin, watching, user):
    await lab.unregister("1001")
    await lab.register_at("1001/odd", f"sip:{user}@127.0.0.1:{lab.port}")
    admin.group(members=("1001",))
    assert await lab.caller("5000").dial().result(10) == 200  # voicemail
    (call,) = admin.calls()
    (skip,) = call["skips"]
    assert skip["reason"] == "not-dialable"
    assert skip["detail"].startswith("no SIP address that can be dialled: ")
    assert call["reason"] == "nobody reachable"
    (member,) = json.loads(admin("member", "list", "5000", "--json"))["members"]
    assert (member["state"], member["state_detail"]) == ("not-dialable", skip["detail"])
    await lab.register("1001")


async def test_a_phone_that_registered_just_before_the_call_is_rung(lab, admin, watching):
    admin.group(members=("1001",))
    for count in range(1, 6):
        await lab.unregister("1001")
        await asyncio.sleep(0.3)  # so long the monitor takes at most to know it
        await lab.register("1001")
        await asyncio.sleep(0.05)
        caller = lab.caller("5000", name=f"caller {count}").dial()
        await lab.until_seen("1001", "INVITE", count, seconds=2)
        caller.hang_up()
        await lab.until_seen("1001", "CANCEL", count)


async def test_one_phone_that_registered_twice_gets_one_invite_and_two_phones_both_ring(lab, admin, pbx, daemon):
    """Another transport, another profile, an old and a new contact; FreeSWITCH has nothing of a ``+sip.instance``."""
    here, instance = f"127.0.0.1:{lab.port}", ';+sip.instance="<urn:uuid:1>"'
    await lab.unregister("1001")
    await lab.register_at("1001/old", f"sip:1001@{here};rinstance=old")
    await lab.register_at("1001/new", f"sip:1001@{here};rinstance=new")
    await lab.register_at("1001/tcp", f"sip:1001@{here};transport=tcp", to=pbx.shared)
    await lab.register_at("1001/moved", f"<sip:before@{here}>{instance}", call_id="one phone")
    await lab.register_at("1001/here", f"<sip:after@{here}>{instance}", call_id="one phone")
    await lab.register_at("1001/desk", f"sip:desk@{here}")
    admin.group(members=("1001",))
    caller = lab.caller("5000").dial()
    await lab.until(lambda: len(lab.rang()) >= 3)
    await asyncio.sleep(0.3)
    one_of_three, *others = sorted(lab.rang(), key=["1001/new", "1001/tcp", "1001/desk", "1001/here"].index)
    assert one_of_three in ("1001/new", "1001/tcp"), "whichever was renewed last"
    assert others == ["1001/desk", "1001/here"]
    caller.hang_up()
    assert (await lab.until_closed(admin, "abandoned"))["offers"][0]["phones"] == 3
    await lab.register("1001")


async def test_an_extension_may_begin_with_a_plus(lab, admin, pbx, watching):
    """It is rung, seen on a call that it makes, and its box is found."""
    await lab.register("+1001")
    lab.behave("+1001", answer_after=0.1, hangup_after=0.2)
    admin.group("--voicemail", "+1001", "--force", members=("+1001",))
    pbx.load_dialplan(admin("dialplan"))
    caller = lab.caller("5000", name="first").dial()
    await lab.until_seen("+1001", "ANSWER")
    assert len(lab.seen("+1001", "INVITE")) == 1
    assert lab.seen("1001", "INVITE") == []
    assert (await lab.until_closed(admin, "answered"))["answered_by"] == "+1001"
    caller.hang_up()
    own = lab.caller("70", name="own", number_shown="+1001").dial()
    assert await own.result(10) == 200
    await lab.until(lambda: _state(admin) == "on-call")
    assert await lab.caller("5000", name="second").dial().result(10) in (
        200,
        480,
        486,
    )  # the box, or none in the directory
    await lab.until(lambda: admin.calls()[-1]["result"] is not None)
    assert [(skip["extension"], skip["reason"]) for skip in admin.calls()[-1]["skips"]] == [("+1001", "on-call")]
    pbx.load_dialplan(pbx.shipped_dialplan())


def _state(admin) -> str:
    return str(json.loads(admin("member", "list", "5000", "--json"))["members"][0]["state"])


async def test_as_many_phones_as_freeswitch_takes_ring_at_the_longest_contacts(lab, admin, daemon):
    """A dial string of 160 KB, and events that repeat it."""
    everybody = [str(2000 + number) for number in range(MAX_LEGS)]
    for each in everybody:
        address = f"sip:{each}@127.0.0.1:{lab.port};pn-prid="
        await lab.register_at(each, address + ("0aF_:-" * 170)[: LONGEST_CHARS - len(address)])
    admin.group("--policy", "simultaneous", "--ring-seconds", "30", members=tuple(everybody))
    caller = lab.caller("5000").dial()
    await lab.until(lambda: len(lab.rang()) == MAX_LEGS, seconds=20)
    assert sorted(lab.rang()) == everybody
    caller.hang_up()
    offers = (await lab.until_closed(admin, "abandoned"))["offers"]
    assert {offer["outcome"] for offer in offers} == {"caller-gone"}
