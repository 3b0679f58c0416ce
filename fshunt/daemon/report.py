"""The report of the state that SIGUSR1 logs: what `fshunt status` shows, and more, also without the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fshunt.daemon.call.call import Call
from fshunt.daemon.call.live_calls import LiveCalls

MAX_CALLS = 200
"""Calls that are described; the log shall be readable."""


def report(status: dict[str, Any], calls: LiveCalls, claims: int) -> Iterator[str]:
    """Yield the lines of the report; ``status`` is what the daemon writes with its heartbeat."""
    yield f"version {status['version']}, process {status['pid']}, listening on {status['listen']}"
    numbers = {what: status[what] for what in ("hunts", "answered_calls", "taken_over_calls", "queued")}
    words = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in numbers.items())
    yield f"calls: {words}, {claims} claims"
    every = list(calls)
    yield from (f"call {_described(call)}" for call in every[:MAX_CALLS])
    if len(every) > MAX_CALLS:
        yield f"... {len(every) - MAX_CALLS} more calls"
    yield _database(status["database"])
    for switch in status["switches"]:
        yield from _switch(switch)
    for service in status["services"]:
        state = "running" if service["running"] else "not running"
        yield f"service {service['name']}: {state}, {service['restarts']} restarts{_because(service)}"


def _described(call: Call) -> str:
    to = call.caller.pilot
    if call.hunt is None:
        return f"{call.caller.uuid} to {to}: being planned"
    hunt = call.hunt
    ringing = [hunt.group.member(member_id).extension for member_id in call.ringing_members()]
    more = f", {', '.join(ringing)}" if ringing else ""
    if call.detached_result is not None and hunt.answered_by is not None:
        more = f", with {hunt.answered_by.extension}"
    return f"{call.caller.uuid} to {to}@{hunt.group.domain}: {hunt.state}{more}"


def _database(database: dict[str, Any]) -> str:
    state = "available" if database["ok"] else f"unavailable since {database['since']}"
    return f"database: {state}, {database['pending_writes']} writes pending{_because(database)}"


def _switch(switch: dict[str, Any]) -> Iterator[str]:
    state = "watched" if switch["watched"] else "not watched"
    numbers = f"{switch['channels']} channels, {switch['registrations']} registrations"
    yield f"switch {switch['name']}: {state} since {switch['since']}, {numbers}, last heard {switch['heard_at']}"
    for each in switch["implausible"]:
        what = f"implausible {each['kind']} of {each['who'] or 'nobody'}, {each['seconds']:.0f} s"
        yield f"switch {switch['name']}: {what} {each['uuid']}".rstrip()


def _because(part: dict[str, Any]) -> str:
    return f": {part['error']}" if part.get("error") else ""
