"""What root does at the command line leaves nothing that the daemon cannot use."""

from __future__ import annotations

import os
import pwd
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

NOBODY = "nobody"


@pytest.fixture(scope="session")
def other_users_can_run_it() -> None:
    """Skip where root cannot have another user run this program."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    tried = [sys.executable, "-c", "import os; os.setuid(65534); import sqlalchemy, wave"]
    if subprocess.run(tried, capture_output=True, check=False, timeout=60).returncode:
        pytest.skip("Python is in a folder that other users may not enter")


needs_root = pytest.mark.usefixtures("other_users_can_run_it")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a database, which belongs to another user, and is reached by everybody."""
    made = tmp_path / "state"
    made.mkdir()
    if os.getuid() == 0:
        user = pwd.getpwnam(NOBODY)
        os.chown(made, user.pw_uid, user.pw_gid)
    for each in (tmp_path, *tmp_path.parents):
        if each.owner() == pwd.getpwuid(os.getuid()).pw_name and each != Path("/") and each != Path("/tmp"):
            each.chmod(each.stat().st_mode | 0o011)
    made.chmod(0o2770)
    return made


@pytest.fixture
def run(folder: Path) -> Run:
    def run(*words: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
        environ = os.environ | {"FSHUNT_DATABASE_URL": f"sqlite:///{folder}/fshunt.db", "FSHUNT_CONFIG": os.devnull}
        return subprocess.run(
            [sys.executable, "-m", "fshunt", *words],
            env=environ,
            capture_output=True,
            text=True,
            umask=umask,
            timeout=60,
            check=False,
        )

    return run


def owners(folder: Path) -> dict[str, str]:
    return {each.name: each.owner() for each in folder.iterdir()}


@needs_root
def test_what_root_makes_belongs_to_the_owner_of_the_folder_and_is_for_its_group(run: Run, folder: Path) -> None:
    assert run("db", "upgrade", umask=0o077).returncode == 0
    assert owners(folder) == {"fshunt.db": NOBODY}
    made = (folder / "fshunt.db").stat()
    assert made.st_mode & 0o777 == 0o660
    assert made.st_gid == folder.stat().st_gid
    with sqlite3.connect(folder / "fshunt.db") as reader:  # while it reads, the log lies beside the file
        assert reader.execute("SELECT count(*) FROM groups").fetchone() == (0,)
        assert run("group", "add", "5000", "--domain", "pbx.test").returncode == 0
        assert {"fshunt.db-wal", "fshunt.db-shm"} <= owners(folder).keys()
    reader.close()


@needs_root
def test_root_is_in_the_audit_and_may_write_files_where_the_owner_may_not(run: Run, tmp_path: Path) -> None:
    assert run("db", "upgrade").returncode == 0
    assert run("group", "add", "5000", "--domain", "pbx.test").returncode == 0
    assert " root " in run("history").stdout
    out = tmp_path / "conf" / "fshunt.xml"
    out.parent.mkdir(mode=0o755)
    assert run("dialplan", "--out", str(out)).returncode == 0
    assert out.owner() == "root"


@needs_root
def test_another_user_can_be_named(run: Run, folder: Path) -> None:
    assert run("db", "upgrade", "--as", "root").returncode == 0
    assert owners(folder) == {"fshunt.db": "root"}
    refused = run("group", "list", "--as", NOBODY)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "cannot be" in refused.stderr


def test_a_user_who_is_not_there_is_told(run: Run) -> None:
    told = run("group", "list", "--as", "nobody-knows")
    assert (told.returncode, told.stderr) == (2, "Error: There is no user 'nobody-knows' on this machine.\n")


@needs_root
def test_who_is_not_root_becomes_nobody_else() -> None:
    code = "import os; os.setuid(65534); from fshunt.process import run_as; run_as.become(run_as.named('daemon'))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "Only root can become daemon: leave --as out, or run the command by `sudo`." in told.stderr


@needs_root
def test_as_root_comes_back(tmp_path: Path) -> None:
    code = (
        "import os; from fshunt.process import run_as; run_as.become(run_as.named('nobody'))\n"
        "before = os.geteuid(), os.getegid(), os.getgroups()\n"
        "with run_as.as_root(): print(os.geteuid(), os.getegid(), os.getgroups())\n"
        "print(before == (os.geteuid(), os.getegid(), os.getgroups()), before[0] != 0)\n"
        "run_as.become(run_as.named('nobody'), for_good=True)\n"
        "try: os.seteuid(0)\n"
        "except PermissionError: print('for good')\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.splitlines() == ["0 0 [0]", "True True", "for good"]
