"""Who of the daemons is alive, and what is wrong, from what each has last said of itself.

A daemon says every two seconds how it is. How long ago that was is told by two clocks: the lease clock, which nobody
can set, tells how far one daemon is behind another; the wall clocks, which may differ between machines, tell whether
any is alive. Where they are too far apart to tell, a second look does: whoever is alive has said something new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fshunt.cli import output
from fshunt.db.queries.daemons import DaemonRow
from fshunt.db.queries.overview import Overview
from fshunt.db.queries.queue import QueuedHunt

ALIVE_SECONDS = 10.0
"""A daemon that said something within this time is alive."""

AHEAD_SECONDS = 1.0
"""By how much the clocks of two machines that are in order may differ."""

CLOCKS_APART_SECONDS = 600.0
"""Whoever was silent for longer is dead, whatever the clocks say."""

STALE_SECONDS = 30.0
"""A switch that is alive is heard of every 10 s."""


@dataclass(frozen=True, slots=True)
class DaemonNow:
    """A daemon, how old its word is in seconds, and its word."""

    row: DaemonRow
    alive: bool
    age: float
    claims: int
    told: dict[str, Any]
    replaced: bool = False
    """Whether a daemon of the same name began after its last word: it is over, and runs again."""

    @property
    def node(self) -> str:
        """Its name."""
        return self.row.node

    @property
    def database(self) -> dict[str, Any]:
        """What it says of its database."""
        return dict(self.told.get("database") or {})

    @property
    def switches(self) -> list[dict[str, Any]]:
        """What it says of the switches that it watches."""
        return list(self.told.get("switches") or [])

    def heard(self, switch: dict[str, Any]) -> float | None:
        """How old what it knows of a switch is, in seconds; None: it never heard of it."""
        at = moment(switch.get("heard_at"))
        return None if at is None else self.age + max(0.0, (self.row.heartbeat_at - at).total_seconds())


@dataclass(frozen=True, slots=True)
class State:
    """All that `fshunt status` tells. ``notes`` are worth knowing and no fault.

    ``waiting`` and ``claims`` are those of daemons that live. What one that is gone has left stands apart: its callers
    wait there no more, and nobody ends its leases before a daemon runs.

    ``unwritable`` says why the database cannot be written, if it cannot: then nobody can say that it lives.
    """

    at: datetime
    daemons: list[DaemonNow]
    waiting: list[QueuedHunt]
    claims: int
    left_waiting: list[QueuedHunt] = field(default_factory=list)
    left_claims: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unwritable: str | None = None

    @property
    def living(self) -> list[DaemonNow]:
        """The daemons that are alive."""
        return [daemon for daemon in self.daemons if daemon.alive]

    @property
    def there(self) -> list[DaemonNow]:
        """Those who live, and, where nobody can write that, those who may."""
        return [each for each in self.daemons if each.alive or (self.unwritable is not None and not each.replaced)]

    def total(self, what: str) -> int:
        """How many ``hunts``, ``talks`` or such all living daemons have together."""
        return sum(int(daemon.told.get(what) or 0) for daemon in self.living)

    def node_of(self, run: str) -> str:
        """The name of the daemon of a run."""
        return next((daemon.node for daemon in self.daemons if daemon.row.run_id == run), "")


def in_doubt(seen: Overview, at: datetime) -> bool:
    """Whether the clocks leave open if any daemon is alive."""
    age = min((abs(_age(row, at)) for row in seen.daemons), default=None)
    ahead = any(_age(row, at) < -AHEAD_SECONDS for row in seen.daemons)
    return age is not None and (ahead or ALIVE_SECONDS <= age < CLOCKS_APART_SECONDS)


def state_of(seen: Overview, at: datetime, before: Overview | None = None, unwritable: str | None = None) -> State:
    """Say who is alive and what is wrong; ``before`` is a look two seconds earlier; for ``unwritable`` see State."""
    heard = _moved_since(before, seen) if before is not None else _living_by_clocks(seen, at)
    replaced = _replaced(seen)
    living = heard - replaced
    daemons = [
        DaemonNow(
            row=row,
            alive=row.run_id in living,
            age=_plausible(_age(row, at), row.run_id in living),
            claims=seen.claims.get(row.run_id, 0),
            told=row.status,
            replaced=row.run_id in replaced,
        )
        for row in seen.daemons
    ]
    daemons.sort(key=lambda daemon: (not daemon.alive, daemon.node))
    # Where nobody can write, nobody knows who is gone.
    there = living if unwritable is None else {row.run_id for row in seen.daemons} - replaced
    claims = sum(number for run, number in seen.claims.items() if run in there)
    state = State(
        at,
        daemons,
        waiting=[hunt for hunt in seen.waiting if hunt.run_id in there],
        claims=claims,
        left_waiting=[hunt for hunt in seen.waiting if hunt.run_id not in there],
        left_claims=sum(seen.claims.values()) - claims,
        unwritable=unwritable,
    )
    state.problems.extend(_problems(state))
    state.notes.extend(_notes(state))
    return state


def moment(iso: object) -> datetime | None:
    """A time as daemons write it; None for what is none."""
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
    return min(max(0.0, age), ALIVE_SECONDS) if alive else max(0.0, age)


def _living_by_clocks(seen: Overview, at: datetime) -> set[str]:
    rows = seen.daemons
    if not any(_age(row, at) < ALIVE_SECONDS for row in rows):
        return set()
    newest = max(row.lease_at for row in rows)
    return {row.run_id for row in rows if newest - row.lease_at < timedelta(seconds=ALIVE_SECONDS)}


def _moved_since(before: Overview, seen: Overview) -> set[str]:
    then = {row.run_id: row.lease_at for row in before.daemons}
    return {row.run_id for row in seen.daemons if row.lease_at != then.get(row.run_id)}


def _replaced(seen: Overview) -> set[str]:
    """The runs after whose last word a daemon of the same name began: they are over, however short a time ago."""
    rows = seen.daemons
    return {row.run_id for row in rows if any(o.node == row.node and o.started_at > row.heartbeat_at for o in rows)}


def _problems(state: State) -> Iterator[str]:
    if state.unwritable is not None:
        yield state.unwritable
    if not state.daemons:
        yield "No daemon runs on this database: start one with `systemctl start fshunt`, or look why it does not run."
    elif not state.living and state.unwritable is not None:
        yield "So no daemon can say that it lives, and may hunt all the same: `/healthz` of each tells."
    elif not state.living:
        yield "No daemon is alive; `systemctl status fshunt` and `journalctl -u fshunt` on its machine say why."
    alive = Counter(daemon.node for daemon in state.living)
    for node, number in alive.items():
        if number > 1:
            yield f"{number} daemons call themselves {node}: give each a `node` of its own."
    for daemon in state.daemons:
        if daemon.alive:
            yield from _problems_of(daemon)
        elif daemon.node not in alive and not daemon.replaced and state.unwritable is None:
            since = output.local(daemon.row.heartbeat_at)
            yield f"{daemon.node} has been silent for {span(daemon.age)}, since {since}."


def _problems_of(daemon: DaemonNow) -> Iterator[str]:
    database = daemon.database
    waits = f"; {database['unwritten']} records wait to be written" if database.get("unwritten") else ""
    if not database.get("ok", True):
        yield f"{daemon.node} cannot use the database{_since(database)}{waits}{_because(database)}"
    elif waits and database.get("error"):
        yield f"{daemon.node} cannot write all records{waits}{_because(database)}"
    for switch in daemon.switches:
        heard = daemon.heard(switch)
        if not switch.get("watched"):
            yield (
                f"{daemon.node} does not watch the switch {switch.get('name')}{_since(switch)}, and hunts by what its "
                f"phones answer{_because(switch)}"
            )
        elif heard is not None and heard > STALE_SECONDS:
            yield f"{daemon.node} has heard nothing of the switch {switch.get('name')} for {span(heard)}."


def _since(told: dict[str, Any]) -> str:
    at = moment(told.get("since"))
    return f" since {output.local(at)}" if at else ""


def _because(told: dict[str, Any]) -> str:
    return f": {told['error']}" if told.get("error") else "."


def count(number: int, what: str) -> str:
    """So many, in words: `1 claim`, `2 claims`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _notes(state: State) -> Iterator[str]:
    left = [
        count(number, what)
        for number, what in ((state.left_claims, "claim"), (len(state.left_waiting), "place"))
        if number
    ]
    if left:
        number = state.left_claims + len(state.left_waiting)
        yield (
            f"{' and '.join(left)}{' in the line' if state.left_waiting else ''} {'is' if number == 1 else 'are'} left "
            f"by a daemon that is gone; a daemon that runs ends {'it' if number == 1 else 'them'} with the lease."
        )
    if state.living and not any(daemon.switches for daemon in state.living):
        yield "No [[switch]] is configured, so who is on the phone is known only from what the phones answer."
    versions = sorted({str(daemon.told.get("version")) for daemon in state.living})
    if len(versions) > 1:
        yield f"The daemons run different versions: {', '.join(versions)}."
