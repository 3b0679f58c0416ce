"""From a caller to a hunt: which group was dialled, and in which order its members are rung."""

from __future__ import annotations

import logging

from fshunt.daemon.call.caller import Caller
from fshunt.daemon.data.database import Deadline
from fshunt.daemon.data.events import TurnMoved
from fshunt.daemon.deps import Dependencies
from fshunt.db.queries import hunts
from fshunt.db.queries.hunts import Loaded
from fshunt.errors import DatabaseError, NotFound
from fshunt.hunting.hunt import Hunt
from fshunt.hunting.policies import POLICIES, Remembers, first_in_turn
from fshunt.hunting.policy_input import PolicyInput, policy_input_of
from fshunt.hunting.states import Event, State

log = logging.getLogger(__name__)


def plan(caller: Caller, hunt_id: str, deps: Dependencies, deadline: Deadline) -> Hunt:
    """Load the group that was dialled and freeze the policy_input of this hunt.

    Where the database does not answer, the group is taken as it was last read. Raises NotFound if no group has this
    pilot, DatabaseError if the database does not answer and the group was never read.
    """
    loaded = _load(caller, deps, deadline)
    policy_input = policy_input_of(loaded.group, loaded.answerer, loaded.turn, deps.seed())
    if policy_input.members and POLICIES[policy_input.policy].remembers is Remembers.TURN:
        policy_input = _with_turn_taken(policy_input, loaded.group.id, caller.uuid, deps, deadline)

    def log_transition(before: State, event: Event, now: State) -> None:
        log.debug("call %s: %s, %s, %s", caller.uuid, before, event, now)

    return Hunt(
        id=hunt_id,
        call_uuid=caller.uuid,
        group=loaded.group,
        policy_input=policy_input,
        log=log_transition,
        caller_ids=caller.presence_ids,
    )


def _load(caller: Caller, deps: Dependencies, deadline: Deadline) -> Loaded:
    try:
        loaded = deps.database.run(
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
        known = deps.group_cache.find(caller)
        if known is None:
            raise
        log.warning("call %s: takes the group %s as it was last read: %s", caller.uuid, known.group.pilot, error)
        return known
    deps.group_cache.keep(loaded)
    return loaded


def _with_turn_taken(
    policy_input: PolicyInput, group_id: int, call_uuid: str, deps: Dependencies, deadline: Deadline
) -> PolicyInput:
    """Move the turn, once a call (invariant I3), and return the policy_input with the turn this call found.

    If the database does not take the move in time, the hunt goes on with the turn as it was read, and the move is
    written later.
    """
    try:
        turn = deps.database.run(
            lambda s: hunts.take_turn(s, group_id, call_uuid, lambda turn: first_in_turn(policy_input, turn)),
            write=True,
            deadline=deadline,
        )
    except DatabaseError as error:
        log.warning("call %s: the turn is moved later: %s", call_uuid, error)
        deps.outbox.put(TurnMoved(group_id=group_id, call_uuid=call_uuid, policy_input=policy_input.to_json()))
        turn = policy_input.turn
    first = first_in_turn(policy_input, turn)
    if first is not None:
        deps.group_cache.turn_taken(group_id, first)
    return policy_input.with_turn(turn)
