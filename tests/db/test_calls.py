import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import InvalidRequestError

from fshunt.db.queries import calls, hunts
from fshunt.db.types import MAX_SEEN_CHARS
from fshunt.errors import BadValue, Conflict, NotFound
from fshunt.hunting.availability import SkipReason
from fshunt.hunting.policies import decide
from fshunt.hunting.policy_input import PolicyInput, PolicyMember
from fshunt.hunting.rotation import RotationPointer
from fshunt.hunting.states import Outcome, Result
from fshunt.services import groups
from tests.support.examples import examples
from tests.support.small_office import DOMAIN, NOON, PILOT, after, make_office
from tests.support.statements import noted

LEFT_OUT = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
GROUP = {"domain": DOMAIN, "pilot": PILOT, "group_name": "Sales", "policy": "circular"}
PLACE = {"stage": 1, "cycle": 1, "position": 1, "extension": "1001"}
FACTS = PolicyInput(
    "circular", (PolicyMember(7, "1001", 3, NOON), PolicyMember(8, "1002")), RotationPointer(7, 1), None, 2**32 - 1
)


def opened(s, hunt="h", at=NOON, **changed):
    caller = {"caller_number": "4930123", "caller_name": "Ada"}
    row = {
        "uuid": f"channel {hunt}",
        **GROUP,
        **caller,
        "started_at": at,
        "policy_input": FACTS.to_json(),
        "node": "node",
    }
    calls.open_call(s, hunt, **(row | changed))


def offered(s, offer="o", hunt="h", at=NOON, **changed):
    calls.add_offer(s, offer, call_id=hunt, **(PLACE | changed), phones=2, ring_seconds=18.0, started_at=at)


def skipped(s, skip="s", hunt="h", reason=SkipReason.BLOCKED, **changed):
    calls.add_skip(s, skip, call_id=hunt, **(PLACE | changed), reason=reason, at=NOON)


def closed(s, hunt="h", result=Result.ABANDONED, at=NOON, **changed):
    calls.close_call(s, hunt, result=result, ended_at=at, **({"reason": None, "destination": None} | changed))


def shown(store, uuid="channel h"):
    with store.reading() as s:
        return calls.show_call(s, uuid)


def test_a_call_is_written_as_it_happens(store):
    with store.writing() as s:
        opened(s)
    (call,) = shown(store)
    assert (call.result, call.ended_at, call.started_at) == (None, None, NOON)
    with store.writing() as s:
        skipped(s)
        offered(s, extension="1002", position=2)
        calls.end_offer(s, "o", ended_at=after(4), outcome=Outcome.ANSWERED, cause="SUCCESS", sip_code=200, detail="x")
        calls.note_answered(s, "h", answered_by="1002", answered_at=after(4))
        closed(s, result=Result.ANSWERED, at=after(60))
    (call,) = shown(store)
    assert (call.result, call.answered_by, call.answered_at) == ("answered", "1002", after(4))
    assert (call.ended_at, call.end_seen) == (after(60), True)
    (offer,), (skip,) = call.offers, call.skips
    assert (offer.outcome, offer.cause, offer.sip_code, offer.ended_at) == ("answered", "SUCCESS", 200, after(4))
    assert (offer.phones, offer.ring_seconds, offer.extension) == (2, 18.0, "1002")
    assert (skip.reason, skip.extension, skip.at) == ("blocked", "1001", NOON)


def test_an_offer_that_the_switch_refused_is_taken_away_and_one_with_an_outcome_stays(store):
    with store.writing() as s:
        opened(s)
        offered(s, "refused")
        offered(s, "rang", extension="1002", position=2)
        calls.end_offer(s, "rang", ended_at=after(4), outcome=Outcome.NO_ANSWER)
        calls.remove_offer(s, "refused")
        calls.remove_offer(s, "rang")
    assert [each.id for each in shown(store)[0].offers] == ["rang"]


def test_the_order_can_be_decided_again_from_the_facts_in_the_row(store):
    with store.writing() as s:
        opened(s)
    stored = shown(store)[0].policy_input
    assert stored == FACTS.to_json()
    assert decide(PolicyInput.from_json(stored)) == decide(FACTS)


def test_a_list_of_calls_does_not_read_their_policy_input(store):
    with store.writing() as s:
        opened(s)
    with store.reading() as s:
        with noted() as statements:
            [call] = calls.list_calls(s)
        assert call.group_name
        assert [each.text.split()[0] for each in statements] == ["SELECT"]
        assert "policy_input" not in statements[0].text
        with pytest.raises(InvalidRequestError):
            _ = call.policy_input


def test_what_is_written_twice_is_there_once_and_the_first_holds(store):
    for n in range(2):
        with store.writing() as s:
            opened(s, caller_name=f"Ada {n}")
            offered(s, extension=f"100{n}")
            skipped(s, extension=f"100{n}")
            calls.note_answered(s, "h", answered_by=f"100{n}", answered_at=after(n))
            outcome = (Outcome.ANSWERED, Outcome.BUSY)[n]
            calls.end_offer(s, "o", ended_at=after(n), outcome=outcome)
            closed(s, result=(Result.ANSWERED, Result.FAILED)[n], at=after(n))
    (call,) = shown(store)
    assert (call.caller_name, call.answered_by, call.result, call.ended_at) == ("Ada 0", "1000", "answered", NOON)
    assert [(o.extension, o.outcome) for o in call.offers] == [("1000", "answered")]
    assert [each.extension for each in call.skips] == ["1000"]


def test_an_answered_call_stays_answered_whatever_comes(store):
    with store.writing() as s:
        opened(s)
        calls.note_answered(s, "h", answered_by="1001", answered_at=NOON)
        closed(s, result=Result.FAILED, reason="the switch was lost", end_seen=False)
    (call,) = shown(store)
    assert (call.result, call.reason, call.end_seen) == ("answered", "the switch was lost", False)


def test_a_closed_call_is_not_answered_later(store):
    with store.writing() as s:
        opened(s)
        closed(s, result=Result.VOICEMAIL, destination="voicemail:1005")
        calls.note_answered(s, "h", answered_by="1001", answered_at=NOON)
    (call,) = shown(store)
    assert (call.result, call.destination, call.answered_by) == ("voicemail", "voicemail:1005", None)


HOSTILE = ["\0", "a\0b", "\ud800", "😀" * 300, "'; DROP TABLE calls; --", "Bob\nvariable_x: 1", ""]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_a_caller_calls_himself_is_recorded(store, text):
    with store.writing() as s:
        opened(s, caller_name=text, caller_number=text, uuid=f"u{text}", pilot=text, domain=text)
        closed(s, reason=text)
    with store.reading() as s:
        (call,) = calls.list_calls(s)
    assert len(call.caller_name) == min(len(text), MAX_SEEN_CHARS)
    assert shown(store, f"u{text}")[0].id == "h"


@given(name=st.text(st.characters(codec=None), max_size=300))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=LEFT_OUT)
def test_any_text_of_a_caller_can_be_recorded(store, name):
    with store.writing() as s:
        s.connection().exec_driver_sql("DELETE FROM calls")
        opened(s, caller_name=name, caller_number=name)
    with store.reading() as s:
        (call,) = calls.list_calls(s)
    assert len(call.caller_name) == min(len(name), MAX_SEEN_CHARS)
    assert all(kept in (given_, "\ufffd") for kept, given_ in zip(call.caller_name, name, strict=False))


def test_a_row_that_can_never_be_stored_is_no_store_error(store):
    """The outbox retries after a DatabaseError; a row that never fits would be tried forever."""
    with pytest.raises(Conflict), store.writing() as s:
        offered(s, hunt="no such hunt")
    with store.writing() as s:
        opened(s)
    with pytest.raises(BadValue), store.writing() as s:
        offered(s, position=2**80)
    with pytest.raises(BadValue, match="without a time zone"), store.writing() as s:
        offered(s, at=NOON.replace(tzinfo=None))
    assert shown(store)[0].offers == []


def test_calls_are_listed_newest_first_by_domain_pilot_and_time(store):
    with store.writing() as s:
        for n in range(5):
            opened(s, f"h{n}", at=after(n), domain=("a.test", "b.test")[n % 2], pilot=("5000", "5001")[n // 3])

    def ids(*args, **kwargs):
        with store.reading() as s:
            return [call.id for call in calls.list_calls(s, *args, **kwargs)]

    assert ids() == ["h4", "h3", "h2", "h1", "h0"]
    assert ids(limit=2) == ["h4", "h3"]
    assert ids("a.test") == ["h4", "h2", "h0"]
    assert ids("a.test", "5000") == ["h2", "h0"]
    assert ids("a.test", since=after(2)) == ["h4", "h2"]
    assert ids("a.test", "5000", after(1), 1) == ["h2"]
    assert ids("c.test") == []


def test_the_list_of_a_pilot_comes_from_its_index(store):
    with store.writing() as s:
        connection = s.connection()
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_sort = off")
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        query = "SELECT * FROM calls WHERE domain = 'a' AND pilot = 'b' ORDER BY started_at DESC LIMIT 50"
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{explain} {query}"))
    assert re.search("ix_calls_(domain_)?pilot_started_at", plan), "without rows PostgreSQL may take either"
    assert "TEMP B-TREE" not in plan


def test_all_hunts_of_a_call_are_shown_newest_first_each_in_order_of_ringing(store):
    with store.writing() as s:
        for n, hunt in enumerate(("first", "second")):
            opened(s, hunt, uuid="channel", at=after(n))
        for name, cycle, stage in (("o3", 2, 1), ("o1", 1, 1), ("o2", 1, 2)):
            offered(s, name, "second", cycle=cycle, stage=stage)
        for name, position in (("s2", 2), ("s1", 1)):
            skipped(s, name, "second", position=position)
    newest, earlier = shown(store, "channel")
    assert (newest.id, earlier.id) == ("second", "first")
    assert [o.id for o in newest.offers] == ["o1", "o2", "o3"]
    assert [each.id for each in newest.skips] == ["s1", "s2"]
    assert earlier.offers == []
    assert [call.id for call in shown(store, "first")] == ["first"]


def test_an_unknown_call_is_one_sentence(store):
    with pytest.raises(NotFound, match="There is no record of a call nobody"):
        shown(store, "nobody")


def test_the_records_of_a_group_outlive_it(store):
    make_office(store, "1001")
    with store.writing() as s:
        opened(s)
        offered(s)
        groups.remove_group(s, DOMAIN, PILOT)
    (call,) = shown(store)
    assert [o.extension for o in call.offers] == ["1001"]


def close_unfinished(store, hunt_id="h", at=NOON):
    with store.writing() as s:
        calls.close_unfinished(s, hunt_id, at)


def test_a_call_cut_off_while_it_hunted_is_closed_as_failed(store):
    with store.writing() as s:
        opened(s)
        offered(s, "o1")
        calls.end_offer(s, "o1", ended_at=after(1), outcome=Outcome.BUSY)
        offered(s, "o2", extension="1002")
    close_unfinished(store, at=after(500))
    (call,) = shown(store)
    assert (call.result, call.reason, call.ended_at, call.end_seen) == (
        "failed",
        "The daemon stopped during this hunt.",
        after(500),
        False,
    )
    assert {o.id: o.outcome for o in call.offers} == {"o1": "busy", "o2": "switch-lost"}


def test_a_call_cut_off_after_the_answer_stays_answered_with_its_end_not_seen(store):
    with store.writing() as s:
        opened(s)
        offered(s, "o1", extension="1002", position=2)
        offered(s, "o2")
        calls.note_answered(s, "h", answered_by="1002", answered_at=after(3))
    close_unfinished(store)
    (call,) = shown(store)
    assert (call.result, call.answered_by, call.end_seen) == ("answered", "1002", False)
    assert call.reason == "The end of the call was not seen: no daemon watched it."
    assert {o.id: o.outcome for o in call.offers} == {"o1": "answered", "o2": "switch-lost"}


def test_an_answer_that_is_written_late_opens_a_record_that_others_closed(store):
    """Its daemon was cut off or stood still, and was taken for dead."""
    with store.writing() as s:
        opened(s)
        offered(s, "o1", extension="1001")
        offered(s, "o2", extension="1002")
    close_unfinished(store, at=after(60))
    for _ in range(2):
        with store.writing() as s:
            calls.note_answered(s, "h", answered_by="1002", answered_at=after(3))
            calls.end_offer(s, "o2", ended_at=after(3), outcome=Outcome.ANSWERED)
            calls.end_offer(s, "o1", ended_at=after(3), outcome=Outcome.ANSWERED_ELSEWHERE)
    (call,) = shown(store)
    assert (call.result, call.answered_by, call.answered_at) == ("answered", "1002", after(3))
    assert (call.ended_at, call.end_seen, call.reason) == (None, False, None)
    assert {o.id: o.outcome for o in call.offers} == {"o1": "switch-lost", "o2": "answered"}
    with store.writing() as s:
        calls.close_call(s, "h", result=Result.ANSWERED, reason=None, destination=None, ended_at=after(90))
        calls.note_answered(s, "h", answered_by="1001", answered_at=after(99))
    (call,) = shown(store)
    assert (call.result, call.answered_by, call.ended_at, call.end_seen) == ("answered", "1002", after(90), True)


def in_place(store):
    """A call in the place of a caller who is called back, whose daemon has rung nobody yet."""
    with store.writing() as s:
        opened(s)
        calls.note_in_place(s, "h", reason="callback of call g")


def test_a_call_in_the_place_of_a_caller_that_is_cut_off_is_no_failed_one(store):
    in_place(store)
    close_unfinished(store, at=after(60))
    (call,) = shown(store)
    assert (call.result, call.end_seen) == ("callback", False)
    assert call.reason == "callback of call g: The daemon stopped during this hunt."
    with store.writing() as s:
        calls.note_answered(s, "h", answered_by="1002", answered_at=after(3))
    (call,) = shown(store)
    assert (call.result, call.answered_by, call.ended_at) == ("answered", "1002", None), "its daemon lived after all"


@pytest.mark.parametrize(
    ("reason", "shows"), [(None, "callback of call g"), ("not seen", "callback of call g: not seen")]
)
def test_a_call_in_the_place_of_a_caller_says_so_when_it_was_answered(store, reason, shows):
    in_place(store)
    with store.writing() as s:
        calls.note_answered(s, "h", answered_by="1002", answered_at=after(3))
        calls.finish_call(s, "h", result=Result.ANSWERED, reason=reason, ended_at=after(9), end_seen=True)
        calls.remove_unrung(s, "h")
    (call,) = shown(store)
    assert (call.result, call.reason) == ("answered", shows)


def test_an_answered_call_in_the_place_of_a_caller_that_is_cut_off_says_both(store):
    in_place(store)
    with store.writing() as s:
        calls.note_answered(s, "h", answered_by="1002", answered_at=after(3))
    close_unfinished(store)
    assert shown(store)[0].reason == f"callback of call g: {calls.END_NOT_SEEN}"


@pytest.mark.parametrize("rings", [False, True])
def test_a_call_in_the_place_of_a_caller_leaves_a_record_if_it_rang_somebody(store, rings):
    in_place(store)
    with store.writing() as s:
        if rings:
            offered(s, "o1")
        end = {"reason": "callback of call g", "destination": None, "ended_at": after(9)}
        calls.close_call(s, "h", result=Result.CALLBACK, **end)
        calls.remove_unrung(s, "h")
    with store.reading() as s:
        assert [each.id for each in calls.list_calls(s)] == ["h"] * rings


@pytest.mark.parametrize("result", [each for each in Result if each is not Result.FAILED])
def test_no_other_result_gives_way_to_a_late_answer(store, result):
    with store.writing() as s:
        opened(s)
        end = {"reason": "why", "destination": None, "ended_at": after(9)}
        calls.close_call(s, "h", result=result, **end, end_seen=False)
        calls.note_answered(s, "h", answered_by="1002", answered_at=after(3))
    (call,) = shown(store)
    assert (call.result, call.answered_by, call.ended_at) == (result, None, after(9))


def test_an_offer_whose_end_was_seen_gives_way_to_no_late_answer(store):
    with store.writing() as s:
        opened(s)
        for outcome in (Outcome.SWITCH_LOST, Outcome.BUSY):
            offered(s, outcome, extension="1001")
            calls.end_offer(s, outcome, ended_at=after(1), outcome=outcome, detail="why")
            calls.end_offer(s, outcome, ended_at=after(3), outcome=Outcome.ANSWERED)
    (call,) = shown(store)
    assert {o.outcome for o in call.offers} == {"switch-lost", "busy"}


def test_members_rung_by_a_dead_hunt_are_free_and_those_on_a_call_stay_claimed(store):
    run = {"run_id": "node", "sequence": 1}
    with store.writing() as s:
        for hunt, owner, extension in (("rang", "node", "1001"), ("talks", "node", "1002"), ("lives", "other", "1003")):
            opened(s, hunt, node=owner)
            hunts.claim(s, DOMAIN, [extension], hunt_id=hunt, call_uuid=hunt, **run)
        calls.note_answered(s, "talks", answered_by="1002", answered_at=after(3))
    for hunt in ("rang", "talks"):
        close_unfinished(store, hunt, after(4))
    with store.writing() as s:
        everybody = ["1001", "1002", "1003"]
        assert hunts.claim(s, DOMAIN, everybody, hunt_id="next", call_uuid="next", **run) == {"1001"}


STEPS = st.lists(st.sampled_from(["offer", "skip", "end", "answer", "close"]), max_size=6)


@given(hunts=st.lists(st.tuples(st.booleans(), STEPS), max_size=5))
@settings(max_examples=examples(40), deadline=None, suppress_health_check=LEFT_OUT)
def test_a_dead_runs_call_is_closed_at_any_step_and_no_other_call(store, hunts):
    with store.writing() as s:
        s.connection().exec_driver_sql("DELETE FROM calls")
        for n, (_, steps) in enumerate(hunts):
            opened(s, f"h{n}")
            for i, step in enumerate(steps):
                _do(s, step, f"h{n}", f"h{n}.{i}")
    before = {n: shown(store, f"h{n}")[0] for n in range(len(hunts))}
    for at in (after(9), after(10)):  # the second time changes nothing
        for n, (is_orphan, _) in enumerate(hunts):
            if is_orphan:
                close_unfinished(store, f"h{n}", at)
    for n, was in before.items():
        (now,) = shown(store, f"h{n}")
        if was.ended_at is not None or not hunts[n][0]:
            assert (now.result, now.ended_at, now.reason) == (was.result, was.ended_at, was.reason)
            continue
        assert (now.ended_at, now.end_seen, now.result) == (after(9), False, was.result or "failed")
        assert all(offer.outcome and offer.ended_at for offer in now.offers)


def _do(s, step, hunt, new):
    if step == "offer":
        offered(s, new, hunt)
    elif step == "skip":
        skipped(s, new, hunt)
    elif step == "end":
        offered(s, new, hunt)
        calls.end_offer(s, new, ended_at=after(1), outcome=Outcome.NO_ANSWER)
    elif step == "answer":
        calls.note_answered(s, hunt, answered_by="1001", answered_at=after(2))
    else:
        closed(s, hunt, at=after(3))


def test_the_expected_wait_is_of_the_last_talks_of_this_pilot(store):
    def talked(hunt, seconds, at=NOON, **changed):
        opened(s, hunt, at, **changed)
        calls.note_answered(s, hunt, answered_by="1001", answered_at=at)
        closed(s, hunt, Result.ANSWERED, at + timedelta(seconds=seconds))

    with store.writing() as s:
        for number in range(51):
            talked(f"h{number}", 60 + number, after(number))
        talked("old", 900, after(-1))
        talked("another group's", 900, after(60), pilot="6000")
        talked("another domain's", 900, after(60), domain="other.test")
        opened(s, "not answered", after(60))
        closed(s, "not answered", at=after(90))
        opened(s, "they talk", after(60))
        calls.note_answered(s, "they talk", answered_by="1001", answered_at=after(60))
    with store.reading() as s:
        assert calls.last_talks(s, DOMAIN, PILOT, NOON) == [60.0 + number for number in range(50, 0, -1)]
        assert calls.last_talks(s, DOMAIN, PILOT, after(50)) == [110.0]
        assert calls.last_talks(s, DOMAIN, PILOT, after(100)) == []
