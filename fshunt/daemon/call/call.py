"""The way of a call, top to bottom: greet, plan, ring stage after stage, talk or leave, close (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from gevent import getcurrent

from fshunt.daemon.call.call_log import CallLog
from fshunt.daemon.call.caller import caller_of
from fshunt.daemon.call.finish import (
    Detach,
    LeftRinging,
    Stopped,
    leave,
    leave_ringing,
    no_further_round,
    part,
    protect_talk,
    talk,
)
from fshunt.daemon.call.planning import plan
from fshunt.daemon.call.queueing import Queueing
from fshunt.daemon.call.ringing import Ringing, StageEnd
from fshunt.daemon.call.selection import Chosen, choose, make_offers
from fshunt.daemon.call.setup import clear_presentation, greet, present
from fshunt.daemon.cluster.takeover import DetachedCall
from fshunt.daemon.data.database import Deadline
from fshunt.daemon.deps import Dependencies
from fshunt.errors import BadValue, FshuntError
from fshunt.esl.caller_state import HUNG_UP
from fshunt.esl.commands import UnsafeText
from fshunt.esl.session import CallerGone, CallerTaken, CommandRefused, Session, SwitchLost
from fshunt.freeswitch.offers import Offer, StageLegs
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.hunt import Hunt, Stage
from fshunt.hunting.states import TRANSITIONS, Event, Outcome, Result, State

CALLER_HUNG_UP = "the caller hung up"
STOPPED_RINGING = "fshunt was stopped while phones rang; they rang on"
WENT_ON = "it went on without fshunt, its end was not seen"

NEVER_BEGUN = (BadValue, CommandRefused, UnsafeText)
"""Errors that say of a voicemail that the switch did not begin it; after any other one the caller may be in it."""

PLANNING_SECONDS = 0.5
"""What a hunt waits for the database before its order is decided; its claims have a time of their own. A database that
does not answer in time is not asked again, so that within a second the first phone rings."""

SHORTEST_RING_SECONDS = 0.5
"""What is left of ``hunt_timeout`` at a stage's start rings a phone at least this long: less only startles people."""


class Call:
    """One call to a pilot, whose session has been greeted with ``connect``."""

    def __init__(self, session: Session, deps: Dependencies) -> None:
        self.session, self.deps = session, deps
        self.caller = caller_of(session.channel)
        self.call_log = CallLog(deps, self.caller)
        self.hunt: Hunt | None = None
        self.deadline = float("inf")
        self.detached_result: Result | None = None
        """The result of a call that goes on without us, as a talk or in voicemail; None while it needs us."""
        self._deadline = Deadline(PLANNING_SECONDS, deps.monotonic)
        self._began = deps.monotonic()
        self._greenlet = getcurrent()
        self._stopping = False
        self._ringing: Ringing | None = None
        self._destination: Destination | None = None
        self._presented = False

    def run(self) -> None:
        """Take the call to its one result; if that cannot be done, the dialplan's fallback takes the caller."""
        try:
            try:
                self._hunt()
            except CallerTaken as taken:
                self._taken(taken)
            self.session.close()
        except CallerGone:
            self._ended_early(Event.CALLER_GONE, Result.ABANDONED, CALLER_HUNG_UP)
            self.session.close()
        except Detach:
            self._detach(stopping=True)
            self.session.close()
        except LeftRinging:
            self._detach(stopping=True)
            with suppress(SwitchLost):  # then the switch has ended the ringing already
                leave_ringing(self.session, self.caller)
        except Stopped:
            self._ended_early(Event.FAILED, Result.FAILED, "fshunt was stopped")
            self.session.hand_back()
        except FshuntError as error:
            self._hand_on(error)
        finally:
            if not self.call_log.is_closed:
                no_further_round(self.session, self.caller)
                self._ended_early(Event.FAILED, Result.FAILED, "an error inside fshunt, see its log")

    def _hunt(self) -> None:
        greet(self.session, self.caller)
        hunt = self._plan()
        if any(self._ring(hunt, stage) for stage in self._stages_in_time(hunt)) or self._wait(hunt):
            self._talk(hunt)
        else:
            self._leave(hunt)

    def _plan(self) -> Hunt:
        hunt = self.hunt = plan(self.caller, self.call_log.hunt_id, self.deps, self._deadline)
        if hunt.group.hunt_timeout is not None:
            self.deadline = self.deps.monotonic() + hunt.group.hunt_timeout
        self.call_log.opened(hunt)
        self._presented = present(self.session, self.caller, hunt.group)
        return hunt

    def _stages_in_time(self, hunt: Hunt) -> Iterator[Stage]:
        """The stages of the hunt, until its time is over (``hunt_timeout``)."""
        for stage in hunt.stages():
            if self.deps.monotonic() >= self.deadline:
                return
            yield stage

    def _ring(self, hunt: Hunt, stage: Stage) -> bool:
        """Ring those of a stage who can be rung; tell whether one of them has the call."""
        self.session.check_caller()
        self._deadline.extend(self.deps.settings.database_timeout)  # for the claims alone, whatever came before
        choice = choose(self.session, hunt, stage.members, self.deps, self._deadline)
        for member, reason in choice.skipped:
            hunt.skipped(member, reason)
            self.call_log.skipped(stage, member, reason)
        if not choice.chosen:
            hunt.move(Event.PASSED_OVER)
            return False
        return self._ring_offers(hunt, stage, choice.chosen)

    def _wait(self, hunt: Hunt) -> bool:
        """Where callers wait for the busy: stay in the line, and ring whoever becomes free."""
        if not hunt.waits() or self.deps.monotonic() >= self.deadline:
            return False
        self._began = 0.0  # the time in the line is no delay of ours
        with Queueing(self.session, hunt, self.caller, self.deps, self.call_log, self.deadline) as waiting:
            while (found := waiting.until_free()) is not None:
                if self._ring_offers(hunt, *found):
                    return True
                waiting.spare_the_busy()
        return False

    def _ring_offers(self, hunt: Hunt, stage: Stage, chosen: list[Chosen]) -> bool:
        clock = self.deps.monotonic
        offers, plans = make_offers(chosen, hunt.group, self.deps, max(self.deadline - clock(), SHORTEST_RING_SECONDS))

        def on_ended(offer: Offer) -> None:
            self.call_log.offer_ended(hunt, offer, clock() - offer.started)
            hunt.ended(hunt.group.member(offer.member_id), offer.outcome or Outcome.SWITCH_LOST)

        ringing = self._ringing = Ringing(self.session, StageLegs(offers), on_ended, clock)
        hunt.offer_ids.update(offer.id for offer in offers)
        hunt.move(Event.RUNG)
        self.call_log.offered(stage, offers, hunt.group)
        ringing.start(plans)
        self._note_delay()
        end = ringing.until_end()
        if end is StageEnd.CALLER_GONE:
            raise CallerGone(HUNG_UP)
        if end is StageEnd.CALLER_TAKEN:
            self.session.check_caller()
        if end is StageEnd.LEFT_RINGING:
            raise LeftRinging
        if end is StageEnd.NOBODY:
            hunt.move(Event.RANG_OUT)
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
        self.detached_result = Result.ANSWERED
        hunt.move(Event.ANSWERED)
        with suppress(SwitchLost):  # it is met again at once by who waits for the end of the talk
            protect_talk(self.session, self.caller)
        if hunt.answered_by is not None:
            self.call_log.answered(hunt.group, hunt.answered_by)

    def _talk(self, hunt: Hunt) -> None:
        end_seen = talk(self.session, self._ringing.bridge_uuid if self._ringing else "")
        if not end_seen:
            self._detach()
            return
        if hunt.answered_by is not None:
            self.call_log.talk_ended(hunt.group, hunt.answered_by)
        hunt.finish(Event.TALK_ENDED, Result.ANSWERED)
        self.call_log.closed(Result.ANSWERED)
        part(self.session)

    def _taken(self, taken: CallerTaken) -> None:
        """Somebody else has the caller: the hunt is over, and nothing more is said to the switch about him.

        We stay to the end of the channel, as our leaving could tear the caller out of where he is (fact 7).
        """
        self.detached_result = Result.TRANSFERRED
        who = None if taken.by is None else self.deps.monitor.extension_of(taken.by)
        picked_up = f"picked up by {who}" if who else "picked up at another phone"
        reason = "transferred by somebody else" if taken.by is None else picked_up
        self._ended_early(Event.TAKEN, Result.TRANSFERRED, reason)
        part(self.session)

    def _leave(self, hunt: Hunt) -> None:
        """Nobody took the call: on to the destination of the case."""
        self.session.check_caller()
        hunt.move(Event.EXHAUSTED)
        destination, case = hunt.destination(), hunt.case()
        self._destination = destination
        if destination.kind is DestinationKind.TRANSFER and self._presented:
            clear_presentation(self.session, self.caller)
        if destination.kind is DestinationKind.VOICEMAIL:
            self.detached_result = Result.VOICEMAIL
            self.call_log.leaving(Result.VOICEMAIL, case, destination)
        result = leave(self.session, self.caller, hunt.group.domain, destination, self.deps.settings)
        hunt.finish(Event.DELIVERED, result, case)
        self.call_log.closed(result, case, destination)

    def _detach(self, *, stopping: bool = False) -> None:
        """The call goes on without us. Its record is closed when its end is seen, where somebody watches for it."""
        result, hunt = self.detached_result or Result.FAILED, self.hunt
        if self.call_log.is_closed:
            return
        if hunt is None or not self.deps.takeover.can_watch:
            reason = STOPPED_RINGING if self.detached_result is None else WENT_ON
            self._ended_early(Event.LET_GO, result, reason, end_seen=False)
            return
        hunt.finish(Event.LET_GO, result, WENT_ON)
        winner = self._ringing.winner_leg() if self._ringing is not None else None
        member = hunt.answered_by
        detached = DetachedCall(
            hunt.id, self.caller.uuid, result, member.id if member else None, member.extension if member else "", winner
        )
        self.call_log.detach(result if self.detached_result else "phones ring on")
        if not stopping:  # else whoever comes after us adopts it
            self.deps.takeover.watch(detached)

    def _hand_on(self, error: FshuntError) -> None:
        """Say why the call could not be hunted to its end, and hand the caller to the dialplan's next action."""
        self.session.hear_out()
        if self.session.gone and self.detached_result is not Result.ANSWERED:
            self._ended_early(Event.CALLER_GONE, Result.ABANDONED, CALLER_HUNG_UP)
        elif self._lives_on(error):
            self._detach()
        else:
            self._ended_early(Event.FAILED, Result.FAILED, str(error))
            no_further_round(self.session, self.caller)
        self.session.hand_back()

    def _lives_on(self, error: FshuntError) -> bool:
        """Whether the call goes on though an error keeps us from following it: its member is on the phone."""
        if self.detached_result is Result.ANSWERED:
            return True
        return self.detached_result is not None and not isinstance(error, NEVER_BEGUN)

    def _ended_early(self, event: Event, result: Result, reason: str, end_seen: bool = True) -> None:
        if self.call_log.is_closed:
            return
        if self.hunt is not None and (self.hunt.state, event) in TRANSITIONS:
            self.hunt.finish(event, result, reason)
        self.call_log.closed(result, reason, self._destination, end_seen=end_seen)

    # What the daemon does with it, from other greenlets.

    def ringing_members(self) -> list[int]:
        """The members who ring now."""
        return [] if self._ringing is None else self._ringing.ringing_members()

    def withdraw(self, member_id: int, reason: SkipReason) -> None:
        """Stop ringing a member who may not be rung any more."""
        if self._ringing is not None:
            self._ringing.withdraw(member_id, reason)

    def stop(self) -> None:
        """The daemon stops: where phones ring they ring on without it, else the caller goes on at once.

        He goes to the daemon that follows, another one, or the fallback. Who has picked up keeps the call.
        """
        self._stopping = True
        if self._ringing is not None and self.hunt is not None and self.hunt.state is State.RINGING:
            self._ringing.stop()
        elif self.detached_result is None:
            self._greenlet.kill(Stopped, block=False)
