"""`fshunt dialplan`: FreeSWITCH's dialplan for the pilots of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from fshunt.cli import late, output
from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.errors import FshuntError, UsageError
from fshunt.freeswitch.dialplan import write_dialplan, write_table_dialplan
from fshunt.hunting.group import Group
from fshunt.process.run_as import as_root
from fshunt.services import whole_files
from fshunt.settings import Settings, WatchedSwitch

FILE_MODE = 0o644
"""FreeSWITCH runs as another user and reads the file; nothing in it is secret."""


@click.command(
    "dialplan", cls=NounCommand, example="fshunt dialplan --out /etc/freeswitch/dialplan/default/10_fshunt.xml --reload"
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write. Without it: standard output.",
)
@click.option(
    "--table",
    is_flag=True,
    help="Write one extension for all pilots, which it finds in a table in FreeSWITCH (mod_db) that the daemon keeps.",
)
@click.option("--reload", is_flag=True, help="Have each [[switch]] load it: `reloadxml`. Calls go on.")
@pass_app
def dialplan(app: App, out: Path | None, table: bool, reload: bool) -> None:
    """Write FreeSWITCH's dialplan for the pilots of the database.

    For each group: `socket` actions to the setting `controllers`, two, and more for a caller whose daemons restart one
    after the other, then voicemail in the group's own box, so that no caller is dropped while no daemon runs. Put the
    file into a dialplan context and have FreeSWITCH load it by --reload or `fs_cli -x reloadxml`. It is written beside
    and renamed: there is never a part of it. Without --domain and the setting `default_domain`: the pilots of all
    domains.

    The feature codes of the settings, and `block+EXT`, lead to the controllers, too: write it again when a code is
    changed.

    Without --table, write it again when groups are added, renumbered or removed, or their boxes change. With --table it
    need not be written again for them, and --reload also brings the table up to date, as a daemon that watches the
    switch does by itself.
    """
    if reload:
        _check_can_reload(app.settings, out, table)
    written = _with_table(app) if table else _with_pilots(app)
    if out is not None:
        with as_root():
            write_whole(out, written.text)
    loaded = []
    if reload:
        loaded = _load(app.settings.switch, out)
        written.after_load()

    def page() -> None:
        if out is not None:
            output.say(f"Wrote the dialplan of {written.what} to {out}.")
        elif not reload:
            click.echo(written.text, nl=not written.text.endswith("\n"))
        if loaded:
            output.say(f"FreeSWITCH has loaded it: {', '.join(loaded)}.")

    app.show("dialplan", lambda: _json(written, out) | {"loaded_by": loaded}, page)


class _Written(NamedTuple):
    """A dialplan, the pilots that are in it, and the same in words; ``after_load`` is done once switches have it."""

    text: str
    groups: Sequence[Group]
    what: str
    after_load: Callable[[], None]


def _with_pilots(app: App) -> _Written:
    settings = app.settings
    named = app.given_domain or settings.default_domain
    with app.store.reading() as session:
        known = late.rows.domain_names(session)
        domains = [named] if named else known
        groups = [group for domain in domains for group in late.groups.list_groups(session, domain)]
    text = write_dialplan(
        groups,
        controllers=[str(address) for address in settings.controllers],
        voicemail_profile=settings.voicemail_profile,
        fallback_box=settings.fallback_box,
        codes=settings.codes,
        several_domains=len(known) > 1,
    )
    if not groups:
        app.warn("No groups yet, so the dialplan has no pilot.")
    return _Written(text, groups, ", ".join(group.pilot for group in groups) or "no pilot", lambda: None)


def _with_table(app: App) -> _Written:
    settings = app.settings
    if app.given_domain is not None:
        raise UsageError("--table is for the pilots of all domains: leave --domain out.")
    text = write_table_dialplan(
        controllers=[str(address) for address in settings.controllers],
        voicemail_profile=settings.voicemail_profile,
        codes=settings.codes,
    )

    def fill() -> None:
        with app.store.reading() as session:
            owner, rows = late.pilot_tables.owner_of(session), late.pilot_tables.rows_now(session, settings)
        late.pilot_tables.write_all(settings.switch, owner, rows, take=True)

    return _Written(text, (), "all pilots", fill)


def _check_can_reload(settings: Settings, out: Path | None, table: bool) -> None:
    if out is None and not table:
        raise UsageError("--reload needs --out FILE: without it there is nothing to load.")
    if not settings.switch:
        raise UsageError("--reload needs a [[switch]] in the settings: without one, run `fs_cli -x reloadxml`.")


def _load(switches: Sequence[WatchedSwitch], out: Path | None) -> list[str]:
    """Have the switches load their files, and return their names; raise FshuntError for the first that does not."""
    for switch in switches:
        try:
            late.switch_checks.reload_xml(switch)
        except FshuntError as error:
            before = "" if out is None else f"{out} is written, but "
            raise FshuntError(f"{before}switch {switch.name} has not loaded its files: {error}") from None
    return [switch.name for switch in switches]


def _json(written: _Written, out: Path | None) -> dict[str, Any]:
    return {
        "file": None if out is None else str(out),
        "pilots": [{"domain": group.domain, "pilot": group.pilot} for group in written.groups],
        "xml": written.text if out is None else None,
    }


def write_whole(out: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part; raises FshuntError."""
    whole_files.write_whole(out, text.encode(), FILE_MODE)
