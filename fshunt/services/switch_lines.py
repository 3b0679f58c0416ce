"""One connection to each watched switch for a whole run of checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Self

from fshunt.errors import FshuntError
from fshunt.esl.inbound import ProtocolError, SwitchLost, TimedOut
from fshunt.freeswitch.phones import CommandSender
from fshunt.services.switch_checks import Connect, connected
from fshunt.settings import WatchedSwitch

BROKEN = (SwitchLost, TimedOut, ProtocolError)
"""Errors after which a connection is of no more use."""


class SwitchLines(AbstractContextManager["SwitchLines"]):
    """Connects to a switch when it is first asked, and keeps the connection until the end.

    A switch that did not let us in, or whose connection broke, is not tried again: it says the same to each later
    question, so that nobody waits for it twice.
    """

    def __init__(self, connect: Connect = connected) -> None:
        self._connect = connect
        self._open = ExitStack()
        self._lines: dict[WatchedSwitch, CommandSender] = {}
        self._lost: dict[WatchedSwitch, FshuntError] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @contextmanager
    def line(self, switch: WatchedSwitch) -> Iterator[CommandSender]:
        """Give the connection to a switch for the length of a block. Raises FshuntError."""
        try:
            yield self._line(switch)
        except BROKEN as error:
            self._lost[switch] = error
            raise

    def _line(self, switch: WatchedSwitch) -> CommandSender:
        if switch in self._lost:
            raise self._lost[switch]
        if switch not in self._lines:
            try:
                self._lines[switch] = self._open.enter_context(self._connect(switch))
            except FshuntError as error:
                self._lost[switch] = error
                raise
        return self._lines[switch]
