"""Whether the switches give feature codes to fshunt, and whether pilots are in their way (design, section 19)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.features import NEED_PILOT, TOGGLE_MARK
from fshunt.hunting.group import Group
from fshunt.services.destination_checks import DEFAULT_CONTEXT
from fshunt.services.findings import Finding, named
from fshunt.services.pilot_findings import of_switches
from fshunt.services.switch_checks import Ask, Checked, Connect, Question, QuestionKind, connected, on_all, untold
from fshunt.settings import Settings, WatchedSwitch

ANY_PILOT = "5000"
"""Stands behind the codes where there is no group yet."""

ANY_EXTENSION = "1001"
TOGGLES = f"{TOGGLE_MARK}EXT"
"""What keys dial that block. It is no setting."""


def features_at(
    switches: Sequence[WatchedSwitch], groups: Sequence[Group], settings: Settings, connect: Connect = connected
) -> tuple[Finding, ...]:
    """Ask each switch what it does with the codes, and look at the pilots; what only some say is told with names."""
    asks = {each.name: partial(on_all, [each], connect=connect) for each in switches}
    found = {name: _at_one(groups, settings, ask) for name, ask in asks.items()}
    return (*of_switches(found), *pilots_like_codes(groups, settings))


def _at_one(groups: Sequence[Group], settings: Settings, ask: Ask) -> list[Finding]:
    """Ask what the dialplan does with each code, alone and followed by a pilot."""
    context = settings.transfer_context or DEFAULT_CONTEXT
    codes_of = _numbers(settings, groups[0].pilot if groups else ANY_PILOT)
    said = ask([Question(QuestionKind.NUMBER, (number, context)) for number in codes_of])
    answers = dict(zip(codes_of, said, strict=True))
    taken = _taken(answers)
    missing = [number for number, each in answers.items() if number not in taken and _is_missing(each)]
    found = [_taken_by_another(number, codes_of[number], why) for number, why in taken.items()]
    if missing:
        found.append(_not_in_the_dialplan(list(dict.fromkeys(codes_of[each][1] for each in missing)), context))
    return [*found, *_not_checked(answers)]


def _not_checked(answers: Mapping[str, Checked]) -> Iterator[Finding]:
    """Numbers of which the switch, or its dialplan, does not tell."""
    for why, numbers in untold(answers).items():
        yield Finding(
            f"Feature codes are not checked, as {named(numbers)}: {why}.",
            "It is not known whether who dials them gets to fshunt.",
            f"Dial {numbers[0]} to try it.",
            is_problem=False,
        )


def pilots_like_codes(groups: Sequence[Group], settings: Settings) -> Iterator[Finding]:
    """Give the pilots that begin with a code: who dials the code and the rest of the number reaches the group."""
    for group in groups:
        for feature, code in settings.codes.given():
            if group.pilot.startswith(code):
                yield Finding(
                    f"Pilot {group.pilot} begins with the feature code {code} (`{feature.value}_code`).",
                    "Whoever dials it reaches the group and not the feature, or the other way round.",
                    f"Renumber the group by `fshunt group renumber {group.pilot} NEW`, or set another code.",
                    is_problem=False,
                )


def _numbers(settings: Settings, pilot: str) -> dict[str, tuple[str, str]]:
    """Return the numbers to ask for, each with its setting (empty: none) and its code."""
    numbers = {}
    for feature, code in settings.codes.given():
        of = (f"{feature.value}_code", code)
        if feature not in NEED_PILOT:
            numbers[code] = of
        numbers[f"{code}{pilot}"] = of
    return numbers | {f"{TOGGLE_MARK}{ANY_EXTENSION}": ("", TOGGLES)}


def _taken(answers: Mapping[str, Checked]) -> dict[str, str]:
    """Return the numbers that something else takes, and what; not where it takes all, as the last extension does."""
    taken = {number: said.why for number, said in answers.items() if _is_anothers(said)}
    return {} if len(taken) == len(answers) and len(set(taken.values())) == 1 else taken


def _is_anothers(said: Checked) -> bool:
    return said.answer is Answer.FOUND and not said.controlled


def _is_missing(said: Checked) -> bool:
    """Tell whether the dialplan lacks a number; where the table of pilots decides, but has it not, nobody does."""
    return said.is_missing or _is_anothers(said) or (said.answer is Answer.UNKNOWN and said.controlled)


def _taken_by_another(number: str, of: tuple[str, str], why: str) -> Finding:
    setting, code = of
    shown, mend = number, "Take that extension out of the dialplan."
    if setting:
        shown = f"{number} (`{setting}`)"
        mend = (
            f"Set `{setting}` to a code that is free, then write and load the dialplan by `fshunt dialplan --table "
            "--out FILE --reload`; or take that extension out of the dialplan."
        )
    return Finding(
        f"Calls to {shown} are taken by {why}, and not by fshunt.",
        f"The feature code {code} does nothing of fshunt.",
        mend,
    )


def _not_in_the_dialplan(codes: Sequence[str], context: str) -> Finding:
    several = len(codes) > 1
    return Finding(
        f"The feature code{'s' if several else ''} {named(codes)} {'are' if several else 'is'} not in the loaded "
        f"dialplan, context {context}.",
        "Who dials them does not get to fshunt.",
        "Write and load the dialplan by `fshunt dialplan --table --out FILE --reload` (without mod_db: leave --table "
        "out), or switch codes off by `none` in the settings.",
        is_problem=False,
    )
