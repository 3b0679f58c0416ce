"""Nobody took the call: on to the destination of the case, or what else there is where it is not real (section 5)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from fshunt.daemon.call.call_log import CallLog
from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.delivery import Boxes, boxes_left, in_words, look_for_number
from fshunt.daemon.call.finish import context_of, hang_up, leave_undelivered, note_overflow, reject, transfer
from fshunt.daemon.call.returned import Returned, transfer_target
from fshunt.daemon.call.setup import clear_presentation
from fshunt.daemon.deps import Dependencies
from fshunt.esl.session import CallerGone, Session
from fshunt.hunting import validation
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.hunt import Hunt
from fshunt.hunting.states import Result

ASKED_FOR_CALLBACK = "asked to be called back"
WILL_CALL_BACK = "tone_stream://%(150,50,500);%(150,50,630);%(300,0,800)"
"""What a caller hears behind the prompt, or in its place: they will be called back."""
PROMPT_SECONDS = 20.0
"""How long the prompt may take."""


@dataclass(slots=True)
class Elsewhere:
    """What is known of where a call goes on without us."""

    result: Result | None = None
    """The result of a call that continues without us, as a talk or in voicemail; None while it needs us."""
    destination: Destination | None = None
    failure: str | None = None
    """In words, why the destination could not be reached, and where the caller is instead."""

    def goes_on(self, result: Result) -> None:
        """From here on the call continues without us."""
        self.result = result


class Leaving:
    """Takes the caller of a hunt that nobody answered to its destination, and keeps ``elsewhere`` true on the way.

    ``end`` gives the hunt its result and its reason, and closes its record.
    """

    def __init__(
        self,
        session: Session,
        caller: Caller,
        hunt: Hunt,
        call_log: CallLog,
        deps: Dependencies,
        elsewhere: Elsewhere,
        end: Callable[[Result, str | None], None],
    ) -> None:
        self._session, self._caller, self._hunt, self._deps = session, caller, hunt, deps
        self._call_log, self._elsewhere, self._end = call_log, elsewhere, end

    def leave(self) -> None:
        """Take the caller there; what the switch says on the way is raised as its session raises it."""
        if self._hunt.left_for_callback:
            self._to_be_called_back()
            return
        self._elsewhere.destination = destination = self._hunt.destination().check()
        value = destination.value or ""
        match destination.kind:
            case DestinationKind.VOICEMAIL:
                self._to_a_box([value, *self._hunt.group.boxes()])
            case DestinationKind.TRANSFER:
                self._transfer(value)
            case DestinationKind.HANGUP:
                reject(self._session, self._caller, value)
                self._end(Result.REJECTED, self._hunt.why())

    def _to_be_called_back(self) -> None:
        """Tell the caller so, and hang up; the record is closed before, as it holds whether they hear it or not."""
        self._end(Result.CALLBACK, ASKED_FOR_CALLBACK)
        session = self._session
        prompt = validation.check_sound_file(self._deps.settings.callback_prompt)
        with suppress(CallerGone):
            for sound in (prompt, WILL_CALL_BACK):
                session.wait_completion(session.execute("playback", sound), session.clock() + PROMPT_SECONDS)
            hang_up(session, "NORMAL_CLEARING")

    def _transfer(self, number: str) -> None:
        group = self._hunt.group
        context = context_of(group, self._caller, self._deps.settings)
        looked_for = look_for_number(self._session, number, context, self._deps.lookups)
        if looked_for.is_missing:
            self._to_a_box(group.boxes(), looked_for.why)
            return
        clear_presentation(self._session, self._caller)
        note_overflow(self._session, self._caller, group)
        target = f"{number} XML {context}"
        if not looked_for.controlled and not self._is_pilot(number, group.domain):
            target = self._target_and_back(number, context)
        transfer(self._session, self._caller, target)
        self._end(Result.TRANSFERRED, self._hunt.why())

    def _is_pilot(self, number: str, domain: str) -> bool:
        """Whether the number is one of a group: a hunt has an end of its own, and begins with a plain transfer."""
        return self._deps.group_cache.find(replace(self._caller, pilot=number, domain_variable=domain)) is not None

    def _target_and_back(self, number: str, context: str) -> str:
        """Return the argument of a transfer that brings the caller back if it fails at once."""
        group = self._hunt.group
        daemons = self._deps.settings.given_controllers() or (self._session.local_address,)
        return transfer_target(Returned(self._hunt.id, group.domain, number, tuple(group.boxes())), context, daemons)

    def _to_a_box(self, boxes: list[str], *failures: str) -> None:
        """On to the first voicemail box that is one; where there is none, to the dialplan's own fallback."""
        elsewhere, settings = self._elsewhere, self._deps.settings
        delivery = Boxes(self._session, self._caller, self._hunt.group.domain, settings, failures)

        def on_leaving(box: str) -> None:
            elsewhere.destination = Destination(DestinationKind.VOICEMAIL, box)
            failed = delivery.failures
            result = Result.FAILED if failed else Result.VOICEMAIL
            elsewhere.goes_on(result)
            elsewhere.failure = in_words(failed, f"the caller reached voicemail box {box}") if failed else None
            self._call_log.leaving(result, elsewhere.failure or self._hunt.why(), elsewhere.destination)

        if delivery.deliver(boxes_left(boxes, settings), on_leaving) is None:
            self._reached_nothing(delivery)
            return
        hang_up(self._session, "NORMAL_CLEARING")
        self._end(elsewhere.result or Result.VOICEMAIL, elsewhere.failure or self._hunt.why())

    def _reached_nothing(self, delivery: Boxes) -> None:
        """Leave who is not answered to the dialplan; who is answered can only be hung up."""
        instead = "the caller was hung up" if delivery.has_answered else "the caller was left to the dialplan"
        failure = self._elsewhere.failure = in_words(delivery.failures, instead)
        self._call_log.failed(failure, self._elsewhere.destination)
        self._end(Result.FAILED, failure)
        if delivery.has_answered:
            hang_up(self._session, "NORMAL_CLEARING")
        else:
            leave_undelivered(self._session, self._caller)
