"""Events: each kind survives the way through JSON, and applied twice it has the effect of once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from types import NoneType
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from fshunt.daemon.data import events
from fshunt.daemon.data.events import KINDS, OrderKey, OutboxEvent, Scope, UnreadableEvent, from_json
from fshunt.db.engine import Store, open_store
from fshunt.db.models import Base
from fshunt.db.queries import queue
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.group import Group
from fshunt.hunting.policy_input import policy_input_of
from fshunt.hunting.states import Outcome, Result
from tests.support.small_office import DOMAIN, NOON, PILOT, after, make_office

RUN = "run"
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
FIRST, LAST = NOON.replace(year=2, tzinfo=None), NOON.replace(year=9998, tzinfo=None)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return values of one field's type."""
    options = get_args(hint)
    if NoneType in options:
        return st.none() | values_of(next(each for each in options if each is not NoneType))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return {
        str: st.text(st.characters(exclude_categories=()), max_size=20),
        int: st.integers(-(2**53), 2**53),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        datetime: st.datetimes(min_value=FIRST, max_value=LAST, timezones=ZONES),
        dict[str, Any]: st.dictionaries(st.text(max_size=10), JSON_VALUES, max_size=3),
        tuple[str, ...]: st.lists(st.text(max_size=10), max_size=3).map(tuple),
    }[hint]


def events_of(kind: str) -> st.SearchStrategy[OutboxEvent]:
    fields = {name: values_of(hint) for name, hint in events._types(KINDS[kind]).items()}
    return st.builds(KINDS[kind], **fields)


@given(event=st.sampled_from(sorted(KINDS)).flatmap(events_of))
def test_every_kind_comes_back_from_json_with_its_types(event: OutboxEvent) -> None:
    found = from_json(json.loads(json.dumps(event.to_json())))
    assert found == event
    assert found.key == event.key
    for name in events._types(type(event)):
        assert type(getattr(found, name)) is type(getattr(event, name)), name
        if isinstance(getattr(found, name), datetime):
            assert getattr(found, name).tzinfo is UTC


def test_only_what_a_run_has_or_wants_for_itself_ends_with_it() -> None:
    """A claim of a dead daemon must not come back. A new kind of event must be listed here."""
    assert {kind for kind, event in KINDS.items() if not event.durable} == {"claim-acquired"}


TALK_ENDED = {"kind": "talk-ended", "version": 1, "fields": {"member_id": 7, "at": "2026-03-01T12:00:00+00:00"}}


@pytest.mark.parametrize(
    "value",
    [
        7,
        [],
        {},
        {**TALK_ENDED, "kind": "drop-all"},
        {**TALK_ENDED, "kind": ["talk-ended"]},
        {**TALK_ENDED, "version": 2},
        {**TALK_ENDED, "version": None},
        {**TALK_ENDED, "fields": 7},
        {**TALK_ENDED, "fields": {"member_id": 7}},
        {**TALK_ENDED, "fields": {**TALK_ENDED["fields"], "other": 1}},
        {**TALK_ENDED, "fields": {"member_id": "7", "at": "2026-03-01T12:00:00+00:00"}},
        {**TALK_ENDED, "fields": {"member_id": True, "at": "2026-03-01T12:00:00+00:00"}},
        {**TALK_ENDED, "fields": {"member_id": 7, "at": "never"}},
        {**TALK_ENDED, "fields": {"member_id": 7, "at": 7}},
        {"kind": "claim-released", "version": 1, "fields": {"hunt_id": "h", "extensions": [7], "taken_before": None}},
        {
            "kind": "call-leaving",
            "version": 1,
            "fields": {"hunt_id": "h", "result": "lost", "reason": "", "destination": ""},
        },
    ],
)
def test_what_is_no_event_of_this_version_is_refused(value: object) -> None:
    assert isinstance(from_json(TALK_ENDED), events.TalkEnded)
    with pytest.raises(UnreadableEvent):
        from_json(value)


def test_two_kinds_do_not_share_a_name() -> None:
    with pytest.raises(TypeError, match="talk-ended"):
        events.register(events.TalkEnded)


def test_the_answers_of_a_circular_group_stay_in_order_and_other_stamps_wait_for_one_member_only() -> None:
    more = {"group_id": 3, "member_id": 7, "call_uuid": "call", "at": NOON}
    assert events.MemberAnswered(**more, moves_answerer=True).key == OrderKey(Scope.GROUP, 3)
    assert events.MemberAnswered(**more, moves_answerer=False).key == OrderKey(Scope.MEMBER, 7)


# Applied twice.


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with closing(open_store(database_url)) as opened:
        yield opened


def story(group: Group) -> list[OutboxEvent]:
    """Return an event of each kind, and what must have happened before."""
    first, second = group.members
    on_call = {"hunt_id": "h", "stage": 1, "cycle": 1}
    facts = policy_input_of(group, None, None, 7).to_json()
    return [
        events.CallOpened(
            hunt_id="h",
            uuid="call",
            domain=DOMAIN,
            pilot=PILOT,
            group_name="",
            policy=group.policy,
            caller_number="0301234",
            caller_name='Zoë " \u2028',
            started_at=NOON,
            policy_input=facts,
            node="other",
            run_id="other",
        ),
        events.CallInPlace(hunt_id="h", reason="callback of call c"),
        events.PointerMoved(group_id=group.id, call_uuid="call", policy_input=facts),
        events.ClaimAcquired(
            domain=DOMAIN,
            extensions=(first.extension, second.extension),
            hunt_id="h",
            call_uuid="call",
            run_id=RUN,
            sequence=1,
        ),
        events.QueueLeft(hunt_id="h"),
        events.MemberSkipped(
            skip_id="s",
            position=1,
            extension=first.extension,
            reason=SkipReason.CLAIMED,
            at=NOON,
            detail=None,
            **on_call,
        ),
        events.OfferStarted(
            offer_id="o0", position=2, extension=second.extension, phones=1, ring_seconds=18, started_at=NOON, **on_call
        ),
        events.OfferRefused(offer_id="o0", hunt_id="h"),
        events.OfferStarted(
            offer_id="o1", position=1, extension=first.extension, phones=1, ring_seconds=18, started_at=NOON, **on_call
        ),
        events.OfferEnded(
            offer_id="o1",
            hunt_id="h",
            ended_at=after(18),
            outcome=Outcome.NO_ANSWER,
            cause="NO_ANSWER",
            sip_code=408,
            detail="rang out",
            member_id=first.id,
            rang_whole_time=True,
            missing=("1003",),
        ),
        events.ClaimReleased(hunt_id="h", extensions=(first.extension,), taken_before=2),
        events.CallWaited(hunt_id="h", seconds=2.5),
        events.CallAnswered(hunt_id="h", answered_by=second.extension, answered_at=after(20)),
        events.MemberAnswered(
            group_id=group.id, member_id=second.id, call_uuid="call", at=after(20), moves_answerer=True
        ),
        events.CallbackServed(hunt_id="h", group_id=group.id, number="0301234", internal=False, at=after(20)),
        events.CallLeaving(hunt_id="h", result=Result.VOICEMAIL, reason="nobody", destination="voicemail:5000"),
        events.DeliveryFailed(hunt_id="h", reason="no such box", destination="voicemail:5001"),
        events.ReturnedCallerLeft(hunt_id="h", reason="the caller hung up"),
        events.TalkEnded(member_id=second.id, at=after(60)),
        events.CallClosed(
            hunt_id="h",
            result=Result.ANSWERED,
            reason=None,
            destination=None,
            ended_at=after(60),
            end_seen=False,
            waited_seconds=2.5,
        ),
        events.CallFinished(hunt_id="h", result=Result.ANSWERED, reason="late", ended_at=after(61), end_seen=True),
        events.UnfinishedCallClosed(hunt_id="h", ended_at=after(62)),
        events.UnrungCallRemoved(hunt_id="h"),
    ]


def rows(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    with store.reading() as s:
        return {name: sorted(s.execute(select(table)).all(), key=repr) for name, table in Base.metadata.tables.items()}


def in_the_queue(store: Store, group: Group) -> None:
    with store.writing() as s:
        who = {"domain": DOMAIN, "group_id": group.id, "call_uuid": "call", "run_id": RUN, "ticket": None}
        queue.join(s, "h", [each.extension for each in group.members], **who, at=NOON)


@pytest.mark.parametrize("skipped", [(), ("call-closed",), ("call-closed", "call-finished"), ("call-answered",)])
@pytest.mark.parametrize("policy", ["circular", "round-robin"])
def test_to_apply_an_event_twice_is_to_apply_it_once(store: Store, policy: str, skipped: tuple[str, ...]) -> None:
    """What is left out has the events after it find another state: a call that is still open, say."""
    group = make_office(store, "1001", "1002", policy=policy, auto_block=2)
    in_the_queue(store, group)
    happened = [event for event in story(group) if event.kind not in skipped]
    assert {event.kind for event in happened} == KINDS.keys() - set(skipped)
    for event in happened:
        before = rows(store)
        with store.writing() as s:
            event.apply(s)
        once = rows(store)
        with store.writing() as s:
            event.apply(s)
            event.apply(s)
        assert rows(store) == once, event.kind
        if event.kind in (
            "call-opened",
            "offer-started",
            "offer-ended",
            "offer-refused",
            "talk-ended",
            "claim-released",
            "queue-left",
        ):
            assert once != before, f"{event.kind} writes something"


def test_the_whole_story_applied_again_is_the_story_once(store: Store) -> None:
    """A daemon was killed before it removed the file: the next run writes all of it again."""
    group = make_office(store, "1001", "1002", policy="circular", auto_block=2)
    in_the_queue(store, group)
    happened = [event for event in story(group) if event.durable]
    for event in happened:
        with store.writing() as s:
            event.apply(s)
    once = rows(store)
    with store.writing() as s:
        for event in happened:
            event.apply(s)
    assert rows(store) == once
