"""Why a member is passed over, and in which order the reasons are tested (design, section 3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.hunting.availability import SKIP_WORDS, MemberState, MemberStatus, SkipReason, member_state, skip_reason
from fshunt.hunting.states import Outcome

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATUSES = st.builds(
    MemberStatus,
    enabled=st.booleans(),
    blocked=st.booleans(),
    do_not_disturb=st.booleans(),
    registered=st.none() | st.booleans(),
    undialable=st.none() | st.just("no SIP address"),
    other_switch=st.none() | st.just("10.0.0.2:8021"),
    on_call=st.booleans(),
    ringing=st.booleans(),
    claimed=st.booleans(),
    idle_since=st.none() | st.just(NOW - timedelta(seconds=5)),
    in_wrap_up=st.none() | st.booleans(),
    last_outcome=st.none() | st.sampled_from(list(Outcome)),
)


def holds(reason: SkipReason, p: MemberStatus, call_waiting: bool) -> bool:
    return {
        SkipReason.DISABLED: not p.enabled,
        SkipReason.BLOCKED: p.blocked or p.do_not_disturb,
        SkipReason.UNREGISTERED: p.registered is False,
        SkipReason.NOT_DIALABLE: p.undialable is not None,
        SkipReason.OTHER_SWITCH: p.other_switch is not None,
        SkipReason.ON_CALL: (p.on_call or (p.ringing and not p.claimed)) and not call_waiting,
        SkipReason.CLAIMED: p.claimed and not call_waiting,
        SkipReason.WRAP_UP: p.idle_since is not None if p.in_wrap_up is None else p.in_wrap_up,
        SkipReason.DECLINED: p.last_outcome is Outcome.DECLINED,
        SkipReason.UNREACHABLE: p.last_outcome in (Outcome.UNREACHABLE, Outcome.UNREGISTERED),
        SkipReason.SWITCH_LIMIT: False,  # of a stage as a whole, and of no member's own status
    }[reason]


@given(STATUSES, st.booleans())
def test_the_first_reason_that_holds_is_given(status: MemberStatus, call_waiting: bool) -> None:
    reasons = [reason for reason in SkipReason if holds(reason, status, call_waiting)]
    found = skip_reason(status, call_waiting=call_waiting, wrap_up_seconds=10, now=NOW)
    assert found is (reasons[0] if reasons else None)


@pytest.mark.parametrize(
    ("idle", "reason"),
    [(9.9, SkipReason.WRAP_UP), (10.0, None), (-0.05, SkipReason.WRAP_UP), (-9.9, SkipReason.WRAP_UP), (-10.0, None)],
)
def test_rest_ends_with_its_last_second(idle: float, reason: SkipReason | None) -> None:
    """Also where the call ended on a machine whose clock is a little ahead of ours."""
    status = MemberStatus(idle_since=NOW - timedelta(seconds=idle))
    assert skip_reason(status, wrap_up_seconds=10, now=NOW) is reason


def test_an_idle_time_from_before_a_clock_step_makes_no_wrap_up_of_an_hour() -> None:
    status = MemberStatus(idle_since=NOW + timedelta(hours=1))
    assert skip_reason(status, wrap_up_seconds=10, now=NOW) is None


def test_a_phone_that_a_hunt_rings_is_claimed_and_one_that_another_call_rings_is_on_call() -> None:
    assert skip_reason(MemberStatus(ringing=True, claimed=True)) is SkipReason.CLAIMED
    assert skip_reason(MemberStatus(ringing=True)) is SkipReason.ON_CALL


@pytest.mark.parametrize("outcome", [Outcome.NO_ANSWER, Outcome.BUSY, Outcome.CONFIRM_REFUSED])
def test_a_member_who_did_not_answer_may_be_offered_the_call_again(outcome: Outcome) -> None:
    assert skip_reason(MemberStatus(last_outcome=outcome)) is None


def test_every_reason_has_words() -> None:
    assert set(SKIP_WORDS) == set(SkipReason)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (MemberStatus(enabled=False, blocked=True), MemberState.DISABLED),
        (MemberStatus(blocked=True, on_call=True), MemberState.BLOCKED),
        (MemberStatus(registered=False), MemberState.UNREGISTERED),
        (MemberStatus(registered=False, on_call=True), MemberState.ON_CALL),
        (MemberStatus(registered=True, on_call=True, ringing=True), MemberState.ON_CALL),
        (MemberStatus(registered=True, ringing=True, claimed=True), MemberState.RINGING),
        (MemberStatus(registered=True, claimed=True, in_wrap_up=True), MemberState.CLAIMED),
        (MemberStatus(registered=True, idle_since=NOW - timedelta(seconds=9)), MemberState.WRAP_UP),
        (MemberStatus(registered=True, idle_since=NOW - timedelta(seconds=10)), MemberState.FREE),
        (MemberStatus(registered=None), MemberState.UNKNOWN),
        (MemberStatus(registered=False, do_not_disturb=True), MemberState.BLOCKED),
        (MemberStatus(registered=True, other_switch="10.0.0.2:8021"), MemberState.OTHER_SWITCH),
        (MemberStatus(registered=True, other_switch="10.0.0.2:8021", on_call=True), MemberState.ON_CALL),
        (MemberStatus(registered=True, undialable="no SIP address"), MemberState.NOT_DIALABLE),
        (MemberStatus(registered=True, undialable="no SIP address", on_call=True), MemberState.ON_CALL),
    ],
)
def test_a_member_is_in_the_first_state_that_holds(status: MemberStatus, state: MemberState) -> None:
    assert member_state(status, wrap_up_seconds=10, now=NOW) is state


def test_the_status_adds_the_database_to_the_phones() -> None:
    seen = MemberStatus(registered=True, ringing=True, last_outcome=Outcome.BUSY)
    stored = MemberStatus(blocked=True, auto_blocked=True, claimed=True, idle_since=NOW, in_wrap_up=False)
    both = MemberStatus(
        blocked=True,
        auto_blocked=True,
        registered=True,
        ringing=True,
        claimed=True,
        idle_since=NOW,
        in_wrap_up=False,
        last_outcome=Outcome.BUSY,
    )
    assert seen.with_stored(stored) == both
    assert seen.with_stored(None).enabled is False, "a member who was removed counts as disabled"


def test_a_wrap_up_that_this_daemon_saw_begin_counts_before_the_database_has_it() -> None:
    assert MemberStatus(in_wrap_up=True).with_stored(MemberStatus(in_wrap_up=False)).in_wrap_up is True


def test_the_caller_is_on_a_call_also_where_call_waiting_is_allowed() -> None:
    assert skip_reason(MemberStatus(is_caller=True), call_waiting=True) is SkipReason.ON_CALL
