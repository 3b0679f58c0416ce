"""An outgoing leg: one phone that is rung for one call."""

from __future__ import annotations

from collections.abc import Callable

from fshunt.simulator.core.channel import SimulatedChannel
from fshunt.simulator.core.clock import Clock, Timer
from fshunt.simulator.core.headers import LOCAL_IP
from fshunt.simulator.core.phones import Phone, Ring
from fshunt.simulator.core.sip_causes import LOSE_RACE, NORMAL_CLEARING, cause_of, q850_of, reason_header

NETWORK_SECONDS = 0.02
"""From FreeSWITCH's INVITE to the phone's first answer, and the tick in which FreeSWITCH notices things."""

Tell = Callable[[str, str, str], None]
"""Notifies the switch's observers: what, who, detail."""

RunApi = Callable[[str], object]
"""Runs an API command of the switch."""


class SimulatedLeg:
    """A leg from its INVITE to its end. All of it runs by timers; nothing here blocks."""

    def __init__(
        self,
        clock: Clock,
        caller: SimulatedChannel | None,
        channel: SimulatedChannel,
        phone: Phone,
        changed: Callable[[], None],
        tell: Tell,
        run_api: RunApi,
    ) -> None:
        self.channel = channel
        self.phone = phone
        self.cause: str | None = None
        self.confirmed = False
        """Answered, and confirmed by a key where the dial string asks for one."""
        self._clock = clock
        self._caller = caller
        self._changed = changed
        self._tell = tell
        self._run_api = run_api
        self._behaviour = phone.next_behaviour()
        self._timers: list[Timer] = []
        self._ring: Ring | None = None

    @property
    def ended(self) -> bool:
        """Whether it has been hung up."""
        return self.cause is not None

    @property
    def early(self) -> bool:
        """Whether its phone has sent sound before the answer."""
        return self.channel.media and not self.channel.answered

    def start(self) -> None:
        """Sends the INVITE."""
        profile, does = self.channel.profile, self._behaviour
        self.channel.announce()
        call = self.channel.uuid if self._caller is None else self._caller.uuid
        self._ring = Ring(self._clock.now(), call, self.channel.uuid, profile.caller_number, profile.caller_name)
        self.phone.rings.append(self._ring)
        if does.progress is not None:
            self._later(NETWORK_SECONDS + does.progress_after, self._progress)
        if does.rings_after is not None:
            self._later(NETWORK_SECONDS + does.rings_after, self._rings)
        if does.reject is not None:
            self._later(NETWORK_SECONDS + does.reject_after, self._reject)
        elif does.answer_after is not None:
            self._later(NETWORK_SECONDS + does.answer_after, self._answer)

    def join(self, caller: SimulatedChannel, changed: Callable[[], None]) -> None:
        """A leg that the switch called on its own is a leg of this caller's call from now on."""
        self._caller, self._changed = caller, changed
        self.channel.belong_to(caller)

    def time_out_at(self, epoch: float, cause: str) -> None:
        """Ends the leg at a moment unless the call is talking by then."""

        def due() -> None:
            if self.channel.profile.times.bridged == 0:
                self.hangup(cause)

        self._later(epoch - self._clock.epoch(), due)

    def hangup(self, cause: str) -> None:
        """FreeSWITCH ends it: CANCEL before the answer, BYE after it."""
        if not self.ended:
            if cause == LOSE_RACE:
                self.channel.variables["group_dial_status"] = "loser"
            way = "send_bye" if self.channel.answered else "send_cancel"
            self._end(cause, way, at_once=cause == LOSE_RACE)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers.append(self._clock.call_later(seconds, action))

    def _progress(self) -> None:
        if self._behaviour.progress != 183:
            self._rings()
            return
        self._answers()
        self.channel.mark_early()
        self._tell("rings", self.phone.user, self.phone.contact)
        self._changed()

    def _rings(self) -> None:
        self._answers()
        self.channel.mark_ringing()
        self._tell("rings", self.phone.user, self.phone.contact)
        self._changed()

    def _reject(self) -> None:
        code = self._behaviour.reject or 486
        self._term_status(code, cause_of(code))
        self._tell("refuses", self.phone.user, str(code))
        self._end(cause_of(code), "recv_refuse", at_once=True)

    def _answers(self) -> None:
        """Each SIP answer of the phone writes the address of the profile that took it over what was there (fact 37)."""
        self.channel.variables["sip_local_network_addr"] = LOCAL_IP

    def _answer(self) -> None:
        does = self._behaviour
        self._answers()
        self.channel.mark_answered()
        self.execute_on("answer")
        self.channel.settle_answer()
        self.phone.begin_talk()
        if self._ring is not None:
            self._ring.end("answered", self._clock.now())
        if does.hangup_after is not None:
            self._later(does.hangup_after, self._hangs_up)
        key = self.channel.variables.get("group_confirm_key")
        if not key:
            self._confirm()
            return
        self._tell("picks up", self.phone.user, "and is asked to press a key")
        if does.digit is not None:
            self._later(does.digit_after, self._press)

    def _press(self) -> None:
        """A key that is not the right one changes nothing: FreeSWITCH asks again."""
        digit = self._behaviour.digit or ""
        self.channel.fire("DTMF", [("DTMF-Digit", digit), ("DTMF-Duration", "2000"), ("DTMF-Source", "RTP")])
        if digit == self.channel.variables.get("group_confirm_key"):
            self._confirm()

    def execute_on(self, moment: str) -> None:
        """Run what the leg's variables ask for at a moment; of all applications only ``unset`` matters here."""
        variables = self.channel.variables
        for name in [name for name in variables if name.startswith(f"execute_on_{moment}")]:
            application, _, argument = variables[name].partition(" ")
            if application == "unset":
                variables.pop(argument, None)

    def _confirm(self) -> None:
        self.confirmed = True
        self.channel.variables.pop("group_confirm_key", None)
        self._changed()

    def _hangs_up(self) -> None:
        self._term_status(200, NORMAL_CLEARING)
        self._tell("hangs up", self.phone.user, "")
        self._end(NORMAL_CLEARING, "recv_bye", at_once=True)

    def _term_status(self, code: int, cause: str) -> None:
        self.channel.variables.update(
            {
                "sip_term_status": str(code),
                "proto_specific_hangup_cause": f"sip:{code}",
                "sip_term_cause": str(q850_of(cause)),
            }
        )
        if code >= 300:
            self.channel.variables["sip_invite_failure_status"] = str(code)

    def _end(self, cause: str, way: str, *, at_once: bool) -> None:
        self.cause = cause
        for timer in self._timers:
            timer.cancel()
        if self.channel.answered:
            self.phone.end_talk()
        self._note_ring(cause, way)
        if way == "recv_refuse":
            self.channel.variables["sip_hangup_disposition"] = way
        self._blame_caller()
        self.channel.mark_hungup(cause)
        if hook := self.channel.variables.get("api_hangup_hook"):
            self._run_api(hook)
        self.channel.variables.pop("bridge_to", None)
        self.channel.variables["sip_hangup_disposition"] = way
        if at_once:
            self.channel.report(states=False)
        else:
            self._clock.call_later(NETWORK_SECONDS, lambda: self.channel.report(states=False))
        self._tell_caller(cause)
        self._changed()

    def _note_ring(self, cause: str, way: str) -> None:
        if self._ring is not None and self._ring.outcome == "ringing":
            outcome, reason = ("refused", "") if way == "recv_refuse" else ("cancelled", reason_header(cause))
            self._ring.end(outcome, self._clock.now(), reason)
            if way == "send_cancel":
                self._tell("stops ringing", self.phone.user, cause)

    def _blame_caller(self) -> None:
        """A leg that ends because the caller left knows why the caller did."""
        if self._caller is not None and not self._caller.up:
            self.channel.variables["last_bridge_hangup_cause"] = str(self._caller.hangup_cause)
            if specific := self._caller.variables.get("proto_specific_hangup_cause"):
                self.channel.variables["last_bridge_proto_specific_hangup_cause"] = specific

    def _tell_caller(self, cause: str) -> None:
        """The caller's channel keeps the cause of the last leg that ended, while the channel exists."""
        if self._caller is not None and self._caller.up:
            self._caller.variables["last_bridge_hangup_cause"] = cause
            if specific := self.channel.variables.get("proto_specific_hangup_cause"):
                self._caller.variables["last_bridge_proto_specific_hangup_cause"] = specific
