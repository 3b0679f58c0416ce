"""The figures of a board: what stands on a wall where visitors pass, too. No number of a caller is among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from fshunt.db.queries.call_search import Question, report_calls
from fshunt.hunting.availability import MemberState
from fshunt.hunting.group import Group, Member
from fshunt.services import hours
from fshunt.services.call_feed import CallNow, Place
from fshunt.services.live import LiveGroup, LiveState
from fshunt.services.report import Report, report
from fshunt.services.serialize import SCHEMA, utc

LEAST_SECONDS, MOST_SECONDS = 5.0, 60.0
"""The calls of the day are counted again when one has changed, at most and at least so often."""

KIND_OF = {
    MemberState.FREE: "free",
    MemberState.UNKNOWN: "free",
    MemberState.RINGING: "ringing",
    MemberState.CLAIMED: "ringing",
    MemberState.ON_CALL: "talking",
    MemberState.WRAP_UP: "wrap_up",
    MemberState.BLOCKED: "blocked",
    MemberState.DISABLED: "blocked",
    MemberState.UNREGISTERED: "no_phone",
    MemberState.NOT_DIALABLE: "no_phone",
    MemberState.OTHER_SWITCH: "no_phone",
}
"""What can be read from ten steps away of the state of a member."""

KINDS = ("free", "ringing", "talking", "wrap_up", "blocked", "no_phone")
"""In the order of a board."""

SHOWN_DIGITS = 2
"""Of an external number, which may be somebody's own: the last ones, by which colleagues know it."""


@dataclass(frozen=True, slots=True)
class BoardNow:
    """The figures of a board as a document. ``number`` grows when they change, but for the time."""

    number: int
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Today:
    """The calls of a day, as of a moment by the own clock, with the last call that had changed then."""

    begins: datetime
    at: float
    last_change: int
    report: Report


class BoardFeed:
    """Remembers the figures that it has made. Not for several threads at once."""

    def __init__(self) -> None:
        self._today: dict[Place, _Today] = {}
        self._made: dict[Place, BoardNow] = {}
        self._number = 0

    def read(
        self, s: Session, places: Collection[Place], state: LiveState, calls: Iterable[CallNow], now: float
    ) -> dict[Place, BoardNow]:
        """Return the figures of groups, as a look has found them; ``now`` is by the own clock."""
        by_place: dict[Place, list[CallNow]] = {place: [] for place in places if place in state.groups}
        for call in calls:
            by_place.get(call.place, []).append(call)
        found = {}
        for place, theirs in by_place.items():
            live = state.groups[place]
            today = self._today_of(s, live.details.group, state.at, theirs, now)
            value = figures(live, state, theirs, today.report)
            made = self._made.get(place)
            if made is None or made.value != value:
                self._number += 1
                made = BoardNow(self._number, value)
            self._today[place], found[place] = today, made
        self._made = found
        self._today = {place: today for place, today in self._today.items() if place in found}
        return dict(found)

    def _today_of(self, s: Session, group: Group, at: datetime, calls: Collection[CallNow], now: float) -> _Today:
        last_change = max((call.number for call in calls), default=0)
        zone, known = zone_of(group), self._today.get((group.domain, group.pilot))
        begins = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        if known is not None and known.begins == begins:
            age = now - known.at
            if age < LEAST_SECONDS or (age < MOST_SECONDS and known.last_change == last_change):
                return known
        asked = Question(group.domain, group.pilot, since=begins, until=at + timedelta(days=1))
        rows = report_calls(s, asked)
        return _Today(begins, now, last_change, report(rows, zone))


def zone_of(group: Group) -> tzinfo | None:
    """Return the zone whose day counts; None: that of this host."""
    return None if group.time_zone is None else ZoneInfo(group.time_zone)


def figures(live: LiveGroup, state: LiveState, calls: Iterable[CallNow], today: Report) -> dict[str, Any]:
    """Return what a board shows: callers who wait, members by what they do, and the calls of the day."""
    group, states = live.details.group, live.now.states
    waits = sorted(call.value["started_at"] for call in calls if call.open and _is_waiting(call.value))
    kinds = [KIND_OF[states[member.id].word] for member in group.members]
    quickly = today.quickly_part
    return {
        "schema": SCHEMA,
        "figures": {
            "group_name": group.name,
            "pilot": group.pilot,
            "closed": hours.state_of(group, state.at).closed is not None,
            "watched": state.age is not None,
            "waiting": len(waits),
            "waiting_since": waits[0] if waits else None,
            **{kind: kinds.count(kind) for kind in KINDS},
            "answered_today": today.all.answered,
            "missed_today": today.all.missed,
            "answered_quickly": None if quickly is None else round(quickly * 100),
            "usual_seconds": None if today.usual_seconds is None else round(today.usual_seconds),
        },
        "members": [
            {"shown": shown_member(member), "kind": kind, "since": utc(states[member.id].since)}
            for member, kind in zip(group.members, kinds, strict=True)
        ],
    }


def shown_member(member: Member) -> str:
    """Return an extension, or the end of an external number."""
    if not member.address.external:
        return member.extension
    return f"…{member.extension.partition('@')[0][-SHOWN_DIGITS:]}"


def _is_waiting(call: Mapping[str, Any]) -> bool:
    return call["answered_at"] is None and call["result"] is None
