"""What `fshunt config check` says of a real switch before the first call."""

from __future__ import annotations

import json

import pytest


def checks(daemon) -> dict[str, tuple[bool, str]]:
    printed = daemon.any_result("config", "check", "--json")
    return {each["name"]: (each["ok"], each["message"]) for each in json.loads(printed)["config"]["checks"]}


@pytest.fixture
def dialplan(pbx):
    """Loads another dialplan; the usual one is there again afterwards."""
    yield pbx.load_dialplan
    pbx.load_dialplan(pbx.shipped_dialplan())


async def test_a_host_that_is_ready(lab, admin, watching):
    admin.group(members=("1001", "1002"))
    found = checks(watching)
    assert {name: found[name][0] for name in ("pilots", "controllers", "members", "phones")} == dict.fromkeys(
        ("pilots", "controllers", "members", "phones"), True
    ), found
    assert watching.address in found["controllers"][1]


async def test_the_dialplan_is_not_loaded(lab, admin, watching, dialplan):
    admin.group(members=("1001",))
    dialplan("<include/>\n")
    ok, said = checks(watching)["pilots"]
    assert not ok
    assert said.startswith("Pilot 5000 is not in the loaded dialplan, context default.")


async def test_a_demonstration_stands_before_the_pilot(lab, admin, watching, dialplan, pbx):
    admin.group(members=("1001",))
    before = """<extension name="ivr_demo"><condition field="destination_number" expression="^5000$">
      <action application="answer"/><action application="ivr" data="demo_ivr"/></condition></extension>
      <extension name="fshunt-pilots">"""
    dialplan(pbx.shipped_dialplan().replace('<extension name="fshunt-pilots">', before))
    ok, said = checks(watching)["pilots"]
    assert not ok
    assert said.startswith("Calls to 5000 are taken by extension ivr_demo, context default, which stands before")


async def test_the_daemon_does_not_run(lab, admin, watching):
    admin.group(members=("1001",))
    watching.stop()
    ok, said = checks(watching)["controllers"]
    assert not ok
    assert f"{watching.address} and" in said
    assert "where no fshunt answers" in said


async def test_members_without_a_user_or_without_a_phone(lab, admin, watching):
    admin.group(members=("1004", "1099"))
    found = checks(watching)
    assert found["members"][1].startswith("The directory has no user 1099 in pbx.test.")
    assert found["phones"] == (False, found["phones"][1])
    assert found["phones"][1].startswith("No member of pbx.test has a phone that is registered.")


async def test_the_written_dialplan_is_loaded_and_a_caller_is_served(lab, admin, watching, dialplan, pbx):
    dialplan("<include/>\n")
    admin.group(members=("1001",))
    lab.behave("1001", answer_after=0.2)
    file = pbx.folder / "conf" / "dialplan" / "fshunt.xml"
    assert "FreeSWITCH has loaded it" in admin("dialplan", "--out", str(file), "--reload")
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    caller.hang_up()
    await lab.until_closed(admin, "answered")
