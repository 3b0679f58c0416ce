"""Who the client of a request is, behind proxies that are trusted or not."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.web.http.messages import Request
from fshunt.web.http.proxies import Client, client_of
from fshunt.web.http.wsgi import environ_of, path_for_log

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))


def request(*headers: tuple[str, str]) -> Request:
    return Request("GET", "/", "1.1", list(headers), b"")


def seen(peer: str, *headers: tuple[str, str]) -> Client:
    return client_of(request(("host", "inner:8090"), *headers), peer, "http", PROXIES)


def test_a_trusted_proxy_says_address_scheme_and_host() -> None:
    said = (
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "Hunt.Example.com"),
    )
    assert seen("10.0.0.2", *said) == Client("203.0.113.9", "https", "hunt.example.com")
    assert seen("203.0.113.1", *said) == Client("203.0.113.1", "http", "inner:8090")


def test_what_a_client_adds_before_the_proxies_is_not_believed() -> None:
    assert seen("10.0.0.2", ("x-forwarded-for", "127.0.0.1, 203.0.113.9, 10.0.0.7")).address == "203.0.113.9"
    assert seen("10.0.0.2", ("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.9")).address == (
        "203.0.113.9"
    )
    assert seen("10.0.0.2", ("x-forwarded-proto", "https, http")).scheme == "http"


def test_a_client_inside_the_trusted_networks_is_the_last_that_is_known() -> None:
    assert seen("10.0.0.2", ("x-forwarded-for", "10.0.0.9")).address == "10.0.0.9"


@pytest.mark.parametrize("nonsense", ["", "unknown", "10.0.0.300", "<script>", "203.0.113.9:4711"])
def test_what_is_no_address_leaves_the_proxy_as_the_client(nonsense: str) -> None:
    assert seen("10.0.0.2", ("x-forwarded-for", nonsense)).address == "10.0.0.2"


@pytest.mark.parametrize("host", ["a b", "evil.test/x", "evil.test\\x", "a:b:c", "user@evil.test", "a:999999", "<>"])
def test_what_is_no_host_is_none(host: str) -> None:
    assert client_of(request(("host", host)), "203.0.113.1", "http", PROXIES).host == ""


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.2", "::1"])
def test_proxies_over_ipv6_are_known(peer: str) -> None:
    assert seen(peer, ("x-forwarded-for", "2001:db8::5")).address == "2001:db8::5"


@given(st.lists(st.tuples(st.sampled_from(["x-forwarded-for", "x_forwarded_for", "x-real-ip"]), st.text())))
def test_an_application_sees_no_header_that_only_a_proxy_may_set(headers: list[tuple[str, str]]) -> None:
    environ: dict[str, Any] = environ_of(request(*headers), Client("203.0.113.1", "http", "a"), ("127.0.0.1", 1))
    assert not [name for name in environ if "FORWARDED" in name or "REAL" in name]


@given(st.text())
def test_no_path_forges_a_line_of_the_log(path: str) -> None:
    line = path_for_log(path)
    assert line.isprintable()
    assert line.isascii()
