"""`fshunt group limits`: how far the administrator of a group may go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import NounCommand, pass_app
from fshunt.cli.options import Cleared, limit_options
from fshunt.errors import UsageError
from fshunt.hunting.group import Group
from fshunt.hunting.group_fields import model_values
from fshunt.hunting.limits import LIMIT_FIELDS, NO_LIMITS, Limits


@click.command(
    "limits", cls=NounCommand, example="fshunt group limits 5000 --policies regular,circular --max-ring-seconds 30"
)
@click.argument("pilot", type=params.PILOT)
@limit_options()
@click.option("--clear", is_flag=True, help="Have no limits, not those of a new group either.")
@pass_app
def limits(app: App, /, pilot: str, clear: bool, **options: Any) -> None:
    """Show or set how far the administrator of a group may go.

    A new group lets administrators add no external members, and transfer callers to pilots only: `none` and
    --no-transfers-to-pilots allow it. Omitted options keep their current value. Limits bind administrators, on the web
    pages and in the REST interface; providers and this command line may go beyond. What goes beyond a new limit already
    stays, and is named.
    """
    said = {name: None if value is Cleared else value for name, value in options.items() if value is not None}
    given = model_values(LIMIT_FIELDS, said)
    if clear and given:
        raise UsageError("Use either --clear or other options.")
    if not (clear or given):
        with app.reading() as (session, domain):
            found = late.groups.get_group(session, domain, pilot)
            _show(app, found, late.limits.limits_of(session, found), _beyond(app, session, found))
        return
    with app.writing() as (session, domain):
        found = late.groups.lock_group(session, domain, pilot)
        wanted = NO_LIMITS if clear else replace(late.limits.limits_of(session, found), **given)
        late.limits.set_limits(session, domain, pilot, wanted)
        beyond = _beyond(app, session, found)
    _show(app, found, wanted, beyond)


def _beyond(app: App, session: Any, found: Group) -> list[str]:
    return late.limits.beyond_by_now(session, found, app.settings.seconds_per_ring)


def _show(app: App, found: Group, limits: Limits, beyond: list[str]) -> None:
    for sentence in beyond:
        app.warn(sentence)

    def page() -> None:
        output.say(f"Limits of group {found.pilot}, {found.domain}", bold=True)
        output.facts(_facts(limits))

    app.show("limits", lambda: late.serialize.limits_json(found, limits), page)


def _facts(limits: Limits) -> list[tuple[str, str]]:
    longest, most = limits.max_ring_seconds, limits.max_external_members
    return [
        ("policies", "all" if limits.policies is None else ", ".join(limits.policies)),
        ("ring time", "no limit" if longest is None else f"{longest:g} s at most"),
        ("external members", "no limit" if most is None else f"{most} at most" if most else "none"),
        ("gateways", "all" if limits.gateways is None else ", ".join(limits.gateways)),
        ("transfers", "to pilots of the domain only" if limits.transfers_to_pilots else "to any number"),
    ]
