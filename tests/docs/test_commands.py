"""Every command in the documents is one that fshunt has, and what a reader is told to type works."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from click.testing import Result as Ran

from fshunt.cli.main import cli
from fshunt.db.engine import open_store
from fshunt.db.queries import calls
from fshunt.hunting.states import Result
from tests.support.documented_commands import PAGES, Shown, blocks, commands_of, name_of, named, to_type, unknown_in

OTHERS = {
    "FreeSWITCH's": {"fs_cli"},
    "PostgreSQL's": {"psql", "pg_dump", "pg_restore", "createuser", "createdb", "dropuser", "dropdb"},
    "SQLite's": {"sqlite3"},
    "Prometheus's": {"promtool"},
    "systemd's": {"systemctl", "journalctl", "systemd-analyze", "systemd-sysusers", "systemd-tmpfiles"},
    "the system's": {"adduser", "deluser", "chown", "chmod", "install", "editor", "ss"},
    "the shell's": {"cp", "mv", "rm", "ln", "ls", "tar"},
    "the network's": {"curl", "sipp", "ping", "nft"},
    "Debian's": {"apt-get"},
    "the containers'": {"podman", "docker", "openssl", "export"},
    "the repository's": {"make", "python3", "/usr/local/lib/fshunt/bin/pip"},
    "an older version's": {"/usr/local/lib/fshunt-old/bin/pip", "/usr/local/lib/fshunt-old/bin/fshunt"},
}  # fmt: skip
"""Programs of others that the pages show. They are not run here: they need a system, a switch or a server."""

UNTRIED = {
    ("serve",): "runs until it is stopped",
    ("web",): "runs until it is stopped",
    ("demo",): "takes half a minute",
    ("setup",): "needs FreeSWITCH's configuration on this host",
    ("top",): "runs until q",
}
"""Commands of ours that are not run here, with the reason. Their words and options are looked at all the same."""

MAY_FAIL = {("status",): {1, 2}, ("config", "check"): {1}}
"""Exit codes of commands that tell of problems: here no daemon runs, and no switch is configured."""

CALL = "3f2a9c41-5b7e-4c1a-9d2f-1f0e8a6b7c55"
PASSWORD = "correct horse battery staple\n"


@pytest.fixture
def office(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A database with the group 5000 of three members, and a call; the settings of this machine do not count."""
    for name in [name for name in os.environ if name.startswith(("FSHUNT_", "_FSHUNT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("fshunt.settings.loading.DEFAULT_FILE", tmp_path / "no-settings.toml")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc" / "fshunt").mkdir(parents=True)
    (tmp_path / "etc" / "fshunt" / "fshunt.toml").write_text('default_domain = "pbx.example.com"\n')
    day = "BEGIN:VEVENT\r\nSUMMARY:Far\r\nDTSTART;VALUE=DATE:20991225\r\nEND:VEVENT"
    (tmp_path / "holidays.ics").write_text(f"BEGIN:VCALENDAR\r\n{day}\r\nEND:VCALENDAR\r\n")
    office = CliRunner(env={"FSHUNT_DATABASE_URL": sqlite_url, "FSHUNT_DEFAULT_DOMAIN": "pbx.example.com"})
    for line in ("group add 5000 --name Sales --policy circular --voicemail 1005", "member add 5000 1001 1002 1003"):
        assert office.invoke(cli, line.split()).exit_code == 0
    _add_call(sqlite_url)
    return office


def _add_call(url: str) -> None:
    group = {"domain": "pbx.example.com", "pilot": "5000", "group_name": "Sales", "policy": "circular"}
    caller = {"uuid": CALL, "caller_number": "14155550100", "caller_name": None, "node": "pbx-8084"}
    store = open_store(url)
    with store.writing() as session:
        at = datetime.now(UTC)
        calls.open_call(session, "h1", **caller, **group, started_at=at, policy_input=None)
        calls.close_call(session, "h1", result=Result.VOICEMAIL, reason=None, destination=None, ended_at=at)
    store.close()


def inside(folder: Path, word: str) -> str:
    """A path of the pages as a path in the folder, so that nothing of this machine is touched."""
    if not word.startswith(("/etc/", "/var/", "/tmp/")):
        return word
    path = Path(f"{folder}{word}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(path)


def tried(office: CliRunner, shown: Shown, folder: Path) -> Ran | None:
    """Run a command of ours; None: it is one of those that are not run."""
    words = list(shown.words[1:])
    if any(tuple(words[: len(path)]) == path for path in UNTRIED) or "--reload" in words:  # no switch to load it
        return None
    asks_password = tuple(words[:2]) in (("user", "add"), ("user", "passwd"))
    return office.invoke(cli, [inside(folder, word) for word in words], input=PASSWORD if asks_password else None)


def may_fail_with(shown: Shown) -> set[int]:
    return next((codes for path, codes in MAY_FAIL.items() if shown.words[1 : len(path) + 1] == path), set())


@pytest.mark.parametrize("page", [page for page in PAGES if to_type(page)], ids=name_of)
def test_what_a_page_tells_to_type_works(page, office, tmp_path):
    for shown in to_type(page):
        if shown.program != "fshunt":
            assert any(shown.program in names for names in OTHERS.values()), f"{shown}: whose program is it?"
            continue
        assert unknown_in(cli, shown) is None, shown
        result = tried(office, shown, tmp_path)
        if result is not None and result.exit_code not in may_fail_with(shown):
            assert result.exit_code == 0, f"{shown}\n{result.output}"
            assert not isinstance(result.exception, Exception)


def test_the_shell_understands_every_block():
    for page in PAGES:
        for block in blocks(page):
            done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{name_of(page)}: {done.stderr}\n{block}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_a_page_names_exists(page):
    wrong = {str(shown): unknown_in(cli, shown) for shown in named(page)}
    assert {each: why for each, why in wrong.items() if why} == {}


@pytest.mark.parametrize("line", ["fshunt group add 5000 --colour red", "fshunt group paint 5000", "fshunt groups"])
def test_a_command_that_does_not_exist_is_found(line):
    [words] = commands_of(line)
    assert unknown_in(cli, Shown("page", 1, words))


def test_a_line_is_taken_apart_as_the_shell_does():
    line = "$ A=b runuser -u fshunt -- fshunt dialplan > /etc/x.xml && fs_cli -x 'reload xml' | head # both"
    assert commands_of(line) == [("fshunt", "dialplan"), ("fs_cli", "-x", "reload xml"), ("head",)]
