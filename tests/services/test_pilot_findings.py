"""Whether callers of the pilots get to fshunt, as each switch has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.group import Group
from fshunt.services import pilot_findings
from fshunt.services.findings import MAX_NAMED, Finding
from fshunt.services.pilot_findings import PilotFindings, pilots_at
from fshunt.services.switch_checks import Checked, Question, QuestionKind
from fshunt.settings import Settings, WatchedSwitch

DOMAIN = "pbx.test"
LED_HERE = Checked(Answer.FOUND, "extension fshunt-pilots", controlled=True, controllers=("127.0.0.1:8084",))
BY_TABLE = Checked(Answer.UNKNOWN, "extension fshunt-pilots", controlled=True, controllers=("127.0.0.1:8084",))
MISSING = Checked(Answer.NOT_FOUND, "in context default")
TAKEN = Checked(Answer.FOUND, "extension ivr_demo, context default", before_ours=True)
CATCH_ALL = Checked(Answer.FOUND, "extension acknowledge_call, context default")
A, B = (WatchedSwitch(host, 8021, Path("/password")) for host in ("192.0.2.1", "192.0.2.2"))

Answers = Mapping[str, Checked]


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch):
    """Look at pilots, with the answers of each switch by the pilot; what is not named is led here."""

    def on_all(switches: Sequence[WatchedSwitch], asked: Sequence[Question], connect: object) -> list[Checked]:
        (switch,) = switches
        missing_row = Checked(Answer.NOT_FOUND)
        return [
            missing_row if each.kind is QuestionKind.PILOT else answers[switch].get(each.arguments[0], LED_HERE)
            for each in asked
        ]

    def connect(_switch: WatchedSwitch) -> AbstractContextManager[None]:
        return nullcontext()

    answers: dict[WatchedSwitch, Answers] = {}
    monkeypatch.setattr(pilot_findings, "on_all", on_all)

    def run(pilots: Sequence[str], *said: Answers) -> PilotFindings:
        answers.update(zip((A, B), said, strict=False))
        groups = [Group(id=int(each), domain=DOMAIN, pilot=each) for each in pilots]
        return pilots_at((A, B)[: len(said)], groups, Settings(), connect)

    return run


def whats(found: PilotFindings) -> list[str]:
    return [each.what for each in found.findings]


def test_pilots_that_lead_to_fshunt_are_no_finding(look) -> None:
    assert look(["5000", "5001"], {}) == PilotFindings((), ("127.0.0.1:8084",))


def test_pilots_that_are_not_in_the_dialplan_are_one_finding(look) -> None:
    (one,) = look(["5000", "5001"], {"5001": MISSING}).findings
    assert one.what == "Pilot 5001 is not in the loaded dialplan, context default."
    assert "`fshunt dialplan --table --out FILE --reload`" in one.mend
    both = look(["5000", "5001"], {"5001": MISSING, "5000": MISSING})
    assert whats(both) == ["Pilots 5000, 5001 are not in the loaded dialplan, context default."]
    numbers = [str(5000 + number) for number in range(MAX_NAMED + 3)]
    (many,) = whats(look(numbers, dict.fromkeys(numbers, MISSING)))
    assert f"{numbers[MAX_NAMED - 1]} and 3 more" in many
    assert numbers[MAX_NAMED] not in many


def test_where_our_dialplan_is_not_loaded_this_is_told_and_not_what_takes_every_number(look) -> None:
    (one,) = look(["5000", "5001"], {"5000": CATCH_ALL, "5001": CATCH_ALL}).findings
    assert one.what == "Pilots 5000, 5001 are not in the loaded dialplan, context default."
    assert one.why == "Callers do not get to fshunt, but to extension acknowledge_call."
    assert one.mend.startswith("Write and load it by `fshunt setup`")


def test_what_stands_before_a_pilot_is_named(look) -> None:
    (one,) = look(["5000"], {"5000": TAKEN}).findings
    assert one.is_problem
    assert one.what == "Calls to 5000 are taken by extension ivr_demo, context default, which stands before fshunt's."
    assert "`fshunt group renumber 5000 NEW`" in one.mend


def test_a_pilot_that_cannot_be_looked_for_is_a_note(look) -> None:
    found: tuple[Finding, ...] = look(["5000", "5001"], {"5000": Checked(Answer.UNKNOWN, "it depends")}).findings
    assert [(each.what, each.is_problem) for each in found] == [("Pilot 5000 is not checked: it depends.", False)]


def test_each_switch_has_a_dialplan_of_its_own(look) -> None:
    assert whats(look(["5000"], {"5000": MISSING}, {"5000": MISSING})) == [
        "Pilot 5000 is not in the loaded dialplan, context default."
    ]
    assert whats(look(["5000"], {}, {"5000": MISSING})) == [
        f"Switch {B.name}: pilot 5000 is not in the loaded dialplan, context default."
    ]
    assert whats(look(["5000"], {"5000": TAKEN}, {})) == [
        f"Switch {A.name}: {whats(look(['5000'], {'5000': TAKEN}))[0].replace('Calls', 'calls')}"
    ]
    one_table = look(["5000"], {}, {"5000": BY_TABLE})
    assert whats(one_table) == [f"Switch {B.name}: pilot 5000 is not in the switch's table of pilots."]
    assert one_table.by_table
