"""For `fshunt status`: the pilots that a switch does not give to fshunt, where this command can ask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fshunt.cli.app import App
from fshunt.db.queries.rows import domain_names
from fshunt.hunting.group import Group
from fshunt.services import first_calls
from fshunt.services.cluster_state import ClusterHealth, Code, Finding
from fshunt.services.groups import list_groups
from fshunt.services.pilot_findings import pilots_at
from fshunt.services.switch_checks import on_all
from fshunt.services.switch_lines import SwitchLines

MAX_ASKED = 100
"""Groups: of more, `config check` asks alone, since a dialplan that is written takes its time to look through."""


def not_reached(app: App, state: ClusterHealth) -> Iterator[Finding]:
    """Yield a problem for pilots whose callers do not get to fshunt.

    Asked are the switches of the settings that a living daemon watches, so that nobody waits for one that is away; of
    one that this user may not ask, nothing is told.
    """
    watched = {each.get("name") for daemon in state.living for each in daemon.switches if each.get("watched")}
    switches = [each for each in app.settings.switch if each.name in watched]
    if not switches or state.groups > MAX_ASKED:
        return
    with SwitchLines() as lines:
        ask = partial(on_all, switches, connect=lines.line)
        groups = _all_groups(app)
        domains = list(dict.fromkeys(group.domain for group in groups))
        for domain, each in first_calls.domain_findings(domains, ask).items():
            yield Finding(Code.DOMAIN_NOT_FOUND, str(each), domain=domain)
        for each in pilots_at(switches, groups, app.settings, lines.line).findings:
            if each.is_problem:
                yield Finding(Code.PILOT_NOT_REACHED, str(each))


def _all_groups(app: App) -> list[Group]:
    with app.store.reading() as session:
        return [group for domain in domain_names(session) for group in list_groups(session, domain)]
