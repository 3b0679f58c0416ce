"""The notices of a group, through the REST interface."""

from __future__ import annotations

import pytest

from tests.web.api.conftest import GROUP, HIDDEN, MakeProgram
from tests.web.people import ADMIN, MEMBER

MAIL = {"mail": "sales@example.com", "events": ["missed"], "after_minutes": 15}
HOOK = {"webhook": "https://example.com/hook", "events": ["answered", "queue-longer-than:5"]}


def test_an_administrator_adds_lists_and_removes_the_notices_of_a_group(program: MakeProgram) -> None:
    ana = program(ADMIN)
    made = ana.ask("POST", f"{GROUP}/notices", MAIL)
    assert made.status_code == 201
    assert made.json is not None
    notice = made.json["notice"]
    assert (notice["target"], notice["after_minutes"], notice["secret"]) == ("sales@example.com", 15, None)
    hook = ana.ask("POST", f"{GROUP}/notices", HOOK)
    assert hook.json is not None
    assert hook.json["notice"]["secret"].startswith("whsec_")
    listed = ana.get(f"{GROUP}/notices").json
    assert listed is not None
    assert [(each["channel"], each["secret"]) for each in listed["notices"]] == [("mail", None), ("webhook", None)]
    assert ana.change("DELETE", f"{GROUP}/notices/{notice['id']}").status_code == 200
    assert ana.change("DELETE", f"{GROUP}/notices/{notice['id']}").status_code == 404


def test_the_notices_of_other_groups_are_not_there(program: MakeProgram) -> None:
    assert program(ADMIN).get(f"{HIDDEN}/notices").status_code == 404
    assert program(ADMIN).ask("POST", f"{HIDDEN}/notices", MAIL).status_code == 404
    assert program(MEMBER).get(f"{GROUP}/notices").status_code in (403, 404)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"events": ["missed"]}, "either to a mail address or to a webhook"),
        (MAIL | {"webhook": "https://example.com/"}, "either to a mail address or to a webhook"),
        (MAIL | {"mail": "nobody"}, "'nobody' is not a mail address"),
        (MAIL | {"events": ["rang"]}, "'rang' is not an event"),
        (MAIL | {"events": []}, "`events` must be a list of one or more events"),
        (MAIL | {"digest_at": "18:00"}, "not both"),
        (MAIL | {"after_minutes": 0}, "must be from 1 to 1440, not 0"),
        (MAIL | {"after_minutes": None, "digest_at": "6 pm"}, "is not a time of the day"),
        ({"webhook": "http://127.0.0.1/", "events": ["missed"]}, "'127.0.0.1' is no public address"),
        ({"webhook": "ftp://example.com/", "events": ["missed"]}, "is not the URL of a webhook"),
    ],
)
def test_a_notice_that_cannot_be_is_told_in_a_sentence(
    program: MakeProgram, body: dict[str, object], sentence: str
) -> None:
    ana = program(ADMIN)
    refused = ana.ask("POST", f"{GROUP}/notices", body)
    assert refused.status_code in (400, 422)
    assert sentence in refused.get_data(as_text=True)
    listed = ana.get(f"{GROUP}/notices").json
    assert listed is not None
    assert listed["notices"] == []
