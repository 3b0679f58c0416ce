"""Whether calls to the groups would ring phones, as the directories of the switches are now (design, section 5).

Each finding says what is so, why it matters, and what mends it: else the first caller would find it out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby

from fshunt.errors import FshuntError
from fshunt.freeswitch.contacts import is_of_domain
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.freeswitch.phones import registration_lists
from fshunt.freeswitch.registrations import NoSofia, registered
from fshunt.hunting.group import Group
from fshunt.services.findings import Finding, named
from fshunt.services.switch_checks import Ask, Checked, Connect, Question, QuestionKind, check_domain, connected
from fshunt.services.switch_state import state_findings
from fshunt.settings import Settings


def member_findings(groups: Sequence[Group], ask: Ask) -> tuple[Finding, ...]:
    """Ask whether the directory has each member of each group; leave groups out whose domain it does not have."""
    groups_of: dict[tuple[str, str], list[str]] = {}
    for group in groups:
        for member in group.members:
            if not member.address.external:
                groups_of.setdefault((member.address.number, group.domain), []).append(group.pilot)
    said = dict(zip(groups_of, ask([Question(QuestionKind.USER, who) for who in groups_of]), strict=True))
    strangers = sorted((who for who, checked in said.items() if checked.is_missing), key=_domain_of)
    return (
        *(_no_users(domain, list(theirs), groups_of) for domain, theirs in groupby(strangers, key=_domain_of)),
        *_not_checked(said),
    )


def _not_checked(said: Mapping[tuple[str, str], Checked]) -> Iterator[Finding]:
    """Members of whom no switch tells."""
    unknown: dict[str, list[str]] = {}
    for (number, domain), checked in said.items():
        if checked.answer is Answer.UNKNOWN:
            unknown.setdefault(checked.why, []).append(f"{number}@{domain}")
    for why, members in unknown.items():
        yield Finding(
            f"Not checked: {named(members)}: {why}.",
            "It is not known whether the directory has them.",
            "Run `fshunt config check` again when the switch answers.",
            is_problem=False,
        )


def domain_findings(domains: Sequence[str], ask: Ask) -> dict[str, Finding]:
    """Ask whether the directory has each domain; return a finding for each that it lacks."""
    said = ask([Question(QuestionKind.DOMAIN, (domain,)) for domain in domains]) if domains else []
    return {domain: _no_domain(domain) for domain, each in zip(domains, said, strict=True) if each.is_missing}


def _no_domain(domain: str) -> Finding:
    return Finding(
        f"The directory has no domain {domain}.",
        "None of its members has a phone that could ring, and its callers get no voicemail.",
        "Give it the name that FreeSWITCH has, which `fs_cli -x 'global_getvar domain'` prints, by `fshunt domain "
        f"rename {domain} NEW`, or add it to FreeSWITCH's directory.",
    )


def _domain_of(who: tuple[str, str]) -> str:
    return who[1]


def _no_users(
    domain: str, strangers: Sequence[tuple[str, str]], groups_of: dict[tuple[str, str], list[str]]
) -> Finding:
    numbers = [number for number, _ in strangers]
    several = len(numbers) > 1
    return Finding(
        f"The directory has no {'users' if several else 'user'} {named(numbers)} in {domain}.",
        f"{'These members have' if several else 'This member has'} no phone that could ring.",
        "Add them to FreeSWITCH's directory, or remove them from the group, for example by "
        f"`fshunt member remove {groups_of[strangers[0]][0]} {numbers[0]} --domain {domain}`.",
    )


def switch_findings(
    groups: Sequence[Group], settings: Settings, connect: Connect = connected
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Ask each switch who has a phone, and for its state; return findings, and why one was not asked."""
    phones: set[tuple[str, str]] = set()
    strangers = {group.domain for group in groups}
    found, not_asked = list[Finding](), list[str]()
    for switch in settings.switch:
        try:
            with connect(switch) as line:
                phones |= registered(registration_lists(line))
                strangers = {each for each in strangers if check_domain(line, each).is_missing}
                lamps = settings.lamps == "on"
                found += state_findings(switch.name, line, groups, settings.confirm_prompt, lamps=lamps)
        except NoSofia:
            found.append(Finding(f"Switch {switch.name}: {NoSofia.WHAT}", NoSofia.WHY, NoSofia.MEND))
            not_asked.append(f"Not checked at switch {switch.name}: no phone can register there.")
        except FshuntError as error:
            not_asked.append(f"Not checked at switch {switch.name}: {error}")
    if not not_asked:  # else the phones may be at that one
        found += phone_findings(groups, phones, strangers)
    return tuple(found), tuple(not_asked)


def phone_findings(
    groups: Sequence[Group], phones: Collection[tuple[str, str]], strangers: Collection[str] = ()
) -> Iterator[Finding]:
    """Give the domains of which no member at all has a phone; ``phones``: who has one, (user, domain).

    ``strangers`` are domains that no directory has: a phone at an address of the switch is none of theirs.
    """
    members: dict[str, set[str]] = {}
    for group in groups:
        theirs = (member.address.number.lower() for member in group.members if not member.address.external)
        members.setdefault(group.domain, set()).update(theirs)
    for domain, numbers in members.items():
        places = {where for user, where in phones if user in numbers}
        if numbers and not any(_is_there(where, domain, strangers) for where in places):
            yield _no_phones(domain, sorted(places), members)


def _is_there(where: str, domain: str, strangers: Collection[str]) -> bool:
    return where == domain if domain in strangers else is_of_domain(where, domain)


def _no_phones(domain: str, elsewhere: Sequence[str], known: Collection[str]) -> Finding:
    what, why = f"No member of {domain} has a phone that is registered", "Callers go to voicemail at once."
    if not elsewhere:
        mend = "Register the phones; `fs_cli -x 'show registrations'` lists those that are."
        return Finding(f"{what}.", why, mend)
    theirs = elsewhere[0]
    by_command = f"make the group in theirs: `fshunt group add PILOT --domain {theirs}`"
    if theirs not in known:
        by_command = f"give the domain that name: `fshunt domain rename {domain} {theirs}`"
    return Finding(
        f"{what} there; phones of these numbers are registered in {named(elsewhere)}.",
        why,
        f"Register them in {domain}, or {by_command}.",
    )
