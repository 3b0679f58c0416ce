"""The lines that a call leaves in the log, each with the fields of its event (docs/log.md)."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fshunt.daemon.call.caller import Caller
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group
from fshunt.hunting.states import Result
from fshunt.log_events import LogEvent, about

log = logging.getLogger("fshunt.call")

_PREPOSITIONS = {DestinationKind.VOICEMAIL: " ", DestinationKind.TRANSFER: " to ", DestinationKind.HANGUP: " with "}


def about_call(event: LogEvent, caller: Caller, domain: str = "", **known: str | None) -> Mapping[str, str | None]:
    """Return the fields of a line about a call; without a domain, that which the channel names."""
    return about(event, call=caller.uuid, pilot=caller.pilot, domain=domain or caller.asked_domain, **known)


class CallLines:
    """Writes the lines of one call; ``domain`` is that of its group, once the group is known."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.domain = caller.asked_domain

    def is_of(self, group: Group) -> None:
        """The group is known now."""
        self.domain = group.domain

    def write(
        self, event: LogEvent, words: str, *values: object, level: int = logging.INFO, **known: str | None
    ) -> None:
        """Write a line; ``known`` are the fields ``member`` and ``outcome``."""
        caller = self._caller
        extra = about_call(event, caller, self.domain, **known)
        log.log(level, "call %s: " + words, caller.uuid, *values, extra=extra)


def called(group: Group) -> str:
    """Return which group was called."""
    return f"{group.pilot}@{group.domain}" + (f" ({group.name})" if group.name else "")


def towards(destination: Destination) -> str:
    """Return where a caller goes, behind a verb."""
    return f"{_PREPOSITIONS[destination.kind]}{destination.value}"


def ended_words(
    result: Result, by: str | None, talked_seconds: float, destination: Destination | None, reason: str | None
) -> str:
    """Return how a hunt ended, and who answered it (None: nobody)."""
    answered = "" if by is None else f" by {by}, talked {talked_seconds:.0f} s"
    there = "" if destination is None else towards(destination)
    return f"ended: {result}{answered}{there}" + ("" if reason is None else f" ({reason})")
