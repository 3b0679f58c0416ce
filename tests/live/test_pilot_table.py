"""A dialplan that is written once: FreeSWITCH keeps the pilots, and the daemon keeps them up to date."""

from __future__ import annotations

import json

import pytest

from fshunt.freeswitch.dialplan import write_table_dialplan
from fshunt.settings import Settings
from tests.live.test_destinations import leave_a_message

NOT_FOUND, NO_ANSWER = 404, 480


def clear_table(pbx):
    """Empty the table: a daemon of another test, on another database, may have written it."""
    for realm in ("fshunt", "fshunt_index"):
        for key in pbx.api(f"db list/{realm}").split(","):
            pbx.api(f"db delete/{realm}/{key}")


@pytest.fixture
def by_table(pbx):
    """The dialplan of the table, loaded."""
    clear_table(pbx)
    text = write_table_dialplan(controllers=[*pbx.ports.addresses], voicemail_profile="default", codes=Settings().codes)
    pbx.load_dialplan(text)
    yield
    clear_table(pbx)
    pbx.load_dialplan(pbx.shipped_dialplan())


async def test_a_new_group_is_reached_and_a_number_without_one_is_not(lab, admin, watching, by_table):
    admin.group(members=("1001",))
    lab.behave("1001", answer_after=0.2)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    caller.hang_up()
    await lab.until_closed(admin, "answered")
    stranger = lab.caller("5001").dial()
    assert await stranger.result(10) == NOT_FOUND
    warned = admin("group", "renumber", "5000", "5001")
    assert "dialplan" not in warned.lower()
    caller = lab.caller("5001").dial()
    assert await caller.result(10) == 200
    caller.hang_up()


async def test_after_a_restart_of_freeswitch_without_a_daemon_the_caller_gets_the_groups_box(
    lab, admin, watching, by_table, pbx, daemon
):
    admin.group("--voicemail", "1012", members=("1001",))
    daemon.stop()
    pbx.stop()
    pbx.start()
    pbx.load_dialplan(
        write_table_dialplan(controllers=[*pbx.ports.addresses], voicemail_profile="default", codes=Settings().codes)
    )
    before = len(pbx.messages("1012"))
    caller = lab.caller("5000").dial()
    await leave_a_message(caller)
    assert caller.heard == [180, 200]
    await lab.until_stored(pbx, "1012", before + 1)


async def test_a_group_without_a_box_hangs_up_where_no_daemon_is(lab, admin, watching, by_table, daemon):
    admin.group(members=())
    daemon.stop()
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == NO_ANSWER


@pytest.mark.parametrize("number", ["5000%24%7Bsystem(touch%20/tmp/fshunt-owned)%7D", "5000/../fshunt_index", "5000'"])
async def test_a_number_with_other_characters_is_no_pilot(lab, admin, watching, by_table, number):
    admin.group(members=("1001",))
    caller = lab.caller(number).dial()
    assert await caller.result(10) != 200


async def test_config_check_asks_the_table(lab, admin, watching, by_table, pbx):
    admin.group(members=("1001",))
    found = {
        each["name"]: (each["ok"], each["message"])
        for each in json.loads(watching.any_result("config", "check", "--json"))["config"]["checks"]
    }
    assert found["pilots"] == (True, "The loaded dialplan gives the callers of all pilots to fshunt.")
    assert watching.address in found["controllers"][1]
