"""The session of one call: FreeSWITCH's outbound event socket, read by the greenlet of the call itself.

greenswitch starts two greenlets and a timer for each call. Here the call's own greenlet reads the socket whenever it
waits for something, so that a held call costs nothing, every wait has a deadline, and the end of the connection ends
every wait. Nothing is read between waits: FreeSWITCH queues meanwhile.

Errors of every method that sends or waits: ``SwitchLost`` when the connection has ended, ``ProtocolError`` when what
came cannot be read. An exception thrown into the greenlet from outside passes through, and the session stays usable.
"""

import logging
import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Never
from uuid import uuid4

import gevent
from greenswitch.esl import OutboundSession

from fshunt.errors import FshuntError
from fshunt.esl import api, commands
from fshunt.esl.caller_state import HUNG_UP, CallerGone, CallerReplaced, CallerState, CallerTaken, number_of
from fshunt.esl.commands import Command, UnsafeText
from fshunt.esl.connection import Bounds, Connection, TimedOut
from fshunt.esl.frames import Frame, ProtocolError
from fshunt.esl.jobs import Jobs
from fshunt.esl.replies import CommandRefused
from fshunt.esl.transport import SwitchLost, Transport

__all__ = [
    "CallerGone",
    "CallerReplaced",
    "CallerTaken",
    "CommandRefused",
    "ProtocolError",
    "Session",
    "SwitchLost",
    "TimedOut",
]

REPLY_SECONDS = 5.0  # FreeSWITCH's listener answers a command within milliseconds, whatever the call does
AFTER_GONE_SECONDS = 2.0  # from the caller's hang-up to the bridge's completion 20 to 40 ms were seen (fact 6)
SAFE_EXIT_SECONDS = 0.05  # an `exit` sooner than 30 ms after `connect` can leave the caller parked for ever (fact 7)
FAREWELL_SECONDS = 1.0  # for `exit` to be read and our close to be seen
HAND_BACK_SECONDS = 2.0  # for `connect` to be answered when the call is only handed back
# Of a channel with 1 MB of variables each event has them all, and dozens come while a busy machine sets up a hunt.
BUFFER = Bounds(events=1000, bytes=64 * 1024 * 1024)

_UUID = re.compile(r"[!-~]{1,256}")  # FreeSWITCH can be set to use the caller's Call-ID: then it may be anything

log = logging.getLogger(__name__)


class Session(OutboundSession):
    """One call on FreeSWITCH's outbound socket. ``peer`` is its address, for logs; deadlines are times of ``clock``."""

    def __init__(self, sock: socket.socket, peer: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        # Not super().__init__(): it starts greenlets and a queue with a timer, and wraps the socket in a file.
        self.sock = sock
        self.peer = peer
        self.clock = clock
        self.connected = True
        self.session_data: Frame | None = None
        self._caller = CallerState(clock)
        self._transport = Transport(sock, clock)
        self._connection = Connection(self._transport, clock, BUFFER, self._caller.note, peer)
        self._greeted_at: float | None = None

    @property
    def uuid(self) -> str:
        """The uuid of the caller's channel; empty before ``connect``."""
        return self._caller.uuid

    @property
    def local_address(self) -> str:
        """Our address, as the switch has reached it."""
        host, port = self.sock.getsockname()[:2]
        return f"{host}:{port}"

    @property
    def gone(self) -> bool:
        """Whether the caller has hung up."""
        return self._caller.gone

    @property
    def taken(self) -> bool:
        """Whether somebody else has the caller."""
        return self._caller.taken

    @property
    def replaced(self) -> bool:
        """Whether the switch puts another channel in the place of the caller's, which rings phones."""
        return self._caller.replaced

    @property
    def channel(self) -> Frame:
        """What FreeSWITCH said of the call when it was greeted. Raises ProtocolError before ``connect``."""
        if self.session_data is None:
            raise ProtocolError("The call was not greeted with `connect` yet.")
        return self.session_data

    @property
    def core_uuid(self) -> str:
        """What tells the switch of the call from others (fact 46)."""
        return self.channel.get("Core-UUID") or ""

    def connect(self, timeout: float = REPLY_SECONDS) -> Frame:
        """Greets FreeSWITCH, which says nothing before, and returns the channel's data.

        Raises TimedOut, and CommandRefused when the dialplan's ``socket`` action does not give us full control.
        """
        if self.session_data is not None:
            return self.session_data
        self._greeted_at = self.clock()
        reply = self.send(commands.connect(), timeout)
        self._greeted_at = self.clock()
        uuids = _uuids_of(reply)
        if not reply.is_connect_reply or not uuids:
            self._transport.fail(ProtocolError("FreeSWITCH answered `connect` without a channel's data."))
        if reply.get("Socket-Mode") != "async" or reply.get("Control") != "full":
            raise CommandRefused("The dialplan's `socket` action must end with `async full`.")
        self.session_data = reply
        uuid = uuids[0] if len(uuids) == 1 else self._existing(uuids, timeout)
        self._connection.rename(uuid)
        self._caller.greet(uuid, reply.raw("Unique-ID"), number_of(reply))
        return reply

    def is_callers(self, event: Frame) -> bool:
        """Whether an event is of the caller's channel."""
        return self._caller.is_of(event)

    def _existing(self, uuids: Sequence[str], timeout: float) -> str:
        """Which of these is a channel; FreeSWITCH leaves what looks encoded as it is, and a Call-ID may look so."""
        try:
            asked = [api.uuid_exists(uuid) for uuid in uuids]
        except UnsafeText:  # nothing can be asked, or done, with such a uuid; who uses it will be told
            return uuids[0]
        replies = self._connection.ask(asked, timeout)
        answers = zip(uuids, replies, strict=True)
        return next((uuid for uuid, reply in answers if reply.reply_text.strip() == "true"), uuids[0])

    def send(self, command: Command, timeout: float = REPLY_SECONDS) -> Frame:
        """Sends one command and waits for its reply; events that come before it are buffered in order.

        Raises CommandRefused when FreeSWITCH refuses it (an API command's output is returned as it is, ``-ERR`` too),
        TimedOut when no reply comes in ``timeout`` seconds, UnsafeText when a text is more than one line.
        """
        return self._connection.ask([command], timeout)[0]

    def send_all(self, said: Sequence[Command], timeout: float = REPLY_SECONDS) -> list[Frame]:
        """Sends commands in one write, and returns their replies when all have come; raises as ``send`` does."""
        return self._connection.ask(said, timeout)

    def start_jobs(self, asked: Sequence[Command]) -> Jobs:
        """Has API commands run in the background, so that what is sent after them does not wait. Raises UnsafeText."""
        return self._connection.start_jobs(asked)

    def finish_jobs(self, jobs: Jobs, timeout: float) -> list[str | None]:
        """Waits at most so many seconds for the outputs of these jobs; None of one that has not ended by then."""
        return self._connection.finish_jobs(jobs, timeout)

    def post(self, *said: Command) -> None:
        """Sends commands at once without waiting for their replies; a refusal is logged when it comes.

        Raises UnsafeText.
        """
        self._connection.post(*said)

    def execute(self, application: str, argument: str = "", event_uuid: str | None = None) -> str:
        """Has FreeSWITCH run an application on the caller's channel after those under way; does not wait.

        Returns the uuid that ``wait_completion`` takes. Raises UnsafeText.
        """
        event_uuid = event_uuid or str(uuid4())
        self._connection.post(commands.execute(application, argument, event_uuid))
        return event_uuid

    def next_event(self, deadline: float | None = None, *, wakeable: bool = False) -> Frame | None:
        """The next event, or disconnect-notice, in the order they came; None when the deadline has passed.

        Where it is ``wakeable``, also None as soon as another greenlet calls ``wake``.

        ``deadline`` is a time of ``clock``; None waits as long as the connection lives. Raises CommandRefused when an
        application of ours was refused and will never complete, unless that is because the caller has gone.
        """
        while (event := self._connection.next_buffered()) is None:
            if not self.gone:
                self._connection.replies.check_all_started()
            if not self._connection.read(deadline, wakeable=wakeable):
                return None
        return event

    def wake(self) -> None:
        """Ends a wakeable wait of the call's greenlet early, from another greenlet: the one under way, or the next."""
        self._connection.wake()

    def wait_completion(self, event_uuid: str, deadline: float | None) -> Frame:
        """The completion of the application that was started as ``event_uuid``; no other one, whatever its name.

        Events on the way are dropped. Raises CommandRefused when FreeSWITCH refused to start it, CallerGone when the
        caller hung up and it does not come any more, TimedOut.
        """
        while True:
            while (event := self._connection.next_buffered()) is not None:
                if _completes(event, event_uuid):
                    return event
            self._connection.replies.check_started(event_uuid)
            if not self._read_towards_completion(deadline):
                raise TimedOut("The application on the caller's channel did not end in time.")

    def check_caller(self, seconds: float = 0.0) -> None:
        """Raises CallerGone, CallerTaken when somebody else has the call, CallerReplaced when it is another's now.

        Reads what has come, and waits up to so many seconds for the answer; events are kept for the next wait.
        """
        until = self.clock() + seconds
        while not self.gone and self._connection.read(self.clock() if self.taken else until):
            pass
        self._caller.check()

    def hear_out(self) -> None:
        """Takes in what FreeSWITCH had sent before the connection broke: that the caller has gone may be among it.

        FreeSWITCH's goodbye without a word of a hang-up means the same, where ``linger`` did not reach it any more.
        """
        with suppress(FshuntError):
            while self._connection.read(self.clock()):
                pass
        if self._connection.goodbye is not None:
            self._caller.note_gone()

    def hand_back(self, *last_words: Command) -> None:
        """Leaves the call to the dialplan and closes, so that FreeSWITCH goes on to its next action (fact 7).

        ``last_words`` are said first, also where what FreeSWITCH sends cannot be read any more. Done again, nothing.
        Raises nothing: no caller of this could do more. Takes at most some seconds.
        """
        try:
            if self.connected and self._greeted_at is None:
                self.connect(HAND_BACK_SECONDS)
        except FshuntError as error:
            log.debug("%s: greeting a call to hand it back: %s", self.peer, error)
        try:
            if self.connected and not self._transport.lost:
                self._say_goodbye(*last_words)
        except (FshuntError, OSError) as error:
            log.debug("%s: handing back: %s", self.uuid or self.peer, error)
        finally:
            self.close()

    def leave_with(self, setting: Command, application: str | None = None, argument: str = "") -> None:
        """Gives a last command and, if one is named, a last application, and leaves, all in one write; closes.

        An application takes the caller elsewhere: if we left later, our leaving would tear the caller out of the place
        where they have arrived (fact 7). Raises SwitchLost when it cannot be sent, UnsafeText.
        """
        words = [setting]
        if application is not None:
            words.append(commands.execute(application, argument, str(uuid4())))
        try:
            self._say_goodbye(*words)
        except OSError as error:
            raise SwitchLost(f"The connection to FreeSWITCH broke: {error}") from error
        finally:
            self.close()

    def close(self) -> None:
        """Closes the socket; a greenlet that waits gets SwitchLost. ``hand_back`` leaves a caller properly."""
        self.connected = False
        self._transport.close()

    # What OutboundSession offers besides, where its own way would wait in greenlets that are not there.

    stop = hand_back

    def call_command(
        self, app_name: str, app_args: str | None = None, block: bool = False, response_timeout: float | None = None
    ) -> Frame | None:
        """The way of greenswitch to run an application; with ``block`` until its own completion, which is returned."""
        event_uuid = self.execute(app_name, app_args or "")
        deadline = None if response_timeout is None else self.clock() + response_timeout
        return self.wait_completion(event_uuid, deadline) if block else None

    def raise_if_disconnected(self) -> None:
        """Raises CallerGone when the caller has hung up, SwitchLost when the connection has ended."""
        if self.gone:
            raise CallerGone(HUNG_UP)
        if not self.connected or self._transport.failed:
            raise SwitchLost("The connection to FreeSWITCH has ended.", self._connection.goodbye is not None)

    def start_event_handlers(self, *_: Any) -> Never:
        """There are none: the call's greenlet reads. Raises NotImplementedError."""
        raise NotImplementedError(
            "This session waits by next_event() and wait_completion(), and speaks by execute() and post()."
        )

    register_handle = unregister_handle = register_expected_event = answer = linger = start_event_handlers

    def _read_towards_completion(self, deadline: float | None) -> bool:
        """The same while an application runs: a caller who has gone leaves little to wait for. Raises CallerGone."""
        if self._caller.over or (self.gone and self._connection.goodbye is not None):
            raise CallerGone(HUNG_UP)
        if not self.gone:
            return self._connection.read(deadline)
        last = self._caller.gone_at + AFTER_GONE_SECONDS
        if self._connection.read(last if deadline is None else min(deadline, last)):
            return True
        if self.clock() >= last:
            raise CallerGone(HUNG_UP)
        return False

    def _say_goodbye(self, *last_words: Command) -> None:
        if self._greeted_at is not None:
            gevent.sleep(max(0.0, self._greeted_at + SAFE_EXIT_SECONDS - self.clock()))
        words = (*last_words, commands.exit_())
        self._transport.farewell(b"".join(command.wire for command in words), FAREWELL_SECONDS)


def _uuids_of(reply: Frame) -> list[str]:
    """What the uuid of a channel can be: as it is decoded, and as it is written."""
    decoded = reply.get("Unique-ID")
    if decoded is None:
        return []
    written = (reply.raw("Unique-ID") or b"").decode(errors="replace")
    return [uuid for uuid in dict.fromkeys((decoded, written)) if _UUID.fullmatch(uuid)]


def _completes(event: Frame, event_uuid: str) -> bool:
    return event.get("Event-Name") == "CHANNEL_EXECUTE_COMPLETE" and event.get("Application-UUID") == event_uuid
