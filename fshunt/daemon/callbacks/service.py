"""Looks after the requests of callers to be called back: makes a call in the place of each, and finds what was left.

Any daemon that watches the switch of a request does it: each step is a compare and set, so one of them takes it. A step
that a daemon has left is found by asking the switch whether the channel of the request lives. No clocks are compared.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from uuid import uuid4

import gevent

from fshunt.daemon.call.callback_served import settled
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.switches.line import open_line
from fshunt.daemon.switches.monitor import SwitchMonitor
from fshunt.db.queries import callbacks, groups
from fshunt.db.queries.callbacks import Request
from fshunt.errors import BadValue, DatabaseError, FshuntError
from fshunt.esl import api
from fshunt.esl.inbound import Inbound
from fshunt.freeswitch.callbacks import REALM, Serving, call_in_place, was_answered
from fshunt.hunting.callbacks import CallbackState
from fshunt.hunting.group import Group
from fshunt.log_events import LogEvent, about

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often requests are looked at: a place is kept for two seconds until the call in it is there."""

GRACE_SECONDS = 5.0
"""A channel that is not there is looked for so long before the step counts as left: it may be about to begin."""

PAUSE = timedelta(minutes=1)
"""After a call in the caller's place that found nobody who may take it."""

AT_ONCE = 20
"""Calls that are made for one group at a time: two channels of FreeSWITCH each. The others wait in the database."""

ANSWER_SECONDS = 2.0


class CallbackService:
    """A service."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._names: dict[str, str] = {}
        """The names of switches, by their Core-UUIDs."""
        self._gone_since: dict[tuple[int, str, CallbackState], float] = {}
        self._made: dict[str, int] = {}
        """The channels that this daemon has asked for, with their requests."""

    def run(self) -> None:
        """Look after requests until killed."""
        while True:
            try:
                if self._deps.database.away is None:
                    self.look()
            except FshuntError as error:
                log.debug("callbacks not looked at: %s", error)
            gevent.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Look at all open requests once. Raises DatabaseError."""
        requests = self._deps.database.run(callbacks.open_requests)
        if self._made:
            self._end_removed(requests)
        if not requests:
            self._gone_since.clear()
            return
        loaded = self._deps.database.run(lambda s: groups.load_groups(s, {each.group_id for each in requests}))
        by_id = {each.group.id: each.group for each in loaded}
        served = Counter(each.group_id for each in requests if each.state is not CallbackState.WAITING)
        for each in requests:
            group = by_id.get(each.group_id)
            try:
                if each.state is not CallbackState.WAITING:
                    self._review(each, group)
                elif group is not None and self._may_be_served(each, group) and served[each.group_id] < AT_ONCE:
                    served[each.group_id] += self._begin(each, group)
            except DatabaseError:
                raise
            except FshuntError as error:
                words = "callback %d of %s in group %s: %s"
                log.info(words, each.id, each.number, each.pilot, error, extra=_about(each))

    def _may_be_served(self, request: Request, group: Group) -> bool:
        is_due = request.not_before is None or request.not_before <= self._deps.now()
        return is_due and self._is_open(group)

    def _is_open(self, group: Group) -> bool:
        try:
            return group.enabled and group.closed_at(self._deps.wall()) is None
        except BadValue:  # a time zone that this host does not know: such a group is open
            return group.enabled

    def _begin(self, request: Request, group: Group) -> bool:
        """Make the call in the caller's place; tell whether it was this daemon that did."""
        monitor = self._switch_for(request)
        if monitor is None:
            return False
        deps, attempt, name = self._deps, str(uuid4()), self._names[monitor.core_uuid]
        command = call_in_place(
            Serving(request.id, attempt),
            domain=group.domain,
            pilot=group.pilot,
            context=request.context,
            number=request.number,
            daemons=[str(each) for each in deps.settings.controllers],
        )
        begun = deps.database.run(
            lambda s: callbacks.begin(s, request.id, attempt, run_id=deps.run_id, switch=name), write=True
        )
        if not begun:
            return False
        self._made[attempt] = request.id
        log.info(
            "callback %d: in the queue of group %s for %s",
            request.id,
            group.pilot,
            request.number,
            extra=_about(request),
        )
        with open_line(monitor, deps.monotonic) as line:
            line.send(command, ANSWER_SECONDS)
        return True

    def _review(self, request: Request, group: Group | None) -> None:
        """Find out whether the step under way is; put back, or end, what was left."""
        attempt, monitor = request.attempt or "", self._watched(request.switch)
        key = (request.id, attempt, request.state)
        if monitor is None:
            return  # another daemon watches that switch, or it is away: who cannot know it calls nobody
        if request.state is CallbackState.CALLING_MEMBER and (group is None or not self._is_open(group)):
            self._withdraw(request, attempt, monitor)
            return
        if monitor.table.has_channel(attempt):
            self._gone_since.pop(key, None)
            return
        now = self._deps.monotonic()
        if now - self._gone_since.setdefault(key, now) < GRACE_SECONDS:
            return
        with open_line(monitor, self._deps.monotonic) as line:
            if line.send(api.uuid_exists(attempt), ANSWER_SECONDS).reply_text.strip() != "false":
                del self._gone_since[key]
                return
            self._settle(request, attempt, line)
        del self._gone_since[key]

    def _settle(self, request: Request, attempt: str, line: Inbound) -> None:
        if request.state is CallbackState.CALLING_MEMBER:
            self._put_back(request, attempt, pause=True)
            return
        said = line.send(api.db_select(REALM, attempt), ANSWER_SECONDS).reply_text
        settled(request, attempt, was_answered(said), self._deps)
        line.send(api.db_delete(REALM, attempt), ANSWER_SECONDS)

    def _put_back(self, request: Request, attempt: str, *, pause: bool) -> bool:
        until = self._deps.now() + PAUSE if pause else None
        return self._deps.database.run(
            lambda s: callbacks.put_back(s, request.id, attempt, CallbackState.CALLING_MEMBER, until), write=True
        )

    def _withdraw(self, request: Request, attempt: str, monitor: SwitchMonitor) -> None:
        """The group has closed: the request goes back in its place, and then the call in it ends."""
        if self._put_back(request, attempt, pause=False):
            _end(monitor, [attempt], self._deps)

    def _end_removed(self, requests: Iterable[Request]) -> None:
        """End the calls of this daemon whose requests were removed, or are gone with their groups."""
        served = {each.attempt for each in requests}
        over = [(request_id, attempt) for attempt, request_id in self._made.items() if attempt not in served]
        if not over:
            return
        kept = self._deps.database.run(lambda s: callbacks.not_removed(s, over))
        removed = [attempt for _, attempt in over if attempt not in kept]
        for monitor in self._deps.monitor.switches if removed else ():
            if monitor.watched:
                _end(monitor, removed, self._deps)
        for _, attempt in over:
            del self._made[attempt]

    def _switch_for(self, request: Request) -> SwitchMonitor | None:
        """Return the switch of the request; where this daemon does not watch it, and has the lead, its first one.

        So a request is served, too, whose switch has another name by now.
        """
        if (found := self._watched(request.switch)) is not None or self._deps.claims.rank() != 0:
            return found
        return next((each for each, _ in self._all_watched()), None)

    def _watched(self, name: str) -> SwitchMonitor | None:
        return next((each for each, other in self._all_watched() if other == name), None)

    def _all_watched(self) -> Iterator[tuple[SwitchMonitor, str]]:
        for each in self._deps.monitor.switches:
            if each.watched and each.core_uuid:
                if each.core_uuid not in self._names:
                    with open_line(each, self._deps.monotonic) as line:
                        self._names[each.core_uuid] = line.send(api.switch_name(), ANSWER_SECONDS).reply_text.strip()
                yield each, self._names[each.core_uuid]


def _end(monitor: SwitchMonitor, attempts: Iterable[str], deps: Dependencies) -> None:
    with open_line(monitor, deps.monotonic) as line:
        for attempt in attempts:
            line.send(api.uuid_kill(attempt, "NORMAL_CLEARING"), ANSWER_SECONDS)


def _about(request: Request) -> dict[str, str | None]:
    return dict(about(LogEvent.CALLBACK, domain=request.domain, pilot=request.pilot))
