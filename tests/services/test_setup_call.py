"""The test call: what FreeSWITCH is told, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fshunt.errors import FshuntError
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.hunting.group import Group
from fshunt.services import setup_call

from .setup_facts import group


@dataclass
class Line:
    """A connection that answers each command alike and has these events."""

    answer: str = "+OK Job-UUID: 1"
    said: list[str] = field(default_factory=list)
    events: list[Frame] = field(default_factory=list)

    def send(self, command: Command, timeout: float) -> Frame:
        self.said.append(command.lines[0])
        return Frame(b"Content-Type: api/response\n\n", self.answer.encode())

    def next_event(self, deadline: float | None) -> Frame | None:
        return self.events.pop(0) if self.events else None


def hangup(uuid: str) -> Frame:
    return Frame(f"Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: {uuid}\n\n".encode())


def test_freeswitch_calls_the_pilot_as_a_caller_of_its_domain():
    line = Line()
    placed = setup_call.place(line, group("1001"), "default")
    subscribed, originated = line.said
    assert subscribed == "event plain CHANNEL_HANGUP_COMPLETE"
    assert originated.startswith("api bgapi originate '{origination_uuid=")
    assert placed.uuid in originated
    assert "domain_name=pbx.test" in originated
    assert originated.endswith("loopback/5000/default' sleep:3000,hangup inline")


def test_what_is_no_pilot_is_not_sent():
    line = Line()
    with pytest.raises(FshuntError):
        setup_call.place(line, Group(id=1, domain="pbx.test", pilot="5000,park"), "default")
    with pytest.raises(FshuntError):
        setup_call.place(line, group("1001"), "default}loopback/1")
    assert not any("originate" in each for each in line.said)


def test_a_call_that_is_refused_is_told():
    with pytest.raises(FshuntError, match="did not place the test call: -ERR no"):
        setup_call.place(Line(answer="-ERR no"), group("1001"), "default")


def test_it_is_over_when_its_own_channel_has_ended():
    line = Line()
    call = setup_call.TestCall("ours")
    line.events = [hangup("another"), hangup("ours")]
    assert setup_call.wait_until_over(line, call, lambda: 0.0, 60)
    assert line.events == []
    assert not setup_call.wait_until_over(line, call, lambda: 0.0, 60)
    setup_call.end(line, call)
    assert line.said == ["api uuid_kill ours NORMAL_CLEARING"]
