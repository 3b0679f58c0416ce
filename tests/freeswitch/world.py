"""A switch for the tests of phone states: the true state, its events, and its tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

from fshunt.esl import frames
from fshunt.esl.frames import Frame
from fshunt.freeswitch.phones import PhoneState, PhoneTable

DOMAIN = "pbx.test"
USERS = ("1001", "1002", "1003")
BEGAN = 1_795_000_000


@dataclass(frozen=True)
class Line:
    """A channel as it is."""

    uuid: str
    user: str
    outbound: bool
    created: int
    call_state: str = "DOWN"
    answered_at: int = 0

    @property
    def shown(self) -> tuple[str, PhoneState]:
        ringing = self.outbound and not self.answered_at
        return self.uuid, PhoneState.RINGING if ringing else PhoneState.TALKING


@dataclass(frozen=True)
class Truth:
    """All there is on the switch at one moment."""

    lines: dict[str, Line] = field(default_factory=dict)
    phones: frozenset[tuple[str, str, str]] = frozenset()
    """user, Call-ID, contact"""

    def calls(self, user: str) -> set[tuple[str, PhoneState]]:
        return {line.shown for line in self.lines.values() if line.user == user and line.call_state != "HANGUP"}

    def registered(self) -> set[str]:
        return {user for user, _, _ in self.phones}


class World:
    """Applies changes; keeps each state with its event."""

    def __init__(self) -> None:
        self.moments = [Truth()]
        self.told: list[Frame] = []
        self.ended: set[str] = set()
        self._made = 0

    @property
    def now(self) -> Truth:
        return self.moments[-1]

    # What happens

    def dial(self, user: str, outbound: bool) -> Line:
        self._made += 1
        line = Line(f"uuid-{self._made}", user, outbound, self._clock())
        self._set(line, "CHANNEL_CREATE")
        return line

    def enter(self, line: Line, call_state: str) -> None:
        self._set(replace(line, call_state=call_state), "CHANNEL_CALLSTATE")

    def answer(self, line: Line) -> None:
        self._set(replace(line, answered_at=line.answered_at or self._clock()), "CHANNEL_ANSWER")

    def move(self, line: Line, user: str) -> None:
        """Another phone has taken the channel over."""
        self._set(replace(line, user=user), "CHANNEL_CALLSTATE")

    def hang_up(self, line: Line) -> None:
        self._set(replace(line, call_state="HANGUP"), "CHANNEL_CALLSTATE")

    def end(self, line: Line) -> None:
        lines = {uuid: one for uuid, one in self.now.lines.items() if uuid != line.uuid}
        self.ended.add(line.uuid)
        self._next(replace(self.now, lines=lines), self._channel_event("CHANNEL_HANGUP_COMPLETE", line))

    def rename(self, line: Line) -> None:
        self._made += 1
        new = replace(line, uuid=f"uuid-{self._made}")
        lines = {uuid: one for uuid, one in self.now.lines.items() if uuid != line.uuid}
        event = self._channel_event("CHANNEL_UUID", new, ("Old-Unique-ID", line.uuid))
        self._next(replace(self.now, lines={**lines, new.uuid: new}), event)

    def register(self, user: str, call_id: str, port: int) -> None:
        phone = (user, call_id, contact(user, port))
        others = {one for one in self.now.phones if (one[0], one[2]) != (phone[0], phone[2])}
        self._registration("register", phone, frozenset({*others, phone}))

    def unregister(self, phone: tuple[str, str, str], call_id: str) -> None:
        said = (phone[0], call_id, phone[2])  # phones may leave under another Call-ID than they came
        self._registration("unregister", said, frozenset(one for one in self.now.phones if one != phone))

    def expire(self, phone: tuple[str, str, str]) -> None:
        self._registration("expire", phone, frozenset(one for one in self.now.phones if one != phone))

    # Its events

    def _clock(self) -> int:
        return BEGAN + len(self.told)

    def _set(self, line: Line, event: str) -> None:
        self._next(replace(self.now, lines={**self.now.lines, line.uuid: line}), self._channel_event(event, line))

    def _next(self, truth: Truth, event: Frame) -> None:
        self.moments.append(truth)
        self.told.append(event)

    def _channel_event(self, name: str, line: Line, *more: tuple[str, str]) -> Frame:
        direction = "outbound" if line.outbound else "inbound"
        return self._event(
            [
                ("Event-Name", name),
                ("Channel-Call-State", line.call_state),
                ("Unique-ID", line.uuid),
                ("Call-Direction", direction),
                ("Channel-Presence-ID", f"{line.user}@{DOMAIN}"),
                ("Answer-State", "answered" if line.answered_at else "ringing"),
                ("Caller-Caller-ID-Number", "4155550100"),
                ("Caller-Destination-Number", line.user),
                ("Caller-Channel-Created-Time", f"{line.created}000000"),
                ("Caller-Channel-Answered-Time", f"{line.answered_at}000000" if line.answered_at else "0"),
                *more,
            ]
        )

    def _registration(self, kind: str, phone: tuple[str, str, str], phones: frozenset[tuple[str, str, str]]) -> None:
        user, call_id, where = phone
        names = ("user", "host") if kind == "expire" else ("from-user", "from-host")
        said = [("Event-Subclass", f"sofia::{kind}"), ("Event-Name", "CUSTOM"), (names[0], user), (names[1], DOMAIN)]
        event = self._event([*said, ("call-id", call_id), ("contact", where)])
        self._next(replace(self.now, phones=phones), event)

    def _event(self, headers: Iterable[tuple[str, str]]) -> Frame:
        sequenced = [*headers, ("Event-Sequence", str(len(self.told) + 1))]
        return Frame("\n".join(f"{name}: {frames.encode(value)}" for name, value in sequenced).encode())


def contact(user: str, port: int) -> str:
    return f'"" <sip:{user}@127.0.0.1:{port}>'


def channels_json(truth: Truth) -> str:
    """`show channels as json`."""
    rows = [
        {
            "uuid": line.uuid,
            "direction": "outbound" if line.outbound else "inbound",
            "created_epoch": str(line.created),
            "cid_num": "4155550100",
            "dest": line.user,
            "presence_id": f"{line.user}@{DOMAIN}",
            # FreeSWITCH writes neither DOWN nor HANGUP into its table
            "callstate": "ACTIVE" if line.answered_at else "RINGING",
            "call_uuid": "",
        }
        for line in truth.lines.values()
    ]
    return json.dumps({"row_count": len(rows), "rows": rows} if rows else {"row_count": 0})


def registrations_xml(phones: Iterable[tuple[str, str, str]]) -> str:
    """`sofia xmlstatus profile internal reg`."""
    rows = "".join(
        f"    <registration>\n        <call-id>{call_id}</call-id>\n        <user>{user}@{DOMAIN}</user>\n"
        f"        <contact>{escape(where, {chr(34): '&quot;'})}</contact>\n        <agent>a</agent>\n"
        "    </registration>\n"
        for user, call_id, where in sorted(phones)
    )
    return f'<?xml version="1.0"?>\n<profile>\n  <registrations>\n{rows}  </registrations>\n</profile>\n'


def settle(table: PhoneTable, truth: Truth) -> None:
    """Answers what the table doubts."""
    for uuid in table.doubts():
        table.settle(uuid, uuid in truth.lines)


def take_state(table: PhoneTable, truth: Truth) -> None:
    """The snapshot of this moment, without lag."""
    table.begin()
    table.take_channels(channels_json(truth))
    table.take_registrations(registrations_xml(truth.phones))
    settle(table, truth)


def same(table: PhoneTable, truth: Truth) -> bool:
    """Whether the table has the true state."""
    calls = {
        user: {(call.uuid, call.state) for call in table.calls_of(f"{user}@{DOMAIN}")} == truth.calls(user)
        for user in USERS
    }
    registered = {user for user in USERS if table.is_registered(user, DOMAIN)}
    return all(calls.values()) and registered == truth.registered() and table.channels == len(truth.lines)
