"""Two tenants share a SIP profile, and have extensions of the same number (facts 41 and 42)."""

import asyncio
import json

import pytest

OTHER = "other.test"


def at(lab, user: str) -> str:
    return f"sip:{user}@127.0.0.1:{lab.port}"


@pytest.mark.parametrize("watched", [False, True])
async def test_the_other_tenants_phone_of_the_same_number_never_rings(lab, admin, pbx, daemon, watched):
    await lab.unregister("1001")
    await lab.unregister("1002")
    await lab.register_at("1001/theirs", at(lab, "theirs"), domain=OTHER, to=pbx.shared)
    await lab.register_at("1001/ours", at(lab, "ours"), to=pbx.shared)
    await lab.register_at("1002/theirs", at(lab, "their-1002"), domain=OTHER, to=pbx.shared)
    named = pbx.api("sofia_contact */1001@pbx.test")
    assert "sip:theirs@" in named, "the switch names both"
    assert "sip:ours@" in named
    if watched:
        daemon.watch(pbx)
        daemon.restart()
    admin.group("--policy", "simultaneous", "--ring-seconds", "2", members=("1001", "1002"))
    for count in (1, 2):  # the first call learns the profile
        caller = lab.caller("5000", name=f"caller {count}").dial()
        assert await caller.result(10) == 200  # voicemail
        caller.hang_up()
        call = await lab.until_closed(admin, "voicemail")
        assert lab.rang() == ["1001/ours"] * count
        assert [(skip["extension"], skip["reason"]) for skip in call["skips"]] == [("1002", "unregistered")]
    if watched:
        listed = json.loads(admin("member", "list", "5000", "--json"))["members"]
        assert {each["extension"]: each["state"] for each in listed} == {"1001": "free", "1002": "unregistered"}
    await lab.register("1001", "1002")


async def test_a_phone_that_registered_at_an_address_of_the_switch_rings(lab, admin, pbx, daemon):
    """It is of no tenant by its own word; the switch names it, as for a direct call."""
    await lab.unregister("1001")
    await lab.register_at("1001/address", at(lab, "address"), domain="127.0.0.1", to=pbx.shared)
    admin.group(members=("1001",))
    caller = lab.caller("5000").dial()
    await lab.until_seen("1001/address", "INVITE")
    caller.hang_up()
    await asyncio.sleep(0)
    await lab.until_closed(admin, "abandoned")
    await lab.register("1001")


async def test_upper_and_lower_case_make_no_difference(lab, admin, pbx, daemon):
    """The switch names both phones for the extension, though it lists them by other names (fact 41)."""
    await lab.register_at("Anna/user", at(lab, "user"))
    await lab.register_at("anna/domain", at(lab, "domain"), domain="PBX.test", to=pbx.shared)
    admin.group(members=("anna",))
    caller = lab.caller("5000").dial()
    await lab.until(lambda: len(lab.rang()) == 2)
    assert sorted(lab.rang()) == ["Anna/user", "anna/domain"]
    caller.hang_up()
    await lab.until_closed(admin, "abandoned")
