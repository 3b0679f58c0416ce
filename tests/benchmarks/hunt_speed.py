"""What a hunt costs: fshunt on both databases, greenswitch's own server with the plainest hunt, and the floor loop.

``make bench ARGS="--rates 30 100 --seconds 60"``. All are driven in one run, turn and turn about, so that the noise of
the machine falls on all of them; each figure is the median of the rounds, with the least and the most. Each controller
is a process of its own, driven by processes that play a tape of its own hunt (``tests/benchmarks/tape.py``).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.contenders import add_groups, floor_loop, fshunt_daemon, greenswitch_server, recorded
from tests.benchmarks.driver import Driver, Loaded, driving
from tests.support.postgres import find_binaries, start_or_explain

SQLITE, POSTGRES, GREENSWITCH, FLOOR = "fshunt SQLite", "fshunt PostgreSQL", "greenswitch", "floor loop"
Figures = dict[str, dict[str, list[float]]]
"""By row and by controller: the figure of each round."""
ASTRAY = "hunts not finished and commands not on the tape"


@contextmanager
def all_drivers(folder: Path, *, with_postgres: bool) -> Iterator[list[Driver]]:
    """A driver for each of the controllers."""
    with ExitStack() as stack:
        urls = {SQLITE: f"sqlite:///{folder / 'bench.db'}"}
        if with_postgres and find_binaries() is not None:
            server = stack.enter_context(contextmanager(start_or_explain)())
            urls[POSTGRES] = server.render_as_string(hide_password=False)
        contenders = []
        for name, url in urls.items():
            add_groups(url)
            contenders.append(stack.enter_context(fshunt_daemon(url, folder / name, name)))
        contenders.append(stack.enter_context(greenswitch_server(folder / GREENSWITCH)))
        tapes = {each.name: recorded(each) for each in contenders}
        contenders.append(stack.enter_context(floor_loop(folder / FLOOR, *tapes[SQLITE])))
        tapes[FLOOR] = tapes[SQLITE]
        yield [stack.enter_context(driving(each, tapes[each.name][0], folder)) for each in contenders]


def measure(drivers: Sequence[Driver], options: argparse.Namespace) -> Figures:
    """All figures of all controllers, turn and turn about."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    for driver in drivers:
        driver.load(rate=20, seconds=min(1.0, options.seconds))  # so that all is imported and compiled
    for driver in drivers:  # before a load leaves free memory behind, which held calls would take
        figures["KB a held call"][driver.contender.name].append(driver.kb_a_held_call(options.held))
    steps: list[tuple[str, Callable[[Driver], Loaded]]] = [
        (f"at {rate:g}/s", lambda driver, rate=rate: driver.load(rate, options.seconds)) for rate in options.rates
    ]
    steps.append((f"{options.at_once} at a time", lambda driver: driver.saturate(options.at_once, options.saturated)))
    for _ in range(options.rounds):
        for what, step in steps:
            for driver in drivers:
                note(figures, driver.contender.name, what, step(driver))
    return figures


def note(figures: Figures, name: str, what: str, loaded: Loaded) -> None:
    """Put one load into the table, with the hunts that went otherwise than on the tape: there should be none."""
    astray = loaded.hunts - loaded.finished + sum(loaded.unknown.values())
    if astray:
        print(f"{name}, {what}: {loaded.finished} of {loaded.hunts} hunts finished; {loaded.unknown}", file=sys.stderr)
        figures[f"{ASTRAY}, {what}"][name].append(astray)
    rows = {"CPU ms a hunt": loaded.cpu_ms, "hunts/s": loaded.rate}
    rows |= {"to ring, p50 ms": loaded.p50, "to ring, p99 ms": loaded.p99}
    rows |= {"cores of the controller": loaded.cores, "cores of the load's busiest process": loaded.load_cores}
    for row, value in rows.items():
        if value is not None:
            figures[f"{row}, {what}"][name].append(value)


def with_ratios(figures: Figures) -> Figures:
    """The figures, with the ratio of each CPU row to the plainest controllers', round by round."""
    more: Figures = {}
    for row, by_name in figures.items():
        more[row] = by_name
        for other in (GREENSWITCH, FLOOR, SQLITE) if row.startswith("CPU") else ():
            if other in by_name:
                base = by_name[other]
                more[f"  of {other}'s, {row.partition(', ')[2]}"] = {
                    name: [value / by for value, by in zip(values, base, strict=True)]
                    for name, values in by_name.items()
                }
    return {row: by_name for row, by_name in more.items() if by_name}


def show(figures: Figures, names: Sequence[str]) -> None:
    """Print the table: the median of the rounds, and their range."""
    print(f"{'':50}" + "".join(f"{name:>26}" for name in names))
    for row, by_name in figures.items():
        print(f"{row:50}" + "".join(f"{cell(by_name.get(name, [])):>26}" for name in names))


def cell(values: Sequence[float]) -> str:
    """A figure as people read it."""
    if not values:
        return "-"
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


def as_json(figures: Figures) -> str:
    """The figures for programs: rows, controllers, and the median and all rounds of each."""
    told = {
        row.strip(): {name: {"median": statistics.median(v), "rounds": v} for name, v in by_name.items()}
        for row, by_name in figures.items()
    }
    return json.dumps(told, indent=2)


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[30.0], help="hunts offered a second (default 30)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long at each rate (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default 3)")
    parser.add_argument("--at-once", type=int, default=128, help="hunts at a time for the most hunts a second (128)")
    parser.add_argument("--saturated", type=float, default=3.0, help="how long that is measured, in seconds (3)")
    parser.add_argument("--held", type=int, default=200, help="calls held for the memory figure (default 200)")
    parser.add_argument("--without-postgresql", action="store_true", help="leave PostgreSQL out")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table. Ends with status 1 if a hunt went otherwise than on the tape."""
    options = options_of(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="fshunt-bench-") as folder,
        all_drivers(Path(folder), with_postgres=not options.without_postgresql) as drivers,
    ):
        figures = with_ratios(measure(drivers, options))
    if options.json:
        print(as_json(figures))
    else:
        show(figures, [driver.contender.name for driver in drivers])
    if any(row.startswith(ASTRAY) for row in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
