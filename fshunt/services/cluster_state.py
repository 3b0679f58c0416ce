"""What is known of the daemons on a database at one moment, and what a finding is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.notice_deliveries import ALL_DELIVERED, Undelivered
from fshunt.db.queries.overview import SeenCall
from fshunt.db.queries.queue import QueuedHunt
from fshunt.db.queries.unregistered_groups import UnregisteredGroup
from fshunt.db.queries.web_processes import WebProcessRow

WEB_FRESH_SECONDS = 30.0
"""A web process whose last heartbeat is younger is alive: it sends one every 5 s, and each stop takes its row out."""


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
    DOMAIN_NOT_FOUND = "domain-not-found"
    PILOT_NOT_REACHED = "pilot-not-reached"
    PILOT_TABLE_NOT_KEPT = "pilot-table-not-kept"
    LAMPS_NOT_TOLD = "lamps-not-told"
    IMPLAUSIBLE_CALL = "implausible-call"
    IMPLAUSIBLE_REGISTRATION = "implausible-registration"
    GROUP_UNREGISTERED = "group-unregistered"
    HUNTS_FAILED = "hunts-failed"
    LEFT_BEHIND = "left-behind"
    NO_SWITCH_CONFIGURED = "no-switch-configured"
    VERSIONS_DIFFER = "versions-differ"
    WEB_NO_HEARTBEAT = "web-no-heartbeat"
    NOTICES_NOT_SENT = "notices-not-sent"
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
    undelivered: Undelivered = ALL_DELIVERED
    callbacks: int = 0
    """Callers who are to be called back."""

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


def count(number: int, what: str) -> str:
    """Return so many, in words: `1 claim`, `2 claims`."""
    if number == 1:
        return f"1 {what}"
    plural = f"{what[:-1]}ies" if what.endswith("y") and what[-2] not in "aeiou" else f"{what}s"
    return f"{number} {plural}"
