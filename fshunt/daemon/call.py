"""The way of a call, top to bottom: greet, plan, ring stage after stage, talk or leave, close (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from fshunt.daemon.caller import caller_of
from fshunt.daemon.choosing import Chosen, choose, make_offers
from fshunt.daemon.ending import LetGo, Stopped, leave, part, protect_talk, talk
from fshunt.daemon.greeting import greet, present, undress
from fshunt.daemon.journal import Journal
from fshunt.daemon.planning import plan
from fshunt.daemon.ringing import Ringing, StageEnd
from fshunt.daemon.services import Services
from fshunt.errors import FshuntError
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.hunt import Hunt, Stage
from fshunt.hunting.outcomes import TRANSITIONS, Event, Outcome, Result
from fshunt.switch.session import CallerGone, Session, SwitchLost
from fshunt.switch.stage import Offer, StageLegs

CALLER_HUNG_UP = "the caller hung up"
END_NOT_SEEN = "it went on without fshunt, its end was not seen"

SHORTEST_RING_SECONDS = 0.5
"""What is left of ``hunt_timeout`` at a stage's start rings a phone at least this long: less only startles people."""


class Call:
    """One call to a pilot, whose session has been greeted with ``connect``."""

    def __init__(self, session: Session, services: Services) -> None:
        self.session, self.services = session, services
        self.caller = caller_of(session.channel)
        self.journal = Journal(services.recorder, services.settings.node, self.caller, services.now)
        self.hunt: Hunt | None = None
        self.deadline = float("inf")
        self.outlives: Result | None = None
        """The result of a call that goes on without us, as a talk or in voicemail; None while it needs us."""
        self._bridge_uuid = ""
        self._destination: Destination | None = None
        self._dressed = False

    def run(self) -> None:
        """Take the call to its one result; if that cannot be done, the dialplan's fallback takes the caller."""
        try:
            greet(self.session, self.caller)
            hunt = self._plan()
            if any(self._ring(hunt, stage) for stage in self._stages_in_time(hunt)):
                self._talk(hunt)
            else:
                self._leave(hunt)
            self.session.close()
        except CallerGone:
            self._ended_early(Event.CALLER_GONE, Result.ABANDONED, CALLER_HUNG_UP)
            self.session.close()
        except LetGo:
            self._ended_early(Event.LET_GO, self.outlives or Result.FAILED, END_NOT_SEEN, end_seen=False)
            self.session.close()
        except Stopped:
            self._ended_early(Event.FAILED, Result.FAILED, "fshunt was stopped")
            self.session.close()
        except FshuntError as error:
            self._hand_on(error)
        finally:
            if not self.journal.is_closed:
                self._ended_early(Event.FAILED, Result.FAILED, "an error inside fshunt, see its log")

    def _plan(self) -> Hunt:
        hunt = self.hunt = plan(self.caller, self.journal.hunt_id, self.services)
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
        if self.session.gone:
            raise CallerGone(CALLER_HUNG_UP)
        choice = choose(self.session, hunt, stage.members, self.services)
        for member, reason in choice.skipped:
            hunt.skipped(reason)
            self.journal.skipped(stage, member, reason)
        if not choice.chosen:
            hunt.move(Event.PASSED_OVER)
            return False
        return self._ring_offers(hunt, stage, choice.chosen)

    def _ring_offers(self, hunt: Hunt, stage: Stage, chosen: list[Chosen]) -> bool:
        clock = self.services.monotonic
        offers, plans = make_offers(
            chosen, hunt.group, self.services, max(self.deadline - clock(), SHORTEST_RING_SECONDS)
        )

        def on_ended(offer: Offer) -> None:
            self.journal.offer_ended(offer, clock() - offer.started)
            hunt.ended(hunt.group.member(offer.member_id), offer.outcome or Outcome.SWITCH_LOST)

        ringing = Ringing(self.session, StageLegs(offers), on_ended, clock)
        hunt.move(Event.RUNG)
        self.journal.offered(stage, offers, hunt.group)
        ringing.start(plans)
        end = ringing.until_end()
        if end is StageEnd.CALLER_GONE:
            raise CallerGone(CALLER_HUNG_UP)
        if end is StageEnd.NOBODY:
            hunt.move(Event.RANG_OUT)
            return False
        self._answered(hunt, ringing.bridge_uuid)
        return True

    def _answered(self, hunt: Hunt, bridge_uuid: str) -> None:
        """From here on the call outlives us, and nobody else is rung (invariant I6)."""
        self.outlives, self._bridge_uuid = Result.ANSWERED, bridge_uuid
        hunt.move(Event.ANSWERED)
        if hunt.answered_by is not None:
            self.journal.answered(hunt.group, hunt.answered_by)
        with suppress(SwitchLost):  # it is met again at once by who waits for the end of the talk
            protect_talk(self.session, self.caller)

    def _talk(self, hunt: Hunt) -> None:
        end_seen = talk(self.session, self._bridge_uuid)
        if end_seen and hunt.answered_by is not None:
            self.journal.talk_ended(hunt.answered_by)
        hunt.finish(Event.TALK_ENDED if end_seen else Event.LET_GO, Result.ANSWERED)
        self.journal.closed(Result.ANSWERED, None if end_seen else END_NOT_SEEN, end_seen=end_seen)
        if end_seen:
            part(self.session)

    def _leave(self, hunt: Hunt) -> None:
        """Nobody took the call: on to the destination of the case."""
        if self.session.gone:
            raise CallerGone(CALLER_HUNG_UP)
        hunt.move(Event.EXHAUSTED)
        destination, case = hunt.destination(), hunt.case()
        self._destination = destination
        if destination.kind is DestinationKind.TRANSFER and self._dressed:
            undress(self.session, self.caller)
        if destination.kind is DestinationKind.VOICEMAIL:
            self.outlives = Result.VOICEMAIL
        result = leave(self.session, self.caller, hunt.group.domain, destination, self.services.settings)
        hunt.finish(Event.DELIVERED, result, case)
        self.journal.closed(result, case, destination)

    def _hand_on(self, error: FshuntError) -> None:
        """Say why the call could not be hunted to its end, and hand the caller to the dialplan's next action."""
        self.session.hear_out()
        if self.session.gone:
            self._ended_early(Event.CALLER_GONE, Result.ABANDONED, CALLER_HUNG_UP)
        elif self.outlives is not None and isinstance(error, SwitchLost):
            self._ended_early(Event.LET_GO, self.outlives, END_NOT_SEEN, end_seen=False)
        else:
            self._ended_early(Event.FAILED, Result.FAILED, str(error))
        self.session.hand_back()

    def _ended_early(self, event: Event, result: Result, reason: str, end_seen: bool = True) -> None:
        if self.journal.is_closed:
            return
        if self.hunt is not None and (self.hunt.state, event) in TRANSITIONS:
            self.hunt.finish(event, result, reason)
        self.journal.closed(result, reason, self._destination, end_seen=end_seen)
