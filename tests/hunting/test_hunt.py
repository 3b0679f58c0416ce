"""A hunt: its stages, what may follow what, and where the caller goes when nobody takes the call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.hunting.addresses import parse_member
from fshunt.hunting.availability import MemberStatus, SkipReason
from fshunt.hunting.destinations import Destination, DestinationKind, parse_destination
from fshunt.hunting.group import Group, Member, WhenBusy
from fshunt.hunting.hunt import Case, Hunt
from fshunt.hunting.policy_input import policy_input_of
from fshunt.hunting.states import HuntEvent, HuntState, IllegalTransition, Outcome, Result, after
from tests.support.documents import DOCS, script


def group(*extensions: str, **settings: object) -> Group:
    members = tuple(Member(i, i, parse_member(text)) for i, text in enumerate(extensions, start=1))
    return replace(Group(1, "pbx.test", "5000", members=members), **settings)  # type: ignore[arg-type]


def hunt(some: Group) -> Hunt:
    return Hunt("h", "u", some, policy_input_of(some, None, None, 0))


def test_cycles_repeat_the_order() -> None:
    stages = list(hunt(group("1001", "1002", cycles=3)).stages())
    assert [(s.cycle, s.number, s.members[0].extension) for s in stages] == [
        (1, 1, "1001"), (1, 2, "1002"), (2, 1, "1001"), (2, 2, "1002"), (3, 1, "1001"), (3, 2, "1002"),
    ]  # fmt: skip


def test_a_disabled_group_rings_nobody() -> None:
    assert list(hunt(group("1001", enabled=False)).stages()) == []


@given(st.lists(st.sampled_from(list(HuntEvent)), max_size=12))
def test_an_illegal_transition_changes_nothing_and_after_the_answer_nobody_is_rung(events: list[HuntEvent]) -> None:
    some = hunt(group("1001"))
    talked = False
    for event in events:
        before = some.state
        try:
            some.move(event)
        except IllegalTransition:
            assert some.state is before
        talked = talked or some.state is HuntState.TALKING
        assert not (talked and some.state is HuntState.RINGING)


def test_nothing_follows_the_end() -> None:
    for event in HuntEvent:
        with pytest.raises(IllegalTransition):
            after(HuntState.ENDED, event)


def test_each_transition_is_logged_once() -> None:
    told: list[tuple[HuntState, HuntEvent, HuntState]] = []
    some = hunt(group("1001"))
    some.log = lambda before, event, now: told.append((before, event, now))
    some.move(HuntEvent.EXHAUSTED)
    some.finish(HuntEvent.DELIVERED, Result.VOICEMAIL)
    assert told == [
        (HuntState.SELECTING, HuntEvent.EXHAUSTED, HuntState.LEAVING),
        (HuntState.LEAVING, HuntEvent.DELIVERED, HuntState.ENDED),
    ]


def test_the_picture_in_the_documents_is_drawn_from_the_table() -> None:
    text = (DOCS / "hunt-states.md").read_text(encoding="utf-8")
    assert script("draw_states").draw() in text, "run `python docs/draw_states.py`, and put it into the page"


@pytest.mark.parametrize(
    ("ends", "case"),
    [
        ([Outcome.NO_ANSWER, Outcome.BUSY], Case.NO_ANSWER),
        ([Outcome.BUSY, SkipReason.UNREGISTERED], Case.BUSY),
        ([SkipReason.CLAIMED, SkipReason.DISABLED], Case.BUSY),
        ([SkipReason.ON_CALL], Case.BUSY),
        ([Outcome.NO_ANSWER, SkipReason.SWITCH_LIMIT], Case.NO_ANSWER),
        ([Outcome.UNREACHABLE, SkipReason.SWITCH_LIMIT], Case.BUSY),
        ([Outcome.DECLINED, SkipReason.ON_CALL], Case.NO_ANSWER),
        ([Outcome.CONFIRM_REFUSED], Case.NO_ANSWER),
        ([SkipReason.UNREGISTERED, SkipReason.BLOCKED, SkipReason.DISABLED], Case.UNREACHABLE),
        ([SkipReason.OTHER_SWITCH], Case.UNREACHABLE),
        ([SkipReason.NOT_DIALABLE], Case.UNREACHABLE),
        ([Outcome.UNREGISTERED], Case.UNREACHABLE),
        ([], Case.UNREACHABLE),
    ],
)
def test_why_nobody_took_the_call(ends: list[Outcome | SkipReason], case: Case) -> None:
    some = hunt(group("1001"))
    for end in ends:
        if isinstance(end, SkipReason):
            some.skipped(some.group.members[0], end)
        else:
            some.ended(some.group.members[0], end)
    assert some.case() is case


BUSY_ENDS = [Outcome.BUSY, SkipReason.ON_CALL, SkipReason.CLAIMED, SkipReason.WRAP_UP, SkipReason.SWITCH_LIMIT]
HAD_IT = [
    Outcome.NO_ANSWER,
    Outcome.DECLINED,
    Outcome.CONFIRM_REFUSED,
    Outcome.UNREACHABLE,
    SkipReason.DECLINED,
    SkipReason.UNREACHABLE,
]
NOT_NOW = [
    *(SkipReason.DISABLED, SkipReason.BLOCKED),
    *(SkipReason.UNREGISTERED, SkipReason.NOT_DIALABLE, SkipReason.OTHER_SWITCH),
]


def ended(some: Hunt, *ends: Outcome | SkipReason) -> Hunt:
    """The hunt after each member, in order, came to one of these ends."""
    for member, end in zip(some.group.members, ends, strict=True):
        if isinstance(end, SkipReason):
            some.skipped(member, end)
        else:
            some.ended(member, end)
    return some


@pytest.mark.parametrize("busy", BUSY_ENDS)
def test_a_caller_waits_as_long_as_somebody_is_busy(busy: Outcome | SkipReason) -> None:
    waits = group("1001", "1002", when_busy=WhenBusy.QUEUE)
    assert ended(hunt(waits), busy, Outcome.NO_ANSWER).waits()
    assert not ended(hunt(group("1001", "1002")), busy, Outcome.NO_ANSWER).waits(), "the default is overflow"
    assert not ended(hunt(replace(waits, enabled=False)), busy, busy).waits()


@pytest.mark.parametrize("end", [*HAD_IT, *NOT_NOW])
def test_a_caller_does_not_wait_where_nobody_is_busy(end: Outcome | SkipReason) -> None:
    assert not ended(hunt(group("1001", "1002", when_busy=WhenBusy.QUEUE)), end, end).waits()


def test_a_caller_waits_for_a_busy_member_whose_phone_is_unregistered_for_a_moment() -> None:
    some = hunt(group("1001", when_busy=WhenBusy.QUEUE))
    (member,) = some.group.members
    ended(some, SkipReason.ON_CALL)
    some.saw(member, MemberStatus(on_call=True, registered=False))
    ended(some, SkipReason.UNREGISTERED)
    assert some.waits()
    assert some.reserved() == (member,), "and no later caller gets the member"
    some.saw(member, MemberStatus(registered=False))
    assert not some.waits(), "the call is over, and there is no phone"
    assert some.case() is Case.BUSY


def test_nobody_waits_for_a_member_without_a_phone_who_makes_calls() -> None:
    some = hunt(group("1001", when_busy=WhenBusy.QUEUE))
    some.saw(some.group.members[0], MemberStatus(on_call=True, registered=False))
    assert not ended(some, SkipReason.UNREGISTERED).waits()


def test_a_member_who_had_the_call_is_not_awaited_and_one_who_returns_is() -> None:
    ends = [SkipReason.ON_CALL, *HAD_IT, *NOT_NOW]
    names = [str(1001 + i) for i in range(len(ends))]
    some = ended(hunt(group(*names, when_busy=WhenBusy.QUEUE)), *ends)
    back = ["1001", *names[len(HAD_IT) + 1 :]]
    assert [m.extension for m in some.queued_for()] == back
    stages = list(some.queue_stages(2))
    assert [m.extension for s in stages for m in s.members] == back
    assert {s.cycle for s in stages} == {3}, "cycles of waiting are counted after the last one of the group"


def test_those_awaited_by_a_simultaneous_group_are_one_stage() -> None:
    some = hunt(group("1001", "1002", "1003", policy="simultaneous", when_busy=WhenBusy.QUEUE))
    ended(some, SkipReason.CLAIMED, Outcome.DECLINED, Outcome.BUSY)
    assert [[m.extension for m in s.members] for s in some.queue_stages(1)] == [["1001", "1003"]]


def test_a_skip_is_news_unless_it_is_as_the_last_time() -> None:
    some = hunt(group("1001"))
    (member,) = some.group.members
    reasons = (SkipReason.ON_CALL, SkipReason.ON_CALL, SkipReason.CLAIMED, SkipReason.WRAP_UP, SkipReason.CLAIMED)
    told = [some.skipped(member, reason) for reason in reasons]
    assert told == [True, False, False, True, True], "one call is seen as a hunt's or not, in either order"


def test_each_case_has_its_own_destination() -> None:
    settings = {
        "on_no_answer": parse_destination("transfer:5001"),
        "on_busy": parse_destination("hangup:USER_BUSY"),
        "on_unreachable": parse_destination("voicemail:1009"),
    }
    found = []
    for end in (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.UNREACHABLE):
        some = hunt(group("1001", **settings))
        some.ended(some.group.members[0], end)
        found.append(str(some.destination()))
    assert found == ["transfer:5001", "hangup:USER_BUSY", "voicemail:1009"]


def test_without_a_box_of_its_own_the_group_uses_the_box_of_the_last_member_in_sequence() -> None:
    assert str(hunt(group("1001", "1002", "1003")).destination()) == "voicemail:1003"
    assert str(hunt(group("1001", "1002", voicemail="1009")).destination()) == "voicemail:1009"


def test_an_external_number_has_no_box() -> None:
    assert group("1001", "+14155550123@carrier").box() == "1001"
    assert hunt(group("+14155550123@carrier")).destination() == Destination(DestinationKind.HANGUP, "NO_ANSWER")


def test_a_group_of_one_without_another_box_is_warned_of() -> None:
    assert "one member and no other box" in group("1001").warnings()[0]
    assert group("1001", voicemail="1001").warnings() != []
    assert group("1001", voicemail="1009").warnings() == []
    assert group("1001", on_no_answer=parse_destination("transfer:5001")).warnings() == []
    assert group("1001", "1002").warnings() == []


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({"queue_limit": 3}, "has no queue for --queue-limit"),
        ({"voicemail_key": True, "announce_seconds": 30.0}, "has no queue for --announce-every and --voicemail-key"),
        ({"voicemail_key": True, "when_busy": WhenBusy.QUEUE, "hunt_timeout": 60.0}, "needs --answer-first for"),
        ({"announce_seconds": 30.0, "when_busy": WhenBusy.QUEUE, "hunt_timeout": 60.0}, "needs --answer-first for"),
    ],
)
def test_what_a_queue_offers_needs_the_queue_and_callers_who_are_answered(fields: dict[str, Any], needs: str) -> None:
    (warning,) = group("1001", "1002", **fields).warnings()
    assert needs in warning
    assert group("1001", "1002", **fields | ANSWERED_QUEUE).warnings() == []


ANSWERED_QUEUE: dict[str, Any] = {"when_busy": WhenBusy.QUEUE, "hunt_timeout": 60.0, "answer_first": True}
"""A group that offers all that a queue can."""


def test_a_hunt_goes_on_for_another_caller_from_the_stage_it_had_reached() -> None:
    before = hunt(group("1001", "1002", "1003", cycles=2))
    stages = before.stages()
    first, second, _ = before.group.members
    next(stages)
    before.ended(first, Outcome.DECLINED)
    assert next(stages).members == (second,)
    before.ended(second, Outcome.CALLER_GONE)
    after = before.for_another_caller("h2", "u2", frozenset({"1003@pbx.test"}), frozenset(), before.log)
    assert (after.id, after.call_uuid, after.group) == ("h2", "u2", before.group)
    assert [(stage.cycle, stage.number) for stage in after.stages()] == [(1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert after.last_outcome[first.id] is Outcome.DECLINED
    assert after.case() is Case.NO_ANSWER


def test_from_the_queue_it_goes_on_in_the_queue_for_the_member_who_rang() -> None:
    before = hunt(group("1001", "1002", when_busy=WhenBusy.QUEUE))
    for _stage, member in zip(before.stages(), before.group.members, strict=True):
        before.skipped(member, SkipReason.ON_CALL)
    list(before.queue_stages(1))
    before.ended(before.group.members[0], Outcome.CALLER_GONE)
    before.skipped(before.group.members[1], SkipReason.BLOCKED)
    after = before.for_another_caller("h2", "u2", frozenset(), frozenset(), before.log)
    assert list(after.stages()) == []
    assert after.waits()
    assert after.reserved() == before.group.members[:1]
