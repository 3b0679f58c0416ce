"""Who the client is, behind proxies that are trusted: nobody else's word on it is taken."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from fshunt.settings import IpNetwork
from fshunt.web.http.messages import Request

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip")
"""Headers that only a proxy may set: an application never sees them."""

_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Client(NamedTuple):
    """The client of a request: its address, and the scheme and the host that it has used ("": none that is valid)."""

    address: str
    scheme: str
    host: str


def client_of(request: Request, peer: str, scheme: str, trusted: Sequence[IpNetwork]) -> Client:
    """Return the client of a request that came from ``peer`` by ``scheme``."""
    host = request.header("host") or ""
    if not _within(peer, trusted):
        return Client(peer, scheme, _checked(host))
    said = (request.header("x-forwarded-proto") or "").rpartition(",")[2].strip().lower()
    host = (request.header("x-forwarded-host") or host).rpartition(",")[2].strip()
    return Client(_origin(request, peer, trusted), said if said in ("http", "https") else scheme, _checked(host))


def _origin(request: Request, peer: str, trusted: Sequence[IpNetwork]) -> str:
    """Go back from proxy to proxy, for as long as each is trusted, to the first address that is not."""
    listed = [part.strip() for key, value in request.headers if key == "x-forwarded-for" for part in value.split(",")]
    address = peer
    while listed and _within(address, trusted):
        before = listed.pop()
        try:
            address = str(ipaddress.ip_address(before))
        except ValueError:  # the proxy before wrote no address: the one that we know stands
            break
    return address


def _within(address: str, networks: Sequence[IpNetwork]) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def _checked(host: str) -> str:
    return host.lower() if _HOST.fullmatch(host) else ""
