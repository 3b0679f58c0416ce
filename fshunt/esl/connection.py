"""What is said on one connection to FreeSWITCH: commands with their replies, and the events that come between them.

Shared by the outbound session of a call and the inbound connection of a monitor. The greenlet that waits reads;
what comes for others is buffered in order, in bounded memory.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fshunt.errors import FshuntError
from fshunt.esl import frames
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame, ProtocolError
from fshunt.esl.jobs import EVENT, Jobs
from fshunt.esl.replies import PendingReply, Replies
from fshunt.esl.transport import SwitchLost, Transport

_JOB_ENDED = EVENT.encode()

log = logging.getLogger(__name__)


class TimedOut(FshuntError):
    """What was waited for did not come before the deadline."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is buffered that came while a reply was pending; more is a flood, and ends the connection."""

    events: int
    bytes: int


class Connection:
    """Commands out, replies and events in. ``observe`` sees each event and notice before it is buffered."""

    def __init__(
        self,
        link: Transport,
        clock: Callable[[], float],
        bounds: Bounds,
        observe: Callable[[Frame], None],
        name: str = "",
    ) -> None:
        self.name = name
        """whose connection it is, for logs"""
        self.replies = Replies()
        self.goodbye: SwitchLost | None = None
        """what every later wait raises: FreeSWITCH has said that nothing more will come"""
        self._transport = link
        self._clock = clock
        self._bounds = bounds
        self._observe = observe
        self._events: deque[Frame] = deque()
        self._buffered_bytes = 0
        self._jobs: dict[str, Jobs] = {}

    def rename(self, name: str) -> None:
        """Says whose connection it is, as soon as that is known better."""
        self.name = name

    def post(self, *sent: Command, posted: bool = True) -> list[PendingReply]:
        """Sends commands in one write; ``posted`` when nobody waits for the replies. Raises UnsafeText, SwitchLost."""
        pending = [self.replies.expect(command, posted) for command in sent]
        self._transport.write(b"".join(command.wire for command in sent))
        return pending

    def ask(self, said: Sequence[Command], timeout: float) -> list[Frame]:
        """Sends commands in one write and waits for all their replies; events that come before are kept in order.

        Raises CommandRefused for the first that FreeSWITCH refuses, TimedOut, UnsafeText, SwitchLost, ProtocolError.
        """
        deadline = self._clock() + timeout
        all_pending = self.post(*said, posted=False)
        for pending in all_pending:
            while pending.reply is None:
                if not self.read(deadline):
                    raise TimedOut(f"FreeSWITCH did not answer `{pending.command.name}` in {timeout:g} s.")
        for pending in all_pending:
            refusal = pending.refusal()
            if refusal is not None:
                raise refusal
        return [pending.reply for pending in all_pending if pending.reply is not None]

    def start_jobs(self, asked: Sequence[Command]) -> Jobs:
        """Has API commands run in the background; ``finish_jobs`` returns their outputs. Raises UnsafeText, SwitchLost.

        What is sent after them does not wait for them.
        """
        jobs = Jobs(asked)
        self.post(*jobs.start())
        self._jobs[jobs.uuid] = jobs
        return jobs

    def finish_jobs(self, jobs: Jobs, timeout: float) -> list[str | None]:
        """Waits for the outputs of these jobs, at most ``timeout`` seconds; None of one that has not ended by then.

        Events that come before are kept in order; an end that comes later is dropped. Raises SwitchLost, ProtocolError.
        """
        deadline = self._clock() + timeout
        try:
            while not jobs.done and self.read(deadline):
                pass
        finally:
            del self._jobs[jobs.uuid]
        self.post(jobs.forget())
        return jobs.outputs

    def read(self, deadline: float | None, *, wakeable: bool = False) -> bool:
        """Takes in one frame; False when the deadline has passed, or ``wake`` was called.

        Raises SwitchLost, ProtocolError.
        """
        if self.goodbye is not None:
            self._transport.fail(self.goodbye)
        frame = self._transport.read(deadline, wakeable=wakeable)
        if frame is None:
            return False
        self._take(frame)
        self._transport.breathe()
        return True

    def wake(self) -> None:
        """Ends a wakeable ``read`` early, from another greenlet: the one under way, else the next one."""
        self._transport.wake()

    def next_buffered(self) -> Frame | None:
        """The oldest event or notice in the buffer; None when there is none."""
        if not self._events:
            return None
        event = self._events.popleft()
        self._buffered_bytes -= event.size
        return event

    def _take(self, frame: Frame) -> None:
        kind = frame.content_type
        if kind in (frames.EVENT, frames.DISCONNECT_NOTICE):
            if kind == frames.DISCONNECT_NOTICE and frame.raw("Content-Disposition") != b"linger":
                self.goodbye = SwitchLost("FreeSWITCH has ended the connection.", final=True)
            event = frame.event
            if event.raw("Event-Name") == _JOB_ENDED:
                self._take_job(event)
                return
            self._observe(event)
            self._buffer(event)
        elif frame.is_reply:
            try:
                self.replies.match(frame, self.name)
            except ProtocolError as error:
                self._transport.fail(error)
        else:
            log.debug("%s: skipped a frame of the kind %r", self.name, kind[:80])

    def _take_job(self, event: Frame) -> None:
        jobs = self._jobs.get(event.get("Job-UUID", ""))
        if jobs is not None:
            jobs.take(event)

    def _buffer(self, event: Frame) -> None:
        self._events.append(event)
        self._buffered_bytes += event.size
        if len(self._events) > self._bounds.events or self._buffered_bytes > self._bounds.bytes:
            self._transport.fail(ProtocolError("FreeSWITCH sent a flood of events instead of a reply."))
