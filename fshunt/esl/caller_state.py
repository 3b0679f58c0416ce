"""What a session knows of its caller's end: hung up, or taken by somebody else.

It belongs to the wire and not to ``freeswitch``: each wait of a session ends by it, whatever the session is used for.
"""

from __future__ import annotations

from collections.abc import Callable

from fshunt.errors import FshuntError
from fshunt.esl import frames
from fshunt.esl.commands import SUCCEEDS
from fshunt.esl.frames import Frame

HUNG_UP = "The caller has hung up."
TAKEN = "Somebody else has the caller."
REPLACED = "The caller has put another one in their place."
ATTENDED_TRANSFER = "ATTENDED_TRANSFER"


class CallerGone(FshuntError):
    """The caller has hung up, and what was waited for will not come any more."""


class CallerTaken(FshuntError):
    """Somebody else has the caller: picked the call up at another phone, or transferred it. Nothing is ours to do.

    ``by`` is the channel that picked it up, None after a transfer.
    """

    def __init__(self, by: str | None) -> None:
        super().__init__(TAKEN)
        self.by = by


class CallerReplaced(FshuntError):
    """The caller, who is gone, has transferred another one to the pilot in their place (REFER with Replaces)."""


class CallerState:
    """What is known of the caller; apart from the session, which would else hold itself and outlive its call."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.uuid = ""
        self._written: bytes | None = None
        self.greeted = 0  # the number of the event that greeted us
        self.taken = False  # the channel has left our `socket` action while we are connected (fact 34)
        self.taken_by: str | None = None
        self.replaced = False  # the switch keeps another channel for the caller's place, as phones ring (fact 58)
        self.gone = False
        self.gone_cause = ""
        self.gone_at = 0.0
        self.over = False  # the caller's CHANNEL_HANGUP_COMPLETE was read: no completion comes after it
        self._clock = clock

    def greet(self, uuid: str, written: bytes | None, number: int) -> None:
        """Says whose channel it is, how FreeSWITCH writes its uuid, and the number of the event that greeted us."""
        self.uuid, self._written, self.greeted = uuid, written, number

    def is_of(self, event: Frame) -> bool:
        """Whether an event is of the caller's channel; as written, since a uuid may hold what looks encoded."""
        return self._written is not None and event.raw("Unique-ID") == self._written

    def note(self, event: Frame) -> None:
        """Looks at an event or notice as it comes, before it is kept."""
        if event.content_type == frames.DISCONNECT_NOTICE:
            if event.raw("Content-Disposition") == b"linger":
                self.note_gone()
            return
        name = event.raw("Event-Name")
        if name in (b"CHANNEL_HANGUP", b"CHANNEL_HANGUP_COMPLETE") and self.is_of(event):
            self.note_gone()
            self.gone_cause = self.gone_cause or event.get("Hangup-Cause") or ""
            self.over = self.over or name == b"CHANNEL_HANGUP_COMPLETE"
        elif name == b"CHANNEL_EXECUTE_COMPLETE" and event.raw("Application") == b"socket":
            self._note_taken(event)
        elif name in (b"CHANNEL_EXECUTE", b"CHANNEL_EXECUTE_COMPLETE") and self._is_put_in_our_place(event):
            self.replaced = True

    def check(self) -> None:
        """Raises CallerGone, CallerReplaced or CallerTaken where it is so."""
        if self.replaced or (self.gone and self.gone_cause == ATTENDED_TRANSFER):
            raise CallerReplaced(REPLACED)
        if self.gone:
            raise CallerGone(HUNG_UP)
        if self.taken:
            raise CallerTaken(self.taken_by)

    def _is_put_in_our_place(self, event: Frame) -> bool:
        return event.get(f"variable_{SUCCEEDS}") == self.uuid != event.get("Unique-ID")

    def _note_taken(self, event: Frame) -> None:
        """Looks at the end of a `socket` action: of ours, unless it is from before; then it was an earlier daemon's."""
        if self.is_of(event) and number_of(event) > self.greeted:
            self.taken, self.taken_by = True, event.get("Other-Leg-Unique-ID")

    def note_gone(self) -> None:
        """Says that the caller has hung up."""
        if not self.gone:
            self.gone, self.gone_at = True, self._clock()


def number_of(event: Frame) -> int:
    """FreeSWITCH numbers all its events as they happen."""
    number = event.get("Event-Sequence") or ""
    return int(number) if number.isdecimal() and len(number) < 20 else 0
