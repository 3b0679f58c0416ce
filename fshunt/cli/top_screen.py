"""The screen of `fshunt top`, drawn from data: lines of text, none wider than the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from fshunt.cli.output import visible
from fshunt.services.top_view import Counts, GroupNow, LastCall, Overview

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
"""Words of a style, and their SGR codes. No style says anything that the text does not."""

COUNTS = tuple(each.name for each in fields(Counts))
SHORT = {"waiting": "wait", "ringing": "ring", "talking": "talk", "blocked": "blkd", "unregistered": "unrg"}
STYLE_OF = {"waiting": "red", "ringing": "yellow", "talking": "green", "blocked": "cyan"}
WIDE_COLUMNS = 76
"""A terminal that is narrower has the short titles."""

OTHER_COLUMNS = 90
"""A terminal that is narrower has no column of other members, who are in the total."""

MIN_NAME, MAX_NAME = 6, 24
MAX_CALLER = 26
MIN_GROUP_LINES = 3
MIN_CALL_LINES = 4
"""Lines that groups and calls have at least, as long as there are any."""

MAX_SENTENCES = 2


class Size(NamedTuple):
    """Of the terminal, in characters; no ``height``: as many lines as there are."""

    width: int
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """What is shown. ``first``: the first line of the groups, as they are scrolled; ``keys``: whether there are any."""

    overview: Overview
    now: datetime
    trouble: str = ""
    first: int = 0
    keys: bool = True
    colour: bool = False


def draw(screen: Screen, size: Size) -> list[str]:
    """Return the lines of the screen, of the size at most."""
    head = [*_head(screen, size.width), *_notes(screen, size.width), *_totals(screen, size.width), ""]
    groups = _group_lines(screen, size.width)
    calls = list(_call_lines(screen, size.width))
    below = ["", paint(cut("last calls", size.width), "bold", screen), *calls] if calls else []
    if size.height is None:
        return [*head, *groups, *below]
    for_groups = min(len(groups), max(MIN_GROUP_LINES, size.height - len(head) - min(len(below), MIN_CALL_LINES)))
    shown = _scrolled(groups, for_groups, screen, size.width)
    return [*head, *shown, *below][: size.height]


def group_lines(overview: Overview) -> int:
    """Return how many lines the groups have, without their titles."""
    domains = {group.domain for group in overview.groups}
    return len(overview.groups) + (len(domains) if len(domains) > 1 else 0)


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)


def cut(text: str, width: int) -> str:
    """Return a text that is not wider, with dots where something is left out, and without what a terminal acts on."""
    shown = visible(text)
    if cells(shown) <= width:
        return shown
    dots = "..." if width > len("...") else ""
    kept = ""
    for each in shown:
        if cells(kept + each) + len(dots) > width:
            break
        kept += each
    return kept + dots


def fill(text: str, width: int, *, right: bool = False) -> str:
    """Return a text of exactly this width."""
    shown = cut(text, width)
    blank = " " * (width - cells(shown))
    return blank + shown if right else shown + blank


def paint(text: str, style: str, screen: Screen) -> str:
    """Return a text in a style, where there are colours."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if screen.colour and text.strip() else text


def clock(at: datetime) -> str:
    """Return a time of the clock here."""
    return f"{at.astimezone():%H:%M:%S}"


def lasting(seconds: float) -> str:
    """Return a length of time: `0:29`, `12:05`, `1:02:03`."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _head(screen: Screen, width: int) -> Iterator[str]:
    left, right = f"fshunt  {clock(screen.now)}", "q quits" if screen.keys else ""
    number = len(screen.overview.groups)
    groups = f"  {number} group{'' if number == 1 else 's'}"
    yield paint(cut(fill(left + groups, width - len(right)) + right, width), "bold", screen)


def _notes(screen: Screen, width: int) -> Iterator[str]:
    if screen.trouble:
        yield paint(cut(f"! As of {clock(screen.overview.at)}: {screen.trouble}", width), "red", screen)
    sentences = screen.overview.sentences
    for sentence in sentences[:MAX_SENTENCES]:
        yield paint(cut(f"! {sentence}", width), "yellow", screen)
    if len(sentences) > MAX_SENTENCES:
        yield cut(f"! and {len(sentences) - MAX_SENTENCES} more: `fshunt status`", width)


def _totals(screen: Screen, width: int) -> Iterator[str]:
    line = ""
    for name in COUNTS:
        part = f"{name} {getattr(screen.overview.total, name)}"
        if line and len(line) + 2 + len(part) > width:
            yield cut(line, width)
            line = ""
        line += f"  {part}" if line else part
    yield cut(line, width)


class _Columns(NamedTuple):
    """How the groups stand in columns."""

    pilot: int
    name: int
    counts: tuple[tuple[str, str], ...]
    """The name of each number, and its title, which is as wide as the column."""
    gap: str

    def line(self, pilot: str, name: str, counts: Iterable[str]) -> str:
        """Return a line; the counts have the widths of their titles."""
        first = [fill(pilot, self.pilot), *([fill(name, self.name)] if self.name else [])]
        return self.gap.join([*first, *counts])


def _columns(groups: Sequence[GroupNow], width: int) -> _Columns:
    """Return the columns that fit: on a narrow terminal short titles, and no name; on the narrowest no last numbers."""
    wide = width >= WIDE_COLUMNS
    counts = [
        (name, name if wide else SHORT.get(name, name)) for name in (COUNTS if width >= OTHER_COLUMNS else COUNTS[:-1])
    ]
    gap, pilot = "  " if wide else " ", max(len(each) for each in ("pilot", *(group.pilot for group in groups)))
    while counts and pilot + sum(len(title) + len(gap) for _, title in counts) > width:
        counts.pop()
    left = width - pilot - sum(len(title) + len(gap) for _, title in counts) - len(gap)
    return _Columns(min(pilot, width), min(MAX_NAME, left) if left >= MIN_NAME else 0, tuple(counts), gap)


def _group_lines(screen: Screen, width: int) -> list[str]:
    """Return the titles and the groups, each domain with a line of its own if there are several."""
    groups = screen.overview.groups
    if not groups:
        return [cut("No groups.", width)]
    columns = _columns(groups, width)
    titles = columns.line("pilot", "group", (title for _, title in columns.counts))
    lines = [paint(titles, "bold", screen)]
    domains = list(dict.fromkeys(group.domain for group in groups))
    for domain in domains:
        if len(domains) > 1:
            lines.append(paint(cut(domain, width), "dim", screen))
        for group in (each for each in groups if each.domain == domain):
            counts = (_count(name, group, screen, len(title)) for name, title in columns.counts)
            lines.append(columns.line(group.pilot, _name(group), counts))
    return lines


def _name(group: GroupNow) -> str:
    return f"({group.closed}) {group.name}".rstrip() if group.closed else group.name


def _count(name: str, group: GroupNow, screen: Screen, width: int) -> str:
    number = getattr(group.counts, name)
    text = str(number) if number else "-"
    if name == "waiting" and group.waits_since is not None:
        waits = f"{text} {lasting((screen.now - group.waits_since).total_seconds())}"
        text = waits if len(waits) <= width else text
    shown = fill(text, width, right=True)
    return paint(shown, STYLE_OF[name], screen) if number and name in STYLE_OF else shown


def _scrolled(lines: Sequence[str], height: int, screen: Screen, width: int) -> list[str]:
    """Return the titles and what fits of the groups, from the first that is to be seen; the last line says the rest."""
    if len(lines) <= height:
        return list(lines)
    titles, groups, room = lines[0], lines[1:], max(1, height - 2)
    first = min(screen.first, len(groups) - room)
    below = len(groups) - first - room
    return [titles, *groups[first : first + room], cut(f"{first} above, {below} below (arrow keys)", width)]


def _call_lines(screen: Screen, width: int) -> Iterator[str]:
    calls = screen.overview.calls
    pilots = max((len(call.pilot) for call in calls), default=0)
    durations = [_duration(call, screen.now) for call in calls]
    longest = max(map(len, durations), default=0)
    wide = width >= WIDE_COLUMNS
    for call, duration in zip(calls, durations, strict=True):
        first = [clock(call.started_at), fill(call.pilot, pilots)]
        if wide:
            first.append(fill(call.caller, MAX_CALLER))
        rest = width - sum(cells(each) + 2 for each in first) - longest - 2
        line = "  ".join([*first, fill(call.state, max(rest, 0)), fill(duration, longest, right=True)])
        yield paint(cut(line, width), "dim", screen) if call.ended_at is not None else cut(line, width)


def _duration(call: LastCall, now: datetime) -> str:
    return lasting(((call.ended_at or now) - call.started_at).total_seconds())
