"""A stage rings in waves where the switch does not ring all its phones at once (design, section 4)."""

from __future__ import annotations

from collections.abc import Sequence

from fshunt.daemon.call.music import HoldMusic
from fshunt.esl import api
from fshunt.esl.session import Session
from fshunt.freeswitch.capacity import free_sessions
from fshunt.freeswitch.dialstring import FEW_LEGS, MAX_LEGS
from fshunt.hunting.group import Member

STATUS_SECONDS = 5.0

PAUSE_SECONDS = 1.0
"""Before the members whom the switch refused to ring are tried again: its sessions per second are counted anew each
second (fact 43)."""

MOST_PAUSES = 3
"""So often in a row, and then the hunt goes on without those members."""


def room_for(session: Session, phones: int) -> int:
    """Return how many of so many phones the switch rings at once.

    A few phones count for its limits (``dialstring.FEW_LEGS``), so the switch itself says if there is no room.
    """
    if phones <= FEW_LEGS:
        return MAX_LEGS
    free = free_sessions(session.send(api.status(), STATUS_SECONDS).reply_text)
    return FEW_LEGS if free is None else min(free, MAX_LEGS)


class Waves:
    """The members of one stage, and which of them have not been rung yet."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._waiting = {member.id for member in members}
        self._begun = False
        self._refused = 0
        self._in_vain = 0

    @property
    def left(self) -> list[Member]:
        """Those who wait for their wave, in order."""
        return [member for member in self._members if member.id in self._waiting]

    @property
    def passed_over(self) -> list[Member]:
        """Those who have waited for their wave in vain, if the stage ends now."""
        return self.left if self._begun else []

    @property
    def goes_on(self) -> bool:
        """Whether there is another wave: members wait, and the switch has not refused too often."""
        return bool(self._waiting) and self._in_vain <= MOST_PAUSES

    @property
    def pauses(self) -> bool:
        """Whether the switch rang nobody in the latest wave, so that the next one begins after a pause."""
        return self._in_vain > 0

    def begin(self, later: Sequence[Member]) -> None:
        """A wave begins: all are rung, or skipped, but those for whom the switch has no room beside them."""
        self._waiting, self._refused, self._begun = {member.id for member in later}, 0, True

    def refuse(self, member: Member) -> None:
        """The switch refused to ring a member, who waits for the next wave."""
        self._waiting.add(member.id)
        self._refused += 1

    def end(self, offered: int) -> None:
        """The wave is over, in which so many members were to ring."""
        self._in_vain = 0 if offered > self._refused else self._in_vain + 1


def hold(session: Session, music: HoldMusic, until: float, *, wakeable: bool = False) -> None:
    """Let the caller hear the music until a time of the session's clock, or, if ``wakeable``, until the call is woken.

    Raises CallerGone, CallerTaken.
    """
    while (now := session.clock()) < until:
        music.start()
        event = session.next_event(max(now, min(until, music.next_start)), wakeable=wakeable)
        session.check_caller()
        if event is not None:
            music.on_event(event.event)
        elif wakeable and session.clock() < min(until, music.next_start):
            return
