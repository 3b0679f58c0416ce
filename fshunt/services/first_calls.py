"""Whether calls to the pilots would reach fshunt, and ring phones, as the switches are now (design, section 5).

Each finding says what is so, why it matters, and what mends it: else the first caller would find it out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from fshunt.errors import FshuntError
from fshunt.freeswitch.contacts import is_of_domain
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.freeswitch.phones import registration_lists
from fshunt.freeswitch.registrations import registered
from fshunt.hunting.group import Group
from fshunt.services.destination_checks import DEFAULT_CONTEXT
from fshunt.services.findings import Finding, named
from fshunt.services.switch_checks import Ask, Checked, Connect, Question, QuestionKind, check_domain, connected
from fshunt.services.switch_state import state_findings
from fshunt.settings import Settings


@dataclass(frozen=True, slots=True)
class PilotFindings:
    """What the loaded dialplan does with the pilots, and which controllers FreeSWITCH gives their callers to."""

    findings: tuple[Finding, ...]
    controllers: tuple[str, ...]
    """Addresses, HOST:PORT; none if no pilot was found, or the switches were not asked by this process."""
    by_table: bool = False
    """Whether a pilot waits for its row in a switch's table of pilots."""


def pilot_findings(groups: Sequence[Group], settings: Settings, ask: Ask) -> PilotFindings:
    """Ask what the dialplan does with each pilot: it must lead to a controller, and nothing may stand before it."""
    context = settings.transfer_context or DEFAULT_CONTEXT
    pilots = list(dict.fromkeys(group.pilot for group in groups))
    answers = dict(zip(pilots, ask([Question(QuestionKind.NUMBER, (each, context)) for each in pilots]), strict=True))
    taken = {pilot: said for pilot, said in answers.items() if _is_taken(said)}
    missing = [pilot for pilot, said in answers.items() if said.is_missing]
    found = [_taken(pilot, said) for pilot, said in taken.items()]
    if missing:
        found.insert(0, _not_in_the_dialplan(missing, context))
    by_table = [group for group in groups if _depends_on_the_table(answers[group.pilot])]
    missing_rows = list(_not_in_the_table(by_table, ask))
    found += missing_rows
    addresses = [address for said in answers.values() for address in said.controllers]
    return PilotFindings(tuple(found), tuple(dict.fromkeys(addresses)), bool(missing_rows))


def _is_taken(said: Checked) -> bool:
    return said.answer is Answer.FOUND and not said.controlled and not said.after_the_table


def _depends_on_the_table(said: Checked) -> bool:
    return said.after_the_table or (said.answer is Answer.UNKNOWN and said.controlled)


def _not_in_the_table(groups: Sequence[Group], ask: Ask) -> Iterator[Finding]:
    """Ask for those whose call's domain decides."""
    if not groups:
        return
    said = ask([Question(QuestionKind.PILOT, (group.pilot, group.domain)) for group in groups])
    missing = [group.pilot for group, each in zip(groups, said, strict=True) if each.is_missing]
    if missing:
        yield Finding(
            f"{_these_pilots(missing)} not in the switch's table of pilots.",
            "Callers do not get to fshunt.",
            "A running daemon that watches the switch adds them within seconds: see `fshunt status`. By hand: `fshunt "
            "dialplan --table --reload`.",
        )


def _these_pilots(pilots: Sequence[str]) -> str:
    return f"Pilots {named(pilots)} are" if len(pilots) > 1 else f"Pilot {named(pilots)} is"


def _not_in_the_dialplan(pilots: Sequence[str], context: str) -> Finding:
    return Finding(
        f"{_these_pilots(pilots)} not in the loaded dialplan, context {context}.",
        "Callers do not get to fshunt.",
        "Write and load the dialplan by `fshunt dialplan --table --out FILE --reload`; FILE is in the folder of that "
        "context. Without mod_db: leave --table out.",
    )


def _taken(pilot: str, said: Checked) -> Finding:
    return Finding(
        f"Calls to {pilot} are taken by {said.why}, and not by fshunt.",
        "Callers do not get to fshunt.",
        f"Take that extension out of the dialplan, or renumber the group by `fshunt group renumber {pilot} NEW`; if "
        "fshunt's own dialplan is not loaded, write it before that extension by `fshunt dialplan --table --out FILE "
        "--reload`.",
    )


def member_findings(groups: Sequence[Group], ask: Ask) -> tuple[Finding, ...]:
    """Ask whether the directory has each member of each group."""
    groups_of: dict[tuple[str, str], list[str]] = {}
    for group in groups:
        for member in group.members:
            if not member.address.external:
                groups_of.setdefault((member.address.number, group.domain), []).append(group.pilot)
    said = ask([Question(QuestionKind.USER, who) for who in groups_of])
    strangers = [who for who, checked in zip(groups_of, said, strict=True) if checked.is_missing]
    of_domains = {domain: list(theirs) for domain, theirs in groupby(sorted(strangers, key=_domain_of), _domain_of)}
    missing = domain_findings(list(of_domains), ask)
    return tuple(
        missing[domain] if domain in missing else _no_users(domain, theirs, groups_of)
        for domain, theirs in of_domains.items()
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
                found += state_findings(switch.name, line, groups, settings.confirm_prompt)
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
