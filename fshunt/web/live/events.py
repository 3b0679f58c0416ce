"""Server-sent events: how they look on the wire, and the stream of what groups do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import takewhile
from typing import Any

from flask import Response, request

from fshunt.services.call_feed import Place
from fshunt.services.live_feed import Look
from fshunt.services.serialize import SCHEMA, document, error_document, utc
from fshunt.web.http.messages import EventStream
from fshunt.web.http.wsgi import Stream as Body
from fshunt.web.live.hub import Hub, Watcher

EVENT_STREAM = "text/event-stream"

RETRY_MS = 3000
"""After how long a browser connects again."""

BEAT_SECONDS = 5.0
"""Between two signs of life: who has had none for twice as long knows that the state is old."""

BEGIN = f"retry: {RETRY_MS}\n\n".encode()


def event(name: str, value: dict[str, Any], event_id: str | None = None) -> bytes:
    """Return one event on the wire."""
    lines = [f"event: {name}", *([] if event_id is None else [f"id: {event_id}"])]
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # a line break in a text is written as \n
    return "\n".join([*lines, f"data: {data}", "", ""]).encode()


def beat(look: Look) -> bytes:
    """Return the sign of life: a comment for whoever keeps the line open, and how old the state is."""
    age = None if look.state.age is None else round(look.state.age, 1)
    value = {"schema": SCHEMA, "beat": {"at": utc(look.state.at), "age_seconds": age}}
    return b": heartbeat\n" + event("beat", value)


def stream_response(stream: EventStream) -> Response:
    """Return the response whose body is a stream; proxies are asked not to hold it back."""
    if request.method == "HEAD":
        stream.close()
        return Response(mimetype=EVENT_STREAM)
    answer = Response(Body(stream), mimetype=EVENT_STREAM, direct_passthrough=True)  # type: ignore[arg-type]
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


class Stream:
    """The stream of one watcher: an `EventStream`. A subclass says what is new to it in a look."""

    def __init__(self, hub: Hub, watcher: Watcher, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._hub, self._watcher, self._monotonic = hub, watcher, monotonic
        self._in_trouble = False

    def chunks(self) -> Iterator[bytes]:
        """Give events until the right to see them is over."""
        self._hub.join(self._watcher)
        yield BEGIN
        beat_at = self._monotonic() + BEAT_SECONDS
        while True:
            self._watcher.news.wait(max(0.0, beat_at - self._monotonic()))
            self._watcher.news.clear()
            look = self._hub.latest()
            if look is not None and self._is_over(look):
                return
            said = b"" if look is None else self._said(look)
            if self._monotonic() >= beat_at:
                said += b": heartbeat\n\n" if look is None or look.trouble else beat(look)
            if said:
                beat_at = self._monotonic() + BEAT_SECONDS
                yield said

    def close(self) -> None:
        """Leave the hub."""
        self._hub.leave(self._watcher)

    def news(self, look: Look) -> Iterator[bytes]:
        """Give the events that are new in a look."""
        raise NotImplementedError

    def places(self, look: Look) -> frozenset[Place]:
        """Return the groups that this stream may show."""
        return look.places.get(self._watcher.wish, frozenset())

    def _is_over(self, look: Look) -> bool:
        return self._watcher.wish in look.asked and self._watcher.wish not in look.places

    def _said(self, look: Look) -> bytes:
        if look.trouble is not None:
            told, self._in_trouble = self._in_trouble, True
            return b"" if told else event("trouble", error_document(look.trouble.code, str(look.trouble)))
        back, self._in_trouble = self._in_trouble, False
        return (beat(look) if back else b"") + b"".join(self.news(look))


class GroupStream(Stream):
    """What groups do, and their calls; ``since``: what the client has had before its line broke."""

    def __init__(self, hub: Hub, watcher: Watcher, since: datetime | None = None) -> None:
        super().__init__(hub, watcher)
        self._since = since
        self._groups: dict[Place, int] = {}
        self._calls: int | None = None

    def news(self, look: Look) -> Iterator[bytes]:
        """Give each group that has changed, each that is not there any more, and each call that has changed."""
        mine, at = self.places(look), utc(look.state.at)
        for place in sorted(self._groups.keys() - (mine & look.groups.keys())):
            del self._groups[place]
            yield event("gone", document("gone", {"domain": place[0], "pilot": place[1]}), at)
        for place in sorted(mine & look.groups.keys()):
            group = look.groups[place]
            if self._groups.get(place) != group.number:
                self._groups[place] = group.number
                yield event("now", group.value, at)
        # Those that have changed last are at the end: of a thousand, a stream looks at the few that it has not told.
        unseen = takewhile(lambda call: self._calls is None or call.number > self._calls, reversed(look.calls))
        for call in reversed([call for call in unseen if call.place in mine]):
            if self._is_new(call.number, call.changed_at, is_open=call.open):
                yield event("call", document("call", call.value), at)
        self._calls = max(self._calls or 0, look.calls[-1].number if look.calls else 0)

    def _is_new(self, number: int, changed_at: datetime, *, is_open: bool) -> bool:
        if self._calls is not None:
            return number > self._calls
        return is_open or (self._since is not None and changed_at >= self._since)


class BoardStream(Stream):
    """The figures of a board; ``version`` is that of its page."""

    def __init__(self, hub: Hub, watcher: Watcher, version: str) -> None:
        super().__init__(hub, watcher)
        self._version = version
        self._number: int | None = None

    def news(self, look: Look) -> Iterator[bytes]:
        """Give the figures if they have changed."""
        for place in self.places(look):
            board = look.boards.get(place)
            if board is not None and board.number != self._number:
                self._number = board.number
                yield event("board", board.value | {"at": utc(look.state.at), "version": self._version})
