"""The applications that the simulated switch knows, each a function of the call and its argument."""

from __future__ import annotations

import re
import shlex
import uuid as uuids

from fshunt.simulator.core.actions import Action, Message
from fshunt.simulator.core.channel import set_variable
from fshunt.simulator.core.simulated_call import Application, SimulatedCall
from fshunt.simulator.core.sip_causes import NORMAL_CLEARING
from fshunt.simulator.dialplan.bridging import bridge

_TONE = re.compile(r"tone_stream://%\((\d+),(\d+),[\d,]+\)(?:;loops=(-?\d+))?")
_SILENCE = re.compile(r"silence_stream://(\d+)")


def _answer(call: SimulatedCall, _argument: str) -> None:
    call.answer()


def _pre_answer(call: SimulatedCall, _argument: str) -> None:
    call.channel.mark_early()


def _ring_ready(call: SimulatedCall, _argument: str) -> None:
    call.channel.mark_ringing()


def _set(call: SimulatedCall, argument: str) -> None:
    name, _, value = argument.partition("=")
    set_variable(call.variables, name, value)


def _multiset(call: SimulatedCall, argument: str) -> None:
    separator = " "
    if argument.startswith("^^") and len(argument) > 2:
        separator, argument = argument[2], argument[3:]
    for pair in argument.split(separator):
        _set(call, pair)


def _export(call: SimulatedCall, argument: str) -> None:
    """Sets a variable, and names it among those for legs; with ``nolocal:`` before the name it is for them alone."""
    name, _, value = argument.partition("=")
    set_variable(call.variables, name, value)
    others = call.variables.get("export_vars")
    call.variables["export_vars"] = name if others is None else f"{others},{name}"


def _unset(call: SimulatedCall, argument: str) -> None:
    call.variables.pop(argument, None)


def _sleep(call: SimulatedCall, argument: str) -> None:
    call.wait_until(lambda: False, int(argument) / 1000)


def _playback(call: SimulatedCall, argument: str) -> None:
    call.played.append(argument)
    call.wait_until(lambda: call.broken_off, _playback_seconds(argument, call.switch.playback_seconds))
    call.variables.update({"playback_seconds": "0", "current_application_response": "FILE PLAYED"})


def _playback_seconds(source: str, otherwise: float) -> float | None:
    """How long a source plays; None: forever."""
    if found := _TONE.match(source):
        loops = int(found[3] or 1)
        return None if loops < 0 else loops * (int(found[1]) + int(found[2])) / 1000
    if found := _SILENCE.match(source):
        return int(found[1]) / 1000
    return otherwise


def _stop_displace_session(call: SimulatedCall, argument: str) -> None:
    call.stop_displacing(argument)


def _voicemail(call: SimulatedCall, argument: str) -> None:
    """Takes a message of ``profile domain box``; returns when it is spoken, or at once without phrases (fact 10)."""
    words = argument.split()
    box = words[-1] if words else ""
    controlled = call.listener is not None and not call.listener.finished
    call.ending.become("voicemail" if controlled else "fallback-voicemail", box)
    call.switch.tell(call, "voicemail", box, argument)
    began = call.clock.now()
    if box in call.switch.mute_boxes or not call.switch.has_user(box):
        return
    call.variables["RECORD_DATE"] = f"{call.clock.epoch()}"
    if call.caller.message_seconds is not None:
        call.later(call.caller.message_seconds, call.hang_up)
    call.wait_until(lambda: False, call.switch.voicemail_seconds)
    call.switch.take_message(call, box, call.clock.now() - began)


def _transfer(call: SimulatedCall, argument: str) -> None:
    inline = _inline_actions(argument)
    target = next((said for application, said in inline if application == "execute_extension"), argument)
    number = target.partition(" ")[0]
    call.run_hooks("execute_on_blind_transfer")
    call.ending.become("transferred", number)
    call.switch.tell(call, "transferred", number, target)
    history = f"{int(call.clock.epoch())}:{call.uuid}:bl_xfer:{number}/default/XML"
    call.variables.update({"max_forwards": "69", "transfer_history": history, "transfer_source": history})
    if inline:
        call.go_on_with(call.channel.profile.destination, inline)  # as mod_dptools does, the old number
    else:
        call.transfer_to(number)


def _inline_actions(argument: str) -> list[Action]:
    """The actions of ``'m:^:app:arg^app:arg' inline CONTEXT``; none for a number."""
    words = shlex.split(argument)
    if words[1:2] != ["inline"]:
        return []
    pairs = [each.partition(":") for each in words[0].removeprefix("m:^:").split("^")]
    return [(application, said) for application, _, said in pairs]


def _hangup(call: SimulatedCall, argument: str) -> None:
    call.switch.tell(call, "hung up", "", argument or NORMAL_CLEARING)
    call.hangup(argument or NORMAL_CLEARING)


def _park(call: SimulatedCall, _argument: str) -> None:
    call.ending.become("stuck", call.ending.who)
    call.wait_until(lambda: False)


def _execute_extension(call: SimulatedCall, argument: str) -> None:
    """Runs another number's actions, or those that stand in the argument: ``app:arg,app:arg inline``."""
    words = shlex.split(argument)
    if words[1:2] == ["inline"]:
        for action in words[0].split(","):
            application, _, said = action.partition(":")
            call.execute(Message(application, said, str(uuids.uuid4())))
    elif words and call.switch.has_route(words[0]):
        for application, said in call.switch.route(words[0]):
            call.execute(Message(application, said, str(uuids.uuid4())))


def _signal_bridge(call: SimulatedCall, argument: str) -> None:
    """A talk whose media goes past the switch; no application of FreeSWITCH's, but a state of the two channels."""
    leg = call.legs[argument]
    call.wait_until(lambda: leg.ended)
    leg.hangup(call.channel.hangup_cause or NORMAL_CLEARING)
    call.hangup(NORMAL_CLEARING)


def _nothing(_call: SimulatedCall, _argument: str) -> None:
    """Applications that leave no trace here: eval, info, log, set_profile_var."""


TABLE: dict[str, Application] = {
    "answer": _answer,
    "bridge": bridge,
    "eval": _nothing,
    "execute_extension": _execute_extension,
    "export": _export,
    "hangup": _hangup,
    "info": _nothing,
    "log": _nothing,
    "multiset": _multiset,
    "park": _park,
    "playback": _playback,
    "pre_answer": _pre_answer,
    "ring_ready": _ring_ready,
    "set": _set,
    "set_profile_var": _nothing,
    "signal_bridge": _signal_bridge,
    "sleep": _sleep,
    "stop_displace_session": _stop_displace_session,
    "transfer": _transfer,
    "unset": _unset,
    "voicemail": _voicemail,
}
"""All but ``socket``, which the event socket adds."""
