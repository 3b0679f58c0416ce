"""The errors of fshunt: one root, few classes, one sentence each.

The command line prints the sentence and leaves with ``exit_code``; the daemon logs it with the call's uuid.
"""

from __future__ import annotations


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


class NotFound(FshuntError):
    """What was named does not exist."""

    code = "not-found"


class Conflict(FshuntError):
    """What was asked for contradicts what is already there."""

    code = "conflict"


class DatabaseError(FshuntError):
    """The database cannot be used: not migrated, unreachable, locked, read-only or full."""

    code = "database"


class Locked(DatabaseError):
    """The database is available, but another client has locked this row: everything else may continue."""

    code = "locked"


class Mistake(FshuntError):
    """An internal error, which nobody has foreseen; the log has it in full, at the place where it happened."""

    code = "internal"
