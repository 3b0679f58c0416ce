"""`fshunt db`: the database."""

from __future__ import annotations

from typing import Any

import click

from fshunt.cli import late, output
from fshunt.cli.app import App
from fshunt.cli.base import NounGroup, pass_app
from fshunt.settings import hide_password


@click.group("db", cls=NounGroup, example="fshunt db upgrade")
def db() -> None:
    """Create, upgrade and check the database.

    Its address is the setting `database_url`.
    """


@db.command("upgrade", example="fshunt db upgrade")
@pass_app
def upgrade(app: App) -> None:
    """Create the database's tables, or bring them up to date.

    An up-to-date database is left alone; existing data are kept.
    """
    url, shown = app.database_url, hide_password(app.database_url)
    done: list[str] = []
    late.migrate.upgrade(url, report=done.append if app.as_json else output.say)
    message = f"The database {shown} is up to date."
    identity = late.checks.database_id(app.settings)
    app.show("database", lambda: _json(shown, True, message, done, identity), lambda: output.say(message))


def _json(url: str, ok: bool, message: str, done: list[str], identity: str | None) -> dict[str, Any]:
    return {"url": url, "ok": ok, "message": message, "steps": done, "id": identity}


@db.command("check", example="fshunt db check")
@pass_app
def check(app: App) -> int:
    """Check whether the database can be reached and used.

    It must be up to date and writable: a write is tried and rolled back. The exit code is 1 if not.
    """
    shown = hide_password(app.database_url)
    found = late.checks.check_database(app.settings)
    identity = late.checks.database_id(app.settings)

    def page() -> None:
        (output.say if found.ok else output.error)(found.message)
        if found.ok:
            output.say(f"Its id is {identity}, which `/healthz` of each of its daemons shows.")

    app.show("database", lambda: _json(shown, found.ok, found.message, [], identity), page)
    return 0 if found.ok else 1
