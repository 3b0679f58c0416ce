"""People with accounts, and the browsers with which they use the pages."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fshunt.db.engine import Store
from fshunt.hunting.addresses import parse_member
from fshunt.services import accounts, groups, members, passwords
from fshunt.services.users import Role
from fshunt.web.csrf import FIELD

PASSWORD = "four words and a dot."
DOMAIN, PILOT, OTHER_PILOT = "pbx.test", "5000", "6000"
PROVIDER, ADMIN, MEMBER = "ines", "omar", "1001@pbx.test"
_TOKEN = re.compile(rf'name="{FIELD}" value="([^"]+)"')


def fill(store: Store) -> None:
    """Make two groups, and an account of each role: the administrator looks after the first group alone."""
    hashed = passwords.hash_password(PASSWORD)
    with store.writing() as s:
        groups.add_group(s, DOMAIN, PILOT, name="Sales", voicemail="1001")
        groups.add_group(s, DOMAIN, OTHER_PILOT, name="Hidden")
        members.add_members(s, DOMAIN, PILOT, [parse_member("1001"), parse_member("1002")])
        members.add_members(s, DOMAIN, OTHER_PILOT, [parse_member("2001")])
        accounts.add_user(s, PROVIDER, Role.PROVIDER, password_hash=hashed)
        accounts.add_user(s, ADMIN, Role.ADMIN, password_hash=hashed)
        accounts.add_user(s, MEMBER, Role.MEMBER, domain=DOMAIN, extension="1001", password_hash=hashed)
        accounts.grant(s, ADMIN, DOMAIN, PILOT)


class Browser:
    """A browser over TLS, which keeps cookies and sends forms with the token of the page that it last saw."""

    def __init__(self, app: Flask, base_url: str = "https://localhost", **headers: str) -> None:
        self.client: FlaskClient = app.test_client()
        self._base_url, self._headers = base_url, headers
        self.page: TestResponse
        self.token = ""

    def get(self, path: str, query: dict[str, str] | None = None, **headers: str) -> TestResponse:
        """Open a page."""
        all_headers = {**self._headers, **headers}
        return self._seen(self.client.get(path, base_url=self._base_url, query_string=query, headers=all_headers))

    def send(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> TestResponse:
        """Send a form with the token of the page."""
        form = {FIELD: self.token, **(fields or {})}
        return self._seen(
            self.client.post(path, base_url=self._base_url, data=form, headers={**self._headers, **headers})
        )

    def sign_in(self, name: str, password: str = PASSWORD, **more: str) -> TestResponse:
        """Open the sign-in page and sign in."""
        self.get("/sign-in")
        return self.send("/sign-in", {"name": name, "password": password, **more})

    def cookie(self, name: str) -> str | None:
        """Return what the browser keeps under a name."""
        kept = self.client.get_cookie(name)
        return None if kept is None else kept.value

    def _seen(self, page: TestResponse) -> TestResponse:
        self.page = page
        if (found := _TOKEN.search(page.text)) is not None:
            self.token = found[1]
        return page
