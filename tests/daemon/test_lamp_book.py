"""The groups in memory, as their lamps need them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fshunt.daemon.switches.lamp_book import LampBook
from fshunt.daemon.switches.monitor import Monitor
from fshunt.freeswitch.presence import Address, Lamp, Watching
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.group import Group, Member

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def group(group_id: int, domain: str, pilot: str, *extensions: str) -> Group:
    members = tuple(Member(at, at, parse_member(each)) for at, each in enumerate(extensions, start=1))
    return Group(group_id, domain, pilot, members=members)


@pytest.fixture
def book() -> LampBook:
    monitor = Monitor([], lambda: NOW, lambda: 0.0)
    return LampBook(monitor, lambda: NOW, lambda _member, _seconds: False, lambda _domain, _number: None)


def watching(protocol: str, user: str, host: str, domain: str) -> Watching:
    return Watching(Address(protocol, user, host), "abc", domain, 60)


def test_a_group_has_its_pilots_lamp_and_two_of_each_extension(book: LampBook) -> None:
    found = book.take(group(1, "a.test", "5000", "1001", "+14155550123@carrier"))
    assert found == {Lamp("a.test", "5000"), Lamp("a.test", None, "1001"), Lamp("a.test", "5000", "1001")}
    assert set(book.all_lamps()) == found
    assert next(book.all_lamps()) == Lamp("a.test", "5000")


def test_nothing_is_left_of_a_group_that_is_dropped(book: LampBook) -> None:
    book.take(group(1, "a.test", "5000", "anna", "Anna", "1001"))
    book.take(group(2, "a.test", "5001", "1001"))
    again = book.take(group(1, "b.test", "5000", "anna"))
    assert Lamp("a.test", None, "Anna") in again, "those of before are told, too"
    book.drop(1)
    assert set(book.all_lamps()) == {
        Lamp("a.test", "5001"), Lamp("a.test", None, "1001"), Lamp("a.test", "5001", "1001")
    }  # fmt: skip
    book.drop(2)
    assert book.drop(2) == set()
    assert list(book.all_lamps()) == []
    assert book.pilots_of(["1001", "ANNA"]) == set()
    assert book.find(watching("sip", "5001", "a.test", "a.test")) is None


def test_a_pilot_that_another_group_has_taken_stays_with_it(book: LampBook) -> None:
    book.take(group(1, "a.test", "5000"))
    book.take(group(2, "a.test", "5000", "1001"))
    book.drop(1)
    assert Lamp("a.test", "5000") in book
    book.drop(2)
    assert Lamp("a.test", "5000") not in book


@pytest.mark.parametrize(
    ("asked", "lamp"),
    [
        (("sip", "5000", "A.test", "a.test"), Lamp("a.test", "5000")),
        (("sip", "5000", "192.0.2.1", "b.test"), Lamp("b.test", "5000")),
        (("sip", "5000", "192.0.2.1", "192.0.2.1"), None),
        (("sip", "5000", "c.test", "a.test"), None),
        (("sip", "5009", "192.0.2.1", "192.0.2.1"), Lamp("b.test", "5009")),
        (("sip", "5009", "a.test", "b.test"), None),
        (("block", "1001", "b.test", "a.test"), Lamp("b.test", None, "1001")),
        (("block", "1001", "5000", "b.test"), Lamp("b.test", "5000", "1001")),
        (("block", "1001", "5000", "c.test"), None),
        (("block", "1001", "5000", "192.0.2.1"), None),
        (("block", "1001", "5009", "[2001:db8::1]"), Lamp("b.test", "5009", "1001")),
        (("block", "1002", "5000", "a.test"), None),
        (("block", "1001", "5008", "a.test"), None),
    ],
)
def test_whose_lamp_somebody_watches(book: LampBook, asked: tuple[str, str, str, str], lamp: Lamp | None) -> None:
    book.take(group(1, "a.test", "5000", "1001"))
    book.take(group(2, "b.test", "5000", "1001"))
    book.take(group(3, "b.test", "5009", "1001"))
    assert book.find(watching(*asked)) == lamp


def test_which_address_is_of_two_tenants(book: LampBook) -> None:
    book.take(group(1, "a.test", "5000", "1001", "1002"))
    book.take(group(2, "b.test", "5000", "1001"))
    assert book.is_shared(Lamp("a.test", "5000", "1001"))
    assert not book.is_shared(Lamp("a.test", "5000", "1002"))
    assert not book.is_shared(Lamp("a.test", None, "1001"))
    assert not book.is_shared(Lamp("a.test", "5000"))
