from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from fshunt.db.engine import Store
from fshunt.services import accounts
from fshunt.services.users import Scope
from tests.web.people import ADMIN, MEMBER, PROVIDER

GROUP = "/domains/pbx.test/groups/5000"
HIDDEN = "/domains/pbx.test/groups/6000"
BLOCK = "/domains/pbx.test/blocks"


@dataclass(frozen=True)
class Program:
    """A program that uses the interface with a token, or without one."""

    app: Flask
    secret: str | None = None

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send a request; ``body`` as JSON, or as it is where it is bytes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.secret is not None:
            sent["Authorization"] = f"Bearer {self.secret}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        data = body if isinstance(body, bytes | None) else json.dumps(body)
        return self.app.test_client().open(f"/api/v1{path}", method=method, data=data, headers=sent)

    def get(self, path: str) -> TestResponse:
        return self.ask("GET", path)

    def change(self, method: str, path: str, body: Any = None) -> TestResponse:
        """Send a change, whatever the version of what is changed."""
        return self.ask(method, path, body, If_Match="*")


MakeProgram = Callable[..., Program]


@pytest.fixture
def program(app: Flask, office: Store) -> MakeProgram:
    """Make programs with a token of a user."""

    def made(user: str, *scopes: Scope) -> Program:
        with office.writing() as s:
            number = len(accounts.list_tokens(s)) + 1
            _, secret = accounts.add_token(s, user, f"test {number}", scopes or tuple(Scope))
        return Program(app, secret)

    return made


@pytest.fixture
def of_provider(program: MakeProgram) -> Program:
    return program(PROVIDER)


@pytest.fixture
def of_admin(program: MakeProgram) -> Program:
    return program(ADMIN)


@pytest.fixture
def of_member(program: MakeProgram) -> Program:
    return program(MEMBER)
