"""Rings the phones of a stage until somebody takes the call, all have ended, or the caller leaves (section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from uuid import uuid4

from fshunt.errors import FshuntError
from fshunt.esl import api, commands
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.esl.session import Session, SwitchLost, TimedOut
from fshunt.freeswitch.causes import CONNECTION_LOST
from fshunt.freeswitch.dialstring import LegPlan, dial_string
from fshunt.freeswitch.endings import said_of
from fshunt.freeswitch.late_legs import Slot
from fshunt.freeswitch.offers import CONFIRM_DIGIT, Leg, Offer, StageLegs
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.states import Outcome

GONE_SECONDS = 2.0
"""After the caller's hang-up the result of ``bridge`` comes within 40 ms (fact 6); no call waits longer."""

BRIDGE_SECONDS = 10.0
"""After the last leg's time is over the ``bridge`` ends at once; if it has not after this time, the switch is stuck."""

LOOK_PAUSE_SECONDS = 0.5
"""Between two questions for late phones: each phone that registers is a reason for one."""

LAST_LOOK_SECONDS = 0.05
"""At a stop: how long a pick-up may still be reported; the switch reports it within some 10 ms."""

TAKEN_SECONDS = 0.5
"""The switch ended the ringing as the caller's, who has not hung up: somebody else takes the call, and the switch says
so within some 10 ms (fact 34)."""

KEY = "DTMF"
"""The event of a key that was pressed."""

FOREVER = float("inf")


WITHDRAWN: dict[SkipReason, tuple[str, str]] = {
    SkipReason.BLOCKED: ("CALL_REJECTED", "the member blocked calls while it rang"),
    SkipReason.DISABLED: ("NO_ANSWER", "disabled or removed by an administrator while it rang"),
    SkipReason.ON_CALL: ("USER_BUSY", "the member took another call while it rang"),
}
"""The cause and the words of an offer that ends because the member may not be rung any more, or is busy."""


def _nothing(_ringing: Ringing) -> None:
    return


class StageEnd(Enum):
    """How a stage ended."""

    ANSWERED = auto()
    NOBODY = auto()
    CALLER_GONE = auto()
    CALLER_TAKEN = auto()
    """Somebody else has the caller."""
    LEFT_RINGING = auto()
    """The daemon stops; the switch alone keeps the phones ringing."""


@dataclass(slots=True)
class Ringing:
    """One stage being rung. ``on_ended`` is told of each offer as it ends; ``clock`` is monotonic, in seconds."""

    session: Session
    legs: StageLegs
    on_ended: Callable[[Offer], None]
    clock: Callable[[], float]
    slot: Slot | None = None
    """The place for phones that come late; None: none can join."""
    look: Callable[[Ringing], None] = _nothing
    """Looks for such phones, and adds them."""
    bridge_uuid: str = field(default_factory=lambda: str(uuid4()))
    winner: Offer | None = None
    _withdrawn: dict[int, SkipReason] = field(default_factory=dict)
    _hears_keys: bool = False
    _look_at: float = field(default=FOREVER)
    _looked_at: float = -FOREVER
    _slot_ended: bool = False
    _has_late_legs: bool = False
    _stopping: bool = False
    _leave_by: float = field(default=FOREVER)
    _gone_by: float = field(default=FOREVER)
    _stuck_by: float = field(default=FOREVER)
    _taken_by: float = field(default=FOREVER)
    _is_replaced: bool = False
    _end: StageEnd | None = None

    def start(self, plans: Sequence[LegPlan]) -> None:
        """Have the switch ring all legs at once, and send the events of each."""
        try:
            dialled = dial_string(plans) if self.slot is None else self.slot.among(plans)
            bridge = commands.execute("bridge", dialled, self.bridge_uuid)
            # Keys are told of only where one is asked for: in a talk each would cost an event for nothing.
            self._hears_keys = any(plan.confirm for plan in plans)
            keys = [commands.subscribe(KEY)] if self._hears_keys else []
            self.session.post(*keys, *(commands.add_filter(plan.uuid) for plan in plans), bridge)
        except FshuntError:
            self.legs.close_all(CONNECTION_LOST)
            self._report()
            raise

    def until_end(self) -> StageEnd:
        """Ring until the stage has ended; each phone for its time.

        Raises SwitchLost if the connection is lost, TimedOut if the switch does not end the ``bridge``.
        """
        try:
            while self._end is None:
                event = self.session.next_event(self._next_deadline(), wakeable=True)
                if self._stopping and self._leave_by == FOREVER:
                    self._leave_by = self.clock() + LAST_LOOK_SECONDS
                if event is None:
                    self._on_time(self.clock())
                else:
                    self._on_event(event.event, self.clock())
                if self._end is None:
                    self._look_for_caller()
                self._end_withdrawn()  # after the event: it may say that the phone was picked up
                self._report()
                self._see_to_late_phones()
            self._tidy_up(self._end)
            return self._end
        except SwitchLost:
            if not self.session.gone:
                raise
            self._caller_gone()
            return StageEnd.CALLER_GONE
        finally:
            if self._end is not StageEnd.LEFT_RINGING:
                self.legs.close_all(CONNECTION_LOST)
                self._report()

    def phones_changed(self) -> None:
        """Look for new phones soon, at the request of another greenlet."""
        if self.slot is not None:
            self._look_at = min(self._look_at, max(self.clock(), self._looked_at + LOOK_PAUSE_SECONDS))
            self.session.wake()

    def add(self, offer: Offer, leg: Leg, call: Command) -> None:
        """Ring one more phone of a member; ``call`` calls it."""
        self._has_late_legs = True
        self.legs.add(offer, leg)
        self.session.post(commands.add_filter(leg.uuid), call)

    def _see_to_late_phones(self) -> None:
        if self.slot is None or self._end is not None:
            return
        if self.clock() >= self._look_at:
            self._look_at, self._looked_at = FOREVER, self.clock()
            # Who rings already rings on, and may have been picked up meanwhile: the events that came say so, and the
            # next one that is waited for that the switch is lost.
            with suppress(TimedOut, SwitchLost):
                self.look(self)
        if self.legs.all_ended:  # else the bridge would go on with the slot alone
            self._end_slot()

    def _end_slot(self) -> None:
        if self.slot is not None and not self._slot_ended:
            self._slot_ended = True
            self.session.post(api.uuid_kill(self.slot.uuid, "NO_ANSWER"))

    def withdraw(self, member_id: int, reason: SkipReason) -> None:
        """Stop ringing a member, at the request of another greenlet; the call's own greenlet does it."""
        self._withdrawn.setdefault(member_id, reason)
        self.session.wake()

    def ringing_members(self) -> list[int]:
        """The members whose phones ring, without those withdrawn."""
        live = (offer for offer in self.legs.offers if offer.live_legs())
        return [offer.member_id for offer in live if offer.member_id not in self._withdrawn]

    def winner_leg(self) -> str | None:
        """The channel of the member who has the call."""
        if self.winner is None:
            return None
        return next((leg.uuid for leg in self.winner.legs if leg.outcome is Outcome.ANSWERED), None)

    def stop(self) -> None:
        """Watch the ringing no more, from another greenlet: the daemon stops, and the phones keep ringing."""
        self._stopping = True
        self.session.wake()

    def _tidy_up(self, end: StageEnd) -> None:
        if end is StageEnd.NOBODY:
            self._delete_filters()
        if end is StageEnd.LEFT_RINGING:
            if not self.legs.any_joined:
                self._end_slot()  # else the caller would wait for it when all phones have ended
        elif self._has_late_legs and self.slot is not None:
            self._post_if_there(self.slot.end_calls())  # those that were called as the slot ended
        if self._hears_keys:
            self._post_if_there(commands.unsubscribe(KEY))

    def _post_if_there(self, command: Command) -> None:
        """Who has the call keeps it where the switch is lost; the talk meets that again."""
        with suppress(SwitchLost):
            self.session.post(command)

    def _delete_filters(self) -> None:
        """The legs of this stage are over; each filter that stayed would be compared with every event to come."""
        self.session.post(*(commands.delete_filter(leg.uuid) for offer in self.legs.offers for leg in offer.legs))

    def _end_withdrawn(self) -> None:
        for offer in self.legs.offers:
            reason = self._withdrawn.get(offer.member_id)
            others = offer.legs_to_call_off()
            if reason is not None and others:
                cause, why = WITHDRAWN[reason]
                offer.withdraw(why)
                self._call_off(others, cause)

    def _next_deadline(self) -> float:
        """The next moment to do something; once no leg's time is running, the switch must end the bridge soon."""
        due = self.legs.next_due()
        if due < FOREVER:
            self._stuck_by = FOREVER
        elif self._stuck_by == FOREVER:
            self._stuck_by = self.clock() + BRIDGE_SECONDS
        return min(due, self._look_at, self._gone_by, self._stuck_by, self._leave_by, self._taken_by)

    def _on_time(self, now: float) -> None:
        self._end_legs(now)
        if now >= self._gone_by:
            self._caller_gone()
        if now >= self._leave_by:
            self._end = StageEnd.LEFT_RINGING
            return
        if now >= self._taken_by:
            self._end = StageEnd.NOBODY
            return
        if now >= self._stuck_by:
            raise TimedOut("FreeSWITCH did not end the ringing when it was told to.")

    def _on_event(self, event: Frame, now: float) -> None:
        if event.get("Event-Name") == KEY:
            self._on_key(event)
            return
        offer = self.legs.on_leg_event(event, now)
        if offer is not None:
            self._call_off_others_if_declined(offer)
            return
        if not self.session.is_callers(event):
            return
        match event.get("Event-Name"):
            case "CHANNEL_BRIDGE":
                self.legs.on_made(event)
                self._answered(event.get("Other-Leg-Unique-ID") or event.get("Bridge-B-Unique-ID") or "")
            case "CHANNEL_EXECUTE_COMPLETE" if event.get("Application-UUID") == self.bridge_uuid:
                self._bridge_complete(event, now)
            case "CHANNEL_HANGUP":
                self._gone_by = now + GONE_SECONDS
            case "CHANNEL_HANGUP_COMPLETE":
                self._caller_gone()

    def _answered(self, leg_uuid: str) -> None:
        self.winner = self.legs.on_bridge(leg_uuid)
        if self.winner is not None:
            self._end = StageEnd.ANSWERED

    def _bridge_complete(self, event: Frame, now: float) -> None:
        self.legs.on_made(event)
        if event.get("variable_originate_disposition") == "SUCCESS":
            self._answered(event.get("variable_last_bridge_to") or event.get("variable_bridge_uuid") or "")
            if self._end is not None:
                return
        self.legs.on_complete(event)
        self.winner = self.legs.winner()
        if self.winner is not None:
            self._end = StageEnd.ANSWERED
        elif self.session.gone:
            self._end = StageEnd.CALLER_GONE
        elif event.get("variable_originate_disposition") == "ORIGINATOR_CANCEL":
            self._taken_by = now + TAKEN_SECONDS
        else:
            self._end = StageEnd.NOBODY

    def _caller_gone(self) -> None:
        self.legs.close_all("ORIGINATOR_CANCEL")
        self._end = StageEnd.CALLER_GONE

    def _look_for_caller(self) -> None:
        """See whether the call is somebody else's now."""
        if self.session.taken:
            self._caller_taken()
        elif self.session.replaced and not self._is_replaced:
            self._is_replaced = True
            self._caller_replaced()

    def _caller_taken(self) -> None:
        """Whatever phone of ours still rings is stopped by the switch, with the ``bridge``.

        A channel that has ended has left our action as well: then nobody has the caller, and who comes in the place is
        offered to the same member.
        """
        nobody_has_it = self.session.gone or self.session.replaced
        self.legs.close_all("ORIGINATOR_CANCEL" if nobody_has_it else "LOSE_RACE")
        self._end = StageEnd.CALLER_TAKEN

    def _caller_replaced(self) -> None:
        """End the ringing: the phones ring anew for who comes (fact 58). One that is picked up has the call."""
        for offer in self.legs.offers:
            self._call_off(offer.legs_to_call_off(), "ORIGINATOR_CANCEL")

    def _call_off_others_if_declined(self, offer: Offer) -> None:
        """A refusal at one phone is the member's word for all of them (RFC 3261 section 16.7, step 5)."""
        if not any(leg.outcome is Outcome.DECLINED for leg in offer.legs):
            return
        self._call_off(offer.legs_to_call_off(), "CALL_REJECTED")

    def _on_key(self, event: Frame) -> None:
        """A member who must confirm and presses another key has refused, and hears no more of the call."""
        offer = self.legs.on_key(event)
        if offer is not None:
            for leg in offer.legs_to_call_off():
                self._call_off([leg], "CALL_REJECTED" if leg.pressed else "NO_ANSWER")

    def _call_off(self, legs: Sequence[Leg], recorded: str) -> None:
        """Have legs ended so that no phone shows a missed call; ``recorded`` is the cause in the records."""
        for leg in legs:
            leg.call_off("LOSE_RACE", self.clock(), recorded)

    def _end_legs(self, now: float) -> None:
        """Tell the switch what is due about the legs that are to be ended."""
        orders = self.legs.orders(now, lambda: uuid4().hex)
        if orders:
            self.session.post(*said_of(orders, CONFIRM_DIGIT))

    def _report(self) -> None:
        for offer in self.legs.settled():
            self.on_ended(offer)
