"""Reads the settings: the environment over the file over the defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fshunt.errors import FshuntError
from fshunt.hunting.suggestions import did_you_mean
from fshunt.settings.model import ROWS, SettingRow, Settings
from fshunt.settings.secret_file import read_secret
from fshunt.settings.switches import WatchedSwitch
from fshunt.settings.urls import has_password, hide_password, takes_password, with_password
from fshunt.settings.values import SettingsError, WrongValueError

DEFAULT_FILE = Path("/etc/fshunt/fshunt.toml")
PREFIX = "FSHUNT_"
OTHER_VARIABLES = ("FSHUNT_CONFIG", "FSHUNT_DEBUG")
FOREIGN_PREFIXES = ("FSHUNT_LIVE_", "FSHUNT_TEST_")
"""Variables that the tests read, not the program."""

READABLE_BY_OTHERS = 0o004


@dataclass(frozen=True)
class LoadedSettings:
    """The settings, the file they were read from (None: there is none), and where each came from."""

    settings: Settings
    file: Path | None
    sources: Mapping[str, str]
    overridden_database: str | None = field(default=None, repr=False)
    """The database that the environment overrides: the `database_url` of the file, else the usual one if it is there.
    It may hold a password.
    """

    def other_database(self) -> str | None:
        """Say which database is used where the environment names another one than the file, or than the usual one of a
        host on which it is; None: it does not.
        """
        if self.overridden_database in (None, self.settings.database_url):
            return None
        usual = ROWS["database_url"].default()
        other = f"the usual one, {usual}" if self.overridden_database == usual else f"the `database_url` of {self.file}"
        return (
            f"FSHUNT_DATABASE_URL is set: this uses the database {hide_password(self.settings.database_url)}, not "
            f"{other}."
        )

    def warnings(self) -> list[str]:
        """Return the dangers in the settings, one sentence each."""
        said = [self._of_database(), *(_of_password_file(switch) for switch in self.settings.switch), self._of_mail()]
        return [sentence for sentence in said if sentence]

    def _of_database(self) -> str | None:
        if self.file is None or self.sources["database_url"] != "file" or not has_password(self.settings.database_url):
            return None
        if self.settings.database_password_file is not None or not _open_to_others(self.file):
            return None
        return f"{self.file} holds the database's password and is world-readable: run `chmod o-r {self.file}`."

    def _of_mail(self) -> str | None:
        file = self.settings.smtp_password_file
        if file is None or not _open_to_others(Path(file)):
            return None
        return f"{file} holds the mail server's password and is world-readable: run `chmod o-r {file}`."


def _of_password_file(switch: WatchedSwitch) -> str | None:
    file = switch.password_file
    if not _open_to_others(file):
        return None
    return f"{file} holds an event socket's password and is world-readable: run `chmod o-r {file}`."


def _open_to_others(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & READABLE_BY_OTHERS)
    except OSError:  # missing or unreadable: reading it reports that
        return False


def load(config: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> LoadedSettings:
    """Read the settings; `config` is the file given on the command line.

    Raises SettingsError: a named file that does not exist, a file that cannot be read, an unknown key, a wrong value.
    """
    file, found = _read_file(config or environ.get("FSHUNT_CONFIG") or None)
    said: dict[str, Any] = {}
    sources = dict.fromkeys(ROWS, "default")
    for name, value in found.items():
        said[name] = _checked(_row_of_key(name, file), value, str(file))
        sources[name] = "file"
    for variable, value in sorted(_variables(environ).items()):
        row = _row_of_variable(variable)
        said[row.name] = _checked(row, row.kind.read(value), "environment", variable)
        sources[row.name] = "environment"
    settings = Settings(**said)
    settings.check()
    overridden = _overridden(found) if sources["database_url"] == "environment" else None
    return LoadedSettings(_with_password(settings, sources), file, sources, overridden)


def _overridden(found: Mapping[str, Any]) -> str | None:
    """The database of the settings file, else the usual one where it is there; in a container there is none."""
    usual: str = ROWS["database_url"].default()
    if "database_url" in found:
        return str(found["database_url"])
    return usual if _is_there(Path(usual.removeprefix("sqlite:///"))) else None


def _is_there(file: Path) -> bool:
    """Whether a file is there, also if this user may not look into its folder."""
    try:
        file.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _with_password(settings: Settings, sources: Mapping[str, str]) -> Settings:
    """Return the settings with the password of ``database_password_file`` in the URL of the database."""
    if settings.database_password_file is None:
        return settings
    if (sources["database_url"], sources["database_password_file"]) == ("environment", "file"):
        return settings  # the password of one database is not sent to another
    if not takes_password(settings.database_url):
        raise SettingsError(
            "`database_password_file` goes with a `database_url` of PostgreSQL without a password, such as "
            "postgresql://fshunt@localhost/fshunt."
        )
    file = Path(settings.database_password_file)
    password = read_secret(file, "the database's password")
    if _open_to_others(file):
        raise SettingsError(
            f"The file {file} for the database's password is world-readable, which fshunt refuses: "
            f"run `chmod o-r {file}`."
        )
    return replace(settings, database_url=with_password(settings.database_url, password))


def _read_file(named: str | Path | None) -> tuple[Path | None, dict[str, Any]]:
    file = Path(named) if named else DEFAULT_FILE
    try:
        return file, tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise SettingsError(f"The settings file {file} does not exist.") from None
        return None, {}
    except OSError as error:
        raise SettingsError(f"The settings file {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"The settings file {file} cannot be read: it is not in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {file} is not valid TOML: {error}.") from None


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that set something; an empty one does not, as is usual in unit files and containers."""
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    return {
        name: value
        for name, value in ours.items()
        if name not in OTHER_VARIABLES and not name.startswith(FOREIGN_PREFIXES)
    }


def _row_of_key(key: str, file: Path | None) -> SettingRow:
    if key not in ROWS:
        raise SettingsError(f"{file}: `{key}` is not a setting{did_you_mean(key, list(ROWS))}.")
    return ROWS[key]


def _row_of_variable(variable: str) -> SettingRow:
    row = ROWS.get(variable.removeprefix(PREFIX).lower())
    if row is None or row.variable != variable:
        known = [row.variable for row in ROWS.values()] + list(OTHER_VARIABLES)
        raise SettingsError(
            f"The environment variable `{variable}` is not a setting of fshunt{did_you_mean(variable.upper(), known)}."
        )
    return row


def _checked(row: SettingRow, value: object, where: str, said_as: str | None = None) -> object:
    name = said_as or row.name
    try:
        return row.kind.check(value)
    except WrongValueError as error:
        raise SettingsError(f"{where}: `{name}` {error}.") from None
    except FshuntError as error:
        raise SettingsError(f"{where}: `{name}`: {error}") from None
