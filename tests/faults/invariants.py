"""Checks the invariants of a run (docs/design.md, section 8), in the records and on the switch.

It decides the orders of the policies by itself, so that it does not repeat a mistake of what it checks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from tests.faults.evidence import Caller, Hunt, Move, Run, Use

KNOWN_LATE_SECONDS = 1.0
"""How much later than the switch a daemon may see, on a slow machine, that a phone is in use."""
MOVED_LATE_SECONDS = 5.0
"""Calls that began within this time of each other may have read the stamps in another order than they were written."""
RESULTS = {
    "answered": {"answered"},
    "voicemail": {"voicemail"},
    "fallback-voicemail": {"failed"},
    "transferred": {"transferred"},
    "rejected": {"rejected"},
    # Who leaves while being sent to voicemail has left before it began, and the daemon cannot know.
    "abandoned": {"abandoned", "voicemail"},
}
"""Each end of a call on the switch, and the results that the record of its last hunt may have."""


def check(run: Run) -> list[str]:
    """All that is wrong, a sentence each that begins with the invariant's name."""
    return [
        *one_call_a_member(run),
        *nothing_left(run),
        *memory_moves_once(run),
        *one_result(run),
        *stamps_stay(run),
        *answered_is_answered(run),
        *order_is_the_policys(run),
        *turns_are_fair(run),
    ]


def one_call_a_member(run: Run) -> Iterator[str]:
    """I1, on the phones and in the records; and no member known to be on a call is rung."""
    by_member: dict[str, list[Use]] = defaultdict(list)
    for use in run.uses:
        by_member[use.member].append(use)
    for member, uses in by_member.items():
        uses.sort(key=lambda one: one.since)
        for number, first in enumerate(uses):
            for second in uses[number + 1 :]:
                if second.since >= first.until or second.call == first.call or second.direct:
                    continue
                if not first.direct:
                    yield f"I1: {member} was rung for {second.call} at {second.since:.3f} while {_use(first)}"
                elif first.since < second.since - KNOWN_LATE_SECONDS:
                    yield f"busy: {member} was rung for {second.call} at {second.since:.3f} while {_use(first)}"
    yield from _offers_apart(run)


def _use(use: Use) -> str:
    does = "it talked" if use.talks else "it rang"
    return f"{does} for {use.call} from {use.since:.3f} to {use.until:.3f}"


def _offers_apart(run: Run) -> Iterator[str]:
    by_member: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for hunt in run.hunts:
        if hunt.uuid in run.interrupted:
            continue  # another daemon closed its offers
        for offer in hunt.rung:
            until = hunt.ended if offer.outcome == "answered" and hunt.end_seen else offer.ended
            if until is not None:
                by_member[offer.extension].append((offer.started, until, hunt.uuid))
    for member, offers in by_member.items():
        offers.sort()
        for (_, until, call), (since, _, other) in pairwise(offers):
            if since < until and call != other:
                yield f"I1: the records have {member} rung for {other} at {since} and held for {call} until {until}"


def nothing_left(run: Run) -> Iterator[str]:
    """I2 and I9, as far as the database shows it."""
    if run.claims_left:
        yield f"I2: {run.claims_left} claims are left"
    if run.waiting_left:
        yield f"I9: {run.waiting_left} callers are left in the queue"
    for hunt in run.hunts:
        if hunt.ended is None or hunt.result is None:
            yield f"I9: hunt {hunt.id} of {hunt.uuid} was never closed"
        for offer in hunt.rung:
            if offer.outcome is None:
                yield f"I9: the offer to {offer.extension} of {hunt.uuid} has no outcome"


def memory_moves_once(run: Run) -> Iterator[str]:
    """I3: each call of a round-robin group moves the turn once, each answered call of a circular one the answerer."""
    moved = Counter((move.kind, move.call) for move in run.moves)
    for (kind, call), count in moved.items():
        if count != 1:
            yield f"I3: call {call} moved the {kind} {count} times"
    for hunt in run.hunts:
        if (
            hunt.policy == "round-robin"
            and hunt.policy_input
            and hunt.policy_input["members"]
            and not moved["first", hunt.uuid]
        ):
            yield f"I3: call {hunt.uuid} to {hunt.pilot} never moved the turn"
        if hunt.policy == "circular" and hunt.result == "answered" and not moved["answerer", hunt.id]:
            yield f"I3: call {hunt.uuid} to {hunt.pilot} was answered and never moved the pointer"
    numbers = Counter((move.pilot, move.number) for move in run.moves)
    for (pilot, number), count in numbers.items():
        if count > 1:
            yield f"I3: group {pilot} has {count} moves with the number {number}"


def one_result(run: Run) -> Iterator[str]:
    """I4: every caller reaches one end, in time, and the records agree."""
    for caller in run.callers:
        hunts = run.of(caller.uuid)
        if caller.ended is None:
            yield f"I4: the call {caller.uuid} has no end"
            continue
        if caller.kind not in RESULTS:
            yield f"I4: the call {caller.uuid} ended {caller.kind}"
            continue
        if caller.ended - caller.began > run.longest_seconds + caller.talked:
            yield f"I4: the call {caller.uuid} took {caller.ended - caller.began:.1f} s"
        if not hunts and caller.uuid not in run.interrupted:
            if caller.kind != "abandoned":  # a caller may leave before any daemon has the call
                yield f"I4: the call {caller.uuid} is not in the records"
            continue
        if len(hunts) > 1 + (caller.uuid in run.interrupted):
            yield f"I4: the call {caller.uuid} was hunted {len(hunts)} times"
        yield from _agrees(caller, hunts, run)


def _agrees(caller: Caller, hunts: list[Hunt], run: Run) -> Iterator[str]:
    results = [hunt.result for hunt in hunts]
    if caller.uuid in run.interrupted:
        # A call that ended before a daemon could take it over moved no rotation pointer.
        if caller.kind == "answered" and hunts and not {"answered", "failed"} & set(results):
            yield f"I4: {caller.who} answered {caller.uuid}, the records say {results}"
        return
    if results[-1] not in RESULTS[caller.kind]:
        yield f"I4: the call {caller.uuid} ended {caller.kind}, the records say {results}"
    elif caller.kind == "answered" and hunts[-1].answered_by != caller.who:
        yield f"I4: {caller.who} answered {caller.uuid}, the records say {hunts[-1].answered_by}"


def stamps_stay(run: Run) -> Iterator[str]:
    """I5: no later call saw an earlier stamp, and the last stamp is not before the last answer."""
    seen: dict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    for hunt in run.hunts:
        for member in (hunt.policy_input or {}).get("members", ()):
            if member.get("idle_since"):
                key = (hunt.pilot, member["extension"])
                seen[key].append((hunt.started, datetime.fromisoformat(member["idle_since"])))
        if hunt.answered and hunt.answered_by:
            last = run.stamps.get((hunt.pilot, hunt.answered_by))
            if (hunt.pilot, hunt.answered_by) in run.stamps and (last is None or last < hunt.answered):
                yield f"I5: {hunt.answered_by} answered {hunt.uuid} at {hunt.answered}, the stamp says {last}"
    for (pilot, extension), stamps in seen.items():
        newest: tuple[datetime, datetime] | None = None
        for started, stamp in sorted(stamps):
            if newest and stamp < newest[1] and (started - newest[0]).total_seconds() > MOVED_LATE_SECONDS:
                yield f"I5: the stamp of {extension} in {pilot} went back from {newest[1]} to {stamp}"
            if newest is None or stamp > newest[1]:
                newest = (started, stamp)


def answered_is_answered(run: Run) -> Iterator[str]:
    """I6: after the answer nobody is rung for the call, and nothing of ours ends it."""
    for caller in run.callers:
        if "talks with" in caller.story:
            after = caller.story[caller.story.index("talks with") + 1 :]
            if "rings" in after:
                yield f"I6: a phone was rung for {caller.uuid} after it was answered"
        left_before = "caller hangs up" in caller.story[: _index(caller.story, "talks with")]
        if (
            caller.kind == "answered"
            and caller.ended
            and not left_before
            and caller.talked < caller.means_to_talk - 0.1
        ):
            yield f"I6: the talk of {caller.uuid} was cut after {caller.talked:.2f} of {caller.means_to_talk:.2f} s"
    for hunt in run.hunts:
        if sum(offer.outcome == "answered" for offer in hunt.rung) > 1:
            yield f"I6: the call {hunt.uuid} was answered by more than one"


def _index(story: tuple[str, ...], what: str) -> int:
    return story.index(what) if what in story else len(story)


def order_is_the_policys(run: Run) -> Iterator[str]:
    """I7: the members of a hunt, stage after stage, are the beginning of the policy's order, without a gap."""
    for hunt in run.hunts:
        if hunt.policy_input is None or hunt.uuid in run.interrupted:
            continue
        order = order_of(hunt.policy_input)
        came_to: dict[tuple[int, int], set[str]] = defaultdict(set)
        for each in (*hunt.rung, *hunt.passed):
            if each.cycle == 1:
                came_to[each.cycle, each.stage].add(each.extension)
        stages = [came_to[key] for key in sorted(came_to)]
        if order is not None and stages != [set(stage) for stage in order[: len(stages)]]:
            yield f"I7: the call {hunt.uuid} ({hunt.policy}) came to {stages}, the order was {order}"
        if order is None:
            yield from _weighted(hunt, [next(iter(stage)) for stage in stages])


def _weighted(hunt: Hunt, came_to: list[str]) -> Iterator[str]:
    assert hunt.policy_input is not None
    weights = {member["extension"]: member["weight"] for member in hunt.policy_input["members"]}
    zeros = [weights[extension] == 0 for extension in came_to]
    if len(set(came_to)) != len(came_to) or zeros != sorted(zeros):
        yield f"I7: the call {hunt.uuid} (weighted) came to {came_to}"


def order_of(policy_input: dict[str, Any]) -> list[list[str]] | None:
    """The stages of a policy; None for the one that draws."""
    members = [member["extension"] for member in policy_input["members"]]
    ids = [member["id"] for member in policy_input["members"]]
    match policy_input["policy"]:
        case "regular":
            return [[extension] for extension in members]
        case "simultaneous":
            return [members] if members else []
        case "uniform":
            idle = {m["extension"]: m["idle_since"] or "" for m in policy_input["members"]}
            never = datetime.min.replace(tzinfo=UTC)
            since = {e: datetime.fromisoformat(stamp) if stamp else never for e, stamp in idle.items()}
            return [[extension] for extension in sorted(members, key=lambda e: since[e])]
        case "circular" | "round-robin":
            pointer = policy_input["answerer" if policy_input["policy"] == "circular" else "first"]
            if pointer is None or not members:
                first = 0
            elif pointer["member_id"] in ids:
                first = ids.index(pointer["member_id"]) + 1
            else:
                first = pointer["position"] - 1
            first %= len(members) or 1
            return [[extension] for extension in members[first:] + members[:first]]
    return None


def turns_are_fair(run: Run) -> Iterator[str]:
    """I8: each call had the turn after that of the move before it, so nobody has two more than another."""
    by_pilot: dict[str, list[Move]] = defaultdict(list)
    for move in run.moves:
        if move.kind == "first":
            by_pilot[move.pilot].append(move)
    ids = {hunt.pilot: [m["id"] for m in hunt.policy_input["members"]] for hunt in run.hunts if hunt.policy_input}
    for pilot, moves in by_pilot.items():
        members = ids.get(pilot, [])
        moves.sort(key=lambda move: move.number)
        turns = [_after(move.before, members) for move in moves]
        counts = Counter({member: turns.count(member) for member in members})
        if members and max(counts.values()) - min(counts.values()) > 1:
            yield f"I8: the turns of {pilot} are {dict(counts)}"
        for turn, move in zip(turns, moves[1:], strict=False):
            if move.before != turn:
                yield f"I8: call {move.call} to {pilot} found the turn at {move.before}, it was at {turn}"


def _after(before: int | None, members: Sequence[int]) -> int | None:
    if not members:
        return None
    return members[0] if before not in members else members[(members.index(before) + 1) % len(members)]
