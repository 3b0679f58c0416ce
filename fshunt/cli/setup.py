"""`fshunt setup`: from an empty host to a group that rings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.cli.check_result import print_checks
from fshunt.cli.confirm import at_terminal, yes_option
from fshunt.errors import UsageError
from fshunt.settings import SettingsError

if TYPE_CHECKING:
    from fshunt.cli.check_result import Check

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("setup", cls=NounCommand, example="fshunt setup --domain pbx.example.com --pilot 5002")
@click.option("--freeswitch", "prefix", type=FOLDER, metavar="PREFIX", help="Where FreeSWITCH is installed.")
@click.option("--conf", type=FOLDER, metavar="DIR", help="The folder of FreeSWITCH's configuration.")
@click.option(
    "--pilot", type=params.NEW_PILOT, metavar="PILOT", help="Number of the first group. Without it: a free one."
)
@click.option(
    "--member",
    "members",
    type=params.BLOCKABLE,
    metavar="EXT",
    multiple=True,
    help="Member of the first group, once or more. Without it: up to 5 extensions that have a phone.",
)
@yes_option
@click.option("--dry-run", is_flag=True, help="Say what would be changed, and change nothing.")
@click.option("--test-call", is_flag=True, help="Place the test call without asking: phones ring.")
@pass_app
def setup(
    app: App,
    prefix: Path | None,
    conf: Path | None,
    pilot: str | None,
    members: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    test_call: bool,
) -> int:
    """Set fshunt up beside FreeSWITCH, asking before each change.

    It finds FreeSWITCH's configuration and event socket, and says what is missing. Then it gives the event socket a
    password of its own if it has the public one, writes the settings and the password file, makes the database, a first
    group of phones that are registered, and the dialplan, starts the daemon, places a test call and shows its record.
    At the end it checks all as `fshunt config check` does.

    What is there already stays; before a file is changed it is copied to FILE.bak-TIME. It can be run again at any
    time. The exit code is 1 if there is a problem.
    """
    if dry_run and (yes or test_call):
        raise UsageError("--dry-run changes nothing: use it without --yes and --test-call.")
    if not (yes or dry_run) and (app.as_json or not at_terminal()):
        raise UsageError("Nobody can be asked here: add --yes to make the changes, or --dry-run to see them.")
    host = late.setup_host.Host(app, prefix, conf)
    wishes = late.setup_steps.Wishes(late.random_secrets.new_secret(), app.given_domain, pilot, members)
    say = _nothing if app.as_json else output.say
    runner = late.setup_run.Runner(host, wishes, late.setup_run.asker(yes, test_call), say, dry_run)
    runner.run()
    checks = [] if dry_run else _checks(host.app())
    ok = runner.ok and all(each.ok for each in checks)
    app.show("setup", lambda: _json(runner.json(), checks, ok), lambda: _print(runner, checks))
    return 0 if ok else 1


def _nothing(*_text: str, **_style: Any) -> None:
    """Nothing is printed before the JSON."""


def _checks(app: App) -> list[Check]:
    """The checks of `config check`; none where the settings cannot be read, which was told."""
    try:
        _ = app.settings
    except SettingsError:
        return []
    return late.checks.all_checks(app)


def _json(done: dict[str, Any], checks: list[Check], ok: bool) -> dict[str, Any]:
    return {**done, "checks": [each.json() for each in checks], "ok": ok}


def _print(runner: Any, checks: list[Check]) -> None:
    if runner.record is not None:
        output.say()
        late.call_page.print_call(runner.record, ())
    if checks:
        output.say()
        print_checks(checks)
