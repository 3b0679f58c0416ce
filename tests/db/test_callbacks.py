"""Requests to be called back: of several who serve one, one does, and no channel does twice what is done once."""

from datetime import timedelta

import pytest

from fshunt.db.queries import callbacks
from fshunt.db.queries.callbacks import Wanted
from fshunt.hunting.callbacks import CallbackOutcome, CallbackState
from fshunt.services import groups
from tests.support.small_office import DOMAIN, NOON, PILOT, after, make_office

LONG_AGO = NOON - timedelta(days=1)
LATER = NOON + timedelta(minutes=2)


@pytest.fixture
def group(store):
    return make_office(store, "1001")


def ask(store, group, number="1005", ticket=7):
    wanted = Wanted(group.id, number, "Ada", True, "default", "default", "pbx", "hunt", ticket)
    with store.writing() as s:
        return callbacks.request(s, wanted, NOON)


def requests(store):
    with store.reading() as s:
        return callbacks.open_requests(s)


def done(store, function, *values, **more):
    with store.writing() as s:
        return function(s, *values, **more)


def begun(store, attempt="a1", request=None):
    (found,) = requests(store) if request is None else (request,)
    assert done(store, callbacks.begin, found.id, attempt, run_id="run", switch="pbx")
    return found.id


def test_a_request_keeps_the_place_of_its_caller(store, group):
    assert ask(store, group, "1006", ticket=9)
    assert ask(store, group, "1005", ticket=7)
    assert [(each.number, each.ticket, each.state) for each in requests(store)] == [
        ("1005", 7, CallbackState.WAITING),
        ("1006", 9, CallbackState.WAITING),
    ]
    first = requests(store)[0]
    assert (first.domain, first.pilot, first.name, first.requested_at) == (DOMAIN, PILOT, "Ada", NOON)


def test_a_number_has_one_open_request_in_a_group_and_the_first_place_counts(store, group):
    assert ask(store, group, ticket=7)
    assert not ask(store, group, ticket=8)
    assert [each.ticket for each in requests(store)] == [7]
    done(store, callbacks.remove, requests(store)[0].id, NOON)
    assert ask(store, group, ticket=8)


def test_one_of_several_daemons_serves_a_request(store, group):
    ask(store, group)
    request_id = begun(store, "a1")
    assert not done(store, callbacks.begin, request_id, "a2", run_id="other", switch="pbx")
    (found,) = requests(store)
    assert (found.attempt, found.run_id, found.state) == ("a1", "run", CallbackState.CALLING_MEMBER)


def test_a_channel_that_serves_the_request_no_more_calls_nobody(store, group):
    ask(store, group)
    request_id = begun(store, "a1")
    assert done(store, callbacks.put_back, request_id, "a1", CallbackState.CALLING_MEMBER, None)
    assert done(store, callbacks.dial, request_id, "a1") is None, "it was put back"
    begun(store, "a2")
    assert done(store, callbacks.dial, request_id, "a1") is None, "another channel serves it"
    found = done(store, callbacks.dial, request_id, "a2")
    assert (found.state, found.tries) == (CallbackState.CALLING_CALLER, 1)
    assert done(store, callbacks.dial, request_id, "a2") is None, "it calls once"


def test_a_try_without_an_answer_leaves_the_place_and_counts(store, group):
    ask(store, group)
    request_id = begun(store, "a1")
    done(store, callbacks.dial, request_id, "a1")
    assert not done(store, callbacks.put_back, request_id, "a1", CallbackState.CALLING_MEMBER, LATER)
    assert done(store, callbacks.put_back, request_id, "a1", CallbackState.CALLING_CALLER, LATER)
    (found,) = requests(store)
    assert (found.state, found.tries, found.attempt, found.not_before, found.ticket) == (
        CallbackState.WAITING,
        1,
        None,
        LATER,
        7,
    )


def test_a_request_ends_once(store, group):
    ask(store, group)
    request_id = begun(store, "a1")
    assert not done(store, callbacks.end, request_id, "a1", CallbackOutcome.ANSWERED, NOON), "nobody was called"
    done(store, callbacks.dial, request_id, "a1")
    assert not done(store, callbacks.remove, request_id, NOON), "the caller is being called"
    assert done(store, callbacks.end, request_id, "a1", CallbackOutcome.ANSWERED, NOON)
    assert not done(store, callbacks.end, request_id, "a1", CallbackOutcome.NO_ANSWER, NOON)
    assert not done(store, callbacks.put_back, request_id, "a1", CallbackState.CALLING_CALLER, None)
    assert requests(store) == []
    with store.reading() as s:
        assert callbacks.count_open(s) == 0


def test_the_channel_of_a_request_that_was_removed_is_to_end(store, group):
    ask(store, group)
    request_id = begun(store, "a1")
    assert done(store, callbacks.not_removed, [(request_id, "a1")]) == {"a1"}
    assert done(store, callbacks.remove, request_id, NOON)
    assert done(store, callbacks.not_removed, [(request_id, "a1")]) == set()


def test_a_caller_who_was_served_is_called_back_no_more(store, group):
    ask(store, group)
    (found,) = requests(store)
    for other in ({"group_id": group.id + 1}, {"number": "1006"}, {"internal": not found.internal}, {"at": LONG_AGO}):
        served(store, found, **other)
    assert requests(store) == [found], "that was another one, or before it"
    request_id = begun(store, "a1")
    served(store, found)
    assert requests(store) == []
    assert done(store, callbacks.dial, request_id, "a1") is None
    assert done(store, callbacks.not_removed, [(request_id, "a1")]) == set(), "the channel is to end"


def test_a_caller_who_is_being_called_when_served_is_called_to_the_end_and_not_again(store, group):
    ask(store, group)
    request_id = begun(store, "a1")
    served(store, done(store, callbacks.dial, request_id, "a1"))
    assert done(store, callbacks.not_removed, [(request_id, "a1")]) == {"a1"}
    assert not done(store, callbacks.put_back, request_id, "a1", CallbackState.CALLING_CALLER, None)


def served(store, found, **more):
    asked = {"group_id": found.group_id, "number": found.number, "internal": found.internal, "at": LATER} | more
    done(store, callbacks.end_as_served, **asked)


def test_requests_go_with_their_group_and_old_ones_in_time(store, group):
    ask(store, group)
    ask(store, group, "1006")
    done(store, callbacks.remove, requests(store)[0].id, NOON)
    assert done(store, callbacks.prune_some, NOON, 10) == 0
    assert done(store, callbacks.prune_some, after(1), 10) == 1
    with store.writing() as s:
        groups.remove_group(s, DOMAIN, PILOT)
    assert requests(store) == []
