"""Keeps the table of pilots of each watched switch as the groups are (``freeswitch.pilot_table``).

So a dialplan that reads the table never needs to be written again. No hunt waits for this.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

import gevent

from fshunt.daemon.data.database import Database
from fshunt.daemon.switches.line import open_line
from fshunt.daemon.switches.monitor import Monitor, SwitchMonitor
from fshunt.db.queries import pilot_boxes
from fshunt.db.queries.identity import database_id
from fshunt.errors import DatabaseError, FshuntError
from fshunt.freeswitch.pilot_table import NoTable, OthersTable, Rows, read_table, write_table
from fshunt.services.pilot_tables import rows_now
from fshunt.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often it is looked whether anybody has changed anything: it takes one small statement."""

AGAIN_SECONDS = 300.0
"""How often a table is read back from its switch: somebody else may have changed it, or another daemon at once."""


AGAIN_AFTER_FAILURE_SECONDS = 30.0
"""How soon it is tried again where that was not possible."""


class PilotTables:
    """A service."""

    def __init__(
        self,
        database: Database,
        monitor: Monitor,
        settings: Callable[[], Settings],
        monotonic: Callable[[], float],
    ) -> None:
        self._database, self._settings = database, settings
        self._monotonic = monotonic
        self._tables = {each: _Table() for each in monitor.switches}
        self._last_change: int | None = None
        self._wanted: Rows = {}
        self._owner: str | None = None

    def run(self) -> None:
        """Keep the tables until killed."""
        while True:
            try:
                if self._database.away is None:
                    self.look()
            except DatabaseError as error:
                log.debug("tables of pilots not looked at: %s", error)
            gevent.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Write what has changed. Raises DatabaseError."""
        change = self._database.run(pilot_boxes.last_change)
        now = self._monotonic()
        due = [each for each, table in self._tables.items() if table.is_due(each, now)]
        if change != self._last_change or due:
            self._wanted = self._read_wanted()
            self._owner = self._database.run(database_id)
            self._last_change = change
        for each, table in self._tables.items():
            if each.watched and (each in due or table.rows != self._wanted):
                self._bring_up_to_date(each, table, now)

    def _bring_up_to_date(self, monitor: SwitchMonitor, table: _Table, now: float) -> None:
        if self._owner is None:  # somebody has removed the id: nobody can say whose table it would be
            return
        try:
            with open_line(monitor, self._monotonic) as line:
                known = read_table(line, self._owner)
                if write_table(line, self._owner, known, self._wanted, self._wanted_now):
                    log.info("switch %s: table of pilots written", monitor.switch.name)
            table.rows, table.failure = self._wanted, None
            monitor.pilot_table_looked_at(None)
        except DatabaseError:
            raise
        except FshuntError as error:
            if str(error) != table.failure:
                # Without mod_db its dialplan cannot read the table either: it is one of those that are written.
                level = logging.INFO if isinstance(error, NoTable) else logging.WARNING
                log.log(level, "switch %s: table of pilots not kept: %s", monitor.switch.name, error)
            table.rows, table.failure = self._wanted, str(error)  # it is tried again when it is due
            monitor.pilot_table_looked_at(str(error) if isinstance(error, OthersTable) else None)
        table.read_at, table.core_uuid = now, monitor.core_uuid

    def _wanted_now(self) -> Collection[str]:
        return self._read_wanted().keys()

    def _read_wanted(self) -> Rows:
        settings = self._settings()
        return self._database.run(lambda s: rows_now(s, settings))


class _Table:
    """What is known of the table of one switch."""

    def __init__(self) -> None:
        self.rows: Rows | None = None
        self.read_at = 0.0
        self.core_uuid: str | None = None
        self.failure: str | None = None

    def is_due(self, monitor: SwitchMonitor, now: float) -> bool:
        """Whether it is to be read: at first, after a restart of its switch, and now and then."""
        if not monitor.watched:
            return False
        again = AGAIN_SECONDS if self.failure is None else AGAIN_AFTER_FAILURE_SECONDS
        return self.rows is None or monitor.core_uuid != self.core_uuid or now - self.read_at >= again
