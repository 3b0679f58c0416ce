"""A phone that registers while its member is rung joins the ringing (fact 44).

A ``bridge`` takes no more legs once it rings. So it gets one leg more from the start, a *slot*: no phone, but a place
that FreeSWITCH's ``pickup`` can give to another call. A late phone is called on its own, and takes the slot when it is
picked up: then it has won the race as any other leg, and the others stop. When the slot ends, for whatever reason,
FreeSWITCH itself ends the calls to late phones that have not taken it, without a missed call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fshunt.esl import api
from fshunt.esl.commands import Command
from fshunt.freeswitch.dialstring import BACKSTOP_SECONDS, LegPlan, as_dialled, dial_string
from fshunt.freeswitch.endings import RINGS
from fshunt.freeswitch.leg_uuids import slot_uuid
from fshunt.hunting import validation

_MARK = "fshunt_slot"
"""The variable of a call to a late phone that has not been picked up: it names the slot."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The place that late phones of one ``bridge`` can take; ``key`` names it."""

    key: str

    @property
    def uuid(self) -> str:
        """The slot's channel."""
        return slot_uuid(validation.check_uuid(self.key))

    def among(self, legs: Sequence[LegPlan]) -> str:
        """Return the dial string that rings all the legs, and has the slot beside them."""
        longest = max(leg.longest + (leg.confirm.timeout if leg.confirm else 0) for leg in legs)
        variables = [
            f"origination_uuid={self.uuid}",
            f"leg_timeout={math.ceil(longest) + BACKSTOP_SECONDS}",
            f"api_hangup_hook=hupall LOSE_RACE {_MARK} {self.key}",
            f"execute_on_pickup=unset {RINGS}",  # who takes the slot has its variables, and has been picked up
        ]
        return f"{dial_string(legs)},[{','.join(variables)}]pickup/{self.key}"

    def end_calls(self) -> Command:
        """Return the command that ends the calls to late phones that have not taken the slot: no missed call."""
        return api.hang_up_all("LOSE_RACE", {_MARK: validation.check_uuid(self.key)})

    def call(self, leg: LegPlan, caller: str | None, prefix: str | None) -> Command:
        """Return the command that calls a late phone, which takes the slot when it is picked up.

        ``caller`` is the number to be shown: digits only, or None.
        """
        shown = [f"{_MARK}={validation.check_uuid(self.key)}"]
        if caller is not None:
            number = validation.check_caller_number(caller)
            name = f"{validation.check_prefix(prefix)} {number}" if prefix else number
            shown += [f"origination_caller_id_number={number}", f"origination_caller_id_name={name}"]
        return api.originate(f"{{{','.join(shown)}}}{dial_string([leg])}", f"set:{_MARK}=,pickup:{self.key}")


def can_be_called(endpoint: str) -> bool:
    """Tell whether an endpoint reaches ``originate`` as it stands: an escaped character would be read twice."""
    return as_dialled(endpoint) == endpoint and not any(mark in endpoint for mark in "\\' $")
