"""Where notices may go."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from fshunt.errors import BadValue
from fshunt.notices.targets import check_mail_address, check_webhook_url, is_allowed, parse_webhook_url


@pytest.mark.parametrize(
    "address", ["sales@example.com", "a.b+c@mail.example.com", "root@localhost", "o'neil@x-y.test"]
)
def test_a_mail_address_is_taken(address: str) -> None:
    assert check_mail_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sales",
        "@example.com",
        "sales@",
        "sales@example..com",
        ".sales@example.com",
        "sa les@example.com",
        "sales@example.com\nBcc: all@example.com",
        "Sales <sales@example.com>",
        "sales@example.com,other@example.com",
        '"a b"@example.com',
        "sales@-example.com",
        "säles@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b." * 130 + "com",
    ],
)
def test_what_is_no_mail_address_is_one_sentence(address: str) -> None:
    with pytest.raises(BadValue, match=r"is not a mail address: use one such as sales@example\.com\."):
        check_mail_address(address)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "header"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("http://Example.com:8080/a/b?c=d", "example.com", 8080, "/a/b?c=d", "example.com:8080"),
        ("https://[2001:DB8::1]:444444444", None, 0, "", ""),
        ("https://[2606:4700::1111]/x", "2606:4700::1111", 443, "/x", "[2606:4700::1111]"),
        ("http://192.0.2.7/", "192.0.2.7", 80, "/", "192.0.2.7"),
    ],
)
def test_a_url_is_read_in_its_parts(url: str, host: str | None, port: int, path: str, header: str) -> None:
    if host is None:
        with pytest.raises(BadValue):
            parse_webhook_url(url)
        return
    read = parse_webhook_url(url)
    assert (read.host, read.port, read.path, read.host_header) == (host, port, path, header)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "is not the URL of a webhook"),
        ("example.com/hook", "is not the URL of a webhook"),
        ("ftp://example.com/", "is not the URL of a webhook"),
        ("file:///etc/passwd", "is not the URL of a webhook"),
        ("https://", "is not the URL of a webhook"),
        ("https://exa mple.com/", "is not the URL of a webhook"),
        ("https://example.com/\r\nX: y", "is not the URL of a webhook"),
        ("https://example.com/#part", "is not the URL of a webhook"),
        ("https://exämple.com/", "is not the URL of a webhook"),
        ("http://127.1/", "is not the URL of a webhook"),
        ("http://2130706433/", "is not the URL of a webhook"),
        ("http://0x7f.1/", "is not the URL of a webhook"),
        ("http://0x7f000001/", "is not the URL of a webhook"),
        ("http://[::1%25lo]/", "is not the URL of a webhook"),
        ("https://example.com:99999/", "is not the URL of a webhook"),
        ("https://example.com/" + "a" * 2000, "is not the URL of a webhook"),
        ("https://user:secret@example.com/", "has no user and no password"),
        ("https://user@example.com/", "has no user and no password"),
        ("http://example.com:25/", "Port 25 is none for a webhook"),
        ("http://example.com:0/", "Port 0 is none for a webhook"),
    ],
)
def test_what_is_no_url_of_a_webhook_is_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(BadValue, match=sentence) as caught:
        check_webhook_url(url)
    assert "secret" not in str(caught.value)


PUBLIC = ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2002:5db8:d822::1"]
PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.0.192",
    "192.88.99.1",
    "3fff::1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2001:0:7f00:1::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_to(address: str) -> None:
    assert is_allowed(ip_address(address), ())


@pytest.mark.parametrize("address", PRIVATE)
def test_any_other_address_is_not(address: str) -> None:
    assert not is_allowed(ip_address(address), ())
    assert not is_allowed(ip_address(address), [ip_network("192.0.2.0/24"), ip_network("2001:db8:1::/48")])


@pytest.mark.parametrize("address", ["10.0.5.7", "::ffff:10.0.5.7", "64:ff9b::a00:507", "fd00::1"])
def test_a_network_that_is_allowed_is_connected_to(address: str) -> None:
    assert is_allowed(ip_address(address), [ip_network("10.0.5.0/24"), ip_network("fd00::/8")])
    assert not is_allowed(ip_address("10.0.6.7"), [ip_network("10.0.5.0/24"), ip_network("fd00::/8")])


def test_an_address_that_leads_to_two_needs_both_allowed() -> None:
    teredo = ip_address("2001:0:a00:507::80ff:fffe")
    assert not is_allowed(teredo, [ip_network("10.0.5.7")]), "its client is 127.0.0.1"
    assert is_allowed(teredo, [ip_network("2001::/32")])
