"""The path of a call, top to bottom: greet, plan, ring stage after stage, queue, talk or leave (design, section 6)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import takewhile

from gevent import getcurrent

from fshunt.daemon.call.call_lines import about_call
from fshunt.daemon.call.call_log import CallLog
from fshunt.daemon.call.callback_request import CallbackOffer
from fshunt.daemon.call.callback_served import (
    CallerCall,
    Served,
    end_unless_served,
    find_request,
    member_talks_on,
)
from fshunt.daemon.call.caller import caller_of
from fshunt.daemon.call.finish import (
    CALLER_HUNG_UP,
    Detach,
    LeftRinging,
    Stopped,
    give_up,
    hang_up_seen,
    leave_ringing,
    part,
    protect_talk,
    talk,
)
from fshunt.daemon.call.late_phones import MetPhones, slot_beside
from fshunt.daemon.call.leaving import Elsewhere, Leaving
from fshunt.daemon.call.music import ContinuousMusic, HoldMusic
from fshunt.daemon.call.offering import make_offers
from fshunt.daemon.call.phone_lookup import Phones
from fshunt.daemon.call.phone_wait import PhoneWait
from fshunt.daemon.call.planning import plan, resume
from fshunt.daemon.call.queueing import Queueing
from fshunt.daemon.call.replacing import forget_replacement, let_be_replaced
from fshunt.daemon.call.returned import Returned, returned_of, take_back
from fshunt.daemon.call.ringing import Ringing, StageEnd
from fshunt.daemon.call.selection import Chosen, all_phones, choose, is_on_another_call
from fshunt.daemon.call.setup import answer_first, greet, present
from fshunt.daemon.call.waves import PAUSE_SECONDS, Waves, hold
from fshunt.daemon.cluster.takeover import DetachedCall
from fshunt.daemon.data.database import Deadline
from fshunt.daemon.data.handovers import Handover, Place
from fshunt.daemon.deps import Dependencies
from fshunt.errors import BadValue, FshuntError
from fshunt.esl import api
from fshunt.esl.caller_state import HUNG_UP
from fshunt.esl.commands import UnsafeText
from fshunt.esl.session import CallerGone, CallerReplaced, CallerTaken, CommandRefused, Session, SwitchLost
from fshunt.freeswitch.callbacks import SERVES, Serving, serving_of
from fshunt.freeswitch.offers import Offer, StageLegs
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.callbacks import as_served
from fshunt.hunting.group import Member
from fshunt.hunting.hunt import Hunt, Stage
from fshunt.hunting.states import TRANSITIONS, HuntEvent, HuntState, Outcome, Result
from fshunt.log_events import LogEvent

log = logging.getLogger(__name__)

DAEMON_STOPPED = "fshunt was stopped"
INTERNAL_ERROR = "internal error, see the log: {}"
STOPPED_RINGING = "fshunt was stopped while phones rang; they kept ringing"
WENT_ON = "the call continued without fshunt, its end was not seen"

NEVER_BEGUN = (BadValue, CommandRefused, UnsafeText)
"""Errors that say of a voicemail that the switch did not begin it; after any other one the caller may be in it."""

PLANNING_SECONDS = 0.5
"""What a hunt waits for the database before its order is decided, or ``database_timeout`` if that is longer; its claims
have a time of their own. A database that does not answer in time is not asked again, so that with the default the
first phone rings within a second."""

RELEASED_SECONDS = 0.3
"""What a hunt that goes on for another caller waits, until the members that it called off are free in the database."""

SHORTEST_RING_SECONDS = 0.5
"""What is left of ``hunt_timeout`` at a stage's start rings a phone at least this long: less only startles people."""


class Call:
    """One call to a pilot, whose session has been greeted with ``connect``."""

    def __init__(self, session: Session, deps: Dependencies) -> None:
        self.session, self.deps = session, deps
        self.caller = caller_of(session.channel, session.uuid)
        self.call_log = CallLog(deps, self.caller)
        self.hunt: Hunt | None = None
        self.gives_up_at = float("inf")
        """When the time of the whole hunt is over (``hunt_timeout``), of the monotonic clock."""
        self._elsewhere = Elsewhere()
        self._deadline = Deadline(max(PLANNING_SECONDS, deps.settings.database_timeout), deps.monotonic)
        """Until when the call waits for the database."""
        self._began = deps.monotonic()
        self._greenlet = getcurrent()
        self._stopping = False
        self._ringing: Ringing | None = None
        self._met = MetPhones()
        self._music = ContinuousMusic(session, None)
        self._place = Place()
        """In the call queue: that of the caller in whose place this one was put, then the own."""
        self._served: Served | None = None
        """What a call serves that is in the place of a caller who is to be called back."""

    @property
    def detached_result(self) -> Result | None:
        """The result of a call that continues without us, as a talk or in voicemail; None while it needs us."""
        return self._elsewhere.result

    # The path of a call.

    def run(self) -> None:
        """Take the call to its one result; if that cannot be done, the dialplan's fallback takes the caller."""
        if not self._is_hunt():
            return
        self.deps.handovers.begin(self.caller.uuid)
        try:
            self._hunt_until_taken()
            self.session.close()
        except CallerGone:
            self._end(HuntEvent.CALLER_GONE, Result.ABANDONED, CALLER_HUNG_UP)
            self.session.close()
        except CallerReplaced:
            self._replaced()
            self.session.close()
        except Detach:
            self._detach(stopping=True)
            self.session.close()
        except LeftRinging:
            self._detach(stopping=True)
            leave_ringing(self.session, self.caller)
        except Stopped:
            self._end(HuntEvent.FAILED, Result.FAILED, DAEMON_STOPPED)
            self.session.hand_back()
        except FshuntError as error:
            self._failed(error)
        finally:
            if not self.call_log.is_closed:
                self._end(HuntEvent.FAILED, Result.FAILED, INTERNAL_ERROR.format(_named(sys.exception())))
                give_up(self.session, self.caller)
            self.deps.handovers.end(self.caller.uuid)

    def _is_hunt(self) -> bool:
        """Whether a hunt is to begin; all else is done when this returns."""
        if self.caller.undelivered:
            give_up(self.session, self.caller)
        elif (member_talks := member_talks_on(self.session)) is not None:
            self._call_back(member_talks)
        elif not self._is_served():
            end_unless_served(self.session)
        elif (returned := returned_of(self.session.channel)) is not None:
            self._take_back(returned)
        else:
            return True
        return False

    def _hunt_until_taken(self) -> None:
        try:
            self._hunt()
        except CallerTaken as taken:
            self._taken(taken)

    def _hunt(self) -> None:
        greet(self.session, self.caller)
        hunt = self._plan()
        self._wait_for_phone(hunt)
        if self._ring_stages(hunt) or self._ring_late_phones(hunt) or self._queue(hunt):
            self._talk(hunt)
        else:
            self._leave(hunt)

    def _plan(self) -> Hunt:
        hunt = self.hunt = self._resumed() or self._begun()
        self.call_log.opened(hunt, None if self._served is None else self._served.words)
        present(self.session, self.caller, hunt.group)
        self._music = ContinuousMusic(self.session, hunt.group.music)
        let_be_replaced(self.session, self.caller, hunt.group)
        return hunt

    def _wait_for_phone(self, hunt: Hunt) -> None:
        """Where the settings say so, and no member has a phone: wait until one has."""
        seconds, clock = self.deps.settings.wait_for_phone_seconds, self.deps.monotonic
        if not seconds:
            return
        wait = PhoneWait(self.session, hunt, self._hold_music(hunt), self.deps)
        if wait.is_needed():
            began, self._began = clock(), 0.0  # the wait is no delay of ours
            self.call_log.note(LogEvent.PHONE_AWAITED, f"no member has a phone: waiting up to {seconds:g} s for one")
            found = wait.until_phone(min(began + seconds, self.gives_up_at))
            what = "a phone has registered" if found else "no phone has registered"
            self.call_log.note(LogEvent.PHONE_AWAITED, f"{what} after {clock() - began:.1f} s")

    def _begun(self) -> Hunt:
        hunt = plan(self.caller, self.call_log.hunt_id, self.deps, self._deadline)
        if self._served is not None:
            hunt = replace(hunt, group=as_served(hunt.group))
        if hunt.group.hunt_timeout is not None:
            self.gives_up_at = self.deps.monotonic() + hunt.group.hunt_timeout
        return hunt

    def _resumed(self) -> Hunt | None:
        """Go on with the hunt of the caller in whose place this one was put, where this daemon has it."""
        left = self.deps.handovers.take(self.caller.replaces) if self.caller.replaces else None
        if left is None or left.hunt.group.pilot != self.caller.pilot:
            return None
        self.deps.outbox.flush(RELEASED_SECONDS)
        words = f"goes on with the hunt of call {self.caller.replaces}, by an attended transfer"
        self.call_log.note(LogEvent.REPLACED, words)
        self.gives_up_at, self._place = left.gives_up_at, left.place
        return resume(self.caller, self.call_log.hunt_id, left.hunt)

    def _ring_stages(self, hunt: Hunt) -> bool:
        """Ring stage after stage while there is time; tell whether a member has the call."""
        return any(self._ring(hunt, stage) for stage in takewhile(self._is_in_time, hunt.stages()))

    def _ring_late_phones(self, hunt: Hunt) -> bool:
        """Ring the phones that have registered since their members were rung or skipped; tell whether one has the call.

        A caller who is about to queue is offered there the members for whom they wait.
        """
        if self.deps.monotonic() >= self.gives_up_at:
            return False
        self.session.check_caller()
        stages = hunt.late_stages(self._met.late(self.session, hunt, self.deps))
        return any(self._ring(hunt, stage, self._met.without_met) for stage in takewhile(self._is_in_time, stages))

    def _is_in_time(self, _stage: Stage) -> bool:
        return self.deps.monotonic() < self.gives_up_at

    def _ring(self, hunt: Hunt, stage: Stage, which: Callable[[Phones], Phones] = all_phones) -> bool:
        """Ring the members of a stage who are available, in waves; tell whether one of them has the call."""
        waves = Waves(stage.members)
        try:
            while waves.goes_on and self._is_in_time(stage):
                if waves.pauses:
                    self._pause(hunt, self.deps.monotonic() + PAUSE_SECONDS)
                if self._ring_wave(hunt, stage, waves, which):
                    return True
            return False
        finally:
            for member in waves.passed_over:
                hunt.skipped(member, SkipReason.SWITCH_LIMIT)
                self.call_log.skipped(stage, member, SkipReason.SWITCH_LIMIT)

    def _ring_wave(self, hunt: Hunt, stage: Stage, waves: Waves, which: Callable[[Phones], Phones]) -> bool:
        """Ring as many of the members who are left as the switch rings at once; tell whether one has the call."""
        self.session.check_caller()
        choice = choose(self.session, hunt, waves.left, self.deps, self._deadline, which=which)
        self._met.note_skipped(choice.skipped)
        for member, reason in choice.skipped:
            hunt.skipped(member, reason)
            self.call_log.skipped(stage, member, reason)
        waves.begin(choice.later)
        answered = False
        if choice.chosen:
            answered = self._ring_offers(hunt, stage, choice.chosen, waves.refuse)
        else:
            hunt.move(HuntEvent.SKIPPED)
        waves.end(len(choice.chosen))
        return answered

    def _pause(self, hunt: Hunt, until: float) -> None:
        """Wait while no phone rings; the caller hears music or ringing."""
        music = self._hold_music(hunt)
        hold(self.session, music, min(until, self.gives_up_at))
        music.stop()

    def _hold_music(self, hunt: Hunt) -> HoldMusic:
        return HoldMusic(self.session, hunt.group, self.caller, self._music)

    def _queue(self, hunt: Hunt) -> bool:
        """Where callers wait for busy members: stay in the queue, and ring the members who become free."""
        if not hunt.waits() or self.deps.monotonic() >= self.gives_up_at:
            return False
        self._began = 0.0  # the time in the queue is no delay of ours
        begin = partial(self._begin_to_wait, hunt)
        offer = self._callback_offer(hunt) if hunt.group.callback else None
        waiting = Queueing(self.session, hunt, begin, self.deps, self.call_log, self.gives_up_at, self._place, offer)
        with waiting as queueing:
            try:
                while (found := queueing.until_free()) is not None:
                    stage, chosen = found
                    if self._ring_offers(hunt, stage, chosen, partial(queueing.skip, stage, SkipReason.SWITCH_LIMIT)):
                        return True
                    queueing.spare_the_busy()
            finally:
                self._place = queueing.place
        return False

    def _callback_offer(self, hunt: Hunt) -> CallbackOffer:
        return CallbackOffer(self.session.channel, self.caller, hunt, self.deps)

    def _begin_to_wait(self, hunt: Hunt) -> tuple[HoldMusic, bool]:
        if hunt.group.answer_first and not self.caller.answered:
            self.caller = answer_first(self.session, self.caller, hunt.group)
            self.call_log.note(LogEvent.CALLER_ANSWERED, "answered before waiting, as the group says")
        return self._hold_music(hunt), self.caller.answered

    def _ring_offers(
        self, hunt: Hunt, stage: Stage, chosen: list[Chosen], on_refused: Callable[[Member], None]
    ) -> bool:
        """Ring these members; ``on_refused`` is told of each whom the switch refused to ring, which is no offer."""
        clock = self.deps.monotonic
        longest = max(self.gives_up_at - clock(), SHORTEST_RING_SECONDS)
        offers, plans = make_offers(chosen, hunt.group, self.caller, self.deps, longest)
        self._met.note_rung(chosen)

        def on_ended(offer: Offer) -> None:
            if offer.refused:
                self.call_log.offer_refused(hunt, offer)
                on_refused(hunt.group.member(offer.member_id))
                return
            self.call_log.offer_ended(hunt, offer, clock() - offer.started)
            member, outcome = hunt.group.member(offer.member_id), offer.outcome or Outcome.SWITCH_LOST
            hunt.ended(member, outcome, refused=offer.refused_by_key)

        slot, look = slot_beside(plans, self.deps), partial(self._let_late_phones_join, hunt)
        ringing = self._ringing = Ringing(self.session, StageLegs(offers), on_ended, clock, slot, look)
        hunt.offer_ids.update(offer.id for offer in offers)
        hunt.move(HuntEvent.OFFERED)
        self.call_log.offered(stage, offers, hunt.group)
        self._music.begin()
        ringing.start(plans)
        self._note_delay()
        ids = [each.member.address.at(hunt.group.domain).lower() for each in chosen]
        with self.deps.phone_waits.woken_by(ids, ringing.phones_changed):
            end = ringing.until_end()
        return self._has_answered(hunt, end)

    def _let_late_phones_join(self, hunt: Hunt, ringing: Ringing) -> None:
        for member in self._met.join(ringing, hunt, self.caller, self.deps):
            words = f"{member.extension} has a new phone, which rings too"
            self.call_log.note(LogEvent.PHONE_JOINED, words, member.extension)

    def _has_answered(self, hunt: Hunt, end: StageEnd) -> bool:
        match end:
            case StageEnd.CALLER_GONE:
                self.session.check_caller()
                raise CallerGone(HUNG_UP)
            case StageEnd.CALLER_TAKEN:
                self.session.check_caller()
            case StageEnd.LEFT_RINGING:
                raise LeftRinging
            case StageEnd.NOBODY:
                hunt.move(HuntEvent.NOT_ANSWERED)
                if self._stopping:
                    raise Stopped
                return False
        self._answered(hunt)
        return True

    def _note_delay(self) -> None:
        if self._began:
            self.deps.metrics.setup_delay(self.deps.monotonic() - self._began)
            self._began = 0.0

    def _answered(self, hunt: Hunt) -> None:
        """From here on the call outlives us, and nobody else is rung (invariant I6)."""
        self._elsewhere.goes_on(Result.ANSWERED)
        hunt.move(HuntEvent.ANSWERED)
        with suppress(SwitchLost):  # it is met again at once by the wait for the end of the talk
            protect_talk(self.session, self.caller)
            self._music.end()
            if self._served is not None:  # wherever the member transfers the call, it is one like any other there
                self.session.post(api.uuid_setvar(self.caller.uuid, SERVES))
        if hunt.answered_by is not None:
            self.call_log.answered(hunt.group, hunt.answered_by)
        if hunt.group.callback and self._served is None:
            self._callback_offer(hunt).withdraw()

    def _talk(self, hunt: Hunt) -> None:
        ringing = self._ringing
        if ringing is None or not talk(self.session, ringing.bridge_uuid, ringing.winner_leg()):
            self._detach()
            return
        if hunt.answered_by is not None:
            self.call_log.talk_ended(hunt.group, hunt.answered_by)
        self._end(HuntEvent.TALK_ENDED, Result.ANSWERED)
        part(self.session)

    def _leave(self, hunt: Hunt) -> None:
        """Nobody took the call: on to the destination of the case."""
        self.session.check_caller()
        hunt.move(HuntEvent.EXHAUSTED)
        self._music.end()
        forget_replacement(self.session, self.caller)
        end = partial(self._end, HuntEvent.DELIVERED)
        Leaving(self.session, self.caller, hunt, self.call_log, self.deps, self._elsewhere, end).leave()

    def _is_served(self) -> bool:
        """Whether the call goes on: one in the place of a caller who is called back does while the request needs it."""
        serving = serving_of(self.session.channel)
        if serving is None:
            return True
        request = find_request(self.session, serving, self.deps)
        if request is None:
            return False
        self._served, self._place = Served(request), Place(request.ticket)
        self.caller = self._served.as_caller(self.caller)
        return True

    def _call_back(self, serving: Serving) -> None:
        """A member talks on the far side of this channel: call whoever is to be called back, and connect them."""
        self._elsewhere.goes_on(Result.CALLBACK)  # as of a call that can do without us
        try:
            CallerCall(self.session, self.deps).run(serving)
        except Detach:
            pass
        except FshuntError as error:
            log.info("callback %d: not followed any more: %s", serving.request_id, error)
        finally:
            self.session.close()

    def _take_back(self, returned: Returned) -> None:
        """Go on with a caller whom a transfer has left at once; the record is that of the hunt before it."""
        self._elsewhere.goes_on(Result.FAILED)  # as of a call that can do without us
        try:
            take_back(self.session, self.caller, returned, self.deps)
        except Detach:
            pass
        except FshuntError as error:
            if not self.session.gone:
                words = "call %s: back from a transfer to %s: %s"
                extra = about_call(LogEvent.CAME_BACK, self.caller)
                log.warning(words, self.caller.uuid, returned.number, error, extra=extra)
            self.session.hand_back()
        finally:
            self.session.close()

    def _taken(self, taken: CallerTaken) -> None:
        """Somebody else has the caller: the hunt is over, and nothing more is said to the switch about this caller.

        We stay to the end of the channel, as closing could tear the caller out of where they are (fact 7).
        """
        self._elsewhere.goes_on(Result.TRANSFERRED)
        with suppress(SwitchLost):
            self._music.end()
        who = None if taken.by is None else self.deps.monitor.extension_of(taken.by)
        picked_up = f"picked up by {who}" if who else "picked up at another phone"
        self._end(
            HuntEvent.TAKEN, Result.TRANSFERRED, "transferred by somebody else" if taken.by is None else picked_up
        )
        part(self.session)

    def _replaced(self) -> None:
        """The hunt goes on for another caller, who comes to the pilot in the place of this one."""
        self._end(HuntEvent.TAKEN, Result.TRANSFERRED, "attended transfer")
        if self.hunt is not None:
            self.deps.handovers.end(self.caller.uuid, Handover(self.hunt, self.gives_up_at, self._place))
        with suppress(FshuntError):
            hang_up_seen(self.session)

    # How it ends.

    def _end(self, event: HuntEvent, result: Result, reason: str | None = None, *, end_seen: bool = True) -> None:
        """Give the hunt its one result, and close its record; once that is done, nothing."""
        if self.call_log.is_closed:
            return
        if self._served is not None:
            result, reason = self._served.as_ended(result, reason)
        if self.hunt is not None and (self.hunt.state, event) in TRANSITIONS:
            self.hunt.finish(event, result, reason)
        destination = self._elsewhere.destination if self._served is None else None
        self.call_log.closed(result, reason, destination, end_seen=end_seen)

    def _detach(self, *, stopping: bool = False) -> None:
        """The call continues without us. Its record is closed when its end is seen, where a switch is watched."""
        result, hunt = self.detached_result or Result.FAILED, self.hunt
        if self.call_log.is_closed:
            return
        if hunt is None or not self.deps.takeover.can_watch:
            words = self._elsewhere.failure or (WENT_ON if self.detached_result else STOPPED_RINGING)
            self._end(HuntEvent.DETACHED, result, words, end_seen=False)
            return
        hunt.finish(HuntEvent.DETACHED, result, self._elsewhere.failure or WENT_ON)
        self.call_log.detach(result if self.detached_result else "phones keep ringing")
        if not stopping:  # else the next daemon takes it over
            self.deps.takeover.watch(self._detached_call(hunt, result))

    def _detached_call(self, hunt: Hunt, result: Result) -> DetachedCall:
        member = hunt.answered_by
        return DetachedCall(
            hunt_id=hunt.id,
            uuid=self.caller.uuid,
            result=result,
            member_id=member.id if member else None,
            member=member.extension if member else "",
            leg=self._ringing.winner_leg() if self._ringing else None,
        )

    def _failed(self, error: FshuntError) -> None:
        """Say in one sentence why the call could not be hunted to its end, and leave it to the dialplan."""
        self.session.hear_out()
        if self.session.gone and self.detached_result is not Result.ANSWERED:
            self._end(HuntEvent.CALLER_GONE, Result.ABANDONED, CALLER_HUNG_UP)
        elif self._goes_on(error):
            self._detach()
        else:
            self._end(HuntEvent.FAILED, Result.FAILED, str(error))
            give_up(self.session, self.caller)
        self.session.hand_back()

    def _goes_on(self, error: FshuntError) -> bool:
        """Whether the call continues though an error keeps us from following it."""
        if self.detached_result is Result.ANSWERED:
            return True
        return self.detached_result is not None and not isinstance(error, NEVER_BEGUN)

    # What the daemon does with it, from other greenlets.

    def ringing_members(self) -> list[int]:
        """The members who ring now."""
        return [] if self._ringing is None else self._ringing.ringing_members()

    def spare_who_is_on_another_call(self) -> None:
        """Stop ringing members who have taken another call meanwhile, on another line."""
        if self.hunt is None:
            return
        for member_id in self.ringing_members():
            if is_on_another_call(self.session, self.hunt, self.hunt.group.member(member_id), self.deps):
                self.withdraw(member_id, SkipReason.ON_CALL)

    def withdraw(self, member_id: int, reason: SkipReason) -> None:
        """Stop ringing a member who may not be rung any more."""
        if self._ringing is not None:
            self._ringing.withdraw(member_id, reason)

    def stop(self) -> None:
        """The daemon stops: phones that ring keep ringing without it, else the caller goes on at once.

        The caller goes to the daemon that follows, another one, or the fallback. Whoever has picked up keeps the call.
        """
        self._stopping = True
        if self._ringing is not None and self.hunt is not None and self.hunt.state is HuntState.RINGING:
            self._ringing.stop()
        elif self.detached_result is None:
            self._greenlet.kill(Stopped, block=False)


def _named(error: BaseException | None) -> str:
    return "none is known" if error is None else f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
