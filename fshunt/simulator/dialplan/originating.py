"""``originate``: the switch calls a phone on its own, and runs applications on that call when it is picked up."""

from __future__ import annotations

import shlex

from fshunt.simulator.core.actions import Action
from fshunt.simulator.core.channel import set_variable
from fshunt.simulator.core.legs import SimulatedLeg
from fshunt.simulator.core.phones import Phone
from fshunt.simulator.core.simulated_call import Switch
from fshunt.simulator.core.sip_causes import ALLOTTED_TIMEOUT, DESTINATION_OUT_OF_ORDER, NO_ANSWER, NORMAL_CLEARING
from fshunt.simulator.dialplan.dialstring import DialError, Target, parse

DEFAULT_SECONDS = 60


def originate(switch: Switch, text: str) -> None:
    """Calls the first target of ``DIAL_STRING app:arg,app:arg inline``; the call goes on by itself.

    Nobody is told of a call that cannot be made: no channel, no event.
    """
    dial_string, applications, dialplan = shlex.split(text)
    if dialplan != "inline":
        raise DialError(DESTINATION_OUT_OF_ORDER, f"The simulator originates to no dialplan {dialplan!r}.")
    dial = parse(dial_string)
    target = dial.groups[0][0]
    endpoint, _, number = target.endpoint.partition("/")
    if endpoint == "loopback":
        actions = [each.partition(":") for each in applications.split(",")]
        done = [(name, argument) for name, _, argument in actions]
        switch.call_over_loopback(number.partition("/")[0], done, target.variables)
        return
    phones = switch.find_phones(target.endpoint, alone=True)
    if switch.throttle.admits(unlimited=dial.variables.get("no_throttle_limits") == "true"):
        actions = [each.partition(":") for each in applications.split(",")]
        Originated(switch, phones[0], target, [(name, argument) for name, _, argument in actions])


class Originated:
    """One such call."""

    def __init__(self, switch: Switch, phone: Phone, target: Target, actions: list[Action]) -> None:
        self._switch, self._actions = switch, actions
        channel = switch.new_originated_channel(phone, target.variables)
        self._leg = SimulatedLeg(
            switch.clock,
            None,
            channel,
            phone,
            self._changed,
            lambda *said: switch.tell_of(channel, *said),
            switch.run_api,
        )
        switch.originated[channel.uuid] = self._leg
        begun = int(switch.clock.epoch())
        self._leg.time_out_at(begun + int(target.variables.get("originate_timeout", DEFAULT_SECONDS)), NO_ANSWER)
        if own := target.variables.get("leg_timeout"):
            self._leg.time_out_at(begun + int(own) + 1, ALLOTTED_TIMEOUT)
        self._leg.start()

    def _changed(self) -> None:
        if self._leg.ended:
            self._switch.originated.pop(self._leg.channel.uuid, None)
        elif self._leg.confirmed:
            self._run()

    def _run(self) -> None:
        """Runs the applications; a call that takes no place is hung up after the last one."""
        for name, argument in self._actions:
            match name:
                case "set":
                    variable, _, value = argument.partition("=")
                    set_variable(self._leg.channel.variables, variable, value)
                case "pickup":
                    if (place := self._switch.pickups.pop(argument)) is not None:
                        place.be_taken(self._leg)
                        return
                case _:
                    self._leg.hangup(DESTINATION_OUT_OF_ORDER)
                    return
        self._leg.hangup(NORMAL_CLEARING)
