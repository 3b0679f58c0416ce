"""Members of a group's page by name: one search field adds them, and each can be invited."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from fshunt.db.engine import Store
from fshunt.errors import UsageError
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.freeswitch.directory_list import DirectoryUser
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member
from fshunt.hunting.limits import NO_LIMITS, Limits
from fshunt.services import accounts, audit, groups, limits, members
from fshunt.services.questions import NO_DAEMON, Listing
from fshunt.services.switch_checks import Checked, Question
from fshunt.web import names as names_module
from fshunt.web.names import NAMES, UNKNOWN_SECONDS, Known, Names, called
from fshunt.web.pages import group_members
from tests.web.group_forms import PAGE, followed, form_of
from tests.web.people import DOMAIN, MEMBER, OTHER_PILOT, PILOT, Browser

ADD, INVITE = f"{PAGE}/members/add", f"{PAGE}/members/invite"
USERS = [
    DirectoryUser("1001", "Ana"),
    DirectoryUser("1003", "Ben"),
    DirectoryUser("2001", "Benita"),
    DirectoryUser("1009"),
]
LINK = re.compile(r'<code class="secret">([^<]+)</code>')


class Directory:
    """A daemon that says what the directory has; ``unknown``: why it cannot."""

    unknown: str | None = None

    def __init__(self, _store: Store | None = None) -> None:
        self.asked = 0

    def directory(self, _domain: str, text: str) -> Listing:
        if self.unknown is not None:
            return Listing(unknown=self.unknown)
        found = [user for user in USERS if text in user.number or text.lower() in user.name.lower()]
        return Listing(tuple(found))

    def check(self, questions: list[Question]) -> list[Checked]:
        """It knows one user whom it does not list."""
        found = [question.arguments[0] == "1666" for question in questions]
        return [Checked(Answer.FOUND if each else Answer.NOT_FOUND) for each in found]

    def names(self, wanted: list[tuple[str, list[str]]]) -> list[Listing]:
        self.asked += 1
        return [
            Listing(unknown=self.unknown)
            if self.unknown is not None
            else Listing(tuple(user for user in USERS if user.number in extensions))
            for _domain, extensions in wanted
        ]


@pytest.fixture
def directory(app: Flask, monkeypatch: pytest.MonkeyPatch) -> type[Directory]:
    """The switch's directory, which a daemon can ask."""
    monkeypatch.setattr(Directory, "unknown", None)
    monkeypatch.setattr(group_members, "Questions", Directory)
    app.extensions[NAMES] = Names(Directory())  # type: ignore[arg-type]
    return Directory


def extensions(store: Store) -> list[str]:
    with store.reading() as s:
        return [member.extension for member in groups.get_group(s, DOMAIN, PILOT).members]


def add(browser: Browser, text: str, **more: str):
    browser.get(PAGE)
    return browser.send(ADD, {"member": text, **more})


def test_members_stand_with_their_names(admin: Browser, directory: type[Directory]) -> None:
    text = admin.get(PAGE).text
    assert text.count('<span class="name">Ana</span>') == 2, "now, and in the list of members"
    assert "Next caller rings Ana 1001, then 1002." in text
    assert "Voicemail of Ana 1001" in text
    assert 'aria-label="Move 1001 down"' in text


NOT_CHECKED = "No switch could say whether the phone system has this number."


def test_a_number_of_the_directory_is_added_at_once(admin: Browser, office: Store, directory: type[Directory]) -> None:
    assert add(admin, "1003").status_code == 303
    assert extensions(office) == ["1001", "1002", "1003"]
    text = followed(admin).text
    assert "1003 added" in text
    assert NOT_CHECKED not in text


def test_a_name_shows_whom_it_may_mean_and_one_click_adds(
    admin: Browser, office: Store, directory: type[Directory]
) -> None:
    page = add(admin, "ben")
    assert page.status_code == 422
    assert "Choose whom you mean." in page.text
    assert 'aria-label="Add Ben 1003"' in page.text
    assert "is in another group" in page.text, "Benita, in a group of others"
    assert OTHER_PILOT not in page.text
    assert 'value="ben"' in page.text
    assert admin.send(ADD, {"member": "1003", "anyway": "yes"}).status_code == 303
    assert extensions(office)[-1] == "1003"


def test_what_the_directory_does_not_have_is_added_only_if_one_says_so(
    admin: Browser, office: Store, directory: type[Directory]
) -> None:
    page = add(admin, "1777")
    assert f"The phone system has nobody of {DOMAIN} with this number or name." in page.text
    assert "Add 1777 all the same" in page.text
    assert admin.send(ADD, {"member": "1777", "anyway": "yes"}).status_code == 303
    assert extensions(office)[-1] == "1777"


def test_a_number_that_the_directory_has_but_does_not_list_is_added_at_once(
    admin: Browser, office: Store, directory: type[Directory]
) -> None:
    assert add(admin, "1666").status_code == 303
    assert extensions(office)[-1] == "1666"


def test_an_external_number_is_offered_with_the_gateways_that_are_allowed(
    admin: Browser, office: Store, directory: type[Directory]
) -> None:
    with office.writing() as s:
        limits.set_limits(s, DOMAIN, PILOT, Limits(gateways=("cheap", "dear")))
    page = add(admin, "+49 30 123456")
    assert 'value="+4930123456@cheap"' in page.text
    assert 'value="+4930123456@dear"' in page.text
    with office.writing() as s:
        limits.set_limits(s, DOMAIN, PILOT, Limits(max_external_members=0, gateways=("cheap",)))
    assert "@cheap" not in add(admin, "+4930123456").text


def test_suggestions_are_options_of_a_list_and_say_where_somebody_is(
    admin: Browser, directory: type[Directory]
) -> None:
    text = admin.get(f"{PAGE}/members/search", {"q": "an"}).text
    assert 'role="option"' in text
    assert 'data-value="1001" aria-disabled="true"' in text
    assert "is a member already" in text
    assert admin.get(f"{PAGE}/members/search", {"q": ""}).text.strip() == ""
    assert admin.get(f"/groups/{DOMAIN}/{OTHER_PILOT}/members/search", {"q": "an"}).status_code == 404


def test_without_a_daemon_numbers_are_added_as_they_are_typed(
    admin: Browser, office: Store, directory: type[Directory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Directory, "unknown", NO_DAEMON)
    assert 'data-value="1002"' in admin.get(f"{PAGE}/members/search", {"q": "100"}).text, "members that are seen"
    assert add(admin, "1888").status_code == 303
    assert NOT_CHECKED in followed(admin).text
    assert extensions(office)[-1] == "1888"
    with office.writing() as s:
        limits.set_limits(s, DOMAIN, PILOT, NO_LIMITS)
    assert add(admin, "+4930123456@carrier").status_code == 303
    assert NOT_CHECKED not in followed(admin).text, "no directory has it"


def test_names_are_asked_for_once_and_after_no_answer_only_later(office: Store) -> None:
    now = 0.0
    directory = Directory()
    known = Names(directory, lambda: now)  # type: ignore[arg-type]
    with office.reading() as s:
        group = groups.get_group(s, DOMAIN, PILOT)
    directory.unknown = NO_DAEMON
    assert [known.of(group), known.of(group)] == [{}, {}]
    assert directory.asked == 1
    directory.unknown = None
    now = UNKNOWN_SECONDS
    assert [known.of(group), known.of(group)] == [{"1001": "Ana"}] * 2
    assert directory.asked == 2
    assert [called(member, known.of(group)) for member in group.members] == ["Ana 1001", "1002"]


@pytest.mark.parametrize(
    ("words", "found"), [("ana", True), ("ANA sales", True), ("ben", False), ("ana hidden", False)]
)
def test_a_group_is_found_by_the_name_of_a_member(
    admin: Browser, directory: type[Directory], words: str, found: bool
) -> None:
    text = admin.get("/", query={"q": words}).text
    assert (f"{DOMAIN}/{PILOT}" in text) is found
    assert "did not say the names" not in text


def test_where_the_directory_does_not_answer_a_search_says_so(admin: Browser, directory: type[Directory]) -> None:
    directory.unknown = NO_DAEMON
    text = admin.get("/", query={"q": "sales"}).text
    assert f"{DOMAIN}/{PILOT}" in text
    assert "the phone system did not say the names of all" in text
    assert "did not say the names" not in admin.get("/", query={"q": "1001"}).text


def test_names_of_too_many_members_are_looked_for_in_a_domain_that_is_named(
    app: Flask, admin: Browser, directory: type[Directory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names_module, "MAX_SEARCHED", 1)
    text = admin.get("/", query={"q": "ana"}).text
    assert f"{DOMAIN}/{PILOT}" not in text
    assert "Add the domain to the search." in text
    ana = Member(id=1, position=1, address=parse_member("1001"))
    of_two_domains = [
        Group(number, domain, PILOT, members=(ana,)) for number, domain in enumerate(("a.test", "b.test"))
    ]
    known = app.extensions[NAMES].for_search(of_two_domains, "ana B.test")
    assert known == Known({("b.test", "1001"): "Ana"})


def test_names_of_many_members_are_asked_for_in_parts(office: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "MAX_NAMED", 1)
    directory = Directory()
    with office.reading() as s:
        known = Names(directory).of_groups(groups.list_groups(s, DOMAIN))  # type: ignore[arg-type]
    assert (known, directory.asked) == (Known({(DOMAIN, "1001"): "Ana", (DOMAIN, "2001"): "Benita"}), 1)


def test_an_administrator_invites_a_member_and_the_link_is_shown_once(
    app: Flask, admin: Browser, office: Store
) -> None:
    assert "Link for a new password" in admin.get(PAGE).text, "1001 has an account"
    assert "Invite to the member" in admin.page.text, "1002 has none"
    page = admin.send(INVITE, {"extension": "1002"})
    assert page.status_code == 200
    link = LINK.search(page.text)
    assert link is not None
    somebody = Browser(app)
    assert somebody.get(link[1].removeprefix("https://localhost")).status_code == 200
    assert link[1] not in admin.get(PAGE).text
    assert "Make another invitation" in admin.page.text
    with office.reading() as s:
        assert accounts.get_user(s, f"1002@{DOMAIN}").extension == "1002"
        change = audit.history(s, subject=audit.Subject.INVITATION, limit=1)[0]
        assert (change.actor, change.key) == ("omar", f"1002@{DOMAIN}")


def test_who_is_no_member_of_ones_groups_cannot_be_invited(admin: Browser, member: Browser, office: Store) -> None:
    with office.writing() as s:
        members.add_members(s, DOMAIN, PILOT, [parse_member("+4930@carrier")])
    admin.get(PAGE)
    assert "is not a member of 5000" in admin.send(INVITE, {"extension": "2001"}).text
    assert "is an external number" in admin.send(INVITE, {"extension": "+4930@carrier"}).text
    assert admin.send(f"/groups/{DOMAIN}/{OTHER_PILOT}/members/invite", {"extension": "2001"}).status_code == 404
    member.get("/me")
    assert member.send(INVITE, {"extension": "1002"}).status_code == 404
    with office.writing() as s:
        accounts.enable_user(s, MEMBER, False)
    assert "is disabled" in admin.send(INVITE, {"extension": "1001"}).text
    with office.writing() as s, pytest.raises(UsageError):
        accounts.invite_member(s, DOMAIN, "+4930@carrier")


def test_who_is_in_a_group_of_others_too_is_invited_by_a_provider(
    admin: Browser, provider: Browser, office: Store
) -> None:
    with office.writing() as s:
        members.add_members(s, DOMAIN, OTHER_PILOT, [parse_member("1001")], shared=True)
    shown = admin.get(PAGE).text
    assert shown.count(f'action="{INVITE}"') == 1, "that of 1002"
    assert "No invitation: 1001 is a member of a group of others, too" in shown
    page = admin.send(INVITE, {"extension": "1001"})
    assert page.status_code == 422
    assert "only a provider can make this invitation" in page.text
    assert LINK.search(page.text) is None
    assert provider.get(PAGE).text.count(f'action="{INVITE}"') == 2
    assert LINK.search(provider.send(INVITE, {"extension": "1001"}).text) is not None
    with office.writing() as s:
        accounts.enable_user(s, MEMBER, False)
    shown = provider.get(PAGE).text
    assert shown.count(f'action="{INVITE}"') == 1
    assert f"No invitation: {MEMBER} is disabled" in shown


def test_the_inputs_of_a_page_are_those_of_a_form(admin: Browser, directory: type[Directory]) -> None:
    assert form_of(admin.get(PAGE), ADD)["member"] == [""]
