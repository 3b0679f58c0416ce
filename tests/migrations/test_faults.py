"""Migrations that go wrong, or are run by several at once, or change a table that others refer to."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, make_url, text

from fshunt.db import engine, migrate, pipeline
from fshunt.db.engine import open_engine, open_store
from fshunt.errors import DatabaseError
from fshunt.services import groups
from tests.migrations.test_up_and_down import fill

pytestmark = pytest.mark.faults

NEXT = '''"""{doc}."""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9001", "{after}"
branch_labels = depends_on = None


def upgrade():
    {body}


def downgrade():
    pass
'''
FAILS_HALF_WAY = """op.create_table("half", sa.Column("id", sa.Integer))
    op.execute("SELECT * FROM nothing_there")"""
REMAKES_GROUPS_ON_SQLITE = """with op.batch_alter_table("groups") as batch:
        batch.alter_column("name", existing_type=sa.String(), nullable=True)"""
LEAVES_ORPHANS = 'op.execute("DELETE FROM groups")'


@pytest.fixture
def with_next(tmp_path, monkeypatch):
    """Put one more migration, with this body, on top of ours."""
    head = migrate.ScriptDirectory(str(migrate.migrations_folder())).get_current_head()
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))

    def put(body):
        (folder / "versions" / "9001_next.py").write_text(NEXT.format(doc="one more", after=head, body=body))
        monkeypatch.setattr(migrate, "migrations_folder", lambda: folder)

    return put


def table_names(url):
    engine = open_engine(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def test_a_migration_that_fails_half_way_leaves_nothing(database_url, with_next):
    before = migrate.check(database_url).current
    with_next(FAILS_HALF_WAY)
    with pytest.raises(DatabaseError):
        migrate.upgrade(database_url)
    assert migrate.check(database_url).current == before
    assert "half" not in table_names(database_url)


def test_after_a_failed_migration_the_next_try_is_not_locked_out(database_url, with_next):
    with_next(FAILS_HALF_WAY)
    with pytest.raises(DatabaseError):
        migrate.upgrade(database_url)
    with_next("pass")
    migrate.upgrade(database_url)
    assert migrate.check(database_url).current == "9001"


def test_remaking_a_table_keeps_the_rows_that_refer_to_it(database_url, with_next):
    fill(database_url)
    with_next(REMAKES_GROUPS_ON_SQLITE)
    migrate.upgrade(database_url)
    store = open_store(database_url)
    with store.reading() as s:
        assert len(groups.get_group(s, "pbx.test", "5000").members) == 2
    store.close()


def test_a_migration_that_leaves_rows_without_their_group_is_undone(sqlite_url, with_next):
    fill(sqlite_url)
    with_next(LEAVES_ORPHANS)
    with pytest.raises(DatabaseError, match="refer to nothing"):
        migrate.upgrade(sqlite_url)
    store = open_store(sqlite_url)
    with store.reading() as s:
        assert len(groups.list_groups(s, "pbx.test")) == 1
    store.close()


def test_a_database_of_a_newer_fshunt_says_so(database_url, with_next, monkeypatch):
    with_next("pass")
    migrate.upgrade(database_url)
    monkeypatch.undo()
    status = migrate.check(database_url)
    assert not status.ok
    assert "made by a newer fshunt" in status.sentence


def test_a_database_of_an_older_fshunt_says_so(database_url, with_next):
    with_next("pass")
    status = migrate.check(database_url)
    assert not status.ok
    assert status.sentence.endswith("this fshunt needs 9001: run `fshunt db upgrade`.")


UPGRADE = "import sys; from fshunt.db import migrate; migrate.upgrade(sys.argv[1], report=print)"


def start_upgrade(url):
    command = [sys.executable, "-c", UPGRADE, url]
    root = str(migrate.migrations_folder().parent)
    environment = {**os.environ, "PYTHONPATH": root}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def outputs(processes):
    done = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), done
    return sorted(out for out, _err in done)


def test_a_new_file_that_another_process_just_writes_is_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "new.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: holder.execute("ROLLBACK"))
    monkeypatch.setattr("fshunt.db.engine.time", clock)
    engine = open_engine(f"sqlite:///{path}", create=True, busy_timeout_ms=60_000)
    with closing(engine.raw_connection()) as connection:
        assert connection.cursor().execute("PRAGMA journal_mode").fetchone() == ("wal",)
    engine.dispose()
    holder.close()


def test_of_two_upgrades_at_once_one_does_the_work(empty_database_url):
    nobodys, ones = outputs([start_upgrade(empty_database_url) for _ in range(2)])
    assert nobodys == ""
    assert ones.startswith("Upgraded to 0001")


def test_upgrades_wait_for_the_one_that_holds_the_lock(postgres_databases):
    url = postgres_databases.empty()
    engine = open_engine(url)
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [0x667368756E74])
        processes = [start_upgrade(url) for _ in range(2)]
        with engine.connect() as connection:
            while connection.execute(waiting).scalar_one() < 2:
                assert all(process.poll() is None for process in processes)
                connection.rollback()
        assert table_names(url) == []
    engine.dispose()
    assert [out.startswith("Upgraded") for out in outputs(processes)] == [False, True]
    postgres_databases.drop(url)


@pytest.mark.parametrize("place", ["fshunt/migrations", "migrations"], ids=["installed", "checkout"])
def test_migrations_are_found_where_fshunt_is_installed_and_in_a_checkout(tmp_path, place):
    root = migrate.migrations_folder().parent
    without_caches = shutil.ignore_patterns("__pycache__")
    site = tmp_path / "site"
    shutil.copytree(root / "fshunt", site / "fshunt", ignore=without_caches)
    shutil.copytree(root / "migrations", site / place, ignore=without_caches)
    url = f"sqlite:///{tmp_path / 'new.db'}"
    say = "; print(migrate.__file__, migrate.migrations_folder())"
    command = [sys.executable, "-S", "-c", _SITE.format(site=str(site), packages=_packages()) + UPGRADE + say, url]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{site}/fshunt/db/migrate.py {site}/{place}"
    assert migrate.check(url).ok


_SITE = "import sys; sys.path[:0] = [{site!r}]; sys.path.append({packages!r}); "
"""Without the interpreter's own site: an editable install would show another fshunt."""


def _packages():
    return str(Path(sqlalchemy.__file__).parents[1])


def test_sqlite_is_locked_before_anybody_looks_which_migrations_are_missing(sqlite_url, monkeypatch):
    """Else two upgrades at once would both find the same ones missing."""
    tried = []
    look = MigrationContext.get_current_heads

    def try_to_write_first(self):
        with closing(sqlite3.connect(make_url(sqlite_url).database, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as refused:
                tried.append(str(refused))
        return look(self)

    monkeypatch.setattr(MigrationContext, "get_current_heads", try_to_write_first)
    migrate.upgrade(sqlite_url)
    assert set(tried) == {"database is locked"}


def test_a_migration_may_take_longer_than_a_server_may_be_silent(with_next, postgres_url, monkeypatch):
    """An index on years of calls takes minutes, in which the server says nothing."""
    monkeypatch.setattr(pipeline, "SILENT_SECONDS", 1.5)
    monkeypatch.setattr(pipeline, "SILENT_MARGIN_SECONDS", 0.0)
    monkeypatch.setattr(engine, "STATEMENT_MS", 1000 - engine.BUSY_TIMEOUT_MS)
    with_next('op.execute("SELECT pg_sleep(3)")')
    migrate.upgrade(postgres_url)
    assert migrate.check(postgres_url).current == "9001"
