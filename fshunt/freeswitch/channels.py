"""The channels of one switch, kept by its events and its ``show channels``. Pure: no socket and no clock.

Events may come twice, late or in another order than they were sent: each says all there is to say of its channel, and
what only some know is taken from the one with the highest Event-Sequence. A channel that has ended stays ended. The
table of ``show channels`` is filled by a thread of its own, up to 0.2 s behind the events (fact 28), so it
adds to what the events said and never takes from it; where the two differ, there is a *doubt*, which
``uuid_exists`` settles.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any

from fshunt.esl.frames import Frame, ProtocolError
from fshunt.freeswitch.leg_uuids import is_slot
from fshunt.freeswitch.slices import Breathe, hold_breath, in_slices

ENDED_KEPT = 20_000  # uuids that a late event could bring back; at 30 calls a second and three legs each, 220 s

_HEAD = re.compile(r'\s*\{\s*"row_count"\s*:\s*\d+\s*(,\s*"rows"\s*:\s*\[\s*)?')
_COMMA = re.compile(r"\s*,\s*")
_END_OF_ROWS = re.compile(r"\s*\]\s*\}\s*\Z")
_END_OF_LIST = re.compile(r"\s*\}\s*\Z")
_COLUMNS = ("uuid", "direction", "created_epoch", "callstate", "call_uuid", "presence_id", "cid_num", "dest")
"""What is read of a row; all else of it, nine tenths, is dropped at once and not when thousands are."""
_DECODER = json.JSONDecoder()

_END = "CHANNEL_HANGUP_COMPLETE"
_ANSWERED = ("ACTIVE", "HELD", "UNHELD")  # states of a call that only an answered one has


class PhoneState(StrEnum):
    """What a phone does in a call."""

    RINGING = "ringing"
    TALKING = "talking"


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """A call of a member's phone. A call it makes is talk from its creation; one that is made to it rings at first."""

    uuid: str
    """of the channel between the switch and this phone"""
    state: PhoneState
    since: float
    """seconds since 1970: the answer where it is known, else the channel's creation"""
    other: str
    """the number at the other end"""
    call_uuid: str = ""
    """of the channel that made this one: the caller's, for a leg that a bridge rings; its own for a call it makes"""


@dataclass(frozen=True, slots=True)
class Change:
    """What an event, or a state taken, has changed."""

    presence_ids: frozenset[str] = frozenset()
    """whose calls or registrations are not what they were: ``user@domain`` in small letters"""
    ended: tuple[str, ...] = ()
    """uuids of channels that have ended"""
    channels: tuple[str, ...] = ()
    """uuids of channels that have come, or were answered"""
    with_new_phone: frozenset[str] = frozenset()
    """who has got a phone that was not registered: presence ids"""

    @staticmethod
    def of(changes: "Iterable[Change]") -> "Change":
        """All of these as one."""
        all_changes = list(changes)
        ids = frozenset().union(*(change.presence_ids for change in all_changes))
        ended = tuple(chain.from_iterable(change.ended for change in all_changes))
        channels = tuple(chain.from_iterable(change.channels for change in all_changes))
        return Change(ids, ended, channels, frozenset().union(*(change.with_new_phone for change in all_changes)))


NOTHING = Change()


@dataclass(slots=True)
class Channel:
    """One channel, as far as it is known."""

    uuid: str
    outbound: bool
    created: float
    answered_at: float = 0.0
    answered: bool = False
    over: bool = False
    """hung up, though not all is said and done"""
    call_uuid: str = ""
    presence: str = ""
    account: str = ""
    """who logged in to make the call, where a login was asked for: a phone may call itself by another domain"""
    other: str = ""
    presence_sequence: int = -1
    account_sequence: int = -1
    heard: int = 0
    """the state taken before the last event of it came"""

    @property
    def ids(self) -> frozenset[str]:
        """Whose call it is: none when it is over.

        Who logged in is who calls. The presence id is of the From, which a phone may choose: who has a login as 1009
        would else be able to put 1002 on the phone.
        """
        return frozenset() if self.over else frozenset({self.account or self.presence} - {""})

    @property
    def call(self) -> PhoneCall:
        """What it is to its phone."""
        ringing = self.outbound and not self.answered
        since = self.created if not (self.outbound and self.answered_at) else self.answered_at
        return PhoneCall(
            self.uuid, PhoneState.RINGING if ringing else PhoneState.TALKING, since, self.other, self.call_uuid
        )


@dataclass(slots=True)
class ChannelTable:
    """All channels that live, by uuid and by whose they are; the places for late phones are nobody's, and left out."""

    channels: dict[str, Channel] = field(default_factory=dict)
    ended: dict[str, None] = field(default_factory=dict)
    """the last that ended, oldest first"""
    doubts: dict[str, None] = field(default_factory=dict)
    """uuids of which the switch is to be asked whether they live"""
    _by_id: dict[str, dict[str, Channel]] = field(default_factory=dict)
    _state: int = 0

    def begin(self) -> None:
        """Says that the state is about to be taken."""
        self._state += 1
        self.doubts.clear()

    def calls_of(self, presence_id: str) -> tuple[PhoneCall, ...]:
        """The calls of a phone, the oldest first."""
        found = self._by_id.get(presence_id.lower())
        return tuple(sorted((one.call for one in found.values()), key=lambda call: call.since)) if found else ()

    def on_event(self, event: Frame) -> Change:
        """Takes in an event of a channel."""
        name, uuid = event.get("Event-Name", ""), event.get("Unique-ID", "")
        if is_slot(uuid):
            return NOTHING
        if name == "CHANNEL_UUID" and (old := event.get("Old-Unique-ID")):
            renamed = Change(self.end(old).presence_ids)  # it has not ended: it goes on under another name
            return Change.of([renamed, self._update(uuid, event) if uuid and uuid not in self.ended else NOTHING])
        if name == _END:
            return self.end(uuid)
        return self._update(uuid, event) if uuid and uuid not in self.ended else NOTHING

    def end(self, uuid: str) -> Change:
        """Takes a channel out for good."""
        if not uuid or uuid in self.ended:
            return NOTHING
        self.ended[uuid] = None
        if len(self.ended) > ENDED_KEPT:
            del self.ended[next(iter(self.ended))]
        self.doubts.pop(uuid, None)
        channel = self.channels.pop(uuid, None)
        if channel is None:
            return Change(ended=(uuid,))
        return Change(self._index(channel, channel.ids, frozenset()), (uuid,))

    def take(self, text: str, breathe: Breathe = hold_breath) -> Change:
        """Takes in ``show channels as json``. Raises ProtocolError, and then has changed nothing.

        ``breathe`` is called after every few rows: a switch may have thousands.
        """
        rows = {row["uuid"]: row for row in in_slices(_rows(text), breathe) if not is_slot(row["uuid"])}
        listed = in_slices(rows.items(), breathe)
        change = Change.of([self._take_row(uuid, row) for uuid, row in listed if uuid not in self.ended])
        for uuid, channel in in_slices(list(self.channels.items()), breathe):
            if uuid not in rows and channel.heard < self._state:
                self.doubts[uuid] = None
        return change

    def settle(self, uuid: str, exists: bool) -> Change:
        """Takes in the answer to a doubt."""
        self.doubts.pop(uuid, None)
        return NOTHING if exists else self.end(uuid)

    def _update(self, uuid: str, event: Frame) -> Change:
        is_new = uuid not in self.channels
        channel, before = self._known(uuid, event.get("Call-Direction") == "outbound", _created(event))
        was_answered, channel.heard = channel.answered, self._state
        self.doubts.pop(uuid, None)  # whatever the table says: it lives
        state = event.get("Channel-Call-State", "")
        answer_state = event.get("Answer-State")
        channel.over = channel.over or state == "HANGUP" or answer_state == "hangup"
        channel.answered = (
            channel.answered
            or event.get("Event-Name") == "CHANNEL_ANSWER"
            or state in _ANSWERED
            or answer_state == "answered"
        )
        channel.answered_at = channel.answered_at or micro(event.get("Caller-Channel-Answered-Time"))
        _name(channel, event)
        is_other = is_new or channel.answered != was_answered
        return Change(self._reindex(channel, before), channels=(uuid,) if is_other else ())

    def _take_row(self, uuid: str, row: dict[str, Any]) -> Change:
        if uuid not in self.channels:
            self.doubts[uuid] = None  # no event told of it: it may have ended before the table was read
        created = _text(row, "created_epoch")
        outbound = _text(row, "direction") == "outbound"
        channel, before = self._known(uuid, outbound, float(created) if created.isdecimal() else 0.0)
        channel.answered = channel.answered or _text(row, "callstate") in _ANSWERED
        if channel.presence_sequence < 0:
            channel.call_uuid = _text(row, "call_uuid") or uuid
            channel.presence = _text(row, "presence_id").lower()
            channel.other = _text(row, "cid_num" if outbound else "dest") or channel.other
        return Change(self._reindex(channel, before))

    def _known(self, uuid: str, outbound: bool, created: float) -> tuple[Channel, tuple[frozenset[str], PhoneCall]]:
        """The channel, made if it is new, and what was known of it."""
        channel = self.channels.get(uuid)
        if channel is None:
            channel = self.channels[uuid] = Channel(uuid, outbound, created)
        return channel, (channel.ids, channel.call)

    def _reindex(self, channel: Channel, before: tuple[frozenset[str], PhoneCall]) -> frozenset[str]:
        ids, call = before
        if channel.ids == ids and channel.call == call:
            return frozenset()
        return self._index(channel, ids, channel.ids) | (ids & channel.ids)

    def _index(self, channel: Channel, old: frozenset[str], new: frozenset[str]) -> frozenset[str]:
        """Files a channel under whose it is; returns whose it was or is, where that has changed."""
        for one in old - new:
            del self._by_id[one][channel.uuid]
            if not self._by_id[one]:
                del self._by_id[one]
        for one in new - old:
            self._by_id.setdefault(one, {})[channel.uuid] = channel
        return old ^ new


def account_of(event: Frame) -> str:
    """Who logged in to make the call of a channel, as ``user@domain`` in small letters; empty where nobody did.

    A call that is made to a phone is known by its presence id: what stands there of an account is the caller's.
    """
    user, domain = event.get("variable_user_name"), event.get("variable_domain_name")
    made_to_a_phone = event.get("Call-Direction") == "outbound"
    return f"{user}@{domain}".lower() if user and domain and not made_to_a_phone else ""


def _name(channel: Channel, event: Frame) -> None:
    """Notes whose channel it is, unless a later event said so already."""
    sequence = _number(event.get("Event-Sequence"))
    if sequence >= channel.presence_sequence:
        channel.presence_sequence = sequence
        channel.presence = event.get("Channel-Presence-ID", "").lower()
        channel.call_uuid = event.get("Channel-Call-UUID", "")
        other = "Caller-Caller-ID-Number" if channel.outbound else "Caller-Destination-Number"
        channel.other = event.get(other, "")
    account = account_of(event)
    if account and not channel.outbound and sequence >= channel.account_sequence:
        channel.account_sequence, channel.account = sequence, account


def _created(event: Frame) -> float:
    return micro(event.get("Caller-Channel-Created-Time")) or micro(event.get("Event-Date-Timestamp"))


def micro(text: str | None) -> float:
    """Microseconds since 1970, as FreeSWITCH writes them, in seconds; 0 for none."""
    return _number(text) / 1_000_000


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 20 else 0


def _rows(text: str) -> Iterator[dict[str, Any]]:
    """The rows, each parsed when it is asked for: to parse thousands at once takes some ten milliseconds."""
    head = _HEAD.match(text)
    if head is None:
        raise _unreadable()
    has_rows, at = head[1] is not None, head.end()
    more = has_rows and not text.startswith("]", at)
    while more:
        row, at = _parsed(text, at)
        yield row
        comma = _COMMA.match(text, at)
        more, at = comma is not None, comma.end() if comma else at
    if not (_END_OF_ROWS if has_rows else _END_OF_LIST).match(text, at):
        raise _unreadable()


def _parsed(text: str, at: int) -> tuple[dict[str, Any], int]:
    """A row, and where the text goes on."""
    try:
        row, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        raise _unreadable() from None
    if not isinstance(row, dict) or not _text(row, "uuid"):
        raise _unreadable()
    return {name: row.get(name) for name in _COLUMNS}, end


def _unreadable() -> ProtocolError:
    return ProtocolError("FreeSWITCH's list of channels cannot be read.")


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
