"""How many calls a FreeSWITCH takes, as its ``status`` says (fact 43)."""

from __future__ import annotations

import re

_SESSIONS = re.compile(r"^(\d+) session\(s\) - peak", re.MULTILINE)
_CALLS = re.compile(r"^(\d+) total\.", re.MULTILINE)
_LIMIT = re.compile(r"^(\d+) session\(s\) max", re.MULTILINE)
_RATE_LIMIT = re.compile(r"session\(s\) per Sec out of max (\d+)")


def free_sessions(status: str) -> int | None:
    """Return how many sessions the switch still takes (``max-sessions``); None if the text does not say so."""
    sessions, limit = _SESSIONS.search(status), _LIMIT.search(status)
    if sessions is None or limit is None:
        return None
    return max(int(limit[1]) - int(sessions[1]), 0)


def session_limit(status: str) -> int | None:
    """Return the switch's ``max-sessions``; None if the text does not say it."""
    limit = _LIMIT.search(status)
    return None if limit is None else int(limit[1])


def rate_limit(status: str) -> int | None:
    """Return the switch's ``sessions-per-second``; None if the text does not say it."""
    limit = _RATE_LIMIT.search(status)
    return None if limit is None else int(limit[1])


def calls_now(text: str) -> int | None:
    """Return the number in what ``show calls count`` answers; None if the text does not say it."""
    found = _CALLS.search(text)
    return None if found is None else int(found[1])
