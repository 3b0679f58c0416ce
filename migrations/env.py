"""Runs the migrations on the engine of ``fshunt.db.migrate``, or for developers on FSHUNT_DATABASE_URL.

PostgreSQL: an advisory lock admits one process at a time, timeouts keep a migration that waits for a lock from blocking
calls, and each migration is one transaction. SQLite: all migrations are one transaction, which has the file's write
lock from the start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import Connection, Engine, Table, inspect, text

from fshunt.db.engine import IMMEDIATE, open_engine
from fshunt.db.models import Base, Compatibility
from fshunt.errors import DatabaseError

ADVISORY_LOCK_KEY = 0x667368756E74
"""The letters "fshunt" as a number; any number will do that no other program on the same server uses."""
WAIT_FOR_OTHERS_MS = 600_000
"""How long to wait for another process that is migrating: its migration may be long."""
LOCK_TIMEOUT_MS = 10_000
"""How long a migration waits for a table's lock; calls queue behind it meanwhile."""
COMPATIBILITY = cast("Table", Compatibility.__table__)
STATEMENT_TIMEOUT_MS = 600_000
"""How long one statement of a migration may run: an index on years of calls takes minutes, not hours."""


def run() -> None:
    """Migrate with the engine and the report function of the caller."""
    engine: Engine = context.config.attributes.get("engine") or _developers_engine()
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection, _alone_on(connection):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            compare_server_default=True,
            render_as_batch=True,
            transactional_ddl=True,
            transaction_per_migration=connection.dialect.name == "postgresql",
            on_version_apply=_step_done,  # type: ignore[arg-type]  # called with keywords only
        )
        with context.begin_transaction():
            context.run_migrations()


def _developers_engine() -> Engine:
    return open_engine(os.environ["FSHUNT_DATABASE_URL"], create=True)


def _step_done(*, ctx: MigrationContext, step: MigrationInfo, **rest: Any) -> None:
    """Store the oldest code that can use the tables, in the migration's transaction, and report the step."""
    _note_oldest_code(ctx.connection, step)
    _report(step=step, **rest)


def _note_oldest_code(connection: Connection | None, step: MigrationInfo) -> None:
    if connection is None or not inspect(connection).has_table(COMPATIBILITY.name):
        return
    scripts = step.up_revisions if step.is_upgrade else step.down_revisions
    for script in scripts:
        if isinstance(script, Script):
            oldest = getattr(script.module, "OLDEST_CODE", script.revision)
            connection.execute(COMPATIBILITY.update().values(oldest_code=oldest))


def _report(*, step: MigrationInfo, **_rest: Any) -> None:
    report = context.config.attributes.get("report")
    if report is not None and isinstance(step.up_revision, Script):
        done = "Upgraded to" if step.is_upgrade else "Took back"
        report(f"{done} {step.up_revision_id}: {step.up_revision.doc.rstrip('.')}.")


@contextmanager
def _alone_on(connection: Connection) -> Iterator[None]:
    alone = _alone_on_postgresql if connection.dialect.name == "postgresql" else _alone_on_sqlite
    with alone(connection):
        yield


@contextmanager
def _alone_on_postgresql(connection: Connection) -> Iterator[None]:
    _set_timeouts(connection, WAIT_FOR_OTHERS_MS)
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK_KEY})
    _set_timeouts(connection, LOCK_TIMEOUT_MS)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK_KEY})
        connection.commit()


def _set_timeouts(connection: Connection, lock_ms: int) -> None:
    connection.execute(text(f"SET lock_timeout = {lock_ms:d}"))
    statement_ms = max(lock_ms, STATEMENT_TIMEOUT_MS)
    connection.execute(text(f"SET statement_timeout = {statement_ms:d}"))
    driver: Any = connection.connection.driver_connection
    driver.expect_long_statements(statement_ms / 1000)


@contextmanager
def _alone_on_sqlite(connection: Connection) -> Iterator[None]:
    # SQLite changes a table by creating a new one; with foreign keys on, dropping the old one would drop the rows that
    # refer to it. The PRAGMA works only outside of a transaction, so it runs on the driver's own connection.
    driver = connection.connection
    driver.cursor().execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            yield
            if connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
                raise DatabaseError("The migration would leave rows that refer to nothing; it was undone.")
    finally:
        driver.cursor().execute("PRAGMA foreign_keys=ON")


run()
