"""A caller whom a transfer has left at once: FreeSWITCH itself brings them back (fact 61).

The transfer is a short dialplan: the number's extension, and behind it this daemon, or another one. Where the extension
takes the caller, nothing behind it is run. All that is needed then is in a channel variable, so that any daemon can go
on, with or without the database.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from fshunt.daemon.call.call_lines import about_call
from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.delivery import Boxes, boxes_left, in_words
from fshunt.daemon.call.finish import CALLER_HUNG_UP, hang_up
from fshunt.daemon.call.setup import greet
from fshunt.daemon.data.events import DeliveryFailed, ReturnedCallerLeft
from fshunt.daemon.deps import Dependencies
from fshunt.errors import BadValue, FshuntError
from fshunt.esl import api, commands
from fshunt.esl.frames import Frame
from fshunt.esl.session import Session
from fshunt.hunting import validation
from fshunt.hunting.states import Result
from fshunt.log_events import LogEvent

log = logging.getLogger(__name__)

RETURNED = "fshunt_returned"
"""The channel variable, which is set when the caller is back."""

AT_ONCE_SECONDS = 10.0
"""A transfer that took longer has rung somewhere, and its dialplan has let it end there. A carrier may take seconds to
refuse."""

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Returned:
    """The hunt that was left, where to, and the boxes of its group."""

    hunt_id: str
    domain: str
    number: str
    boxes: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join((self.hunt_id, self.domain, self.number, ",".join(self.boxes)))

    def check(self) -> Returned:
        """Return it if each part fits its kind; raise BadValue if not."""
        validation.check_uuid(self.hunt_id)
        validation.check_domain(self.domain)
        validation.check_transfer_number(self.number)
        for box in self.boxes:
            validation.check_extension(box)
        return self


def returned_of(channel: Frame) -> Returned | None:
    """Read from what the switch says of a channel whether the caller is back from a transfer; None: a new call."""
    parts = (channel.get(f"variable_{RETURNED}") or "").split("/")
    if len(parts) != len(Returned.__slots__):
        return None
    hunt_id, domain, number, boxes = parts
    try:
        return Returned(hunt_id, domain, number, tuple(box for box in boxes.split(",") if box)).check()
    except BadValue:
        return None


def transfer_target(returned: Returned, context: str, daemons: Sequence[str]) -> str:
    """Return the argument of ``transfer`` that sends the caller to the number, and back if nobody takes them there."""
    returned.check()
    actions = [
        ("set", "fshunt_answered=false"),  # what was answered before is no answer there
        # Or the answers to the caller name the member who was rung last, at a private number (fact 51).
        ("set_profile_var", f"callee_id_name={returned.number}"),
        ("set_profile_var", f"callee_id_number={returned.number}"),
        ("execute_extension", f"{returned.number} XML {context}"),
        ("set", f"{RETURNED}={returned}"),
        ("set", "socket_resume=true"),
        ("socket", f"{'|'.join(daemons)} async full"),
        ("hangup", "NO_ANSWER"),
    ]
    return commands.inline_dialplan(actions, context)


def take_back(session: Session, caller: Caller, returned: Returned, deps: Dependencies) -> None:
    """Take a caller who is back to a voicemail box, and write that the hunt has failed; then hang up.

    A caller who leaves before that has abandoned the call; the error by which that is noticed is raised.
    """
    if not _failed_at_once(session.channel):
        _greet(session, caller)
        hang_up(session, "NORMAL_CLEARING")  # the dialplan of the number has ended, and would have done so
        return
    delivery = Boxes(session, caller, returned.domain, deps.settings, [f"transfer to {returned.number} failed at once"])
    try:
        _greet(session, caller)
        _deliver(session, caller, returned, delivery, deps)
    except FshuntError:
        session.hear_out()
        if session.gone and delivery.box is None:
            reason = in_words(delivery.failures, CALLER_HUNG_UP)
            deps.outbox.put(ReturnedCallerLeft(hunt_id=returned.hunt_id, reason=reason))
            extra = about_call(LogEvent.CAME_BACK, caller, outcome=Result.ABANDONED)
            log.info("call %s: abandoned (%s)", caller.uuid, reason, extra=extra)
        raise


def _greet(session: Session, caller: Caller) -> None:
    greet(session, caller)
    session.post(api.uuid_setvar(caller.uuid, RETURNED))


def _deliver(session: Session, caller: Caller, returned: Returned, delivery: Boxes, deps: Dependencies) -> None:
    def write(instead: str, destination: str) -> None:
        reason = in_words(delivery.failures, instead)
        deps.outbox.put(DeliveryFailed(hunt_id=returned.hunt_id, reason=reason, destination=destination))
        extra = about_call(LogEvent.CAME_BACK, caller, outcome=Result.FAILED)
        log.warning("call %s: failed (%s)", caller.uuid, reason, extra=extra)

    reached = delivery.deliver(
        boxes_left(returned.boxes, deps.settings),
        lambda box: write(f"the caller reached voicemail box {box}", f"voicemail:{box}"),
    )
    if reached is None:
        write("the caller was hung up", f"transfer:{returned.number}")
    hang_up(session, "NORMAL_CLEARING" if delivery.has_answered else "NO_ANSWER")


def _failed_at_once(channel: Frame) -> bool:
    """Whether nobody has taken the caller, and no time has passed, by the switch's own clock."""
    if channel.get("variable_fshunt_answered") == "true":
        return False
    now, since = channel.get("Event-Date-Timestamp") or "", channel.get("Caller-Profile-Created-Time") or ""
    if not (now.isdecimal() and since.isdecimal()):
        return True
    return int(now) - int(since) < AT_ONCE_SECONDS * MICROSECONDS
