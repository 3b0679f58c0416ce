"""Who may connect to a process: this machine, and the networks that the settings allow."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from fshunt.settings import IpNetwork


class Peers:
    """The peers of a listening socket; this machine is always among them."""

    def __init__(self, allowed: Iterable[IpNetwork] | Callable[[], Iterable[IpNetwork]] = ()) -> None:
        """``allowed`` may be a function: what it returns may change."""
        fixed = () if callable(allowed) else tuple(allowed)
        self._allowed = allowed if callable(allowed) else lambda: fixed

    def __bool__(self) -> bool:
        """Whether any other machine is allowed."""
        return bool(tuple(self._allowed()))

    def __contains__(self, host: str) -> bool:
        """Whether a peer may connect; an IPv4 address that is mapped into IPv6 counts as the IPv4 address."""
        address = ipaddress.ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in network for network in self._allowed())
