"""The questions to a switch, and what its answers mean."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fshunt.errors import BadValue, Conflict, FshuntError
from fshunt.esl.commands import Command
from fshunt.esl.frames import API_RESPONSE, Frame
from fshunt.freeswitch.dialplan import write_table_dialplan
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.group import Group
from fshunt.services import switch_checks
from fshunt.services.destination_checks import Findings, ask_for, places_named, places_of
from fshunt.services.switch_checks import Checked, Question, QuestionKind, on_all
from fshunt.settings import Settings, WatchedSwitch

DOMAIN = "pbx.test"
NOTHING = "-ERR no reply\n"
FOUND, NOT_FOUND, UNKNOWN = Answer.FOUND, Answer.NOT_FOUND, Answer.UNKNOWN


class FakeSwitch:
    """Answers each command by the first word after ``api``, or by the whole line."""

    def __init__(self, **answers: str) -> None:
        self.answers, self.asked = answers, list[str]()

    def send(self, command: Command, timeout: float) -> Frame:
        return self.send_all([command], timeout)[0]

    def send_all(self, said: Sequence[Command], timeout: float) -> list[Frame]:
        lines = [command.lines[0].removeprefix("api ") for command in said]
        self.asked += lines
        return [Frame(b"", self._answer(line).encode(), API_RESPONSE) for line in lines]

    def _answer(self, line: str) -> str:
        word = line.split()[0]
        return self.answers["enabled" if line.endswith("param vm-enabled") else word]


def box(user_data: str = "1005", enabled: str = NOTHING, vm_boxcount: str = "0") -> Checked:
    switch = FakeSwitch(user_data=user_data, enabled=enabled, vm_boxcount=vm_boxcount)
    found = switch_checks.check_box(switch, "1005", DOMAIN, "default")
    assert switch.asked == [
        "user_data 1005@pbx.test attr id",
        "user_data 1005@pbx.test param vm-enabled",
        "vm_boxcount default/1005@pbx.test",
    ]
    return found


def test_a_box_is_a_user_with_voicemail_on_a_switch_that_has_voicemail():
    assert box().answer is FOUND
    assert box(user_data="1000").answer is FOUND, "by its number-alias"
    assert box(enabled="true").answer is FOUND
    assert box(user_data=NOTHING) == Checked(NOT_FOUND, "user 1005@pbx.test is not in the directory")
    assert box(enabled="false") == Checked(NOT_FOUND, "voicemail of user 1005@pbx.test is off (vm-enabled)")
    assert box(vm_boxcount="-ERR No such profile\n") == Checked(NOT_FOUND, "mod_voicemail has no profile default")
    assert box(vm_boxcount="-ERR vm_boxcount Command not found!\n") == Checked(NOT_FOUND, "mod_voicemail is not loaded")


def test_what_a_switch_cannot_answer_is_unknown():
    assert box(user_data="-ERR user_data Command not found!\n").answer is UNKNOWN
    assert switch_checks.check_domain(FakeSwitch(domain_exists="-ERR odd"), DOMAIN).answer is UNKNOWN


def test_a_domain_and_a_user():
    assert switch_checks.check_domain(FakeSwitch(domain_exists="true"), DOMAIN).answer is FOUND
    assert switch_checks.check_domain(FakeSwitch(domain_exists="false"), DOMAIN).is_missing
    assert switch_checks.check_user(FakeSwitch(user_data="1001"), "1001", DOMAIN).answer is FOUND
    assert switch_checks.check_user(FakeSwitch(user_data=NOTHING), "1001", DOMAIN).is_missing


CONTEXT = (
    '<context name="default"><extension name="local"><condition field="destination_number" expression="^1...$">'
    '<action application="bridge" data="user/$1"/></condition></extension></context>'
)


def test_a_number_is_looked_for_in_the_context():
    switch = FakeSwitch(xml_locate=CONTEXT)
    assert switch_checks.check_number(switch, "1001", "default") == Checked(FOUND, "extension local, context default")
    assert switch.asked == ["xml_locate dialplan context name default"]
    assert switch_checks.check_number(switch, "4711", "default") == Checked(NOT_FOUND, "in context default")
    unseen = switch_checks.check_number(FakeSwitch(xml_locate="can't find anything\n"), "1001", "sales")
    assert unseen == Checked(UNKNOWN, "the switch does not show context sales")


def test_several_switches_are_taken_together(monkeypatch):
    answers = {"a": Checked(FOUND), "b": Checked(NOT_FOUND, "no"), "c": Checked(UNKNOWN, "off")}
    monkeypatch.setattr(switch_checks, "_on_one", lambda switch, *_asked: [answers[switch.name]])

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    def together(names: str) -> Checked:
        return switch_checks.on_all([Named(name) for name in names], [Question(QuestionKind.DOMAIN, (DOMAIN,))])[0]

    assert together("a") == Checked(FOUND)
    assert together("ab") == Checked(FOUND, "but not on switch b", everywhere=False)
    assert together("b") == together("bb") == Checked(NOT_FOUND, "no")
    assert together("bc") == Checked(UNKNOWN, "off")
    assert together("ac") == Checked(FOUND)
    assert together("") == Checked(UNKNOWN, "no [[switch]] is configured")


def test_the_fields_that_are_set_name_the_places_that_are_asked_for():
    group = Group(
        id=1,
        domain=DOMAIN,
        pilot="5000",
        voicemail="1005",
        on_busy=parse_destination("voicemail:1005"),
        on_no_answer=parse_destination("transfer:4711"),
    )
    settings = Settings()

    def named(*fields: str) -> list[str]:
        return [place.name for place in places_named(group, fields, settings)]

    assert named("voicemail", "on_busy", "on_no_answer", "name") == ["Voicemail box 1005 of pbx.test", "Number 4711"]
    assert named("transfer_context") == ["Number 4711"]
    assert named("name", "on_unreachable") == []
    everything = [place.name for place in places_of([group], Settings(fallback_box="1020"))]
    assert everything == [
        "Domain pbx.test",
        "Voicemail box 1005 of pbx.test",
        "Voicemail box 1020 of pbx.test",
        "Number 4711",
    ]


def test_without_a_switch_nothing_is_refused_and_all_is_not_checked():
    group = Group(id=1, domain=DOMAIN, pilot="5000", voicemail="1005")
    findings = ask_for(places_named(group, {"voicemail"}, Settings()), partial(on_all, ()))
    sentence = "Voicemail box 1005 of pbx.test: not checked (no [[switch]] is configured)."
    assert findings.check(force=False) == Findings(warnings=(sentence,))


def test_what_must_be_there_and_is_missing_is_refused_unless_forced():
    findings = Findings(missing=("Voicemail box 1005 of pbx.test: not found (no user).",))
    with pytest.raises(Conflict, match=r"answered and then cut: .* --force"):
        findings.check(force=False)
    assert findings.check(force=True) == Findings(warnings=findings.missing)


def test_a_question_that_is_written_down_asks_the_same():
    switch = FakeSwitch(xml_locate=CONTEXT, domain_exists="true", user_data="1001")
    assert Question(QuestionKind.NUMBER, ("1001", "default")).put(switch).answer is FOUND
    assert Question(QuestionKind.DOMAIN, (DOMAIN,)).put(switch).answer is FOUND
    assert Question(QuestionKind.USER, ("1001", DOMAIN)).put(switch).answer is FOUND


@pytest.mark.parametrize(
    "arguments", [("1001;shutdown", DOMAIN), ("1001", "pbx.test reload"), ("1001",), ("1001", DOMAIN, "default")]
)
def test_a_question_with_other_arguments_reaches_no_switch(arguments):
    switch = FakeSwitch()
    with pytest.raises(BadValue):
        Question(QuestionKind.USER, arguments).put(switch)
    assert switch.asked == []


def test_a_number_may_be_one_that_keys_dial_and_else_has_no_plus_inside():
    switch = FakeSwitch(xml_locate=CONTEXT)
    assert Question(QuestionKind.NUMBER, ("block+1001", "default")).put(switch).answer is not FOUND
    for number in ("1001+5000", "block+", "block+1001+5000", "block+1001;shutdown", "block+block+1001"):
        with pytest.raises(BadValue):
            Question(QuestionKind.NUMBER, (number, "default")).check()


def test_an_error_in_a_file_is_no_success():
    @contextmanager
    def connect(_switch):
        yield FakeSwitch(reloadxml=said)

    switch, said = WatchedSwitch("192.0.2.1", 8021, Path("/password")), "+OK [Success]\n"
    switch_checks.reload_xml(switch, connect)
    said = "+OK [[error near line 2]: unclosed <!--]\n"
    with pytest.raises(FshuntError, match=r"did not load its files: .*unclosed"):
        switch_checks.reload_xml(switch, connect)


class TableSwitch(FakeSwitch):
    """One whose dialplan reads the table of pilots, and has an extension for 1001 after it."""

    def __init__(self, *rows: str) -> None:
        text = write_table_dialplan(controllers=["127.0.0.1:8084"], voicemail_profile="default", codes=Settings().codes)
        context = ElementTree.fromstring(text)
        context.tag = "context"
        user = ElementTree.SubElement(context, "extension", name="user")
        condition = ElementTree.SubElement(user, "condition", field="destination_number", expression="^1001$")
        ElementTree.SubElement(condition, "action", application="bridge", data="user/1001")
        super().__init__(xml_locate=ElementTree.tostring(context, encoding="unicode"))
        self.rows = rows

    def _answer(self, line: str) -> str:
        if line.startswith("db select/fshunt/"):
            return "pbx.test|1001" if line.removeprefix("db select/fshunt/") in self.rows else NOTHING
        return super()._answer(line)


def test_the_table_of_pilots_decides_whether_a_number_is_led_here():
    def look(number: str, *rows: str) -> Checked:
        return switch_checks.check_number(TableSwitch(*rows), number, "default")

    ours = ("127.0.0.1:8084",)
    there = look("5000", "5000@pbx.test", "5000")
    assert (there.answer, there.controlled, there.controllers) == (FOUND, True, ours)
    not_yet = look("5000")
    assert (not_yet.answer, not_yet.controlled, not_yet.controllers) == (UNKNOWN, True, ours)
    users = look("1001")
    assert (users.answer, users.controlled, users.why) == (FOUND, False, "extension user, context default")
    assert look("1001", "1001").controlled, "the table stands before it"


def test_the_table_is_asked_for_a_pilot_of_a_domain():
    switch = TableSwitch("5000@pbx.test")
    assert Question(QuestionKind.PILOT, ("5000", DOMAIN)).put(switch).answer is FOUND
    assert Question(QuestionKind.PILOT, ("5001", DOMAIN)).put(switch).why == (
        "pilot 5001 of pbx.test is not in its table of pilots"
    )
    assert Question(QuestionKind.PILOT, ("5000", "b.test")).put(switch).is_missing


def test_the_dialplan_is_read_once_for_all_numbers():
    switch = TableSwitch("5000")

    @contextmanager
    def connect(_switch):
        yield switch

    asked = [Question(QuestionKind.NUMBER, (number, "default")) for number in ("5000", "5001", "1001")]
    found = on_all([WatchedSwitch("192.0.2.1", 8021, Path("/password"))], asked, connect)
    assert [each.answer for each in found] == [FOUND, UNKNOWN, FOUND]
    assert [line for line in switch.asked if line.startswith("xml_locate")] == [
        "xml_locate dialplan context name default"
    ]
