"""From a caller to a hunt: which group was dialled, and in which order its members ring."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fshunt.daemon.call.call_lines import about_call
from fshunt.daemon.call.caller import Caller
from fshunt.daemon.data.database import Deadline
from fshunt.daemon.data.events import PointerMoved
from fshunt.daemon.deps import Dependencies
from fshunt.db.queries import hunts, queue
from fshunt.db.queries.hunts import LoadedGroup
from fshunt.errors import BadValue, DatabaseError, NotFound
from fshunt.hunting.group import Group
from fshunt.hunting.hours import Closed
from fshunt.hunting.hunt import Hunt
from fshunt.hunting.policies import POLICIES, Remembers, first_member
from fshunt.hunting.policy_input import PolicyInput, policy_input_of
from fshunt.hunting.states import HuntEvent, HuntState
from fshunt.log_events import LogEvent

log = logging.getLogger(__name__)


def plan(caller: Caller, hunt_id: str, deps: Dependencies, deadline: Deadline) -> Hunt:
    """Load the group that was dialled and freeze the policy input of this hunt.

    Without the database the group comes from the group cache. Raises NotFound if no group has this
    pilot, DatabaseError if the database does not answer and the group is not cached.
    """
    loaded = _load(caller, deps, deadline)
    closed = _closed(loaded.group, caller, deps, deadline)
    policy_input = policy_input_of(loaded.group, loaded.answerer, loaded.first, deps.seed())
    if closed is None and policy_input.members and POLICIES[policy_input.policy].remembers is Remembers.FIRST:
        policy_input = _with_first_moved(policy_input, loaded.group.id, caller, deps, deadline)

    return Hunt(
        id=hunt_id,
        call_uuid=caller.uuid,
        group=loaded.group,
        policy_input=policy_input,
        log=_log_of(caller),
        caller_ids=caller.ids_in(loaded.group.domain),
        caller_numbers=caller.numbers,
        overflows=caller.overflows,
        closed=closed,
    )


def resume(caller: Caller, hunt_id: str, before: Hunt) -> Hunt:
    """Return the hunt that goes on for a caller who was put in the place of another one.

    Order, group and what the members did stay: nothing moves the rotation pointer.
    """
    caller_ids = caller.ids_in(before.group.domain)
    return before.for_another_caller(hunt_id, caller.uuid, caller_ids, caller.numbers, _log_of(caller))


def _closed(group: Group, caller: Caller, deps: Dependencies, deadline: Deadline) -> Closed | None:
    """Return what has closed the group; None also for a caller who was queued in it at a daemon that is gone.

    A group whose time zone is not known here is open: a phone that rings at night does less harm than none by day.
    """
    try:
        closed = group.closed_at(deps.wall())
    except BadValue as error:
        extra = about_call(LogEvent.CALL_WARNING, caller, group.domain)
        log.warning("call %s: the hours of group %s do not count: %s", caller.uuid, group.pilot, error, extra=extra)
        return None
    if closed is None:
        return None
    try:
        queued = deps.database.run_lean(lambda s: queue.is_queued(s, caller.uuid, group.id), deadline=deadline)
    except DatabaseError:
        queued = False
    return None if queued else closed


def _log_of(caller: Caller) -> Callable[[HuntState, HuntEvent, HuntState], None]:
    extra = about_call(LogEvent.STATE, caller)

    def log_transition(before: HuntState, event: HuntEvent, now: HuntState) -> None:
        log.debug("call %s: %s, %s, %s", caller.uuid, before, event, now, extra=extra)

    return log_transition


def _load(caller: Caller, deps: Dependencies, deadline: Deadline) -> LoadedGroup:
    try:
        loaded = deps.database.run_lean(
            lambda s: hunts.load(
                s,
                fshunt_domain=caller.domain_variable,
                domain_name=caller.domain_name,
                host=caller.dialled_host,
                pilot=caller.pilot,
            ),
            deadline=deadline,
        )
    except NotFound:
        deps.group_cache.forget(caller)
        raise
    except DatabaseError as error:
        cached = deps.group_cache.find(caller)
        if cached is None:
            raise
        words = "call %s: group %s taken from the group cache: %s"
        extra = about_call(LogEvent.CALL_WITHOUT_DATABASE, caller, cached.group.domain)
        log.warning(words, caller.uuid, cached.group.pilot, error, extra=extra)
        return cached
    deps.group_cache.keep(loaded)
    return loaded


def _with_first_moved(
    policy_input: PolicyInput, group_id: int, caller: Caller, deps: Dependencies, deadline: Deadline
) -> PolicyInput:
    """Move the rotation pointer, once an arrival (invariant I3); return the policy input with the one this call found.

    If the database does not take the move in time, the hunt continues with the pointer as it was read, and the move
    is written later.
    """
    try:
        before = deps.database.run_lean(
            lambda s: hunts.move_first(s, group_id, caller.arrival, lambda before: first_member(policy_input, before)),
            write=True,
            deadline=deadline,
        )
    except DatabaseError as error:
        extra = about_call(LogEvent.CALL_WITHOUT_DATABASE, caller)
        log.warning("call %s: rotation pointer is moved later: %s", caller.uuid, error, extra=extra)
        deps.outbox.put(PointerMoved(group_id=group_id, call_uuid=caller.arrival, policy_input=policy_input.to_json()))
        before = policy_input.first
    first = first_member(policy_input, before)
    if first is not None:
        deps.group_cache.first_moved(group_id, first)
    return policy_input.with_first(before)
