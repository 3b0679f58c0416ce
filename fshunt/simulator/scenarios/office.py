"""A morning in a real-estate office: twelve calls to one pilot, each with another outcome, as data.

The group is circular: the next call begins with the agent after the one who answered last. Each call therefore says
what every agent's phones do with it, and what a viewer should see; the whole takes about half a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fshunt.simulator.core.callers import Ending, SimulatedCaller
from fshunt.simulator.core.phones import RINGS, Behaviour, Phone, answers, refuses
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.switch import Fact, SimulatedSwitch

DOMAIN = "office.test"
PILOT = "5000"
GROUP_NAME = "Sales"
POLICY = "circular"
RING_SECONDS = 1.5
"""What the group must be given, so that the demo does not take the time of a real morning."""
VOICEMAIL_BOX = "1005"
VOICEMAIL_SECONDS = 4.0
AGENTS = {"1001": "Ana", "1002": "Ben", "1003": "Chloe", "1004": "Dev", "1005": "Eva"}
PHONES = {"1001": 1, "1002": 1, "1003": 2, "1004": 1, "1005": 1}
"""How many phones each agent has; Chloe has one on the desk and one on the computer."""
GAP_SECONDS = 0.4
JOIN_SECONDS = 60.0
"""Real seconds after which a call that has not ended is taken as hanging."""

_ABSENT: tuple[Behaviour, ...] = ()
_BUSY, _DECLINES = refuses(486, 0.1), refuses(603, 0.2)


@dataclass(frozen=True, slots=True)
class OfficeCall:
    """One call of the morning."""

    title: str
    tell: str
    """What a viewer should read before it."""
    caller_number: str
    caller_name: str
    phones: Mapping[str, tuple[Behaviour, ...]] = field(default_factory=dict)
    """What each agent's phones do; an agent who is not named keeps ringing; one without phones is absent."""
    caller: SimulatedCaller = field(default_factory=SimulatedCaller)
    expect: tuple[str, str] = ("answered", "")
    """The kind of end, and the extension or box."""
    with_previous: bool = False
    """Comes while the call before it is still ringing."""


@dataclass(frozen=True, slots=True)
class OfficeEvent:
    """Something for the viewer: a call ``begins``, a ``fact`` of it, or it ``ends``."""

    what: str
    call: OfficeCall
    uuid: str
    fact: Fact | None = None
    ending: Ending | None = None


CALLS = (
    OfficeCall(
        "The first caller of the day",
        "Nobody has answered yet, so the hunt begins at the top of the list.",
        "4155550101",
        "Nora Field",
        {"1001": (answers(0.6, talks=1.2),)},
        expect=("answered", "1001"),
    ),
    OfficeCall(
        "The next agent's turn",
        "Circular: Ana answered last, so Ben's phone rings first.",
        "4155550102",
        "Omar Lake",
        {"1002": (answers(0.5, talks=1.0),)},
        expect=("answered", "1002"),
    ),
    OfficeCall(
        "Two phones at one extension",
        "Chloe's desk phone and softphone ring; she takes it on the softphone, and the other shows no missed call.",
        "4155550103",
        "Pia Wood",
        {"1003": (RINGS, answers(0.7, talks=1.0))},
        expect=("answered", "1003"),
    ),
    OfficeCall(
        "One agent is busy",
        "Dev's phone is busy (486), so Eva's rings at once.",
        "4155550104",
        "Quentin Hill",
        {"1004": (_BUSY,), "1005": (answers(0.6, talks=0.8),)},
        expect=("answered", "1005"),
    ),
    OfficeCall(
        "Nobody picks up the first phone",
        "The list wraps to Ana, who does not answer; after her ring time Ben's phone rings.",
        "4155550105",
        "Rosa Dale",
        {"1002": (answers(0.5, talks=0.8),)},
        expect=("answered", "1002"),
    ),
    OfficeCall(
        "One agent declines",
        "Chloe presses 'reject' (603) and is not rung again for this call; Dev takes it.",
        "4155550106",
        "Sam Brook",
        {"1003": (_DECLINES, _DECLINES), "1004": (answers(0.5, talks=0.8),)},
        expect=("answered", "1004"),
    ),
    OfficeCall(
        "Nobody there",
        "Eva's phone is not registered: she is skipped without ringing, and Ana's rings.",
        "4155550107",
        "Tess Moor",
        {"1005": _ABSENT, "1001": (answers(0.5, talks=0.7),)},
        expect=("answered", "1001"),
    ),
    OfficeCall(
        "The caller gives up",
        "While Ben's phone rings, the caller hangs up.",
        "4155550108",
        "Uri Stone",
        caller=SimulatedCaller(give_up_after=1.0),
        expect=("abandoned", ""),
    ),
    OfficeCall(
        "Two callers at once, the first",
        "Ben's phone rings for the first caller ...",
        "4155550109",
        "Vera Cliff",
        {"1002": (answers(0.9, talks=1.6),), "1003": (answers(0.9, talks=1.2), RINGS)},
        expect=("answered", "1002"),
    ),
    OfficeCall(
        "Two callers at once, the second",
        "... so Ben is skipped for the second, who gets Chloe: no agent rings for two callers.",
        "4155550110",
        "Walt Shore",
        {"1002": (answers(0.9, talks=1.6),), "1003": (answers(0.9, talks=1.2), RINGS)},
        expect=("answered", "1003"),
        with_previous=True,
    ),
    OfficeCall(
        "Nobody takes it",
        "All phones ring: no answer, busy, declined, no answer twice; then the voicemail box of the last agent.",
        "4155550111",
        "Xena Ridge",
        {"1005": (_BUSY,), "1001": (_DECLINES,)},
        SimulatedCaller(message_seconds=1.2),
        expect=("voicemail", VOICEMAIL_BOX),
    ),
    OfficeCall(
        "The office is closed",
        "No phone is registered at all: the caller goes to voicemail at once, without dead ringing.",
        "4155550112",
        "Yann Vale",
        dict.fromkeys(AGENTS, _ABSENT),
        SimulatedCaller(message_seconds=1.2),
        expect=("voicemail", VOICEMAIL_BOX),
    ),
)


class Office:
    """The agents' phones on a simulated switch."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self._switch = switch
        self._phones: dict[str, list[Phone]] = {
            agent: [switch.phone(agent) for _ in range(count)] for agent, count in PHONES.items()
        }

    def prepare(self, call: OfficeCall) -> None:
        """Tells every phone what to do with the call; those of an absent agent are unregistered."""
        for agent, phones in self._phones.items():
            does = call.phones.get(agent, (RINGS,) * len(phones))
            for place, phone in enumerate(phones):
                self._switch.registrations.unregister(phone)
                if place < len(does):
                    phone.behave(does[place])
                    self._switch.registrations.register(phone)


def run_office(
    switch: SimulatedSwitch, on_event: Callable[[OfficeEvent], None]
) -> list[tuple[OfficeCall, SimulatedCall]]:
    """Places the calls one after the other and reports their events; returns the calls when all have ended.

    ``on_event`` runs in the switch's greenlets and must not block.
    """
    office = Office(switch)
    placed: list[tuple[OfficeCall, SimulatedCall]] = []
    plans: dict[str, OfficeCall] = {}

    def observe(fact: Fact) -> None:
        if plan := plans.get(fact.call):
            on_event(OfficeEvent("fact", plan, fact.call, fact=fact))

    switch.watch(observe)
    for plan in CALLS:
        if plan.with_previous:
            switch.clock.sleep(GAP_SECONDS)
        else:
            _wait_for(placed)
            office.prepare(plan)
        call = switch.call(PILOT, plan.caller_number, plan.caller_name, caller=plan.caller)
        plans[call.uuid] = plan
        placed.append((plan, call))
        on_event(OfficeEvent("begins", plan, call.uuid))
        call.ended.rawlink(lambda _, plan=plan, call=call: on_event(_ends(plan, call)))
    _wait_for(placed)
    return placed


def _ends(plan: OfficeCall, call: SimulatedCall) -> OfficeEvent:
    return OfficeEvent("ends", plan, call.uuid, ending=call.ending)


def _wait_for(placed: Sequence[tuple[OfficeCall, SimulatedCall]]) -> None:
    for _, call in placed:
        call.join(JOIN_SECONDS)
    if placed:
        placed[-1][1].clock.sleep(GAP_SECONDS)
