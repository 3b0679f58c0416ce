"""What ``fshunt dialplan`` writes is loaded by a real FreeSWITCH and takes the calls."""

import pytest

from tests.live.test_destinations import leave_a_message


@pytest.fixture
def written(pbx, admin):
    """Load the dialplan of the database's groups in place of the shipped one."""

    def load() -> None:
        pbx.load_dialplan(admin("dialplan"))

    yield load
    pbx.load_dialplan(pbx.shipped_dialplan())


async def test_the_written_dialplan_takes_the_pilots_of_the_database_and_no_others(lab, admin, written):
    admin.group(members=("1001",))
    written()
    lab.behave("1001", answer_after=0.2, hangup_after=0.2)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end()
    assert await lab.caller("5001", name="other").dial().result(5) == 404


async def test_each_group_falls_back_on_its_own_box(lab, admin, daemon, pbx, written):
    admin.group("--voicemail", "1013", members=("1001",))
    written()
    daemon.kill()
    await leave_a_message(lab.caller("5000").dial())
    await lab.until_stored(pbx, "1013")


async def test_of_several_domains_the_callers_own_decides_and_the_dialled_text_never_runs(
    lab, admin, daemon, pbx, written
):
    admin.group("--voicemail", "1014", members=("1001",))
    admin("group", "add", "5000", "--domain", "other.test", "--voicemail", "1015")
    written()
    daemon.kill()
    await leave_a_message(lab.caller("5000").dial())
    await lab.until_stored(pbx, "1014")
    hostile = lab.caller("5000", name="hostile")
    hostile.dialled = "sip:5000@${global_setvar(live_owned=host)}"
    hostile.dial()
    assert await hostile.result(10) == 404
    assert pbx.api("global_getvar live_owned").strip() in ("", "-ERR no reply")
