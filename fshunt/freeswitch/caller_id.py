"""What an external leg shows: a number that the trunk takes, and the caller where the gateway has it (section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from fshunt.hunting import validation
from fshunt.hunting.gateways import CallerIn

ANONYMOUS = "Anonymous"
"""The name that stands for a caller whose number is withheld, as RFC 3323 has it."""


@dataclass(frozen=True, slots=True)
class CallerId:
    """The number that a leg shows, the customer's own, and the caller beside it.

    ``caller`` is the caller's number: digits only, or None if it is none that can be shown. A caller who is
    ``withheld`` is shown nowhere. ``domain`` stands in the address of the caller.
    """

    number: str
    caller: str | None
    withheld: bool
    caller_in: CallerIn
    domain: str
    prefix: str | None = None

    def variables(self) -> list[str]:
        """Return the leg's variables, as they stand in its brackets; raise BadValue if a part does not fit its kind.

        The name that is set on the caller's channel, or the caller's own, stays where no other is needed: it is no text
        that could stand here (design, section 9).
        """
        number = validation.check_external_number(self.number)
        # At the answer the switch would tell some phones and trunks of the caller again, as it does by itself.
        made = [f"origination_caller_id_number={number}", "ignore_display_updates=true"]
        if self.withheld:
            # Else the leg would have the caller's wish, too, and the trunk would withhold the customer's own number.
            return [*made, "origination_privacy=screen", self._name(ANONYMOUS)]
        if self.caller is None:
            return made
        caller = validation.check_caller_number(self.caller)
        if self.caller_in is CallerIn.NAME:
            return [*made, self._name(caller)]
        address = f"<sip:{caller}@{validation.check_domain(self.domain)}>"
        if self.caller_in is CallerIn.DIVERSION:
            return [*made, f"sip_h_Diversion={address}"]
        # The switch's own one, with the number shown, would stand beside it.
        return [*made, "sip_cid_type=none", f"sip_h_P-Asserted-Identity={address}"]

    def _name(self, shown: str) -> str:
        prefix = f"{validation.check_prefix(self.prefix)} " if self.prefix else ""
        return f"origination_caller_id_name={prefix}{shown}"
