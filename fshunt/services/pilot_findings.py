"""Whether calls to the pilots reach fshunt, by the dialplan that each switch has loaded (design, section 5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.group import Group
from fshunt.services.destination_checks import DEFAULT_CONTEXT
from fshunt.services.findings import Finding, named
from fshunt.services.switch_checks import Ask, Checked, Connect, Question, QuestionKind, connected, on_all, untold
from fshunt.settings import Settings, WatchedSwitch


@dataclass(frozen=True, slots=True)
class PilotFindings:
    """What the loaded dialplan does with the pilots, and which controllers FreeSWITCH gives their callers to."""

    findings: tuple[Finding, ...]
    controllers: tuple[str, ...]
    """Addresses, HOST:PORT; none if no pilot was found."""
    by_table: bool = False
    """Whether a pilot waits for its row in a switch's table of pilots."""


def pilots_at(
    switches: Sequence[WatchedSwitch], groups: Sequence[Group], settings: Settings, connect: Connect = connected
) -> PilotFindings:
    """Ask each switch what it does with the pilots; what only some of them say is told with their names."""
    looked = {each.name: _at_one(groups, settings, partial(on_all, [each], connect=connect)) for each in switches}
    return PilotFindings(
        of_switches({name: found.findings for name, found in looked.items()}),
        tuple(dict.fromkeys(address for found in looked.values() for address in found.controllers)),
        any(found.by_table for found in looked.values()),
    )


def of_switches(found: Mapping[str, Sequence[Finding]]) -> tuple[Finding, ...]:
    """Return the findings of all switches, by their names, each once; of what only some say these are named."""
    said_by: dict[Finding, list[str]] = {}
    for name, findings in found.items():
        for finding in findings:
            said_by.setdefault(finding, []).append(name)
    return tuple(each if len(names) == len(found) else _of_some(each, names) for each, names in said_by.items())


def _of_some(finding: Finding, names: Sequence[str]) -> Finding:
    """A finding of some of several switches."""
    return replace(finding, what=f"Switch {named(names)}: {finding.what[0].lower()}{finding.what[1:]}")


def _at_one(groups: Sequence[Group], settings: Settings, ask: Ask) -> PilotFindings:
    """Ask what the dialplan does with each pilot: it must lead to a controller, and nothing may stand before it."""
    context = settings.transfer_context or DEFAULT_CONTEXT
    pilots = list(dict.fromkeys(group.pilot for group in groups))
    answers = dict(zip(pilots, ask([Question(QuestionKind.NUMBER, (each, context)) for each in pilots]), strict=True))
    missing = {pilot: said for pilot, said in answers.items() if said.is_missing or _has_all_but_ours(said)}
    found = [_not_in_the_dialplan(missing, context)] if missing else []
    found += [_taken(pilot, said) for pilot, said in answers.items() if _is_taken(said) and pilot not in missing]
    by_table = [group for group in groups if _depends_on_the_table(answers[group.pilot])]
    missing_rows = list(_not_in_the_table(by_table, ask))
    found += [*missing_rows, *_not_checked(answers)]
    addresses = [address for said in answers.values() for address in said.controllers]
    return PilotFindings(tuple(found), tuple(dict.fromkeys(addresses)), bool(missing_rows))


def _is_taken(said: Checked) -> bool:
    return said.answer is Answer.FOUND and not said.controlled and not said.after_the_table


def _has_all_but_ours(said: Checked) -> bool:
    """Whether the pilot is not in the loaded dialplan, so that an extension for any number has its callers."""
    return _is_taken(said) and not said.before_ours


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


def _not_checked(answers: Mapping[str, Checked]) -> Iterator[Finding]:
    """Pilots of which the switch, or its dialplan, does not tell."""
    for why, pilots in untold(answers).items():
        yield Finding(
            f"{_these_pilots(pilots)} not checked: {why}.",
            "It is not known whether callers get to fshunt.",
            f"Call {pilots[0]} to try it.",
            is_problem=False,
        )


def _these_pilots(pilots: Sequence[str]) -> str:
    return f"Pilots {named(pilots)} are" if len(pilots) > 1 else f"Pilot {named(pilots)} is"


def _not_in_the_dialplan(missing: Mapping[str, Checked], context: str) -> Finding:
    takers = sorted({said.why.removesuffix(f", context {context}") for said in missing.values() if _is_taken(said)})
    return Finding(
        f"{_these_pilots(list(missing))} not in the loaded dialplan, context {context}.",
        f"Callers do not get to fshunt{f', but to {named(takers)}' if takers else ''}.",
        "Write and load it by `fshunt setup` on the host of FreeSWITCH, or by `fshunt dialplan --table --out FILE "
        "--reload`; FILE is in the folder of that context. Without mod_db: leave --table out.",
    )


def _taken(pilot: str, said: Checked) -> Finding:
    return Finding(
        f"Calls to {pilot} are taken by {said.why}, which stands before fshunt's.",
        "Callers do not get to fshunt.",
        f"Renumber the group by `fshunt group renumber {pilot} NEW`, or take that extension out of the dialplan.",
    )
