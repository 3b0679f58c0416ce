"""Migrates the tables and reports their revision. The migrations are part of fshunt: no alembic.ini is needed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, inspect, make_url, select

from fshunt.db.engine import file_exists, open_engine
from fshunt.db.failures import NOT_MIGRATED, as_store_errors, where
from fshunt.db.models import Compatibility, DatabaseIdentity
from fshunt.errors import DatabaseError

log = logging.getLogger(__name__)

Report = Callable[[str], None]
"""Gets one line for each migration."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where the tables are (``current``, None: nowhere), where they should be (``head``), and both in one sentence.

    ``ok`` says whether this fshunt can use them: tables of a newer one it can where the newer one says so.
    """

    current: str | None
    head: str
    ok: bool
    sentence: str
    newer: bool = False
    database_id: str | None = None
    """None: the tables are from before databases had one."""


def upgrade(url: str | URL, revision: str = "head", report: Report = log.info) -> None:
    """Bring the database up to ``revision``, making it if it is an SQLite file that is not there yet.

    Several processes may do so at once: one does the work, the others wait. A database of a newer fshunt stays as it
    is. Raises DatabaseError.
    """
    if revision == "head" and not is_missing(url) and (found := check(url)).newer:
        if not found.ok:
            raise DatabaseError(found.sentence)
        report(found.sentence)
        return
    _run(url, lambda config: command.upgrade(config, revision), report, create=True)


def downgrade(url: str | URL, revision: str, report: Report = log.info) -> None:
    """Downgrade the database to ``revision`` ("base": no tables, "-1": one step). Raises DatabaseError."""
    _run(url, lambda config: command.downgrade(config, revision), report, create=False)


def check(url: str | URL) -> Status:
    """Tell whether the database is migrated. Raises DatabaseError if it cannot be read or does not exist."""
    engine = open_engine(url)
    try:
        return _status(engine)
    finally:
        engine.dispose()


def is_missing(url: str | URL) -> bool:
    """Tell whether the URL names an SQLite file that does not exist yet; raise DatabaseError where nobody can know."""
    made = make_url(url)
    return made.get_backend_name() == "sqlite" and not file_exists(str(made.database))


def migrations_folder() -> Path:
    """Return the folder of the migrations: ``fshunt.migrations`` where installed, ``../migrations`` in a checkout."""
    package = Path(__file__).parents[1]
    for candidate in (package / "migrations", package.parent / "migrations"):
        if (candidate / "env.py").is_file() and (candidate / "versions").is_dir():
            return candidate
    raise DatabaseError("The migrations are missing from this installation of fshunt: install it again.")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _known_migrations(folder: Path) -> ScriptDirectory:
    """The migrations in a folder. A web server asks for the state again and again: it reads them once."""
    script = ScriptDirectory(str(folder))
    script.get_current_head()  # alembic reads the files at the first question; done here, no two threads do it at once
    return script


def _run(url: str | URL, run: Callable[[Config], None], report: Report, *, create: bool) -> None:
    engine = open_engine(url, create=create)
    config = _config()
    config.attributes |= {"engine": engine, "report": report}
    try:
        with as_store_errors(engine.url):
            run(config)
    except CommandError as error:
        raise DatabaseError(f"Cannot migrate {where(engine.url)}: {str(error).rstrip('.')}.") from error
    finally:
        engine.dispose()


def _status(engine: Engine) -> Status:
    script = _known_migrations(migrations_folder())
    head = script.get_current_head() or ""
    with as_store_errors(engine.url), engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        oldest_code, identity = _oldest_code(connection), _database_id(connection)
    return replace(_compared(script, current, head, oldest_code), database_id=identity)


def _compared(script: ScriptDirectory, current: str | None, head: str, oldest_code: str | None) -> Status:
    if current is None:
        return Status(None, head, ok=False, sentence=NOT_MIGRATED)
    if current == head:
        return Status(current, head, ok=True, sentence=f"The database is up to date (revision {current}).")
    known = {each.revision for each in script.walk_revisions()}
    if current in known:
        sentence = f"The database is at revision {current}, this fshunt needs {head}: run `fshunt db upgrade`."
        return Status(current, head, ok=False, sentence=sentence)
    newer = f"The database is at revision {current}, made by a newer fshunt"
    if oldest_code in known:
        sentence = f"{newer}; this fshunt (revision {head}) can use it until it is upgraded."
        return Status(current, head, ok=True, sentence=sentence, newer=True)
    sentence = f"{newer} that this one cannot use: upgrade this fshunt."
    return Status(current, head, ok=False, sentence=sentence, newer=True)


def _oldest_code(connection: Connection) -> str | None:
    """Return the oldest revision whose code can use the tables; None: they are from before this was noted."""
    if not inspect(connection).has_table(Compatibility.__tablename__):
        return None
    return connection.scalar(select(Compatibility.oldest_code))


def _database_id(connection: Connection) -> str | None:
    if not inspect(connection).has_table(DatabaseIdentity.__tablename__):
        return None
    return connection.scalar(select(DatabaseIdentity.database_id))
