"""The examples of docs/rest.md do what the page says; no test runs curl, but what it would send is sent."""

from __future__ import annotations

import argparse
import json
import shlex
from urllib.parse import urlsplit

import pytest
from flask import Flask

from fshunt.db.engine import Store
from fshunt.hunting.addresses import parse_member
from fshunt.services import accounts, groups, members
from fshunt.services.users import Role, Scope
from fshunt.web.api.operations import OPERATIONS
from tests.support.documents import DOCS
from tests.web.api.conftest import Program

PAGE = (DOCS / "rest.md").read_text(encoding="utf-8")
CURLS = [line.strip() for line in PAGE.splitlines() if line.startswith("    curl ")]
BASE = "https://fshunt.example.com"
CHANGED_MEANWHILE = '"0123456789abcdef"'

curl = argparse.ArgumentParser()
curl.add_argument("-X", dest="method", default="GET")
curl.add_argument("-H", dest="headers", action="append", default=[])
curl.add_argument("-N", action="store_true")
curl.add_argument("--json")
curl.add_argument("address")


@pytest.fixture
def store_of_page(app: Flask, office: Store) -> str:
    """The group that the page has, and the token of a provider."""
    with office.writing() as s:
        groups.add_group(s, "pbx.example.com", "5000", name="Sales")
        members.add_members(s, "pbx.example.com", "5000", [parse_member("1001"), parse_member("1002")])
        accounts.add_user(s, "rita", Role.PROVIDER)
        return accounts.add_token(s, "rita", "provisioning", [Scope.READ, Scope.WRITE])[1]


@pytest.mark.parametrize("line", CURLS)
def test_an_example_works(app: Flask, store_of_page: str, line: str) -> None:
    words = shlex.split(line.replace("$TOKEN", store_of_page).replace("$FSHUNT", BASE))
    sent = curl.parse_args(words[1:])
    headers = dict(each.split(": ", 1) for each in sent.headers)
    assert headers.pop("Authorization") == f"Bearer {store_of_page}"
    where = urlsplit(sent.address)
    path = f"{where.path.removeprefix('/api/v1')}{'?' if where.query else ''}{where.query}"
    body = None if sent.json is None else json.loads(sent.json)
    answer = Program(app, store_of_page).ask(sent.method, path, body, **headers)
    expected = (412,) if headers.get("If-Match") == CHANGED_MEANWHILE else (200, 201, 204)
    assert answer.status_code in expected, answer.text


def test_the_page_has_an_example_of_each_kind() -> None:
    assert len(CURLS) >= 12


def test_the_page_names_every_address() -> None:
    short = {
        "domain": "D",
        "pilot": "P",
        "extension": "E",
        "uuid": "UUID",
        "change": "N",
        "token": "N",
        "board": "N",
        "notice": "N",
        "callback": "N",
        "user": "NAME",
    }
    short |= {"change": "N", "token": "N", "board": "N", "first_day": "FIRST", "last_day": "LAST"}
    for op in OPERATIONS:
        address = op.path.format(**short)
        rows = [row for row in PAGE.splitlines() if row.startswith("|") and f"`{address}`" in row]
        assert rows, address
        assert op.method in rows[0], (op.method, address)
