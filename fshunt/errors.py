"""The errors of fshunt: one root, few classes, one sentence each.

The command line prints the sentence and leaves with ``exit_code``; the daemon logs it with the call's uuid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any


class FshuntError(Exception):
    """Something that fshunt can explain in one sentence; the root of all its errors."""

    exit_code = 1
    """Exit status of a command that ends with this error: 1 for a failure, 2 for a usage error."""

    code = "failed"
    """What programs know the error by, in JSON (docs/json.md)."""


class UsageError(FshuntError):
    """A usage error; nothing was done."""

    exit_code = 2
    code = "usage"


class BadValue(UsageError):
    """A value has a character or form that its kind does not allow (design, section 9)."""

    code = "bad-value"


class CannotStore(BadValue):
    """The database cannot store a value. The sentence names the database, so it is for the host, and for no page."""


class BeyondLimits(UsageError):
    """A group's administrator wants more than the provider allows for the group; a sentence for each column."""

    code = "beyond-limits"

    def __init__(self, sentences: Mapping[str, str]) -> None:
        super().__init__(" ".join(sentences.values()))
        self.sentences = dict(sentences)


class NotFound(FshuntError):
    """What was named does not exist."""

    code = "not-found"


class Conflict(FshuntError):
    """What was asked for contradicts what is already there."""

    code = "conflict"


class ChangedSince(Conflict):
    """A change cannot be undone, since somebody has changed the same thing since.

    ``thing`` is the subject and its key, ``differences`` has each column with the value that the change has set, and
    the value that is there now.
    """

    def __init__(self, sentence: str, change_id: int, thing: str, differences: Sequence[tuple[str, Any, Any]]) -> None:
        super().__init__(sentence)
        self.change_id, self.thing, self.differences = change_id, thing, tuple(differences)


class Forbidden(FshuntError):
    """The user's role, or the token's scopes, do not allow it."""

    code = "forbidden"


class SignInFailed(FshuntError):
    """Name, password or code are wrong; which of them is not said."""

    code = "sign-in-failed"


class SlowDown(FshuntError):
    """Too many attempts: the next one is taken in ``seconds``."""

    code = "slow-down"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        whole = max(1, ceil(seconds))
        super().__init__(f"Too many attempts: try again in {whole} second{'s' if whole > 1 else ''}.")


class TooManyStreams(FshuntError):
    """One account has opened too many streams of events."""

    code = "too-many-streams"


class DatabaseError(FshuntError):
    """The database cannot be used: not migrated, unreachable, locked, read-only or full."""

    code = "database"


class Locked(DatabaseError):
    """The database is available, but another client has locked this row: everything else may continue."""

    code = "locked"


class Mistake(FshuntError):
    """An internal error, which nobody has foreseen; the log has it in full, at the place where it happened."""

    code = "internal"
