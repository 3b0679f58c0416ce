"""What `fshunt setup` finds: FreeSWITCH's files, the running switch, the settings, the database and the host.

Reading changes nothing. It is read anew after each step, so that each step sees what the one before has done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from fshunt.db import migrate
from fshunt.db.engine import open_store
from fshunt.errors import DatabaseError, FshuntError
from fshunt.esl import api
from fshunt.freeswitch.capacity import calls_now
from fshunt.freeswitch.conf_files import UnreadableConf, extensions_before
from fshunt.freeswitch.dialplan import write_dialplan, write_table_dialplan
from fshunt.freeswitch.dialplan_lookup import Answer, Element, Lookup, find_number, read_context
from fshunt.freeswitch.phones import CommandSender, registration_lists
from fshunt.freeswitch.pilot_table import NoTable, has_row
from fshunt.freeswitch.registrations import registered
from fshunt.freeswitch.release import read_release
from fshunt.hunting.group import Group
from fshunt.services.destination_checks import DEFAULT_CONTEXT
from fshunt.services.setup_files import EventSocketFile
from fshunt.services.switch_checks import ANSWER_SECONDS
from fshunt.settings import LoadedSettings, Settings, WatchedSwitch
from fshunt.settings.secret_file import read_secret
from fshunt.settings.switches import SHIPPED_PASSWORD
from fshunt.settings.values import Address, SettingsError

ANY_PILOT = "5000"
"""A number to see whether there is a table at all."""
OWN_DIALPLAN = "00_fshunt.xml"
MARKS = (b"Written by: fshunt dialplan", b"Written by fshunt dialplan")
"""At the head of what `fshunt dialplan` writes."""
PASSWORD_FILE = "event_socket"  # noqa: S105 (the name of a file)
LOOPBACK = ("127.0.0.1", "::1", "localhost")

Login = Callable[[Address, str], AbstractContextManager[CommandSender]]
"""Connects to an event socket with a password. Raises FshuntError, LoginRefused for the password."""


class LetInBy(Enum):
    """Which password the running FreeSWITCH takes."""

    ITS_FILE = "its file"
    OUR_FILE = "our file"
    SHIPPED = "the one it is shipped with"


@dataclass(frozen=True, slots=True)
class SwitchFacts:
    """The running FreeSWITCH."""

    let_in_by: LetInBy
    version: str | None
    calls: int | None
    phones: frozenset[tuple[str, str]]
    """Who has a phone, (user, domain)."""
    domain: str | None
    """The domain of its variables, where its directory has it."""
    conf: Path | None
    """Where it says that it reads its files."""
    context: Element | None = field(repr=False)
    """The dialplan of the callers, as it is loaded."""
    has_table: bool
    """Whether it can keep a table of pilots (mod_db)."""
    in_table: frozenset[tuple[str, str]]
    """The groups, (domain, pilot), that are in it."""

    def leads(self, group: Group) -> bool:
        """Whether the callers of a group get to fshunt."""
        found = self.lookup(group.pilot)
        return found.controlled and (not found.by_table or (group.domain, group.pilot) in self.in_table)

    def lookup(self, number: str) -> Lookup:
        """What the loaded dialplan does with a number."""
        return Lookup(Answer.UNKNOWN) if self.context is None else find_number(self.context, number)


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """The settings file, and what is set, as far as it can be read."""

    file: Path
    content: bytes | None = field(repr=False)
    """None: there is no file."""
    loaded: LoadedSettings | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """Whether the database can be used, and its groups; ``problem``: it can neither be used nor made."""

    ok: bool
    sentence: str
    problem: bool = False
    identity: str | None = None
    groups: tuple[Group, ...] = ()
    several_domains: bool = False


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Who runs this, and what the host has."""

    user: str
    is_root: bool
    has_user: bool
    """Whether there is a user fshunt."""
    group_id: int | None
    """Of the group fshunt; None: there is none, or this user may not give files to it."""
    systemd: bool
    has_unit: bool
    is_usual: bool
    """Whether the settings file is the usual one, and so the installation is that of the host."""


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """Whether a daemon answers where the settings have it listen; ``problem``: it could not listen there."""

    running: bool
    problem: str = ""
    database_id: str | None = None


@dataclass(frozen=True, slots=True)
class DialplanFacts:
    """Our file in FreeSWITCH's dialplan, and what stands before it."""

    context: str
    folder: Path
    file: Path
    content: bytes | None = field(repr=False)
    before: frozenset[str] = frozenset()
    """The names of the extensions that are tried before any file of the folder."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was found."""

    conf: Path
    socket: EventSocketFile
    switch: SwitchFacts | None
    silence: str
    """Why the switch could not be asked."""
    refused: bool
    """Whether it refuses each password that is known."""
    settings: SettingsFacts
    watched: WatchedSwitch | None
    """This FreeSWITCH among the switches of the settings."""
    password_file: Path
    kept: str | None = field(repr=False)
    """The password in our file; None: there is none."""
    database: DatabaseFacts
    host: HostFacts
    daemon: DaemonFacts
    dialplan: DialplanFacts

    @property
    def set(self) -> Settings:
        """The settings, which a step needs that is done after they could be read."""
        assert self.settings.loaded is not None
        return self.settings.loaded.settings

    def dialplans(self) -> tuple[bytes, ...]:
        """The files that would lead all callers here, the best one first."""
        controllers, profile = [str(address) for address in self.set.controllers], self.set.voicemail_profile
        of_groups = write_dialplan(
            self.database.groups,
            controllers=controllers,
            voicemail_profile=profile,
            fallback_box=self.set.fallback_box,
            several_domains=self.database.several_domains,
        ).encode()
        if self.switch is None or not self.switch.has_table:
            return (of_groups,)
        return write_table_dialplan(controllers=controllers, voicemail_profile=profile).encode(), of_groups


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


def is_ours(content: bytes) -> bool:
    """Whether `fshunt dialplan` has written a file."""
    return any(mark in content for mark in MARKS)


@dataclass(frozen=True, slots=True)
class Questions:
    """What the switch is asked about: the context of the callers, and the groups that there are."""

    context: str
    groups: Sequence[Group]


def look_at_switch(
    socket: EventSocketFile, kept: str | None, asked: Questions, login: Login, refusal: type[FshuntError]
) -> tuple[SwitchFacts | None, str, bool]:
    """Ask the running FreeSWITCH; return what it says, or why it could not be asked, and whether it was a password."""
    passwords = {socket.password: LetInBy.ITS_FILE}
    passwords.setdefault(SHIPPED_PASSWORD, LetInBy.SHIPPED)
    if kept is not None:
        passwords.setdefault(kept, LetInBy.OUR_FILE)
    silence = ""
    for password, whose in passwords.items():
        try:
            with login(socket.address, password) as line:
                return _ask(line, whose, asked), "", False
        except refusal as error:
            silence = str(error)
        except FshuntError as error:
            return None, str(error), False
    return None, silence, "password" in silence


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
        Path(conf) if conf.startswith("/") else None,
        read_context(dialplan),
        in_table is not None,
        in_table or frozenset(),
    )


def _table(line: CommandSender, groups: Sequence[Group]) -> frozenset[tuple[str, str]] | None:
    try:
        has_row(line, ANY_PILOT)
        return frozenset((each.domain, each.pilot) for each in groups if has_row(line, each.pilot, each.domain))
    except NoTable:
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
    return DialplanFacts(name, folder, ours, _content(ours), _before(conf / "dialplan" / f"{name}.xml", name))


def _before(file: Path, context: str) -> frozenset[str]:
    content = _content(file)
    try:
        return frozenset() if content is None else extensions_before(content, f"{context}/*.xml")
    except UnreadableConf:
        return frozenset()


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
