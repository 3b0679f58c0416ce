"""The hub: one look for all streams, none for nobody, and limits."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import gevent
import pytest

from fshunt.errors import TooManyStreams
from fshunt.services.live import LiveState
from fshunt.services.live_feed import Look
from fshunt.services.watchers import Credential, CredentialKind, Wish
from fshunt.web.live import hub as hub_module
from fshunt.web.live.hub import MAX_OF_ACCOUNT, Hub
from tests.support.waiting import WAIT_SECONDS

PLACE = ("pbx.test", "5000")


def wish(name: str = "1") -> Wish:
    return Wish(Credential(CredentialKind.TOKEN, name))


class Looks:
    """A feed that counts how often it looks, and for whom."""

    def __init__(self) -> None:
        self.for_whom: list[frozenset[Wish]] = []
        self.threads: set[int] = set()
        self.over: set[Wish] = set()

    def look(self, wishes: Collection[Wish]) -> Look:
        self.for_whom.append(frozenset(wishes))
        self.threads.add(threading.get_ident())
        places = {each: frozenset({PLACE}) for each in wishes if each not in self.over}
        return Look(LiveState(datetime.now(UTC), None), places=places, asked=frozenset(wishes), changed=True)


@pytest.fixture
def looks() -> Looks:
    return Looks()


@pytest.fixture
def hub(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(hub_module, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 0.02)
    made = Hub(looks)
    yield made
    made.close()


def test_one_look_in_one_thread_serves_all_streams(hub: Hub, looks: Looks) -> None:
    watchers = [hub.open(wish(str(number)), str(number)) for number in range(50)]
    for each in watchers:
        hub.join(each)
    for each in watchers:
        assert each.news.wait(WAIT_SECONDS)
    assert looks.for_whom[0] == {each.wish for each in watchers}
    assert len(looks.for_whom) <= 2
    assert len(looks.threads) == 1
    assert threading.get_ident() not in looks.threads


def test_nobody_looks_where_nobody_watches(hub: Hub, looks: Looks) -> None:
    gevent.sleep(0.05)
    assert looks.for_whom == []
    watcher = hub.open(wish(), "omar")
    hub.join(watcher)
    assert watcher.news.wait(WAIT_SECONDS)
    hub.leave(watcher)
    gevent.sleep(0.05)
    count = len(looks.for_whom)
    gevent.sleep(0.1)
    assert len(looks.for_whom) == count
    assert hub.latest() is None
    hub.join(other := hub.open(wish("2"), "omar"))
    assert other.news.wait(WAIT_SECONDS)


def test_who_comes_later_is_looked_for_at_once(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "BUSY_SECONDS", 0.01)
    monkeypatch.setattr(hub_module, "BUSY_FOR_SECONDS", 0.0)
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 3600.0)
    hub = Hub(looks)
    hub.join(first := hub.open(wish("1"), "1"))
    assert first.news.wait(WAIT_SECONDS)
    hub.join(later := hub.open(wish("2"), "2"))
    assert later.news.wait(WAIT_SECONDS)
    hub.close()


def test_an_account_has_so_many_streams_and_others_have_theirs(hub: Hub) -> None:
    watchers = [hub.open(wish(), "omar") for _ in range(MAX_OF_ACCOUNT)]
    with pytest.raises(TooManyStreams):
        hub.open(wish(), "omar")
    hub.open(wish(), "ines")
    hub.leave(watchers[0])
    hub.open(wish(), "omar")


def test_a_stream_without_a_right_is_woken(hub: Hub, looks: Looks) -> None:
    hub.join(watcher := hub.open(wish(), "omar"))
    assert watcher.news.wait(WAIT_SECONDS)
    looks.over.add(watcher.wish)
    while (look := hub.latest()) is None or watcher.wish in look.places:
        watcher.news.clear()
        assert watcher.news.wait(WAIT_SECONDS)


def test_a_page_takes_a_look_that_is_recent_and_right(looks: Looks) -> None:
    seconds = 100.0
    hub = Hub(looks, lambda: seconds)
    look = looks.look([wish()])
    assert hub.recent() is None
    hub._tell(100.0, look)
    assert hub.recent() is look
    seconds = 100.0 + hub_module.RECENT_SECONDS + 0.1
    assert hub.recent() is None
    hub._tell(seconds, replace(look, trouble=TooManyStreams()))  # type: ignore[arg-type]
    assert hub.recent() is None
