"""What size costs: the CPU of a hunt in a large installation, as a part of its cost in a small one.

``make bench-scale``. Each row has two daemons on SQLite databases of their own, one small and one large in one respect,
driven turn and turn about: members of the group that is called, groups, and records of calls. Hunts are measured
between two readings of all groups, which a daemon does each minute; a minute at rest has figures of its own. The last
row is a group whose 128 members ring at once: from the connection to the one command that rings them.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from fshunt.daemon.data.group_reader import AGAIN_SECONDS
from fshunt.db import migrate
from fshunt.db.engine import open_store
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from fshunt.simulator.core.callers import SimulatedCaller
from fshunt.simulator.core.phones import answers
from fshunt.simulator.scenarios.load import add_phones
from fshunt.simulator.switch import SimulatedSwitch
from tests.benchmarks.contenders import ANSWER_SECONDS, DOMAIN, MS, Contender, fshunt_daemon, recorded
from tests.benchmarks.driver import Driver, driving
from tests.benchmarks.tape import EXTENSION, PILOT

FEW_GROUPS = 10
"""As many groups have all installations but the one with many. One is that of the tape, the others are called."""
AT_ONCE = 128
"""FreeSWITCH's own limit of phones for one caller."""
FIRST_OF_MANY = 2000
"""Extensions of members whom no call reaches."""
DOMAIN_GROUPS = 100
"""Groups in each of the domains that are added."""
LOOK_SECONDS = 0.5
IDLE_PART = 0.1
"""Of a core: a daemon that uses less has read all that it reads at its start."""
SETTLES_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Row:
    """One respect in which an installation is large."""

    name: str
    small: int
    large: int
    fill: Callable[[sqlite3.Connection, int], None]
    most: float
    """The ratio that is the goal."""


def more_members(database: sqlite3.Connection, count: int) -> None:
    """Fill each group up to so many members."""
    changed = {"id": "NULL", "position": "n", "extension": f"{FIRST_OF_MANY} + n"}
    database.execute(
        "WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < ?) "
        f"INSERT INTO {_copy(database, 'members', changed)} CROSS JOIN n",
        (count,),
    )


def more_groups(database: sqlite3.Connection, count: int) -> None:
    """Add groups of one member, up to so many, in domains of a hundred."""
    more = count - FEW_GROUPS
    if not more:
        return
    first = 1_000_000
    numbered = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?) "
    database.execute(
        numbered + "INSERT INTO domains (id, name) SELECT ? + n, 'tenant-' || n || '.test' FROM n",
        (-(-more // DOMAIN_GROUPS), first),
    )
    place = {"domain_id": f"{first} + n / {DOMAIN_GROUPS}", "pilot": f"8000 + n % {DOMAIN_GROUPS}"}
    one = f"(SELECT * FROM groups WHERE pilot = '{PILOT}')"
    copied = _copy(database, "groups", {"id": f"{first} + n", **place}, one)
    database.execute(f"{numbered}INSERT INTO {copied} CROSS JOIN n", (more,))
    one = f"(SELECT * FROM members WHERE extension = '{EXTENSION}')"
    copied = _copy(database, "members", {"id": "NULL", "group_id": f"{first} + n"}, one)
    database.execute(f"{numbered}INSERT INTO {copied} CROSS JOIN n", (more,))


def more_calls(database: sqlite3.Connection, count: int) -> None:
    """Add so many records of calls, copies of one that is over, each a second older than the one before."""
    if not count:
        return
    changed = {
        "id": "'old-' || n",
        "uuid": "'old-' || n",
        "started_at": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || n || ' seconds')",
    }
    one = "(SELECT * FROM calls WHERE ended_at IS NOT NULL LIMIT 1)"
    database.execute(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?) "
        f"INSERT INTO {_copy(database, 'calls', changed, one)} CROSS JOIN n",
        (count,),
    )


def _copy(database: sqlite3.Connection, table: str, changed: dict[str, str], rows: str = "") -> str:
    """What follows INSERT INTO: the columns of a table and a SELECT of its rows with some of them changed."""
    names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(name, f"{table}.{name}") for name in names)
    return f"{table} ({', '.join(names)}) SELECT {values} FROM {rows or table} AS {table}"


ROWS = {
    "members": Row("members in a group", 10, 1_000, more_members, 2.0),
    "groups": Row("groups", FEW_GROUPS, 100_000, more_groups, 1.1),
    "calls": Row("call records", 0, 5_000_000, more_calls, 1.1),
}


def make(folder: Path) -> str:
    """A database with the groups that are called, and the one of the tape; return its URL."""
    url = f"sqlite:///{folder / 'db'}"
    migrate.upgrade(url, report=lambda _line: None)
    pairs = [(f"5{number:03}", f"1{number:03}") for number in range(FEW_GROUPS - 1)] + [(PILOT, EXTENSION)]
    with closing(open_store(url)) as store, store.writing() as s:
        for pilot, extension in pairs:
            groups.add_group(s, DOMAIN, pilot, ring_time=RingTime(seconds=20))
            members.add_members(s, DOMAIN, pilot, [parse_member(extension)])
    return url


def driver_of(stack: ExitStack, folder: Path, row: Row, count: int) -> Driver:
    """A driver for a daemon on a database of this size. The tape is of one hunt before it has that size."""
    folder.mkdir()
    url = make(folder)
    with fshunt_daemon(url, folder / "before") as contender:
        taped, _ = recorded(contender)
    with closing(sqlite3.connect(folder / "db")) as database, database:
        row.fill(database, count)
    with closing(sqlite3.connect(folder / "db")) as database:
        database.execute("ANALYZE")
    contender = stack.enter_context(fshunt_daemon(url, folder / "daemon", f"{row.name} {count}"))
    return stack.enter_context(driving(contender, taped, folder, pilots=FEW_GROUPS - 1))


def wait_until_idle(contender: Contender) -> None:
    """Wait until a daemon has read what it reads at its start. Raises RuntimeError if it does not end."""
    deadline = time.monotonic() + SETTLES_SECONDS
    while time.monotonic() < deadline:
        before = contender.cpu_seconds()
        time.sleep(LOOK_SECONDS)
        if contender.cpu_seconds() - before < IDLE_PART * LOOK_SECONDS:
            return
    raise RuntimeError(f"{contender.name} does not come to rest")


@dataclass(slots=True)
class Taken:
    """What one size took."""

    hunts: list[float]
    """CPU of a hunt in milliseconds, round by round."""
    rest: float = 0.0
    """CPU of the minute without a hunt, in seconds."""
    memory: float = 0.0
    """MB of the daemon after it."""


def measure(row: Row, large: int, options: argparse.Namespace) -> tuple[Taken, Taken]:
    """What the small and the large size take."""
    with tempfile.TemporaryDirectory(prefix="fshunt-bench-") as name, ExitStack() as stack:
        drivers = [driver_of(stack, Path(name) / str(size), row, size) for size in (row.small, large)]
        small, large_one = Taken([]), Taken([])
        pairs = list(zip(drivers, (small, large_one), strict=True))
        for driver in drivers:
            wait_until_idle(driver.contender)
            driver.load(options.rate, min(1.0, options.seconds))
        for _ in range(options.rounds):
            for driver, taken in pairs:
                loaded = driver.load(options.rate, options.seconds)
                if loaded.finished < loaded.hunts or loaded.unknown:
                    raise RuntimeError(f"{driver.contender.name}: {loaded}")
                taken.hunts.append(loaded.cpu_ms)
        before = [driver.contender.cpu_seconds() for driver in drivers]
        time.sleep(options.rest)
        for (driver, taken), used in zip(pairs, before, strict=True):
            taken.rest = driver.contender.cpu_seconds() - used
            taken.memory = driver.contender.memory_kb() / 1000
    return small, large_one


def told_of(row: Row, small: Taken, large: Taken) -> dict[str, float]:
    """The figures of a row by their names."""
    ratios = [much / little for much, little in zip(large.hunts, small.hunts, strict=True)]
    return {
        "small ms": statistics.median(small.hunts),
        "large ms": statistics.median(large.hunts),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
        "goal": row.most,
        "small s at rest": small.rest,
        "large s at rest": large.rest,
        "small MB": small.memory,
        "large MB": large.memory,
    }


def all_at_once(options: argparse.Namespace) -> list[float]:
    """Milliseconds from the connection to the command that rings 128 phones, for each of some hunts."""
    with tempfile.TemporaryDirectory(prefix="fshunt-bench-") as name:
        url = f"sqlite:///{Path(name) / 'db'}"
        migrate.upgrade(url, report=lambda _line: None)
        extensions = [f"1{number:03}" for number in range(AT_ONCE)]
        with closing(open_store(url)) as store, store.writing() as s:
            groups.add_group(s, DOMAIN, PILOT, policy="simultaneous", ring_time=RingTime(seconds=20))
            members.add_members(s, DOMAIN, PILOT, [parse_member(each) for each in extensions])
        with fshunt_daemon(url, Path(name) / "daemon") as contender:
            switch = SimulatedSwitch([("127.0.0.1", contender.port)], domain=DOMAIN)
            add_phones(switch, extensions, answers(ANSWER_SECONDS))
            delays = []
            for _ in range(options.rounds * 3 + 1):
                call = switch.call(PILOT, caller=SimulatedCaller(talk_for=0.1))
                call.join()
                delays.append((call.bridge_delay or 0.0) * MS)
    return delays[1:]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="make bench-scale", description=__doc__)
    parser.add_argument("--rate", type=float, default=10.0, help="hunts offered a second (default 10)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long at a time (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default 3)")
    parser.add_argument("--rest", type=float, default=AGAIN_SECONDS, help="seconds at rest after them (default 60)")
    parser.add_argument("--rows", nargs="+", choices=[*ROWS, "simultaneous"], default=[*ROWS, "simultaneous"])
    parser.add_argument("--large", type=int, help="another large size than that of the table, for all rows")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    told: dict[str, object] = {}
    for name in options.rows:
        if name == "simultaneous":
            delays = all_at_once(options)
            told[name] = {"ms to ring": statistics.median(delays), "least": min(delays), "most": max(delays)}
            continue
        row, large = ROWS[name], options.large or ROWS[name].large
        told[f"{row.name}, {row.small} to {large}"] = told_of(row, *measure(row, large, options))
    if options.json:
        print(json.dumps(told, indent=2))
    else:
        for name, figures in told.items():
            assert isinstance(figures, dict)
            print(f"{name:38}" + "  ".join(f"{what} {value:.2f}" for what, value in figures.items()))


if __name__ == "__main__":
    main()
