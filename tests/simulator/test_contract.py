"""The simulator given a tape's commands sends what the real FreeSWITCH sent: kinds, order, results."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from itertools import zip_longest

import pytest

from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.clock import VirtualClock
from fshunt.simulator.core.phones import GONE, RINGS, Behaviour, answers, refuses
from fshunt.simulator.dialplan.routing import Action
from fshunt.simulator.switch import SimulatedSwitch
from tests.simulator.controllers import Controller, replay
from tests.simulator.tape_story import Row, Story, caller_uuid, contacts, read_tape

PLAIN = (("set", "continue_on_fail=true"), ("set", "hangup_after_bridge=true"))
RESUMED = (*PLAIN, ("set", "socket_resume=true"), ("set", "execute_on_answer=set socket_resume=false"))
LISTENING_AT = "127.0.0.1:{port} async full"


@dataclass(frozen=True)
class Played:
    """What the phones and the caller of a tape did. Phones of one extension in the order of their contacts."""

    phones: dict[str, list[Behaviour]] = field(default_factory=dict)
    caller: SimulatedCaller = field(default_factory=SimulatedCaller)
    unregistered: tuple[str, ...] = ()
    hangs_up_at: float | None = None
    voicemail_seconds: float = 60.0


PLAYED = {
    "answered": Played({"1001": [answers(0.5, talks=1.0)]}),
    "busy-rejected-unavailable-unregistered": Played(
        {"1001": [refuses(486)], "1002": [refuses(603, 0.1)], "1003": [refuses(480, 0.2)]}, unregistered=("1009",)
    ),
    "caller-hangs-up-while-ringing": Played({"1001": [RINGS]}, SimulatedCaller(give_up_after=1.0)),
    "confirm-accepted": Played(
        {"1001": [Behaviour(answer_after=0.3, digit="1", digit_after=0.8, hangup_after=2.5)]},
    ),
    "confirm-not-pressed-then-next": Played({"1001": [answers(0.3)], "1002": [answers(0.3, talks=1.0)]}),
    "controller-dies-after-answer": Played({"1001": [answers(0.5)]}),
    "controller-dies-while-ringing": Played({"1001": [RINGS]}),
    "legs-cancelled-by-uuid-kill": Played({"1001": [RINGS], "1002": [RINGS], "1003": [answers(1.6, talks=0.5)]}),
    "no-answer-then-answered-caller-hangs-up": Played(
        {"1001": [RINGS], "1002": [answers(0.3)]}, SimulatedCaller(talk_for=1.0)
    ),
    # The lab's switch had no voicemail phrases, so its voicemail returned at once (fact 10).
    "no-answer-then-voicemail": Played({"1001": [RINGS]}, hangs_up_at=4.5, voicemail_seconds=0.1),
    "simultaneous-second-answers": Played({"1001": [RINGS], "1002": [answers(0.5, talks=1.0)], "1003": [RINGS]}),
    "transfer": Played({"1002": [answers(0.3, talks=1.0)]}),
    "filtered-answered-two-phones": Played({"1001": [RINGS, answers(0.7, talks=0.8)]}),
    "filtered-killed-then-answered": Played({"1001": [RINGS], "1002": [RINGS], "1003": [answers(0.5, talks=1.5)]}),
    "filtered-three-refuse": Played(
        {
            "1001": [refuses(486, 0.2)],
            "1002": [refuses(603, 0.4)],
            "1003": [Behaviour(reject=480, reject_after=0.6, progress=None)],
            "1009": [GONE],
        }
    ),
    "filtered-caller-gives-up": Played({"1001": [RINGS]}, SimulatedCaller(give_up_after=1.0)),
    "filtered-confirm-per-leg": Played(
        {
            "1001": [answers(0.2)],
            "1002": [Behaviour(answer_after=0.4, digit="1", digit_after=1.5, hangup_after=2.4)],
            "1003": [answers(0.3, talks=0.4)],
        }
    ),
    "filtered-confirm-killed": Played({"1001": [answers(0.2)]}, SimulatedCaller(message_seconds=1.2)),
    "filtered-early-media": Played(
        {"1001": [Behaviour(progress=183)], "1002": [answers(0.8)]}, SimulatedCaller(talk_for=0.4)
    ),
    "filtered-exit-in-talk": Played({"1001": [answers(0.3)]}),
    "filtered-transfer": Played({"1002": [answers(0.3, talks=0.6)]}),
    "filtered-unknown-app": Played(),
}


@pytest.fixture(params=sorted(PLAYED), scope="module")
def told(request: pytest.FixtureRequest) -> tuple[Story, Story]:
    """The tape's story and the simulator's."""
    rows = read_tape(request.param)
    clock = VirtualClock()
    with Controller() as controller, closing(clock):
        switch = set_up(request.param, rows, controller, clock)
        played = PLAYED[request.param]
        call = switch.call("5000", caller=played.caller, uuid=caller_uuid(rows))
        if played.hangs_up_at is not None:
            clock.call_later(played.hangs_up_at, call.hang_up)
        heard = replay(controller, rows, clock)
    return cut_alike(Story([row.frame for row in rows if row.frame is not None]), heard, whole=rows[-1].is_end)


def set_up(name: str, rows: list[Row], controller: Controller, clock: VirtualClock) -> SimulatedSwitch:
    played = PLAYED[name]
    port = controller.address[1]
    before: tuple[Action, ...] = RESUMED if name.startswith("filtered") else PLAIN
    switch = SimulatedSwitch(
        [controller.address],
        domain="pbx.test",
        clock=clock,
        voicemail_seconds=played.voicemail_seconds,
        pilot_actions=[*before, ("socket", LISTENING_AT.format(port=port))],
    )
    known = contacts(rows)
    for user, behaviours in played.phones.items():
        for contact, behaviour in zip_longest(known.get(user, ()), behaviours):
            switch.phone(user, behaviour, contact)
    clock.settled = lambda: controller.settled(switch)
    for user in played.unregistered:
        switch.user(user)
    return switch


def cut_alike(tape: Story, heard: Story, *, whole: bool) -> tuple[Story, Story]:
    """Two recordings were stopped before the end; later frames of the simulator are ignored too."""
    if not whole:
        size = len(tape.notices())
        later = [one for one in heard.frames if one.content_type == "text/disconnect-notice"][size:]
        heard = Story([one for one in heard.frames if all(one is not notice for notice in later)])
    return tape, heard


def test_replies_are_the_same_in_the_same_order(told: tuple[Story, Story]) -> None:
    tape, heard = told
    assert heard.replies() == tape.replies()


def test_events_are_of_the_same_kinds_in_the_same_order(told: tuple[Story, Story]) -> None:
    tape, heard = told
    assert heard.kinds(heard.events()) == tape.kinds(tape.events())


def test_every_leg_ends_with_the_same_report(told: tuple[Story, Story]) -> None:
    tape, heard = told
    assert [heard.results(one) for one in heard.leg_ends()] == [tape.results(one) for one in tape.leg_ends()]


def test_disconnect_notices_are_the_same(told: tuple[Story, Story]) -> None:
    tape, heard = told
    assert heard.notices() == tape.notices()


def test_events_carry_the_same_results(told: tuple[Story, Story]) -> None:
    tape, heard = told
    for ours, theirs in zip(heard.events(), tape.events(), strict=True):
        if theirs.get("Event-Name") not in ("CHANNEL_PROGRESS", "CHANNEL_EXECUTE"):
            assert heard.results(ours) == tape.results(theirs), theirs.get("Event-Name")


def test_events_are_as_big_as_the_real_ones(told: tuple[Story, Story]) -> None:
    tape, heard = told
    for ours, theirs in zip(heard.events() + heard.leg_ends(), tape.events() + tape.leg_ends(), strict=True):
        # A leg whose phone has not answered yet has fewer variables on the real switch.
        within = 0.06 if theirs.get("Call-Direction") == "inbound" else 0.2
        assert len(ours.head) == pytest.approx(len(theirs.head), rel=within)
        assert len(list(ours.items())) == pytest.approx(len(list(theirs.items())), rel=within)
