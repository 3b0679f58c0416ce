"""The page of `fshunt status`, for an administrator at night: problems first, then one table for each question."""

from __future__ import annotations

from typing import Any

from fshunt.cli import output
from fshunt.services.cluster_health import ClusterHealth, DaemonNow, WebProcessNow, count, moment, span

MAX_QUEUED, MAX_ERRORS = 8, 5
"""Rows of these tables, so that all of it stays on one screen; --json has all."""

MARK_WIDTH = 9
"""Characters of the word before a sentence."""

MAX_ERROR_CHARS = 160
"""Of an error's line; the log has all of it."""

DAEMON_TITLES = (
    output.Column("daemon", wraps=True),
    output.Column("state", wraps=True),
    output.Column("hunts", drop=2),
    output.Column("answered", drop=3),
    output.Column("queued", drop=4),
    output.Column("claims", drop=5),
    output.Column("database", drop=1, wraps=True),
    output.Column("version", drop=6),
)
SWITCH_TITLES = (
    output.Column("switch", wraps=True),
    output.Column("seen by", drop=3, wraps=True),
    output.Column("state", wraps=True),
    output.Column("channels", drop=2),
    output.Column("registrations", drop=1),
    output.Column("last heard", drop=4, wraps=True),
)
WEB_TITLES = (
    output.Column("web pages", wraps=True),
    output.Column("listen", drop=1, wraps=True),
    output.Column("state", wraps=True),
    output.Column("version", drop=2),
)
QUEUE_TITLES = (
    output.Column("#"),
    output.Column("pilot", wraps=True),
    output.Column("waits for", drop=1, wraps=True),
    output.Column("waited", wraps=True),
    output.Column("daemon", drop=2, wraps=True),
)
ERROR_TITLES = (
    output.Column("at", drop=1, wraps=True),
    output.Column("daemon", drop=3, wraps=True),
    output.Column("level", drop=2),
    output.Column("message", wraps=True),
)


def print_status(state: ClusterHealth) -> None:
    """Print the page."""
    _print_verdict(state)
    if state.daemons:
        output.say()
        output.table(DAEMON_TITLES, [_daemon_row(daemon, state) for daemon in state.daemons])
    switches = [_switch_row(daemon, switch) for daemon in state.living for switch in daemon.switches]
    if switches:
        output.say()
        output.table(SWITCH_TITLES, switches)
    _print_web(state)
    _print_queue(state)
    _print_errors(state)


def _print_verdict(state: ClusterHealth) -> None:
    for problem in state.problems:
        output.say_wrapped(f"PROBLEM  {problem.message}", MARK_WIDTH, fg="red", bold=True)
    if not state.problems:
        output.say_wrapped(f"OK       {in_order(state)}", MARK_WIDTH, fg="green")
    for note in state.notes:
        output.say_wrapped(f"NOTE     {note.message}", MARK_WIDTH, fg="yellow")


def in_order(state: ClusterHealth) -> str:
    """Return the sentence of a cluster without problems."""
    back = f"{count(state.callbacks, 'caller')} to be called back, " if state.callbacks else ""
    return (
        f"{count(len(state.living), 'daemon')} alive, {count(state.total('hunts'), 'hunt')} in progress, "
        f"{count(len(state.queued), 'caller')} queued, {back}{count(state.claims, 'claim')}."
    )


def talks_of(daemon: DaemonNow) -> int:
    """Return how many answered calls a daemon follows, those that it has taken over among them."""
    return int(daemon.status.get("answered_calls") or 0) + int(daemon.status.get("taken_over_calls") or 0)


def _daemon_row(daemon: DaemonNow, state: ClusterHealth) -> tuple[str, ...]:
    if not daemon.alive:
        return daemon.node, _silence(daemon, state), "", "", "", str(daemon.claims or ""), "", ""
    status, database = daemon.status, daemon.database
    up = (state.at - daemon.row.started_at).total_seconds()
    writes = int(database.get("pending_writes") or 0)
    pending = f", {count(writes, 'write')} pending" if writes else ""
    return (
        daemon.node,
        f"up {span(max(0.0, up))}",
        str(status.get("hunts") or 0),
        str(talks_of(daemon)),
        str(status.get("queued") or 0),
        str(daemon.claims),
        f"{'ok' if database.get('ok', True) else 'unavailable'}{pending}",
        str(status.get("version") or ""),
    )


def _silence(daemon: DaemonNow, state: ClusterHealth) -> str:
    """What a missing heartbeat means: the daemon runs anew, it may be unable to write, or it is gone."""
    if daemon.replaced:
        return f"an earlier run, until {span(daemon.age)} ago"
    return f"last heartbeat {span(daemon.age)} ago" if state.unwritable else "no heartbeat"


def _switch_row(daemon: DaemonNow, switch: dict[str, Any]) -> tuple[str, ...]:
    heard = daemon.heard_seconds_ago(switch)
    name, last = str(switch.get("name")), "never" if heard is None else f"{span(heard)} ago"
    if not switch.get("watched"):
        return name, daemon.node, "not watched", "", "", last
    numbers = (str(switch.get(what) or 0) for what in ("channels", "registrations"))
    return name, daemon.node, "watched", *numbers, last


def _print_web(state: ClusterHealth) -> None:
    if not state.web:
        return
    output.say()
    rows = [
        (web.row.node, web.row.listen, f"up {span(_up(web, state))}" if web.alive else "no heartbeat", web.row.version)
        for web in state.web
    ]
    output.table(WEB_TITLES, rows)


def _up(web: WebProcessNow, state: ClusterHealth) -> float:
    return max(0.0, (state.at - web.row.started_at).total_seconds())


def _print_queue(state: ClusterHealth) -> None:
    if not state.queued:
        return
    output.say()
    rows = []
    for ticket, hunt in enumerate(state.queued[:MAX_QUEUED], 1):
        waited = span(max(0.0, (state.at - hunt.since).total_seconds()))
        pilot = f"{hunt.pilot or 'a removed group'}, {hunt.domain}"
        rows.append((str(ticket), pilot, _members(hunt.extensions), waited, state.node_of(hunt.run_id) or "gone"))
    output.table(QUEUE_TITLES, rows)
    _say_how_many_more(len(state.queued) - MAX_QUEUED, "callers are queued")


def _members(extensions: tuple[str, ...]) -> str:
    return extensions[0] if len(extensions) == 1 else f"{len(extensions)} members"


def _print_errors(state: ClusterHealth) -> None:
    errors = state.errors()
    if not errors:
        return
    output.say()
    output.say("Last errors and warnings, newest first:")
    output.table(ERROR_TITLES, [_error_row(daemon.node, error) for daemon, error in errors[:MAX_ERRORS]])


def _error_row(node: str, error: dict[str, Any]) -> tuple[str, ...]:
    message = str(error.get("message") or "")
    shown = message if len(message) <= MAX_ERROR_CHARS else f"{message[:MAX_ERROR_CHARS]}..."
    return output.local(moment(error.get("at"))), node, str(error.get("level") or ""), shown


def _say_how_many_more(number: int, what: str) -> None:
    if number > 0:
        output.say(f"... {number} more {what}.")
