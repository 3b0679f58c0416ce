"""What a page says of a number that may become a pilot: whether it is free, and whether calls to it come here."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext

from fshunt.errors import BadValue, Conflict
from fshunt.services import groups
from fshunt.services.pilot_check import PilotCheck, PilotState, check_pilot_at_switches
from fshunt.services.questions import Questions
from fshunt.web.parts import parts
from fshunt.web.sentences import in_language
from fshunt.web.signed_in import reading


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence, and its kind: `good`, `warn`, `bad`, or none of them."""

    kind: str
    sentence: str


def pilot_told(domain: str, pilot: str) -> Told:
    """Return what is known of a number: first of the database, then of the switches, which a daemon asks."""
    try:
        with reading() as s:
            groups.check_pilot_is_free(s, domain, pilot)
        check = check_pilot_at_switches(domain, pilot, parts().settings, Questions(parts().store).check)
    except (BadValue, Conflict) as error:
        return Told("bad", in_language(str(error)))
    return _told(pilot, check)


def _told(pilot: str, check: PilotCheck) -> Told:
    why = in_language(check.why)
    if check.state is PilotState.LED_HERE:
        return Told(
            "good", gettext("%(pilot)s is free, and the dialplan leads it to fshunt (%(why)s).", pilot=pilot, why=why)
        )
    if check.state is PilotState.USER:
        return Told(
            "warn", gettext("%(pilot)s is a phone of this domain: callers would not reach it any more.", pilot=pilot)
        )
    if check.state is PilotState.DEMONSTRATION:
        text = gettext(
            "%(pilot)s is a demonstration of FreeSWITCH (%(why)s): callers reach that, until it is removed.",
            pilot=pilot,
            why=why,
        )
        return Told("warn", text)
    if check.state is PilotState.OTHERWISE:
        text = gettext(
            "The dialplan takes %(pilot)s for something else (%(why)s): callers do not reach a group there.",
            pilot=pilot,
            why=why,
        )
        return Told("warn", text)
    if check.state is PilotState.NOT_THERE:
        text = gettext(
            "%(pilot)s is free, but not in the dialplan (context %(context)s): `fshunt dialplan` writes it.",
            pilot=pilot,
            context=check.context,
        )
        return Told("warn", text)
    text = gettext(
        "%(pilot)s is free. Whether the dialplan leads it here cannot be checked: %(why)s.", pilot=pilot, why=why
    )
    return Told("", text)
