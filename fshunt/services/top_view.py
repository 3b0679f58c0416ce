"""All groups at a glance, as ``fshunt top`` shows them: what their members and callers do, and the last calls."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fshunt.db.engine import Store
from fshunt.db.models import CallRecord
from fshunt.db.queries.calls import list_calls
from fshunt.db.queries.live import Watched
from fshunt.errors import BadValue, DatabaseError
from fshunt.hunting.availability import MemberState
from fshunt.hunting.group import Group
from fshunt.hunting.states import Result
from fshunt.services.call_story import caller_words, result_words
from fshunt.services.live import LiveGroup, LiveState, LiveView, Looking
from fshunt.services.member_states import StateOfMember

LAST_CALLS = 20
"""Calls that are read: more than a screen shows."""

COUNTED_AS = {
    MemberState.RINGING: "ringing",
    MemberState.CLAIMED: "ringing",
    MemberState.ON_CALL: "talking",
    MemberState.FREE: "free",
    MemberState.BLOCKED: "blocked",
    MemberState.UNREGISTERED: "unregistered",
}
"""Under which word the members of a state are counted; all others are ``other``."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Callers who wait, and members by what they do; ``other``: disabled, in wrap-up, or not known."""

    waiting: int = 0
    ringing: int = 0
    talking: int = 0
    free: int = 0
    blocked: int = 0
    unregistered: int = 0
    other: int = 0


@dataclass(frozen=True, slots=True)
class GroupNow:
    """A group now. ``closed``: why nobody rings, or empty; ``waits_since``: of the caller who waits longest."""

    domain: str
    pilot: str
    name: str
    counts: Counts
    closed: str = ""
    waits_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastCall:
    """One of the last calls, in words; ``ended_at`` None: it goes on."""

    pilot: str
    caller: str
    state: str
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """What all groups do at one moment, and the last calls, newest first. ``sentences``: what is not known, and why."""

    at: datetime
    groups: tuple[GroupNow, ...] = ()
    total: Counts = Counts()
    """Of all groups; a member of several counts once."""
    calls: tuple[LastCall, ...] = ()
    sentences: tuple[str, ...] = ()
    awaited: bool = False
    """Somebody began to look a moment ago: the daemons have not had their time to say what their switches see."""


class TopView:
    """Looks again and again, and has the daemons say what their switches see. Not for several threads at once."""

    def __init__(
        self,
        store: Store,
        watched: Collection[Watched],
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._watched = store, frozenset(watched)
        self._looking, self._view = Looking(store, monotonic), LiveView(store, monotonic, now)

    def look(self) -> Overview:
        """Return what is now. Raises DatabaseError where it cannot be read; one that cannot be written is told."""
        sentences = []
        try:
            self._looking.say(self._watched)
        except DatabaseError as error:
            sentences.append(f"Daemons cannot be asked for what they see: {error}")
        state = self._view.look(self._watched)
        groups = sorted(state.groups.items())
        return Overview(
            state.at,
            tuple(_group(live, state.at) for _, live in groups),
            _total([live for _, live in groups]),
            tuple(map(_call, self._last_calls())),
            (*sentences, *_sentences(state)),
            state.awaited,
        )

    def _last_calls(self) -> Sequence[CallRecord]:
        with self._store.reading() as s:
            found = [
                call
                for each in sorted(self._watched)
                for call in list_calls(s, each.domain or None, each.pilot or None, limit=LAST_CALLS)
            ]
        return sorted(found, key=lambda call: (call.started_at, call.id), reverse=True)[:LAST_CALLS]


def _sentences(state: LiveState) -> tuple[str, ...]:
    return () if state.awaited else state.sentences


def _group(live: LiveGroup, at: datetime) -> GroupNow:
    group, counts = live.details.group, _counts(live.now.states.values(), len(live.queued))
    since = min(live.queued_since, default=None)
    return GroupNow(group.domain, group.pilot, group.name, counts, _closed(group, at), since)


def _total(groups: Iterable[LiveGroup]) -> Counts:
    states: dict[tuple[str, str], StateOfMember] = {}
    waiting = 0
    for live in groups:
        group = live.details.group
        waiting += len(live.queued)
        states |= {(group.domain, each.extension): live.now.states[each.id] for each in group.members}
    return _counts(states.values(), waiting)


def _counts(states: Iterable[StateOfMember], waiting: int) -> Counts:
    counted = Counter(COUNTED_AS.get(state.word, "other") for state in states)
    return Counts(waiting, **counted)


def _closed(group: Group, at: datetime) -> str:
    if not group.enabled:
        return "disabled"
    try:
        return "" if group.closed_at(at) is None else "closed"
    except BadValue:  # a time zone that this host does not know: the group is open
        return ""


def _call(record: CallRecord) -> LastCall:
    return LastCall(record.pilot, caller_words(record), _words(record), record.started_at, record.ended_at)


def _words(record: CallRecord) -> str:
    if record.ended_at is None and record.result == Result.ANSWERED:
        return f"talks with {record.answered_by or 'a member'}"
    return result_words(record)
