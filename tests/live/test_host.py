"""The host around a real switch: signals, large channels, failed hunts, and what can hardly be true."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import time
from contextlib import closing
from typing import Any

DOUBLINGS = 16
"""Sixteen characters, doubled so often, are a megabyte."""

LARGE = """
<extension name="large">
  <condition field="destination_number" expression="^9(5\\d{{3}})$">
    <action application="set" data="live_large=0123456789abcdef"/>
    {doublings}
    <action application="transfer" data="$1"/>
  </condition>
</extension>
"""


def status_of(admin: Any) -> dict[str, Any]:
    return dict(json.loads(admin("status", "--json"))["status"])


async def until(found: Any, seconds: float = 10) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            if value := await asyncio.to_thread(found):
                return value
            await asyncio.sleep(0.1)


async def test_a_channel_with_a_megabyte_of_variables_is_hunted_for(lab, admin, watching, pbx):
    """The answer to `connect` and each event of the caller have all of them; the monitor hears the same events."""
    double = '<action application="set" data="live_large=${live_large}${live_large}"/>'
    text = pbx.shipped_dialplan()
    head, found, rest = text.partition("<extension ")
    assert found
    pbx.load_dialplan(head + LARGE.format(doublings="\n".join([double] * DOUBLINGS)) + found + rest)
    try:
        admin.group(members=("1001", "1002"))
        lab.behave("1001", reject=486)
        lab.behave("1002", answer_after=0.2, hangup_after=0.3)
        caller = lab.caller("95000").dial()
        assert await caller.result(20) == 200
        await caller.until_end(20)
    finally:
        pbx.load_dialplan(pbx.shipped_dialplan())
    (call,) = admin.calls()
    assert (call["result"], call["answered_by"]) == ("answered", "1002")
    assert "not watched" not in watching.log()
    assert status_of(admin)["ok"]


async def test_a_hunt_that_fails_is_a_warning_counts_and_says_why(lab, admin, daemon):
    admin.group(members=("1001",))
    caller = lab.caller("5001").dial()
    await caller.result(10)
    caller.leave()
    told = await until(lambda: (found := status_of(admin)) and found["failed_hunts"] and found)
    (note,) = [note for note in told["notes"] if note["code"] == "hunts-failed"]
    assert "5001" in note["message"]
    listed = admin("call", "list", "--failed")
    assert "failed: " in listed
    assert "5001" in listed
    assert any(line.startswith("WARNING") and "ended: failed (" in line for line in daemon.log().splitlines())


async def test_signals_end_no_ringing_and_no_talk(lab, admin, watching):
    admin.group("--ring-seconds", "20", members=("1001",))
    lab.behave("1001", answer_after=3.0)
    caller = lab.caller("5000").dial()
    await lab.until(lambda: lab.rang() == ["1001"])
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP):
        watching.process.send_signal(number)
    await until(lambda: "settings reloaded, changed: none" in watching.log())
    await until(lambda: "to 5000@pbx.test: ringing, 1001" in watching.log())
    assert await caller.result(10) == 200
    await until(lambda: ": 1001 answered after" in watching.log())
    for number in (signal.SIGHUP, signal.SIGUSR1):
        watching.process.send_signal(number)
    await until(lambda: "to 5000@pbx.test: talking, with 1001" in watching.log())
    caller.leave()
    await until(lambda: [call["result"] for call in admin.calls()] == ["answered"])
    assert lab.rang() == ["1001"]
    assert watching.process.poll() is None


async def test_status_names_a_registration_that_expired_long_ago_and_a_call_of_two_days(lab, admin, daemon, pbx):
    """FreeSWITCH leaves such a row if it names another host (fact 67); the call's age is set by hand."""
    admin.group(members=("1001", "1002"))
    lab.behave("1002", answer_after=0.1)
    caller = lab.caller("1002").dial()
    assert await caller.result(10) == 200
    now = int(time.time())
    row = "UPDATE sip_registrations SET expires = ?, hostname = 'elsewhere' WHERE sip_user = '1001'"
    with closing(sqlite3.connect(pbx.folder / "db" / "sofia_reg_internal.db")) as table:
        assert table.execute(row, (now - 7200,)).rowcount == 1
        table.commit()

    def grow_old() -> bool:
        """The table of the channels is up to 0.2 s late (fact 28)."""
        with closing(sqlite3.connect(pbx.folder / "db" / "core.db")) as table:
            done = table.execute("UPDATE channels SET created_epoch = ?", (now - 2 * 86400,)).rowcount
            table.commit()
        return done == 2

    await until(grow_old)
    try:
        daemon.watch(pbx)
        daemon.restart()
        problems = await until(lambda: [p["message"] for p in status_of(admin)["problems"]])
        assert any("still lists a registration of 1001@pbx.test that expired 2 h ago" in each for each in problems)
        assert any("lists a call of 1002@pbx.test that has lasted 2 d" in each for each in problems)
    finally:
        with closing(sqlite3.connect(pbx.folder / "db" / "sofia_reg_internal.db")) as table:
            table.execute("DELETE FROM sip_registrations WHERE hostname = 'elsewhere'")
            table.commit()
        caller.leave()
