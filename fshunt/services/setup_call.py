"""The test call of `fshunt setup`: FreeSWITCH is the caller, over a loopback, and hangs up soon after the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from fshunt.errors import FshuntError
from fshunt.esl import api, commands
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.hunting import validation
from fshunt.hunting.group import Group

CALLER = "fshunt-test"
"""The name that the phones show."""
MIX_CODECS = "media_mix_inbound_outbound_codecs"
"""A loopback has the codec L16; without this variable phones would be offered no other (fact 74)."""
TALK_MS = 3000
"""How long the caller stays after the answer; nobody speaks."""
REPLY_SECONDS = 5.0
OVER = "CHANNEL_HANGUP_COMPLETE"


class Line(Protocol):
    """An inbound connection to one switch."""

    def send(self, command: Command, timeout: float) -> Frame:
        """Sends one command and waits for its reply."""

    def next_event(self, deadline: float | None) -> Frame | None:
        """The next event; None when the deadline has passed."""


@dataclass(frozen=True, slots=True)
class TestCall:
    """A call that was placed."""

    uuid: str
    """Of the caller's outer channel, which FreeSWITCH makes."""


def place(line: Line, group: Group, context: str) -> TestCall:
    """Call a group's pilot in the background. Raises what the connection raises."""
    uuid = str(uuid4())
    domain, pilot = validation.check_domain(group.domain), validation.check_pilot(group.pilot)
    values = {
        "origination_uuid": uuid,
        "origination_caller_id_name": CALLER,
        "origination_caller_id_number": CALLER,
        "domain_name": domain,
        "loopback_export": "domain_name",
        MIX_CODECS: "true",
        "export_vars": MIX_CODECS,
        "ignore_early_media": "true",
        "originate_timeout": str(longest_seconds(group)),
    }
    block = ",".join(f"{name}={value}" for name, value in values.items())
    line.send(commands.subscribe(OVER), REPLY_SECONDS)
    dial_string = f"{{{block}}}loopback/{pilot}/{validation.check_context(context)}"
    said = line.send(api.originate(dial_string, f"sleep:{TALK_MS},hangup"), REPLY_SECONDS).reply_text.strip()
    if not said.startswith("+OK"):
        raise FshuntError(f"FreeSWITCH did not place the test call: {said[:200]}")
    return TestCall(uuid)


def longest_seconds(group: Group) -> int:
    """How long the caller waits for an answer at most: longer than any hunt that the first group may have."""
    return 120 + 60 * len(group.members)


def wait_until_over(line: Line, call: TestCall, clock: Callable[[], float], seconds: float) -> bool:
    """Wait until the caller's channel has ended, and tell whether it has. Raises what the connection raises."""
    deadline = clock() + seconds
    while (event := line.next_event(deadline)) is not None:
        if event.get("Event-Name") == OVER and event.get("Unique-ID") == call.uuid:
            return True
    return False


def end(line: Line, call: TestCall) -> None:
    """Hang the caller up."""
    line.send(api.uuid_kill(call.uuid, "NORMAL_CLEARING"), REPLY_SECONDS)
