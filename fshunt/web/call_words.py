"""The words of the pages for calls: how they ended, who rang, and who was passed over and why."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask
from flask_babel import gettext, lazy_gettext

from fshunt.db.models import CallRecord, OfferRecord, SkipRecord
from fshunt.db.queries.call_search import Kind
from fshunt.hunting.availability import AUTO_BLOCKED, IN_GROUP, SkipReason
from fshunt.hunting.states import Outcome, Result

if TYPE_CHECKING:
    from flask_babel.speaklater import LazyString

KINDS: dict[Kind, LazyString] = {
    Kind.ALL: lazy_gettext("All"),
    Kind.ANSWERED: lazy_gettext("Answered"),
    Kind.MISSED: lazy_gettext("Missed, whatever came then"),
    Kind.VOICEMAIL: lazy_gettext("Voicemail"),
    Kind.TRANSFERRED: lazy_gettext("Transferred"),
    Kind.ABANDONED: lazy_gettext("Caller hung up"),
    Kind.REJECTED: lazy_gettext("Rejected"),
    Kind.CALLBACK: lazy_gettext("To be called back"),
    Kind.FAILED: lazy_gettext("Failed"),
}
"""The choices of a search; what waits for a call back has a page of its own."""

RESULTS: dict[str, LazyString] = {
    Result.ANSWERED: lazy_gettext("Answered"),
    Result.VOICEMAIL: lazy_gettext("Voicemail"),
    Result.TRANSFERRED: lazy_gettext("Transferred"),
    Result.ABANDONED: lazy_gettext("Caller hung up"),
    Result.REJECTED: lazy_gettext("Rejected"),
    Result.CALLBACK: lazy_gettext("To be called back"),
    Result.FAILED: lazy_gettext("Failed"),
}
TONES = {Result.ANSWERED: "good", Result.FAILED: "bad", Result.REJECTED: "bad"}
"""The colour of a result; the others are warnings: somebody waits for a call."""

OUTCOMES: dict[str, LazyString] = {
    Outcome.ANSWERED: lazy_gettext("answered"),
    Outcome.NO_ANSWER: lazy_gettext("did not answer"),
    Outcome.BUSY: lazy_gettext("was busy"),
    Outcome.DECLINED: lazy_gettext("declined"),
    Outcome.UNREGISTERED: lazy_gettext("had no phone registered"),
    Outcome.UNREACHABLE: lazy_gettext("could not be reached"),
    Outcome.ANSWERED_ELSEWHERE: lazy_gettext("stopped ringing: another member had answered"),
    Outcome.CALLER_GONE: lazy_gettext("stopped ringing: the caller had hung up"),
    Outcome.CONFIRM_REFUSED: lazy_gettext("picked up, but did not press 1 to take the call"),
    Outcome.SWITCH_LOST: lazy_gettext("was ringing when the connection to the switch was lost"),
}
SKIPS: dict[str, LazyString] = {
    SkipReason.DISABLED: lazy_gettext("disabled by an administrator"),
    SkipReason.BLOCKED: lazy_gettext("takes no calls"),
    SkipReason.UNREGISTERED: lazy_gettext("has no phone registered"),
    SkipReason.NOT_DIALABLE: lazy_gettext("has a phone that cannot be dialled"),
    SkipReason.OTHER_SWITCH: lazy_gettext("has a phone at another switch, to which no route leads"),
    SkipReason.ON_CALL: lazy_gettext("is on a call"),
    SkipReason.CLAIMED: lazy_gettext("is wanted by another call"),
    SkipReason.WRAP_UP: lazy_gettext("is in wrap-up after the last call"),
    SkipReason.DECLINED: lazy_gettext("declined this call"),
    SkipReason.UNREACHABLE: lazy_gettext("could not be reached for this call"),
    SkipReason.SWITCH_LIMIT: lazy_gettext("is beyond what the switch rings at once"),
}

NOT_KNOWN = "\N{EN DASH}"


def install(app: Flask) -> None:
    """Have these words in the templates of an application."""
    app.jinja_env.globals.update(result_tone=result_tone, call_kinds=KINDS)
    app.jinja_env.filters.update(
        result_words=result_words,
        step_words=step_words,
        duration=duration,
        wait_seconds=wait_seconds,
        talk_seconds=talk_seconds,
    )


def result_words(record: CallRecord) -> str:
    """Return how a call ended."""
    if record.result is None:
        return str(gettext("in progress"))
    return str(RESULTS.get(record.result, record.result))


def result_tone(record: CallRecord) -> str:
    """Return the colour of a result."""
    return "accent" if record.result is None else TONES.get(Result(record.result), "warn")


def step_words(step: OfferRecord | SkipRecord) -> str:
    """Return what became of one offer, or why a member was passed over."""
    if isinstance(step, OfferRecord):
        return str(gettext("rings") if step.outcome is None else OUTCOMES.get(step.outcome, step.outcome))
    if step.detail == AUTO_BLOCKED:
        return str(gettext("passed over: blocked after unanswered calls"))
    if step.reason == SkipReason.BLOCKED and step.detail == IN_GROUP:
        return str(gettext("passed over: takes no calls of this group"))
    return str(gettext("passed over: %(why)s", why=str(SKIPS.get(step.reason, step.reason))))


def wait_seconds(record: CallRecord) -> float | None:
    """Return how long the caller waited for an answer, or in vain; None while the call waits."""
    end = record.answered_at or record.ended_at
    return None if end is None else (end - record.started_at).total_seconds()


def talk_seconds(record: CallRecord) -> float | None:
    """Return how long the talk was; None if there was none, or nobody has seen its end."""
    if record.answered_at is None or record.ended_at is None or not record.end_seen:
        return None
    return (record.ended_at - record.answered_at).total_seconds()


def duration(seconds: float | timedelta | None) -> str:
    """Return a duration: `18 s`, `3:10`, `1:02:03`; a dash for what is not known."""
    if seconds is None:
        return NOT_KNOWN
    whole = round(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    if whole < 60:
        return str(gettext("%(seconds)s s", seconds=whole))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
