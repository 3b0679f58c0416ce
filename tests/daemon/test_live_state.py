"""What a daemon sees of watched members reaches those who look, and nothing is written while nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fshunt.daemon.switches.last_changes import LastChanges
from fshunt.daemon.switches.monitor import SeenPhone
from fshunt.db.engine import Store
from fshunt.db.models import LivePhones, LiveWatch
from fshunt.freeswitch.phones import Change, PhoneCall, PhoneState
from fshunt.hunting.addresses import parse_member
from fshunt.services import members
from fshunt.services.live import LiveGroup, LiveView, Watched, watch
from fshunt.services.member_states import StateOfMember
from fshunt.simulator.core.phones import answers
from tests.support.clock import CLOCK
from tests.support.rig import DOMAIN, WAIT_SECONDS, Rig, watching
from tests.support.statements import noted

GROUP = Watched(DOMAIN, "5000")


class Page:
    """Somebody who looks at the group 5000."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.view = rig, LiveView(rig.store)
        self.renew()

    def renew(self) -> None:
        with self.rig.store.writing() as s:
            watch(s, [GROUP])

    def group(self) -> LiveGroup:
        return self.view.look([GROUP]).groups[DOMAIN, "5000"]

    def first(self) -> StateOfMember:
        """The state of the first member."""
        group = self.group()
        return group.now.states[group.details.group.members[0].id]

    def words(self) -> dict[str, str]:
        group = self.group()
        return {m.extension: group.now.states[m.id].word.value for m in group.details.group.members}

    def shows(self, **words: str) -> None:
        """Wait until the page shows these states (``_1001``)."""
        wanted = {name.removeprefix("_"): word for name, word in words.items()}
        self.rig.pass_time_until(
            lambda: {e: w for e, w in self.words().items() if e in wanted} == wanted, f"{wanted} is shown"
        )


@pytest.fixture
def page(watched_rig: Rig) -> Page:
    watched_rig.group("5000", "1001", "1002", "1003")
    return Page(watched_rig)


def pass_seconds(seconds: float) -> None:
    until = CLOCK.now() + seconds
    CLOCK.run_until(lambda: CLOCK.now() >= until, f"{seconds:g} s have passed")


def rows(store: Store) -> int:
    with store.reading() as s:
        return s.scalars(select(func.count()).select_from(LivePhones)).one()


def test_a_phone_that_registers_rings_talks_and_leaves_is_seen(page: Page) -> None:
    rig = page.rig
    page.shows(_1001="unregistered", _1002="unregistered")
    (phone,) = rig.phones("1001")
    page.shows(_1001="free", _1002="unregistered")
    rings = rig.happens("rings", "1001")
    call = rig.started(caller_number="4155550100")
    assert rings.wait(WAIT_SECONDS)
    page.shows(_1001="ringing")
    rig.pick_up(call, "1001")
    page.shows(_1001="on-call")
    rig.pass_time_until(lambda: page.first().other == "4155550100", "the number of the caller is shown")
    began = page.first().since
    assert began is not None
    call.hang_up()
    page.shows(_1001="free")
    rig.pass_time_until(lambda: page.first().since is not None, "since when is shown")
    assert page.first().since >= began  # type: ignore[operator]
    rig.switch.registrations.unregister(phone)
    page.shows(_1001="unregistered")
    rig.settle()


def test_a_member_who_is_added_is_seen_at_once(page: Page) -> None:
    page.rig.phones("1004")
    page.shows(_1001="unregistered")
    with page.rig.store.writing() as s:
        members.add_members(s, DOMAIN, "5000", [parse_member("1004")])
    page.shows(_1004="free")


def test_the_directory_counts(page: Page) -> None:
    rig = page.rig
    rig.switch.dial_strings["1002"] = "error/user_busy"
    rig.phones("1001", "1002")
    page.shows(_1001="free", _1002="blocked")


def test_a_switch_that_is_cut_off_is_said_to_be(page: Page) -> None:
    page.rig.phones("1001")
    page.shows(_1001="free")
    page.rig.switch.close_inbound()
    page.shows(_1001="unknown")
    (sentence,) = page.view.look([GROUP]).sentences
    assert sentence.startswith("Switch 127.0.0.1:")


@contextmanager
def statements(rig: Rig, word: str) -> Iterator[list[str]]:
    """The statements with a word that the daemon of a rig runs meanwhile, once it is over."""
    run: list[str] = []
    with noted(rig.daemon.deps.database.store._engine) as said:
        yield run
    run += [each.text.split()[0] for each in said if word in each.text]


def test_nothing_is_written_while_nobody_looks(watched_rig: Rig) -> None:
    rig = watched_rig
    rig.group("5000", "1001")
    with statements(rig, "live_") as run:
        rig.phones("1001", behaviour=answers(0.02, talks=0.1))
        assert rig.call().result == "answered"
        pass_seconds(10.0)
    assert set(run) <= {"SELECT"}
    assert len(run) <= 8, "it is looked every two seconds, and at each notice"
    assert rows(rig.store) == 0


def test_what_has_not_changed_is_not_written_again(page: Page) -> None:
    page.rig.phones("1001")
    page.shows(_1001="free")
    pass_seconds(2.0)
    with statements(page.rig, "live_phones") as run:
        pass_seconds(5.0)
    assert set(run) <= {"SELECT"}


def test_the_row_goes_when_nobody_renews_the_watch(page: Page) -> None:
    page.shows(_1001="unregistered")
    assert rows(page.rig.store) == 1
    CLOCK.run_until(lambda: rows(page.rig.store) == 0, "the row is gone")
    with page.rig.store.reading() as s:
        assert list(s.scalars(select(LiveWatch))) == []


def test_the_row_goes_with_the_daemon(database_url: str, store: Store, tmp_path: Path) -> None:
    with watching(str(database_url), store, tmp_path) as rig:
        rig.group("5000", "1001")
        Page(rig).shows(_1001="unregistered")
        rig.daemon.stop()
        assert rows(store) == 0


def test_a_row_that_was_lost_is_written_again(page: Page) -> None:
    page.shows(_1001="unregistered")
    with page.rig.store.writing() as s:
        s.execute(LivePhones.__table__.delete())  # type: ignore[attr-defined]
    page.renew()
    page.rig.pass_time_until(lambda: rows(page.rig.store) == 1, "it is there again")


class Phones:
    """What the monitor would say."""

    def __init__(self) -> None:
        self.now: dict[str, SeenPhone] = {}

    def look(self, domain: str, number: str) -> SeenPhone:
        return self.now[f"{number}@{domain}"]


@pytest.mark.parametrize("begun", [False, True])
def test_since_when_a_phone_is_free_is_known_of_what_was_seen(begun: bool) -> None:
    phones, clock = Phones(), iter(range(100, 200))
    changes = LastChanges(phones.look, lambda: datetime.fromtimestamp(next(clock), UTC))
    if begun:
        changes.begun()

    def sees(registered: bool, *calls: PhoneCall) -> float | None:
        phones.now["1001@pbx.test"] = SeenPhone(registered, calls)
        changes.changed(Change(frozenset({"1001@pbx.test"})))
        return changes.since("1001", "PBX.test")

    call = PhoneCall("u", PhoneState.TALKING, 1.0, "2")
    assert changes.since("1001", "pbx.test") is None
    first = sees(True)
    assert (first is not None) is begun, "what was found at the start has no time"
    assert sees(True) == first
    assert sees(True, call) is None
    freed = sees(True)
    assert freed is not None
    assert sees(True) == freed
    assert sees(False) > freed
