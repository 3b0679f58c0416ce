"""How a try to send a message went wrong."""

from __future__ import annotations

import ssl
from enum import Enum, auto

from fshunt.errors import FshuntError


class Blame(Enum):
    """What a failure is of, which says what else need not be tried for a while."""

    MESSAGE = auto()
    """This message alone; it will never be taken."""
    TARGET = auto()
    """The receiver of this notice."""
    HOST = auto()
    """The host: nothing that goes there gets through."""


class NotSent(FshuntError):
    """A message was not sent, or it is not known that it was."""

    def __init__(self, sentence: str, blame: Blame = Blame.TARGET) -> None:
        super().__init__(sentence)
        self.blame = blame


def why(error: Exception) -> str:
    """Return why a connection has failed, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, PermissionError):
        return f"{error.strerror} (`IPAddressAllow` of the unit, docs/notices.md)"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
