"""The legs of one stage: the switch's events about them, and the outcome of each member's phones together.

Pure: events and times go in, due times and outcomes come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from fshunt.esl.frames import Frame, array
from fshunt.freeswitch.causes import NOT_CREATED, REFUSED, detail_of, outcome_of
from fshunt.freeswitch.channels import micro
from fshunt.freeswitch.endings import Ending, Order
from fshunt.freeswitch.leg_uuids import MAX_LATE_LEGS, leg_uuid
from fshunt.hunting.states import Outcome

EARLY_MEDIA_SECONDS = 8.0
"""A trunk that sends 183 has the mobile searched for and may play anything; where no 180 follows, the mobile is taken
to ring from so many seconds after it."""

CONNECT_SECONDS = 10.0
"""A phone that was picked up is connected at once; one that is not connected after this time is dropped."""

DEAD = "PROGRESS_TIMEOUT"
"""The cause with which a phone is ended that has given no sign of ringing."""

CONFIRM_DIGIT = "1"
"""The key that takes a call which must be confirmed; any other key refuses it."""

_WEIGHT = (
    Outcome.ANSWERED,
    Outcome.CALLER_GONE,
    Outcome.ANSWERED_ELSEWHERE,
    Outcome.DECLINED,
    Outcome.CONFIRM_REFUSED,
    Outcome.NO_ANSWER,
    Outcome.BUSY,
    Outcome.UNREACHABLE,
    Outcome.UNREGISTERED,
    Outcome.SWITCH_LOST,
)
"""What counts when a member's phones end differently: the first that occurs."""


@dataclass(slots=True)
class Leg:
    """One phone that is called. Times are of the session's monotonic clock, in seconds."""

    uuid: str
    endpoint: str
    setup_seconds: float
    """A phone that gives no sign of ringing within this time is dead."""
    external: bool = False
    """Reached through a gateway."""
    confirms: bool = False
    pressed: str | None = None
    """The first key, where it must confirm."""
    rang_at: float | None = None
    """When it sent 180, or what FreeSWITCH takes for it (fact 36)."""
    early_at: float | None = None
    """When it sent sound before the answer (183)."""
    joined: bool = False
    """Whether it was called on its own while others rang: nobody says so if the switch did not call it."""
    seen: bool = False
    """Whether the switch has told of it."""
    picked_up_at: float | None = None
    ending: Ending | None = None
    """How it is being ended; None: it is not."""
    outcome: Outcome | None = None
    cause: str | None = None
    sip_code: int | None = None

    @property
    def picked_up(self) -> bool:
        """Whether it was picked up."""
        return self.picked_up_at is not None

    @property
    def silent(self) -> bool:
        """Whether it has given no sign of ringing."""
        return self.rang_at is None and self.early_at is None and not self.picked_up

    @property
    def rings_from(self) -> float | None:
        """From when on it rings; None: it has given no sign of it."""
        if self.rang_at is not None or self.early_at is None:
            return self.rang_at
        return self.early_at + (EARLY_MEDIA_SECONDS if self.external else 0.0)

    def longest(self, ring_seconds: float) -> float:
        """How long it can take from the INVITE to the end of ``ring_seconds`` of ringing."""
        return self.setup_seconds + (EARLY_MEDIA_SECONDS if self.external else 0.0) + ring_seconds

    def rings(self, now: float) -> None:
        """It rings; only the first sign counts."""
        self.rang_at = now if self.rang_at is None else self.rang_at
        self._is_not_dead()

    def sends_sound(self, now: float) -> None:
        """It sends sound before the answer."""
        self.early_at = now if self.early_at is None else self.early_at
        self._is_not_dead()

    def presses(self, key: str) -> None:
        """A key is pressed at it."""
        self.pressed = key

    def is_picked_up(self, now: float) -> None:
        """It is picked up, even as its time ends."""
        self.picked_up_at, self.ending = now, None

    def call_off(self, cause: str, now: float, recorded: str | None = None) -> None:
        """Have it ended with a cause; ``recorded`` stands for the cause in the records."""
        if self.ending is None:
            self.ending = Ending(cause, now, recorded)

    def _is_not_dead(self) -> None:
        """A phone that rings as it is given up for dead is rung, unless the switch has ended it already."""
        if self.ending is not None and self.ending.cause == DEAD:
            self.ending = None

    def end(self, cause: str, sip_code: int | None = None, rang: float | None = None) -> None:
        """Note the hang-up cause, the phone's answer, and for how many seconds it rang; the first one holds."""
        if self.outcome is not None:
            return
        if self.ending is not None and self.ending.recorded is not None and cause == self.ending.cause:
            cause, sip_code = self.ending.recorded, None  # what the phone answers to our end says nothing of it
        self.cause, self.sip_code = cause, sip_code
        found = outcome_of(cause, sip_code, external=self.external, rang=rang)
        taken = found in (Outcome.ANSWERED, Outcome.ANSWERED_ELSEWHERE, Outcome.CALLER_GONE)
        refused = self.confirms and self.picked_up and not taken
        self.outcome = Outcome.CONFIRM_REFUSED if refused else found


@dataclass(slots=True)
class Offer:
    """One member rung once: the legs of the member's phones, and when they stop ringing.

    ``ring_seconds`` is the ring time, ``confirm_seconds`` the time to press the digit, None if none is needed. No leg
    rings longer than until ``latest``. Times are of the session's monotonic clock, in seconds.
    """

    id: str
    member_id: int
    extension: str
    legs: list[Leg]
    ring_seconds: float
    confirm_seconds: float | None
    started: float
    latest: float = float("inf")
    outcome: Outcome | None = None
    withdrawn: str | None = None
    """Why fshunt ended it early, in words; None: it did not."""
    cut_short: bool = False
    """The time of the hunt was over before a phone had rung its time."""

    def __post_init__(self) -> None:
        for leg in self.legs:
            leg.confirms = self.confirm_seconds is not None

    @property
    def rang_out(self) -> bool:
        """Whether it rang for its whole ring time, and nobody answered."""
        has_rung = any(not leg.silent for leg in self.legs)
        return has_rung and self.outcome is Outcome.NO_ANSWER and self.withdrawn is None and not self.cut_short

    def due(self, leg: Leg) -> float:
        """When there is something to do about a leg, as when its time is over; infinity for one that has ended.

        The ring time counts from the moment the phone rings; the first phone of a member counts for those that ring
        later. A phone that stays silent has its time to ring, and not longer than others of the member ring.
        """
        if leg.outcome is not None:
            return float("inf")
        if leg.ending is not None:
            return leg.ending.due
        if leg.picked_up_at is not None:
            return leg.picked_up_at + (CONNECT_SECONDS if self.confirm_seconds is None else self.confirm_seconds)
        dead_at = self.started + leg.setup_seconds
        return min(self._rung_at(leg), self.latest, dead_at if leg.silent else float("inf"))

    def _rung_at(self, leg: Leg) -> float:
        """When the ring time is over; infinity while no phone of the member rings."""
        begun = [each.rings_from for each in self.live_legs() if each.rings_from is not None]
        if not begun:
            return float("inf")
        return min(min(begun) + self.ring_seconds, self.started + leg.longest(self.ring_seconds))

    def time_is_over(self, leg: Leg, now: float) -> None:
        """Have a leg ended whose time is over.

        One that is silent has not rung, also where the time of the hunt ends before its own.
        """
        if not leg.picked_up and self.latest <= now < self._rung_at(leg):
            self.cut_short = True
        leg.call_off(DEAD if leg.silent else "NO_ANSWER", now)

    @property
    def refused_by_key(self) -> bool:
        """Whether the member refused the call by a key: the word of a person, for all phones of the member."""
        keys = {leg.pressed for leg in self.legs} - {None}
        return bool(keys) and CONFIRM_DIGIT not in keys

    def withdraw(self, why: str) -> None:
        """Note, in words, why it is ended before its time."""
        self.withdrawn = why

    @property
    def refused(self) -> bool:
        """Whether the switch made no call to any phone of the member: nothing rang."""
        return all(leg.cause == REFUSED for leg in self.legs)

    @property
    def rings_alone(self) -> bool:
        """Whether phones of the member ring, and none was picked up."""
        return bool(self.live_legs()) and not any(leg.picked_up for leg in self.legs)

    @property
    def can_be_joined(self) -> bool:
        """Whether one more phone of the member may join those that ring."""
        return self.rings_alone and sum(leg.joined for leg in self.legs) < MAX_LATE_LEGS

    def add_leg(self, endpoint: str, setup_seconds: float, now: float) -> Leg:
        """A phone of the member has registered: it rings with the others, and not longer than they do."""
        leg = Leg(leg_uuid(self.id, len(self.legs) + 1), endpoint, now - self.started + setup_seconds, joined=True)
        leg.confirms = self.confirm_seconds is not None
        self.legs.append(leg)
        return leg

    def live_legs(self) -> list[Leg]:
        """The legs that have not ended."""
        return [leg for leg in self.legs if leg.outcome is None]

    def legs_to_call_off(self) -> list[Leg]:
        """The legs that may be ended before their time: one that was picked up has the call, unless it must confirm."""
        return [leg for leg in self.live_legs() if leg.confirms or not leg.picked_up]

    def decisive(self) -> Leg | None:
        """The ended leg that decides the outcome; None if none has ended."""
        ended = [leg for leg in self.legs if leg.outcome is not None]
        return min(ended, key=lambda leg: _WEIGHT.index(leg.outcome or Outcome.SWITCH_LOST), default=None)

    def settle(self) -> bool:
        """Take the outcome from the legs if all have ended; tell whether the offer has just ended."""
        if self.outcome is not None or self.live_legs():
            return False
        leg = self.decisive()
        self.outcome = leg.outcome if leg is not None else Outcome.UNREACHABLE
        return True

    def detail(self) -> str | None:
        """What the decisive leg adds to the outcome, in words."""
        if self.withdrawn is not None and self.outcome is not Outcome.ANSWERED:
            return self.withdrawn
        leg = self.decisive()
        if leg is None or leg.cause is None or leg.outcome is None:
            return None
        if leg.outcome is Outcome.CONFIRM_REFUSED and leg.pressed is not None:
            return f"pressed {leg.pressed}"
        return detail_of(leg.cause, leg.sip_code, leg.outcome, external=leg.external)


@dataclass(slots=True)
class StageLegs:
    """All offers of one stage; reads the switch's events."""

    offers: Sequence[Offer]
    _by_leg: dict[str, tuple[Offer, Leg]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_leg = {leg.uuid: (offer, leg) for offer in self.offers for leg in offer.legs}

    def add(self, offer: Offer, leg: Leg) -> None:
        """A leg has joined an offer."""
        self._by_leg[leg.uuid] = offer, leg

    @property
    def all_ended(self) -> bool:
        """Whether no leg is left."""
        return not self._open_legs()

    @property
    def any_joined(self) -> bool:
        """Whether a phone rings that has joined the others."""
        return any(leg.joined for leg in self._open_legs())

    def next_due(self) -> float:
        """The earliest moment at which there is something to do about a leg; infinity if there is nothing."""
        return min((offer.due(leg) for offer, leg in self._by_leg.values()), default=float("inf"))

    def orders(self, now: float, new_mark: Callable[[], str]) -> list[Order]:
        """Return what is to be told to the switch ``now`` about legs that are to be ended.

        ``new_mark`` gives a mark that no channel has; legs that end with one cause share one.
        """
        late = [(offer, leg) for offer, leg in self._by_leg.values() if offer.due(leg) <= now]
        for offer, leg in late:
            if leg.ending is None:
                offer.time_is_over(leg, now)
        endings = [(leg, leg.ending) for _, leg in late if leg.ending is not None]
        marks = {cause: new_mark() for cause in {ending.cause for _, ending in endings}}
        orders = [
            ending.next_order(leg.uuid, now, marks[ending.cause], picked_up=leg.picked_up, confirms=leg.confirms)
            for leg, ending in endings
        ]
        for leg, ending in endings:
            if leg.joined and not leg.seen and ending.is_over:
                leg.end(REFUSED)  # no event will tell of a leg that the switch has not made
        return orders

    def winner(self) -> Offer | None:
        """The offer of the leg that has the call, if one has."""
        return next((offer for offer, leg in self._by_leg.values() if leg.outcome is Outcome.ANSWERED), None)

    def on_leg_event(self, event: Frame, now: float) -> Offer | None:
        """Take an event of a leg; return its offer, or None if the event is of no leg of this stage."""
        found = self._by_leg.get(event.get("Unique-ID") or "")
        if found is None:
            return None
        offer, leg = found
        leg.seen = True
        match event.get("Event-Name"):
            case "CHANNEL_PROGRESS":
                leg.rings(now)
            case "CHANNEL_PROGRESS_MEDIA":
                leg.sends_sound(now)
            case "CHANNEL_ANSWER":
                leg.is_picked_up(now)
            case "CHANNEL_HANGUP_COMPLETE" | "CHANNEL_HANGUP":
                leg.end(
                    event.get("Hangup-Cause") or "NORMAL_UNSPECIFIED", sip_code_of(event), rang_for(event, leg, now)
                )
        return offer

    def on_key(self, event: Frame) -> Offer | None:
        """Take a key that was pressed at a leg; return the leg's offer if it refuses the call by it.

        The first key counts: after the one that confirms, the caller may be connected before we are told.
        """
        offer, leg = self._by_leg.get(event.get("Unique-ID") or "", (None, None))
        if (
            offer is None
            or leg is None
            or not (leg.confirms and leg.picked_up)
            or leg.pressed is not None
            or leg.outcome is not None
        ):
            return None
        leg.presses(event.get("DTMF-Digit") or "")
        return offer if offer.refused_by_key else None

    def on_bridge(self, winner_uuid: str) -> Offer | None:
        """Note that a leg is connected to the caller; the switch cancels the other phones of all members."""
        found = self._by_leg.get(winner_uuid)
        if found is None:
            return None
        offer, winner = found
        winner.outcome = Outcome.ANSWERED
        for leg in self._by_leg.values():
            leg[1].end("LOSE_RACE")
        return offer

    def on_made(self, event: Frame) -> None:
        """Close the legs that the switch did not make; the event is of the caller's channel, once all legs are made.

        If it made none, its cause says why: its limits, or something about the phone or gateway.
        """
        made = f"{event.get('variable_originated_legs')} {event.get('variable_originate_causes')}"
        none = not any(leg.uuid in made for _, leg in self._by_leg.values())
        disposition = event.get("variable_originate_disposition") or NOT_CREATED
        cause = disposition if none and disposition not in (NOT_CREATED, "NO_ANSWER") else REFUSED
        for leg in self._open_legs():
            if leg.uuid not in made and not leg.seen:
                leg.end(cause)

    def on_complete(self, event: Frame) -> None:
        """Close all legs that are still open from what ``bridge`` left behind.

        The causes are taken by leg where the switch names the leg, else from the disposition (fact 3).
        """
        causes = dict(part.split(";", 1) for part in array(event.get("variable_originate_causes") or "") if ";" in part)
        disposition = event.get("variable_originate_disposition") or "NORMAL_UNSPECIFIED"
        for leg in self._open_legs():
            leg.end(causes.get(leg.uuid, disposition if disposition != "SUCCESS" else "LOSE_RACE"))

    def close_all(self, cause: str) -> None:
        """Close all legs that are still open with one cause: the caller or the switch has gone."""
        for leg in self._open_legs():
            leg.end(cause)

    def settled(self) -> Iterable[Offer]:
        """Yield the offers that have just ended."""
        return [offer for offer in self.offers if offer.settle()]

    def _open_legs(self) -> list[Leg]:
        return [leg for _, leg in self._by_leg.values() if leg.outcome is None]


def rang_for(event: Frame, leg: Leg, now: float) -> float | None:
    """Return for how many seconds a leg rang, whose hang-up event came ``now``; None: it did not ring.

    The switch's own times count, since the events reach a busy daemon late. Ours stand in where it gives none.
    """
    ended = micro(event.get("Event-Date-Timestamp"))
    rings, sound = (micro(event.get(f"Caller-Channel-Progress-{name}")) for name in ("Time", "Media-Time"))
    if ended and (rings or sound):
        begun = rings or sound + (EARLY_MEDIA_SECONDS if leg.external else 0.0)
        return ended - begun if begun <= ended else None
    return None if leg.rings_from is None or leg.rings_from > now else now - leg.rings_from


def sip_code_of(event: Frame) -> int | None:
    """Return the SIP answer of a leg's hang-up event, if it carries one (``sip:486``, fact 18)."""
    for name in (
        "variable_sip_term_status",
        "variable_proto_specific_hangup_cause",
        "variable_sip_invite_failure_status",
    ):
        text = (event.get(name) or "").removeprefix("sip:")
        if text.isdigit() and int(text) >= 300:
            return int(text)
    return None
