"""What a notice says: one message as values, and as a mail or the body of a webhook.

Names and numbers are a caller's own words. They get no say over headers, and stand in HTML as text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Any

from fshunt.notices.notice import Channel, NoticeEvent

MAX_SUBJECT_CHARS = 150

_POLICY = SMTP.clone(cte_type="7bit")
"""Any server takes it, whatever it says of 8BITMIME."""

_WHAT = {
    NoticeEvent.ANSWERED: ("Answered call", "answered calls"),
    NoticeEvent.MISSED: ("Missed call", "missed calls"),
    NoticeEvent.NOBODY_REACHABLE: ("Nobody reachable for a call", "calls for which nobody was reachable"),
    NoticeEvent.QUEUE_LONGER: ("Long queue", "long queues"),
    NoticeEvent.MEMBER_BLOCKED: ("Member blocked", "blocked members"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it is told. ``facts`` are names and values, ``story`` is what happened and when.

    ``caller`` is whoever called, ``link`` the page of the call, where people have pages; ``values`` is for programs.
    """

    event: NoticeEvent
    at: datetime
    caller: str
    facts: tuple[tuple[str, str], ...]
    story: tuple[tuple[datetime, str], ...]
    link: str | None
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a group to one target; ``id`` is the same for each try. ``more`` events are not told one by one."""

    id: str
    channel: Channel
    target: str
    domain: str
    pilot: str
    group_name: str
    zone: tzinfo
    events: tuple[Told, ...]
    is_digest: bool = False
    more: int = 0
    secret: str | None = None

    @property
    def group(self) -> str:
        """The group as people name it."""
        return f"{self.group_name} ({self.pilot})" if self.group_name else self.pilot


def mail_of(message: Message, sender: str, sent_at: datetime) -> EmailMessage:
    """Return a message as a mail, in plain text and in HTML."""
    made = EmailMessage(policy=_POLICY)
    made["From"] = sender
    made["To"] = message.target
    made["Subject"] = one_line(subject_of(message))[:MAX_SUBJECT_CHARS]
    made["Date"] = format_datetime(sent_at.astimezone(UTC))
    made["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    made.set_content(text_of(message))
    made.add_alternative(html_of(message), subtype="html")
    return made


def subject_of(message: Message) -> str:
    """Return what a message is about, in one line."""
    first, number = message.events[0], len(message.events) + message.more
    kinds = {told.event for told in message.events}
    if number > 1:
        what = _WHAT[first.event][1] if len(kinds) == 1 and not message.more else "events"
        same = {told.caller for told in message.events}
        by = f" from {first.caller}" if len(same) == 1 and first.caller and not message.is_digest else ""
        return f"{number} {what}{by}: {message.group}"
    about = first.caller or first.values.get("member") or first.values.get("queued")
    joined = "of" if first.event is NoticeEvent.QUEUE_LONGER else "from"
    words = f": {about}" if first.event is NoticeEvent.MEMBER_BLOCKED else f" {joined} {about}" if about else ""
    return f"{_WHAT[first.event][0]}{words}: {message.group}"


def text_of(message: Message) -> str:
    """Return a message as plain text."""
    parts = [f"Group {message.group}, {message.domain}"]
    for told in message.events:
        lines = [f"{_WHAT[told.event][0]}, {_when(told.at, message.zone)}"]
        width = max((len(name) for name, _ in told.facts), default=0)
        lines += [f"  {name.ljust(width)}  {value}" for name, value in told.facts]
        lines += [f"  {_clock(at, message.zone)}  {words}" for at, words in told.story]
        lines += [f"  {told.link}"] if told.link else []
        parts.append("\n".join(one_line(line) for line in lines))
    if message.more:
        parts.append(f"And {message.more} more.")
    return "\n\n".join(one_line(part) if part is parts[0] else part for part in parts) + "\n"


def html_of(message: Message) -> str:
    """Return a message as HTML without scripts, images or anything else that a mail program would load."""
    parts = [f"<p>Group <strong>{_html(message.group)}</strong>, {_html(message.domain)}</p>"]
    for told in message.events:
        heading = f"{_WHAT[told.event][0]}, {_when(told.at, message.zone)}"
        parts.append(f"<h3>{_html(heading)}</h3>")
        rows = [(name, value) for name, value in told.facts]
        rows += [(_clock(at, message.zone), words) for at, words in told.story]
        parts.append("<table cellpadding='3'>" + "".join(_row(*row) for row in rows) + "</table>")
        if told.link:
            parts.append(f'<p><a href="{_html(told.link)}">{_html(told.link)}</a></p>')
    if message.more:
        parts.append(f"<p>And {message.more} more.</p>")
    body = "\n".join(parts)
    return f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"></head><body>\n{body}\n</body></html>\n'


def _row(name: str, value: str) -> str:
    return f"<tr><th align='left' valign='top'>{_html(name)}</th><td>{_html(value)}</td></tr>"


def body_of(message: Message) -> bytes:
    """Return a message as the JSON body of a webhook."""
    kinds = {told.event for told in message.events}
    value = {
        "type": "digest" if message.is_digest else message.events[0].event.value if len(kinds) == 1 else "several",
        "timestamp": utc(max(told.at for told in message.events)),
        "data": {
            "domain": message.domain,
            "pilot": message.pilot,
            "group_name": message.group_name,
            "events": [{"event": told.event.value, "at": utc(told.at)} | told.values for told in message.events],
            "more": message.more,
        },
    }
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def utc(at: datetime) -> str:
    """Return a time as all JSON of fshunt has it."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def one_line(text: str) -> str:
    """Return a text without what breaks a line, hides or turns round what stands beside it."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _html(text: str) -> str:
    return escape(one_line(text))


def _when(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def _clock(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%H:%M:%S")
