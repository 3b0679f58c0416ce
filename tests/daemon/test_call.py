"""Whole calls: who is rung, who is passed over and why, how it ends, and what is written of it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from fshunt.db.models import Claim, HuntMember
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.availability import IN_GROUP
from fshunt.hunting.destinations import parse_destination
from fshunt.hunting.gateways import Gateway
from fshunt.hunting.group import WhenBusy
from fshunt.hunting.policies import POLICIES, decide
from fshunt.hunting.policy_input import PolicyInput
from fshunt.hunting.ringtime import RingTime
from fshunt.services import groups, members
from fshunt.simulator.core.phones import RINGS, Behaviour, answers, refuses
from tests.support.rig import DOMAIN, RING_SECONDS, RINGS_ON, RINGS_OUT, WAIT_SECONDS, Rig, light, passed, rang
from tests.support.statements import noted

TALKS = answers(0.05, talks=0.05)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_call_is_answered_under_every_policy(rig: Rig, policy: str) -> None:
    rig.group("5000", "1001", "1002", policy=policy)
    rig.phones("1001", "1002", behaviour=TALKS)
    call = rig.started()
    record = rig.record(call)
    assert record.result == "answered"
    assert record.answered_by == call.ending.who
    assert call.ending.kind == "answered"
    assert record.end_seen
    assert record.started_at <= record.answered_at <= record.ended_at


def test_members_are_rung_one_after_the_other_each_for_the_ring_time(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", "1003", ring_time=RINGS_OUT)
    light_rig.rings_for(RINGS_ON, "1002", "1003")
    first, second, third = light_rig.phones("1001", "1002", "1003")
    second.behaviour, third.behaviour = refuses(486), TALKS
    record = light_rig.call()
    assert rang(record) == [("1001", "no-answer"), ("1002", "busy"), ("1003", "answered")]
    assert first.rings[0].seconds is not None
    assert first.rings[0].seconds >= RING_SECONDS - 0.05, "never less than configured; a slow machine may add to it"


def test_a_members_own_ring_time_goes_over_the_groups(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", ring_time=RingTime(rings=20))
    light_rig.rings_for(RingTime(rings=1), "1001")
    light_rig.phones("1001")
    assert light_rig.call().offers[0].ring_seconds == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (RINGS, "no-answer"),
        (Behaviour(progress=183), "no-answer"),
        (refuses(486), "busy"),
        (refuses(603), "declined"),
        (refuses(480, rings=False), "unreachable"),
        (refuses(503), "unreachable"),
        (refuses(404), "unreachable"),
        (refuses(486, after=0.6), "declined"),
        (refuses(480, after=0.1), "declined"),
    ],
)
def test_how_a_phone_ends_an_offer(light_rig: Rig, behaviour: Behaviour, outcome: str) -> None:
    light_rig.group("5000", "1001", voicemail="1009", ring_time=RINGS_OUT if outcome == "no-answer" else RINGS_ON)
    light_rig.phones("1001", behaviour=behaviour)
    record = light_rig.call()
    assert rang(record) == [("1001", outcome)]
    assert (record.result, record.destination) == ("voicemail", "voicemail:1009")


def test_do_not_disturb_is_recorded_as_such(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=refuses(480, rings=False))
    offer = light_rig.call().offers[0]
    assert (offer.cause, offer.sip_code) == ("NO_USER_RESPONSE", 480)
    assert "do not disturb" in str(offer.detail)


def test_all_phones_of_a_member_ring_and_the_others_stop_when_one_is_picked_up(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    desk, soft = light_rig.switch.phone("1001", RINGS), light_rig.switch.phone("1001", answers(0.1, talks=0.05))
    record = light_rig.call()
    assert rang(record) == [("1001", "answered")]
    assert record.offers[0].phones == 2
    assert [len(phone.rings) for phone in (desk, soft)] == [1, 1]
    assert not desk.rings[0].missed


def test_a_refusal_at_one_phone_is_the_members_word_for_all_of_them(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    desk, _ = light_rig.switch.phone("1001", RINGS), light_rig.switch.phone("1001", refuses(603, after=0.05))
    record = light_rig.call()
    assert rang(record) == [("1001", "declined")]
    assert not desk.rings[0].missed


@pytest.mark.parametrize("code", [486, 480])
def test_the_reject_key_at_one_phone_is_the_members_word_for_all_of_them(light_rig: Rig, code: int) -> None:
    light_rig.group("5000", "1001", cycles=2, on_no_answer=parse_destination("hangup:NO_ANSWER"))
    desk, _ = light_rig.switch.phone("1001", RINGS), light_rig.switch.phone("1001", refuses(code, after=0.6))
    record = light_rig.call()
    assert rang(record) == [("1001", "declined")]
    assert passed(record) == [("1001", "declined")], "not rung again for this caller"
    assert record.reason == "nobody answered"
    assert not desk.rings[0].missed


def test_a_refusal_by_the_trunk_is_not_the_members(light_rig: Rig) -> None:
    light_rig.group("5000", "+14155550123@carrier", "+14155550124@carrier")
    carrier = light_rig.switch.gateway("carrier")
    carrier.add("+14155550123", refuses(603, rings=False))
    carrier.add("+14155550124", refuses(403))
    record = light_rig.call()
    assert [(offer.outcome, offer.sip_code) for offer in record.offers] == [("unreachable", 603), ("unreachable", 403)]
    assert [offer.detail for offer in record.offers] == [
        "the gateway refused the call (603)", "the gateway refused the call (403)",
    ]  # fmt: skip
    assert record.reason == "nobody reachable"


def test_simultaneous_rings_all_at_once_and_the_losers_see_no_missed_call(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", "1003", policy="simultaneous")
    phones = rig.phones("1001", "1002", "1003")
    phones[1].behaviour = answers(0.15, talks=0.05)
    record = rig.call()
    assert dict(rang(record)) == {"1001": "answered-elsewhere", "1002": "answered", "1003": "answered-elsewhere"}
    assert record.answered_by == "1002"
    assert {offer.stage for offer in record.offers} == {1}
    assert not any(phone.rings[0].missed for phone in phones)


def test_in_a_simultaneous_stage_each_phone_rings_for_its_own_time(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", policy="simultaneous", ring_time=RingTime(rings=4))
    light_rig.rings_for(RingTime(rings=1), "1001")
    short, long = light_rig.phones("1001", "1002")
    record = light_rig.call()
    assert dict(rang(record)) == {"1001": "no-answer", "1002": "no-answer"}
    assert short.rings[0].seconds < long.rings[0].seconds


def test_a_member_without_a_phone_is_skipped(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002")
    light_rig.switch.user("1001")
    light_rig.phones("1002", behaviour=TALKS)
    record = light_rig.call()
    assert passed(record) == [("1001", "unregistered")]
    assert record.answered_by == "1002"


def test_disabled_and_blocked_members_are_skipped_from_the_next_call_on(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", "1003")
    rig.phones("1001", "1002", "1003", behaviour=TALKS)
    assert rig.call().answered_by == "1001"
    with rig.store.writing() as s:
        members.enable_member(s, DOMAIN, "5000", parse_member("1001"), False)
        members.block(s, DOMAIN, "1002", True)
    record = rig.call()
    assert passed(record) == [("1001", "disabled"), ("1002", "blocked")]
    assert record.answered_by == "1003"


def test_a_member_is_skipped_in_the_group_where_they_are_blocked_and_no_other(rig: Rig) -> None:
    rig.group("5000", "1001", "1002")
    rig.phones("1001", "1002", behaviour=TALKS)
    with rig.store.writing() as s:
        groups.add_group(s, DOMAIN, "5001")
        members.add_members(s, DOMAIN, "5001", [parse_member("1001")], shared=True)
        members.block(s, DOMAIN, "1001", True, pilot="5000")
    record = rig.call()
    assert (passed(record), record.answered_by) == ([("1001", "blocked")], "1002")
    assert record.skips[0].detail == IN_GROUP
    assert rig.call("5001").answered_by == "1001"


def test_a_member_blocked_during_the_hunt_is_skipped(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002")
    light_rig.phones("1001", "1002", behaviour=TALKS)
    first = light_rig.switch.registrations.phones_of("1001", DOMAIN)[0]
    first.behaviour = refuses(486, after=0.2)

    def block_the_second(fact: object) -> None:
        if getattr(fact, "what", "") == "rings":
            with light_rig.store.writing() as s:
                members.block(s, DOMAIN, "1002", True)

    light_rig.switch.watch(block_the_second)
    record = light_rig.call()
    assert [extension for extension, _outcome in rang(record)] == ["1001"]
    assert passed(record) == [("1002", "blocked")]


def test_with_no_member_available_the_caller_goes_to_the_destination_of_unreachable(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", on_unreachable=parse_destination("hangup:USER_BUSY"))
    call = light_rig.started()
    record = light_rig.record(call)
    assert record.offers == []
    assert (record.result, record.reason, record.destination) == ("rejected", "nobody reachable", "hangup:USER_BUSY")
    assert call.ending.cause == "USER_BUSY"


def test_everybody_busy_has_its_own_destination(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", on_busy=parse_destination("transfer:1003"))
    light_rig.phones("1001", "1002", behaviour=refuses(486))
    light_rig.phones("1003", behaviour=TALKS)
    call = light_rig.started()
    record = light_rig.record(call)
    assert (record.result, record.reason) == ("transferred", "everybody busy")
    assert call.ending.who == "1003"


@pytest.mark.parametrize(
    ("of_group", "of_settings", "goes_to"),
    [("sales", "public", "sales"), (None, "public", "public"), (None, None, "default")],
)
def test_a_transfer_goes_to_the_groups_context_then_the_settings_then_the_callers(
    sqlite_url: str, of_group: str | None, of_settings: str | None, goes_to: str
) -> None:
    with light(sqlite_url, transfer_context=of_settings) as rig:
        rig.group(on_unreachable=parse_destination("transfer:1003"), transfer_context=of_group)
        rig.phones("1003", behaviour=TALKS)
        told: list[str] = []
        rig.switch.watch(lambda fact: told.append(fact.detail) if fact.what == "transferred" else None)
        assert rig.call().result == "transferred"
        assert told == [f"1003 XML {goes_to}"]


def test_without_its_own_box_the_group_uses_that_of_the_last_member(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", ring_time=RINGS_OUT)
    rig.phones("1001", "1002")
    call = rig.started()
    assert rig.record(call).destination == "voicemail:1002"
    assert [message.box for message in rig.switch.messages] == ["1002"]


def test_the_owner_of_the_box_is_rung_at_its_position(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", voicemail="1001", ring_time=RINGS_OUT)
    light_rig.phones("1001", "1002")
    assert [extension for extension, _ in rang(light_rig.call())] == ["1001", "1002"]


def test_a_disabled_group_rings_nobody(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", voicemail="1009")
    light_rig.phones("1001", behaviour=TALKS)
    with light_rig.store.writing() as s:
        groups.enable_group(s, DOMAIN, "5000", False)
    record = light_rig.call()
    assert (record.result, record.offers, record.destination) == ("voicemail", [], "voicemail:1009")


def test_the_caller_who_gives_up_is_abandoned_and_the_phone_stops(rig: Rig) -> None:
    rig.group("5000", "1001")
    (phone,) = rig.phones("1001")
    rings = rig.happens("rings", "1001")
    call = rig.started()
    assert rings.wait(WAIT_SECONDS)
    call.hang_up()
    record = rig.record(call)
    assert record.result == "abandoned"
    assert rang(record) == [("1001", "caller-gone")]
    assert phone.rings[0].outcome == "cancelled"


def test_cycles_repeat_the_order_without_those_who_declined(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", cycles=2, ring_time=RingTime(rings=1))
    light_rig.rings_for(RINGS_ON, "1001")
    light_rig.phones("1001", behaviour=refuses(603))
    light_rig.phones("1002")
    record = light_rig.call()
    assert rang(record) == [("1001", "declined"), ("1002", "no-answer"), ("1002", "no-answer")]
    assert passed(record) == [("1001", "declined")]
    assert [(o.cycle, o.stage) for o in record.offers] == [(1, 1), (1, 2), (2, 2)]


def test_hunt_timeout_bounds_the_whole_search(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", cycles=100, hunt_timeout=2.0, ring_time=RINGS_OUT)
    light_rig.phones("1001", "1002")
    record = light_rig.call_that_takes_time()
    assert record.result == "voicemail"
    assert 2 <= len(record.offers) <= 8
    assert record.offers[-1].ring_seconds <= RING_SECONDS + 1e-9


def test_an_external_member_must_press_one(light_rig: Rig) -> None:
    light_rig.group("5000", "+14155550123@carrier", "1002")
    mobile = Behaviour(answer_after=0.05, digit="1", digit_after=0.1, hangup_after=0.3)
    light_rig.switch.gateway("carrier").add("+14155550123", mobile)
    light_rig.phones("1002", behaviour=TALKS)
    assert light_rig.call().answered_by == "+14155550123@carrier"


def test_an_external_member_who_presses_nothing_has_refused(sqlite_url: str) -> None:
    with light(sqlite_url, confirm_timeout=0.5) as rig:
        rig.group("5000", "+14155550123@carrier", "1002")
        rig.switch.gateway("carrier").add("+14155550123", answers(0.05))
        rig.phones("1002", behaviour=TALKS)
        assert rang(rig.call()) == [("+14155550123@carrier", "confirm-refused"), ("1002", "answered")]


def test_an_external_member_who_presses_another_key_has_refused_at_once(light_rig: Rig) -> None:
    light_rig.group("5000", "+14155550123@carrier", "1002", cycles=2)
    light_rig.switch.gateway("carrier").add("+14155550123", Behaviour(answer_after=0.05, digit="2", digit_after=0.1))
    light_rig.phones("1002")[0].script(refuses(486), TALKS)
    record = light_rig.call()
    assert rang(record) == [("+14155550123@carrier", "confirm-refused"), ("1002", "busy"), ("1002", "answered")]
    assert record.offers[0].detail == "pressed 2"
    assert [(skip.extension, skip.reason) for skip in record.skips] == [("+14155550123@carrier", "declined")]


def test_an_external_leg_shows_the_customers_number_and_the_phones_of_the_stage_the_caller(sqlite_url: str) -> None:
    with light(sqlite_url, gateway=(Gateway("carrier", "+14155559999"),)) as rig:
        rig.group("5000", "1001", "+14155550123@carrier", policy="simultaneous", prefix="Sales")
        (phone,) = rig.phones("1001", behaviour=TALKS)
        mobile = rig.switch.gateway("carrier").add("+14155550123", RINGS)
        rig.call()
        shown = [(ring.caller_name, ring.caller_number) for each in (phone, mobile) for ring in each.rings]
        assert shown == [("Sales Lab Caller", "4155550100"), ("Sales 4155550100", "+14155559999")]


def test_members_see_the_groups_prefix_and_a_hostile_name_is_left_out(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", prefix="Sales -")
    (phone,) = light_rig.phones("1001", behaviour=TALKS)
    for name in ("Jane Doe", "${system(rm -rf /)}", "a\nb: c", "{x=1}[y=2]", "x" * 300):
        call = light_rig.started(caller_name=name)
        assert light_rig.record(call).result == "answered"
        assert call.expanded == []
    names = [ring.caller_name for ring in phone.rings]
    assert names[0] == "Sales - Jane Doe"
    assert set(names[1:]) == {"Sales - 4155550100"}


def test_the_record_has_all_the_facts_to_decide_the_order_again(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", "1003", policy="weighted", ring_time=RingTime(rings=1))
    rig.phones("1001", "1002", "1003")
    record = rig.call()
    assert record.policy_input is not None
    again = PolicyInput.from_json(record.policy_input)
    by_id = {member.id: member.extension for member in again.members}
    assert [by_id[stage[0]] for stage in decide(again)] == [offer.extension for offer in record.offers]


def test_circular_begins_after_the_last_answerer_and_round_robin_after_the_last_turn(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", "1003", policy="circular")
    rig.group("5001", "1011", "1012", "1013", policy="round-robin")
    rig.phones("1002", "1003", "1012", "1013", behaviour=TALKS)
    rig.phones("1001", "1011", behaviour=refuses(486))
    firsts = {pilot: [_first(rig.call(pilot)) for _ in range(4)] for pilot in ("5000", "5001")}
    assert firsts == {"5000": ["1001", "1003", "1001", "1003"], "5001": ["1011", "1012", "1013", "1011"]}


def _first(record: object) -> str:
    return rang(record)[0][0]  # type: ignore[arg-type]


def test_uniform_rings_the_longest_idle_and_stamps_at_the_end_of_the_call(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", policy="uniform")
    rig.phones("1001", "1002", behaviour=TALKS)
    before = datetime.now(UTC) - timedelta(seconds=1)
    records = [rig.call() for _ in range(4)]
    assert [record.answered_by for record in records] == ["1001", "1002", "1001", "1002"]
    with rig.store.reading() as s:
        stamps = {m.extension: m.idle_since for m in groups.get_group(s, DOMAIN, "5000").members}
    assert stamps["1002"] >= records[3].answered_at >= before
    assert stamps["1002"] >= stamps["1001"]


def test_two_calls_at_once_ring_two_members(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", policy="round-robin")
    rig.phones("1001", "1002", behaviour=answers(0.3, talks=0.1))
    calls = [rig.started(), rig.started()]
    assert sorted(rig.record(call).answered_by for call in calls) == ["1001", "1002"]


def test_a_busy_member_is_claimed_and_rings_with_call_waiting_all_the_same(rig: Rig) -> None:
    rig.group("5000", "1001")
    (phone,) = rig.phones("1001", behaviour=TALKS)
    phone.script(answers(0.05))
    phone.busy_while_talking = False
    talks = rig.happens("talks with", "1001")
    talking = rig.started()
    assert talks.wait(WAIT_SECONDS)
    second = rig.closed(rig.started())
    assert passed(second) == [("1001", "claimed")]
    assert second.reason == "everybody busy"
    with rig.store.writing() as s:
        groups.set_group(s, DOMAIN, "5000", call_waiting=True)
    third = rig.closed(rig.started())
    assert rang(third) == [("1001", "answered")]
    talking.hang_up()
    rig.record(talking)


def test_nothing_is_left_after_the_last_call(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", policy="simultaneous")
    rig.phones("1001", "1002", behaviour=TALKS)
    for call in [rig.started() for _ in range(5)]:
        rig.record(call)
    with rig.store.reading() as s:
        assert s.scalar(select(func.count()).select_from(Claim)) == 0
    assert len(rig.daemon.calls) == 0
    assert len(rig.daemon.listener.calls) == 0


def test_a_channel_with_a_megabyte_of_variables_is_hunted_for(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=TALKS)
    assert light_rig.call(variables={"large": "x" * 500_000, "larger": ":" * 500_000}).result == "answered"


def test_a_hunt_that_fails_is_a_warning(light_rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=TALKS)
    with caplog.at_level(logging.INFO):
        failed, answered = light_rig.call("5999"), light_rig.call()
    assert {line.levelname for line in caplog.records if "ended: failed" in line.message} == {"WARNING"}
    assert f"call {failed.uuid}: ended: failed ({failed.reason})" in caplog.messages
    levels = {line.levelname for line in caplog.records if line.message.startswith(f"call {answered.uuid}:")}
    assert levels == {"INFO"}


def test_an_unknown_pilot_goes_to_the_fallback_and_the_record_says_why(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    call = light_rig.started("5999")
    record = light_rig.record(call)
    assert record.result == "failed"
    assert "5999" in str(record.reason)
    assert call.ending.kind == "fallback-voicemail"


def test_a_call_without_a_group_asks_for_no_end_of_its_claims(light_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can have none: nothing is written for them, and nothing waits for them."""
    ended: list[str] = []
    for way in ("expire", "release"):
        monkeypatch.setattr(light_rig.daemon.deps.claims, way, lambda hunt_id, *_more: ended.append(hunt_id))
    assert light_rig.call("5999").result == "failed"
    assert ended == []


def test_a_hunt_without_claims_leaves_nothing_that_waits_for_their_end(light_rig: Rig) -> None:
    claims = light_rig.daemon.deps.claims
    claims.expire("a hunt without claims")
    assert claims.expiring == frozenset()


def test_a_group_of_another_domain_is_not_reached(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    with light_rig.store.writing() as s:
        groups.add_group(s, "other.test", "5000", voicemail="1009")
    record = light_rig.call(variables={"fshunt_domain": "other.test"})
    assert (record.domain, record.destination) == ("other.test", "voicemail:1009")


def test_a_member_who_did_not_answer_is_claimed_again_in_the_next_cycle(rig: Rig) -> None:
    rig.group("5000", "1001", cycles=2, ring_time=RingTime(rings=5))
    rig.phones("1001", behaviour=Behaviour())
    claims: list[set[str]] = []

    def look(fact: object) -> None:
        if getattr(fact, "what", "") == "rings":
            with rig.store.reading() as s:
                claims.append(set(s.scalars(select(Claim.extension))))

    rig.switch.watch(look)
    record = rig.call()
    assert rang(record) == [("1001", "no-answer"), ("1001", "no-answer")]
    assert claims == [{"1001"}, {"1001"}]


def test_a_phone_whose_contact_could_change_the_dial_string_is_not_rung_at_all(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002")
    hostile = light_rig.switch.phone("1001", TALKS, contact="sip:a@127.0.0.1:9;x=|[api_on_answer=x y]loopback/1003")
    light_rig.phones("1002", behaviour=TALKS)
    record = light_rig.call()
    (skip,) = record.skips
    assert (skip.extension, skip.reason) == ("1001", "not-dialable")
    assert skip.detail is not None
    assert skip.detail.startswith("no SIP address that can be dialled: 'sofia/internal/sip:a@127.0.0.1:9;x=|")
    assert record.answered_by == "1002"
    assert hostile.rings == []


def test_where_no_phone_can_be_dialled_nobody_is_reachable(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    light_rig.switch.phone("1001", TALKS, contact="sip:a@127.0.0.1:9;x={y}")
    record = light_rig.call()
    assert (passed(record), record.reason) == ([("1001", "not-dialable")], "nobody reachable")


@pytest.mark.parametrize(
    "contact",
    [
        "sip:a$@127.0.0.1:9;x=,[api_on_answer=x]loopback/1003",
        "sip:'a,b'@127.0.0.1:9;x=:_:y;z=mod_event_socket",
        "sip:1001@127.0.0.1:9;pn-prid=" + "a" * 950,
    ],
)
def test_a_phone_is_rung_at_any_address_that_is_legal(light_rig: Rig, contact: str) -> None:
    light_rig.group("5000", "1001", policy="simultaneous")
    odd = light_rig.switch.phone("1001", TALKS, contact=contact)
    (other,) = light_rig.phones("1001")
    record = light_rig.call()
    assert (rang(record), record.offers[0].phones) == ([("1001", "answered")], 2)
    assert [len(phone.rings) for phone in (odd, other)] == [1, 1]


def test_the_next_group_does_not_inherit_the_prefix(light_rig: Rig) -> None:
    light_rig.group(
        "5000", "1001", prefix="Sales", on_no_answer=parse_destination("transfer:5001"), ring_time=RINGS_OUT
    )
    light_rig.group("5001", "1002")
    light_rig.phones("1001")
    (second,) = light_rig.phones("1002", behaviour=TALKS)
    call = light_rig.started(caller_name="Jane Doe")
    light_rig.record(call)
    assert call.ending.kind == "answered"
    assert [ring.caller_name for ring in second.rings] == ["Jane Doe"]


def test_names_with_quotation_marks_are_left_out_and_an_apostrophe_is_kept(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", prefix="Sales")
    (phone,) = light_rig.phones("1001", behaviour=TALKS)
    for name in ("O'Brien", "x'y'z"):
        light_rig.call(caller_name=name)
    assert [ring.caller_name for ring in phone.rings] == ["Sales O'Brien", "Sales 4155550100"]


def test_a_member_who_refused_is_free(rig: Rig) -> None:
    rig.group("5000", "1001", "1002", policy="regular")
    rig.phones("1001", behaviour=refuses(486))
    rig.phones("1002", behaviour=answers(0.02))
    talks = rig.happens("talks with", "1002")
    call = rig.started()
    assert talks.wait(WAIT_SECONDS)
    assert rig.daemon.deps.outbox.flush(WAIT_SECONDS)
    with rig.store.reading() as s:
        assert list(s.scalars(select(Claim.extension))) == ["1002"]
    call.hang_up()
    assert rig.record(call).result == "answered"


def test_a_plain_hunt_runs_no_statement_of_auto_block(light_rig: Rig) -> None:
    light_rig.group("5000", "1001", "1002", "1003", ring_time=RINGS_OUT)
    _, second, third = light_rig.phones("1001", "1002", "1003")
    second.behaviour, third.behaviour = refuses(603), TALKS
    with noted(light_rig.daemon.deps.database.store._engine) as said:
        assert light_rig.call().result == "answered"
    statements = [each.text for each in said]
    assert any("INSERT INTO offers" in each for each in statements)
    assert [each for each in statements if each.startswith("UPDATE members") and "unanswered_in_a_row" in each] == []
    assert [each for each in statements if "groups.auto_block" in each and "groups.pilot" not in each] == []


@pytest.mark.parametrize("when_busy", list(WhenBusy))
def test_only_a_hunt_of_a_group_with_a_queue_looks_after_its_queue_entries(rig: Rig, when_busy: WhenBusy) -> None:
    rig.group("5000", "1001", "1002", when_busy=when_busy)
    rig.phones("1001", behaviour=refuses(603))
    rig.phones("1002", behaviour=TALKS)
    with noted(rig.daemon.deps.database.store._engine) as said:
        assert rig.call().result == "answered"
    statements = [each.text for each in said]
    assert any("INSERT INTO claims" in each for each in statements)
    leaving = [each for each in statements if "DELETE FROM queue_entries" in each]
    assert len(leaving) == (2 if when_busy is WhenBusy.QUEUE else 0), "one for each member who was claimed"


def test_an_answer_ends_the_count_of_a_time_when_auto_block_was_on(light_rig: Rig) -> None:
    light_rig.group("5000", "1001")
    light_rig.phones("1001", behaviour=TALKS)
    with light_rig.store.writing() as s:
        s.execute(update(HuntMember).values(unanswered_in_a_row=2))
    light_rig.call()
    with light_rig.store.reading() as s:
        assert s.scalar(select(HuntMember.unanswered_in_a_row)) == 0
