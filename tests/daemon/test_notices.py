"""A daemon tells of its calls: from a caller who is missed to the mail, and over a restart."""

from __future__ import annotations

import pytest

from fshunt.db.engine import Store
from fshunt.errors import DatabaseError
from fshunt.services import notices
from fshunt.simulator.core.phones import RINGS, answers
from tests.support.receivers import free_port, mail_server
from tests.support.rig import DOMAIN, RINGS_OUT, Rig, running

SENT_ONCE = b'fshunt_notices_total{result="sent"} 1.0'
TALKS = answers(0.01, talks=0.01)


def tell(rig: Rig, *events: str) -> None:
    with rig.store.writing() as s:
        wish = notices.wish_of(mail="sales@example.com", webhook=None, events=events)
        notices.add_notice(s, DOMAIN, "5000", wish)


def smtp(port: int) -> dict[str, object]:
    return {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_tls": "none", "smtp_from": "fshunt@pbx.test"}


def test_a_missed_call_is_told_with_its_story(database_url: str, store: Store) -> None:
    with mail_server() as server, running(database_url, store, **smtp(server.port)) as rig:
        rig.group("5000", "1001", voicemail="1001", name="Sales")
        tell(rig, "missed", "answered")
        rig.rings_for(RINGS_OUT, "1001")
        rig.phones("1001", behaviour=RINGS)
        call = rig.call_that_takes_time()
        rig.pass_time_until(lambda: server.mails, "the mail is there")
        rig.until(lambda: SENT_ONCE in rig.daemon.deps.metrics.page(), "it is counted")
    [mail] = server.mails
    assert mail["Subject"] == f"Missed call from {call.caller_name} <{call.caller_number}>: Sales (5000)"
    text = mail.get_body(("plain",))
    assert text is not None
    assert "1001 rang: did not answer" in text.get_content()
    with store.reading() as s:
        assert notices.deliveries(s) == []


def test_an_answer_is_told_while_they_talk(database_url: str, store: Store) -> None:
    with mail_server() as server, running(database_url, store, **smtp(server.port)) as rig:
        rig.group("5000", "1001")
        tell(rig, "answered")
        rig.phones("1001", behaviour=answers(0.01, talks=60))
        call = rig.started()
        rig.pass_time_until(lambda: server.mails, "the mail is there")
        assert not call.ended.is_set()
        call.hang_up()
    assert str(server.mails[0]["Subject"]).startswith("Answered call from ")


def test_a_call_without_the_database_is_told_when_the_database_is_back(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server() as server, running(database_url, store, **smtp(server.port)) as rig:
        rig.group("5000", "1001", voicemail="1001")
        tell(rig, "answered")
        rig.phones("1001", behaviour=TALKS)
        rig.call()
        rig.pass_time_until(lambda: server.mails, "the first is told, and the group is cached")
        database = rig.daemon.deps.database

        def away(*_: object, **__: object) -> object:
            raise DatabaseError("the database is away")

        with monkeypatch.context() as patched:
            for name in ("run", "run_lean"):
                patched.setattr(database, name, away)
            call = rig.started()
            rig.pass_time_until(call.ended.is_set, "the call has ended")
            rig.pass_time_until(lambda: rig.daemon.deps.outbox.error, "its record waits")
        rig.pass_time_until(lambda: len(server.mails) == 2, "the second is told")
    assert len(set(server.ids)) == 2


def test_what_was_not_sent_is_sent_after_a_restart(database_url: str, store: Store) -> None:
    port = free_port(mail_server)
    with running(database_url, store, **smtp(port)) as rig:
        rig.group("5000", "1001")
        tell(rig, "answered")
        rig.phones("1001", behaviour=TALKS)
        rig.call()
        rig.pass_time_until(lambda: _tried(store), "it was tried")
    with mail_server(port=port) as server, running(database_url, store, **smtp(port)) as rig:
        with store.writing() as s:
            notices.retry(s, notices.deliveries(s), rig.daemon.deps.wall())
        rig.pass_time_until(lambda: server.mails, "the mail is there")


def _tried(store: Store) -> bool:
    with store.reading() as s:
        return any(each.last_error for each in notices.deliveries(s))
