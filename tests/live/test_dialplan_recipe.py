"""The shipped dialplan with a controller of a few lines in the place of the daemon: each caller is served, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b"sendmsg\ncall-command: execute\nexecute-app-name: answer\n\n"


@asynccontextmanager
async def controller(pbx, lab, script: Script) -> AsyncIterator[None]:
    """Take calls at the first address of the dialplan, and note each."""

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lab.note("controller", "TAKEN")
        await script(reader, writer)
        writer.close()

    server = await asyncio.start_server(taken, "127.0.0.1", pbx.ports.controllers[0])
    try:
        yield
    finally:
        server.close()


async def closes_at_once(reader, writer):
    pass


async def closes_after_connect(reader, writer):
    writer.write(b"connect\n\n")


async def exits_after_connect(reader, writer):
    writer.write(b"connect\n\nexit\n\n")
    await reader.read()


async def resets(reader, writer):
    writer.transport.abort()


@pytest.mark.parametrize("script", [closes_at_once, closes_after_connect, exits_after_connect, resets])
async def test_a_controller_that_lets_go_is_tried_twice_and_then_there_is_voicemail(lab, pbx, script):
    async with controller(pbx, lab, script):
        caller = lab.caller("5000").dial()
        assert await caller.result(5) == 200
        assert caller.heard == [180, 200]
        assert len(lab.seen("controller", "TAKEN")) == 2


async def test_a_silent_controller_is_left_after_freeswitchs_25_seconds(lab, pbx):
    async def silent(reader, writer):
        await reader.read()

    async with controller(pbx, lab, silent):
        caller = lab.caller("5000").dial()
        await lab.until_seen("controller", "TAKEN", count=2, seconds=30)
        assert caller.heard == [180]


async def test_a_call_that_was_answered_goes_no_further_when_its_controller_has_left(lab, pbx):
    async def answers_and_leaves(reader, writer):
        writer.write(b"connect\n\nmyevents\n\n" + ANSWER)
        await reader.readuntil(b"Event-Name: CHANNEL_ANSWER")
        await lab.until_seen("caller", "HEARS 200")

    async with controller(pbx, lab, answers_and_leaves):
        caller = lab.caller("5000").dial()
        assert await caller.result(5) == 200
        await caller.until_end(3)
        assert len(lab.seen("controller", "TAKEN")) == 1


async def test_what_the_context_does_for_each_call_is_done_once(lab, pbx):
    greetings = []

    async def greets(reader, writer):
        writer.write(b"connect\n\n")
        greetings.append(await reader.readuntil(b"\n\n"))

    async with controller(pbx, lab, greets):
        assert await lab.caller("5000").dial().result(5) == 200
    assert [greeting.count(b"\nvariable_live_routed: x\n") for greeting in greetings] == [1, 1]
