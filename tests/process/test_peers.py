"""One check of peers for all that listens."""

from ipaddress import ip_network

import pytest

from fshunt.process.peers import Peers

ALLOWED = Peers(ip_network(each) for each in ("192.0.2.7", "198.51.100.0/24", "fd00::/8"))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "192.0.2.7", "::ffff:192.0.2.7", "198.51.100.9", "fd00::1%e"],
)
def test_this_machine_and_allowed_peers_may_connect(host: str) -> None:
    assert host in ALLOWED


@pytest.mark.parametrize("host", ["192.0.2.8", "198.51.101.1", "fe80::1", "fe80::1%eth0", "::ffff:203.0.113.1"])
def test_others_may_not(host: str) -> None:
    assert host not in ALLOWED


def test_without_allowed_peers_only_this_machine_may_connect() -> None:
    alone = Peers()
    assert not alone
    assert ("::1" in alone, "192.0.2.7" in alone) == (True, False)
