"""Writes that this web process lives, so that `fshunt status` shows it on any host."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import gevent

from fshunt import __version__
from fshunt.db.engine import Store
from fshunt.db.queries import web_processes
from fshunt.db.queries.web_processes import WebProcessRow
from fshunt.errors import DatabaseError
from fshunt.settings import Address

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0


class Heartbeat:
    """The heartbeat of one run. Without the database it waits for it: each page says so meanwhile."""

    def __init__(self, store: Store, listen: Address, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        at = now()
        self.row = WebProcessRow(uuid4().hex, socket.gethostname(), at, at, str(listen), __version__)
        """What stands in the database."""

    def run(self) -> None:
        """Write a heartbeat each few seconds, until killed; the loop goes on while a thread waits for the database."""
        while True:
            gevent.get_hub().threadpool.apply(self.beat)
            gevent.sleep(HEARTBEAT_SECONDS)

    def beat(self) -> None:
        """Write one heartbeat."""
        self.row = replace(self.row, heartbeat_at=self._now())
        try:
            with self._store.writing() as s:
                web_processes.write_heartbeat(s, self.row)
        except DatabaseError as error:
            log.debug("no heartbeat: %s", error)

    def retire(self) -> None:
        """Take this run out at its end."""
        try:
            with self._store.writing() as s:
                web_processes.retire(s, self.row.run_id)
        except DatabaseError as error:
            log.debug("still listed after its end: %s", error)
