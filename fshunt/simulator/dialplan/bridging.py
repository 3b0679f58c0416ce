"""``bridge``: rings the legs of a dial string, connects the first that answers, and leaves the results behind.

What stands in the caller's variables afterwards follows the tapes and the reference, section 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator

from fshunt.simulator.core.channel import append
from fshunt.simulator.core.legs import SimulatedLeg
from fshunt.simulator.core.pickup import KIND as PICKUP
from fshunt.simulator.core.pickup import PickupLeg
from fshunt.simulator.core.simulated_call import SimulatedCall
from fshunt.simulator.core.sip_causes import (
    ALLOTTED_TIMEOUT,
    ALWAYS_CONTINUE,
    DESTINATION_OUT_OF_ORDER,
    LOSE_RACE,
    NO_ANSWER,
    NO_PICKUP,
    NORMAL_CLEARING,
    ORIGINATOR_CANCEL,
    SUCCESS,
    dialstatus_of,
)
from fshunt.simulator.dialplan.dialstring import Dial, DialError, Target, parse

DEFAULT_ORIGINATE_SECONDS = 60
CALLEE_NAME = "Outbound Call"
COPIED = ("group_confirm_key", "group_confirm_file", "ignore_early_media", "fail_on_single_reject", "progress_timeout")
"""Variables of the caller's channel that count for its legs as if they had been exported (switch_ivr_originate.c)."""


def bridge(call: SimulatedCall, text: str) -> None:
    """Runs the application, from the dial string to the end of the bridged call."""
    try:
        winner, cause = _try_groups(call, parse(text))
    except DialError as error:
        winner, cause = None, error.cause
    if winner is not None:
        _talk(call, winner)
        return
    _leave(call, cause)
    call.variables["originate_failed_cause"] = cause
    call.end_ringing()
    if call.channel.up and not call.reset and not _continues(call, cause):
        call.hangup(cause)


def _try_groups(call: SimulatedCall, dial: Dial) -> tuple[SimulatedLeg | None, str]:
    cause = NO_ANSWER
    for targets in dial.groups:
        attempt = Originate(call, targets, dial)
        winner, cause = attempt.run()
        if winner is not None or not call.listening or attempt.timed_out:
            return winner, cause
    return None, cause


def _continues(call: SimulatedCall, cause: str) -> bool:
    """Whether the caller stays after a failed bridge (reference, 2.4)."""
    wanted = call.variables.get("continue_on_fail")
    if wanted is None or wanted == "false":
        return cause in ALWAYS_CONTINUE
    return wanted == "true" or cause in wanted.split(",")


def _inherited(call: SimulatedCall) -> dict[str, str]:
    """The variables that legs have from the caller's channel."""
    exported = [name for name in call.variables.get("export_vars", "").split(",") if name in call.variables]
    found = {name.removeprefix("nolocal:"): call.variables[name] for name in exported}
    return {name: call.variables[name] for name in COPIED if name in call.variables} | found


def _leave(call: SimulatedCall, cause: str) -> None:
    call.variables["originate_disposition"] = cause
    call.variables["DIALSTATUS"] = dialstatus_of(cause)


class Originate:
    """One group of targets rung together."""

    def __init__(self, call: SimulatedCall, targets: tuple[Target, ...], dial: Dial) -> None:
        self._call = call
        self._targets = targets
        self._inherited = {k: v for k, v in _inherited(call).items() if k not in dial.variables}
        """What the caller's channel hands on to all legs, as if it stood in the dial string's braces."""
        self._common = self._inherited | dial.variables
        self._users = [target.endpoint.startswith("user/") for target in targets]
        self.legs: list[SimulatedLeg] = []
        self.timed_out = False

    @property
    def _lone_user(self) -> bool:
        """``user/X`` alone is an originate within the originate: it is timed and counted otherwise (reference, 2.4)."""
        return self._users == [True]

    def run(self) -> tuple[SimulatedLeg | None, str]:
        """Rings until a leg wins or none is left: the winner, or why there is none."""
        causes = [cause for target in self._targets if (cause := self._create(target)) is not None]
        if not self.legs:
            return None, causes[0] if causes else NO_ANSWER
        _leave(self._call, "failure")
        self._call.variables["DIALSTATUS"] = "INVALIDARGS"
        self._call.variables["originate_signal_bond"] = self.legs[-1].channel.uuid
        self._set_timeouts()
        for leg in self.legs:
            self._start(leg)
        self._call.wait_until(self._decided)
        return self._close()

    def _start(self, leg: SimulatedLeg) -> None:
        delay = int(leg.channel.variables.get("leg_delay_start", 0))
        if delay:
            self._call.later(delay, lambda: None if leg.ended else leg.start())
        else:
            leg.start()

    def _create(self, target: Target) -> str | None:
        """Makes the legs of a target, or returns the reason why there are none."""
        kind, _, key = target.endpoint.partition("/")
        if kind == PICKUP:  # it passes all limits (mod_dptools.c)
            self._add(self._call.new_pickup(key, target.variables | self._inherited, self._changed))
            return None
        try:
            phones = self._call.switch.find_phones(target.endpoint, alone=len(self._targets) == 1)
        except DialError as error:
            self._note_dialed(target.endpoint)
            return error.cause
        self._note_dialed(target.endpoint)
        for phone in phones:
            if not self._call.switch.throttle.admits(unlimited=target.variables.get("no_throttle_limits") == "true"):
                return DESTINATION_OUT_OF_ORDER
            variables = target.variables | self._inherited  # over the brackets, as the braces are (fact 22)
            self._add(self._call.new_leg(phone, variables, self._changed))
            if target.endpoint.startswith("user/") and not self._lone_user:
                self._list_leg(self.legs[-1])
                self._call.channel.face(self.legs[-1].channel)
                self._call.variables["signal_bond"] = self.legs[-1].channel.uuid
        return None

    def _add(self, leg: SimulatedLeg) -> None:
        self.legs.append(leg)
        self._list_leg(leg)

    def _note_dialed(self, endpoint: str) -> None:
        kind, _, address = endpoint.partition("/")
        if kind == "user":
            user, _, domain = address.partition("@")
            self._call.variables.update({"dialed_user": user, "dialed_domain": domain})

    def _list_leg(self, leg: SimulatedLeg) -> None:
        destination = leg.channel.profile.destination
        append(self._call.variables, "originated_legs", f"{leg.channel.uuid};{CALLEE_NAME};{destination}")

    def _set_timeouts(self) -> None:
        """FreeSWITCH counts whole clock seconds: fact 5."""
        begun = int(self._call.clock.epoch())
        everything = self._common.get("originate_timeout") or self._call.variables.get("call_timeout")
        for leg in self.legs:
            leg.time_out_at(begun + int(everything or DEFAULT_ORIGINATE_SECONDS), NO_ANSWER)
            own = leg.channel.variables.get("leg_timeout")
            if own is not None and self._lone_user:
                leg.time_out_at(begun + int(own), NO_ANSWER)
            elif own is not None:
                leg.time_out_at(begun + int(own) + 1, ALLOTTED_TIMEOUT)

    def _changed(self) -> None:
        caller = self._call.channel
        if any(leg.channel.rang for leg in self.legs) and caller.up:
            caller.profile.name_callee(CALLEE_NAME, self.legs[-1].channel.profile.destination)
            caller.mark_ringing()
        self._call.wake()

    def _winner(self) -> SimulatedLeg | None:
        ignores = self._common.get("ignore_early_media") or self._call.variables.get("ignore_early_media")
        for leg in self.legs:
            if not leg.ended and (leg.confirmed or (leg.early and ignores not in ("true", "ring_ready"))):
                return leg
        return None

    def _decided(self) -> bool:
        self._let_places_be_taken()
        return self._winner() is not None or all(leg.ended or _waits_for_ever(leg) for leg in self.legs)

    def _let_places_be_taken(self) -> None:
        """A call that has taken a place is a leg from now on, and has won as it is answered (check_channel_status)."""
        for number, leg in enumerate(self.legs):
            if isinstance(leg, PickupLeg) and (taken_by := leg.give_place()) is not None:
                self._call.adopt(taken_by, self._changed)
                self.legs[number] = taken_by

    def _close(self) -> tuple[SimulatedLeg | None, str]:
        call, winner = self._call, self._winner() if self._call.listening else None
        loss = LOSE_RACE if winner is not None else ORIGINATOR_CANCEL
        for leg in self.legs:
            if leg is not winner:
                leg.hangup(NO_PICKUP if _waits_for_ever(leg) else loss)
        if winner is not None:
            _connect(call, winner)
            if self._lone_user:
                self._list_leg(winner)
        for leg in self._listed(winner):
            append(call.variables, "originate_causes", f"{leg.channel.uuid};{'NONE' if leg is winner else leg.cause}")
        if winner is not None:
            return winner, SUCCESS
        if call.transfer is not None:
            return None, ORIGINATOR_CANCEL
        self.timed_out = self.legs[0].cause == NO_ANSWER
        return None, self.legs[0].cause or NO_ANSWER

    def _listed(self, winner: SimulatedLeg | None) -> Iterator[SimulatedLeg]:
        yield from self.legs
        if winner is not None and self._lone_user:
            yield winner


def _waits_for_ever(leg: SimulatedLeg) -> bool:
    """Whether a leg is a place that is open as long as others ring."""
    return isinstance(leg, PickupLeg) and not leg.is_limited


def _connect(call: SimulatedCall, leg: SimulatedLeg) -> None:
    """Answers the caller, or connects the early media of the leg that won by it."""
    call.channel.profile.name_callee(CALLEE_NAME, leg.channel.profile.destination)
    if leg.channel.answered:
        call.answer()
    else:
        call.channel.mark_early()


def _talk(call: SimulatedCall, leg: SimulatedLeg) -> None:
    caller, other = call.channel, leg.channel
    _leave(call, SUCCESS)
    application, _, argument = other.variables.get("execute_on_answer", "").partition(" ")
    if application == "db":
        call.switch.run_api(f"db {argument}")
    call.variables.pop("originate_signal_bond", None)
    call.variables["signal_bond"] = other.uuid
    caller.face(other)
    for one, its_other in ((caller, other), (other, caller)):
        one.profile.times.is_bridged(call.clock.epoch())
        one.variables.update(_bridge_variables(its_other.uuid, its_other.name, its_other.profile.destination))
    for name in _bridge_variables("", "", ""):
        caller.variables.pop(name, None)
    ends = (("Bridge-A-Unique-ID", caller.uuid), ("Bridge-B-Unique-ID", other.uuid))
    caller.fire("CHANNEL_BRIDGE", front=ends)
    caller.variables.update(_bridge_variables(other.uuid, other.name, other.profile.destination))
    call.run_hooks("execute_on_pre_bridge")
    other.enter("CS_EXCHANGE_MEDIA")
    call.talks_with(leg)
    if caller.variables.get("bypass_media_after_bridge") == "true":
        call.let_media_pass(leg)
        return
    call.wait_until(lambda: leg.ended or (other.answered and not caller.answered))
    if other.answered and not caller.answered and call.listening and not leg.ended:
        call.answer()  # it won by early media, and is picked up only now
        call.wait_until(lambda: leg.ended)
    if not leg.ended:
        leg.hangup(caller.hangup_cause or NORMAL_CLEARING)
        other.variables["bridge_hangup_cause"] = NORMAL_CLEARING
    caller.variables.pop("bridge_to", None)
    caller.variables["bridge_hangup_cause"] = caller.hangup_cause or leg.cause or NORMAL_CLEARING
    caller.fire("CHANNEL_UNBRIDGE", front=ends)
    if caller.up and call.transfer is None and call.variables.get("hangup_after_bridge") == "true":
        call.hangup(NORMAL_CLEARING)


def _bridge_variables(uuid: str, name: str, number: str) -> dict[str, str]:
    return {
        "bridge_to": uuid,
        "last_bridge_to": uuid,
        "bridge_channel": name,
        "bridge_uuid": uuid,
        "last_sent_callee_id_name": CALLEE_NAME,
        "last_sent_callee_id_number": number,
    }
