"""From a caller to a hunt: which group was dialled, and in which order its members are rung."""

from __future__ import annotations

import logging

from fshunt.daemon.call.caller import Caller
from fshunt.daemon.data.database import Patience
from fshunt.daemon.deps import Services
from fshunt.db.queries import hunts
from fshunt.db.queries.hunts import Loaded
from fshunt.errors import NotFound, StoreError
from fshunt.hunting.hunt import Hunt
from fshunt.hunting.policies import POLICIES, Remembers, first_in_turn
from fshunt.hunting.policy_input import Facts, facts_of
from fshunt.hunting.states import Event, State

log = logging.getLogger(__name__)


def plan(caller: Caller, hunt_id: str, services: Services, patience: Patience) -> Hunt:
    """Load the group that was dialled and freeze the facts of this hunt.

    Where the database does not answer, the group is taken as it was last read. Raises NotFound if no group has this
    pilot, StoreError if the database does not answer and the group was never read.
    """
    loaded = _load(caller, services, patience)
    facts = facts_of(loaded.group, loaded.answerer, loaded.turn, services.seed())
    if facts.members and POLICIES[facts.policy].remembers is Remembers.TURN:
        facts = _with_turn_taken(facts, loaded.group.id, caller.uuid, services, patience)

    def log_transition(before: State, event: Event, now: State) -> None:
        log.debug("call %s: %s, %s, %s", caller.uuid, before, event, now)

    return Hunt(
        id=hunt_id,
        call_uuid=caller.uuid,
        group=loaded.group,
        facts=facts,
        log=log_transition,
        caller_ids=caller.presence_ids,
    )


def _load(caller: Caller, services: Services, patience: Patience) -> Loaded:
    try:
        loaded = patience.read(
            hunts.load,
            fshunt_domain=caller.domain_variable,
            domain_name=caller.domain_name,
            host=caller.dialled_host,
            pilot=caller.pilot,
        )
    except NotFound:
        services.known.forget(caller)
        raise
    except StoreError as error:
        known = services.known.find(caller)
        if known is None:
            raise
        log.warning("call %s: takes the group %s as it was last read: %s", caller.uuid, known.group.pilot, error)
        return known
    services.known.keep(loaded)
    return loaded


def _with_turn_taken(facts: Facts, group_id: int, call_uuid: str, services: Services, patience: Patience) -> Facts:
    """Move the turn, once a call (invariant I3), and return the facts with the turn this call found.

    If the database does not take the move in time, the hunt goes on with the turn as it was read, and the move is
    written later.
    """
    try:
        turn = patience.write(hunts.take_turn, group_id, call_uuid, lambda turn: first_in_turn(facts, turn))
    except StoreError as error:
        log.warning("call %s: the turn is moved later: %s", call_uuid, error)
        services.recorder.put(hunts.move_turn, group_id, call_uuid, facts.to_json())
        turn = facts.turn
    first = first_in_turn(facts, turn)
    if first is not None:
        services.known.turn_taken(group_id, first)
    return facts.with_turn(turn)
