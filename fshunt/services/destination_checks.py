"""Whether the places where a group sends its callers are real: voicemail boxes, numbers of the dialplan, members."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fshunt.errors import Conflict
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.addresses import MemberAddress
from fshunt.hunting.destinations import Destination, DestinationKind
from fshunt.hunting.group import Group
from fshunt.services.switch_checks import Ask, Checked, Question, QuestionKind
from fshunt.settings import Settings

DEFAULT_CONTEXT = "default"
"""Where a transfer is looked for if neither the group nor the setting names a context: that of most callers."""

CASES = ("on_no_answer", "on_busy", "on_unreachable", "on_closed")


@dataclass(frozen=True, slots=True)
class Place:
    """One place, and how it is asked for. A ``must`` that is missing is a problem; any other one is a warning."""

    name: str
    question: Question
    must: bool

    def sentence(self, checked: Checked) -> str:
        """Say what a switch has said of it."""
        match checked.answer:
            case Answer.FOUND:
                return f"{self.name}: found{_why(checked)}."
            case Answer.NOT_FOUND:
                return f"{self.name}: not found{_why(checked)}."
            case Answer.UNKNOWN:
                return f"{self.name}: {'not checked' if self.must else 'cannot be checked'}{_why(checked)}."


@dataclass(frozen=True, slots=True)
class Findings:
    """What the switches said of some places, one sentence each."""

    found: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Of those that must be there."""
    by_field: Mapping[str, str] = field(default_factory=dict)
    """The sentence of ``missing`` for each field that names such a place."""

    def check(self, force: bool) -> Findings:
        """Return the findings, for a change that is about to be saved. Raises Conflict for one that must be there."""
        if self.missing and not force:
            raise Conflict(
                f"{' '.join(self.missing)} Its callers would be answered and then cut: name one that exists, or use "
                "--force to save it."
            )
        return Findings(self.found, (*self.missing, *self.warnings))  # what is missing is saved all the same


def box_place(box: str, domain: str, settings: Settings) -> Place:
    """A voicemail box of a domain."""
    question = Question(QuestionKind.BOX, (box, domain, settings.voicemail_profile))
    return Place(f"Voicemail box {box} of {domain}", question, must=True)


def number_place(number: str, group: Group, settings: Settings) -> Place:
    """A number that callers of a group are transferred to."""
    context = group.transfer_context or settings.transfer_context or DEFAULT_CONTEXT
    return Place(f"Number {number}", Question(QuestionKind.NUMBER, (number, context)), must=False)


def check_members(addresses: Iterable[MemberAddress], domain: str, ask: Ask) -> tuple[str, ...]:
    """Ask the switches for the extensions of new members; return a warning for each that is not known there.

    A member who is not in the directory yet is skipped by calls until then. Ask outside of a transaction.
    """
    return ask_for(_member_places(addresses, domain), ask).warnings


def missing_of_new(
    group: Group, addresses: Iterable[MemberAddress], settings: Settings, ask: Ask
) -> dict[str, list[str]]:
    """Ask the switches for the box and the members of a new group; return sentences on those that are not there.

    They are told by the field that names them, ``voicemail`` or ``members``. Ask outside of a transaction.
    """
    named = {
        "voicemail": places_named(group, ["voicemail"], settings),
        "members": _member_places(addresses, group.domain),
    }
    answers = _answers([each for places in named.values() for each in places], ask)
    missing = {
        name: [each.sentence(answers[each]) for each in places if answers[each].is_missing]
        for name, places in named.items()
    }
    return {name: sentences for name, sentences in missing.items() if sentences}


def _member_places(addresses: Iterable[MemberAddress], domain: str) -> list[Place]:
    return [
        Place(f"Extension {each} of {domain}", Question(QuestionKind.USER, (str(each), domain)), must=False)
        for each in addresses
        if not each.external
    ]


def places_named(group: Group, fields: Collection[str], settings: Settings) -> list[Place]:
    """Return the places that these fields of a group name; a new context concerns all its transfers."""
    places = []
    if "voicemail" in fields and group.voicemail is not None:
        places.append(box_place(group.voicemail, group.domain, settings))
    for case in CASES:
        destination: Destination = getattr(group, case)
        if destination.value is None:
            continue
        if destination.kind is DestinationKind.VOICEMAIL and case in fields:
            places.append(box_place(destination.value, group.domain, settings))
        elif destination.kind is DestinationKind.TRANSFER and {case, "transfer_context"} & set(fields):
            places.append(number_place(destination.value, group, settings))
    return _once(places)


def places_of(groups: Iterable[Group], settings: Settings) -> list[Place]:
    """Return the places where the callers of all groups may be sent, and the domains of the groups."""
    places = []
    for group in groups:
        places.append(Place(f"Domain {group.domain}", Question(QuestionKind.DOMAIN, (group.domain,)), must=True))
        boxes = [group.box() if d.value is None else d.value for d in _destinations(group, DestinationKind.VOICEMAIL)]
        places += [box_place(box, group.domain, settings) for box in boxes if box is not None]
        if settings.fallback_box is not None:
            places.append(box_place(settings.fallback_box, group.domain, settings))
        numbers = [d.value for d in _destinations(group, DestinationKind.TRANSFER) if d.value is not None]
        places += [number_place(number, group, settings) for number in numbers]
    return _once(places)


def ask_for(places: Sequence[Place], ask: Ask) -> Findings:
    """Ask the switches for the places, by whichever way leads to them."""
    return _findings(_answers(places, ask))


def check_places(group: Group, fields: Collection[str], settings: Settings, ask: Ask) -> Findings:
    """Ask the switches for the places that these fields of a group name: what every entrance does before a save.

    ``group`` has the fields as they are to be. Ask outside of a transaction: a switch may take seconds to answer.
    """
    answers = _answers(places_named(group, fields, settings), ask)
    by_field = {
        name: place.sentence(answers[place])
        for name in fields
        for place in places_named(group, [name], settings)
        if place.must and answers[place].is_missing
    }
    return replace(_findings(answers), by_field=by_field)


def _answers(places: Sequence[Place], ask: Ask) -> dict[Place, Checked]:
    return dict(zip(places, ask([place.question for place in places]), strict=True))


def _findings(answers: Mapping[Place, Checked]) -> Findings:
    found: list[str] = []
    warnings: list[str] = []
    missing: list[str] = []
    for place, checked in answers.items():
        doubtful = missing if place.must and checked.is_missing else warnings
        sort = found if checked.answer is Answer.FOUND and checked.everywhere else doubtful
        sort.append(place.sentence(checked))
    return Findings(tuple(found), tuple(warnings), tuple(missing))


def _destinations(group: Group, kind: DestinationKind) -> list[Destination]:
    return [destination for destination in group.destinations if destination.kind is kind]


def _once(places: Sequence[Place]) -> list[Place]:
    """A box is one whatever names it; a number may be asked for in several contexts."""
    return list({(place.name, place.question): place for place in places}.values())


def _why(checked: Checked) -> str:
    return f" ({checked.why})" if checked.why else ""
