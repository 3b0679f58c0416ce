"""What a command works with: the settings, the database and the domain, each read when it is first needed."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import output
from fshunt.errors import UsageError
from fshunt.process import run_as
from fshunt.settings import LoadedSettings, Settings, load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from fshunt.db.engine import Store


def unix_user() -> str:
    """The user who runs this program; behind `sudo`, the one who called it."""
    found = os.environ.get("SUDO_USER")
    if found:
        return found
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user without an entry, as in a container
        return f"uid {os.getuid()}"


class App:
    """One run of the command line. `config`, `given_domain`, `as_json`, `as_user` and `format` are options."""

    def __init__(self) -> None:
        self.config: str | None = None
        self.format: str | None = None
        self.given_domain: str | None = None
        self.as_json = False
        self.for_programs = False
        """Whether a program reads the output, so that nothing is to stand beside it."""
        self.as_user: str | None = None
        self._warnings: list[str] = []

    def warn(self, sentence: str) -> None:
        """Keep a warning for the end: it goes to stderr, or into the JSON."""
        self._warnings.append(sentence)

    def show(self, kind: str, value: Callable[[], object], page: Callable[[], None]) -> None:
        """Print what a command answers: JSON under its kind, or the page to read."""
        if self.as_json:
            from fshunt.services.serialize import document

            output.emit_json(document(kind, value(), self._warnings))
            return
        page()
        for sentence in self._warnings:
            output.warn(sentence)

    @property
    def separated(self) -> bool:
        """Whether a list is asked for as lines of values, which are whole."""
        return self.format in output.SEPARATORS

    def settle_format(self) -> None:
        """Take `--json` and `--format` together; raises UsageError if they contradict each other."""
        if self.as_json and self.format not in (None, "json"):
            raise UsageError(f"Use only one of --json and --format {self.format}.")
        self.as_json = self.as_json or self.format == "json"

    def show_list(
        self,
        kind: str,
        values: Callable[[], list[dict[str, Any]]],
        columns: Sequence[output.Column | str],
        rows: Callable[[], Sequence[output.TableRow]],
        empty: str,
        *,
        wide: bool = False,
    ) -> None:
        """Print a list in the form of `--format`; ``empty`` is the sentence for a page without any rows."""
        self.settle_format()

        def page() -> None:
            found = rows()
            if self.format in output.SEPARATORS:
                output.separated(columns, found, output.SEPARATORS[self.format])
            elif found:
                output.table(columns, found, wide=wide)
            else:
                output.say(empty)

        self.show(kind, values, page)

    @cached_property
    def loaded(self) -> LoadedSettings:
        """The settings and where each came from; raises SettingsError.

        Where the environment names another database than the file, a line on standard error says which one is used.
        """
        found = load(self.config)
        running = click.get_current_context(silent=True) is not None  # there is none while the shell completes a word
        if running and not (self.as_json or self.for_programs) and (sentence := found.other_database()) is not None:
            output.warn(sentence)
        return found

    @property
    def settings(self) -> Settings:
        """The settings; raises SettingsError."""
        return self.loaded.settings

    @cached_property
    def database_url(self) -> str:
        """The address of the database. What root has started acts from here on as the user who owns the database."""
        self.become_owner()
        return self.settings.database_url

    def become_owner(self, *, for_good: bool = False) -> None:
        """If root has started the program: act as the user who owns the database; ``for_good``: without a way back."""
        if (user := self._user()) is not None:
            run_as.become(user, for_good=for_good)

    def _user(self) -> run_as.User | None:
        if self.as_user is not None:
            return run_as.named(self.as_user)
        if not run_as.is_root():
            return None
        from fshunt.db.sqlite_file import sqlite_path

        return run_as.owner_of(sqlite_path(self.settings.database_url))

    @cached_property
    def store(self) -> Store:
        """The database. SQLAlchemy is imported only now: help and completion of words do not wait for it."""
        from fshunt.db.engine import open_store

        made = open_store(self.database_url)
        context = click.get_current_context(silent=True)
        if context is not None:  # there is none while the shell completes a word
            context.find_root().call_on_close(made.close)
        return made

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, str]]:
        """A transaction that only reads, and the domain meant; raises FshuntError."""
        with self.store.reading() as session:
            yield session, self._domain(session)

    @contextmanager
    def writing(self) -> Iterator[tuple[Session, str]]:
        """A transaction that holds if the block ends well, and the domain meant; raises FshuntError."""
        with self.writing_all() as session:
            yield session, self._domain(session)

    @contextmanager
    def writing_all(self) -> Iterator[Session]:
        """As `writing`, of what belongs to no domain. The audit says who runs the command."""
        from fshunt.services.audit import Actor, Entrance, acting

        with self.store.writing() as session:
            acting(session, Actor(unix_user(), Entrance.COMMAND_LINE))
            yield session

    @contextmanager
    def reading_all(self) -> Iterator[tuple[Session, list[str]]]:
        """As `reading`, of all domains unless one is named by --domain or the setting; there may be none yet."""
        from fshunt.db.queries.rows import domain_names

        with self.store.reading() as session:
            known = domain_names(session)
            named = self.given_domain or self.settings.default_domain
            yield session, [self._domain(session)] if known and named else known

    def _domain(self, session: Session) -> str:
        from fshunt.services.groups import resolve_domain

        return resolve_domain(session, self.given_domain, self.settings.default_domain)
