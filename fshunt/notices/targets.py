"""Where notices may go: mail addresses, the addresses of webhooks, and the hosts behind them.

A webhook is a request that somebody else words: who looks after a group must not reach, through it, what only this host
reaches. So an address is judged, and not a name: the one that is connected to.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from fshunt.errors import BadValue
from fshunt.hunting.validation import shown

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

MAX_ADDRESS_CHARS = 254
MAX_LOCAL_CHARS = 64
MAX_URL_CHARS = 2000

LOWEST_OTHER_PORT = 1024
"""Below are the services of a host, such as SMTP, to which a request must not be sent; but for 80 and 443."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAIL = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})*)", re.ASCII)
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.ASCII)
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+", re.ASCII)

_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
_NOT_PUBLIC = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
"""Of protocols, where a cloud has its metadata, and for examples: not each version of Python knows them."""


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """A URL in its parts. ``path`` is what the request names: path and query."""

    https: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The value of the header `Host`: the port is left out where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.https else 80) else f"{host}:{self.port}"

    @property
    def literal(self) -> IpAddress | None:
        """The address, where the URL has one instead of a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


def check_mail_address(value: str) -> str:
    """Return the value if it is a mail address (ASCII, without a name and without quotes); raise BadValue."""
    found = _MAIL.fullmatch(value)
    if found is None or len(value) > MAX_ADDRESS_CHARS or len(found[1]) > MAX_LOCAL_CHARS:
        raise BadValue(f"{shown(value)} is not a mail address: use one such as sales@example.com.")
    return value


def check_webhook_url(value: str) -> str:
    """Return the value if a webhook may have this URL; raise BadValue. Which host it names is judged later."""
    parse_webhook_url(value)
    return value


def parse_webhook_url(value: str) -> WebhookUrl:
    """Return the parts of a URL; raise BadValue for one that a webhook may not have."""
    if len(value) > MAX_URL_CHARS or not _URL_CHARACTERS.fullmatch(value):
        raise _no_url(value)
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_url(value) from None
    if "@" in parts.netloc:
        raise BadValue("The URL of a webhook has no user and no password in it: requests are signed instead.")
    https = parts.scheme == "https"
    if "%" in host:  # a zone of this host
        raise _no_url(value)
    made = WebhookUrl(https, host, port if port is not None else 443 if https else 80, _path(parts.path, parts.query))
    if parts.scheme not in ("http", "https") or (made.literal is None and not _is_name(host)):
        raise _no_url(value)
    if made.port not in (80, 443) and made.port < LOWEST_OTHER_PORT:
        raise BadValue(f"Port {made.port} is none for a webhook: use 80, 443, or one from {LOWEST_OTHER_PORT} on.")
    return made


def _no_url(value: str) -> BadValue:
    return BadValue(f"{shown(value)} is not the URL of a webhook: use one such as https://example.com/hook.")


def _path(path: str, query: str) -> str:
    return f"{path or '/'}?{query}" if query else path or "/"


def _is_name(host: str) -> bool:
    """Whether it is a name. One that ends in digits is none: systems read `127.1` and `0x7f000001` as addresses."""
    last = host.rstrip(".").rpartition(".")[2]
    return bool(_HOST.fullmatch(host)) and not re.fullmatch(r"[0-9]+|0[xX][0-9A-Fa-f]*", last)


def is_allowed(address: IpAddress, allowed: Collection[IpNetwork]) -> bool:
    """Tell whether a webhook may connect to an address: a public one, or one of the networks that are allowed.

    An address that leads to another one (mapped, NAT64, 6to4) is judged by that one, too.
    """
    if _is_in(address, allowed):
        return True
    return all(_is_public(each) or _is_in(each, allowed) for each in (address, *_embedded(address)))


def _is_in(address: IpAddress, networks: Collection[IpNetwork]) -> bool:
    return any(address in network for network in networks)


def _is_public(address: IpAddress) -> bool:
    if isinstance(address, IPv6Address) and (address.is_site_local or address in _COMPATIBLE):
        return False
    special = (
        _is_in(address, _NOT_PUBLIC)
        or address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
    )
    # A mapped address is not public in itself; the one that it leads to counts.
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    nat64 = isinstance(address, IPv6Address) and address in _NAT64[0]
    return mapped or nat64 or (address.is_global and not special and not address.is_unspecified)


def _embedded(address: IpAddress) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address leads to."""
    if not isinstance(address, IPv6Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if _is_in(address, _NAT64):
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in found if each is not None]
