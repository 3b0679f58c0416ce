"""`fshunt dialplan`: FreeSWITCH's dialplan for the pilots of the database."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from fshunt.cli import late, output
from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.errors import FshuntError, UsageError
from fshunt.freeswitch.dialplan import write_dialplan
from fshunt.hunting.group import Group
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
@click.option("--reload", is_flag=True, help="Have each [[switch]] load it: `reloadxml`. Calls go on.")
@pass_app
def dialplan(app: App, out: Path | None, reload: bool) -> None:
    """Write FreeSWITCH's dialplan for the pilots of the database.

    For each group: `socket` actions to the setting `controllers`, two, and more for a caller whose daemons restart one
    after the other, then voicemail in the group's own box, so that no caller is dropped while no daemon runs. Put the
    file into a dialplan context and have FreeSWITCH load it by --reload or `fs_cli -x reloadxml`. It is written beside
    and renamed: there is never a part of it. Write it again when groups are added, renumbered or removed, or their
    boxes change. Without --domain and the setting `default_domain`: the pilots of all domains.
    """
    settings = app.settings
    if reload:
        _check_can_reload(settings, out)
    named = app.given_domain or settings.default_domain
    with app.store.reading() as session:
        known = late.rows.domain_names(session)
        several = len(known) > 1
        domains = [named] if named else known
        groups = [group for domain in domains for group in late.groups.list_groups(session, domain)]
    text = write_dialplan(
        groups,
        controllers=[str(address) for address in settings.controllers],
        voicemail_profile=settings.voicemail_profile,
        fallback_box=settings.fallback_box,
        several_domains=several,
    )
    if not groups:
        app.warn("No groups yet, so the dialplan has no pilot.")
    if out is not None:
        write_whole(out, text)
    loaded = _load(settings.switch, out) if reload and out is not None else []
    pilots = ", ".join(group.pilot for group in groups) or "no pilot"

    def page() -> None:
        if out is None:
            click.echo(text, nl=not text.endswith("\n"))
        else:
            output.say(f"Wrote the dialplan of {pilots} to {out}.")
            if loaded:
                output.say(f"FreeSWITCH has loaded it: {', '.join(loaded)}.")

    app.show("dialplan", lambda: _json(groups, out, text) | {"loaded_by": loaded}, page)


def _check_can_reload(settings: Settings, out: Path | None) -> None:
    if out is None:
        raise UsageError("--reload needs --out FILE: without it there is nothing to load.")
    if not settings.switch:
        raise UsageError("--reload needs a [[switch]] in the settings: without one, run `fs_cli -x reloadxml`.")


def _load(switches: Sequence[WatchedSwitch], out: Path) -> list[str]:
    """Have the switches load the file, and return their names; raise FshuntError for the first that does not."""
    for switch in switches:
        try:
            late.switch_checks.reload_xml(switch)
        except FshuntError as error:
            raise FshuntError(f"{out} is written, but not loaded by switch {switch.name}: {error}") from None
    return [switch.name for switch in switches]


def _json(groups: Sequence[Group], out: Path | None, text: str) -> dict[str, Any]:
    return {
        "file": None if out is None else str(out),
        "pilots": [{"domain": group.domain, "pilot": group.pilot} for group in groups],
        "xml": text if out is None else None,
    }


def write_whole(out: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part; raises FshuntError."""
    part = ""
    try:
        handle, part = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), FILE_MODE)
            os.fsync(file.fileno())
        Path(part).replace(out)
    except OSError as error:
        with suppress(OSError):
            Path(part).unlink()
        raise FshuntError(f"{out} cannot be written: {error.strerror}.") from None
