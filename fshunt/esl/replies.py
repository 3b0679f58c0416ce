"""Which reply belongs to which command: FreeSWITCH answers in the order it was asked."""

import logging
from collections import deque

from fshunt.errors import FshuntError
from fshunt.esl.commands import Command
from fshunt.esl.frames import API_RESPONSE, Frame, ProtocolError
from fshunt.log_events import LogEvent, about

SENTENCE_CHARACTERS = 200  # of FreeSWITCH's own words that are worth a place in ours

log = logging.getLogger(__name__)


class CommandRefused(FshuntError):
    """FreeSWITCH answered a command with -ERR."""


class PendingReply:
    """A command whose reply is still to come; ``posted`` when nobody waits for it."""

    __slots__ = ("command", "posted", "reply")

    def __init__(self, command: Command, posted: bool) -> None:
        self.command = command
        self.posted = posted
        self.reply: Frame | None = None

    def take(self, reply: Frame) -> None:
        """The reply has come."""
        self.reply = reply

    def refusal(self) -> CommandRefused | None:
        """The error that the reply means, if it does. The output of an API command is no refusal, ``-ERR`` or not."""
        if self.reply is None or self.reply.content_type == API_RESPONSE:
            return None
        text = self.reply.reply_text
        if not text.startswith("-ERR"):
            return None
        return CommandRefused(f"FreeSWITCH refused `{self.command.name}`: {text[:SENTENCE_CHARACTERS]}")


class Replies:
    """The commands that await their reply, and the applications that FreeSWITCH refused to start."""

    def __init__(self) -> None:
        self._pending: deque[PendingReply] = deque()
        self._refused: dict[str, CommandRefused] = {}

    def expect(self, command: Command, posted: bool) -> PendingReply:
        """Says that the next reply, after those already expected, is this command's."""
        pending = PendingReply(command, posted)
        self._pending.append(pending)
        return pending

    def match(self, reply: Frame, uuid: str) -> None:
        """Gives a reply to its command; the refusal of a posted one is logged with the call's uuid.

        Raises ProtocolError when no command awaits a reply.
        """
        if not self._pending:
            raise ProtocolError("FreeSWITCH answered a command that was not sent.")
        pending = self._pending.popleft()
        pending.take(reply)
        refusal = pending.refusal() if pending.posted else None
        if refusal is not None:
            log.warning("%s: %s", uuid, refusal, extra=about(LogEvent.CALL_WARNING, call=uuid))
            if pending.command.event_uuid is not None:
                self._refused[pending.command.event_uuid] = refusal

    def check_started(self, event_uuid: str) -> None:
        """Raises CommandRefused when FreeSWITCH refused to start the application with this uuid; once."""
        refusal = self._refused.pop(event_uuid, None)
        if refusal is not None:
            raise refusal

    def check_all_started(self) -> None:
        """Raises CommandRefused when FreeSWITCH refused to start any application of ours; once for each."""
        if self._refused:
            raise self._refused.pop(next(iter(self._refused)))
