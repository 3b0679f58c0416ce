"""The events that must reach the database: one class for each kind, and the one table of all kinds.

An event says what happened; ``apply`` writes it. To apply an event twice has the effect of applying it once, so nobody
needs to know whether the COMMIT of a transaction arrived whose answer was lost. The outbox writes events with the same
``key`` in the order in which they happened; events with different keys do not wait for each other.

An event that is kept in a file names its ``kind`` and the ``version`` of that kind. Whoever changes the fields of a
kind, or what they mean, raises its version: an older fshunt then leaves the event alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints

from fshunt.db.queries import callbacks, calls, hunts, queue
from fshunt.db.statements import Transaction
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.states import Outcome, Result

E = TypeVar("E", bound="OutboxEvent")

KINDS: dict[str, type[OutboxEvent]] = {}
"""All kinds of events, by name."""


class Scope(IntEnum):
    """What the id of a key is the id of. Of events that can be written at the same time, lower scopes go first."""

    CLAIMS = 1
    """A hunt's claims and queue entries: callers wait for these members."""
    HUNT = 2
    """The rows of a hunt: an offer belongs to a call that is there."""
    GROUP = 3
    MEMBER = 4


class OrderKey(NamedTuple):
    """Events with the same key are written in the order in which they happened."""

    scope: Scope
    id: str | int


class UnreadableEvent(ValueError):
    """The JSON is not an event of this version of fshunt."""


def register(event: type[E]) -> type[E]:
    """Add a kind of event to the table."""
    if event.kind in KINDS:
        raise TypeError(f"two kinds of events are named {event.kind}")
    KINDS[event.kind] = event
    return event


class OutboxEvent(ABC):
    """Something that happened and that the database must know, once."""

    __slots__ = ()
    kind: ClassVar[str]
    version: ClassVar[int] = 1
    durable: ClassVar[bool] = True
    """Whether the event is still true after the daemon's end, so that the next run may write it."""

    @property
    @abstractmethod
    def key(self) -> OrderKey:
        """What must stay in order."""

    @abstractmethod
    def apply(self, s: Transaction) -> None:
        """Write the event in the session's transaction."""

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain values."""
        fields = {name: _to_json(getattr(self, name)) for name in _types(type(self))}
        return {"kind": self.kind, "version": self.version, "fields": fields}


def from_json(json: object) -> OutboxEvent:
    """Return the event that ``to_json`` gave these values for; raise UnreadableEvent if there is none."""
    if not isinstance(json, dict):
        raise UnreadableEvent("it is no JSON object")
    kind = json.get("kind")
    event = KINDS.get(kind) if isinstance(kind, str) else None
    fields = json.get("fields")
    if event is None or json.get("version") != event.version or not isinstance(fields, dict):
        raise UnreadableEvent(f"kind {kind!r} version {json.get('version')!r} is unknown")
    types = _types(event)
    if fields.keys() != types.keys():
        raise UnreadableEvent(f"kind {kind!r} has other fields: {', '.join(fields.keys() ^ types.keys())}")
    return event(**{name: _from_json(types[name], value) for name, value in fields.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntRecordEvent(OutboxEvent):
    """What happened in a hunt, for its rows."""

    hunt_id: str

    @property
    def key(self) -> OrderKey:
        """The hunt."""
        return OrderKey(Scope.HUNT, self.hunt_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntClaimsEvent(OutboxEvent):
    """What happened to a hunt's claims and queue entries, for which others wait."""

    hunt_id: str

    @property
    def key(self) -> OrderKey:
        """The claims of the hunt."""
        return OrderKey(Scope.CLAIMS, self.hunt_id)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CallOpened(HuntRecordEvent):
    """A hunt has begun."""

    kind: ClassVar[str] = "call-opened"
    uuid: str
    domain: str
    pilot: str
    group_name: str
    policy: str
    caller_number: str | None
    caller_name: str | None
    started_at: datetime
    policy_input: dict[str, Any] | None
    node: str
    run_id: str | None

    def apply(self, s: Transaction) -> None:
        """Write the row of the call."""
        calls.open_call(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CallInPlace(HuntRecordEvent):
    """A hunt that has begun is in the place of a caller who is to be called back."""

    kind: ClassVar[str] = "call-in-place"
    reason: str

    def apply(self, s: Transaction) -> None:
        """Write whose."""
        calls.note_in_place(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(HuntRecordEvent):
    """A member talks with the caller."""

    kind: ClassVar[str] = "call-answered"
    answered_by: str
    answered_at: datetime

    def apply(self, s: Transaction) -> None:
        """Write who answered."""
        calls.note_answered(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CallLeaving(HuntRecordEvent):
    """Nobody took the caller, who is on the way to a destination that outlives the daemon."""

    kind: ClassVar[str] = "call-leaving"
    result: Result
    reason: str
    destination: str

    def apply(self, s: Transaction) -> None:
        """Write where the caller goes."""
        calls.note_leaving(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(HuntRecordEvent):
    """The place where a caller was sent was none: a voicemail or a transfer that ended at once."""

    kind: ClassVar[str] = "delivery-failed"
    reason: str
    destination: str

    def apply(self, s: Transaction) -> None:
        """Write it over the result that was expected."""
        calls.note_failed(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedCallerLeft(HuntRecordEvent):
    """A caller whom a transfer has left at once hung up before reaching anything else."""

    kind: ClassVar[str] = "returned-caller-left"
    reason: str

    def apply(self, s: Transaction) -> None:
        """Write it over the transfer, which was none."""
        calls.note_abandoned(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CallWaited(HuntRecordEvent):
    """The caller waited for a busy member."""

    kind: ClassVar[str] = "call-waited"
    seconds: float

    def apply(self, s: Transaction) -> None:
        """Write how long."""
        calls.note_waited(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CallClosed(HuntRecordEvent):
    """A hunt of this daemon has its result and its end."""

    kind: ClassVar[str] = "call-closed"
    result: Result
    reason: str | None
    destination: str | None
    ended_at: datetime
    end_seen: bool
    waited_seconds: float | None

    def apply(self, s: Transaction) -> None:
        """Close the record."""
        calls.close_call(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished(HuntRecordEvent):
    """A call that went on without a session, or that was taken over, has ended."""

    kind: ClassVar[str] = "call-finished"
    result: Result
    reason: str | None
    ended_at: datetime
    end_seen: bool

    def apply(self, s: Transaction) -> None:
        """Close the record."""
        calls.finish_call(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedCallClosed(HuntRecordEvent):
    """A daemon that is gone left the call open, and nobody can watch it to its end."""

    kind: ClassVar[str] = "unfinished-call-closed"
    ended_at: datetime

    def apply(self, s: Transaction) -> None:
        """Close the record."""
        calls.close_unfinished(s, self.hunt_id, self.ended_at)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class UnrungCallRemoved(HuntRecordEvent):
    """A call in the place of a caller who is called back has ended: unless it rang a member, nothing happened."""

    kind: ClassVar[str] = "unrung-call-removed"

    def apply(self, s: Transaction) -> None:
        """Remove its record, if it has no offer."""
        calls.remove_unrung(s, self.hunt_id)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackServed(HuntRecordEvent):
    """A caller has reached a member, and needs no call back any more."""

    kind: ClassVar[str] = "callback-served"
    group_id: int
    number: str
    internal: bool
    at: datetime

    def apply(self, s: Transaction) -> None:
        """End the open request of the number in the group, if there is one."""
        callbacks.end_as_served(s, self.group_id, self.number, internal=self.internal, at=self.at)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferStarted(HuntRecordEvent):
    """The phones of a member ring."""

    kind: ClassVar[str] = "offer-started"
    offer_id: str
    stage: int
    cycle: int
    position: int
    extension: str
    phones: int
    ring_seconds: float
    started_at: datetime

    def apply(self, s: Transaction) -> None:
        """Write the row of the offer."""
        values = _values(self)
        calls.add_offer(s, call_id=values.pop("hunt_id"), **values)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferEnded(HuntRecordEvent):
    """An offer has its outcome.

    ``member_id``, ``rang_whole_time`` (of the phone) and ``missing`` (members without a phone now) are
    for the group's ``auto_block``.
    """

    kind: ClassVar[str] = "offer-ended"
    offer_id: str
    ended_at: datetime
    outcome: Outcome
    cause: str | None = None
    sip_code: int | None = None
    detail: str | None = None
    member_id: int | None = None
    rang_whole_time: bool = False
    missing: tuple[str, ...] = ()

    def apply(self, s: Transaction) -> None:
        """Write the outcome, and count it for auto-block."""
        values = _values(self)
        del values["hunt_id"]
        calls.end_offer(s, **values)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRefused(HuntRecordEvent):
    """The switch made no call to any phone of the member: the offer never was."""

    kind: ClassVar[str] = "offer-refused"
    offer_id: str

    def apply(self, s: Transaction) -> None:
        """Take the row of the offer away."""
        calls.remove_offer(s, self.offer_id)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSkipped(HuntRecordEvent):
    """A member was passed over."""

    kind: ClassVar[str] = "member-skipped"
    skip_id: str
    stage: int
    cycle: int
    position: int
    extension: str
    reason: SkipReason
    at: datetime
    detail: str | None

    def apply(self, s: Transaction) -> None:
        """Write the row of the skip."""
        values = _values(self)
        calls.add_skip(s, call_id=values.pop("hunt_id"), **values)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class PointerMoved(OutboxEvent):
    """A call moved the pointer of a round-robin group and could not wait for the database.

    ``call_uuid`` is what the move is known by: the arrival of the caller.
    """

    kind: ClassVar[str] = "pointer-moved"
    group_id: int
    call_uuid: str
    policy_input: dict[str, Any]
    """What the order of the call was decided on."""

    @property
    def key(self) -> OrderKey:
        """The group."""
        return OrderKey(Scope.GROUP, self.group_id)

    def apply(self, s: Transaction) -> None:
        """Move the pointer, once a call."""
        hunts.move_first_at_end(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAnswered(OutboxEvent):
    """A member answered: idle since then and, where the policy remembers it, the group's last answerer.

    ``call_uuid`` is what the move of the pointer is known by: the hunt, which one member answers.
    """

    kind: ClassVar[str] = "member-answered"
    group_id: int
    member_id: int
    call_uuid: str
    at: datetime
    moves_answerer: bool

    @property
    def key(self) -> OrderKey:
        """The group whose last answerer moves; else the member, whose stamp alone is written."""
        return OrderKey(Scope.GROUP, self.group_id) if self.moves_answerer else OrderKey(Scope.MEMBER, self.member_id)

    def apply(self, s: Transaction) -> None:
        """Stamp the member, and move the last answerer once a call."""
        hunts.note_answer(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class TalkEnded(OutboxEvent):
    """A member's talk is over: the member is idle from then on."""

    kind: ClassVar[str] = "talk-ended"
    member_id: int
    at: datetime

    @property
    def key(self) -> OrderKey:
        """The member."""
        return OrderKey(Scope.MEMBER, self.member_id)

    def apply(self, s: Transaction) -> None:
        """Stamp the member; a stamp never goes back."""
        hunts.note_end(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimReleased(HuntClaimsEvent):
    """A hunt gave up its claims: all (``extensions`` None), or those on the extensions taken before a moment."""

    kind: ClassVar[str] = "claim-released"
    extensions: tuple[str, ...] | None
    taken_before: int | None

    def apply(self, s: Transaction) -> None:
        """End the claims; whoever waits is told."""
        hunts.release(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAcquired(HuntClaimsEvent):
    """A hunt took claims while the database was away. A claim of a daemon that is gone must not come back."""

    kind: ClassVar[str] = "claim-acquired"
    durable: ClassVar[bool] = False
    domain: str
    extensions: tuple[str, ...]
    call_uuid: str
    run_id: str
    sequence: int

    def apply(self, s: Transaction) -> None:
        """Claim the members whom no other hunt has."""
        hunts.claim(s, **_values(self))


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLeft(HuntClaimsEvent):
    """A caller waits no more."""

    kind: ClassVar[str] = "queue-left"

    def apply(self, s: Transaction) -> None:
        """Remove the queue entries of the hunt."""
        queue.leave(s, **_values(self))


CallEnd = CallClosed | CallFinished | UnfinishedCallClosed
"""The events that end the record of a call."""


def _values(event: OutboxEvent) -> dict[str, Any]:
    """Return the fields of an event; most are named as the parameters of the query that writes them."""
    return {name: getattr(event, name) for name in _types(type(event))}


@cache
def _types(event: type[OutboxEvent]) -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(event).items() if get_origin(hint) is not ClassVar}


def _to_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _from_json(hint: Any, value: Any) -> object:
    """Return a value of the type ``hint``; raise UnreadableEvent."""
    if get_origin(hint) is UnionType:
        if value is None and NoneType in get_args(hint):
            return None
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    try:
        if hint is datetime:
            return datetime.fromisoformat(value).astimezone(UTC)
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return hint(value)
    except (TypeError, ValueError) as error:
        raise UnreadableEvent(str(error)) from error
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_from_json(str, each) for each in value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is (get_origin(hint) or hint):
        return cast("object", value)
    raise UnreadableEvent(f"{value!r} is no {hint}")
