"""What docs/backup.md tells to type brings a database back, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from fshunt.cli.main import cli
from tests.support.documented_commands import Shown, to_type
from tests.support.documents import DOCS
from tests.support.postgres import find_binaries

NOT_HERE = {"systemctl", "install", "chown", "fs_cli"}
"""Programs of the page that need root or a system. Nothing runs here that they would stop."""


pytestmark = pytest.mark.faults


def section(kind: str, restoring: bool) -> list[Shown]:
    """The commands of one database: those that back it up, or those that restore it."""
    text = (DOCS / "backup.md").read_text()
    first = text[: text.index(f"\n## {kind}\n")].count("\n") + 1
    middle = first + text[text.index(f"\n## {kind}\n") :].split("\n### Restore it\n")[0].count("\n") + 1
    last = first + text[text.index(f"\n## {kind}\n") + 1 :].split("\n## ")[0].count("\n") + 1
    begin, end = (middle, last) if restoring else (first, middle)
    return [each for each in to_type(DOCS / "backup.md") if begin < each.line <= end]


def run(commands: list[Shown], put: Callable[[str], str], url: str, path: str = os.defpath) -> None:
    tools = f"{Path(sys.executable).parent}:{path}:{os.environ['PATH']}"
    for shown in commands:
        if shown.program not in NOT_HERE:
            words = [shown.program, *(put(word) for word in shown.words[1:])]
            env = {**os.environ, "PATH": tools, "FSHUNT_DATABASE_URL": url, "FSHUNT_CONFIG": ""}
            done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, f"{shown}\n{done.stdout}{done.stderr}"


def office(url: str) -> CliRunner:
    runner = CliRunner(env={"FSHUNT_DATABASE_URL": url, "FSHUNT_DEFAULT_DOMAIN": "pbx.test", "FSHUNT_CONFIG": ""})
    for line in ("group add 5000 --name Sales", "member add 5000 1001 1002 1003"):
        assert runner.invoke(cli, line.split()).exit_code == 0
    return runner


def spoiled(runner: CliRunner) -> str:
    """What the office prints, before everything in it is removed."""
    before = runner.invoke(cli, ["group", "list", "--json"]).stdout
    assert runner.invoke(cli, ["group", "remove", "5000", "--yes"]).exit_code == 0
    assert runner.invoke(cli, ["group", "list", "--json"]).stdout != before
    return before


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no sqlite3 on this machine: apt-get install sqlite3")
def test_an_sqlite_file_is_backed_up_and_restored(sqlite_url, tmp_path):
    file, folder = str(make_url(sqlite_url).database), tmp_path / "backups"
    folder.mkdir()

    def put(word: str) -> str:
        return word.replace("/var/lib/fshunt/fshunt.db", file).replace("/var/backups/fshunt", str(folder))

    runner = office(sqlite_url)
    run(section("SQLite", restoring=False), put, sqlite_url)
    before = spoiled(runner)
    run(section("SQLite", restoring=True), put, sqlite_url)
    assert runner.invoke(cli, ["group", "list", "--json"]).stdout == before


def test_a_postgresql_database_is_backed_up_and_restored(own_postgres, postgres_databases, tmp_path, monkeypatch):
    url = postgres_databases.migrated()
    parts = make_url(url)
    owner, database = str(parts.username), str(parts.database)
    monkeypatch.setenv("PGHOST", str(parts.host or parts.query.get("host")))
    monkeypatch.setenv("PGPORT", str(parts.port or 5432))
    monkeypatch.setenv("PGUSER", owner)

    def put(word: str) -> str:
        word = word.replace("/var/backups/fshunt", str(tmp_path)).replace("--owner=fshunt", f"--owner={owner}")
        return {"fshunt": database, "--dbname=fshunt": f"--dbname={database}"}.get(word, word)

    binaries = find_binaries()
    assert binaries is not None
    runner = office(url)
    run(section("PostgreSQL", restoring=False), put, url, str(binaries.folder))
    before = spoiled(runner)
    run(section("PostgreSQL", restoring=True), put, url, str(binaries.folder))
    assert runner.invoke(cli, ["group", "list", "--json"]).stdout == before
    postgres_databases.drop(url)
