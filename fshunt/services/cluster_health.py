"""Which daemons are alive, and what is wrong, from the last heartbeat of each.

A daemon counts its heartbeats in its row, beside its wall-clock time and its status. A heartbeat that is fresh by the
clocks is taken as it is. Where one is old, or in the future, the clocks of two machines may differ: after a second look
only the counter decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import URL

from fshunt.db.engine import Store
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.overview import MAX_FAILED, Overview, SeenCall, overview
from fshunt.db.queries.queue import QueuedHunt
from fshunt.db.queries.unregistered_groups import LAST_CALLS, UnregisteredGroup
from fshunt.db.queries.web_processes import WebProcessRow
from fshunt.db.writable import why_not_writable
from fshunt.freeswitch.implausible import Kind

SECOND_LOOK_HEARTBEATS = 2.5
"""A daemon whose counter stands still for so many heartbeats between two looks is shown as not alive."""

FRESH_SECONDS = 10.0
"""A daemon whose last heartbeat is younger, by the clocks, is alive."""

AHEAD_SECONDS = 1.0
"""By how much the clocks of two hosts that are in order may differ."""

WEB_FRESH_SECONDS = 30.0
"""A web process whose last heartbeat is younger is alive: it sends one every 5 s, and each stop takes its row out."""

STALE_SECONDS = 30.0
"""A switch without an event for so long is silent: normally there is one every 10 s."""

MAX_UNREGISTERED = 10
"""Groups without a phone that are named one by one: where all registrations are gone, so are those of each group."""

REPLACED_WITHIN = timedelta(hours=24)
"""For so long it is told that the file of the database was replaced."""


class Code(StrEnum):
    """What a finding is about; the names are part of the JSON schema."""

    DATABASE_UNREADABLE = "database-unreadable"
    DATABASE_UNWRITABLE = "database-unwritable"
    NO_DAEMON = "no-daemon"
    NO_DAEMON_ALIVE = "no-daemon-alive"
    NODE_NAME_TWICE = "node-name-twice"
    NO_HEARTBEAT = "no-heartbeat"
    DAEMON_WITHOUT_DATABASE = "daemon-without-database"
    WRITES_PENDING = "writes-pending"
    DATABASE_REPLACED = "database-replaced"
    SERVICE_FAILING = "service-failing"
    SERVICE_RESTARTED = "service-restarted"
    SERVICE_NOT_RUNNING = "service-not-running"
    SWITCH_NOT_WATCHED = "switch-not-watched"
    SWITCH_SILENT = "switch-silent"
    IMPLAUSIBLE_CALL = "implausible-call"
    IMPLAUSIBLE_REGISTRATION = "implausible-registration"
    GROUP_UNREGISTERED = "group-unregistered"
    HUNTS_FAILED = "hunts-failed"
    LEFT_BEHIND = "left-behind"
    NO_SWITCH_CONFIGURED = "no-switch-configured"
    VERSIONS_DIFFER = "versions-differ"
    WEB_NO_HEARTBEAT = "web-no-heartbeat"
    OTHER_DATABASE = "other-database"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem or a note: one sentence for people, and for programs what it is about and since when."""

    code: Code
    message: str
    node: str | None = None
    switch: str | None = None
    service: str | None = None
    since: datetime | None = None
    domain: str | None = None
    pilot: str | None = None


@dataclass(frozen=True, slots=True)
class DaemonNow:
    """A daemon, the age of its last heartbeat in seconds, and the status that it wrote."""

    row: DaemonRow
    alive: bool
    age: float
    claims: int
    status: dict[str, Any]
    replaced: bool = False
    """Whether a newer run of the same node started after its last heartbeat: this run is over."""

    @property
    def node(self) -> str:
        """Its name."""
        return self.row.node

    @property
    def database(self) -> dict[str, Any]:
        """The status of its database."""
        return dict(self.status.get("database") or {})

    @property
    def switches(self) -> list[dict[str, Any]]:
        """The status of the switches that it watches."""
        return list(self.status.get("switches") or [])

    @property
    def services(self) -> list[dict[str, Any]]:
        """Its services that fail, were restarted or could not be started; one that is yet to be started is none."""
        return [each for each in self.status.get("services") or [] if each.get("restarts") or each.get("error")]

    def heard_seconds_ago(self, switch: dict[str, Any]) -> float | None:
        """Return the age of the last event of a switch; None: there was none."""
        at = moment(switch.get("heard_at"))
        return None if at is None else self.age + max(0.0, (self.row.heartbeat_at - at).total_seconds())


@dataclass(frozen=True, slots=True)
class WebProcessNow:
    """A web process, and the age of its last heartbeat in seconds. No call depends on it."""

    row: WebProcessRow
    age: float

    @property
    def alive(self) -> bool:
        """Whether it is alive, by the clocks."""
        return self.age < WEB_FRESH_SECONDS


@dataclass(frozen=True, slots=True)
class ClusterHealth:
    """The state of all daemons on a database. ``notes`` are worth knowing and no fault.

    ``queued`` and ``claims`` belong to daemons that are alive, ``left_queued`` and ``left_claims`` to daemons that are
    gone: these callers are no longer queued, and the claims last until a running daemon ends them.

    ``unwritable`` is why the database cannot be written, if it cannot: then no daemon can write a heartbeat.
    """

    at: datetime
    daemons: list[DaemonNow]
    queued: list[QueuedHunt]
    claims: int
    left_queued: list[QueuedHunt] = field(default_factory=list)
    left_claims: int = 0
    failed_hunts: int = 0
    last_failed: SeenCall | None = None
    open_too_long: tuple[SeenCall, ...] = ()
    web: tuple[WebProcessNow, ...] = ()
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    unwritable: str | None = None
    database_id: str | None = None
    groups: int = 0
    unregistered: tuple[UnregisteredGroup, ...] = ()

    @property
    def living(self) -> list[DaemonNow]:
        """The daemons that are alive."""
        return [daemon for daemon in self.daemons if daemon.alive]

    @property
    def maybe_alive(self) -> list[DaemonNow]:
        """The daemons that are alive and, while the database cannot be written, those that may be."""
        return [each for each in self.daemons if each.alive or (self.unwritable is not None and not each.replaced)]

    def total(self, what: str) -> int:
        """How many ``hunts``, ``answered_calls`` or such all living daemons have together."""
        return sum(int(daemon.status.get(what) or 0) for daemon in self.living)

    def errors(self) -> list[tuple[DaemonNow, dict[str, Any]]]:
        """The last errors and warnings of all daemons, the newest first."""
        found = [(daemon, error) for daemon in self.daemons for error in daemon.status.get("errors") or []]
        return sorted(found, key=lambda each: str(each[1].get("at")), reverse=True)

    def node_of(self, run: str) -> str:
        """The name of the daemon of a run."""
        return next((daemon.node for daemon in self.daemons if daemon.row.run_id == run), "")


def look(store: Store, url: str | URL, pause: Callable[[float], None]) -> ClusterHealth:
    """Look at the database; with a daemon that may be dead, twice, with a pause for some heartbeats between.

    ``url`` is the database's: whether it can be written is tried on a connection of its own.
    """
    at = datetime.now(UTC)
    first = read_overview(store, at)
    unwritable = why_not_writable(url)
    if unwritable is not None or not _may_be_dead(first, at):
        return state_of(first, at, unwritable=unwritable)
    pause(SECOND_LOOK_HEARTBEATS * first.timing.heartbeat_seconds)
    at = datetime.now(UTC)
    return state_of(read_overview(store, at), at, before=first, unwritable=unwritable)


def read_overview(store: Store, at: datetime) -> Overview:
    """Read what all daemons have in the database, in one transaction; ``at`` is the time now."""
    with store.reading() as session:
        return overview(session, at)


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


def state_of(
    seen: Overview, at: datetime, before: Overview | None = None, unwritable: str | None = None
) -> ClusterHealth:
    """Return who is alive and what is wrong; ``before`` is an earlier look; for ``unwritable`` see State."""
    replaced = _replaced(seen)
    fresh = {row.run_id for row in seen.daemons if _is_fresh(row, at)}
    living = (fresh | (set() if before is None else _counted_since(before, seen))) - replaced
    daemons = [
        DaemonNow(
            row=row,
            alive=row.run_id in living,
            age=_plausible(_age(row, at), row.run_id in living),
            claims=seen.claims.get(row.run_id, 0),
            status=row.status,
            replaced=row.run_id in replaced,
        )
        for row in seen.daemons
    ]
    daemons.sort(key=lambda daemon: (not daemon.alive, daemon.node))
    # While no daemon can write its heartbeat, none is known to be gone.
    present = living if unwritable is None else {row.run_id for row in seen.daemons} - replaced
    claims = sum(number for run, number in seen.claims.items() if run in present)
    state = ClusterHealth(
        at,
        daemons,
        queued=[hunt for hunt in seen.queued if hunt.run_id in present],
        claims=claims,
        left_queued=[hunt for hunt in seen.queued if hunt.run_id not in present],
        left_claims=sum(seen.claims.values()) - claims,
        failed_hunts=seen.failed_hunts,
        last_failed=seen.last_failed,
        open_too_long=seen.open_too_long,
        web=tuple(WebProcessNow(row, max(0.0, (at - row.heartbeat_at).total_seconds())) for row in seen.web),
        unwritable=unwritable,
        database_id=seen.database_id,
        groups=seen.groups,
        unregistered=seen.unregistered,
    )
    state.problems.extend(_problems(state))
    state.notes.extend(_notes(state))
    return state


def moment(iso: object) -> datetime | None:
    """Return a time as daemons write it in their status; None for what is none."""
    try:
        at = datetime.fromisoformat(str(iso))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def span(seconds: float) -> str:
    """A length of time in words: `40 s`, `12 min`, `5 h`, `3 d`."""
    for most, unit, words in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < most:
            return f"{int(seconds / unit)} {words}"
    return f"{int(seconds / 86400)} d"


def _age(row: DaemonRow, at: datetime) -> float:
    return (at - row.heartbeat_at).total_seconds()


def _plausible(age: float, alive: bool) -> float:
    """An age that two clocks which differ cannot make absurd."""
    return min(max(0.0, age), FRESH_SECONDS) if alive else max(0.0, age)


def _is_fresh(row: DaemonRow, at: datetime) -> bool:
    """Whether a heartbeat is fresh by the clocks, and no daemon has presumed the run dead since."""
    return not row.lost and -AHEAD_SECONDS <= _age(row, at) < FRESH_SECONDS


def _may_be_dead(seen: Overview, at: datetime) -> bool:
    replaced = _replaced(seen)
    return any(not row.lost and not _is_fresh(row, at) for row in seen.daemons if row.run_id not in replaced)


def _counted_since(before: Overview, seen: Overview) -> set[str]:
    then = {row.run_id: row.counter for row in before.daemons}
    return {row.run_id for row in seen.daemons if row.counter != then.get(row.run_id)}


def _replaced(seen: Overview) -> set[str]:
    """The runs after whose last heartbeat another run of their node started: they are over."""
    rows = seen.daemons
    return {row.run_id for row in rows if any(o.node == row.node and o.started_at > row.heartbeat_at for o in rows)}


def _problems(state: ClusterHealth) -> Iterator[Finding]:
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
    yield from (_service_finding(daemon, each, at) for each in daemon.services if _is_problem(each))


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


def _for(since: datetime | None, at: datetime) -> str:
    return f" for {span(max(0.0, (at - since).total_seconds()))}" if since else ""


def _because(part: dict[str, Any]) -> str:
    return f": {part['error']}" if part.get("error") else "."


def count(number: int, what: str) -> str:
    """Return so many, in words: `1 claim`, `2 claims`."""
    if number == 1:
        return f"1 {what}"
    plural = f"{what[:-1]}ies" if what.endswith("y") and what[-2] not in "aeiou" else f"{what}s"
    return f"{number} {plural}"


def _failed_finding(number: int, last: SeenCall) -> Finding:
    many = f"{number} or more hunts" if number >= MAX_FAILED else count(number, "hunt")
    reason = (last.reason or "no reason is recorded").rstrip(".")
    message = (
        f"{many} failed in the last 24 h, the last one to {last.pilot}: {reason}; see `fshunt call list --failed`."
    )
    return Finding(Code.HUNTS_FAILED, message, since=last.started_at)


def _notes(state: ClusterHealth) -> Iterator[Finding]:
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
