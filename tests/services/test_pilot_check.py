"""What becomes of calls to a number that may become a pilot."""

from __future__ import annotations

import pytest

from fshunt.db.engine import Store
from fshunt.errors import BadValue, Conflict
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.addresses import parse_member
from fshunt.services import groups, members
from fshunt.services.pilot_check import PilotCheck, PilotState, check_pilot_at_switches
from fshunt.services.switch_checks import Checked, Question, QuestionKind
from fshunt.settings import Settings

DOMAIN = "pbx.test"
NOBODY = Checked(Answer.NOT_FOUND)
HERE = Checked(Answer.FOUND, "extension fshunt, context default", controlled=True)


def checked(number: Checked, user: Checked = NOBODY, **settings: str) -> PilotCheck:
    asked: list[Question] = []

    def ask(questions: object) -> list[Checked]:
        asked.extend(questions)  # type: ignore[call-overload]
        return [number, user]

    made = check_pilot_at_switches(DOMAIN, "5200", Settings(**settings), ask)  # type: ignore[arg-type]
    assert [each.kind for each in asked] == [QuestionKind.NUMBER, QuestionKind.USER]
    assert asked[0].arguments == ("5200", made.context)
    return made


@pytest.mark.parametrize(
    ("number", "user", "state"),
    [
        (HERE, NOBODY, PilotState.LED_HERE),
        (HERE, Checked(Answer.FOUND), PilotState.LED_HERE),
        (Checked(Answer.FOUND, "extension ivr_demo, context default"), NOBODY, PilotState.DEMONSTRATION),
        (Checked(Answer.FOUND, "extension Reception, context default"), NOBODY, PilotState.OTHERWISE),
        (
            Checked(Answer.FOUND, "extension catch_all, context default", after_the_table=True),
            NOBODY,
            PilotState.LED_HERE,
        ),
        (Checked(Answer.FOUND, "extension Local_Extension, context default"), Checked(Answer.FOUND), PilotState.USER),
        (NOBODY, NOBODY, PilotState.NOT_THERE),
        (Checked(Answer.UNKNOWN, "no daemon watches a switch"), Checked(Answer.UNKNOWN), PilotState.UNKNOWN),
    ],
)
def test_what_the_switches_do_with_a_number(number: Checked, user: Checked, state: PilotState) -> None:
    assert checked(number, user).state is state


def test_the_context_is_that_of_the_settings() -> None:
    assert checked(HERE).context == "default"
    assert checked(HERE, transfer_context="internal").context == "internal"


def test_a_number_is_free_unless_a_group_or_a_member_of_the_domain_has_it(store: Store) -> None:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5000")
        members.add_members(s, DOMAIN, "5000", [parse_member("1001")])
    with store.reading() as s:
        groups.check_pilot_is_free(s, DOMAIN, "5200")
        groups.check_pilot_is_free(s, "new.test", "5000")
        for taken in ("5000", "1001"):
            with pytest.raises(Conflict):
                groups.check_pilot_is_free(s, DOMAIN, taken)
        with pytest.raises(BadValue):
            groups.check_pilot_is_free(s, DOMAIN, "50 00")
