"""What a new administrator is told before the first caller finds it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from fshunt.esl.commands import Command
from fshunt.esl.frames import Frame
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.services.first_calls import domain_findings, member_findings, phone_findings, switch_findings
from fshunt.services.switch_checks import FOUND, Checked, Question
from fshunt.settings import Settings, WatchedSwitch

DOMAIN = "pbx.test"
MISSING = Checked(Answer.NOT_FOUND, "in context default")


def group(pilot: str, *members: str, domain: str = DOMAIN) -> Group:
    listed = [Member(id=at, position=at, address=parse_member(text)) for at, text in enumerate(members, 1)]
    return Group(id=int(pilot), domain=domain, pilot=pilot, members=tuple(listed))


class Switches:
    """Answers by the first argument of a question, and notes what it was asked."""

    def __init__(self, answers: Mapping[str, Checked], otherwise: Checked) -> None:
        self.answers, self.otherwise = answers, otherwise
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, questions: Sequence[Question]) -> list[Checked]:
        self.asked += [each.check().arguments for each in questions]
        return [self.answers.get(each.arguments[0], self.otherwise) for each in questions]


def test_members_without_a_user_are_named_by_domain() -> None:
    groups = [
        group("5000", "1001", "1007", "+14155550123@carrier"),
        group("5001", "1007", "1008"),
        group("6000", "1007", domain="other.test"),
    ]
    switches = Switches({"1007": MISSING, "1008": MISSING}, FOUND)
    found = member_findings(groups, switches)
    assert sorted(switches.asked) == [
        ("1001", DOMAIN),
        ("1007", "other.test"),
        ("1007", DOMAIN),
        ("1008", DOMAIN),
    ], "each once, and no external number"
    assert [each.what for each in found] == [
        "The directory has no user 1007 in other.test.",
        f"The directory has no users 1007, 1008 in {DOMAIN}.",
    ]
    assert "`fshunt member remove 6000 1007 --domain other.test`" in found[0].mend


def test_members_of_whom_no_switch_tells_are_a_note() -> None:
    away = Checked(Answer.UNKNOWN, "switch b did not answer: timed out")
    (one,) = member_findings([group("5000", "1001", "1002")], Switches({"1002": away}, FOUND))
    assert one.what == "Not checked: 1002@pbx.test: switch b did not answer: timed out."
    assert not one.is_problem


@pytest.mark.parametrize(
    ("phones", "said"),
    [
        ({("1001", DOMAIN)}, None),
        ({("1001", "192.0.2.5")}, None),
        (set(), "No member of pbx.test has a phone that is registered."),
        ({("1009", "sip.test")}, "No member of pbx.test has a phone that is registered."),
        (
            {("1001", "sip.test"), ("1009", DOMAIN)},
            (
                "No member of pbx.test has a phone that is registered there; phones of these numbers are registered in "
                "sip.test."
            ),
        ),
    ],
    ids=["there", "at an address", "none", "others elsewhere", "elsewhere"],
)
def test_a_domain_of_which_no_member_has_a_phone(phones: set[tuple[str, str]], said: str | None) -> None:
    groups = [group("5000", "1001", "1002"), group("5001")]
    found = list(phone_findings(groups, phones))
    assert [each.what for each in found] == ([] if said is None else [said])
    if said is not None and "sip.test" in said:
        assert "`fshunt domain rename pbx.test sip.test`" in found[0].mend
        both = [*groups, group("6000", "1009", domain="sip.test")]
        assert "`fshunt group add PILOT --domain sip.test`" in next(phone_findings(both, phones)).mend


def test_a_domain_that_the_directory_lacks_is_told_once_for_all_members() -> None:
    """As where the host's address, which is the domain of FreeSWITCH's example configuration, has changed."""
    old, new = "192.0.2.10", "198.51.100.7"
    groups = [group("5000", "1001", "1002", domain=old)]
    one = domain_findings([old, new], Switches({old: MISSING}, FOUND)).pop(old)
    assert one.what == f"The directory has no domain {old}."
    assert f"`fshunt domain rename {old} NEW`" in one.mend
    (other,) = phone_findings(groups, {("1001", new)}, {old})
    assert f"`fshunt domain rename {old} {new}`" in other.mend
    assert list(phone_findings(groups, {("1001", new)})) == [], "an address of the switch is of a domain that it knows"


class WithoutSofia:
    """A switch that knows no command of its SIP module."""

    def send(self, command: Command, timeout: float) -> Frame:
        return Frame(b"Content-Type: api/response", b"-ERR sofia xmlstatus Command not found!\n")

    def send_all(self, said: Sequence[Command], timeout: float) -> list[Frame]:
        return [self.send(each, timeout) for each in said]


def test_a_switch_without_its_sip_module_is_a_problem() -> None:
    settings = Settings(switch=(WatchedSwitch("127.0.0.1", 8021, Path("/nowhere")),))
    (found,), (not_asked,) = switch_findings([group("5000", "1001")], settings, lambda _: nullcontext(WithoutSofia()))
    assert found.is_problem
    assert found.what == "Switch 127.0.0.1:8021: FreeSWITCH has not loaded its SIP module, mod_sofia."
    assert not_asked == "Not checked at switch 127.0.0.1:8021: no phone can register there."
