"""What `fshunt setup` knows of this host, and how it changes it: users, systemd, sockets, programs."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fshunt.cli.app import App
from fshunt.cli.checks import check_listen
from fshunt.cli.checks_at_switches import GREETING, GREETING_SECONDS
from fshunt.cli.running import health_at
from fshunt.errors import FshuntError
from fshunt.esl.inbound import Inbound
from fshunt.process.run_as import as_root
from fshunt.services import setup_facts, setup_files, setup_look
from fshunt.services.setup_apply import Hands
from fshunt.services.setup_look import is_hidden, not_owned
from fshunt.services.setup_steps import USER
from fshunt.services.switch_checks import CONNECT_SECONDS
from fshunt.settings import Address, Settings, loading
from fshunt.settings.values import SettingsError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.services.setup_facts import DaemonFacts, Facts, HostFacts, SettingsFacts

SYSTEMD_RUNS = Path("/run/systemd/system")
UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
NO_FILE = "/dev/null"
"""A settings file that is there and sets nothing."""
PROGRAM_SECONDS = 60


class Host:
    """This host; ``app`` says which settings file is meant."""

    def __init__(self, app: App, prefix: Path | None, conf: Path | None) -> None:
        self.conf = setup_files.find_conf(prefix, conf)
        self.as_user = app.as_user
        named = app.config or os.environ.get("FSHUNT_CONFIG")
        self.file = Path(named).absolute() if named else loading.DEFAULT_FILE

    def look(self) -> Facts:
        """Find out how all is now. Raises FshuntError where FreeSWITCH's files cannot be read."""
        with as_root():
            return self._look()

    def _look(self) -> Facts:
        event_socket = setup_files.read_event_socket(self.conf)
        settings = self._settings()
        known = None if settings.loaded is None else settings.loaded.settings
        watched = None if known is None else setup_look.watched_among(known, event_socket.address)
        file = self.file.parent / setup_facts.PASSWORD_FILE if watched is None else watched.password_file
        kept = setup_look.kept_password(file)
        dialplan = setup_look.look_at_dialplan(self.conf, known.transfer_context if known else None)
        database = setup_facts.DatabaseFacts(False, settings.problem, problem=True)
        if known is not None:
            database = setup_look.look_at_database(known.database_url)
        is_usual = self.file == loading.DEFAULT_FILE
        asked = setup_look.Questions(self.conf, dialplan.context, database.groups)
        switch, silence = setup_look.look_at_switch(event_socket, kept, asked, login)
        return setup_facts.Facts(
            conf=self.conf,
            socket=event_socket,
            switch=switch,
            silence=silence,
            settings=settings,
            watched=watched,
            password_file=file,
            kept=kept,
            database=database,
            host=_host(is_usual, known, file),
            daemon=setup_facts.DaemonFacts(False) if known is None else look_for_daemon(known),
            dialplan=dialplan,
            fs_cli=setup_look.look_at_fs_cli(os.environ.get("HOME")) if is_usual and os.geteuid() == 0 else None,
        )

    def app(self) -> App:
        """The command line on the settings as they are now."""
        made = App()
        made.config, made.as_user = str(self.file) if self.file.exists() else NO_FILE, self.as_user
        return made

    def hands(self) -> Hands:
        """What changes this host."""
        return Hands(
            run=run_program,
            login=login,
            become_owner=self._become_owner,
            writing=self._writing,
            reading=self._reading,
            now=datetime.now,
            sleep=time.sleep,
        )

    def _become_owner(self) -> None:
        self.app().become_owner()

    def _writing(self) -> AbstractContextManager[Session]:
        return self.app().writing_all()

    def _reading(self) -> AbstractContextManager[Session]:
        return self.app().store.reading()

    def _settings(self) -> SettingsFacts:
        try:
            content = self.file.read_bytes() if self.file.exists() else None
            return setup_facts.SettingsFacts(
                self.file, content, loading.load(NO_FILE if content is None else self.file)
            )
        except SettingsError as error:
            return setup_facts.SettingsFacts(self.file, None, None, str(error))
        except OSError as error:
            return setup_facts.SettingsFacts(self.file, None, None, f"{self.file} cannot be read: {error.strerror}.")


@contextmanager
def login(address: Address, password: str) -> Iterator[Inbound]:
    """A connection to an event socket. Raises FshuntError."""
    inbound = Inbound.connect(address.host, address.port, password, CONNECT_SECONDS)
    with closing(inbound):
        yield inbound


def run_program(words: Sequence[str]) -> None:
    """Run a program and wait for it; raise FshuntError, with the last that it said, if it fails."""
    try:
        done = subprocess.run(  # noqa: S603 (the words are those of the plan)
            words, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FshuntError(f"`{' '.join(words)}` did not run: {error}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise FshuntError(f"`{' '.join(words)}` failed: {said}")


def look_for_daemon(settings: Settings) -> DaemonFacts:
    """Whether a daemon answers where these settings have it listen, or why none could listen there."""
    if not _greets(settings.listen.reachable()):
        found = check_listen(settings)
        return setup_facts.DaemonFacts(False, "" if found.ok else found.message)
    health = health_at(settings.http_listen) if settings.http_listen is not None else None
    return setup_facts.DaemonFacts(True, database_id=((health or {}).get("database") or {}).get("id"))


def _greets(address: Address) -> bool:
    try:
        with socket.create_connection(address, timeout=GREETING_SECONDS) as connection:
            return connection.recv(len(GREETING)) == GREETING
    except OSError:
        return False


def _host(is_usual: bool, settings: Settings | None, password_file: Path) -> HostFacts:
    is_root = os.geteuid() == 0
    daemon = _user() if is_root and is_usual else None
    return setup_facts.HostFacts(
        user=_name(),
        is_root=is_root,
        has_user=_user() is not None,
        group_id=None if daemon is None else daemon.pw_gid,
        systemd=SYSTEMD_RUNS.is_dir(),
        has_unit=any((Path(folder) / "fshunt.service").exists() for folder in UNIT_FOLDERS),
        not_ours=() if daemon is None or settings is None else not_owned(settings.database_url, daemon.pw_uid),
        secret_is_hidden=daemon is not None and is_hidden(password_file, daemon.pw_uid, daemon.pw_gid),
        is_usual=is_usual,
    )


def _user() -> pwd.struct_passwd | None:
    """The user whom the daemon runs as; None: there is none."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return None


def _name() -> str:
    """The user who acts now."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"
