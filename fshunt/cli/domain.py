"""`fshunt domain`: the domains, and another name for one."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING

import click

from fshunt.cli import late, output, params
from fshunt.cli.app import App
from fshunt.cli.base import ListCommand, NounGroup, pass_app
from fshunt.cli.confirm import confirm, listed, yes_option

if TYPE_CHECKING:
    from fshunt.services.domains import DomainRow

TITLES = (
    output.Column("domain", wraps=True),
    output.Column("groups"),
    output.Column("members", drop=2),
    output.Column("calls", drop=3),
    output.Column("users", drop=1),
)
NO_DOMAINS = "No domains yet: `fshunt group add PILOT --domain D` adds the first with its first group."


@click.group("domain", cls=NounGroup, example="fshunt domain list")
def domain() -> None:
    """Domains: what is in each, and another name for one.

    A domain is created with its first group and disappears with its last.
    """


@domain.command("list", cls=ListCommand, example="fshunt domain list")
@pass_app
def list_(app: App) -> None:
    """List domains, and how much is in each.

    Calls are counted up to 10000. With --domain: this one alone.
    """
    with app.store.reading() as session:
        named = app.given_domain
        found = [late.domains.get_domain(session, named)] if named else late.domains.list_domains(session)
    app.show_list(
        "domains",
        lambda: [late.serialize.domain_json(each) for each in found],
        TITLES,
        lambda: [(each.name, str(each.groups), str(each.members), _calls(each), str(each.users)) for each in found],
        NO_DOMAINS,
    )


@domain.command("rename", example="fshunt domain rename pbx.example.com voice.example.com")
@click.argument("old", type=params.KNOWN_DOMAIN)
@click.argument("new", type=params.DOMAIN)
@yes_option
@pass_app
def rename(app: App, old: str, new: str, yes: bool) -> None:
    """Give the domain OLD the name NEW.

    Its groups, members, calls, users and history are in NEW then. Sessions, tokens and boards still hold. It asks
    first, since FreeSWITCH must get the new name, too; it says where. It is refused while a call of the domain is in
    progress, or if NEW exists.

    Rename it back to undo it; `fshunt undo` does not.
    """
    with app.store.reading() as session:
        late.domains.check_rename(session, old, new)
        found = late.domains.get_domain(session, old)
    confirm(f"Domain {old} becomes {new}, with {_contents(found)}; FreeSWITCH must get the new name, too.", yes)
    with app.writing_all() as session:
        renamed = late.domains.rename_domain(session, old, new)
    for sentence in _left_to_do(app, old, new):
        app.warn(sentence)
    sentence = f"Renamed domain {old} to {new}, with {_contents(renamed)}."
    app.show("domain", lambda: late.serialize.domain_json(renamed), lambda: output.say(sentence))
    late.domains.finish_rename(app.store, old, new, lambda: sleep(late.domains.LATE_SECONDS))


def _calls(found: DomainRow) -> str:
    return f"{found.calls}+" if found.calls >= late.domains.MAX_COUNTED else str(found.calls)


def _contents(found: DomainRow) -> str:
    count = late.cluster_health.count
    calls = count(found.calls, "call")
    if found.calls >= late.domains.MAX_COUNTED:
        calls = f"{found.calls} or more calls"
    return listed([count(found.groups, "group"), count(found.members, "member"), calls, count(found.users, "user")])


def _left_to_do(app: App, old: str, new: str) -> list[str]:
    """What else has the old name: without the new one FreeSWITCH reaches no group, and no group a phone."""
    settings = app.settings
    names = {"default_domain": settings.default_domain == old, "shared_members": old in settings.shared_members}
    here = [f"`{name}`" for name, has_it in names.items() if has_it]
    found = f"The settings of this host name {old} in {listed(here)}. " if here else ""
    directory = (
        f"FreeSWITCH's directory must have the domain {new}, and phones must register in it: change it there, then run "
        f'`fs_cli -x "reloadxml"`. Voicemail messages stay in the boxes of {old}.'
    )
    dialplan = (
        "The dialplan must name the new domain: run `fshunt dialplan --out FILE --reload`, and change by hand what "
        "else sets `fshunt_domain`."
    )
    own = (
        f"{found}On each host, replace {old} by {new} in the settings `default_domain` and `shared_members`, then run "
        "`systemctl restart fshunt-web`."
    )
    return [directory, dialplan, own]
