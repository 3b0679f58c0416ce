"""The page of one call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fshunt.cli import output
from fshunt.db.models import CallRecord
from fshunt.hunting.policies import Remembers
from fshunt.services.call_story import Decision, caller_words, decision, result_words, story


def print_call(record: CallRecord, earlier: Sequence[CallRecord]) -> None:
    """Print the page of a call, and below it the earlier hunts of the same caller."""
    name = f" {record.group_name}" if record.group_name else ""
    output.say(f"Call {record.uuid} to {record.pilot}{name}, {record.domain}", bold=True)
    output.facts(
        [
            ("caller", caller_words(record)),
            ("started", output.local(record.started_at)),
            ("queued", "" if record.waited_seconds is None else f"{record.waited_seconds:.0f} s for a busy member"),
            ("answered", output.local(record.answered_at)),
            ("ended", _ended(record)),
            ("result", result_words(record)),
            ("reason", record.reason or ""),
        ]
    )
    _print_steps(record)
    if record.policy_input:
        _print_decision(decision(record))
    for other in earlier:
        output.say()
        output.say(f"Earlier, at {output.local(other.started_at)}, the same caller's call to {other.pilot}:", bold=True)
        output.facts([("result", result_words(other)), ("reason", other.reason or "")])
        _print_steps(other)


def _ended(record: CallRecord) -> str:
    if record.ended_at is None:
        return "not yet"
    at = output.local(record.ended_at)
    return at if record.end_seen else f"{at} (no daemon saw the end)"


def _print_steps(record: CallRecord) -> None:
    moments = story(record)
    output.say()
    if not moments:
        output.say("No phone rang.")
    for moment in moments:
        after = (moment.at - record.started_at).total_seconds()
        output.say(f"{moment.at.astimezone():%H:%M:%S}  {after:+6.1f} s  {moment.words}")


def _print_decision(decided: Decision | None) -> None:
    output.say()
    output.say("How the order was decided", bold=True)
    if decided is None:
        output.facts([("policy input", "this version cannot read it; `--json` shows it")])
        return
    policy = decided.policy
    pairs = [("policy", f"{policy.name}: {policy.help}"), ("members", _members(decided))]
    if decided.remembered is not None:
        answerer = policy.remembers is Remembers.ANSWERER
        pairs.append(("last answered" if answerer else "last first", decided.remembered))
    if policy.name == "weighted":
        pairs.append(("seed", str(decided.seed)))
    order = ", then ".join(" + ".join(stage) for stage in decided.order)
    output.facts([*pairs, ("order", order)])


def _members(decided: Decision) -> str:
    if decided.policy.name == "weighted":
        return ", ".join(f"{member.extension} (weight {member.weight})" for member in decided.members)
    if decided.policy.name == "uniform":
        return ", ".join(f"{member.extension} ({_idle(member.idle_since)})" for member in decided.members)
    return ", ".join(member.extension for member in decided.members)


def _idle(since: datetime | None) -> str:
    return "never called" if since is None else f"idle since {output.local(since)}"
