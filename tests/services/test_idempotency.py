"""Idempotency keys, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from fshunt.errors import Conflict
from fshunt.services import idempotency
from fshunt.services.users import Role
from tests.support.accounts import add_user, quick_hashes
from tests.support.small_office import NOON

__all__ = ["quick_hashes"]
pytestmark = [pytest.mark.sql, pytest.mark.usefixtures("quick_hashes")]

ANSWER = {"value": {"pilot": "5000"}}


@pytest.fixture
def user_id(store):
    return add_user(store, "ana", Role.PROVIDER).id


def make(store, user_id, key, *, request=b"add", now=NOON):
    """Make something with a key; return the answer of an earlier request with it, None if there was none."""
    with store.writing() as s:
        attempt = idempotency.begin(s, user_id, key, request, now=now)
        if attempt.answer is None:
            idempotency.keep(s, attempt, ANSWER)
        return attempt.answer


def test_the_second_request_has_the_answer_of_the_first(store, user_id):
    assert make(store, user_id, "a") is None
    assert make(store, user_id, "a") == ANSWER
    assert make(store, user_id, "b") is None


def test_a_key_belongs_to_its_user_and_its_request(store, user_id):
    other = add_user(store, "ben", Role.PROVIDER).id
    assert make(store, user_id, "a") is None
    assert make(store, other, "a", request=b"something else") is None
    with pytest.raises(Conflict, match="was used for another request"):
        make(store, user_id, "a", request=b"something else")


def test_a_key_is_forgotten_after_a_day(store, user_id):
    assert make(store, user_id, "a") is None
    assert make(store, user_id, "a", now=NOON + timedelta(hours=23)) == ANSWER
    assert make(store, user_id, "a", now=NOON + timedelta(hours=25)) is None


def test_of_two_requests_at_the_same_time_the_second_waits_for_the_answer_of_the_first(store, user_id):
    begun, second_comes = threading.Event(), threading.Event()

    def first():
        with store.writing() as s:
            attempt = idempotency.begin(s, user_id, "a", b"add", now=NOON)
            begun.set()
            second_comes.wait()
            idempotency.keep(s, attempt, ANSWER)
            return attempt.answer

    def second():
        begun.wait()
        second_comes.set()
        return make(store, user_id, "a")

    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(each) for each in (first, second)]
        assert [each.result() for each in answers] == [None, ANSWER]
