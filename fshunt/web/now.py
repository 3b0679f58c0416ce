"""What a group does now, and what becomes of its next caller, in sentences."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from flask import current_app
from flask_babel import gettext, lazy_gettext, ngettext
from markupsafe import Markup, escape

from fshunt.db.engine import Store
from fshunt.errors import NotFound
from fshunt.hunting.availability import MemberState
from fshunt.hunting.forecast import Forecast
from fshunt.hunting.group import Group, Member
from fshunt.hunting.hours import Closed, Why
from fshunt.services.forecast import next_caller
from fshunt.services.live import RENEW_SECONDS, LiveGroup, LiveState, LiveView, Watched, watch
from fshunt.services.live_feed import Look, sentences_of
from fshunt.services.member_states import StateOfMember
from fshunt.services.serialize import utc
from fshunt.web import words
from fshunt.web.names import called
from fshunt.web.parts import parts
from fshunt.web.sentences import in_language
from fshunt.web.times import short_when

if TYPE_CHECKING:
    from flask_babel.speaklater import LazyString

WATCHES = "fshunt_watches"
"""Under which an application has its watches."""

NOBODY: Mapping[str, str] = {}
"""Names of members, where none are known."""

MAX_NAMED_STAGES = 6
"""Of the way of the next caller, a sentence names so many steps."""

STATES: dict[MemberState, tuple[str, LazyString]] = {
    MemberState.FREE: ("good", lazy_gettext("free")),
    MemberState.UNKNOWN: ("good", lazy_gettext("takes calls")),
    MemberState.RINGING: ("accent", lazy_gettext("rings")),
    MemberState.ON_CALL: ("accent", lazy_gettext("on a call")),
    MemberState.CLAIMED: ("accent", lazy_gettext("about to ring")),
    MemberState.UNREGISTERED: ("bad", lazy_gettext("no phone")),
    MemberState.NOT_DIALABLE: ("bad", lazy_gettext("phone cannot be dialled")),
    MemberState.OTHER_SWITCH: ("warn", lazy_gettext("phone at another switch")),
    MemberState.WRAP_UP: ("", lazy_gettext("wrap-up")),
    MemberState.DISABLED: ("bad", lazy_gettext("disabled")),
    MemberState.BLOCKED: ("warn", lazy_gettext("blocked")),
}
"""The kind of badge, and the word."""


@dataclass(frozen=True, slots=True)
class MemberNow:
    """A member's state as the page has it."""

    member: Member
    kind: str
    words: Markup
    name: str = ""


@dataclass(frozen=True, slots=True)
class Now:
    """The members in order, how many callers are queued, and what becomes of the next one; as it is ``at`` a moment."""

    at: datetime
    members: Sequence[MemberNow]
    queued: int
    next_caller: str
    sentences: Sequence[str]
    """What is not known, and why."""


class Watches:
    """Tells the daemons that somebody looks at groups, so that they publish what phones do; for any thread.

    However many look at a group, a process writes it once in RENEW_SECONDS.
    """

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._monotonic = store, monotonic
        self._lock = threading.Lock()
        self._renewed: dict[Watched, float] = {}

    def renew(self, watched: Watched) -> None:
        """Say that somebody looks at a group now; raise DatabaseError."""
        now = self._monotonic()
        with self._lock:
            self._renewed = {each: at for each, at in self._renewed.items() if now - at < RENEW_SECONDS}
            if watched in self._renewed:
                return
            self._renewed[watched] = now
        with self._store.writing() as s:
            watch(s, [watched])


def watches() -> Watches:
    """Return the watches of the application that answers this request."""
    return cast("Watches", current_app.extensions[WATCHES])


def now_of(store: Store, group: Group, look: Look | None = None, known: Mapping[str, str] = NOBODY) -> Now:
    """Return what a group does now, as ``live_of`` finds it; ``known`` has names of members by extension."""
    there, looked = live_of(store, group, look)
    made = next_caller(there.details, there.now.statuses, looked.at, parts().settings)
    now = there.details.group
    queued = len(there.queued)
    members = _members(now, there.now.states, looked.at, known)
    sentences = [in_language(each) for each in sentences_of(there, looked)]
    return Now(looked.at, members, queued, next_caller_words(made, now, queued, known), sentences)


def live_of(store: Store, group: Group, look: Look | None = None) -> tuple[LiveGroup, LiveState]:
    """Return a group as the daemons and the database know it now, and the look that has found it.

    ``look`` is one of a moment ago; the database is looked at only if the group is not in it. Raises DatabaseError, or
    NotFound for a group that is gone by now.
    """
    place = (group.domain, group.pilot)
    looked = LiveView(store).look([Watched(*place)]) if look is None or place not in look.groups else look.state
    there = looked.groups.get(place)
    if there is None:  # it was removed a moment ago
        raise NotFound(f"There is no group {group.pilot} in {group.domain}.")
    return there, looked


def _members(
    group: Group, states: Mapping[int, StateOfMember], at: datetime, known: Mapping[str, str]
) -> list[MemberNow]:
    return [_member(member, states[member.id], at, known.get(member.extension, "")) for member in group.members]


def _member(member: Member, state: StateOfMember, at: datetime, name: str) -> MemberNow:
    kind, word = STATES[state.word]
    text: str = str(word)
    if state.word is MemberState.BLOCKED:
        member = member.at(at)
        if member.auto_blocked:
            text = str(gettext("blocked after unanswered calls"))
        elif member.blocked_in_group:
            text = str(gettext("blocked in this group"))
    if state.word is MemberState.BLOCKED and member.blocked_until is not None:
        text = str(gettext("%(state)s until %(time)s", state=text, time=short_when(member.blocked_until)))
    elif state.since is not None and state.word in (MemberState.ON_CALL, MemberState.RINGING, MemberState.FREE):
        before, _, after = gettext("%(state)s for %(time)s", state=text, time="\n").partition("\n")
        text = escape(before) + ticking(state.since, at) + escape(after)
    elif state.since is not None:
        text = str(gettext("%(state)s since %(time)s", state=text, time=short_when(state.since)))
    return MemberNow(member, kind, escape(text), name)


def ticking(since: datetime, at: datetime) -> Markup:
    """A length of time that goes on: the script of the page counts it."""
    return Markup('<time data-ticks datetime="{}">{}</time>').format(utc(since), length((at - since).total_seconds()))


def length(seconds: float) -> str:
    """A length of time: 3:10, or from an hour on in hours."""
    whole = max(0, int(seconds))
    if whole >= 3600:
        return str(gettext("%(hours)s h %(minutes)s min", hours=whole // 3600, minutes=whole % 3600 // 60))
    return f"{whole // 60}:{whole % 60:02}"


def next_caller_words(made: Forecast, group: Group, queued: int, known: Mapping[str, str] = NOBODY) -> str:
    """Return what becomes of the next caller if nobody picks up."""
    where = words.destination(made.destination, group, known)
    why = gettext("disabled") if not group.enabled else None if made.closed is None else closed_words(made.closed)
    if why is not None:
        return str(gettext("The group is closed (%(why)s): %(where)s.", why=why, where=where))
    if not made.rings:
        return _nobody_rings(made, where)
    sentences = []
    if queued:
        sentences.append(
            ngettext(
                "%(num)d caller waits in the queue and comes first.", "%(num)d callers wait and come first.", queued
            )
        )
    if made.drawn:
        sentences.append(gettext("The order is drawn by weight for each call."))
    else:
        sentences.append(gettext("Next caller rings %(who)s.", who=_way(made, known)))
    if made.waits:
        sentences.append(gettext("Then they wait in the queue."))
    seconds = f"{made.latest_seconds:g}"
    sentences.append(gettext("After %(seconds)s s at the latest: %(where)s.", seconds=seconds, where=where))
    return " ".join(str(each) for each in sentences)


def _nobody_rings(made: Forecast, where: str) -> str:
    if made.waits:
        seconds = f"{made.latest_seconds:g}"
        text = gettext(
            "Nobody is free: the next caller waits in the queue. After %(seconds)s s at the latest: %(where)s.",
            seconds=seconds,
            where=where,
        )
        return str(text)
    return str(gettext("Nobody can ring now. The next caller goes on at once: %(where)s.", where=where))


def closed_words(closed: Closed) -> str:
    """Return why a group is closed."""
    reasons = {
        Why.DISABLED: gettext("disabled"),
        Why.BY_HAND: gettext("by hand"),
        Why.HOLIDAY: closed.holiday or gettext("holiday"),
        Why.HOURS: gettext("business hours"),
    }
    return str(reasons[closed.why])


def _way(made: Forecast, known: Mapping[str, str]) -> str:
    """Who rings, step by step; those who ring together with an "and"."""
    first_cycle = [stage for stage in made.rings if stage.cycle == made.rings[0].cycle]
    together_word, then = str(gettext(" and ")), str(gettext(", then "))
    steps = [together_word.join(called(member, known) for member in stage.rings) for stage in first_cycle]
    if len(steps) > MAX_NAMED_STAGES:
        steps = [*steps[:MAX_NAMED_STAGES], "…"]
    times = max(stage.cycle for stage in made.rings)
    way = then.join(steps)
    return str(gettext("%(who)s (%(times)s times)", who=way, times=times)) if times > 1 else way
