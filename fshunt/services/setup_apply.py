"""Does the steps of `fshunt setup`: files, programs, the switch, the database. Each can be done again."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from fshunt.db import migrate
from fshunt.db.sqlite_file import sqlite_path
from fshunt.errors import FshuntError
from fshunt.esl import api
from fshunt.freeswitch.pilot_table import OthersTable
from fshunt.hunting.addresses import parse_member
from fshunt.services import groups, members, pilot_tables
from fshunt.services.setup_facts import Facts, LetInBy, Login
from fshunt.services.setup_steps import (
    OPEN_MODE,
    SECRET_MODE,
    SHARED_SECRET_MODE,
    USER,
    Action,
    AddGroup,
    Do,
    Run,
    WriteFile,
)
from fshunt.services.switch_checks import ANSWER_SECONDS
from fshunt.services.whole_files import copy_beside, write_whole
from fshunt.settings.switches import SHIPPED_PASSWORD

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

RELOAD_TRIES = 50
RELOAD_WAIT_SECONDS = 0.1
"""FreeSWITCH takes some hundredths of a second to load its event socket anew, and tells nobody when it has."""
RELOADED = "+OK [Success]"
"""An error in a file is told after "+OK", too."""
FOLDER_MODE = 0o750
HOME_MODE = 0o2770
"""As the units have it: members of the group fshunt administer."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What changes the host; tests give others."""

    run: Callable[[Sequence[str]], None]
    """Runs a program. Raises FshuntError."""
    login: Login
    become_owner: Callable[[], None]
    """Has root's program act as the user who owns the database, or its folder. Raises FshuntError."""
    writing: Callable[[], AbstractContextManager[Session]]
    """A transaction of the database."""
    reading: Callable[[], AbstractContextManager[Session]]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]


def apply(actions: Sequence[Action], facts: Facts, hands: Hands) -> Iterator[str]:
    """Do what a step says, and yield what is worth to be known of it. Raises FshuntError; then the rest is not done."""
    for action in actions:
        match action:
            case WriteFile():
                yield from _write(action, facts, hands.now())
            case Run():
                hands.run(action.words)
            case AddGroup():
                _add_group(action, hands)
            case Do.UPGRADE_DATABASE:
                _upgrade(facts, hands)
            case Do.RELOAD_XML:
                _reload_xml(facts, hands)
            case Do.FILL_TABLE:
                _fill_table(facts, hands)
            case Do.RELOAD_EVENT_SOCKET:
                _reload_event_socket(facts, hands)
            case Do.CALL:
                pass  # the command line places it, which shows how it goes
            case _:
                assert_never(action)


def _write(action: WriteFile, facts: Facts, now: datetime) -> Iterator[str]:
    group_id = facts.host.group_id
    _make_folder(action.path.parent, group_id)
    mode = action.mode or OPEN_MODE
    if action.secret:
        mode = SECRET_MODE if group_id is None else SHARED_SECRET_MODE
    if (copy := copy_beside(action.path, now)) is not None:
        kept = action.path.stat().st_mode & 0o7777
        mode = kept & ~0o007 if action.secret else kept
        yield f"A copy of what was there is {copy}."
    write_whole(action.path, action.content, mode, group_id if action.secret else None)


def _make_folder(folder: Path, group_id: int | None) -> None:
    if folder.is_dir():
        return
    try:
        folder.mkdir(FOLDER_MODE, parents=True)
        if group_id is not None:
            os.chown(folder, -1, group_id)
    except OSError as error:
        raise FshuntError(f"The folder {folder} cannot be made: {error.strerror}.") from None


def _add_group(action: AddGroup, hands: Hands) -> None:
    with hands.writing() as session:
        groups.add_group(session, action.domain, action.pilot)
        members.add_members(session, action.domain, action.pilot, [parse_member(each) for each in action.members])


def _upgrade(facts: Facts, hands: Hands) -> None:
    url = facts.set.database_url
    file = sqlite_path(url)
    if file is not None and facts.host.is_root and facts.host.is_usual:
        _make_home(Path(file).parent)
    hands.become_owner()
    migrate.upgrade(url)


def _make_home(folder: Path) -> None:
    """Make the folder of the SQLite file for the daemon's user, who makes the file."""
    if folder.is_dir():
        return
    try:
        owner = pwd.getpwnam(USER)
        folder.mkdir(parents=True)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        folder.chmod(HOME_MODE)
    except KeyError:
        raise FshuntError(f"There is no user {USER}, to whom the database should belong.") from None
    except OSError as error:
        raise FshuntError(f"The folder {folder} cannot be made: {error.strerror}.") from None


def _reload_xml(facts: Facts, hands: Hands) -> None:
    with hands.login(facts.socket.address, password_now(facts)) as line:
        (frame,) = line.send_all([api.reload_xml()], ANSWER_SECONDS)
    if frame.reply_text.strip() != RELOADED:
        said = " ".join(frame.reply_text.split())[:200]
        raise FshuntError(f"FreeSWITCH did not load its files: {said}")


def _fill_table(facts: Facts, hands: Hands) -> None:
    """Have the switch know the pilots at once; a daemon that watches it does the same within seconds."""
    assert facts.watched is not None
    with hands.reading() as session:
        owner, rows = pilot_tables.owner_of(session), pilot_tables.rows_now(session, facts.set)
    try:
        pilot_tables.write_all([facts.watched], owner, rows)
    except OthersTable as error:
        raise FshuntError(f"{facts.watched.name}: {error} Run `fshunt dialplan --table --reload` to take it.") from None


def _reload_event_socket(facts: Facts, hands: Hands) -> None:
    """Have it take the password of its file; that it did is seen by a login."""
    with hands.login(facts.socket.address, password_now(facts)) as line:
        line.send_all([api.reload_event_socket()], ANSWER_SECONDS)
    for _ in range(RELOAD_TRIES):
        try:
            with hands.login(facts.socket.address, facts.socket.password):
                return
        except FshuntError:
            hands.sleep(RELOAD_WAIT_SECONDS)
    raise FshuntError(
        "FreeSWITCH has not taken the new password: it does not while a daemon has a call. Run `fshunt setup` again "
        "when that call is over, or restart FreeSWITCH while no call is up."
    )


def password_now(facts: Facts) -> str:
    """The password that the running FreeSWITCH takes."""
    assert facts.switch is not None
    of = {LetInBy.ITS_FILE: facts.socket.password, LetInBy.SHIPPED: SHIPPED_PASSWORD}
    return of.get(facts.switch.let_in_by) or facts.kept or ""
