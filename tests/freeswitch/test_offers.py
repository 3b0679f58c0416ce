"""The legs of a stage: what each cause means, when a phone stops ringing, and what a member's phones come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.esl.frames import Frame
from fshunt.freeswitch.causes import OUTCOMES
from fshunt.freeswitch.offers import CONNECT_SECONDS, DEAD, EARLY_MEDIA_SECONDS, Leg, Offer, StageLegs
from fshunt.hunting.states import Outcome


def event(name: str, uuid: str, **headers: str) -> Frame:
    lines = {"Event-Name": name, "Unique-ID": uuid, **{k.replace("_", "-", 1): v for k, v in headers.items()}}
    return Frame("\n".join(f"{key}: {value}" for key, value in lines.items()).encode())


def hangup(uuid: str, cause: str, sip: int | None = None) -> Frame:
    more = {"variable_sip_term_status": str(sip)} if sip else {}
    lines = {"Event-Name": "CHANNEL_HANGUP_COMPLETE", "Unique-ID": uuid, "Hangup-Cause": cause, **more}
    return Frame("\n".join(f"{key}: {value}" for key, value in lines.items()).encode())


SETUP, TRUNK = 4.0, 15.0


def offer(
    name: str, *legs: str, ring: float = 18.0, confirm: float | None = None, latest: float = float("inf")
) -> Offer:
    made = [Leg(uuid, "sofia/x/sip:y@z", SETUP) for uuid in legs]
    return Offer(name, int(name), name, made, ring, confirm, 100.0, latest)


def mobile(ring: float = 18.0) -> StageLegs:
    return StageLegs([Offer("1", 1, "1", [Leg("a", "sofia/gateway/c/1", TRUNK, external=True)], ring, None, 100.0)])


def rings(stage: StageLegs, uuid: str, at: float) -> None:
    stage.on_leg_event(event("CHANNEL_PROGRESS", uuid), at)


def sends_sound(stage: StageLegs, uuid: str, at: float) -> None:
    stage.on_leg_event(event("CHANNEL_PROGRESS_MEDIA", uuid), at)


def called_off(stage: StageLegs, at: float) -> list[tuple[str, str]]:
    """The legs whose time is over, and how each ends."""
    return [(order.leg_uuid, order.cause) for order in stage.orders(at, lambda: "mark")]


def test_the_answer_of_a_phone_counts_by_how_long_it_rang() -> None:
    stage = StageLegs([offer("1", "a"), offer("2", "b")])
    stage.on_leg_event(event("CHANNEL_PROGRESS", "a"), 101.0)
    stage.on_leg_event(hangup("a", "USER_BUSY", 486), 103.0)
    stage.on_leg_event(hangup("b", "USER_BUSY", 486), 103.0)
    assert [(o.outcome, o.detail()) for o in stage.settled()] == [
        (Outcome.DECLINED, "refused while it rang (486)"), (Outcome.BUSY, None),
    ]  # fmt: skip


def test_the_first_ringing_of_a_leg_counts_for_what_its_answer_means() -> None:
    stage = StageLegs([offer("1", "a")])
    stage.on_leg_event(event("CHANNEL_PROGRESS", "a"), 101.0)
    stage.on_leg_event(event("CHANNEL_PROGRESS", "a"), 102.9)
    stage.on_leg_event(hangup("a", "USER_BUSY", 486), 103.0)
    assert [o.outcome for o in stage.settled()] == [Outcome.DECLINED]


@pytest.mark.parametrize(
    ("external", "after", "outcome"),
    [
        (False, 0.4, Outcome.BUSY),
        (False, 0.5, Outcome.DECLINED),
        (True, 8.4, Outcome.BUSY),
        (True, 8.5, Outcome.DECLINED),
    ],
)
def test_with_183_alone_a_phone_rings_at_once_and_a_mobile_some_seconds_later(
    external: bool, after: float, outcome: Outcome
) -> None:
    each = Offer("1", 1, "1", [Leg("a", "sofia/x/y", SETUP, external)], 18.0, None, 100.0)
    stage = StageLegs([each])
    stage.on_leg_event(event("CHANNEL_PROGRESS_MEDIA", "a"), 101.0)
    stage.on_leg_event(hangup("a", "USER_BUSY", 486), 101.0 + after)
    assert [o.outcome for o in stage.settled()] == [outcome]


def test_the_ring_time_counts_from_the_moment_the_phone_rings() -> None:
    stage = StageLegs([offer("1", "a")])
    rings(stage, "a", 103.9)
    assert stage.next_due() == 121.9
    rings(stage, "a", 110.0)
    sends_sound(stage, "a", 111.0)
    assert stage.next_due() == 121.9, "the first ringing counts"
    assert called_off(stage, 121.9) == [("a", "NO_ANSWER")]
    stage.on_leg_event(hangup("a", "NO_ANSWER"), 121.9)
    assert [(o.outcome, o.rang_out) for o in stage.settled()] == [(Outcome.NO_ANSWER, True)]


def test_a_phone_that_gives_no_sign_of_ringing_is_dead() -> None:
    stage = StageLegs([offer("1", "a")])
    assert stage.next_due() == 100.0 + SETUP
    assert called_off(stage, 104.0) == [("a", "PROGRESS_TIMEOUT")]
    stage.on_leg_event(hangup("a", "PROGRESS_TIMEOUT"), 104.0)
    assert [(o.outcome, o.rang_out) for o in stage.settled()] == [(Outcome.UNREACHABLE, False)]


def test_a_dead_phone_beside_one_that_rings_is_just_ended() -> None:
    stage = StageLegs([offer("1", "a", "b")])
    rings(stage, "b", 101.0)
    assert called_off(stage, 104.0) == [("a", "PROGRESS_TIMEOUT")]
    stage.on_leg_event(hangup("a", "PROGRESS_TIMEOUT"), 104.0)
    assert stage.next_due() == 119.0
    assert called_off(stage, 119.0) == [("b", "NO_ANSWER")]
    stage.on_leg_event(hangup("b", "NO_ANSWER"), 119.0)
    assert [(o.outcome, o.rang_out) for o in stage.settled()] == [(Outcome.NO_ANSWER, True)]


def test_a_silent_phone_does_not_outlast_the_ring_time_of_another_one() -> None:
    stage = StageLegs([offer("1", "a", "b", ring=2.0)])
    rings(stage, "a", 100.1)
    assert dict(called_off(stage, 102.1)) == {"a": "NO_ANSWER", "b": "PROGRESS_TIMEOUT"}


def test_a_phone_that_rings_after_the_first_one_has_ended_has_its_full_ring_time() -> None:
    stage = StageLegs([offer("1", "a", "b", ring=10.0)])
    rings(stage, "a", 100.1)
    stage.on_leg_event(hangup("a", "USER_BUSY", 486), 100.2)
    assert stage.next_due() == 104.0
    rings(stage, "b", 103.0)
    assert stage.next_due() == 113.0


def test_a_busy_phone_beats_a_silent_one_and_the_member_is_busy() -> None:
    stage = StageLegs([offer("1", "a", "b")])
    stage.on_leg_event(hangup("a", "USER_BUSY", 486), 100.2)
    assert called_off(stage, 104.0) == [("b", "PROGRESS_TIMEOUT")]
    stage.on_leg_event(hangup("b", "PROGRESS_TIMEOUT"), 104.0)
    assert [o.outcome for o in stage.settled()] == [Outcome.BUSY]


def test_a_trunk_has_longer_to_make_a_mobile_ring() -> None:
    stage = mobile(ring=8.0)
    assert stage.next_due() == 100.0 + TRUNK
    rings(stage, "a", 114.0)
    assert stage.next_due() == 122.0


def test_early_media_of_a_trunk_is_not_yet_ringing() -> None:
    stage = mobile(ring=8.0)
    sends_sound(stage, "a", 101.0)
    assert stage.next_due() == 101.0 + EARLY_MEDIA_SECONDS + 8.0
    rings(stage, "a", 104.5)
    assert stage.next_due() == 112.5, "it counts from 180 where that comes"


def test_no_signal_extends_the_ringing_of_a_mobile_without_end() -> None:
    stage = mobile(ring=8.0)
    sends_sound(stage, "a", 114.0)
    rings(stage, "a", 129.9)
    assert stage.next_due() == 100.0 + TRUNK + EARLY_MEDIA_SECONDS + 8.0


@pytest.mark.parametrize(("rung_at", "cause"), [(None, DEAD), (101.0, "NO_ANSWER")])
def test_no_phone_rings_longer_than_the_hunt_lasts_and_who_is_cut_short_did_not_ring_out(
    rung_at: float | None, cause: str
) -> None:
    stage = StageLegs([offer("1", "a", latest=102.0)])
    if rung_at is not None:
        rings(stage, "a", rung_at)
    assert stage.next_due() == 102.0
    assert called_off(stage, 102.0) == [("a", cause)]
    stage.on_leg_event(hangup("a", cause), 102.0)
    outcome = Outcome.UNREACHABLE if cause == DEAD else Outcome.NO_ANSWER
    assert [(o.outcome, o.rang_out) for o in stage.settled()] == [(outcome, False)]


def test_each_offer_is_overdue_at_its_own_time_and_once() -> None:
    stage = StageLegs([offer("1", "a", ring=5.0), offer("2", "b", ring=9.0)])
    rings(stage, "a", 100.0)
    rings(stage, "b", 100.0)
    assert called_off(stage, 104.9) == []
    assert called_off(stage, 105.0) == [("a", "NO_ANSWER")]
    stage.on_leg_event(hangup("a", "NO_ANSWER"), 105.1)
    assert called_off(stage, 105.2) == []
    assert stage.next_due() == 109.0


def test_a_picked_up_phone_has_its_time_to_confirm_and_then_was_refused() -> None:
    stage = StageLegs([offer("1", "a", confirm=10.0)])
    stage.on_leg_event(event("CHANNEL_ANSWER", "a"), 103.0)
    assert stage.next_due() == 113.0
    stage.on_leg_event(hangup("a", "NO_ANSWER"), 113.0)
    assert [o.outcome for o in stage.settled()] == [Outcome.CONFIRM_REFUSED]


def key(leg: str, digit: str) -> Frame:
    return event("DTMF", leg, **{"DTMF-Digit": digit})


def test_any_other_key_refuses_and_the_first_key_counts() -> None:
    stage = StageLegs([offer("1", "a", confirm=10.0), offer("2", "b", confirm=10.0)])
    assert stage.on_key(key("a", "2")) is None, "it has not been picked up"
    for leg in ("a", "b"):
        stage.on_leg_event(event("CHANNEL_ANSWER", leg), 102.0)
    assert stage.on_key(key("a", "1")) is None
    assert stage.on_key(key("a", "2")) is None, "the caller may be connected already"
    refused = stage.on_key(key("b", "#"))
    assert refused is stage.offers[1]
    refused.legs[0].end("CALL_REJECTED")
    assert refused.settle()
    assert (refused.outcome, refused.detail(), refused.refused_by_key) == (Outcome.CONFIRM_REFUSED, "pressed #", True)
    assert not stage.offers[0].refused_by_key


def test_a_key_is_of_no_weight_where_none_is_asked_for() -> None:
    stage = StageLegs([offer("1", "a")])
    stage.on_leg_event(event("CHANNEL_ANSWER", "a"), 102.0)
    assert stage.on_key(key("a", "2")) is None
    assert stage.on_key(key("other", "2")) is None


def test_a_member_who_hangs_up_instead_of_confirming_has_refused() -> None:
    stage = StageLegs([offer("1", "a", confirm=10.0)])
    stage.on_leg_event(event("CHANNEL_ANSWER", "a"), 103.0)
    stage.on_leg_event(hangup("a", "NORMAL_CLEARING"), 105.0)
    assert [o.outcome for o in stage.settled()] == [Outcome.CONFIRM_REFUSED]


def test_the_other_phones_of_a_member_ring_on_while_one_is_picked_up_to_confirm() -> None:
    stage = StageLegs([offer("1", "a", "b", ring=8.0, confirm=3.0)])
    rings(stage, "a", 100.0)
    rings(stage, "b", 100.2)
    stage.on_leg_event(event("CHANNEL_ANSWER", "a"), 100.5)
    assert called_off(stage, 103.5) == [("a", "NO_ANSWER")]
    stage.on_leg_event(hangup("a", "NO_ANSWER"), 103.6)
    assert stage.next_due() == 108.2


def test_a_phone_picked_up_as_its_time_ends_did_not_answer_and_refused_nothing() -> None:
    stage = StageLegs([offer("1", "a")])
    stage.on_leg_event(event("CHANNEL_ANSWER", "a"), 118.0)
    stage.on_leg_event(hangup("a", "NO_ANSWER"), 118.0)
    assert [o.outcome for o in stage.settled()] == [Outcome.NO_ANSWER]


def test_a_picked_up_phone_that_is_never_connected_is_given_up() -> None:
    stage = StageLegs([offer("1", "a")])
    stage.on_leg_event(event("CHANNEL_ANSWER", "a"), 103.0)
    assert stage.next_due() == 103.0 + CONNECT_SECONDS


def test_a_phone_that_was_picked_up_is_not_called_off_unless_it_must_confirm() -> None:
    stage = StageLegs([offer("1", "a", "b"), offer("2", "c", "d", confirm=5.0)])
    for leg in ("a", "c"):
        stage.on_leg_event(event("CHANNEL_ANSWER", leg), 102.0)
    assert [[leg.uuid for leg in each.legs_to_call_off()] for each in stage.offers] == [["b"], ["c", "d"]]


def test_what_a_phone_answers_to_being_called_off_is_not_its_word() -> None:
    stage = StageLegs([offer("1", "a")])
    rings(stage, "a", 101.0)
    stage.offers[0].legs[0].call_off("LOSE_RACE", 103.0, "ORIGINATOR_CANCEL")
    stage.on_leg_event(hangup("a", "LOSE_RACE", 487), 103.1)
    assert [o.outcome for o in stage.settled()] == [Outcome.CALLER_GONE]


def test_the_winner_answered_the_others_hear_that_it_was_answered_elsewhere() -> None:
    stage = StageLegs([offer("1", "a"), offer("2", "b", "c"), offer("3", "d", confirm=5.0)])
    stage.on_leg_event(event("CHANNEL_ANSWER", "d"), 102.0)
    assert stage.on_bridge("c") is stage.offers[1]
    stage.settled()
    assert [o.outcome for o in stage.offers] == [
        Outcome.ANSWERED_ELSEWHERE, Outcome.ANSWERED, Outcome.ANSWERED_ELSEWHERE,
    ]  # fmt: skip


def test_a_bridge_with_a_leg_that_is_not_ours_wins_nothing() -> None:
    stage = StageLegs([offer("1", "a")])
    assert stage.on_bridge("somebody-else") is None
    assert list(stage.settled()) == []


def test_a_member_is_not_done_while_one_of_the_phones_still_rings() -> None:
    stage = StageLegs([offer("1", "a", "b")])
    stage.on_leg_event(hangup("a", "USER_BUSY", 486), 101.0)
    assert list(stage.settled()) == []
    stage.on_leg_event(hangup("b", "NO_ANSWER"), 118.0)
    assert [o.outcome for o in stage.settled()] == [Outcome.NO_ANSWER], "an unanswered phone outweighs a busy one"


def test_legs_that_never_came_to_be_get_their_cause_from_what_the_bridge_left_behind() -> None:
    stage = StageLegs([offer("1", "a"), offer("2", "b")])
    complete = Frame(
        b"Event-Name: CHANNEL_EXECUTE_COMPLETE\nvariable_originate_causes: ARRAY%3A%3Aa%3BUSER_BUSY%7C%3Ax%3BNONE\n"
        b"variable_originate_disposition: INVALID_GATEWAY"
    )
    stage.on_complete(complete)
    stage.settled()
    assert [o.outcome for o in stage.offers] == [Outcome.BUSY, Outcome.UNREACHABLE]


def made(*uuids: str, disposition: str = "NO_ANSWER") -> Frame:
    legs = "ARRAY::" + "|:".join(f"{uuid};Outbound Call;1001" for uuid in uuids)
    lines = {"variable_originate_disposition": disposition, **({"variable_originated_legs": legs} if uuids else {})}
    return Frame("\n".join(f"{key}: {value}" for key, value in lines.items()).encode())


def test_a_member_to_none_of_whose_phones_the_switch_made_a_call_was_refused() -> None:
    stage = StageLegs([offer("1", "aa", "bb"), offer("2", "cc", "dd"), offer("3", "ee")])
    stage.on_made(made("aa", "cc", "dd"))
    assert [o.id for o in stage.settled()] == ["3"]
    assert [o.refused for o in stage.offers] == [False, False, True]
    stage.on_complete(made("aa", "cc", "dd"))
    stage.settled()
    assert [o.outcome for o in stage.offers[:2]] == [Outcome.NO_ANSWER] * 2, "one phone of the first rang out"


def test_a_phone_that_the_switch_told_of_was_not_refused() -> None:
    stage = StageLegs([offer("1", "aa")])
    stage.on_leg_event(event("CHANNEL_PROGRESS", "aa"), 101.0)
    stage.on_made(made())
    assert not stage.offers[0].refused_by_key


@pytest.mark.parametrize(
    ("disposition", "refused", "outcome"),
    [
        ("DESTINATION_OUT_OF_ORDER", True, Outcome.UNREACHABLE),
        ("NO_ANSWER", True, Outcome.UNREACHABLE),
        ("GATEWAY_DOWN", False, Outcome.UNREACHABLE),
        ("ORIGINATOR_CANCEL", False, Outcome.CALLER_GONE),
        ("USER_NOT_REGISTERED", False, Outcome.UNREGISTERED),
    ],
)
def test_a_bridge_without_a_leg_says_why(disposition: str, refused: bool, outcome: Outcome) -> None:
    stage = StageLegs([offer("1", "aa")])
    stage.on_made(made(disposition=disposition))
    (ended,) = stage.settled()
    assert (ended.refused, ended.outcome) == (refused, outcome)


def test_a_hangup_of_another_call_changes_nothing() -> None:
    stage = StageLegs([offer("1", "a")])
    assert stage.on_leg_event(hangup("zz", "USER_BUSY"), 101.0) is None
    assert stage.offers[0].live_legs()


@given(st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=1, max_size=6))
def test_an_offer_ends_in_exactly_one_outcome_whatever_its_phones_do(causes: list[str]) -> None:
    stage = StageLegs([offer("1", *(str(i) for i in range(len(causes))))])
    ended = []
    for i, cause in enumerate(causes):
        stage.on_leg_event(hangup(str(i), cause), 101.0 + i)
        ended += stage.settled()
        stage.on_leg_event(hangup(str(i), "NORMAL_CLEARING"), 102.0 + i)
        ended += stage.settled()
    assert [o.id for o in ended] == ["1"]
    assert ended[0].outcome in {OUTCOMES[cause] for cause in causes}


@pytest.mark.parametrize(
    ("external", "times", "outcome"),
    [
        (False, {"Progress-Time": 1_000_000}, Outcome.BUSY),
        (False, {"Progress-Time": 800_000}, Outcome.DECLINED),
        (False, {"Progress-Media-Time": 800_000}, Outcome.DECLINED),
        (True, {"Progress-Media-Time": 800_000}, Outcome.BUSY),
        (True, {"Progress-Media-Time": 100_000, "Progress-Time": 800_000}, Outcome.DECLINED),
    ],
)
def test_how_long_a_phone_rang_is_told_by_the_switchs_clock_and_not_by_when_we_hear_of_it(
    external: bool, times: dict[str, int], outcome: Outcome
) -> None:
    """A refusal 0.4 or 0.6 s after the ringing, heard of by a daemon that was held up."""
    stage = StageLegs([Offer("1", 1, "1", [Leg("a", "sofia/x/y", SETUP, external)], 18.0, None, 100.0)])
    stage.on_leg_event(event("CHANNEL_PROGRESS", "a"), 103.0)
    more = {f"Caller-Channel-{name}": str(value) for name, value in times.items()}
    ended = {"Event-Date-Timestamp": "1400000", "Hangup-Cause": "USER_BUSY", "variable_sip_term_status": "486", **more}
    lines = {"Event-Name": "CHANNEL_HANGUP", "Unique-ID": "a", **ended}
    stage.on_leg_event(Frame("\n".join(f"{key}: {value}" for key, value in lines.items()).encode()), 103.0)
    assert [o.outcome for o in stage.settled()] == [outcome]
