"""What a queued caller is told between the music: the position, the expected wait, and the keys (design, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from fshunt.daemon.data.database import Deadline
from fshunt.daemon.deps import Dependencies
from fshunt.db.queries import calls, queue
from fshunt.errors import DatabaseError
from fshunt.esl import api
from fshunt.esl.session import Session
from fshunt.freeswitch.queue_sounds import MINUTE, MINUTES, files_said, one_sound
from fshunt.hunting.expected_wait import expected_minutes, mean_talk
from fshunt.hunting.hunt import Hunt

HISTORY = timedelta(days=7)
"""Talks of before say nothing of today."""


class QueueAnnouncements:
    """The announcements to one caller. ``ticket`` gives the caller's own; nobody who was not answered hears them."""

    def __init__(self, session: Session, hunt: Hunt, deps: Dependencies, ticket: Callable[[], int | None]) -> None:
        self._session, self._hunt, self._deps, self._ticket = session, hunt, deps, ticket
        self._every = hunt.group.announce_seconds
        self._keys_prompt = deps.settings.keys_prompt if hunt.group.voicemail_key or hunt.group.callback else None
        says_something = self._every is not None or self._keys_prompt is not None
        self._next = deps.monotonic() if says_something else float("inf")
        self._talk_seconds: float | None = None
        self._has_looked = False

    @property
    def next_at(self) -> float:
        """When the next one is due, of the monotonic clock; infinity: there is none."""
        return self._next

    def is_due(self) -> bool:
        """Tell whether one is due."""
        return self._deps.monotonic() >= self._next

    def stop(self) -> None:
        """Announce no more: FreeSWITCH does not have the files."""
        self._next = float("inf")

    def sound(self) -> str | None:
        """Return the one that is due, for ``playback``; None: nothing is known to be told now.

        Asks the database and the switch, and raises as the session does.
        """
        self._next = float("inf") if self._every is None else self._deps.monotonic() + self._every
        files = [] if self._every is None else self._position_and_wait()
        if self._keys_prompt is not None:
            files.append(self._keys_prompt)
        return one_sound(files) if files else None

    def _position_and_wait(self) -> list[str]:
        try:
            position, minutes = self._where_and_how_long()
        except DatabaseError:
            return []
        settings = self._deps.settings
        files = self._number(settings.position_prompt, position)
        waits = [] if minutes is None or not files else self._number(settings.wait_prompt, minutes)
        return [*files, *waits, MINUTE if minutes == 1 else MINUTES] if waits else files

    def _number(self, prompt: str, number: int) -> list[str]:
        said = self._session.send(api.say_number(self._deps.settings.say_language, number))
        files = files_said(said.reply_text)
        return [] if files is None else [prompt, *files]

    def _where_and_how_long(self) -> tuple[int, int | None]:
        group, ticket, database = self._hunt.group, self._ticket(), self._deps.database
        deadline = Deadline(self._deps.settings.database_timeout, self._deps.monotonic)
        if ticket is None:
            raise DatabaseError("The caller has no ticket of the database.")
        position = database.run_lean(lambda s: queue.position(s, group.id, ticket), deadline=deadline)
        if not self._has_looked:
            since = self._deps.now() - HISTORY
            talks = database.run_lean(
                lambda s: calls.last_talks(s, group.domain, group.pilot, since), deadline=deadline
            )
            self._talk_seconds, self._has_looked = mean_talk(talks), True
        if self._talk_seconds is None:
            return position, None
        members = len(self._hunt.reserved())
        return position, expected_minutes(position, members, self._talk_seconds, group.wrap_up_seconds)
