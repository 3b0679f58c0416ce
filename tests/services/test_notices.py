"""Notices: added, removed, recorded and undone."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from fshunt.db.engine import Store
from fshunt.db.queries.notices import StoredNotice
from fshunt.errors import BadValue, Conflict, NotFound, UsageError
from fshunt.notices.notice import Channel, NoticeEvent
from fshunt.notices.signing import SECRET_PREFIX
from fshunt.services import audit, domains, groups, notices, undo
from fshunt.services.audit import ChangeKind, Subject
from fshunt.services.notices import MAX_NOTICES

pytestmark = pytest.mark.sql

DOMAIN = "pbx.test"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def office(store: Store) -> Store:
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5000")
        groups.add_group(s, DOMAIN, "6000")
    return store


def add(
    store: Store, mail: str | None = "a@b.test", pilot: str = "5000", **more: object
) -> tuple[StoredNotice, str | None]:
    words: dict[str, object] = {"mail": mail, "webhook": None, "events": ["missed"]} | more
    with store.writing() as s:
        return notices.add_notice(s, DOMAIN, pilot, notices.wish_of(**words), now=NOON)  # type: ignore[arg-type]


def held(store: Store) -> list[tuple[str, str]]:
    with store.reading() as s:
        return [(each.place.pilot, each.wish.target) for each in notices.list_notices(s)]


def test_a_notice_is_kept_as_it_was_asked_for(office: Store) -> None:
    made, secret = add(office, events=["missed", "queue-longer-than:3"], digest="18:30")
    assert secret is None
    assert made.wish.events == {NoticeEvent.MISSED, NoticeEvent.QUEUE_LONGER}
    assert (made.wish.queue_longer_than, made.wish.digest_at, made.created_at) == (3, 1110, NOON)
    other, other_secret = add(office, None, webhook="https://example.com/a", pilot="6000")
    assert other.wish.channel is Channel.WEBHOOK
    assert str(other_secret).startswith(SECRET_PREFIX)
    assert str(other_secret) not in repr(other)
    assert held(office) == [("5000", "a@b.test"), ("6000", "https://example.com/a")]


def test_each_change_is_recorded_without_the_secret_and_can_be_undone(office: Store) -> None:
    made, _ = add(office, after_minutes=15)
    _, secret = add(office, None, webhook="https://example.com/a")
    with office.writing() as s:
        notices.remove_notice(s, DOMAIN, "5000", made.id)
        first, second, third = sorted(
            (each for each in audit.history(s, domain=DOMAIN) if each.subject is Subject.NOTICE), key=lambda c: c.id
        )
    assert (first.action, second.action, third.action) == (ChangeKind.ADD, ChangeKind.ADD, ChangeKind.REMOVE)
    assert third.before == first.after
    assert third.before is not None
    assert third.before["after_minutes"] == 15
    assert str(secret) not in repr((first, second, third))
    with office.writing() as s:
        undo.undo(s, third.id)
        undo.undo(s, second.id)
    assert held(office) == [("5000", "a@b.test")]
    with office.reading() as s:
        [back] = notices.list_notices(s)
    assert back.wish == made.wish


def test_a_webhook_that_was_removed_does_not_come_back_without_its_secret(office: Store) -> None:
    made, _ = add(office, None, webhook="https://example.com/a")
    with office.writing() as s:
        notices.remove_notice(s, DOMAIN, "5000", made.id)
        change = audit.history(s, domain=DOMAIN)[0]
    with office.writing() as s, pytest.raises(UsageError, match="its secret is gone: add it again"):
        undo.undo(s, change.id)
    assert held(office) == []


def test_a_notice_goes_with_its_group_and_stays_with_a_new_number_or_domain(office: Store) -> None:
    add(office)
    add(office, pilot="6000")
    with office.writing() as s:
        groups.renumber_group(s, DOMAIN, "5000", "5001")
        groups.remove_group(s, DOMAIN, "6000")
    assert held(office) == [("5001", "a@b.test")]
    with office.writing() as s:
        domains.rename_domain(s, DOMAIN, "new.test")
        [kept] = notices.list_notices(s)
    assert kept.place.domain == "new.test"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"mail": None}, "either to a mail address or to a webhook"),
        ({"webhook": "https://example.com/"}, "either to a mail address or to a webhook"),
        ({"mail": "nobody"}, "'nobody' is not a mail address"),
        ({"mail": None, "webhook": "nowhere"}, "'nowhere' is not the URL of a webhook"),
        ({"mail": None, "webhook": "http://10.0.0.1/"}, "'10.0.0.1' is no public address"),
        ({"mail": None, "webhook": "http://localhost:8080/"}, "'localhost' is no public address"),
        ({"mail": None, "webhook": "http://a.localhost./"}, "'a.localhost.' is no public address"),
        ({"events": []}, "A notice needs an event"),
        ({"events": ["rang"]}, "'rang' is not an event"),
        ({"after_minutes": 5, "digest": "18:00"}, "not both"),
        ({"digest": "6 pm"}, "'6 pm' is not a time of the day"),
        ({"events": ["answered"], "after_minutes": 5}, "Only missed and nobody-reachable can wait"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    office: Store, words: dict[str, object], sentence: str
) -> None:
    with pytest.raises((BadValue, UsageError), match=sentence):
        add(office, **words)
    assert held(office) == []


def test_an_address_that_the_settings_allow_is_taken() -> None:
    allowed = [ip_network("10.0.0.0/8")]
    wish = notices.wish_of(mail=None, webhook="http://10.0.0.1/", events=["missed"], allowed=allowed)
    assert wish.target == "http://10.0.0.1/"


def test_a_group_has_one_notice_to_each_target_and_not_too_many(office: Store) -> None:
    add(office)
    with pytest.raises(Conflict, match=r"has a notice to a@b\.test already"):
        add(office, events=["answered"])
    for number in range(MAX_NOTICES - 1):
        add(office, f"{number}@b.test")
    with pytest.raises(Conflict, match=f"has {MAX_NOTICES} notices: remove one first"):
        add(office, "more@b.test")
    with pytest.raises(NotFound, match="There is no group 5999"):
        add(office, pilot="5999")


def test_a_notice_of_another_group_is_not_removed(office: Store) -> None:
    made, _ = add(office)
    with office.writing() as s, pytest.raises(NotFound, match=r"Group 6000 has no notice 1: `fshunt group notice list"):
        notices.remove_notice(s, DOMAIN, "6000", made.id)
