"""`fshunt status --nagios`: one line for monitoring systems, by the guidelines for Nagios plugins."""

from __future__ import annotations

from enum import IntEnum

from fshunt.cli import output
from fshunt.cli.outcome import EXIT_UNKNOWN, plugin_line
from fshunt.cli.status_page import in_order, talks_of
from fshunt.services.cluster_health import ClusterHealth, Code, Finding

MAX_NAMED = 3
"""Findings in the line: monitoring systems send it as a short message."""


class Level(IntEnum):
    """The states of a service for monitoring systems, which are the exit codes."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = EXIT_UNKNOWN


LEVELS = {
    Code.DATABASE_UNREADABLE: Level.UNKNOWN,
    Code.DATABASE_UNWRITABLE: Level.CRITICAL,
    Code.NO_DAEMON: Level.CRITICAL,
    Code.NO_DAEMON_ALIVE: Level.CRITICAL,
    Code.DAEMON_WITHOUT_DATABASE: Level.CRITICAL,
    Code.SERVICE_FAILING: Level.CRITICAL,
    Code.DOMAIN_NOT_FOUND: Level.CRITICAL,
    Code.PILOT_NOT_REACHED: Level.CRITICAL,
    Code.NODE_NAME_TWICE: Level.WARNING,
    Code.NO_HEARTBEAT: Level.WARNING,
    Code.WRITES_PENDING: Level.WARNING,
    Code.DATABASE_REPLACED: Level.WARNING,
    Code.SERVICE_NOT_RUNNING: Level.WARNING,
    Code.SWITCH_NOT_WATCHED: Level.WARNING,
    Code.SWITCH_SILENT: Level.WARNING,
    Code.PILOT_TABLE_NOT_KEPT: Level.WARNING,
    Code.IMPLAUSIBLE_CALL: Level.WARNING,
    Code.IMPLAUSIBLE_REGISTRATION: Level.WARNING,
    Code.GROUP_UNREGISTERED: Level.WARNING,
    Code.HUNTS_FAILED: Level.WARNING,
    Code.WEB_NO_HEARTBEAT: Level.WARNING,
    Code.NOTICES_NOT_SENT: Level.WARNING,
    Code.LAMPS_NOT_TOLD: Level.WARNING,
    Code.OTHER_DATABASE: Level.WARNING,
    # What passes by itself, works again, or was decided so.
    Code.SERVICE_RESTARTED: Level.OK,
    Code.LEFT_BEHIND: Level.OK,
    Code.NO_SWITCH_CONFIGURED: Level.OK,
    Code.VERSIONS_DIFFER: Level.OK,
}
"""How bad a finding is; a note is a warning at most."""


def print_line(state: ClusterHealth) -> int:
    """Print the line, and return the exit code."""
    found = [(LEVELS[each.code], each) for each in state.problems]
    found += [(min(LEVELS[each.code], Level.WARNING), each) for each in state.notes]
    bad = sorted(((level, each) for level, each in found if level), key=lambda pair: -pair[0])
    level = bad[0][0] if bad else Level.OK
    text = _text([each for _, each in bad]) if bad else in_order(state)
    output.say(f"{plugin_line(level.name, text)} | {_performance(state)}")
    return level


def _text(findings: list[Finding]) -> str:
    sentences = [each.message for each in findings[:MAX_NAMED]]
    more = len(findings) - MAX_NAMED
    return " ".join([*sentences, *([f"{more} more in `fshunt status`."] if more > 0 else [])])


def _performance(state: ClusterHealth) -> str:
    """Return the performance data; a daemon that is not alive counts for nothing."""
    pending = sum(int(daemon.database.get("pending_writes") or 0) for daemon in state.living)
    numbers = {
        "waiting": len(state.queued),
        "ringing": max(0, state.total("hunts") - state.total("queued")),
        "talking": sum(talks_of(daemon) for daemon in state.living),
        "groups": state.groups,
        "claims": state.claims,
        "failed_hunts": state.failed_hunts,
        "pending_writes": pending,
        "switches": sum(bool(each.get("watched")) for daemon in state.living for each in daemon.switches),
    }
    daemons = f"'daemons'={len(state.living)};;1:;0"
    return " ".join([daemons, *(f"'{name}'={number};;;0" for name, number in numbers.items())])
