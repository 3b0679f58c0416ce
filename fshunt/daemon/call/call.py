"""The way of a call, top to bottom: greet, plan, ring stage after stage, talk or leave, close (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from gevent import getcurrent

from fshunt.daemon.call.call_log import Journal
from fshunt.daemon.call.caller import caller_of
from fshunt.daemon.call.finish import (
    LeftRinging,
    LetGo,
    Stopped,
    leave,
    leave_ringing,
    no_further_round,
    part,
    protect_talk,
    talk,
)
from fshunt.daemon.call.planning import plan
from fshunt.daemon.call.queueing import Waiting
from fshunt.daemon.call.ringing import Ringing, StageEnd
from fshunt.daemon.call.selection import Chosen, choose, make_offers
from fshunt.daemon.call.setup import greet, present, undress
from fshunt.daemon.cluster.takeover import Adopted
from fshunt.daemon.data.database import Patience
from fshunt.daemon.deps import Services
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

PLANNING_PATIENCE_SECONDS = 0.5
"""What a hunt waits for the database before its order is decided; its claims have a time of their own. A database that
does not answer in time is not asked again, so that within a second the first phone rings."""

SHORTEST_RING_SECONDS = 0.5
"""What is left of ``hunt_timeout`` at a stage's start rings a phone at least this long: less only startles people."""


class Call:
    """One call to a pilot, whose session has been greeted with ``connect``."""

    def __init__(self, session: Session, services: Services) -> None:
        self.session, self.services = session, services
        self.caller = caller_of(session.channel)
        self.journal = Journal(services, self.caller)
        self.hunt: Hunt | None = None
        self.deadline = float("inf")
        self.outlives: Result | None = None
        """The result of a call that goes on without us, as a talk or in voicemail; None while it needs us."""
        self._patience = Patience(services.database, PLANNING_PATIENCE_SECONDS, services.monotonic)
        self._began = services.monotonic()
        self._greenlet = getcurrent()
        self._stopping = False
        self._ringing: Ringing | None = None
        self._destination: Destination | None = None
        self._dressed = False

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
        except LetGo:
            self._let_go(stopping=True)
            self.session.close()
        except LeftRinging:
            self._let_go(stopping=True)
            with suppress(SwitchLost):  # then the switch has ended the ringing already
                leave_ringing(self.session, self.caller)
        except Stopped:
            self._ended_early(Event.FAILED, Result.FAILED, "fshunt was stopped")
            self.session.hand_back()
        except FshuntError as error:
            self._hand_on(error)
        finally:
            if not self.journal.is_closed:
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
        hunt = self.hunt = plan(self.caller, self.journal.hunt_id, self.services, self._patience)
        if hunt.group.hunt_timeout is not None:
            self.deadline = self.services.monotonic() + hunt.group.hunt_timeout
        self.journal.opened(hunt)
        self._dressed = present(self.session, self.caller, hunt.group)
        return hunt

    def _stages_in_time(self, hunt: Hunt) -> Iterator[Stage]:
        """The stages of the hunt, until its time is over (``hunt_timeout``)."""
        for stage in hunt.stages():
            if self.services.monotonic() >= self.deadline:
                return
            yield stage

    def _ring(self, hunt: Hunt, stage: Stage) -> bool:
        """Ring those of a stage who can be rung; tell whether one of them has the call."""
        self.session.check_caller()
        self._patience.allow(self.services.settings.database_timeout)  # for the claims alone, whatever came before
        choice = choose(self.session, hunt, stage.members, self.services, self._patience)
        for member, reason in choice.skipped:
            hunt.skipped(member, reason)
            self.journal.skipped(stage, member, reason)
        if not choice.chosen:
            hunt.move(Event.PASSED_OVER)
            return False
        return self._ring_offers(hunt, stage, choice.chosen)

    def _wait(self, hunt: Hunt) -> bool:
        """Where callers wait for the busy: stay in the line, and ring whoever becomes free."""
        if not hunt.waits() or self.services.monotonic() >= self.deadline:
            return False
        self._began = 0.0  # the time in the line is no delay of ours
        with Waiting(self.session, hunt, self.caller, self.services, self.journal, self.deadline) as waiting:
            while (found := waiting.until_free()) is not None:
                if self._ring_offers(hunt, *found):
                    return True
                waiting.spare_the_busy()
        return False

    def _ring_offers(self, hunt: Hunt, stage: Stage, chosen: list[Chosen]) -> bool:
        clock = self.services.monotonic
        offers, plans = make_offers(
            chosen, hunt.group, self.services, max(self.deadline - clock(), SHORTEST_RING_SECONDS)
        )

        def on_ended(offer: Offer) -> None:
            self.journal.offer_ended(hunt, offer, clock() - offer.started)
            hunt.ended(hunt.group.member(offer.member_id), offer.outcome or Outcome.SWITCH_LOST)

        ringing = self._ringing = Ringing(self.session, StageLegs(offers), on_ended, clock)
        hunt.offer_ids.update(offer.id for offer in offers)
        hunt.move(Event.RUNG)
        self.journal.offered(stage, offers, hunt.group)
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
            self.services.metrics.setup_delay(self.services.monotonic() - self._began)
            self._began = 0.0

    def _answered(self, hunt: Hunt) -> None:
        """From here on the call outlives us, and nobody else is rung (invariant I6)."""
        self.outlives = Result.ANSWERED
        hunt.move(Event.ANSWERED)
        with suppress(SwitchLost):  # it is met again at once by who waits for the end of the talk
            protect_talk(self.session, self.caller)
        if hunt.answered_by is not None:
            self.journal.answered(hunt.group, hunt.answered_by)

    def _talk(self, hunt: Hunt) -> None:
        end_seen = talk(self.session, self._ringing.bridge_uuid if self._ringing else "")
        if not end_seen:
            self._let_go()
            return
        if hunt.answered_by is not None:
            self.journal.talk_ended(hunt.group, hunt.answered_by)
        hunt.finish(Event.TALK_ENDED, Result.ANSWERED)
        self.journal.closed(Result.ANSWERED)
        part(self.session)

    def _taken(self, taken: CallerTaken) -> None:
        """Somebody else has the caller: the hunt is over, and nothing more is said to the switch about him.

        We stay to the end of the channel, as our leaving could tear the caller out of where he is (fact 7).
        """
        self.outlives = Result.TRANSFERRED
        who = None if taken.by is None else self.services.monitor.extension_of(taken.by)
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
        if destination.kind is DestinationKind.TRANSFER and self._dressed:
            undress(self.session, self.caller)
        if destination.kind is DestinationKind.VOICEMAIL:
            self.outlives = Result.VOICEMAIL
            self.journal.leaving(Result.VOICEMAIL, case, destination)
        result = leave(self.session, self.caller, hunt.group.domain, destination, self.services.settings)
        hunt.finish(Event.DELIVERED, result, case)
        self.journal.closed(result, case, destination)

    def _let_go(self, *, stopping: bool = False) -> None:
        """The call goes on without us. Its record is closed when its end is seen, where somebody watches for it."""
        result, hunt = self.outlives or Result.FAILED, self.hunt
        if self.journal.is_closed:
            return
        if hunt is None or not self.services.adopter.can_watch:
            reason = STOPPED_RINGING if self.outlives is None else WENT_ON
            self._ended_early(Event.LET_GO, result, reason, end_seen=False)
            return
        hunt.finish(Event.LET_GO, result, WENT_ON)
        winner = self._ringing.winner_leg() if self._ringing is not None else None
        member = hunt.answered_by
        adopted = Adopted(
            hunt.id, self.caller.uuid, result, member.id if member else None, member.extension if member else "", winner
        )
        self.journal.let_go(result if self.outlives else "phones ring on")
        if not stopping:  # else whoever comes after us adopts it
            self.services.adopter.adopt(adopted)

    def _hand_on(self, error: FshuntError) -> None:
        """Say why the call could not be hunted to its end, and hand the caller to the dialplan's next action."""
        self.session.hear_out()
        if self.session.gone and self.outlives is not Result.ANSWERED:
            self._ended_early(Event.CALLER_GONE, Result.ABANDONED, CALLER_HUNG_UP)
        elif self._lives_on(error):
            self._let_go()
        else:
            self._ended_early(Event.FAILED, Result.FAILED, str(error))
            no_further_round(self.session, self.caller)
        self.session.hand_back()

    def _lives_on(self, error: FshuntError) -> bool:
        """Whether the call goes on though an error keeps us from following it: its member is on the phone."""
        if self.outlives is Result.ANSWERED:
            return True
        return self.outlives is not None and not isinstance(error, NEVER_BEGUN)

    def _ended_early(self, event: Event, result: Result, reason: str, end_seen: bool = True) -> None:
        if self.journal.is_closed:
            return
        if self.hunt is not None and (self.hunt.state, event) in TRANSITIONS:
            self.hunt.finish(event, result, reason)
        self.journal.closed(result, reason, self._destination, end_seen=end_seen)

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
        elif self.outlives is None:
            self._greenlet.kill(Stopped, block=False)
