"""The story of a call: who rang or was skipped, when and why. It answers "why did my phone not ring?"."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.orm import Session

from fshunt.db.models import CallRecord, OfferRecord, SkipRecord
from fshunt.db.queries import calls
from fshunt.errors import FshuntError, UsageError
from fshunt.hunting.availability import SkipReason, words_of
from fshunt.hunting.policies import POLICIES, Policy, Remembers, decide
from fshunt.hunting.policy_input import PolicyInput, PolicyMember
from fshunt.hunting.states import Outcome, Result

MIN_PREFIX_CHARS = 6
SHORT_UUID_CHARS = 8
"""As the first part of a uuid."""

MAX_SHORT_UUIDS = 200
"""More are no list that a person reads, and each costs a look into the database."""

MAX_NAMED_UUIDS = 5
"""How many uuids with the same beginning are named."""

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
    Result.CALLBACK: "{why}",
    Result.FAILED: "failed: {why}",
}


class Moment(NamedTuple):
    """One line of a call's story: a member rang or was skipped."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The order of a hunt, and what it was based on.

    ``remembered`` is the member that the rotation pointed at, None where the policy has no rotation; ``order`` are the
    stages, by their members' extensions.
    """

    policy: Policy
    members: tuple[PolicyMember, ...]
    remembered: str | None
    seed: int
    order: tuple[tuple[str, ...], ...]


def whole_uuid(s: Session, prefix: str) -> str:
    """Return the uuid that begins with the prefix; raise UsageError if it is too short or not unique."""
    if len(prefix) < MIN_PREFIX_CHARS:
        raise UsageError(f"'{prefix}' is too short: use at least {MIN_PREFIX_CHARS} characters of the call's uuid.")
    found = calls.uuids_from(s, prefix, MAX_NAMED_UUIDS)
    if prefix in found or not found:
        return prefix
    if len(found) > 1:
        raise UsageError(f"More than one call's uuid begins with {prefix}: {', '.join(sorted(found))}.")
    return found[0]


def short_uuids(s: Session, uuids: Collection[str]) -> dict[str, str]:
    """Return a beginning of each uuid by which `whole_uuid` finds it; of a long list the uuids themselves."""
    if len(uuids) > MAX_SHORT_UUIDS:
        return {uuid: uuid for uuid in uuids}
    return {uuid: _short_uuid(s, uuid) for uuid in uuids}


def _short_uuid(s: Session, uuid: str) -> str:
    length = SHORT_UUID_CHARS
    while length < len(uuid) and calls.uuids_from(s, uuid[:length], 2) != [uuid]:
        length += 1
    return uuid[:length]


def caller_words(record: CallRecord | Row[Any]) -> str:
    """Return the caller's number, and the name if it differs."""
    number, name = record.caller_number or "", record.caller_name or ""
    if not name or name == number:
        return number or "unknown"
    return f"{name} <{number}>"


def result_words(record: CallRecord | Row[Any]) -> str:
    """Return how the call ended, and with whom."""
    if record.result is None:
        return "in progress"
    if record.result not in RESULT_WORDS:
        return record.result
    to, why = record.destination or record.result, (record.reason or "no reason is recorded").rstrip(".")
    words = RESULT_WORDS[Result(record.result)]
    return words.format(by=record.answered_by or "a member", to=to.replace(":", " "), why=why)


def steps(record: CallRecord) -> list[OfferRecord | SkipRecord]:
    """Return the offers and skips in order of time; of one moment, in the order of the hunt."""
    in_order: list[OfferRecord | SkipRecord] = sorted([*record.offers, *record.skips], key=_hunt_order)
    return sorted(in_order, key=_time)


def story(record: CallRecord) -> list[Moment]:
    """Return the offers and skips in order of time, each in a sentence."""
    return [Moment(_time(step), _words(step)) for step in steps(record)]


def decision(record: CallRecord) -> Decision | None:
    """Return how the order was decided; None where the call has no policy input that this version can read."""
    try:
        policy_input = PolicyInput.from_json(record.policy_input or {})
        names = {member.id: member.extension for member in policy_input.members}
        order = tuple(tuple(names[member] for member in stage) for stage in decide(policy_input))
        policy = POLICIES[policy_input.policy]
    except (FshuntError, KeyError, TypeError, ValueError):
        return None
    return Decision(policy, policy_input.members, _remembered(policy, policy_input, names), policy_input.seed, order)


def _remembered(policy: Policy, policy_input: PolicyInput, names: dict[int, str]) -> str | None:
    if policy.remembers is Remembers.NOTHING:
        return None
    pointer = policy_input.answerer if policy.remembers is Remembers.ANSWERER else policy_input.first
    if pointer is None:
        return "nobody yet"
    gone = f"a member who has left, at position {pointer.position}"
    return gone if pointer.member_id is None else names.get(pointer.member_id, gone)


def _time(step: OfferRecord | SkipRecord) -> datetime:
    return step.at if isinstance(step, SkipRecord) else step.started_at


def _hunt_order(step: OfferRecord | SkipRecord) -> tuple[int, int, int]:
    return step.cycle, step.stage, step.position


def _words(step: OfferRecord | SkipRecord) -> str:
    return skip_words(step) if isinstance(step, SkipRecord) else offer_words(step)


def skip_words(skip: SkipRecord | Row[Any]) -> str:
    """Return who was skipped and why."""
    if skip.reason in list(SkipReason):
        why = words_of(SkipReason(skip.reason), skip.detail)
    else:  # of a newer fshunt
        why = ", ".join(part for part in (skip.reason, skip.detail) if part)
    return f"{skip.extension} skipped: {why} ({skip.reason})"


def ringing_words(offer: OfferRecord | Row[Any]) -> str:
    """Return who rings, and for how long."""
    return f"{offer.extension} rings{_phones(offer)}, for up to {offer.ring_seconds:g} s"


def offer_words(offer: OfferRecord | Row[Any]) -> str:
    """Return who rang, for how long, and how that ended."""
    if offer.outcome is None or offer.ended_at is None:
        return ringing_words(offer)
    words = OUTCOME_WORDS[Outcome(offer.outcome)] if offer.outcome in list(Outcome) else offer.outcome
    rang = (offer.ended_at - offer.started_at).total_seconds()
    notes = ", ".join(note for note in _notes(offer) if note)
    return f"{offer.extension} rang{_phones(offer)}: {words} after {rang:.1f} of {offer.ring_seconds:g} s ({notes})"


def _phones(offer: OfferRecord | Row[Any]) -> str:
    return "" if offer.phones == 1 else f" on {offer.phones} phones"


def _notes(offer: OfferRecord | Row[Any]) -> tuple[str, ...]:
    sip = f"SIP {offer.sip_code}" if offer.sip_code else ""
    return offer.outcome or "", sip, offer.cause or "", offer.detail or ""
