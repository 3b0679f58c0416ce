"""Recorded frames of a real FreeSWITCH, and how they are compared with the simulator's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fshunt.esl.frames import Frame
from fshunt.esl.reader import FrameReader

TAPES = Path(__file__).parent.parent / "support" / "tapes"
END = "[EOF]"

RESULTS = (
    "Channel-Call-State",
    "Answer-State",
    "Hangup-Cause",
    "Other-Leg-Unique-ID",
    "Bridge-B-Unique-ID",
    "Application",
    "Application-Data",
    "Application-Response",
    "variable_originate_disposition",
    "variable_DIALSTATUS",
    "variable_originate_failed_cause",
    "variable_originate_causes",
    "variable_originated_legs",
    "variable_bridge_uuid",
    "variable_last_bridge_to",
    "variable_bridge_channel",
    "variable_signal_bond",
    "variable_last_bridge_hangup_cause",
    "variable_last_bridge_proto_specific_hangup_cause",
    "variable_bridge_hangup_cause",
    "variable_proto_specific_hangup_cause",
    "variable_sip_term_status",
    "variable_sip_hangup_disposition",
    "variable_hangup_cause",
    "variable_hangup_cause_q850",
    "variable_endpoint_disposition",
    "variable_current_application",
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CONTACT = re.compile(r"(?:sofia/internal/|sip:)(1\d{3})@127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Row:
    """A command, or a frame of the switch, or its end."""

    at: float
    command: str | None
    frame: Frame | None

    @property
    def is_end(self) -> bool:
        return self.command is None and self.frame is None


def read_tape(name: str) -> list[Row]:
    """The rows of a tape, in order."""
    rows = []
    for line in (TAPES / f"{name}.jsonl").read_text().splitlines():
        said = json.loads(line)
        text: str = said["frame"]
        if said["from"] == "controller":
            rows.append(Row(said["t"], text, None))
        elif text == END:
            rows.append(Row(said["t"], None, None))
        else:
            (frame,) = FrameReader().feed(text.encode())
            rows.append(Row(said["t"], None, frame))
    return rows


def caller_uuid(rows: list[Row]) -> str:
    """The caller's channel."""
    found = next(row.frame.get("Unique-ID") for row in rows if row.frame is not None)
    assert found
    return found


def contacts(rows: list[Row]) -> dict[str, list[str]]:
    """The contacts of each extension, as the tape names them."""
    found: dict[str, list[str]] = {}
    for row in rows:
        texts = [row.command] if row.command else []
        if row.frame is not None:
            texts += [row.frame.body.decode()] if row.frame.content_type == "api/response" else []
            texts += [row.frame.event.get("variable_bridge_channel") or "", row.frame.event.get("Channel-Name") or ""]
        for text in texts:
            for user, port in _CONTACT.findall(text):
                contact = f"sip:{user}@127.0.0.1:{port}"
                if contact not in found.setdefault(user, []):
                    found[user].append(contact)
    return found


@dataclass
class Story:
    """The frames of a connection, sorted into ordered and unordered ones."""

    frames: list[Frame]
    names: dict[str, str] = field(default_factory=dict)

    def replies(self) -> list[tuple[str, str]]:
        """The answers to the commands. Events may come between them at any place: another thread sends them."""
        return [(one.content_type, self._reply(one)) for one in self.frames if one.is_reply]

    def _reply(self, frame: Frame) -> str:
        if frame.is_connect_reply:
            return "CHANNEL_DATA"
        if frame.reply_text.startswith('{"row_count"'):
            # The caller's row. A leg stays in FreeSWITCH's table for some ms after its end, as on one of the tapes.
            return str(sorted(json.loads(frame.reply_text)["rows"][0]))
        return frame.reply_text

    def events(self) -> list[Frame]:
        """The events that have one order.

        Not among them: CHANNEL_PARK, which FreeSWITCH fires while the first commands are still being read (two of the
        tapes have none), and a leg's CHANNEL_HANGUP_COMPLETE, which its own thread sends up to 20 ms after the hang-up,
        before or after the caller's thread has ended the bridge (both are on the tapes).
        """
        return [one for one in self._all_events() if not self._floats(one)]

    def leg_ends(self) -> list[Frame]:
        """The ends of the legs, by the order in which they were hung up."""
        order = [_uuid(one) for one in self._all_events() if one.get("Event-Name") == "CHANNEL_HANGUP"]
        ends = [
            one
            for one in self._all_events()
            if one.get("Event-Name") == "CHANNEL_HANGUP_COMPLETE" and self._floats(one)
        ]
        return sorted(ends, key=lambda one: order.index(_uuid(one)))

    def _all_events(self) -> Iterator[Frame]:
        return (one.event for one in self.frames if one.content_type == "text/event-plain")

    def _floats(self, event: Frame) -> bool:
        name = event.get("Event-Name")
        return name == "CHANNEL_PARK" or (
            name == "CHANNEL_HANGUP_COMPLETE" and event.get("Call-Direction") == "outbound"
        )

    def notices(self) -> list[str]:
        """The disconnect notices. The position of the first depends on the listener thread's poll (20 ms)."""
        return [
            str(one.get("Content-Disposition")) for one in self.frames if one.content_type == "text/disconnect-notice"
        ]

    def kinds(self, events: list[Frame]) -> list[tuple[str, ...]]:
        """What each event is: name, channel, application."""
        return [
            (
                event.get("Event-Name", ""),
                self.named(event.get("Unique-ID", "")),
                event.get("Channel-State", "") if event.get("Event-Name") == "CHANNEL_STATE" else "",
                event.get("Application", ""),
            )
            for event in events
        ]

    def results(self, event: Frame) -> dict[str, str]:
        """The result headers of an event, with channels named by the order in which they appear."""
        found = {name: self.named(value) for name in RESULTS if (value := event.get(name)) is not None}
        if found.get("Application") == "socket":
            del found["Application-Data"]  # the controller's port
        return found

    def named(self, text: str) -> str:
        """A text with its uuids named by order of appearance."""
        return _UUID.sub(lambda found: self.names.setdefault(found[0], f"uuid{len(self.names)}"), text)


def _uuid(event: Frame) -> str:
    return event.get("Unique-ID", "")
