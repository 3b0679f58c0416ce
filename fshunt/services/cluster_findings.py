"""What is wrong on a database and its daemons, and what is worth knowing, in one sentence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from fshunt.db.queries.overview import MAX_FAILED, SeenCall
from fshunt.db.queries.unregistered_groups import LAST_CALLS
from fshunt.freeswitch.implausible import Kind
from fshunt.services.cluster_state import ClusterHealth, Code, DaemonNow, Finding, count, moment, span

STALE_SECONDS = 30.0
"""A switch without an event for so long is silent: normally there is one every 10 s."""

MAX_UNREGISTERED = 10
"""Groups without a phone that are named one by one: where all registrations are gone, so are those of each group."""

REPLACED_WITHIN = timedelta(hours=24)
"""For so long it is told that the file of the database was replaced."""


def other_database(address: str, mend: str) -> Finding:
    """Return the finding of a daemon that uses another database than the one who asks; ``mend`` says what to do."""
    message = (
        f"The daemon at {address} uses another database than this command, so no change made here reaches its calls, "
        f"and its calls are not listed here: {mend}."
    )
    return Finding(Code.OTHER_DATABASE, message)


def unreadable(reason: str) -> Finding:
    """Return the one finding of a database that cannot be read."""
    return Finding(Code.DATABASE_UNREADABLE, reason)


def problems(state: ClusterHealth) -> Iterator[Finding]:
    """Yield what is wrong."""
    if state.unwritable is not None:
        yield Finding(Code.DATABASE_UNWRITABLE, state.unwritable)
    if not state.daemons:
        yield Finding(Code.NO_DAEMON, "No daemon runs on this database: start one with `systemctl start fshunt`.")
    elif not state.living and state.unwritable is not None:
        yield Finding(
            Code.NO_DAEMON_ALIVE, "No daemon can write its heartbeat, but hunts may continue: see `/healthz` of each."
        )
    elif not state.living:
        yield Finding(
            Code.NO_DAEMON_ALIVE,
            "No daemon is alive: see `systemctl status fshunt` and `journalctl -u fshunt` on its host.",
        )
    alive = Counter(daemon.node for daemon in state.living)
    for node, number in alive.items():
        if number > 1:
            message = f"{number} daemons are named {node}: set a different `node_name` for each."
            yield Finding(Code.NODE_NAME_TWICE, message, node)
    for daemon in state.daemons:
        if daemon.alive:
            yield from _problems_of(daemon, state.at)
        elif daemon.node not in alive and not daemon.replaced and state.unwritable is None:
            message = f"{daemon.node}: no heartbeat for {span(daemon.age)}."
            yield Finding(Code.NO_HEARTBEAT, message, daemon.node, since=daemon.row.heartbeat_at)
    yield from _unregistered(state)
    yield from _implausible(state)
    yield from _not_sent(state)


def _unregistered(state: ClusterHealth) -> Iterator[Finding]:
    """Groups whose callers rang no phone, since none was registered."""
    mend = 'run `fshunt config check`, and `fs_cli -x "sofia status profile internal reg"` for what is registered'
    for group in state.unregistered[:MAX_UNREGISTERED]:
        ago = span(max(0.0, (state.at - group.last).total_seconds()))
        message = (
            f"Group {group.pilot} of {group.domain}: no member had a phone registered in its last {LAST_CALLS} calls, "
            f"the last one {ago} ago: {mend}."
        )
        yield Finding(Code.GROUP_UNREGISTERED, message, since=group.since, domain=group.domain, pilot=group.pilot)
    if (more := len(state.unregistered) - MAX_UNREGISTERED) > 0:
        message = (
            f"{count(more, 'group')} more rang no phone in the last {LAST_CALLS} calls: no member had one registered."
        )
        yield Finding(Code.GROUP_UNREGISTERED, message)


def _not_sent(state: ClusterHealth) -> Iterator[Finding]:
    """Notices that do not get through."""
    found = state.undelivered
    parts = []
    if found.dead:
        parts.append(f"{count(found.dead, 'notice')} could not be sent and will not be tried again")
    if found.failing:
        parts.append(f"{count(found.failing, 'notice')} could not be sent yet")
    if parts:
        why = f": {found.error.rstrip('.')}" if found.error else ""
        message = f"{'; '.join(parts)}{why}; see `fshunt notice list`."
        yield Finding(Code.NOTICES_NOT_SENT, message, since=found.since)


def _implausible(state: ClusterHealth) -> Iterator[Finding]:
    """Calls and registrations that can hardly be true; what several daemons see is told once."""
    told: set[tuple[str, str]] = set()
    for daemon in state.living:
        for switch in daemon.switches:
            for each in switch.get("implausible") or []:
                name, key = str(switch.get("name")), (str(switch.get("name")), str(each.get("uuid") or each.get("who")))
                if key not in told:
                    told.add(key)
                    yield _implausible_finding(daemon.node, name, each, state.at)
    for call in state.open_too_long:
        age = span((state.at - call.started_at).total_seconds())
        message = (
            f"The call {call.uuid} to {call.pilot} is open in the records for {age}, which can hardly be true: see "
            f"`fshunt call show {call.uuid}`."
        )
        yield Finding(Code.IMPLAUSIBLE_CALL, message, since=call.started_at)


def _implausible_finding(node: str, switch: str, each: dict[str, Any], at: datetime) -> Finding:
    seconds, who = float(each.get("seconds") or 0), str(each.get("who") or "")
    since = at - timedelta(seconds=seconds)
    if each.get("kind") == Kind.REGISTRATION:
        message = (
            f"Switch {switch} still lists a registration of {who} that expired {span(seconds)} ago: see "
            "`sofia status profile NAME reg` and `sofia profile NAME flush_inbound_reg` there."
        )
        return Finding(Code.IMPLAUSIBLE_REGISTRATION, message, node, switch, since=since)
    whose, busy = (f" of {who}", f"; until it ends {who} is not rung") if who else ("", "")
    message = (
        f"Switch {switch} lists a call{whose} that has lasted {span(seconds)}, which can hardly be true{busy}: if "
        f"nobody talks, end it there with `uuid_kill {each.get('uuid')}`."
    )
    return Finding(Code.IMPLAUSIBLE_CALL, message, node, switch, since=since)


def _problems_of(daemon: DaemonNow, at: datetime) -> Iterator[Finding]:
    node, database = daemon.node, daemon.database
    since, writes = moment(database.get("since")), database.get("pending_writes")
    pending = f", {count(int(writes), 'write')} pending" if writes else ""
    if not database.get("ok", True):
        message = f"{node}: database unavailable{_for(since, at)}{pending}{_because(database)}"
        yield Finding(Code.DAEMON_WITHOUT_DATABASE, message, node, since=since)
    elif pending and database.get("error"):
        message = f"{node}: cannot write to the database{pending}{_because(database)}"
        yield Finding(Code.WRITES_PENDING, message, node, since=since)
    for switch in daemon.switches:
        name, heard, since = str(switch.get("name")), daemon.heard_seconds_ago(switch), moment(switch.get("since"))
        if not switch.get("watched"):
            message = (
                f"{node}: switch {name} not watched{_for(since, at)}, busy members are detected only when their phones "
                f"answer 486{_because(switch)}"
            )
            yield Finding(Code.SWITCH_NOT_WATCHED, message, node, name, since=since)
        elif heard is not None and heard > STALE_SECONDS:
            message = f"{node}: no event from switch {name} for {span(heard)}."
            yield Finding(Code.SWITCH_SILENT, message, node, name, since=moment(switch.get("heard_at")))
        if switch.get("watched") and switch.get("pilot_table_error"):
            yield _pilot_table(node, name, str(switch["pilot_table_error"]))
    yield from (_service_finding(daemon, each, at) for each in daemon.services if _is_problem(each))


def _pilot_table(node: str, switch: str, error: str) -> Finding:
    message = (
        f"{node}: switch {switch}: {error.rstrip('.')}, so new groups are not reached through it: if this database is "
        "the right one, run `fshunt dialplan --table --reload`."
    )
    return Finding(Code.PILOT_TABLE_NOT_KEPT, message, node, switch)


def _is_problem(service: dict[str, Any]) -> bool:
    return bool(service.get("essential")) and moment(service.get("failing_since")) is not None


def _service_finding(daemon: DaemonNow, service: dict[str, Any], at: datetime) -> Finding:
    name, since, restarts = str(service.get("name")), moment(service.get("failing_since")), service.get("restarts")
    if since is not None:
        code, state = Code.SERVICE_FAILING, f"failing{_for(since, at)}"
    elif restarts:
        code, state = Code.SERVICE_RESTARTED, f"was restarted {count(int(restarts), 'time')}, last"
    else:
        code, state = Code.SERVICE_NOT_RUNNING, "not running"
    message = f"{daemon.node}: service {name} {state}{_because(service)}"
    return Finding(code, message, daemon.node, service=name, since=since)


def _failed_finding(number: int, last: SeenCall) -> Finding:
    many = f"{number} or more hunts" if number >= MAX_FAILED else count(number, "hunt")
    reason = (last.reason or "no reason is recorded").rstrip(".")
    message = (
        f"{many} failed in the last 24 h, the last one to {last.pilot}: {reason}; see `fshunt call list --failed`."
    )
    return Finding(Code.HUNTS_FAILED, message, since=last.started_at)


def notes(state: ClusterHealth) -> Iterator[Finding]:
    """Yield what is worth knowing and no fault."""
    left = ((state.left_claims, "claim"), (len(state.left_queued), "queue entry"))
    words = [count(number, what) for number, what in left if number]
    if words:
        several = state.left_claims + len(state.left_queued) > 1
        message = (
            f"{' and '.join(words)} left by a daemon that is gone; a running daemon removes "
            f"{'them' if several else 'it'} within a minute."
        )
        yield Finding(Code.LEFT_BEHIND, message)
    if state.failed_hunts and state.last_failed is not None:
        yield _failed_finding(state.failed_hunts, state.last_failed)
    if state.living and not any(daemon.switches for daemon in state.living):
        message = "No [[switch]] is configured: busy members are detected only when their phones answer 486."
        yield Finding(Code.NO_SWITCH_CONFIGURED, message)
    for daemon in state.living:
        replaced_at = moment(daemon.database.get("file_replaced_at"))
        if replaced_at is not None and state.at - replaced_at < REPLACED_WITHIN:
            ago = span(max(0.0, (state.at - replaced_at).total_seconds()))
            message = f"{daemon.node}: the file of the database was replaced {ago} ago; the daemon uses the new one."
            yield Finding(Code.DATABASE_REPLACED, message, daemon.node, since=replaced_at)
        yield from (_service_finding(daemon, each, state.at) for each in daemon.services if not _is_problem(each))
    for web in state.web:
        if not web.alive and state.unwritable is None:
            message = f"{web.row.node}: no heartbeat of the web pages at {web.row.listen} for {span(web.age)}."
            yield Finding(Code.WEB_NO_HEARTBEAT, message, web.row.node, since=web.row.heartbeat_at)
    versions = sorted({str(daemon.status.get("version")) for daemon in state.living})
    if len(versions) > 1:
        yield Finding(Code.VERSIONS_DIFFER, f"The daemons run different versions: {', '.join(versions)}.")


def _for(since: datetime | None, at: datetime) -> str:
    return f" for {span(max(0.0, (at - since).total_seconds()))}" if since else ""


def _because(part: dict[str, Any]) -> str:
    return f": {part['error']}" if part.get("error") else "."
