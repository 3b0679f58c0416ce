"""The limits of a group: a provider sets them on the page, and an administrator meets them on page and in REST."""

from __future__ import annotations

import html

import pytest

from fshunt.db.engine import Store
from fshunt.hunting.limits import DEFAULT_LIMITS, NO_LIMITS, Limits
from fshunt.services import accounts, groups, limits
from fshunt.services.users import Scope
from tests.web.group_forms import PAGE, form_of, save
from tests.web.people import ADMIN, DOMAIN, MEMBER, PILOT, Browser

ADMINISTRATION = f"{PAGE}/administration"
LIMITS = f"{ADMINISTRATION}/limits"
API = f"/api/v1/domains/{DOMAIN}/groups/{PILOT}"
STRICT = Limits(("regular", "circular"), 30.0, 0, None, True)
SENTENCES = {
    "policy": "This group may not have the policy weighted: its provider allows regular, circular.",
    "rings": "A phone of this group may not ring for 42 s: its provider allows 30 s at most.",
    "on_busy": "Callers of this group may not go on to 0900: its provider allows pilots of its domain only.",
}
EXTERNAL = "This group may have no external members: its provider has allowed none."


def stored(store: Store) -> Limits:
    with store.reading() as s:
        return limits.limits_of(s, groups.get_group(s, DOMAIN, PILOT))


@pytest.fixture
def strict(office: Store) -> Store:
    with office.writing() as s:
        limits.set_limits(s, DOMAIN, PILOT, STRICT)
    return office


@pytest.fixture
def token(office: Store) -> dict[str, str]:
    with office.writing() as s:
        _, secret = accounts.add_token(s, ADMIN, "test", [Scope.WRITE, Scope.READ])
    return {"Authorization": f"Bearer {secret}", "If-Match": "*"}


def test_a_provider_sets_limits_on_the_page(provider: Browser, office: Store) -> None:
    form = form_of(provider.get(ADMINISTRATION), LIMITS)
    wanted = {"policies": ["regular", "circular"], "max_ring_seconds": "30", "max_external_members": "0"}
    answer = provider.send(LIMITS, {**form, **wanted, "transfers_to_pilots": "y"})
    assert answer.status_code == 303
    assert stored(office) == STRICT
    page = provider.get(answer.location)
    assert "The limits are saved." in page.text
    assert form_of(page, LIMITS)["max_ring_seconds"] == ["30"]
    provider.send(LIMITS, form)
    assert stored(office) == DEFAULT_LIMITS, "what the page has shown at first"
    del form["transfers_to_pilots"]
    provider.send(LIMITS, {**form, "max_external_members": ""})
    assert stored(office) == NO_LIMITS, "all policies and empty fields are no limits"


def test_each_limit_that_is_wrong_has_its_sentence_and_nothing_is_saved(provider: Browser, office: Store) -> None:
    provider.get(ADMINISTRATION)
    wrong = {"max_ring_seconds": "long", "max_external_members": "-1", "gateways": "a b/c"}
    answer = provider.send(LIMITS, wrong)
    assert answer.status_code == 422
    assert answer.text.count("field-error") == 4
    assert "Most external members must be from 0 to 1000, not -1." in answer.text
    assert 'value="long"' in answer.text
    assert stored(office) == DEFAULT_LIMITS


def test_nobody_else_sets_limits(admin: Browser, member: Browser, strict: Store) -> None:
    for browser in (admin, member):
        browser.get("/account")
        assert browser.send(LIMITS, {"policies": "regular"}).status_code in (403, 404)
    assert stored(strict) == STRICT


def test_an_administrator_is_told_of_each_limit_beside_its_field(admin: Browser, strict: Store) -> None:
    page = admin.get(PAGE)
    assert 'value="weighted" disabled' in page.text
    assert "At most 30 s, as your provider allows." in page.text
    assert "or an external number" not in page.text, "the provider has allowed none"
    spread = {"destinations": "each", "on_busy": "transfer", "on_busy_to": "0900"}
    answer = save(admin, policy="weighted", rings="7", cycles="0", **spread)
    assert answer.status_code == 422
    text = html.unescape(answer.text)
    assert "must be from 1 to 100, not 0." in text, "with what is wrong otherwise"
    for column, sentence in SENTENCES.items():
        inputs = {"on_busy": "on_busy_to"}.get(column, column)
        assert sentence in text.split(f'id="{inputs}-error">')[1].split("</p>")[0]


def test_rest_refuses_in_the_same_sentences(admin: Browser, strict: Store, token: dict[str, str]) -> None:
    values = {"policy": "weighted", "rings": 7, "on_busy": "transfer:0900"}
    answer = admin.client.patch(API, json=values, headers=token)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["code"] == "beyond-limits"
    assert {each["field"]: each["detail"] for each in answer.json["errors"]} == SENTENCES
    answer = admin.client.post(f"{API}/members", json={"extension": "+4930@carrier"}, headers=token)
    assert answer.json is not None
    assert answer.json["errors"] == [{"field": "extension", "detail": EXTERNAL}]


def test_a_member_beyond_the_limits_is_refused_beside_the_field(admin: Browser, strict: Store) -> None:
    admin.get(PAGE)
    answer = admin.send(f"{PAGE}/members/add", {"member": "+4930@carrier"})
    assert answer.status_code == 422
    assert EXTERNAL in answer.text.split('id="add-member-error">')[1].split("</p>")[0]
    form = form_of(admin.get(PAGE), f"{PAGE}/members/settings", extension="1001")
    answer = admin.send(f"{PAGE}/members/settings", {**form, "rings": "7"})
    assert SENTENCES["rings"] in answer.text


def test_rest_shows_limits_to_administrators_and_has_providers_set_them(
    admin: Browser, strict: Store, token: dict[str, str]
) -> None:
    answer = admin.client.get(f"{API}/limits", headers=token)
    assert answer.json is not None
    assert answer.json["limits"]["policies"] == ["regular", "circular"]
    assert admin.client.put(f"{API}/limits", json={}, headers=token).status_code == 403
    with strict.writing() as s:
        _, secret = accounts.add_token(s, "ines", "test", list(Scope))
    of_provider = {"Authorization": f"Bearer {secret}", "If-Match": "*"}
    sent = {"policies": None, "gateways": ["carrier"], "max_external_members": 3}
    assert admin.client.put(f"{API}/limits", json=sent, headers=of_provider).status_code == 200
    assert stored(strict) == Limits(gateways=("carrier",), max_external_members=3, transfers_to_pilots=True)
    wrong = admin.client.put(f"{API}/limits", json={"gateways": ["a b"], "policies": []}, headers=of_provider)
    assert wrong.json is not None
    assert {each["field"] for each in wrong.json["errors"]} == {"gateways", "policies"}
    assert MEMBER not in str(wrong.json)


def test_the_second_of_two_who_set_limits_at_once_loses_nothing(admin: Browser, strict: Store) -> None:
    with strict.writing() as s:
        _, secret = accounts.add_token(s, "ines", "test", list(Scope))
    headers = {"Authorization": f"Bearer {secret}"}
    client, path = admin.client, f"{API}/limits"
    version = client.get(path, headers=headers).headers["ETag"]
    assert client.put(path, json={}, headers=headers).status_code == 428
    renamed = client.patch(API, json={"name": "Shop"}, headers=headers | {"If-Match": "*"})
    assert renamed.status_code == 200
    first = client.put(path, json={"max_external_members": 2}, headers=headers | {"If-Match": version})
    assert first.status_code == 200, "settings of the group are not in the version of its limits"
    late = client.put(path, json={"max_external_members": 5}, headers=headers | {"If-Match": version})
    assert late.status_code == 412
    assert stored(strict) == Limits(max_external_members=2, transfers_to_pilots=True), (
        "what is left out is as by default"
    )
    assert client.get(path, headers=headers).headers["ETag"] == first.headers["ETag"]
