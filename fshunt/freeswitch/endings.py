"""How one of our legs is ended so that a pick-up at the same moment is a pick-up (facts 5 and 37). Pure.

The switch ends a leg only if two variables of the leg still have the values that it was given, and a pick-up changes
both: it clears one, and before that the phone's answer writes over the other. A look from here before the end would
not do, since the phone may be picked up between the look and the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from fshunt.esl import api
from fshunt.esl.commands import Command

RINGS, YES = "fshunt_rings", "true"
"""Set with each leg, and cleared in the switch by the answer: what was picked up before the mark is never ended."""

LEG_VARIABLES = (f"{RINGS}={YES}", f"execute_on_answer_{RINGS}=unset {RINGS}")
"""What each leg is given in the dial string. FreeSWITCH runs every variable whose name begins so (fact 37)."""

MARK = "sip_local_network_addr"
"""Written by the switch at each SIP answer, before the answer counts, and read by nobody: what is picked up after the
mark is never ended."""

CONFIRMS = "group_confirm_key"
"""Set with each leg that must confirm, and cleared in the switch when it has, before the caller is connected."""

SETTLE_SECONDS = 0.1
"""Between mark and end: an answer that came before the mark has cleared its variable by then, within a millisecond."""

LOOK_SECONDS = 0.15
"""An end is reported within this time; if it is not, the phone has said something meanwhile, and all is done again."""

TRIES = 8
"""Some 2 s; then the leg is ended whatever it says: had it been picked up, the switch would have reported that."""


class Step(Enum):
    """What to tell the switch about a leg that is to be ended."""

    MARK = auto()
    """Give it the mark."""
    END_IF_MARKED = auto()
    """End it if it still has the mark, and rings."""
    END_IF_UNCONFIRMED = auto()
    """Give it the mark, and end it if it has not confirmed."""
    END = auto()
    """End it."""


@dataclass(frozen=True, slots=True)
class Order:
    """One step for one leg. All legs with one ``mark`` have one cause, and are ended by one command."""

    leg_uuid: str
    step: Step
    mark: str
    cause: str


@dataclass(slots=True)
class Ending:
    """One leg being ended with ``cause``; ``recorded`` stands for it in the records, if anything does.

    ``due`` is the time of the next step, of the session's monotonic clock, in seconds.
    """

    cause: str
    due: float
    recorded: str | None = None
    _mark: str = ""
    _tries: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the switch was told the last of it."""
        return self.due == float("inf")

    def next_order(self, leg_uuid: str, now: float, new_mark: str, *, picked_up: bool, confirms: bool) -> Order:
        """Return what is to be done ``now``; a leg that is marked by it is marked with ``new_mark``."""
        if self._tries == TRIES or (picked_up and not confirms):
            self.due = float("inf")
            return Order(leg_uuid, Step.END, "", self.cause)
        if not picked_up and not self._mark:
            self._mark, self.due = new_mark, now + SETTLE_SECONDS
            return Order(leg_uuid, Step.MARK, new_mark, self.cause)
        self.due, self._tries = now + LOOK_SECONDS, self._tries + 1
        if picked_up:
            return Order(leg_uuid, Step.END_IF_UNCONFIRMED, new_mark, self.cause)
        mark, self._mark = self._mark, ""
        return Order(leg_uuid, Step.END_IF_MARKED, mark, self.cause)


def said_of(orders: Sequence[Order], confirm_digit: str) -> list[Command]:
    """Return the commands for these orders, in the order in which they must be sent."""
    marks = [api.uuid_setvar(each.leg_uuid, MARK, each.mark) for each in orders if each.step in _MARKS]
    marked = {(each.mark, each.cause) for each in orders if each.step is Step.END_IF_MARKED}
    asked = {(each.mark, each.cause) for each in orders if each.step is Step.END_IF_UNCONFIRMED}
    ends = [api.hang_up_all(cause, {MARK: mark, RINGS: YES}) for mark, cause in sorted(marked)]
    ends += [api.hang_up_all(cause, {MARK: mark, CONFIRMS: confirm_digit}) for mark, cause in sorted(asked)]
    return marks + ends + [api.uuid_kill(each.leg_uuid, each.cause) for each in orders if each.step is Step.END]


_MARKS = (Step.MARK, Step.END_IF_UNCONFIRMED)
