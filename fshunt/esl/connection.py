"""What is said on one connection to FreeSWITCH: commands with their replies, and the events that come between them.

Shared by the outbound session of a call and the inbound connection of a monitor. Whoever waits reads; what comes for
others is kept in order, in bounded memory.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fshunt.errors import FshuntError
from fshunt.esl import commands, frames
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame, ProtocolError
from fshunt.esl.replies import Awaited, Replies
from fshunt.esl.transport import SwitchLost, Transport

log = logging.getLogger(__name__)


class TimedOut(FshuntError):
    """What was waited for did not come before the deadline."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept that came while a reply was awaited; more is a flood, and ends the connection."""

    events: int
    bytes: int


class Connection:
    """Commands out, replies and events in. ``note`` sees each event and notice before it is kept."""

    def __init__(
        self, link: Transport, clock: Callable[[], float], bounds: Bounds, note: Callable[[Frame], None], name: str = ""
    ) -> None:
        self.name = name
        """whose connection it is, for logs"""
        self.replies = Replies()
        self.goodbye: SwitchLost | None = None
        """what every later wait raises: FreeSWITCH has said that nothing more will come"""
        self._link = link
        self._clock = clock
        self._bounds = bounds
        self._note = note
        self._events: deque[Frame] = deque()
        self._kept_bytes = 0

    def post(self, *said: Command | str, posted: bool = True) -> list[Awaited]:
        """Sends commands in one write; ``posted`` when nobody waits for the replies. Raises UnsafeText, SwitchLost."""
        sent = [commands.command(each) if isinstance(each, str) else each for each in said]
        awaited = [self.replies.expect(command, posted) for command in sent]
        self._link.write(b"".join(command.wire for command in sent))
        return awaited

    def ask(self, said: Sequence[Command | str], timeout: float) -> list[Frame]:
        """Sends commands in one write and waits for all their replies; events that come before are kept in order.

        Raises CommandRefused for the first that FreeSWITCH refuses, TimedOut, UnsafeText, SwitchLost, ProtocolError.
        """
        deadline = self._clock() + timeout
        all_awaited = self.post(*said, posted=False)
        for awaited in all_awaited:
            while awaited.reply is None:
                if not self.read(deadline):
                    raise TimedOut(f"FreeSWITCH did not answer `{awaited.command.name}` in {timeout:g} s.")
        for awaited in all_awaited:
            refusal = awaited.refusal()
            if refusal is not None:
                raise refusal
        return [awaited.reply for awaited in all_awaited if awaited.reply is not None]

    def read(self, deadline: float | None, *, wakeable: bool = False) -> bool:
        """Takes in one frame; False when the deadline has passed, or ``wake`` was called.

        Raises SwitchLost, ProtocolError.
        """
        if self.goodbye is not None:
            self._link.fail(self.goodbye)
        frame = self._link.read(deadline, wakeable=wakeable)
        if frame is None:
            return False
        self._take(frame)
        self._link.breathe()
        return True

    def wake(self) -> None:
        """Ends a wakeable ``read`` early, from another greenlet: the one under way, else the next one."""
        self._link.wake()

    def next_kept(self) -> Frame | None:
        """The oldest event or notice that was kept; None when there is none."""
        if not self._events:
            return None
        event = self._events.popleft()
        self._kept_bytes -= event.size
        return event

    def _take(self, frame: Frame) -> None:
        kind = frame.content_type
        if kind in (frames.EVENT, frames.DISCONNECT_NOTICE):
            if kind == frames.DISCONNECT_NOTICE and frame.raw("Content-Disposition") != b"linger":
                self.goodbye = SwitchLost("FreeSWITCH has ended the connection.", final=True)
            self._note(frame.event)
            self._keep(frame.event)
        elif frame.is_reply:
            try:
                self.replies.match(frame, self.name)
            except ProtocolError as error:
                self._link.fail(error)
        else:
            log.debug("%s: skipped a frame of the kind %r", self.name, kind[:80])

    def _keep(self, event: Frame) -> None:
        self._events.append(event)
        self._kept_bytes += event.size
        if len(self._events) > self._bounds.events or self._kept_bytes > self._bounds.bytes:
            self._link.fail(ProtocolError("FreeSWITCH sent a flood of events instead of a reply."))
