"""`fshunt config`: the settings, and whether the daemon can run with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import late, output
from fshunt.cli.app import App
from fshunt.cli.base import NounGroup, pass_app
from fshunt.cli.check_result import print_checks, print_count
from fshunt.settings import DEFAULT_FILE, ROWS, LoadedSettings

if TYPE_CHECKING:
    from fshunt.cli.check_result import Check


SETTING_TITLES = (
    output.Column("setting"),
    output.Column("value", wraps=True),
    output.Column("from", drop=1),
)


@click.group("config", cls=NounGroup, example="fshunt config check")
def config() -> None:
    """Show the settings and check them."""


@config.command("check", example="fshunt config check --config /etc/fshunt/fshunt.toml")
@click.option("--settings", "all_settings", is_flag=True, help="List all settings, not only those that were set.")
@pass_app
def check(app: App, all_settings: bool) -> int:
    """Check the settings, and if the daemon can run with them.

    Problems come first, each with the command that mends it; the last line counts them. Each [[switch]] is tried: its
    password file, whether it accepts the connection, and whether a call to each pilot would reach fshunt and ring
    phones. Settings are listed with their source: file or environment, and default with --settings. The database
    password is hidden. The exit code is 1 if there is a problem.
    """
    loaded = app.loaded
    checks = late.checks.all_checks(app)
    for warning in loaded.warnings():
        app.warn(warning)
    app.show("config", lambda: _json(loaded, checks), lambda: _print(loaded, checks, all_settings))
    return 0 if all(each.ok for each in checks) else 1


def _values(loaded: LoadedSettings) -> dict[str, Any]:
    return {name: row.kind.show(getattr(loaded.settings, name)) for name, row in ROWS.items()}


def _json(loaded: LoadedSettings, checks: list[Check]) -> dict[str, Any]:
    return {
        "file": None if loaded.file is None else str(loaded.file),
        "settings": [
            {"name": name, "value": value, "source": loaded.sources[name]} for name, value in _values(loaded).items()
        ],
        "checks": [each.json() for each in checks],
        "problems": sum(len(each.problems) for each in checks),
        "ok": all(each.ok for each in checks),
    }


def _print(loaded: LoadedSettings, checks: list[Check], all_settings: bool) -> None:
    print_checks(checks)
    output.say()
    output.say(f"Settings file: {loaded.file or f'none ({DEFAULT_FILE} does not exist)'}")
    rows = [
        (name, _shown(value), loaded.sources[name])
        for name, value in _values(loaded).items()
        if all_settings or loaded.sources[name] != "default"
    ]
    if rows:
        output.say()
        output.table(SETTING_TITLES, rows)
    output.say()
    print_count(checks)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
