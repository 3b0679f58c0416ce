"""What the keys of a queued caller do: they come only from a caller who was answered (design, sections 4 and 20)."""

from __future__ import annotations

from collections.abc import Callable

from fshunt.daemon.call.callback_request import CallbackOffer
from fshunt.daemon.call.ringing import KEY
from fshunt.esl import api, commands
from fshunt.esl.frames import Frame
from fshunt.esl.session import Session
from fshunt.freeswitch.feature_tones import REFUSED_TONE
from fshunt.hunting.hunt import Hunt

VOICEMAIL_KEY = "1"
"""It leads from the queue to voicemail (``voicemail_key`` of a group)."""

CALLBACK_KEY = "2"
"""It asks for a call back (``callback`` of a group)."""


KEYS_AFTER_SECONDS = 1.0
"""A key that is pressed sooner after the wait began was meant for a menu before it, and pressed twice."""


class QueueKeys:
    """The keys of one queued caller, who begins to wait now; ``callback`` None: the group calls nobody back."""

    def __init__(
        self, session: Session, hunt: Hunt, callback: CallbackOffer | None, monotonic: Callable[[], float]
    ) -> None:
        self._session, self._hunt, self._callback, self._monotonic = session, hunt, callback, monotonic
        self._not_before = monotonic() + KEYS_AFTER_SECONDS
        self._listens = False

    @property
    def _mean_something(self) -> bool:
        return self._hunt.group.voicemail_key or self._callback is not None

    def listen(self) -> None:
        """Hear keys from now on, where they mean anything; again, nothing."""
        if self._mean_something and not self._listens:
            # A key that was pressed before, as in an attendant's menu, is no answer to what the queue offers.
            self._session.post(api.flush_keys(self._session.uuid), commands.subscribe(KEY))
            self._listens = True

    def stop(self) -> None:
        """Hear keys no more: a phone rings, or the caller leaves."""
        if self._listens:
            self._session.post(commands.unsubscribe(KEY))
            self._listens = False

    def on_event(self, event: Frame, ticket: int | None) -> str | None:
        """Do what a key says, and return what the caller hears of it; None: nothing. ``ticket`` is the caller's."""
        if not self._listens or event.get("Event-Name") != KEY or not self._session.is_callers(event):
            return None
        if self._monotonic() < self._not_before:
            return None
        key, group = event.get("DTMF-Digit"), self._hunt.group
        if key == VOICEMAIL_KEY and group.voicemail_key and group.box() is not None:
            self._hunt.leaves_by_key()
        if key == CALLBACK_KEY and self._callback is not None:
            if not self._callback.ask(ticket):
                return REFUSED_TONE
            self._hunt.leaves_for_callback()
        return None
