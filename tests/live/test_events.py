"""What `fshunt events --follow` tells of a real switch, and what the daemon's JSON log says of the same call."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from subprocess import PIPE
from typing import Any

import pytest

from tests.live.machines import ROOT

WAIT_SECONDS = 20.0
CALL = ("call-arrived", "ringing", "answered", "not-answered", "skipped", "voicemail", "ended")


class Followed:
    """`fshunt events --follow --json` as a process, and what it has told."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []

    async def until(self, event: str, **values: str) -> dict[str, Any]:
        """Read until an event is told."""
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), WAIT_SECONDS)
            assert line, self.told
            told = json.loads(line)["event"]
            self.told.append(told)
            if told["event"] == event and values.items() <= told.items():
                return told


@pytest.fixture
def follow(loop, watching) -> Iterator[Any]:
    """Start the command."""
    begun = []

    async def start() -> Followed:
        words = ("-m", "fshunt", "events", "5000", "--follow", "--json", "--limit", "1")
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, env=watching.environment, cwd=ROOT, stdout=PIPE, stderr=PIPE
        )
        begun.append(process)
        return Followed(process)

    yield start
    for process in begun:
        process.kill()
        loop.run_until_complete(process.wait())


async def test_calls_and_phones_are_told_as_it_happens(lab, admin, watching, follow):
    watching.restart(FSHUNT_LOG_FORMAT="json")
    lab.behave("1001", answer_after=1)
    admin.group("--voicemail", "1003", members=("1001", "1004"))
    followed = await follow()
    await followed.until("changed")
    caller = lab.caller("5000").dial()
    assert await caller.result(10) == 200
    answered = await followed.until("answered", member="1001")
    caller.hang_up()
    await followed.until("ended", outcome="answered")
    await lab.unregister("1001")
    await followed.until("unregistered", member="1001")
    caller = lab.caller("5000").dial()
    left = await followed.until("voicemail")
    caller.hang_up()
    await followed.until("ended", outcome="voicemail")
    await lab.register("1001")
    await followed.until("registered", member="1001")
    told = [each["event"] for each in followed.told if each["event"] in CALL]
    assert told[:4] == ["call-arrived", "ringing", "answered", "ended"]
    assert told[4:] == ["call-arrived", "skipped", "skipped", "voicemail", "ended"]
    logged = [json.loads(line) for line in watching.log().splitlines() if line.startswith("{")]
    for call, events in ((answered["call"], told[:4]), (left["call"], told[4:])):
        assert [each["event"] for each in logged if each.get("call") == call and each.get("event") in CALL] == events
    assert "5000" in admin("top")
