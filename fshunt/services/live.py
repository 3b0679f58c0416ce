"""The live state of groups, for whoever has no connection to a switch: pages, the REST interface, ``top``.

Who looks says so every few seconds (``watch``); while somebody does, each daemon publishes what it sees of the members'
phones, when it changes. Claims, the call queue, blocks and wrap-up are in the database already. ``LiveView`` puts all
of it together, by the same function that makes the states of ``fshunt member list``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from fshunt.db.engine import Store
from fshunt.db.models import CallRecord
from fshunt.db.notifications import ask_daemons
from fshunt.db.queries import live
from fshunt.db.queries.calls import list_calls
from fshunt.db.queries.claimed_members import ClaimedMember, claimed_members
from fshunt.db.queries.groups import load_groups
from fshunt.db.queries.hunts import LoadedGroup
from fshunt.db.queries.live import Beat, LiveRow, Watched, group_places
from fshunt.db.queries.queue import QueuedCaller, queued_in
from fshunt.hunting.availability import MemberState
from fshunt.services.cluster_health import AHEAD_SECONDS, FRESH_SECONDS
from fshunt.services.groups import GroupDetails
from fshunt.services.member_states import GroupStates, Known, together
from fshunt.services.switch_phones import SwitchPhones, WatchedNow, read_published

RENEW_SECONDS = 3.0
"""How often who looks says so again. Daemons publish for ``WATCH_SECONDS`` after the last time."""

WATCH_SECONDS = 10.0
"""A watch that nobody has renewed for so long, by the daemon's own clock, is over."""

LOOK_SECONDS = 0.4
"""How often who looks should look: a daemon writes within a second of a change, and 1.5 s is what is promised."""

GONE_SECONDS = 5.0
"""A daemon whose heartbeat has stood still for so long, by the own clock, does not count any more."""

FIRST_RENEWALS = 2
"""A page and its stream say each once, at the same time, that somebody looks; the next time is RENEW_SECONDS later."""

NOBODY_WATCHES = "No daemon says what a switch sees: states are those in the database only."

__all__ = [
    "LOOK_SECONDS",
    "NOBODY_WATCHES",
    "RENEW_SECONDS",
    "LiveGroup",
    "LiveState",
    "LiveView",
    "Looking",
    "Watched",
    "group_places",
    "watch",
]


class Looking:
    """Says that somebody looks, as often as the daemons need to hear it."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._monotonic = store, monotonic
        self._said_at = float("-inf")
        self._said: frozenset[tuple[str, str]] = frozenset()

    def say(self, watched: frozenset[tuple[str, str]]) -> None:
        """Say it of these (domain and pilot, as ``Watched`` has them), unless that was done lately."""
        now = self._monotonic()
        if watched and (now - self._said_at >= RENEW_SECONDS or not watched <= self._said):
            with self._store.writing() as s:
                watch(s, [Watched(*each) for each in watched])
            self._said_at, self._said = now, watched


def watch(s: Session, watched: Iterable[Watched]) -> None:
    """Say that somebody looks at these now, in a writing transaction; to be said again every ``RENEW_SECONDS``."""
    if live.renew(s, watched):
        ask_daemons(s)


@dataclass(frozen=True, slots=True)
class LiveGroup:
    """A group now: its settings and rotation, what its members do, its queued callers, and its last calls.

    ``queued``: the callers who wait, in order. Two groups that are equal look the same on a page.
    """

    details: GroupDetails
    now: GroupStates
    queued: tuple[QueuedCaller, ...] = ()
    calls: tuple[CallRecord, ...] = ()

    @property
    def queued_since(self) -> tuple[datetime, ...]:
        """Since when each caller waits, in order of the queue."""
        return tuple(each.since for each in self.queued)

    @property
    def ringing(self) -> int:
        """How many members ring."""
        return self._count(MemberState.RINGING)

    @property
    def talking(self) -> int:
        """How many members are on a call."""
        return self._count(MemberState.ON_CALL)

    def looks_like(self, other: LiveGroup | None) -> bool:
        """Whether nothing has changed between two looks but the time."""
        return (
            other is not None
            and (self.details, self.queued, self.now.states, self.now.sentences)
            == (other.details, other.queued, other.now.states, other.now.sentences)
            and [(call.id, call.result) for call in self.calls] == [(call.id, call.result) for call in other.calls]
        )

    def _count(self, word: MemberState) -> int:
        return sum(1 for state in self.now.states.values() if state.word is word)


@dataclass(frozen=True, slots=True)
class LiveState:
    """What the groups do at one time. ``age``: how many seconds ago at most the daemons have said so.

    ``age`` is None where no daemon watches a switch: then ``sentences`` says it, and all is known from the database.
    """

    at: datetime
    age: float | None
    groups: Mapping[tuple[str, str], LiveGroup] = field(default_factory=dict)
    """By domain and pilot, in the order of the groups' ids."""
    sentences: tuple[str, ...] = ()
    awaited: bool = False
    """Somebody began to look a moment ago: a daemon that is alive has not had its time to say something yet."""


@dataclass(frozen=True, slots=True)
class _Read:
    """All that one look has read, as of one moment."""

    beats: Sequence[Beat]
    loaded: Sequence[LoadedGroup]
    rows: Sequence[LiveRow]
    claimed: Mapping[str, Mapping[str, ClaimedMember]]
    queued: Mapping[int, Sequence[QueuedCaller]]
    calls: Mapping[int, Sequence[CallRecord]]
    has_begun: bool


class LiveView:
    """Looks again and again, and so knows by its own clock which daemons are alive. One is enough for a process.

    It keeps no session. Not for several threads at once.
    """

    def __init__(
        self,
        store: Store,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._now = store, now
        self._pulses = _Pulses(monotonic)

    def look(self, watched: Collection[Watched], calls: int = 0) -> LiveState:
        """Return the live state of groups; ``calls``: how many of each group's last calls are wanted.

        Names of groups that do not exist are passed over. Raises DatabaseError.
        """
        at = self._now()
        with self._store.reading() as session:
            read = _read(session, watched, calls)
        ages = self._pulses.ages(read.beats, at)
        by_group: dict[int, dict[str, LiveRow]] = {}
        for row in read.rows:
            if row.run_id in ages:
                by_group.setdefault(row.group_id, {})[row.run_id] = row
        groups = {
            (each.group.domain, each.group.pilot): _live_group(each, read, by_group.get(each.group.id, {}), ages, at)
            for each in read.loaded
        }
        awaited = bool(ages) and not by_group and read.has_begun
        return LiveState(at, _age(by_group, ages), groups, _sentences(groups, by_group, awaited), awaited)


class _Pulses:
    """Which daemons are alive: those whose counter was seen to move lately.

    Of one that was not seen before its own clock is believed, if what it says is of the last seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[str, tuple[int, float]] = {}
        """By run: the counter, and when it was found to have moved."""

    def ages(self, beats: Iterable[Beat], at: datetime) -> dict[str, float]:
        """Return how long ago each daemon that is alive has counted, by its run."""
        now = self._monotonic()
        self._seen = {beat.run_id: self._moved(beat, at, now) for beat in beats}
        ages = {run_id: now - moved for run_id, (_, moved) in self._seen.items()}
        return {run_id: age for run_id, age in ages.items() if age < GONE_SECONDS}

    def _moved(self, beat: Beat, at: datetime, now: float) -> tuple[int, float]:
        before = self._seen.get(beat.run_id)
        if before is not None:
            return before if before[0] == beat.counter else (beat.counter, now)
        age = (at - beat.heartbeat_at).total_seconds()
        return beat.counter, now - max(0.0, age) if -AHEAD_SECONDS <= age < FRESH_SECONDS else -GONE_SECONDS


def _read(s: Session, watched: Collection[Watched], calls: int) -> _Read:
    loaded = load_groups(s, live.group_ids(s, watched))
    groups = [each.group for each in loaded]
    ids = [group.id for group in groups]
    published = live.published(s, ids)
    return _Read(
        live.heartbeats(s),
        sorted(loaded, key=lambda each: each.group.id),
        published,
        {domain: claimed_members(s, domain) for domain in {group.domain for group in groups}},
        queued_in(s, ids),
        {group.id: list_calls(s, group.domain, group.pilot, limit=calls) for group in groups} if calls else {},
        not published and _has_begun(live.watches(s), watched),
    )


def _has_begun(renewals: Mapping[Watched, int], watched: Collection[Watched]) -> bool:
    """Whether somebody looks at one of these for some seconds only, as the count of renewals says."""
    return any(0 < renewals.get(each, 0) <= FIRST_RENEWALS for each in watched)


def _live_group(
    loaded: LoadedGroup, read: _Read, rows: Mapping[str, LiveRow], ages: Mapping[str, float], at: datetime
) -> LiveGroup:
    group = loaded.group
    phones, sentences = _phones(rows, ages)
    known = Known(phones, read.claimed[group.domain], ages.keys())
    states, statuses = together(group, known, at)
    return LiveGroup(
        GroupDetails(group, loaded.answerer, loaded.first),
        GroupStates(at, states, statuses, sentences),
        tuple(each for each in read.queued.get(group.id, ()) if each.run_id in ages),
        tuple(read.calls.get(group.id, ())),
    )


def _phones(rows: Mapping[str, LiveRow], ages: Mapping[str, float]) -> tuple[SwitchPhones, tuple[str, ...]]:
    """Take together what the daemons see: of a switch that several watch, what the one says whose word is newest.

    It is complete only if each daemon that is alive has spoken, and each switch is watched by one of them.
    """
    seen: dict[tuple[str, ...], WatchedNow] = {}
    for run_id in sorted(rows, key=lambda run: ages[run]):
        for switch in read_published(rows[run_id].phones):
            key = (switch.core_uuid,) if switch.core_uuid else (run_id, switch.seen.name)
            if key not in seen or (seen[key].error is not None and switch.error is None):
                seen[key] = switch
    watched = [each.seen for each in seen.values() if each.error is None]
    lost = tuple(
        f"Switch {each.seen.name} is not watched: {each.error}" for each in seen.values() if each.error is not None
    )
    return SwitchPhones(watched, bool(watched) and not lost and rows.keys() == ages.keys()), lost


def _age(by_group: Mapping[int, Mapping[str, LiveRow]], ages: Mapping[str, float]) -> float | None:
    used = {run_id for rows in by_group.values() for run_id, row in rows.items() if row.phones.get("switches")}
    return max((ages[run_id] for run_id in used), default=None)


def _sentences(
    groups: Mapping[tuple[str, str], LiveGroup], by_group: Mapping[int, Mapping[str, LiveRow]], awaited: bool
) -> tuple[str, ...]:
    said = dict.fromkeys(sentence for group in groups.values() for sentence in group.now.sentences)
    has_switch = any(row.phones.get("switches") for rows in by_group.values() for row in rows.values())
    return tuple(said) if has_switch or awaited or not groups else (NOBODY_WATCHES, *said)
