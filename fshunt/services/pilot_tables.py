"""Writes the table of pilots of the watched switches at once, for who does not want to wait for a daemon."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from fshunt.db.queries import pilot_boxes
from fshunt.db.queries.identity import database_id
from fshunt.errors import FshuntError
from fshunt.freeswitch.pilot_table import Pilot, Rows, read_table, rows_of, take_table, write_table
from fshunt.services.switch_checks import Connect, connected
from fshunt.settings import Settings, WatchedSwitch


def rows_now(s: Session, settings: Settings) -> dict[str, str]:
    """Return the rows for the groups of all domains."""
    return rows_of(
        Pilot(each.domain, each.pilot, each.box or settings.fallback_box) for each in pilot_boxes.all_pilots(s)
    )


def owner_of(s: Session) -> str:
    """Return whose table that is; raise FshuntError if the database has lost its id."""
    found = database_id(s)
    if found is None:
        raise FshuntError("The database has no id: run `fshunt db upgrade`.")
    return found


def write_all(
    switches: Sequence[WatchedSwitch], owner: str, rows: Rows, connect: Connect = connected, *, take: bool = False
) -> None:
    """Bring the tables of all switches up to date; ``take``: also one that belongs to another database.

    Raises NoTable, OthersTable, and what the connection raises, for the first switch where it is so.
    """
    for switch in switches:
        with connect(switch) as line:
            if take:
                take_table(line, owner)
            write_table(line, owner, read_table(line, owner), rows, rows.keys)
