"""How a try to send a message went wrong."""

from __future__ import annotations

import ssl
from enum import Enum, auto
from http.client import HTTPException

from fshunt.errors import FshuntError
from fshunt.notices.message import one_line

MAX_SENTENCE_CHARS = 300


class Blame(Enum):
    """What a failure is of, which says what else need not be tried for a while."""

    MESSAGE = auto()
    """This message alone; it will never be taken."""
    TARGET = auto()
    """The receiver of this notice."""
    HOST = auto()
    """The host: nothing that goes there gets through."""


class NotSent(FshuntError):
    """A message was not sent, or it is not known that it was.

    The sentence may have words of the receiver, so it is one line of some length: it is stored, logged and shown.
    """

    def __init__(self, sentence: str, blame: Blame = Blame.TARGET) -> None:
        super().__init__(one_line(sentence)[:MAX_SENTENCE_CHARS])
        self.blame = blame


def why(error: Exception) -> str:
    """Return why a connection has failed, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, PermissionError):
        return f"{error.strerror} (`IPAddressAllow` of the unit, docs/notices.md)"
    if isinstance(error, HTTPException) and not isinstance(error, OSError):
        return "the answer is no HTTP"  # the words would be those of the receiver
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
