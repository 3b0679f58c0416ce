"""For `fshunt status`: what a switch itself says of pilots and lamps, where this command can ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from fshunt.cli.app import App
from fshunt.db.queries.rows import domain_names
from fshunt.errors import FshuntError
from fshunt.hunting.group import Group
from fshunt.services import first_calls
from fshunt.services.cluster_state import ClusterHealth, Code, Finding
from fshunt.services.groups import list_groups
from fshunt.services.pilot_findings import pilots_at
from fshunt.services.switch_checks import on_all
from fshunt.services.switch_lines import SwitchLines
from fshunt.services.switch_state import no_presence
from fshunt.settings import WatchedSwitch

MAX_ASKED = 100
"""Groups: of more, `config check` asks alone, since a dialplan that is written takes its time to look through."""


def ask(app: App, state: ClusterHealth) -> None:
    """Add a problem for pilots whose callers do not get to fshunt, and a note for lamps that no phone is told.

    Asked are the switches of the settings that a living daemon watches, so that nobody waits for one that is away; of
    one that this user may not ask, nothing is told.
    """
    watched = {each.get("name") for daemon in state.living for each in daemon.switches if each.get("watched")}
    switches = [each for each in app.settings.switch if each.name in watched]
    if not switches or not state.groups:
        return
    with SwitchLines() as lines:
        if state.groups <= MAX_ASKED:
            state.problems.extend(_not_reached(app, switches, lines))
        if app.settings.lamps == "on":
            state.notes.extend(_without_lamps(switches, lines))


def _not_reached(app: App, switches: Sequence[WatchedSwitch], lines: SwitchLines) -> Iterator[Finding]:
    groups = _all_groups(app)
    domains = list(dict.fromkeys(group.domain for group in groups))
    asked = partial(on_all, switches, connect=lines.line)
    for domain, each in first_calls.domain_findings(domains, asked).items():
        yield Finding(Code.DOMAIN_NOT_FOUND, str(each), domain=domain)
    for each in pilots_at(switches, groups, app.settings, lines.line).findings:
        if each.is_problem:
            yield Finding(Code.PILOT_NOT_REACHED, str(each))


def _without_lamps(switches: Sequence[WatchedSwitch], lines: SwitchLines) -> Iterator[Finding]:
    for switch in switches:
        try:
            with lines.line(switch) as line:
                found = no_presence(switch.name, line)
        except FshuntError:
            continue
        if found is not None:
            message = (
                f"{found.what.rstrip('.')}, so keys that watch a pilot or a block show nothing: see `fshunt config "
                "check`."
            )
            yield Finding(Code.LAMPS_NOT_TOLD, message, switch=switch.name)


def _all_groups(app: App) -> list[Group]:
    with app.store.reading() as session:
        return [group for domain in domain_names(session) for group in list_groups(session, domain)]
