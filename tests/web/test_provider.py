"""What providers alone do: groups, administrators, users, tokens, changes and the system."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import pytest

from fshunt.db.engine import Store
from fshunt.errors import NotFound
from fshunt.freeswitch.dialplan_lookup import Answer
from fshunt.hunting.group import Group
from fshunt.services import accounts, audit, groups
from fshunt.services.questions import Questions
from fshunt.services.switch_checks import Checked, Question, QuestionKind
from fshunt.services.users import Role, Scope
from fshunt.web import pilot_words
from tests.web.people import ADMIN, DOMAIN, MEMBER, OTHER_PILOT, PILOT, PROVIDER, Browser

ADMINISTRATION = f"/groups/{DOMAIN}/{PILOT}/administration"
NEW = {"domain": DOMAIN, "pilot": "7000", "name": "Support", "policy": "circular", "rings": "4", "admin": ADMIN}
MEMBERS = {"members": "1002, 1003\n+14155550123@carrier", "voicemail": "1003"}


def group(store: Store, pilot: str) -> Group:
    with store.reading() as s:
        return groups.get_group(s, DOMAIN, pilot)


def pilots(store: Store) -> list[str]:
    with store.reading() as s:
        return [each.pilot for each in groups.list_groups(s, DOMAIN)]


@pytest.mark.parametrize("path", ["/users", "/tokens", "/changes", "/system", "/groups/new"])
def test_the_pages_are_of_providers_alone(provider: Browser, admin: Browser, member: Browser, path: str) -> None:
    assert provider.get(path).status_code == 200
    assert [browser.get(path).status_code for browser in (admin, member)] == [403, 403]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/users", {"name": "eve", "role": "provider"}),
        ("/users/invite", {"name": PROVIDER}),
        ("/users/enable", {"name": PROVIDER, "enabled": "no"}),
        ("/users/remove", {"name": PROVIDER}),
        ("/tokens", {"user": PROVIDER, "name": "eve", "scopes": "users"}),
        ("/tokens/revoke", {"token": "1"}),
        ("/groups/new", NEW),
        (f"{ADMINISTRATION}/pilot", {"pilot": "7000"}),
        (f"{ADMINISTRATION}/grants", {"name": "eve", "granted": "yes"}),
        (f"{ADMINISTRATION}/invitations", {"name": "eve"}),
        (f"{ADMINISTRATION}/remove", {"pilot": PILOT}),
    ],
)
def test_nobody_else_changes_anything_there(
    admin: Browser, member: Browser, office: Store, path: str, fields: dict[str, str]
) -> None:
    with office.reading() as s:
        before = audit.history(s, limit=1)
    for browser in (admin, member):
        browser.get("/account")
        assert browser.send(path, fields).status_code in (403, 404)
    with office.reading() as s:
        assert audit.history(s, limit=1) == before


def test_a_new_group_comes_with_members_and_administrator(provider: Browser, office: Store) -> None:
    provider.get("/groups/new")
    answer = provider.send("/groups/new", NEW | {"members": "1008 1009", "voicemail": "1009"})
    assert answer.headers["Location"] == f"/groups/{DOMAIN}/7000"
    made = group(office, "7000")
    assert (made.name, made.policy, made.ring_time.rings, made.voicemail) == ("Support", "circular", 4, "1009")
    assert [member.extension for member in made.members] == ["1008", "1009"]
    with office.reading() as s:
        assert made.id in accounts.get_user(s, ADMIN).group_ids


def test_every_field_of_a_new_group_may_be_wrong_at_once(provider: Browser, office: Store) -> None:
    provider.get("/groups/new")
    wrong = {"domain": "a b", "pilot": "5000;", "rings": "many", "members": "10 01 x/y", "voicemail": "box!"}
    page = provider.send("/groups/new", NEW | wrong)
    assert page.status_code == 422
    assert page.text.count('class="field-error"') == len(wrong)
    assert all(value in page.text for value in wrong.values()), "nothing typed is lost"
    assert pilots(office) == [PILOT, OTHER_PILOT]


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"pilot": PILOT}, "pilot", "exists already"),
        ({"pilot": "1001"}, "pilot", "it cannot also be a pilot"),
        ({"members": "1001"}, "members", "already a member of 5000"),
        ({"members": "1009 1009"}, "members", "listed twice"),
        ({"rings": "0"}, "rings", "must be from 1 to 100, not 0"),
    ],
)
def test_what_a_service_refuses_is_beside_its_field(
    provider: Browser, office: Store, fields: dict[str, str], field: str, sentence: str
) -> None:
    provider.get("/groups/new")
    page = provider.send("/groups/new", NEW | fields)
    assert page.status_code == 422
    beside = re.search(rf'id="{field}-error">([^<]+)<', page.text)
    assert beside is not None
    assert sentence in beside[1]
    assert pilots(office) == [PILOT, OTHER_PILOT], "all or nothing"


def test_a_group_is_renumbered(provider: Browser, office: Store) -> None:
    provider.get(ADMINISTRATION)
    refused = provider.send(f"{ADMINISTRATION}/pilot", {"pilot": OTHER_PILOT})
    assert refused.status_code == 422
    assert "exists already" in refused.text
    answer = provider.send(f"{ADMINISTRATION}/pilot", {"pilot": "5500"})
    assert "Holds for the next call." in provider.get(answer.headers["Location"]).text
    assert pilots(office) == ["5500", OTHER_PILOT]


def test_a_group_is_given_and_taken_away(provider: Browser, admin: Browser, office: Store) -> None:
    address = f"/groups/{DOMAIN}/{OTHER_PILOT}"
    provider.get(f"{address}/administration")
    for granted, status in (("yes", 200), ("no", 404)):
        answer = provider.send(f"{address}/administration/grants", {"name": ADMIN, "granted": granted})
        assert answer.status_code == 303
        assert admin.get(address).status_code == status
    with office.writing() as s:
        accounts.add_user(s, "lena", Role.ADMIN)
    never = provider.send(f"{address}/administration/grants", {"name": "lena", "granted": "no"})
    assert never.status_code == 404
    assert "does not look after" in never.text


def test_an_administrator_is_invited_for_a_group(provider: Browser, browser: Browser, office: Store) -> None:
    provider.get(ADMINISTRATION)
    page = provider.send(f"{ADMINISTRATION}/invitations", {"name": "lena"}).text
    link = re.search(r"https?://[^<\s]+(/invitation/[^<\s]+)", page)
    assert link is not None
    assert browser.get(link[1]).status_code == 200
    assert "/invitation/" not in provider.get(ADMINISTRATION).text, "shown once"
    assert "lena" in provider.page.text
    assert "/invitation/" in provider.send(f"{ADMINISTRATION}/invitations", {"name": "lena"}).text, "the second click"
    assert "already" in provider.send(f"{ADMINISTRATION}/invitations", {"name": ADMIN}).text


def test_a_group_is_removed_only_where_its_pilot_is_typed(provider: Browser, office: Store) -> None:
    provider.get(ADMINISTRATION)
    assert provider.send(f"{ADMINISTRATION}/remove", {"pilot": OTHER_PILOT}).status_code == 422
    assert PILOT in pilots(office)
    assert provider.send(f"{ADMINISTRATION}/remove", {"pilot": PILOT}).status_code == 303
    assert pilots(office) == [OTHER_PILOT]


def test_a_user_is_added_invited_disabled_and_removed(provider: Browser, office: Store) -> None:
    provider.get("/users")
    page = provider.send("/users", {"name": "1002@pbx.test", "role": "member", "extension": "1002", "domain": DOMAIN})
    assert "/invitation/" in page.text
    assert "/invitation/" not in provider.get("/users").text
    name = {"name": "1002@pbx.test"}
    assert "/invitation/" in provider.send("/users/invite", name).text
    assert provider.send("/users/enable", name | {"enabled": "no"}).status_code == 303
    with office.reading() as s:
        user = accounts.get_user(s, name["name"])
    assert (user.disabled, user.role, user.extension) == (True, Role.MEMBER, "1002")
    assert provider.send("/users/remove", name).status_code == 303
    assert name["name"] not in provider.get("/users").text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ADMIN, "role": "admin"}, "already"),
        ({"name": "", "role": "admin"}, "Please fill this in."),
        ({"name": "new", "role": "member", "extension": "1001", "domain": DOMAIN}, "1001"),
        ({"name": "new", "role": "member", "domain": DOMAIN}, 'id="extension-error">Please fill this in.'),
        ({"name": "new", "role": "member", "extension": "1009"}, 'id="domain-error">Please fill this in.'),
        ({"name": "new", "role": "member", "extension": "1009", "domain": "a b"}, "is not a domain"),
    ],
)
def test_a_user_who_cannot_be_added_is_said_beside_the_field(
    provider: Browser, fields: dict[str, str], sentence: str
) -> None:
    provider.get("/users")
    page = provider.send("/users", fields)
    assert page.status_code == 422
    assert sentence in page.text
    assert 'class="field-error"' in page.text


def test_the_last_provider_stays(provider: Browser) -> None:
    provider.get("/users")
    page = provider.send("/users/remove", {"name": PROVIDER})
    assert page.status_code == 409
    assert PROVIDER in provider.get("/users").text


def test_a_token_is_shown_once_and_revoked(provider: Browser, office: Store) -> None:
    provider.get("/tokens")
    assert provider.send("/tokens", {"user": PROVIDER, "name": "board"}).status_code == 422
    page = provider.send("/tokens", {"user": ADMIN, "name": "board", "scopes": ["read", "write"], "expires": ""}).text
    secret = re.search(r"fsh_[A-Za-z0-9_-]+", page)
    assert secret is not None
    assert secret[0] not in provider.get("/tokens").text
    with office.reading() as s:
        found = accounts.find_token(s, secret[0])
    assert found is not None
    assert (found[0].name, found[1].scopes) == (ADMIN, {Scope.READ, Scope.WRITE})
    provider.send("/tokens/revoke", {"token": str(found[1].id)})
    with office.reading() as s:
        assert accounts.find_token(s, secret[0]) is None


@pytest.mark.parametrize("expires", ["2001-01-01", "tomorrow"])
def test_a_token_that_would_have_ended_is_refused(provider: Browser, expires: str) -> None:
    provider.get("/tokens")
    page = provider.send("/tokens", {"user": ADMIN, "name": "board", "scopes": "read", "expires": expires})
    assert page.status_code == 422
    assert 'id="expires-error"' in page.text


def test_all_that_is_wrong_with_a_token_is_said_at_once(provider: Browser) -> None:
    provider.get("/tokens")
    page = provider.send("/tokens", {"user": ADMIN, "name": "x" * 201, "expires": "2001-01-01"})
    for sentence in ("This is too long.", "Choose at least one.", "would have expired already: choose a later time."):
        assert sentence in page.text


def test_changes_are_found_and_undone(provider: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, name="Shop")
        change = audit.last_change_id(s)
    page = provider.get("/changes", query={"pilot": PILOT, "domain": DOMAIN, "subject": "group"}).text
    assert "Shop" in page
    assert MEMBER not in page
    assert provider.send(f"/changes/{change}/undo").status_code == 303
    assert group(office, PILOT).name == "Sales"
    again = provider.send(f"/changes/{change}/undo")
    assert again.status_code == 409


def test_an_undo_of_what_changed_since_shows_both_values(provider: Browser, office: Store) -> None:
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, name="Shop")
        change = audit.last_change_id(s)
    with office.writing() as s:
        groups.set_group(s, DOMAIN, PILOT, name="Market")
    provider.get("/changes")
    page = provider.send(f"/changes/{change}/undo")
    assert page.status_code == 409
    assert "Shop" in page.text
    assert "Market" in page.text


def test_many_changes_come_in_pages(provider: Browser, office: Store) -> None:
    with office.writing() as s:
        for number in range(60):
            groups.set_group(s, DOMAIN, PILOT, name=f"Name {number}")
    first = provider.get("/changes", query={"actor": "fshunt"}).text
    older = re.search(r'href="([^"]+before=[0-9]+)"', first)
    assert older is not None
    assert "Name 59" in first
    assert "Name 1<" in provider.get(older[1].replace("&amp;", "&")).text


def test_the_system_page_says_that_there_is_no_daemon(provider: Browser) -> None:
    assert "1 problem" in provider.get("/system").text


class _Switch:
    """A daemon that says that the dialplan leads every number to fshunt."""

    def __init__(self, _store: Store) -> None:
        pass

    def check(self, questions: Sequence[Question]) -> list[Checked]:
        led = Checked(Answer.FOUND, "extension fshunt, context default", controlled=True)
        return [led if each.kind is QuestionKind.NUMBER else Checked(Answer.NOT_FOUND) for each in questions]


@pytest.mark.parametrize(
    ("pilot", "sentence"),
    [
        ("7000", "7000 is free, and the dialplan leads it to fshunt (extension fshunt, context default)."),
        (OTHER_PILOT, f"Group {OTHER_PILOT} of {DOMAIN} exists already"),
        ("1001", "1001 is an extension, a member of 5000: it cannot also be a pilot."),
        ("70 00", "'70 00' is not a pilot"),
    ],
)
def test_a_pilot_is_looked_at_before_anything_is_saved(
    provider: Browser, office: Store, monkeypatch: pytest.MonkeyPatch, pilot: str, sentence: str
) -> None:
    monkeypatch.setattr(pilot_words, "Questions", _Switch)
    asked = {"domain": DOMAIN, "pilot": pilot}
    assert sentence in html.unescape(provider.get("/groups/new/pilot", asked).text)
    provider.get("/groups/new")
    page = provider.send("/groups/new", {**NEW, "pilot": pilot, "check": "yes"})
    assert sentence in html.unescape(page.text)
    assert 'value="Support"' in page.text, "what was typed stays"
    page = provider.send(f"{ADMINISTRATION}/pilot", {"pilot": pilot, "check": "yes"})
    assert sentence in html.unescape(page.text)
    assert "7000" not in pilots(office)


def test_without_a_daemon_a_page_says_that_a_pilot_cannot_be_checked(provider: Browser, admin: Browser) -> None:
    asked = {"domain": DOMAIN, "pilot": "7000"}
    said = provider.get("/groups/new/pilot", asked).text
    assert "Whether the dialplan leads it here cannot be checked: no daemon watches a switch." in said
    assert admin.get("/groups/new/pilot", asked).status_code == 403


def test_a_second_click_on_what_makes_moves_or_removes_a_group_changes_nothing_more(
    provider: Browser, office: Store
) -> None:
    provider.get("/groups/new")
    for path, fields in (
        ("/groups/new", NEW),
        (f"{ADMINISTRATION}/pilot", {"pilot": "5555"}),
        (f"/groups/{DOMAIN}/5555/administration/remove", {"pilot": "5555"}),
    ):
        first = provider.send(path, fields)
        with office.reading() as s:
            before = audit.history(s, limit=1)
        second = provider.send(path, fields)
        assert second.status_code == 303
        assert second.location.removesuffix("-already") == first.location
        with office.reading() as s:
            assert audit.history(s, limit=1) == before
        assert provider.get(second.location).status_code == 200
    assert provider.send(f"{ADMINISTRATION}/pilot", {"pilot": "5556"}).status_code == 404


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a switch is asked that has the users 1002 and 1003 alone."""
    found: list[str] = []

    def check(_questions: object, wanted: Sequence[Question]) -> list[Checked]:
        found.extend(each.arguments[0] for each in wanted)
        known = ("1002", "1003")
        return [
            Checked(Answer.FOUND) if each.arguments[0] in known else Checked(Answer.NOT_FOUND, "no such user")
            for each in wanted
        ]

    monkeypatch.setattr(Questions, "check", check)
    return found


def test_a_new_group_whose_box_or_members_no_switch_has_is_added_only_if_one_says_so(
    provider: Browser, office: Store, asked: list[str]
) -> None:
    provider.get("/groups/new")
    wrong = {**NEW, "members": "1003 1009 1008 +14155550123@carrier", "voicemail": "1007"}
    said = provider.send("/groups/new", wrong)
    text = html.unescape(said.text)
    assert said.status_code == 422
    assert "Voicemail box 1007 of pbx.test: not found (no such user)." in text
    assert (
        "Extension 1009 of pbx.test: not found (no such user). Extension 1008 of pbx.test: not found (no such user)."
        in text
    )
    assert asked == ["1007", "1003", "1009", "1008"]
    with office.reading() as s, pytest.raises(NotFound):
        groups.get_group(s, DOMAIN, "7000")
    assert provider.send("/groups/new", {**wrong, "anyway": "yes"}).status_code == 303
    assert group(office, "7000").voicemail == "1007"


def test_rings_that_nobody_may_have_are_refused_in_the_sentence_of_the_command_line(
    provider: Browser, office: Store
) -> None:
    provider.get("/groups/new")
    for rings, sentence in (
        ("1000", "Rings for each member must be from 1 to 100, not 1000."),
        ("x", "'x' is not a whole number."),
    ):
        assert sentence in html.unescape(provider.send("/groups/new", {**NEW, "rings": rings}).text)


@pytest.mark.parametrize("number", ["99999999999999999999", "-1", "abc", "\u00b2"])
def test_a_number_of_nothing_is_told_as_one_and_not_asked_of_the_database(provider: Browser, number: str) -> None:
    provider.get("/changes")
    assert provider.send(f"/changes/{number}/undo").status_code == 404
    assert provider.send("/tokens/revoke", {"token": number}).status_code == 404
    assert provider.get("/changes", {"before": number, "done": number}).status_code == 200


def test_of_two_clicks_the_second_shows_a_secret_that_holds(provider: Browser, office: Store) -> None:
    provider.get("/users")
    new = {"name": "lea", "role": "admin"}
    links = [re.search(r"/invitation/[\w-]+", provider.send("/users", new).text) for _ in range(2)]
    assert all(links)
    assert "already" in provider.send("/users", new | {"role": "provider"}).text
    token = {"user": ADMIN, "name": "board", "scopes": ["read"]}
    secrets = [re.search(r"fsh_[\w-]+", provider.send("/tokens", token).text) for _ in range(2)]
    with office.reading() as s:
        held = [accounts.find_token(s, each[0]) is not None for each in secrets if each]
        assert held == [False, True]
        assert accounts.get_user(s, "lea").role is Role.ADMIN


def test_a_token_that_somebody_else_has_made_is_not_taken_for_a_first_click(provider: Browser, office: Store) -> None:
    with office.writing() as s:
        accounts.add_token(s, ADMIN, "board", [Scope.READ])
    provider.get("/tokens")
    page = provider.send("/tokens", {"user": ADMIN, "name": "board", "scopes": ["read"]})
    assert page.status_code == 422
    assert "has a token &#39;board&#39; already" in page.text


@pytest.mark.parametrize(
    ("path", "fields", "sentence"),
    [
        ("/users/remove", {"name": ADMIN}, "The user was removed already."),
        ("/users/enable", {"name": ADMIN, "enabled": "no"}, "The user was disabled already."),
        ("/tokens/revoke", {"token": "1"}, "The token was revoked already."),
        (f"{ADMINISTRATION}/pilot", {"pilot": "5555"}, "The group got this pilot already."),
        (f"{ADMINISTRATION}/remove", {"pilot": PILOT}, "The group was removed already."),
        (f"{ADMINISTRATION}/grants", {"name": "lena", "granted": "yes"}, "was given this group already."),
        (f"{ADMINISTRATION}/grants", {"name": ADMIN, "granted": "no"}, "was taken from the administrator already."),
    ],
)
def test_the_second_of_two_clicks_says_that_it_was_done_already(
    provider: Browser, office: Store, path: str, fields: dict[str, str], sentence: str
) -> None:
    with office.writing() as s:
        accounts.add_user(s, "lena", Role.ADMIN)
        accounts.add_token(s, PROVIDER, "board", [Scope.READ])
    provider.get("/users")
    first = provider.get(provider.send(path, fields).location)
    assert (first.status_code, sentence in first.text) == (200, False)
    with office.reading() as s:
        before = audit.history(s, limit=1)
    second = provider.get(provider.send(path, fields).location)
    assert (second.status_code, sentence in second.text) == (200, True)
    with office.reading() as s:
        assert audit.history(s, limit=1) == before


def test_who_was_never_there_is_not_said_to_be_removed(provider: Browser) -> None:
    provider.get("/users")
    page = provider.send("/users/remove", {"name": "nobody"})
    assert page.status_code == 404
    assert "There is no user" in page.text
