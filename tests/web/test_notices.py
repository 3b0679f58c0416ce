"""The notices of a group on its page."""

from __future__ import annotations

import re

import pytest

from fshunt.db.engine import Store
from fshunt.services import notices
from tests.web.people import DOMAIN, OTHER_PILOT, PILOT, Browser

PAGE = f"/groups/{DOMAIN}/{PILOT}/notices"
MAIL = {
    "to": "sales@example.com",
    "events": ["missed"],
    "queue": "5",
    "when": "after",
    "minutes": "15",
    "time": "18:00",
}


def held(office: Store) -> list[tuple[str, list[str], str]]:
    with office.reading() as s:
        found = notices.list_notices(s)
    return [(each.wish.target, each.wish.event_words(), each.wish.when_words()) for each in found]


def test_an_administrator_adds_and_removes_a_notice(admin: Browser, office: Store) -> None:
    admin.get(PAGE)
    page = admin.send(PAGE, MAIL).text
    assert "The notice is added." in page
    assert "No mail is sent until" in page
    assert held(office) == [("sales@example.com", ["missed"], "after 15 min")]
    assert "Notices to sales@example.com added" in admin.get(f"/groups/{DOMAIN}/{PILOT}").text
    sent = {"notice": "1", "target": "sales@example.com"}
    admin.get(PAGE)
    assert "nothing more is sent there" in admin.get(admin.send(f"{PAGE}/remove", sent).location).text
    assert "The notice was removed already." in admin.get(admin.send(f"{PAGE}/remove", sent).location).text
    assert held(office) == []


def test_the_secret_of_a_webhook_is_shown_once_also_after_two_clicks(admin: Browser, office: Store) -> None:
    admin.get(PAGE)
    hook = MAIL | {"to": "https://example.com/hook", "events": ["answered", "queue-longer-than"], "when": "at-once"}
    secrets = [re.search(r"whsec_[^<]+", admin.send(PAGE, hook).text) for _ in range(2)]
    assert all(secrets)
    with office.reading() as s:
        [kept] = notices.list_notices(s)
    assert kept.wish.event_words() == ["answered", "queue-longer-than:5"]
    assert "whsec_" not in admin.get(PAGE).text


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"to": ""}, "Please fill this in."),
        ({"to": "nobody"}, "is not a mail address"),
        ({"to": "ftp://example.com/"}, "is not the URL of a webhook"),
        ({"to": "http://10.0.0.1/"}, "is no public address"),
        ({"to": "https://example.com/" + "a" * 3000}, "This is too long."),
        ({"events": []}, "Choose at least one."),
        ({"events": ["rang"]}, "rang"),
        ({"events": ["queue-longer-than"], "queue": "many", "when": "at-once"}, "Enter a whole number from 0 to 1000."),
        ({"minutes": "0"}, "Enter a whole number from 1 to 1440."),
        ({"when": "digest", "time": "25:00"}, "is not a time of the day"),
        ({"events": ["answered"]}, "Only missed and nobody-reachable can wait"),
    ],
)
def test_what_cannot_be_stands_beside_its_field(
    admin: Browser, office: Store, sent: dict[str, object], sentence: str
) -> None:
    admin.get(PAGE)
    refused = admin.send(PAGE, MAIL | sent)
    assert refused.status_code == 422
    assert sentence in refused.text
    assert held(office) == []


def test_the_notices_of_other_groups_are_not_there(admin: Browser, office: Store) -> None:
    hidden = f"/groups/{DOMAIN}/{OTHER_PILOT}/notices"
    assert admin.get(hidden).status_code == 404
    admin.get(PAGE)
    assert admin.send(hidden, MAIL).status_code == 404
    with office.writing() as s:
        wish = notices.wish_of(mail="a@b.test", webhook=None, events=["missed"])
        notices.add_notice(s, DOMAIN, OTHER_PILOT, wish)
    admin.get(PAGE)
    assert admin.send(f"{PAGE}/remove", {"notice": "1", "target": "a@b.test"}).status_code == 404
    assert len(held(office)) == 1
