"""A database of a newer fshunt: code that is not upgraded yet can use it where the newer migration says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fshunt.daemon.bootstrap import build
from fshunt.db import migrate
from fshunt.errors import DatabaseError
from fshunt.settings import Settings

NEWER = "9998"
TEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
{oldest_code}

def upgrade():
    op.add_column("domains", sa.Column("new_{revision}", sa.String()))


def downgrade():
    op.drop_column("domains", "new_{revision}")
"""


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Do something as a newer fshunt, with one more migration for each ``oldest_code`` that is given."""
    ours = migrate.migrations_folder()
    head = migrate.ScriptDirectory(str(ours)).get_current_head() or ""
    folder = tmp_path / "migrations"

    def as_newer(job: Callable[[], object], *oldest_code: str | None) -> None:
        shutil.copytree(ours, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        before = head
        for number, oldest in enumerate(oldest_code):
            revision = str(int(NEWER) + number)
            line = "" if oldest is None else f'OLDEST_CODE = "{oldest}"'
            script = TEXT.format(revision=revision, before=before, oldest_code=line)
            (folder / "versions" / f"{revision}_newer.py").write_text(script)
            before = revision
        with monkeypatch.context() as patched:
            patched.setattr(migrate, "migrations_folder", lambda: folder)
            job()

    return as_newer


@pytest.fixture
def url(empty_database_url: str) -> str:
    migrate.upgrade(empty_database_url)
    return empty_database_url


def test_older_code_can_use_a_database_whose_migration_only_adds(url: str, newer: Callable[..., None]) -> None:
    head = migrate.check(url).head
    newer(lambda: migrate.upgrade(url), head)
    found = migrate.check(url)
    assert (found.ok, found.newer, found.current) == (True, True, NEWER)
    assert found.sentence == (
        f"The database is at revision {NEWER}, made by a newer fshunt; this fshunt (revision {head}) can use it until"
        " it is upgraded."
    )


def test_older_code_refuses_a_database_whose_migration_says_nothing(url: str, newer: Callable[..., None]) -> None:
    newer(lambda: migrate.upgrade(url), None)
    found = migrate.check(url)
    assert (found.ok, found.newer) == (False, True)
    assert found.sentence == (
        f"The database is at revision {NEWER}, made by a newer fshunt that this one cannot use: upgrade this fshunt."
    )


def test_the_last_migration_decides(url: str, newer: Callable[..., None]) -> None:
    """One version adds a column, the next one needs it: code from before the first is too old then."""
    newer(lambda: migrate.upgrade(url), migrate.check(url).head, NEWER)
    assert not migrate.check(url).ok


def test_taken_back_it_can_be_used_again(url: str, newer: Callable[..., None]) -> None:
    head = migrate.check(url).head
    newer(lambda: migrate.upgrade(url), head, NEWER)
    newer(lambda: migrate.downgrade(url, "-1"), head, NEWER)
    assert migrate.check(url).ok
    newer(lambda: migrate.downgrade(url, "-1"), head, NEWER)
    found = migrate.check(url)
    assert (found.ok, found.newer, found.current) == (True, False, head)


def test_an_upgrade_by_older_code_leaves_the_newer_database_alone(url: str, newer: Callable[..., None]) -> None:
    said: list[str] = []
    newer(lambda: migrate.upgrade(url), migrate.check(url).head)
    migrate.upgrade(url, report=said.append)
    assert said == [migrate.check(url).sentence]
    assert migrate.check(url).current == NEWER


def test_an_upgrade_by_code_that_is_too_old_says_so(url: str, newer: Callable[..., None]) -> None:
    newer(lambda: migrate.upgrade(url), None)
    with pytest.raises(DatabaseError, match="cannot use: upgrade this fshunt"):
        migrate.upgrade(url)


def test_a_daemon_that_is_not_upgraded_yet_starts_on_it_with_a_line_in_the_log(
    url: str, newer: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    newer(lambda: migrate.upgrade(url), migrate.check(url).head)
    build(Settings(database_url=url, outbox_dir=None)).deps.database.close()
    assert migrate.check(url).sentence in caplog.messages


def test_a_daemon_that_is_too_old_does_not_start(url: str, newer: Callable[..., None]) -> None:
    newer(lambda: migrate.upgrade(url), None)
    with pytest.raises(DatabaseError, match="cannot use: upgrade this fshunt"):
        build(Settings(database_url=url, outbox_dir=None))
