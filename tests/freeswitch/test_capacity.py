"""How many sessions a switch still takes, read from its status."""

from __future__ import annotations

import pytest

from fshunt.freeswitch.capacity import free_sessions

STATUS = """UP 0 years, 0 days, 0 hours, 1 minute, 2 seconds, 123 milliseconds, 456 microseconds
FreeSWITCH (Version 1.10.12 -release-10222002881-a88d069d6f 64bit) is ready
312 session(s) since startup
{sessions} session(s) - peak 150, last 5min 150
1 session(s) per Sec out of max 30, peak 30, last 5min 30
{limit} session(s) max
min idle cpu 0.00/99.40
Current Stack Size/Max 240K/8192K
"""


@pytest.mark.parametrize(("sessions", "limit", "free"), [(0, 1000, 1000), (12, 13, 1), (13, 13, 0), (20, 13, 0)])
def test_free_sessions(sessions: int, limit: int, free: int) -> None:
    assert free_sessions(STATUS.format(sessions=sessions, limit=limit)) == free


@pytest.mark.parametrize("text", ["", "-ERR status Command not found!\n", STATUS.partition("1 session")[0]])
def test_a_status_that_does_not_say(text: str) -> None:
    assert free_sessions(text) is None
