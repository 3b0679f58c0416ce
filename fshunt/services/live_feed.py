"""What all who watch groups in one process see: one look at the database for all of them (design, section 13)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fshunt.db.engine import Store
from fshunt.errors import DatabaseError
from fshunt.services.board_figures import BoardFeed, BoardNow
from fshunt.services.call_feed import CallFeed, CallNow, Place
from fshunt.services.forecast import forecast_json, next_caller
from fshunt.services.live import NOBODY_WATCHES, LiveGroup, LiveState, LiveView, Looking, Watched
from fshunt.services.serialize import SCHEMA, member_json, member_state_json, utc
from fshunt.services.sign_in import limits_of
from fshunt.services.watchers import CredentialKind, Wish, allowed_places
from fshunt.settings import Settings

CHECK_SECONDS = 2.0
"""How often it is looked whether those who watch may still do so."""

AGAIN_SECONDS = 5.0
"""What the clock alone changes (hours, the end of a block) is looked at so often."""


@dataclass(frozen=True, slots=True)
class GroupNow:
    """A group as it is now, under the names of ``--json``. ``number`` grows when it changes, but for the time."""

    number: int
    live: LiveGroup
    value: dict[str, Any]
    said_at: float


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found. ``state.at`` is when; without the database all is as it was, and ``trouble`` says why.

    ``places``: the groups of each watcher; who is not there, of those who have ``asked``, has no right any more.
    """

    state: LiveState
    groups: Mapping[Place, GroupNow] = field(default_factory=dict)
    calls: tuple[CallNow, ...] = ()
    boards: Mapping[Place, BoardNow] = field(default_factory=dict)
    places: Mapping[Wish, frozenset[Place]] = field(default_factory=dict)
    asked: frozenset[Wish] = frozenset()
    trouble: DatabaseError | None = None
    changed: bool = False


class LiveFeed:
    """Looks again and again for all who watch. Not for several threads at once."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._settings, self._monotonic, self._now = store, settings, monotonic, now
        self._view, self._calls = LiveView(store, monotonic, now), CallFeed()
        self._boards = BoardFeed()
        self._numbers = 0
        self._checked_at = float("-inf")
        self._looking = Looking(store, monotonic)
        self._last = Look(LiveState(now(), None))

    def look(self, wishes: Collection[Wish]) -> Look:
        """Return what is now; an error of the database is told in it."""
        try:
            found = self._look(frozenset(wishes))
        except DatabaseError as error:
            found = replace(self._last, trouble=error, changed=self._last.trouble is None)
        self._last = found
        return found

    def _look(self, wishes: frozenset[Wish]) -> Look:
        last, now = self._last, self._monotonic()
        places = last.places
        if not wishes <= last.asked or now - self._checked_at >= CHECK_SECONDS:
            places = self._check(wishes)
            self._checked_at = now
        seen = frozenset(place for wish, theirs in places.items() if wish in wishes for place in theirs)
        self._looking.say(seen)
        state = self._view.look([Watched(*place) for place in seen])
        with self._store.reading() as s:
            before = self._calls.number
            calls = self._calls.read(s, seen, state.at)
            boards = self._boards.read(s, _on_boards(places), state, calls, now)
        groups = {place: self._group(place, state, now) for place in state.groups}
        changed = (
            before != self._calls.number
            or boards != last.boards
            or (places, groups.keys(), last.trouble) != (last.places, last.groups.keys(), None)
            or any(group.number != last.groups[place].number for place, group in groups.items())
        )
        return Look(state, groups, tuple(calls), boards, places, wishes, None, changed)

    def _check(self, wishes: Collection[Wish]) -> dict[Wish, frozenset[Place]]:
        with self._store.reading() as s:
            return allowed_places(s, wishes, limits_of(self._settings), self._now())

    def _group(self, place: Place, state: LiveState, now: float) -> GroupNow:
        live, before = state.groups[place], self._last.groups.get(place)
        watched = state.age is not None
        if (
            before is not None
            and live.looks_like(before.live)
            and (now - before.said_at < AGAIN_SECONDS and before.value["now"]["watched"] is watched)
        ):
            return replace(before, live=live)
        value = now_json(live, state, self._settings)
        if before is not None and value == before.value:
            return GroupNow(before.number, live, before.value, now)
        self._numbers += 1
        return GroupNow(self._numbers, live, value, now)


def _on_boards(places: Mapping[Wish, frozenset[Place]]) -> set[Place]:
    return {each for wish, theirs in places.items() if wish.credential.kind is CredentialKind.BOARD for each in theirs}


def now_json(live: LiveGroup, state: LiveState, settings: Settings) -> dict[str, Any]:
    """Return a document with a group as it is now: its members as they are listed, and what the next caller meets."""
    group, states = live.details.group, live.now.states
    made = next_caller(live.details, live.now.statuses, state.at, settings)
    return {
        "schema": SCHEMA,
        "now": {
            "domain": group.domain,
            "pilot": group.pilot,
            "group_name": group.name,
            "watched": state.age is not None,
            "queued": len(live.queued),
            "queued_since": [utc(each) for each in live.queued_since],
        },
        "members": [
            member_json(each, group, settings.seconds_per_ring) | member_state_json(states[each.id])
            for each in group.members
        ],
        "next": forecast_json(made, group, len(live.queued)),
        "warnings": list(sentences_of(live, state)),
    }


def sentences_of(live: LiveGroup, state: LiveState) -> tuple[str, ...]:
    """Return what is not known of a group, and why."""
    return (*(() if state.age is not None or state.awaited else (NOBODY_WATCHES,)), *live.now.sentences)
