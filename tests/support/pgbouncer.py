"""A real PgBouncer before the PostgreSQL server of the tests, in the mode that a test wants."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from tests.support.ports import held_port, number_of
from tests.support.postgres import unprivileged_user

START_SECONDS = 30.0


def find_pgbouncer() -> str | None:
    """Its program, which Debian has in a folder of root's."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def pgbouncer(server: URL, mode: str, pool_size: int = 20) -> Iterator[URL]:
    """Yield the URL of a database through a pooler in this ``pool_mode``; skips where there is no PgBouncer."""
    program = find_pgbouncer()
    if program is None:
        pytest.skip("no PgBouncer: apt-get install pgbouncer")
    folder = Path(tempfile.mkdtemp(prefix="fshunt-pgbouncer-", dir="/tmp"))
    held = held_port()
    port = number_of(held)
    host = server.query.get("host") or server.host or "127.0.0.1"
    where = f"host={host} port={server.port or 5432} user={server.username or 'postgres'}"
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = {where}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {pool_size}\n"
    )
    user = unprivileged_user()
    as_user = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    folder.chmod(0o755)
    with (folder / "log").open("wb") as log:
        command = [program, str(folder / "pgbouncer.ini")]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **as_user)
    try:
        _wait_until_up(process, port, folder / "log")
        yield URL.create("postgresql", username="postgres", host="127.0.0.1", port=port, database=server.database)
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        process.kill()
        process.wait()
        held.close()
        shutil.rmtree(folder, ignore_errors=True)


def through(url: str, mode: str, pool_size: int = 20) -> AbstractContextManager[URL]:
    """The same for the URL of a database of the tests."""
    return pgbouncer(make_url(url), mode, pool_size)


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"PgBouncer does not start: {log.read_text(errors='replace')}")
