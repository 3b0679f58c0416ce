"""What every response says to the browser, and which hosts are answered."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fshunt.web import security
from fshunt.web.app import STATIC
from tests.web.conftest import MakeApp

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def some_path(rule: str) -> str:
    """A path of a route, with something in each of its parts."""
    return re.sub(r"<int(?:\([^)]*\))?:\w+>", "1", re.sub(r"<(?:path:|string:)?\w+>", "x", rule))


def test_every_route_says_what_a_page_may_do_and_that_it_is_not_kept(app: Flask) -> None:
    client = app.test_client()
    paths = {some_path(rule.rule) for rule in app.url_map.iter_rules()} | {"/there/is/no/such/page"}
    for path in paths:
        for method in ("GET", "POST", "DELETE"):
            headers = client.open(path, method=method).headers
            assert headers["Content-Security-Policy"] == POLICY, path
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["X-Frame-Options"] == "DENY", path
            assert headers["Referrer-Policy"] == "no-referrer", path
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin", path
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
            assert headers["Cache-Control"] == "no-store", path
            assert "Strict-Transport-Security" not in headers, "over plain HTTP browsers ignore it"


def test_under_tls_browsers_are_told_to_stay_there(app: Flask) -> None:
    headers = app.test_client().get("/healthz", base_url="https://localhost").headers
    assert headers["Strict-Transport-Security"] == security.HSTS


@pytest.mark.parametrize("name", sorted(path.name for path in STATIC.iterdir()))
def test_static_files_are_kept_by_their_version(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/static/{name}?v=1")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == security.STATIC_CACHE
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_loads_nothing_from_elsewhere_and_has_nothing_inline(client: FlaskClient) -> None:
    page = client.get("/there/is/no/such/page").text
    assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", page)
    assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", page)


@pytest.mark.parametrize("host", ["localhost", "localhost:8090", "127.0.0.1:8090", "[::1]:8090"])
def test_on_loopback_this_machines_own_names_are_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/none", headers={"Host": host}).status_code == 404


@pytest.mark.parametrize("host", ["evil.test", "evil.test:8090", "localhost.evil.test", "127.0.0.1.evil.test"])
def test_a_name_of_another_site_that_leads_here_is_refused(client: FlaskClient, host: str) -> None:
    assert client.get("/none", headers={"Host": host}).status_code == 400
    assert client.get("/healthz", headers={"Host": host}).status_code == 200, "a load balancer asks by address"


def test_with_an_address_of_the_pages_only_its_host_is_answered(make: MakeApp, sqlite_url: str) -> None:
    proxies = {"web_trusted_proxies": ("127.0.0.1/32",), "web_url": "https://hunt.example.com:8443"}
    client = make(sqlite_url, **proxies).test_client()
    answers = {
        host: client.get("/none", headers={"Host": host}).status_code
        for host in ("hunt.example.com:8443", "hunt.example.com", "localhost", "evil.test")
    }
    assert answers == {"hunt.example.com:8443": 404, "hunt.example.com": 400, "localhost": 400, "evil.test": 400}
