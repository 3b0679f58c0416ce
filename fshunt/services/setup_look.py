"""Looks at what `fshunt setup` needs to know: the running switch, the database, the dialplan's files."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fshunt.db import migrate
from fshunt.db.engine import open_store
from fshunt.db.sqlite_file import sqlite_path
from fshunt.errors import DatabaseError, FshuntError
from fshunt.esl import api
from fshunt.esl.inbound import AddressRefused, LoginRefused
from fshunt.freeswitch.capacity import calls_now
from fshunt.freeswitch.conf_files import UnreadableConf, extensions_before, includes
from fshunt.freeswitch.dialplan_lookup import read_context
from fshunt.freeswitch.phones import CommandSender, registration_lists
from fshunt.freeswitch.pilot_table import NoTable, has_row, owner_of_table
from fshunt.freeswitch.registrations import NoSofia, registered
from fshunt.freeswitch.release import read_release
from fshunt.hunting.group import Group
from fshunt.services.destination_checks import DEFAULT_CONTEXT
from fshunt.services.setup_facts import (
    DatabaseFacts,
    DialplanFacts,
    FsCliFacts,
    LetInBy,
    Login,
    Silence,
    SwitchFacts,
    is_ours,
)
from fshunt.services.setup_files import EventSocketFile
from fshunt.services.switch_checks import ANSWER_SECONDS
from fshunt.settings import Settings, WatchedSwitch
from fshunt.settings.secret_file import read_secret
from fshunt.settings.switches import SHIPPED_PASSWORD
from fshunt.settings.values import Address, SettingsError

ANY_PILOT = "5000"
"""A number to see whether there is a table at all."""
OWN_DIALPLAN = "00_fshunt.xml"
FS_CLI_FILE = Path("/etc/fs_cli.conf")
OWN_FS_CLI_FILE = ".fs_cli_conf"
"""In the home folder of a user; where it is there, that of the host is not read."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def watched_among(settings: Settings, address: Address) -> WatchedSwitch | None:
    """Return the switch of the settings that listens there."""
    for switch in settings.switch:
        if switch.port == address.port and {switch.host, address.host} <= {*LOOPBACK}:
            return switch
        if (switch.host, switch.port) == address:
            return switch
    return None


def kept_password(file: Path) -> str | None:
    """Return the password in our file; None: the file is missing, empty or has something else."""
    try:
        return read_secret(file, "the event socket's password")
    except SettingsError:
        return None


@dataclass(frozen=True, slots=True)
class Questions:
    """What the switch is asked about: its folder, the context of the callers, and the groups that there are."""

    conf: Path
    context: str
    groups: Sequence[Group]


def look_at_switch(
    socket: EventSocketFile, kept: str | None, asked: Questions, login: Login
) -> tuple[SwitchFacts | None, Silence | None]:
    """Ask the running FreeSWITCH; return what it says, or why it could not be asked."""
    passwords = {socket.password: LetInBy.ITS_FILE}
    passwords.setdefault(SHIPPED_PASSWORD, LetInBy.SHIPPED)
    if kept is not None:
        passwords.setdefault(kept, LetInBy.OUR_FILE)
    silence = None
    for password, whose in passwords.items():
        try:
            with login(socket.address, password) as line:
                return _ask(line, whose, asked), None
        except AddressRefused as error:
            return None, Silence(str(error), wrong_address=True)
        except LoginRefused as error:
            silence = Silence(str(error), wrong_password=True)
        except NoSofia as error:
            return None, Silence(str(error), runs=True)
        except FshuntError as error:
            return None, Silence(str(error))
    return None, silence


def _ask(line: CommandSender, whose: LetInBy, asked: Questions) -> SwitchFacts:
    questions = [
        api.version(),
        api.count_calls(),
        api.global_variable("domain"),
        api.global_variable("conf_dir"),
        api.dialplan_context(asked.context),
    ]
    said, calls, domain, conf, dialplan = (
        frame.reply_text.strip() for frame in line.send_all(questions, ANSWER_SECONDS)
    )
    release, in_table = read_release(said), _table(line, asked.groups)
    return SwitchFacts(
        whose,
        None if release is None else str(release),
        calls_now(calls),
        registered(registration_lists(line)),
        _known_domain(line, domain),
        _elsewhere(conf, asked.conf),
        read_context(dialplan),
        in_table is not None,
        in_table or frozenset(),
        owner_of_table(line) if in_table is not None else None,
    )


def _table(line: CommandSender, groups: Sequence[Group]) -> frozenset[tuple[str, str]] | None:
    try:
        has_row(line, ANY_PILOT)
        return frozenset((each.domain, each.pilot) for each in groups if has_row(line, each.pilot, each.domain))
    except NoTable:
        return None


def _elsewhere(told: str, conf: Path) -> Path | None:
    other = Path(told)
    try:
        return None if not told.startswith("/") or other.samefile(conf) else other
    except OSError:  # it is not on this host's disk, as for a FreeSWITCH in a container
        return None


def _known_domain(line: CommandSender, domain: str) -> str | None:
    if not domain or domain.startswith("-") or " " in domain:
        return None
    (frame,) = line.send_all([api.domain_exists(domain)], ANSWER_SECONDS)
    return domain if frame.reply_text.strip() == "true" else None


def look_at_database(url: str) -> DatabaseFacts:
    """Whether the database can be used, and what is in it."""
    try:
        if migrate.is_missing(url):
            return DatabaseFacts(False, "There is no database yet.")
        status = migrate.check(url)
    except DatabaseError as error:
        return DatabaseFacts(False, str(error), problem=True)
    if not status.ok:
        return DatabaseFacts(False, status.sentence, problem=status.newer)
    try:
        groups, domains = _groups(url)
    except FshuntError as error:
        return DatabaseFacts(False, str(error), problem=True)
    return DatabaseFacts(True, status.sentence, False, status.database_id, groups, domains > 1)


def _groups(url: str) -> tuple[tuple[Group, ...], int]:
    from fshunt.db.queries.rows import domain_names
    from fshunt.services.groups import list_groups

    store = open_store(url)
    try:
        with store.reading() as session:
            domains = domain_names(session)
            return tuple(group for domain in domains for group in list_groups(session, domain)), len(domains)
    finally:
        store.close()


def look_at_dialplan(conf: Path, context: str | None) -> DialplanFacts:
    """Find our file in a context's folder, and what stands before the folder."""
    name = context or DEFAULT_CONTEXT
    folder = conf / "dialplan" / name
    ours = folder / OWN_DIALPLAN
    for file in sorted(folder.glob("*.xml")):
        content = _content(file)
        if content is not None and is_ours(content):
            ours = file
            break
    file, included = conf / "dialplan" / f"{name}.xml", f"{name}/*.xml"
    content = _content(file)
    try:
        before = frozenset[str]() if content is None else extensions_before(content, included)
        lacks = content is not None and not includes(content, included)
    except UnreadableConf:
        before, lacks = frozenset(), False
    return DialplanFacts(name, folder, ours, _content(ours), before, file if lacks else None, folder.is_dir())


def look_at_fs_cli(home: str | None, of_host: Path = FS_CLI_FILE) -> FsCliFacts:
    """Find the file that `fs_cli` of the user with this home folder reads: its own one, else that of the host."""
    own = None if home is None else Path(home) / OWN_FS_CLI_FILE
    file = of_host if own is None or not own.exists() else own
    return FsCliFacts(file, _content(file))


def not_owned(database_url: str, uid: int) -> tuple[Path, ...]:
    """Return the files of an SQLite database that belong to another user."""
    file = sqlite_path(database_url)
    files = [] if file is None else [Path(f"{file}{suffix}") for suffix in ("", "-wal", "-shm")]
    return tuple(each for each in files if each.exists() and each.stat().st_uid != uid)


def is_hidden(file: Path, uid: int, gid: int) -> bool:
    """Whether a user with one group cannot read a file, which is there."""
    try:
        status = file.stat()
    except OSError:
        return False
    if status.st_uid == uid:
        return not status.st_mode & stat.S_IRUSR
    return not status.st_mode & (stat.S_IRGRP if status.st_gid == gid else stat.S_IROTH)


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
