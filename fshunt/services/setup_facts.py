"""What `fshunt setup` finds: FreeSWITCH's files, the running switch, the settings, the database and the host.

Reading changes nothing. It is read anew after each step, so that each step sees what the one before has done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from fshunt.freeswitch.dialplan import write_dialplan, write_table_dialplan
from fshunt.freeswitch.dialplan_lookup import Answer, Element, Lookup, find_number
from fshunt.freeswitch.phones import CommandSender
from fshunt.hunting.group import Group
from fshunt.services.setup_files import EventSocketFile
from fshunt.settings import LoadedSettings, Settings, WatchedSwitch
from fshunt.settings.values import Address

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
    """Where it says that it reads its files, if that is another folder than was found."""
    context: Element | None = field(repr=False)
    """The dialplan of the callers, as it is loaded."""
    has_table: bool
    """Whether it can keep a table of pilots (mod_db)."""
    in_table: frozenset[tuple[str, str]]
    """The groups, (domain, pilot), that are in it."""
    table_owner: str | None = None
    """The id of the database whose groups these are; None: it has no rows yet."""

    def leads(self, group: Group) -> bool:
        """Whether the callers of a group get to fshunt."""
        found = self.lookup(group.pilot)
        return found.controlled and (not found.by_table or (group.domain, group.pilot) in self.in_table)

    def lookup(self, number: str) -> Lookup:
        """What the loaded dialplan does with a number."""
        return Lookup(Answer.UNKNOWN) if self.context is None else find_number(self.context, number)


@dataclass(frozen=True, slots=True)
class Silence:
    """Why the switch could not be asked: a sentence, and whether it refused our passwords, or our address."""

    sentence: str
    wrong_password: bool = False
    wrong_address: bool = False
    runs: bool = False
    """Whether it answered, and lacks what is needed; the sentence has the mend."""


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
    not_ours: tuple[Path, ...]
    """Files of the database that belong to another user than fshunt, whom the daemon runs as."""
    secret_is_hidden: bool
    """Whether the user fshunt cannot read our password file."""
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
    context_file: Path | None = None
    """The file of the context, if it does not include those of the folder."""
    has_folder: bool = True
    """Whether the folder is there: a step may run as a user who cannot look into FreeSWITCH's files."""


@dataclass(frozen=True, slots=True)
class FsCliFacts:
    """The file of `fs_cli`, from which it has host, port and password of the event socket."""

    file: Path
    content: bytes | None = field(repr=False)
    """None: there is no file."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was found."""

    conf: Path
    socket: EventSocketFile
    switch: SwitchFacts | None
    silence: Silence | None
    """Why the switch could not be asked."""
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
    fs_cli: FsCliFacts | None = None
    """None: this run has nothing to do with it, since its settings are not those of the host."""

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
            codes=self.set.codes,
            several_domains=self.database.several_domains,
        ).encode()
        if self.switch is None or not self.switch.has_table:
            return (of_groups,)
        of_table = write_table_dialplan(controllers=controllers, voicemail_profile=profile, codes=self.set.codes)
        return of_table.encode(), of_groups


def is_ours(content: bytes) -> bool:
    """Whether `fshunt dialplan` has written a file."""
    return any(mark in content for mark in MARKS)
