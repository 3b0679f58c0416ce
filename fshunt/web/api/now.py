"""What the members of a group do now, as far as the web process knows it."""

from __future__ import annotations

import time
from dataclasses import replace

from fshunt.hunting.group import Group
from fshunt.services import member_states
from fshunt.services.member_states import GroupStates
from fshunt.web.parts import parts

NO_SWITCH = "No switch was asked: states are those in the database only."


def states_of(group: Group) -> GroupStates:
    """Return the states of a group's members by claims, blocks and wrap-up, which the database knows."""
    found = member_states.of_group(parts().store, parts().settings.database_url, group, (), time.sleep)
    return replace(found, sentences=(NO_SWITCH,))
