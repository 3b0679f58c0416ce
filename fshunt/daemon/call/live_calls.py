"""The calls of this process: taken, counted, and at a stop given time to end."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
from gevent import getcurrent

from fshunt.daemon.call.call import Call
from fshunt.daemon.call.finish import Detach
from fshunt.daemon.deps import Dependencies
from fshunt.daemon.features import feature_call
from fshunt.esl.session import Session

LOOK_SECONDS = 0.1
"""Between two looks, at a stop, for calls that can go on without the daemon."""


SECOND_LINE_SECONDS = 0.2
"""Between two looks for members who have taken another call; their phones are to stop ringing within a second."""


class LiveCalls:
    """All calls that this process has, each in its own greenlet."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._calls: dict[gevent.Greenlet, Call] = {}
        self._feature_calls: set[gevent.Greenlet] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        """All, as they are now: calls come and end while somebody goes through them."""
        return iter(list(self._calls.values()))

    @property
    def hunts(self) -> int:
        """How many callers are hunted for."""
        return sum(1 for call in self if call.detached_result is None)

    @property
    def talks(self) -> int:
        """How many calls are answered, or in voicemail, and still followed."""
        return sum(1 for call in self if call.detached_result is not None)

    @property
    def hunt_ids(self) -> list[str]:
        """The hunts of all."""
        return [call.call_log.hunt_id for call in self]

    def handle(self, session: Session) -> None:
        """Take a call whose switch has answered the greeting, and stay with it to its end."""
        if self._closed:  # greeted too late: the caller goes on, as one does whose hunt is stopped
            return
        if feature_call.is_feature_call(session):
            self._serve_feature(session)
            return
        greenlet, call = getcurrent(), Call(session, self._deps)
        self._calls[greenlet] = call
        try:
            call.run()
        finally:
            del self._calls[greenlet]

    def _serve_feature(self, session: Session) -> None:
        """Serve a call to a feature code, which is no hunt: it has no record, and ends when the change is made."""
        greenlet = getcurrent()
        self._feature_calls.add(greenlet)
        try:
            feature_call.serve(session, self._deps)
        finally:
            self._feature_calls.discard(greenlet)

    def watch_second_lines(self) -> None:
        """Look who has taken another call while we ring them, until killed."""
        while True:
            gevent.sleep(SECOND_LINE_SECONDS)
            for call in self:
                call.spare_who_is_on_another_call()

    def close(self, hunt_seconds: float, farewell_seconds: float) -> None:
        """Take no more calls. Detach talks, give hunts ``hunt_seconds`` to end, then tell them to, and wait again."""
        self._closed = True
        self._wait_for_hunts(hunt_seconds)
        for call in self:
            call.stop()
        self._wait_for_hunts(farewell_seconds)
        gevent.joinall(list(self._feature_calls), timeout=farewell_seconds)  # each waits for one step of the database

    def _wait_for_hunts(self, seconds: float) -> None:
        until = self._deps.monotonic() + seconds
        while self._calls:
            for greenlet, call in list(self._calls.items()):
                if call.detached_result is not None:
                    greenlet.kill(Detach, block=False)
            left = until - self._deps.monotonic()
            if left <= 0:
                return
            gevent.joinall(list(self._calls), timeout=min(left, LOOK_SECONDS), count=1)
