"""What a stream says of one look after the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fshunt.errors import DatabaseError
from fshunt.services.call_feed import CallNow
from fshunt.services.live import LiveState
from fshunt.services.live_feed import GroupNow, Look
from fshunt.services.watchers import Credential, CredentialKind, Wish
from fshunt.web.live import events
from fshunt.web.live.events import GroupStream, event
from fshunt.web.live.hub import Hub

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WISH = Wish(Credential(CredentialKind.TOKEN, "1"))
SALES, SUPPORT, HIDDEN = (("pbx.test", pilot) for pilot in ("5000", "6000", "7000"))


class Told:
    """A hub that has the looks that a test gives it."""

    def __init__(self) -> None:
        self.hub = Hub(feed=None)  # type: ignore[arg-type]
        self.look: Look | None = None
        self.hub.join = lambda _: None  # type: ignore[method-assign]
        self.hub.latest = lambda: self.look  # type: ignore[method-assign]
        self.seconds = 0.0

    def stream(self, since: datetime | None = None) -> GroupStream:
        self.watcher = self.hub.open(WISH, "omar")
        stream = GroupStream(self.hub, self.watcher, since)
        stream._monotonic = lambda: self.seconds
        self.chunks = stream.chunks()
        assert next(self.chunks) == b"retry: 3000\n\n"
        return stream

    def say(self, look: Look) -> list[tuple[str, Any]]:
        self.look = look
        self.watcher.news.set()
        return read(next(self.chunks))


@pytest.fixture
def told() -> Told:
    return Told()


def read(chunk: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in chunk.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def group(number: int) -> GroupNow:
    return GroupNow(number, None, {"number": number}, 0.0)  # type: ignore[arg-type]


def call(number: int, place: tuple[str, str] = SALES, *, ago: float = 0.0, is_open: bool = False) -> CallNow:
    return CallNow(number, place, NOON - timedelta(seconds=ago), is_open, {"number": number})


def look(groups: dict[tuple[str, str], int], calls: tuple[CallNow, ...] = (), **more: Any) -> Look:
    state = LiveState(NOON, more.pop("age", 0.3))
    found = {place: group(number) for place, number in groups.items()}
    places = {WISH: frozenset({SALES, SUPPORT})}
    return Look(state, found, calls, **{"places": places, "asked": frozenset(places), **more})


def test_each_group_is_told_at_first_and_then_when_it_changes_and_no_other(told: Told) -> None:
    told.stream()
    first = told.say(look({SALES: 1, SUPPORT: 2, HIDDEN: 3}))
    assert first == [("now", {"number": 1}), ("now", {"number": 2})]
    assert told.say(look({SALES: 1, SUPPORT: 7, HIDDEN: 8})) == [("now", {"number": 7})]
    gone = [("gone", {"schema": 1, "gone": {"domain": "pbx.test", "pilot": "6000"}, "warnings": []})]
    assert told.say(look({SALES: 1})) == gone


def test_a_slow_client_gets_the_newest_state_alone(told: Told) -> None:
    told.stream()
    told.say(look({SALES: 1}))
    for number in (2, 3, 4):
        told.look = look({SALES: number})
        told.watcher.news.set()
    assert read(next(told.chunks)) == [("now", {"number": 4})]


def test_calls_that_go_on_are_told_at_first_and_then_each_change(told: Told) -> None:
    told.stream()
    begun = told.say(look({}, (call(1), call(2, is_open=True), call(3, HIDDEN, is_open=True))))
    assert [value["call"]["number"] for _, value in begun] == [2]
    more = told.say(look({}, (call(1), call(3, HIDDEN), call(4), call(5, HIDDEN))))
    assert [value["call"]["number"] for _, value in more] == [4]


def test_who_was_away_is_told_what_has_changed_since(told: Told) -> None:
    told.stream(since=NOON - timedelta(seconds=60))
    missed = told.say(look({}, (call(1, ago=61), call(2, ago=59), call(3, ago=200, is_open=True))))
    assert [value["call"]["number"] for _, value in missed] == [2, 3]


def test_the_database_that_is_away_is_told_once_and_so_is_its_return(told: Told) -> None:
    told.stream()
    told.say(look({SALES: 1}))
    away = look({SALES: 1}, trouble=DatabaseError("It is away."))
    assert told.say(away) == [("trouble", {"schema": 1, "error": {"code": "database", "message": "It is away."}})]
    told.look = away
    told.watcher.news.set()
    told.seconds += events.BEAT_SECONDS
    assert next(told.chunks) == b": heartbeat\n\n"
    beat = {"schema": 1, "beat": {"at": "2026-03-01T12:00:00.000Z", "age_seconds": 0.3}}
    assert told.say(look({SALES: 1})) == [("beat", beat)]


def test_a_heartbeat_says_how_old_the_state_is(told: Told) -> None:
    told.stream()
    told.say(look({SALES: 1}))
    told.seconds += events.BEAT_SECONDS
    told.look = look({SALES: 1}, age=None)
    chunk = next(told.chunks)
    assert chunk.startswith(b": heartbeat\n")
    assert read(chunk) == [("beat", {"schema": 1, "beat": {"at": "2026-03-01T12:00:00.000Z", "age_seconds": None}})]


def test_the_stream_ends_with_the_right_and_not_before_it_was_looked_at(told: Told) -> None:
    told.stream()
    told.say(look({SALES: 1}))
    told.look = look({SALES: 1}, places={}, asked=frozenset())
    told.watcher.news.set()
    told.seconds += events.BEAT_SECONDS
    assert next(told.chunks)
    told.look = look({SALES: 1}, places={})
    told.watcher.news.set()
    assert list(told.chunks) == []


def test_text_from_outside_stays_in_its_event() -> None:
    made = event("call", {"caller_name": "a\n\nevent: now\ndata: b"}, "id")
    assert made.count(b"\n\n") == 1
    assert made.splitlines()[:2] == [b"event: call", b"id: id"]
