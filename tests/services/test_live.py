"""The live state of groups as it is put together from what the daemons have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from fshunt.db.engine import Store
from fshunt.db.models import Announcement, LiveWatch
from fshunt.db.notifications import ASKED
from fshunt.db.queries import calls, claims, daemons, live, queue
from fshunt.freeswitch.phones import PhoneCall, PhoneState
from fshunt.services import groups, members
from fshunt.services.live import NOBODY_WATCHES, Watched, watch
from fshunt.services.live_feed import sentences_of
from fshunt.services.switch_phones import SeenPhones, SeenSwitch, WatchedNow, published, read_published
from tests.support.live_office import AWAY, DOMAIN, FREE, GROUP, NOON, Office, talking

pytestmark = pytest.mark.sql


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


def test_what_daemons_publish_is_read_as_it_was() -> None:
    phones = {
        "1001": SeenPhones(True, calls=(PhoneCall("", PhoneState.RINGING, 5.5, "4155550100"),)),
        "1002": SeenPhones(True, undialable="no SIP address", do_not_disturb=True, since=7.0),
        "1003": SeenPhones(),
    }
    switches = [
        WatchedNow(SeenSwitch("a", True, phones), "core-a"),
        WatchedNow(SeenSwitch("b"), "", "it cannot be reached"),
    ]
    assert read_published(published(switches)) == switches
    odd = SeenPhones(True, calls=(PhoneCall("", PhoneState.TALKING, 0.0, "\0\ud800" + "9" * 100),))
    ((read,),) = [read_published(published([WatchedNow(SeenSwitch("a", phones={"1": odd}), "c")]))]
    assert read.seen.phones["1"].calls[0].other == "\ufffd\ufffd" + "9" * 62


def test_states_are_those_of_the_phones_with_times_and_numbers(office: Office) -> None:
    office.beat()
    office.sees({"1001": talking("4155550100"), "1002": SeenPhones(since=5.0), "1003": SeenPhones(True, since=9.0)})
    state, group = office.look()
    assert office.words() == {"1001": "on-call", "1002": "unregistered", "1003": "free"}
    on_call = group.now.states[office.ids["1001"]]
    assert (on_call.other, on_call.since) == ("4155550100", NOON - timedelta(seconds=70))
    assert group.now.states[office.ids["1002"]].since == datetime.fromtimestamp(5, UTC)
    assert group.now.states[office.ids["1003"]].since == datetime.fromtimestamp(9, UTC)
    assert (group.ringing, group.talking, state.age, state.sentences) == (0, 1, 0, ())


def test_nothing_is_missed_of_a_daemon_before_it_can_have_spoken(office: Office) -> None:
    def renewed(times: int) -> tuple[str, ...]:
        for _ in range(times):
            with office.store.writing() as s:
                watch(s, [GROUP])
        state, group = office.look()
        assert sentences_of(group, state) == state.sentences
        return state.sentences

    assert renewed(1) == (NOBODY_WATCHES,), "no daemon is alive"
    office.beat()
    assert renewed(0) == renewed(1) == (), "it has a second to publish"
    assert renewed(1) == (NOBODY_WATCHES,), "it has said nothing for seconds"
    office.sees(dict.fromkeys(office.ids, FREE))
    assert renewed(0) == ()


def test_claims_blocks_the_queue_and_the_last_calls_come_from_the_database(office: Office) -> None:
    office.beat()
    office.sees(dict.fromkeys(office.ids, FREE))
    who = {"domain": DOMAIN, "hunt_id": "h", "call_uuid": "u", "run_id": "run"}
    with office.store.writing() as s:
        members.block(s, DOMAIN, "1003", True, now=NOON)
        claims.claim(s, DOMAIN, ["1001"], hunt_id="h", call_uuid="u", run_id="run", sequence=1)
        queue.join(
            s, "h2", ["1001", "1002"], domain=DOMAIN, group_id=office.group_id, call_uuid="u2", run_id="run",
            ticket=None, at=NOON,
        )  # fmt: skip
        calls.open_call(
            s, "h", uuid=who["call_uuid"], domain=DOMAIN, pilot="5000", group_name="", policy="regular",
            caller_number=None, caller_name=None, started_at=NOON, policy_input=None, node="run",
        )  # fmt: skip
    _, group = office.look(calls=5)
    assert office.words() == {"1001": "claimed", "1002": "free", "1003": "blocked"}
    assert group.now.states[office.ids["1003"]].since == NOON
    assert (group.queued_since, [call.id for call in group.calls]) == ((NOON,), ["h"])


def test_the_same_switch_is_believed_from_whoever_watches_it(office: Office) -> None:
    office.beat("a")
    office.beat("b")
    office.sees({}, "a", error="cut off")
    office.sees({"1001": talking("1"), "1002": FREE, "1003": AWAY}, "b")
    assert office.words() == {"1001": "on-call", "1002": "free", "1003": "unregistered"}
    state, _ = office.look()
    assert state.sentences == ()


def test_switches_of_one_name_on_two_hosts_are_two(office: Office) -> None:
    for run, phones in (("a", {"1001": FREE, "1002": AWAY, "1003": AWAY}), ("b", {"1001": AWAY, "1002": FREE})):
        office.beat(run)
        office.sees(phones, run, core=run)
    assert office.words() == {"1001": "other-switch", "1002": "other-switch", "1003": "unknown"}


def test_who_has_no_phone_is_not_known_while_a_switch_or_a_daemon_is_silent(office: Office) -> None:
    office.beat()
    here = WatchedNow(SeenSwitch("a", phones={"1001": FREE, "1002": AWAY, "1003": AWAY}), "core-a")
    office.publishes("run", here, WatchedNow(SeenSwitch("b"), "", "it cannot be reached"))
    state, _ = office.look()
    assert office.words() == {"1001": "free", "1002": "unknown", "1003": "unknown"}
    assert state.sentences == ("Switch b is not watched: it cannot be reached",)
    office.publishes("run", here)
    assert office.words()["1002"] == "unregistered"
    office.beat("new")
    assert office.words()["1002"] == "unknown", "a daemon that has said nothing yet may see a phone"


def test_a_daemon_that_is_gone_does_not_count(office: Office) -> None:
    office.beat()
    office.sees(dict.fromkeys(office.ids, FREE))
    with office.store.writing() as s:
        claims.claim(s, DOMAIN, ["1002"], hunt_id="h", call_uuid="u", run_id="run", sequence=1)
    office.seconds = 1.4
    state, _ = office.look()
    assert (state.age, office.words()["1001"]) == (1.4, "free")
    office.seconds = 5.0
    state, group = office.look()
    assert (state.age, state.sentences) == (None, (NOBODY_WATCHES,))
    assert office.words() == {"1001": "unknown", "1002": "claimed", "1003": "unknown"}
    assert group.now.states[office.ids["1002"]].left, "the claim is of a daemon that is gone"
    office.beat()
    assert office.words()["1001"] == "free", "it was only cut off"
    with office.store.writing() as s:
        daemons.retire(s, "run")
    assert office.words()["1001"] == "unknown", "what a run has published goes with it"


@pytest.mark.parametrize("off", [-3600.0, 3600.0])
def test_the_clocks_of_two_hosts_may_differ(office: Office, off: float) -> None:
    office.beat(clock_is_off=off)
    office.sees(dict.fromkeys(office.ids, FREE))
    assert office.words()["1001"] == "unknown", "the heartbeat may be old"
    office.seconds = 1.0
    office.beat(clock_is_off=off)
    assert office.words()["1001"] == "free", "it counts on"


def test_looks_are_alike_until_something_changes(office: Office) -> None:
    office.beat()
    office.sees(dict.fromkeys(office.ids, FREE))
    _, first = office.look()
    office.seconds = 1.0
    office.beat()
    _, second = office.look()
    assert second.looks_like(first)
    assert not first.looks_like(None)
    office.sees({**dict.fromkeys(office.ids, FREE), "1001": talking("4")})
    _, third = office.look()
    assert not third.looks_like(second)


def test_a_domain_or_all_or_no_group(office: Office) -> None:
    with office.store.writing() as s:
        groups.add_group(s, DOMAIN, "5001")
        groups.add_group(s, "other.test", "5000")
    everything = [(DOMAIN, "5000"), (DOMAIN, "5001"), ("other.test", "5000")]
    assert list(office.view.look([Watched()]).groups) == everything
    assert list(office.view.look([Watched(DOMAIN)]).groups) == everything[:2]
    assert list(office.view.look([Watched(DOMAIN, "5001"), Watched("other.test")]).groups) == everything[1:]
    nothing = office.view.look([Watched(DOMAIN, "5999")])
    assert (nothing.groups, nothing.sentences) == ({}, ())
    assert office.view.look([]).groups == {}


def announced(store: Store) -> int:
    with store.reading() as s:
        return s.scalars(select(func.count()).where(Announcement.domain == ASKED)).one()


def test_a_watch_is_counted_on_and_told_of_once(office: Office) -> None:
    for _ in range(3):
        with office.store.writing() as s:
            watch(s, [GROUP, Watched(DOMAIN)])
    with office.store.reading() as s:
        assert live.watches(s) == {GROUP: 3, Watched(DOMAIN): 3}
    if office.store.is_sqlite:
        assert announced(office.store) == 1
    with office.store.writing() as s:
        live.end_watches(s, {GROUP: 2, Watched(DOMAIN): 3})
    with office.store.reading() as s:
        assert [row.pilot for row in s.scalars(select(LiveWatch))] == ["5000"], "it was renewed just now"
