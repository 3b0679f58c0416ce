"""The page of `fshunt status`, for who is called up at night: what is wrong first, then one table for each question."""

from __future__ import annotations

from typing import Any

from fshunt.cli import output
from fshunt.cli.health import DaemonNow, State, count, moment, span
from fshunt.db.queries.queue import QueuedHunt

MOST_WAITING, MOST_ERRORS = 8, 5
"""Rows of these tables, so that all of it stays on one screen; --json has all."""

MOST_CHARS = 160
"""Of an error's line; the log has all of it."""

DAEMON_TITLES = ("daemon", "state", "hunts", "talks", "waiting", "claims", "database", "version")
SWITCH_TITLES = ("switch", "seen by", "state", "channels", "registrations", "last heard")
WAITING_TITLES = ("#", "pilot", "waits for", "since", "daemon")
ERROR_TITLES = ("at", "daemon", "level", "message")


def status_json(state: State) -> dict[str, Any]:
    """All that is known; times in UTC, ages in seconds."""
    return {
        "ok": not state.problems,
        "problems": state.problems,
        "notes": state.notes,
        "hunts": state.total("hunts"),
        "talks": state.total("talks"),
        "waiting": len(state.waiting),
        "claims": state.claims,
        "left_waiting": len(state.left_waiting),
        "left_claims": state.left_claims,
        "daemons": [_daemon_json(daemon) for daemon in state.daemons],
        "callers_waiting": [_caller_json(hunt, ticket, state) for ticket, hunt in enumerate(state.waiting, 1)],
        "callers_left": [_caller_json(hunt, None, state) for hunt in state.left_waiting],
    }


def _caller_json(hunt: QueuedHunt, ticket: int | None, state: State) -> dict[str, Any]:
    return {
        "domain": hunt.domain,
        "pilot": hunt.pilot,
        "ticket": ticket,
        "since": hunt.since,
        "uuid": hunt.call_uuid,
        "members": list(hunt.extensions),
        "node": state.node_of(hunt.run_id) or None,
    }


def nothing_known_json(problem: str) -> dict[str, Any]:
    """The same where the database cannot be read: nothing is known but why."""
    unknown = dict.fromkeys(("hunts", "talks", "waiting", "claims", "left_waiting", "left_claims"))
    nobody: dict[str, list[Any]] = {"daemons": [], "callers_waiting": [], "callers_left": []}
    return {"ok": False, "problems": [problem], "notes": [], **unknown, **nobody}


def _daemon_json(daemon: DaemonNow) -> dict[str, Any]:
    return {
        "node": daemon.node,
        "run_id": daemon.row.run_id,
        "alive": daemon.alive,
        "replaced": daemon.replaced,
        "started_at": daemon.row.started_at,
        "heartbeat_at": daemon.row.heartbeat_at,
        "age": round(daemon.age, 1),
        "claims": daemon.claims,
        **daemon.told,
    }


def print_status(state: State) -> None:
    """Print the page."""
    _print_verdict(state)
    if state.daemons:
        output.say()
        output.table(DAEMON_TITLES, [_daemon_row(daemon, state) for daemon in state.daemons])
    switches = [_switch_row(daemon, switch) for daemon in state.living for switch in daemon.switches]
    if switches:
        output.say()
        output.table(SWITCH_TITLES, switches)
    _print_waiting(state)
    _print_errors(state)


def _print_verdict(state: State) -> None:
    for problem in state.problems:
        output.say(f"WRONG  {problem}", fg="red", bold=True)
    if not state.problems:
        output.say(
            f"ok     {count(len(state.living), 'daemon')} alive, {count(state.total('hunts'), 'hunt')} in progress, "
            f"{count(len(state.waiting), 'caller')} waiting, {count(state.claims, 'claim')}.",
            fg="green",
        )
    for note in state.notes:
        output.say(f"note   {note}", fg="yellow")


def _daemon_row(daemon: DaemonNow, state: State) -> tuple[str, ...]:
    if not daemon.alive:
        return daemon.node, _silence(daemon, state), "", "", "", str(daemon.claims or ""), "", ""
    told, database = daemon.told, daemon.database
    up = (state.at - daemon.row.started_at).total_seconds()
    unwritten = database.get("unwritten") or 0
    written = "" if not unwritten else f", {unwritten} unwritten"
    return (
        daemon.node,
        f"up {span(max(0.0, up))}",
        str(told.get("hunts") or 0),
        str((told.get("talks") or 0) + (told.get("adopted") or 0)),
        str(told.get("waiting") or 0),
        str(daemon.claims),
        f"{'ok' if database.get('ok', True) else 'AWAY'}{written}",
        str(told.get("version") or ""),
    )


def _silence(daemon: DaemonNow, state: State) -> str:
    """What a daemon's silence means: it runs anew, it may be unable to write, or nobody knows."""
    if daemon.replaced:
        return f"an earlier run, until {span(daemon.age)} ago"
    return (
        f"{'last heard' if state.unwritable else 'SILENT for'} {span(daemon.age)}{' ago' if state.unwritable else ''}"
    )


def _switch_row(daemon: DaemonNow, switch: dict[str, Any]) -> tuple[str, ...]:
    heard = daemon.heard(switch)
    name, last = str(switch.get("name")), "never" if heard is None else f"{span(heard)} ago"
    if not switch.get("watched"):
        return name, daemon.node, "CUT OFF", "", "", last
    numbers = (str(switch.get(what) or 0) for what in ("channels", "registrations"))
    return name, daemon.node, "watched", *numbers, last


def _print_waiting(state: State) -> None:
    if not state.waiting:
        return
    output.say()
    rows = []
    for ticket, hunt in enumerate(state.waiting[:MOST_WAITING], 1):
        waited = span(max(0.0, (state.at - hunt.since).total_seconds()))
        pilot = f"{hunt.pilot or 'a group that is gone'}, {hunt.domain}"
        rows.append((str(ticket), pilot, _members(hunt.extensions), waited, state.node_of(hunt.run_id) or "gone"))
    output.table(WAITING_TITLES, rows)
    _say_how_many_more(len(state.waiting) - MOST_WAITING, "callers wait")


def _members(extensions: tuple[str, ...]) -> str:
    return extensions[0] if len(extensions) == 1 else f"{len(extensions)} members"


def _print_errors(state: State) -> None:
    errors = sorted(
        (
            (str(error.get("at")), daemon.node, error)
            for daemon in state.daemons
            for error in daemon.told.get("errors") or []
        ),
        key=lambda found: found[0],
        reverse=True,
    )
    if not errors:
        return
    output.say()
    output.say("Last errors and warnings, newest first:")
    output.table(ERROR_TITLES, [_error_row(node, error) for _, node, error in errors[:MOST_ERRORS]])


def _error_row(node: str, error: dict[str, Any]) -> tuple[str, ...]:
    message = str(error.get("message") or "")
    shown = message if len(message) <= MOST_CHARS else f"{message[:MOST_CHARS]}..."
    return output.local(moment(error.get("at"))), node, str(error.get("level") or ""), shown


def _say_how_many_more(number: int, what: str) -> None:
    if number > 0:
        output.say(f"... {number} more {what}.")
