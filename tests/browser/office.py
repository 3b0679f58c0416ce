"""The office as a test sees it: its pages' address, who may sign in, calls to its groups, and its database."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fshunt.db.engine import open_store
from fshunt.db.queries import callbacks
from fshunt.db.queries.callbacks import Wanted
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.callbacks import CallbackState
from fshunt.hunting.ringtime import RingTime
from fshunt.services import accounts, boards, groups, members
from fshunt.simulator.scenarios.workday import DOMAIN

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 30.0


class Office:
    """The client of an office's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._pilots, self._boards, self._tickets = itertools.count(5300), itertools.count(1), itertools.count(-1000)
        said = self._read()
        self.address: str = said["address"]
        self.accounts: dict[str, tuple[str, str]] = said["accounts"]
        """Name and password of each role."""
        self.store = open_store(said["database_url"])

    def call(self, pilot: str, **phones: str) -> dict[str, Any]:
        """Let somebody call, with phones (``x1001="answers"``) that do this; return how the call ended."""
        ended = self._ask({"pilot": pilot, "phones": _by_extension(phones)})
        assert ended["ended"], "the call has not ended"
        return ended

    @contextmanager
    def caller(self, pilot: str, **phones: str) -> Iterator[None]:
        """Let somebody call, and stay until the block ends."""
        uuid = self._ask({"pilot": pilot, "phones": _by_extension(phones), "stays": True})["uuid"]
        try:
            yield
        finally:
            assert self._ask({"hangs_up": uuid})["ended"], "the call has not ended"

    def begin_workday(self) -> None:
        """Let callers come by chance from now on."""
        self._ask({"workday": True})

    def group(self, *extensions: str, **fields: Any) -> str:
        """Make a group of a test's own, which the administrator looks after; return its pilot."""
        pilot = str(next(self._pilots))
        fields = {"ring_time": RingTime(seconds=1), "voicemail": "1001", **fields}
        with self.store.writing() as s:
            groups.add_group(s, DOMAIN, pilot, name=f"Test {pilot}", **fields)
            members.add_members(s, DOMAIN, pilot, [parse_member(each) for each in extensions], shared=True)
            accounts.grant(s, self.accounts["admin"][0], DOMAIN, pilot)
        return pilot

    def board(self, pilot: str) -> str:
        """Make a board of a group; return the path of its page."""
        with self.store.writing() as s:
            _, secret = boards.add_board(s, DOMAIN, pilot, f"Screen {next(self._boards)}")
        return f"{boards.PATH}{secret}"

    def ask_back(self, pilot: str, number: str, name: str) -> None:
        """Have a caller wait to be called back whom nobody has reached at the first try; no daemon tries again yet."""
        with self.store.writing() as s:
            group = groups.get_group(s, DOMAIN, pilot)
            wanted = Wanted(group.id, number, name, True, "default", "default", "office", number, next(self._tickets))
            now = datetime.now(UTC)
            assert callbacks.request(s, wanted, now)
            asked = next(each for each in callbacks.open_requests_of(s, group.id) if each.number == number)
            assert callbacks.begin(s, asked.id, number, run_id="office", switch="office")
            assert callbacks.dial(s, asked.id, number)
            calling = CallbackState.CALLING_CALLER
            assert callbacks.put_back(s, asked.id, number, calling, now + timedelta(hours=1))

    def revoke_boards(self, pilot: str) -> None:
        """End all boards of a group."""
        with self.store.writing() as s:
            group = groups.get_group(s, DOMAIN, pilot)
            for board in boards.list_boards(s, group_ids=[group.id]):
                boards.revoke_board(s, board.id)

    def members(self, pilot: str) -> list[str]:
        """Return the members of a group in order, as the database has them."""
        with self.store.reading() as s:
            return [member.extension for member in groups.get_group(s, DOMAIN, pilot).members]

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the office's process has ended"
        said: dict[str, Any] = json.loads(line)
        return said


def _by_extension(phones: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix("x"): does for name, does in phones.items()}


@contextmanager
def running_office() -> Iterator[Office]:
    """Start an office, and end it afterwards."""
    command = [sys.executable, "-m", "tests.browser.office_process"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        office = Office(process)
        try:
            yield office
        finally:
            office.store.close()
            assert process.stdin is not None
            process.stdin.close()
            process.wait(STOP_SECONDS)
