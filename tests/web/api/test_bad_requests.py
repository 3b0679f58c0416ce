"""Whatever a program sends is answered by one clear problem, and nothing half done."""

from __future__ import annotations

import json

import pytest

from tests.web.api.conftest import GROUP


def test_all_fields_that_are_wrong_are_named_at_once(of_provider):
    body = {"cycles": 0, "polcy": "regular", "wrap_up_seconds": "long", "policy": None, "enabled": 1}
    answer = of_provider.change("PATCH", GROUP, body)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.json["errors"] == [
        {"field": "cycles", "detail": "`cycles` must be from 1 to 100, not 0."},
        {"field": "polcy", "detail": "`polcy` is not known here (did you mean `policy`?)."},
        {"field": "wrap_up_seconds", "detail": "'long' is not a number of seconds."},
        {"field": "policy", "detail": "`policy` must have a value."},
        {"field": "enabled", "detail": "1 is not true or false."},
    ]
    assert (answer.json["status"], answer.json["title"]) == (422, "Unprocessable Entity")


def test_fields_within_a_list_are_named_by_their_place(of_provider):
    answer = of_provider.change("PUT", f"{GROUP}/hours", {"hours": [{"day": "monday", "opens": "8"}]})
    assert [each["field"] for each in answer.json["errors"]] == ["hours[0].closes", "hours[0].day"]


def test_a_field_that_must_be_there_is_named(of_provider):
    answer = of_provider.ask("POST", "/domains/pbx.test/groups", {})
    assert answer.json["errors"] == [{"field": "pilot", "detail": "`pilot` is missing."}]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is no JSON: Expecting value at line 1, column 1."),
        (b'{"name": ', "The body is no JSON: Expecting value at line 1, column 10."),
        (b"[]", "The body must be a JSON object."),
        (b"{}", "The body names no field: nothing to change."),
        (b'{"name": "A", "name": "B"}', "The body has a field twice."),
        (b'{"name": "\xff"}', "The body is not in UTF-8."),
        (b'{"cycles": NaN}', "NaN is no value in JSON."),
        (b'{"cycles": ' + b"9" * 5000 + b"}", "A number has 15 digits at most."),
        (b'{"hunt_timeout": 1e999}', "A number has 15 digits at most."),
        (b"[" * 100_000, "The body is nested too deep."),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(of_provider, body, sentence):
    answer = of_provider.change("PATCH", GROUP, body)
    assert (answer.status_code, answer.json["detail"]) == (400, sentence)


def test_another_content_type_is_refused(of_provider):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = of_provider.ask("PATCH", GROUP, b'{"name": "Shop"}', If_Match="*", Content_Type=kind)
        assert (answer.status_code, answer.json["code"]) == (415, "wrong-content-type"), kind
    merge = of_provider.ask(
        "PATCH", GROUP, b'{"name": "Shop"}', If_Match="*", Content_Type="application/merge-patch+json; charset=utf-8"
    )
    assert merge.status_code == 200


def test_a_body_of_ten_megabytes_is_refused(of_provider):
    answer = of_provider.change("PATCH", GROUP, b'{"name": "' + b"x" * 10_000_000 + b'"}')
    assert (answer.status_code, answer.content_type) == (413, "application/problem+json")


def test_another_method_is_refused_with_those_that_there_are(of_provider):
    answer = of_provider.ask("PUT", GROUP, {})
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"DELETE", "GET", "HEAD", "PATCH"}
    assert answer.content_type == "application/problem+json"


def test_an_address_that_there_is_not_is_answered_as_json(of_provider):
    for path in ("/nothing", "/domains/pbx.test/groups/a%20b", "/changes/zero", "/tokens/%00", "/users/%FF"):
        answer = of_provider.get(path) if not path.startswith("/tokens") else of_provider.ask("DELETE", path)
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json"), path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/groups?limt=5", "`limt` is no parameter here (did you mean `limit`?)."),
        ("/groups?limit=5&limit=6", "Use `limit` once."),
        ("/groups?limit=0", "`limit` must be from 1 to 200, not 0."),
        ("/groups?limit=many", "'many' is not a whole number."),
        ("/groups?cursor=abc", "`cursor` is none of ours"),
        ("/changes?cursor=WyJhIl0", "`cursor` is none of ours"),
        ("/calls?since=yesterday", "is no moment: use one such as"),
        ("/calls?cursor=WyJhIiwgImIiXQ", "`cursor`: 'a' is no moment"),
    ],
)
def test_a_parameter_that_is_none_is_refused(of_provider, path, words):
    answer = of_provider.get(path)
    assert answer.status_code == 400
    assert words in answer.json["detail"]
    assert "`limit`: `limit`" not in answer.json["detail"]


def test_text_that_a_terminal_or_a_page_acts_on_comes_back_only_quoted(of_provider):
    name = "\x1b[31m<script>\ud800"
    answer = of_provider.change("PATCH", GROUP, json.dumps({name: 1, "name": name}).encode())
    assert answer.status_code == 422
    assert "\x1b" not in answer.get_data(as_text=True)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
