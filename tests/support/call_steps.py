"""The steps of a call, recognized by the daemon's commands and the switch's events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from gevent.event import Event

from fshunt.simulator.eventsocket import commands
from fshunt.simulator.eventsocket.listener import SimulatedListener
from fshunt.simulator.eventsocket.socket import EventSocket
from fshunt.simulator.switch import Fact, SimulatedSwitch


class Step(StrEnum):
    """Where a call is when something happens to its daemon."""

    GREETING = "the daemon has said connect and has no answer"
    PLANNED = "it has the group and asks for the phones"
    BRIDGE = "it has told the switch whom to ring"
    RINGING = "the phone rings"
    ANSWER = "the phone was picked up, and the daemon does not know yet"
    VOICEMAIL = "the caller speaks to voicemail"


_COMMANDS = {
    Step.GREETING: ("connect",),
    Step.PLANNED: ("api sofia_contact",),
    Step.BRIDGE: ("sendmsg", "execute-app-name: bridge"),
}
_FACTS = {Step.RINGING: "rings", Step.ANSWER: "talks with", Step.VOICEMAIL: "voicemail"}


@contextmanager
def at(switch: SimulatedSwitch, step: Step, action: Callable[[], object]) -> Iterator[Event]:
    """Do something, once, when a call comes to a step; gives an event that is set then.

    What the daemon says is met before the switch has taken it in, what happens on the switch before the daemon is told.
    """
    reached = Event()

    def reach() -> None:
        if not reached.is_set():
            reached.set()
            action()

    def on_fact(fact: Fact) -> None:
        if fact.what == _FACTS.get(step):
            reach()

    def on_command(text: str) -> None:
        words = _COMMANDS.get(step)
        if words and text.startswith(words[0]) and all(word in text for word in words):
            reach()

    switch.watch(on_fact)
    with overheard(switch, on_command):
        yield reached


@contextmanager
def overheard(switch: SimulatedSwitch, on_command: Callable[[str], object]) -> Iterator[None]:
    """Tell a function of every command that daemons send to this switch about a call, before it is done."""
    handle = commands.handle

    def listen(listener: EventSocket, text: str) -> bytes:
        if isinstance(listener, SimulatedListener) and listener.call.switch is switch:
            on_command(text)
        return handle(listener, text)

    commands.handle = listen
    try:
        yield
    finally:
        commands.handle = handle
