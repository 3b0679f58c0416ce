"""A call in the place of a caller who is called back: what is other in its hunt, and what follows it (section 20)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.finish import hang_up
from fshunt.daemon.deps import Dependencies
from fshunt.db.queries import callbacks
from fshunt.db.queries.callbacks import Request
from fshunt.errors import DatabaseError, FshuntError
from fshunt.esl import api, commands
from fshunt.esl.session import CallerGone, Session, SwitchLost
from fshunt.freeswitch.callbacks import (
    MEMBER_TALKS,
    OTHER_SIDE,
    REALM,
    Serving,
    dial_caller,
    ringing_values,
    serving_of,
)
from fshunt.hunting.callbacks import IN_PLACE, MAX_TRIES, CallbackOutcome, CallbackState
from fshunt.hunting.states import Result
from fshunt.log_events import LogEvent, about

log = logging.getLogger(__name__)

NEXT_TRY_AFTER = timedelta(minutes=2)
"""Between two calls to a caller who did not answer."""

CONNECTED_SECONDS = 3.0
"""How long it may take until the member is connected; after the answer it takes some hundredths of a second."""

LINGER_SECONDS = 5
LONGEST_TALK_SECONDS = 24 * 3600.0
UNSET = "_undef_"


@dataclass(frozen=True, slots=True)
class Served:
    """The request that a hunt serves."""

    request: Request

    @property
    def words(self) -> str:
        """What the record says of it."""
        return f"{IN_PLACE}{self.request.hunt_id}"

    def as_caller(self, caller: Caller) -> Caller:
        """Return the caller as the one in whose place the call is: a member is not called for the own request."""
        own = f"{self.request.number}@{self.request.domain}".lower()
        return replace(caller, presence_ids=frozenset({own}) if self.request.internal else caller.presence_ids)

    def as_ended(self, result: Result, reason: str | None) -> tuple[Result, str]:
        """Return the result and the reason of the hunt: nobody has missed it, as the request goes on."""
        if result is Result.ANSWERED:
            return result, self.words
        return Result.CALLBACK, self.words if reason is None else f"{self.words}: {reason}"


def find_request(session: Session, serving: Serving, deps: Dependencies) -> Request | None:
    """Return the request that a new call serves; None: it serves it no more, or nobody knows. Raises nothing."""
    try:
        found = deps.database.run(lambda s: callbacks.find(s, serving.request_id), deadline=deps.database.deadline())
    except DatabaseError as error:
        extra = about(LogEvent.CALL_WITHOUT_DATABASE, call=session.uuid)
        log.warning("call %s: callback %d not read: %s", session.uuid, serving.request_id, error, extra=extra)
        return None
    if found is None or found.attempt != serving.attempt or found.state is not CallbackState.CALLING_MEMBER:
        return None
    return found


def settled(request: Request, attempt: str, was_answered: bool | None, deps: Dependencies) -> CallbackOutcome | None:
    """Write what became of a call to a caller, and return how the request ended; None: it is open.

    Raises DatabaseError. ``was_answered`` None: nobody knows, so the caller is not called once more.
    """
    outcome: CallbackOutcome | None
    if was_answered is None:
        outcome = CallbackOutcome.NOT_SEEN
    elif was_answered:
        outcome = CallbackOutcome.ANSWERED
    else:
        outcome = CallbackOutcome.NO_ANSWER if request.tries >= MAX_TRIES else None
    now, state = deps.now(), CallbackState.CALLING_CALLER
    if outcome is None:
        until = now + NEXT_TRY_AFTER
        deps.database.run(lambda s: callbacks.put_back(s, request.id, attempt, state, until), write=True)
    else:
        deps.database.run(lambda s: callbacks.end(s, request.id, attempt, outcome, now), write=True)
    said = "waits for the next try" if outcome is None else outcome.value
    words = "callback %d of %s in group %s: %s"
    log.info(words, request.id, request.number, request.pilot, said, extra=_about(request))
    return outcome


def _about(request: Request) -> Mapping[str, str | None]:
    return about(LogEvent.CALLBACK, domain=request.domain, pilot=request.pilot)


class CallerCall:
    """A member is on the phone: call the caller, and connect the two."""

    def __init__(self, session: Session, deps: Dependencies) -> None:
        self._session, self._deps, self._is_settled = session, deps, False

    def run(self, serving: Serving) -> None:
        """Do it, and stay to the end of the talk; it goes on without us. Raises FshuntError.

        The database knows that the caller is called before anything is dialled. Who cannot write it calls nobody: the
        request stays in its place.
        """
        session = self._session
        session.post(
            commands.linger(LINGER_SECONDS),
            commands.add_filter(session.uuid),
            commands.subscribe(
                "CHANNEL_BRIDGE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"
            ),
        )
        request = self._begun(serving) if self._member_is_connected() else None
        if request is None:
            hang_up(session, "NORMAL_CLEARING")
            return
        answered = self._call(request, serving)
        if not self._is_settled:
            settled(request, serving.attempt, answered, self._deps)
        session.post(api.db_delete(REALM, serving.attempt))

    def _member_is_connected(self) -> bool:
        """Whether it is a member who talks at the far side: the dialplan's fallback answers, too."""
        session, until = self._session, self._session.clock() + CONNECTED_SECONDS
        far = session.channel.get(f"variable_{OTHER_SIDE}") or ""
        session.post(commands.add_filter(far))
        while (said := session.send(api.uuid_getvar(far, "signal_bond")).reply_text.strip()) in (UNSET, ""):
            if session.next_event(until) is None:
                return False
            session.check_caller()
        return not said.startswith("-ERR")

    def _begun(self, serving: Serving) -> Request | None:
        deps = self._deps
        try:
            return deps.database.run(
                lambda s: callbacks.dial(s, serving.request_id, serving.attempt),
                write=True,
                deadline=deps.database.deadline(),
            )
        except DatabaseError as error:
            log.warning("callback %d waits, the caller is not called: %s", serving.request_id, error)
            return None

    def _call(self, request: Request, serving: Serving) -> bool:
        """Call the caller, and stay while they talk; tell whether they have answered."""
        session = self._session
        session.post(api.uuid_setvar_multi(session.uuid, ringing_values()))
        where = dial_caller(
            serving,
            number=request.number,
            internal=request.internal,
            domain=request.domain,
            dial_context=request.dial_context,
            shown=request.pilot,
        )
        words = "callback %d: a member of group %s is there, calling %s"
        log.info(words, request.id, request.pilot, request.number, extra=_about(request))
        bridge, answered = session.execute("bridge", where), False
        limit = session.clock() + LONGEST_TALK_SECONDS
        try:
            while (frame := session.next_event(limit)) is not None:
                event = frame.event
                name, own = event.get("Event-Name"), session.is_callers(event)
                if name == "CHANNEL_BRIDGE" and own:
                    answered = True
                    with suppress(DatabaseError):  # it is written at the end of the talk, too, or by whoever looks then
                        settled(request, serving.attempt, True, self._deps)
                        self._is_settled = True
                elif own and name == "CHANNEL_HANGUP_COMPLETE":
                    return answered
                elif name == "CHANNEL_EXECUTE_COMPLETE" and event.get("Application-UUID") == bridge and not answered:
                    session.execute("hangup", "NO_ANSWER")
        except (CallerGone, SwitchLost):
            if not session.gone:
                raise  # the call goes on without us, and is looked for later
        return answered


def member_talks_on(session: Session) -> Serving | None:
    """Return what the channel serves if it is the near side of a call in a caller's place, and is answered."""
    serving = serving_of(session.channel, MEMBER_TALKS)
    return serving if serving is not None and session.uuid == serving.attempt else None


def end_unless_served(session: Session) -> None:
    """Hang up a call that serves no request any more: nobody is rung. Raises nothing."""
    with suppress(FshuntError):
        hang_up(session, "NORMAL_CLEARING")
    session.close()
