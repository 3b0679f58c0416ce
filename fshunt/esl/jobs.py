"""API commands that FreeSWITCH runs in the background, each in a thread of its own (fact 69).

A connection answers one command after the other, and ``api`` holds it up until the command has ended. What may take
long is run so, and the call can go on without its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from fshunt.esl import api, commands
from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame

EVENT = "BACKGROUND_JOB"


class Jobs:
    """Some API commands that run at the same time, and their outputs, which come in any order."""

    def __init__(self, asked: Sequence[Command]) -> None:
        self.uuid = uuid4().hex
        """their common Job-UUID: new for each, so that a late answer is taken for no other question's"""
        self._asked = [api.words_of(each) for each in asked]
        self._outputs: dict[str, str] = {}

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return all(words in self._outputs for words in self._asked)

    @property
    def outputs(self) -> list[str | None]:
        """What each has written, in the order in which they were asked; None of one that has not ended."""
        return [self._outputs.get(words) for words in self._asked]

    def start(self) -> list[Command]:
        """Return what starts them, and has their ends reported."""
        jobs = [api.in_background(words, self.uuid) for words in dict.fromkeys(self._asked)]
        return [commands.subscribe(EVENT), commands.add_filter_of_job(self.uuid), *jobs]

    def forget(self) -> Command:
        """Return what has no more ends reported."""
        return commands.delete_filter_of_job(self.uuid)

    def take(self, event: Frame) -> None:
        """Note the end of one, which its event tells."""
        words = f"{event.get('Job-Command', '')} {event.get('Job-Command-Arg', '')}".strip()
        self._outputs[words] = event.body.decode(errors="replace").rstrip("\n")
