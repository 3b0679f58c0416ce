"""A caller who puts another one in their place: an attended transfer to the pilot, while it rings or queues (fact 58).

While phones ring, FreeSWITCH parks the other channel until one is picked up. When the ringing ends, the other channel
goes on where the caller's was in the dialplan, which is at the next daemon; so we end the ringing. While nothing rings,
FreeSWITCH sends the other channel where we have said. In either way it arrives as a call of its own, which goes on with
the hunt (``Handovers``).
"""

from __future__ import annotations

from fshunt.daemon.call.caller import REPLACES, Caller
from fshunt.esl import api, commands
from fshunt.esl.session import Session
from fshunt.hunting import validation
from fshunt.hunting.group import Group

INLINE_DESTINATION = "inline_destination"
"""The variable with the actions for a channel that is put in the place of one that rings nobody."""

NO_COPY = "attended_transfer_no_copy"
"""The variable with the names of those that a channel does not give to the one that takes its place in the dialplan."""

OF_THE_CALLER = (
    "uuid",
    "call_uuid",
    "presence_id",
    "user_name",
    "effective_caller_id_name",
    "effective_caller_id_number",
)
"""Who the caller is: the other one is somebody else."""


def let_be_replaced(session: Session, caller: Caller, group: Group) -> None:
    """Prepare for an attended transfer by the caller."""
    if not _may_be_replaced(caller):
        return
    uuid, domain = validation.check_uuid(caller.uuid), validation.check_domain(group.domain)
    pilot, context = validation.check_pilot(group.pilot), validation.check_context(caller.context)
    actions = f"set:{REPLACES}={uuid},set:fshunt_domain={domain},transfer:{pilot} XML {context}"
    session.post(
        commands.add_filter_of_successor(uuid),
        commands.subscribe("CHANNEL_EXECUTE"),
        api.uuid_setvar_multi(uuid, {INLINE_DESTINATION: actions, NO_COPY: ",".join(OF_THE_CALLER)}),
    )


def forget_replacement(session: Session, caller: Caller) -> None:
    """The caller goes on to another place, where an attended transfer has nothing to do with us."""
    if _may_be_replaced(caller):
        session.post(api.uuid_setvar_multi(caller.uuid, {INLINE_DESTINATION: "", NO_COPY: ""}))


def _may_be_replaced(caller: Caller) -> bool:
    """Only a phone of the switch can make such a transfer; and a Call-ID for a uuid could be more than one action."""
    return bool(caller.presence_ids) and validation.fits(validation.check_uuid, caller.uuid)
