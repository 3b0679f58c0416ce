"""Daemons are restarted one after the other, on a real switch: a queued caller moves from one to the next."""

import asyncio

import pytest

from fshunt.freeswitch.dialplan import FURTHER_ROUNDS
from tests.live.test_destinations import leave_a_message
from tests.live.test_dialplan_recipe import controller
from tests.live.test_waiting import talking, until_waiting


@pytest.fixture(params=["shipped", "written"])
def dialplan(request, pbx, admin):
    """Have the switch take the dialplan that is shipped, or the one that is written for the groups there are."""
    yield lambda: pbx.load_dialplan(admin("dialplan") if request.param == "written" else pbx.shipped_dialplan())
    pbx.load_dialplan(pbx.shipped_dialplan())


async def test_a_queued_caller_survives_one_restart_after_the_other(lab, admin, daemon, second_daemon, pbx, dialplan):
    admin.group("--when-busy", "queue", "--hunt-timeout", "120", members=("1001",))
    dialplan()
    for each in (daemon, second_daemon):
        each.watch(pbx)
        each.restart(FSHUNT_STOP_TIMEOUT="0")
    first = await talking(lab)
    queued = lab.caller("5000", name="queued").dial()
    await until_waiting(admin, 1)
    for number, restarted in enumerate((daemon, second_daemon) * 2, start=2):
        restarted.stop()
        await lab.until(lambda number=number: daemon.log().count("queued until a member is free") == number)
        restarted.start()
    assert queued.heard == [180]
    first.hang_up()
    assert await queued.result(10) == 200
    queued.hang_up()
    await lab.until_closed(admin, "answered")
    last = admin.calls()[-1]
    assert [call["reason"] for call in last["earlier"]] == ["fshunt was stopped"] * 4


async def serve_and_die(reader, writer):
    """A controller that sets ``fshunt_served``, as fshunt does, and disconnects."""
    writer.write(b"connect\n\n")
    head = (await reader.readuntil(b"\n\n")).decode()
    uuid = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("Unique-ID: "))
    writer.write(f"api uuid_setvar {uuid} fshunt_served true\n\n".encode())
    await reader.readuntil(b"+OK")


async def test_a_caller_may_be_transferred_in_a_further_round_too(lab, admin, daemon, second_daemon, pbx):
    admin.group("--on-unreachable", "transfer:1002", members=("1009",))
    daemon.kill()
    second_daemon.start()
    rounds = []

    async def taken(reader, writer):
        rounds.append(writer)
        if len(rounds) == 2:
            server.close()  # refuses from now on: the next round goes to fshunt, at the second address
        await serve_and_die(reader, writer)
        writer.close()

    server = await asyncio.start_server(taken, "127.0.0.1", pbx.ports.controllers[0])
    lab.behave("1002", answer_after=0.2, hangup_after=0.3)
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    await caller.until_end(5)
    assert len(rounds) == 2
    assert lab.rang() == ["1002"]
    assert [call["result"] for call in admin.calls()] == ["transferred"]


async def test_a_caller_whom_no_daemon_can_serve_reaches_the_fallback(lab, pbx):
    async with controller(pbx, lab, serve_and_die):
        caller = lab.caller("5000").dial()
        await leave_a_message(caller)
        assert caller.heard == [180, 200]
        assert len(lab.seen("controller", "TAKEN")) == 2 + FURTHER_ROUNDS
