"""Whether the place where a caller is sent is real, and what else there is if it is not (design, section 5)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from fshunt.daemon.call.caller import Caller
from fshunt.daemon.call.finish import to_voicemail
from fshunt.esl.session import Session, TimedOut
from fshunt.freeswitch.dialplan_contexts import Lookups
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.log_events import LogEvent, about
from fshunt.services.switch_checks import Checked, Look, check_box, check_number
from fshunt.settings import Settings

NO_ANSWER = Checked(Answer.UNKNOWN)

log = logging.getLogger(__name__)

OnLeaving = Callable[[str], object]
"""Told of a voicemail box before the caller goes there: from then on the call may outlive us."""


class Boxes:
    """Takes a caller to the first voicemail box that is one. ``failures`` says in words what was not."""

    def __init__(
        self, session: Session, caller: Caller, domain: str, settings: Settings, failures: Iterable[str] = ()
    ) -> None:
        self._session, self._caller, self._domain, self._settings = session, caller, domain, settings
        self.failures = list(failures)
        self.box: str | None = None
        """The box where the caller is, or was at the end."""
        self.has_answered = caller.answered
        """Whether the caller is answered: who has been in a voicemail that was none cannot be refused any more."""

    def deliver(self, boxes: Iterable[str], on_leaving: OnLeaving) -> str | None:
        """Return the box where the caller has been, None if none of them is one. The caller is there still, or gone."""
        for box in dict.fromkeys(boxes):
            why_not = self._why_not(box)
            if why_not is not None:
                self.failures.append(f"voicemail box {box} does not exist ({why_not})")
                continue
            on_leaving(box)
            self.box, self.has_answered = box, True
            if to_voicemail(self._session, self._caller, self._domain, box, self._settings):
                return box
            self.box = None
            self.failures.append(f"voicemail box {box} ended at once")
        return None

    def _why_not(self, box: str) -> str | None:
        profile = self._settings.voicemail_profile
        checked = _ask(self._session, lambda: check_box(self._session, box, self._domain, profile))
        return checked.why if checked.is_missing else None


def boxes_left(boxes: Iterable[str], settings: Settings) -> list[str]:
    """Return the boxes of a group, and after them the one of the setting ``fallback_box``."""
    return [*boxes, *([] if settings.fallback_box is None else [settings.fallback_box])]


def look_for_number(session: Session, number: str, context: str, lookups: Lookups) -> Checked:
    """Ask the switch for a number that a caller is to be transferred to; for one that is not there, say it in words."""
    checked = _ask(session, lambda: check_number(Look(session, lookups), number, context))
    return replace(checked, why=f"transfer to {number} not possible ({checked.why})") if checked.is_missing else checked


def _ask(session: Session, question: Callable[[], Checked]) -> Checked:
    """Ask the switch; what it does not say in time is not known."""
    try:
        checked = question()
    except TimedOut:
        words = "call %s: the switch did not say in time whether the destination exists"
        log.warning(words, session.uuid, extra=about(LogEvent.CALL_WARNING, call=session.uuid))
        return NO_ANSWER
    session.check_caller()
    return checked


def in_words(failures: Iterable[str], instead: str) -> str:
    """Return the reason of a hunt whose destination was none, and what happened to the caller instead."""
    return f"{'; '.join(failures)}; {instead}"
