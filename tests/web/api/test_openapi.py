"""The OpenAPI document: it is what the code does, it is whole, and its names are those of ``--json``."""

from __future__ import annotations

import json
import re

import pytest

from fshunt.web.api.forms import EVENTS, FORMS, example_of
from fshunt.web.api.openapi import openapi
from fshunt.web.api.operations import OPERATIONS
from tests.support.documents import DOCS, script

NAMES = (DOCS / "json.md").read_text(encoding="utf-8")
HEADINGS = {
    "interval": "business hours",
    "next_stage": "next stage",
    "next_skip": "next skip",
    "web_process": "web process",
    "queued_caller": "queued caller",
    "block_in_group": "block in a group",
}
MADE_OF_OTHERS = {"member_now", "hunt", "whole_call", "problem"}


def documented(heading):
    section = NAMES.split(f"\n## {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize("form", sorted(set(FORMS) - MADE_OF_OTHERS))
def test_the_names_of_a_form_are_those_of_json(form):
    assert set(FORMS[form]["properties"]) == documented(HEADINGS.get(form, form))


def test_the_forms_that_are_made_of_others_have_their_names():
    assert set(FORMS["member_now"]["properties"]) == documented("member") | documented("member state")
    story = documented("call") | {"offers", "skips", "policy_input"}
    assert set(FORMS["hunt"]["properties"]) == story
    assert set(FORMS["whole_call"]["properties"]) == story | {"earlier"}


def test_the_document_is_served_without_a_token_and_stands_in_docs(client):
    served = client.get("/api/v1/openapi.json")
    assert served.status_code == 200
    assert served.json == json.loads(json.dumps(openapi()))
    assert (DOCS / "openapi.json").read_text(encoding="utf-8") == script("generate").openapi_file()


def test_every_operation_has_an_example_of_what_is_sent_and_of_what_is_answered():
    for op in OPERATIONS:
        described = openapi()["paths"][op.path][op.method.lower()]
        assert described["summary"], op.name
        if op.body is not None:
            assert op.example is not None, op.name
            assert set(op.body.required) <= set(op.example) <= set(op.body.fields), op.name
        if op.form is not None:
            content = described["responses"][str(op.status.value)]["content"]
            kind = "text/event-stream" if op.stream else "application/json"
            assert op.kind in content[kind]["example"], op.name


def test_the_example_of_the_stream_has_each_event_with_all_its_names():
    content = openapi()["paths"]["/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    blocks = [block.split("\ndata: ") for block in content["example"].strip().split("\n\n")]
    told = {name.removeprefix("event: "): json.loads(data) for name, data in blocks}
    assert told.keys() == EVENTS.keys()
    for name, data in told.items():
        assert set(data) == set(EVENTS[name]["required"]), name


def test_an_example_of_an_answer_has_all_names_of_its_form():
    for form in set(FORMS) - {"problem"}:
        assert set(example_of(FORMS[form])) == set(FORMS[form]["required"]), form


def test_operations_have_names_of_their_own():
    names = [op.name for op in OPERATIONS]
    assert len(names) == len(set(names))
