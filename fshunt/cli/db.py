"""`fshunt db`: the database."""

from __future__ import annotations

import click

from fshunt.cli import output
from fshunt.cli.app import App
from fshunt.cli.base import Group as Noun
from fshunt.cli.base import json_option, pass_app
from fshunt.cli.checks import check_database
from fshunt.db import migrate
from fshunt.settings import hide_password


@click.group("db", cls=Noun, example="fshunt db upgrade")
def db() -> None:
    """Bring the database up to date, and check it.

    Its address is the setting `database_url`.
    """


@db.command("upgrade", example="fshunt db upgrade")
@pass_app
def upgrade(app: App) -> None:
    """Create the database's tables, or bring them up to date.

    What is up to date already is left alone, and what is in the tables is kept.
    """
    migrate.upgrade(app.settings.database_url, report=output.say)
    output.say(f"The database {hide_password(app.settings.database_url)} is up to date.")


@db.command("check", example="fshunt db check")
@json_option
@pass_app
def check(app: App, as_json: bool) -> int:
    """Say whether the database can be reached, and used.

    It must be up to date, and writable: a write is tried, and taken back. The exit code is 1 if not.
    """
    found = check_database(app.settings)
    if as_json:
        output.emit_json(
            {"database": hide_password(app.settings.database_url), "ok": found.ok, "message": found.message}
        )
    elif found.ok:
        output.say(found.message)
    else:
        output.error(found.message)
    return 0 if found.ok else 1
