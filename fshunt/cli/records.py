"""Records of calls as a page for an administrator who asks "why did my phone not ring?", and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from fshunt.cli import output
from fshunt.db.models import CallRecord, OfferRecord, SkipRecord
from fshunt.errors import FshuntError
from fshunt.hunting.availability import SkipReason, words_of
from fshunt.hunting.policies import POLICIES, Remembers, decide
from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.rotation import RotationPointer
from fshunt.hunting.states import Outcome, Result

CALL_FIELDS = (
    "uuid",
    "domain",
    "pilot",
    "group_name",
    "policy",
    "caller_number",
    "caller_name",
    "started_at",
    "answered_at",
    "ended_at",
    "end_seen",
    "waited_seconds",
    "result",
    "reason",
    "answered_by",
    "destination",
)
OFFER_FIELDS = (
    "cycle",
    "stage",
    "position",
    "extension",
    "phones",
    "ring_seconds",
    "started_at",
    "ended_at",
    "outcome",
    "cause",
    "sip_code",
    "detail",
)
SKIP_FIELDS = ("cycle", "stage", "position", "extension", "reason", "detail", "at")

OUTCOME_WORDS = {
    Outcome.ANSWERED: "answered",
    Outcome.NO_ANSWER: "did not answer",
    Outcome.BUSY: "was busy",
    Outcome.DECLINED: "declined",
    Outcome.UNREGISTERED: "had no phone registered",
    Outcome.UNREACHABLE: "could not be reached",
    Outcome.ANSWERED_ELSEWHERE: "stopped ringing, another member had answered",
    Outcome.CALLER_GONE: "stopped ringing, the caller had hung up",
    Outcome.CONFIRM_REFUSED: "picked up, but did not press 1 to take the call",
    Outcome.SWITCH_LOST: "was ringing when the connection to FreeSWITCH was lost",
}
RESULT_WORDS = {
    Result.ANSWERED: "answered by {by}",
    Result.VOICEMAIL: "{to}",
    Result.TRANSFERRED: "transferred, {to}",
    Result.ABANDONED: "caller hung up",
    Result.REJECTED: "rejected, {to}",
    Result.FAILED: "failed",
}


class Moment(NamedTuple):
    """One line of a call's story."""

    at: datetime
    words: str


def call_json(record: CallRecord) -> dict[str, Any]:
    """A call as `call list --json` has it."""
    return _picked(record, CALL_FIELDS)


def whole_call_json(record: CallRecord, earlier: Sequence[CallRecord]) -> dict[str, Any]:
    """A call with its offers, its skips and its policy_input, and the earlier hunts of the same channel."""
    return _with_steps(record) | {"earlier": [_with_steps(other) for other in earlier]}


def _with_steps(record: CallRecord) -> dict[str, Any]:
    return call_json(record) | {
        "offers": [_picked(offer, OFFER_FIELDS) for offer in record.offers],
        "skips": [_picked(skip, SKIP_FIELDS) for skip in record.skips],
        "policy_input": record.policy_input,
    }


def _picked(row: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def caller_words(record: CallRecord) -> str:
    """The caller's number, and the name where it says more."""
    number, name = record.caller_number or "", record.caller_name or ""
    if not name or name == number:
        return number or "unknown"
    return f"{name} <{number}>"


def result_words(record: CallRecord) -> str:
    """How the call ended, and with whom."""
    if record.result is None:
        return "under way"
    if record.result not in RESULT_WORDS:
        return record.result
    to = record.destination or record.result
    return RESULT_WORDS[Result(record.result)].format(by=record.answered_by or "a member", to=to.replace(":", " "))


def print_call(record: CallRecord, earlier: Sequence[CallRecord]) -> None:
    """Print the page of a call."""
    name = f" {record.group_name}" if record.group_name else ""
    output.say(f"Call {record.uuid} to {record.pilot}{name}, {record.domain}", bold=True)
    output.facts(
        [
            ("caller", caller_words(record)),
            ("started", output.local(record.started_at)),
            ("waited", "" if record.waited_seconds is None else f"{record.waited_seconds:.0f} s for a busy member"),
            ("answered", output.local(record.answered_at)),
            ("ended", _ended(record)),
            ("result", result_words(record)),
            ("reason", record.reason or ""),
        ]
    )
    _print_steps(record)
    _print_policy_input(record)
    for other in earlier:
        output.say()
        output.say(f"Earlier, at {output.local(other.started_at)}, the same caller's call to {other.pilot}:", bold=True)
        output.facts([("result", result_words(other)), ("reason", other.reason or "")])
        _print_steps(other)


def _ended(record: CallRecord) -> str:
    if record.ended_at is None:
        return "not yet"
    at = output.local(record.ended_at)
    return at if record.end_seen else f"{at} (the end itself was not seen)"


def _print_steps(record: CallRecord) -> None:
    moments = story(record)
    output.say()
    if not moments:
        output.say("Nobody was rung.")
    for moment in moments:
        after = (moment.at - record.started_at).total_seconds()
        output.say(f"{moment.at.astimezone():%H:%M:%S}  {after:+6.1f} s  {moment.words}")


def story(record: CallRecord) -> list[Moment]:
    """The offers and skips in order of time; of one moment, in the order of the hunt."""
    steps: list[OfferRecord | SkipRecord] = [*record.offers, *record.skips]
    told = [Moment(_time(step), _words(step)) for step in sorted(steps, key=_hunt_order)]
    return sorted(told, key=lambda moment: moment.at)


def _time(step: OfferRecord | SkipRecord) -> datetime:
    return step.at if isinstance(step, SkipRecord) else step.started_at


def _hunt_order(step: OfferRecord | SkipRecord) -> tuple[int, int, int]:
    return step.cycle, step.stage, step.position


def _words(step: OfferRecord | SkipRecord) -> str:
    return skip_words(step) if isinstance(step, SkipRecord) else offer_words(step)


def skip_words(skip: SkipRecord) -> str:
    """Who was passed over and why."""
    if skip.reason in list(SkipReason):
        why = words_of(SkipReason(skip.reason), skip.detail)
    else:  # of a newer fshunt
        why = ", ".join(said for said in (skip.reason, skip.detail) if said)
    return f"{skip.extension} passed over: {why} ({skip.reason})"


def offer_words(offer: OfferRecord) -> str:
    """Who was rung, for how long, and how that ended."""
    phones = "" if offer.phones == 1 else f" on {offer.phones} phones"
    if offer.outcome is None or offer.ended_at is None:
        return f"{offer.extension} rings{phones}, for up to {offer.ring_seconds:g} s"
    words = OUTCOME_WORDS[Outcome(offer.outcome)] if offer.outcome in list(Outcome) else offer.outcome
    rang = (offer.ended_at - offer.started_at).total_seconds()
    notes = ", ".join(note for note in _notes(offer) if note)
    return f"{offer.extension} rung{phones}: {words} after {rang:.1f} of {offer.ring_seconds:g} s ({notes})"


def _notes(offer: OfferRecord) -> tuple[str, ...]:
    sip = f"SIP {offer.sip_code}" if offer.sip_code else ""
    return offer.outcome or "", sip, offer.cause or "", offer.detail or ""


def _print_policy_input(record: CallRecord) -> None:
    if not record.policy_input:
        return
    output.say()
    output.say("How the order was decided", bold=True)
    try:
        pairs = _decision(PolicyInput.from_json(record.policy_input))
    except (FshuntError, KeyError, TypeError, ValueError):
        pairs = [("policy_input", "they cannot be read; `--json` shows them")]
    output.facts(pairs)


def _decision(policy_input: PolicyInput) -> list[tuple[str, str]]:
    names = {member.id: member.extension for member in policy_input.members}
    stages = [" + ".join(names[member] for member in stage) for stage in decide(policy_input)]
    policy = POLICIES[policy_input.policy]
    pairs = [
        ("policy", f"{policy.name}: {policy.help}"),
        ("members", _members(policy_input)),
    ]
    if policy.remembers is not Remembers.NOTHING:
        answerer = policy.remembers is Remembers.ANSWERER
        memory = policy_input.answerer if answerer else policy_input.turn
        pairs.append(("last answered" if answerer else "last in turn", _remembered(memory, names)))
    if policy.name == "weighted":
        pairs.append(("seed", str(policy_input.seed)))
    return [*pairs, ("order", ", then ".join(stages))]


def _members(policy_input: PolicyInput) -> str:
    if policy_input.policy == "weighted":
        return ", ".join(f"{member.extension} (weight {member.weight})" for member in policy_input.members)
    if policy_input.policy == "uniform":
        return ", ".join(f"{member.extension} (idle {_since(member.idle_since)})" for member in policy_input.members)
    return ", ".join(member.extension for member in policy_input.members)


def _since(when: datetime | None) -> str:
    return "for ever" if when is None else f"since {output.local(when)}"


def _remembered(memory: RotationPointer | None, names: dict[int, str]) -> str:
    if memory is None:
        return "nobody yet"
    gone = f"a member who was gone, at position {memory.position}"
    return gone if memory.member_id is None else names.get(memory.member_id, gone)
