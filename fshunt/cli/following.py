"""What `--follow` does: looks again and again, and prints what is new, until Ctrl-C."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import late, output
from fshunt.cli.app import App
from fshunt.cli.output import Column, TableRow
from fshunt.errors import DatabaseError, NotFound
from fshunt.hunting.suggestions import what_there_is

if TYPE_CHECKING:
    from fshunt.db.queries.live import Watched

LOOK_SECONDS = 1.0
REST_SHARE = 2.0
"""How many times as long as a look the rest behind it is at least: many groups shall not load the database."""

GAP = "  "

NARROWEST = 10
"""Characters that a column which wraps keeps on the narrowest terminal."""

WIDEST = 60
"""Characters at which a column that wraps does not grow any more."""


def follow(look: Callable[[], None]) -> None:
    """Look until Ctrl-C. A database that is away is told once, and so is that it is back."""
    trouble: str | None = None
    while True:
        began = monotonic()
        try:
            look()
        except DatabaseError as error:
            if trouble is None:
                output.warn(f"{error} Trying again until it answers.")
            trouble = str(error)
        else:
            if trouble is not None:
                output.warn("The database answers again.")
            trouble = None
        sleep(rest_after(monotonic() - began))


def rest_after(took: float) -> float:
    """Return the seconds until the next look, after one that took so many."""
    return max(LOOK_SECONDS - took, REST_SHARE * took)


def watched_by(app: App, pilot: str | None) -> list[Watched]:
    """Return what is followed: groups with a pilot, a domain, or all; raise NotFound where there is no such group."""
    named = app.given_domain or app.settings.default_domain
    with app.reading_all() as (session, domains):
        known = late.rows.domain_names(session)
        if named and known and named not in known:
            raise NotFound(f"There is no domain {named}: {what_there_is(named, known, 'domain')}")
        if pilot is None:
            return [late.live.Watched(domain) for domain in domains] if named else [late.live.Watched()]
        places = [place for place in late.live.group_places(session).values() if place[0] in domains]
    found = [late.live.Watched(*place) for place in places if place[1] == pilot]
    if not found:
        where = f" in {domains[0]}" if named and domains else ""
        there = sorted({place[1] for place in places})
        raise NotFound(f"There is no group {pilot}{where}: {what_there_is(pilot, there, 'group')}")
    return found


class Lines:
    """A list whose rows come one after another, in the form of `--format`; JSON is one document a line."""

    def __init__(self, app: App, kind: str, columns: Sequence[Column], *, wide: bool = False) -> None:
        app.settle_format()
        self._app, self._kind, self._columns, self._wide = app, kind, columns, wide
        self._widths = [len(column.title) for column in columns]
        self._began = False

    def add(self, values: Iterable[dict[str, Any]], rows: Iterable[TableRow]) -> None:
        """Print further rows; ``values`` are the same for programs."""
        if self._app.as_json:
            from fshunt.services.serialize import document

            for value in values:
                click.echo(json.dumps(document(self._kind, value)))
            return
        cells = [[output.visible(cell) for cell in row] for row in rows]
        titles = [] if self._began else [[column.title for column in self._columns]]
        self._began = True
        if self._app.separated:
            writer = csv.writer(sys.stdout, delimiter=output.SEPARATORS[str(self._app.format)], lineterminator="\n")
            writer.writerows([*titles, *cells])
            sys.stdout.flush()
            return
        self._grow(cells)
        for row in titles:
            output.say(self._line(row), bold=True)
        for row in cells:
            output.say_lines(self._line(row))

    def _grow(self, cells: Sequence[Sequence[str]]) -> None:
        for at, column in enumerate(self._columns):
            width = max([self._widths[at], *(len(row[at]) for row in cells)])
            self._widths[at] = min(width, WIDEST) if column.wraps else width

    def _line(self, row: Sequence[str]) -> str:
        """Return a row; on a terminal in as many lines as it needs."""
        if not sys.stdout.isatty():
            return GAP.join(cell.ljust(width) for cell, width in zip(row, self._widths, strict=True)).rstrip()
        width = shutil.get_terminal_size().columns
        kept = output.fitting(self._columns, self._widths, width, len(GAP)) if not self._wide else range(len(row))
        widths = self._fitted(list(kept), width)
        cells = {at: textwrap.wrap(row[at], widths[at]) or [""] for at in kept}
        height = max(len(lines) for lines in cells.values())
        filled = {at: lines + [""] * (height - len(lines)) for at, lines in cells.items()}
        return "\n".join(GAP.join(filled[at][n].ljust(widths[at]) for at in kept).rstrip() for n in range(height))

    def _fitted(self, kept: Sequence[int], width: int) -> dict[int, int]:
        """Return the widths of columns, those that wrap as narrow as the terminal needs."""
        widths = {at: self._widths[at] for at in kept}
        while not self._wide and sum(widths.values()) + len(GAP) * (len(kept) - 1) > width:
            wraps = [at for at in kept if self._columns[at].wraps and widths[at] > NARROWEST]
            if not wraps:
                break
            widths[max(wraps, key=widths.__getitem__)] -= 1
        return widths
