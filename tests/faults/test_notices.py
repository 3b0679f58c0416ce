"""Notices while mail servers and receivers fail, daemons die and the database goes away: each is told once at least."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import gevent
import pytest
from sqlalchemy import update

from fshunt.daemon.data.database import Database
from fshunt.daemon.notices.outcome import NotSent
from fshunt.daemon.notices.smtp import Mails
from fshunt.daemon.notices.webhook import Webhooks
from fshunt.daemon.notices.worker import NoticeWorker, Send
from fshunt.db.engine import Store
from fshunt.db.models import NoticeHappening
from fshunt.db.queries import calls, notice_deliveries
from fshunt.db.queries import notices as rows
from fshunt.db.queries.notice_deliveries import LEASE, Delivery
from fshunt.errors import DatabaseError
from fshunt.hunting.states import Result
from fshunt.notices.notice import Channel
from fshunt.services import groups, notices
from fshunt.settings import Settings
from tests.support.receivers import CUT, SILENT, free_port, mail_server, trusting, web_server

DOMAIN = "pbx.test"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TRY_SECONDS = 5.0
SILENT_SECONDS = 0.2


class Office:
    """A group whose notices are told, a clock that is moved, and the daemons' workers on one database."""

    def __init__(self, store: Store) -> None:
        self.store, self.now = store, NOON
        self.database = Database(store, 10.0)
        self.settings = replace(
            Settings(),
            smtp_host="127.0.0.1",
            smtp_tls="none",
            smtp_from="fshunt@pbx.test",
            webhook_allowed_networks=(ip_network("127.0.0.0/8"),),
        )
        self.seconds = TRY_SECONDS
        self.hunts = 0
        self.worker = self.daemon()
        with store.writing() as s:
            groups.add_group(s, DOMAIN, "5000", name="Sales")

    def daemon(self, rank: int = 0, database: Database | None = None) -> NoticeWorker:
        """One more daemon."""
        return NoticeWorker(
            database or self.database,
            lambda: self.settings,
            lambda: rank,
            lambda: self.now,
            self._seconds,
            self._senders,
        )

    def _seconds(self) -> float:
        return self.now.timestamp()

    def _senders(self, settings: Settings) -> dict[Channel, Send]:
        tls = trusting()
        hooks = Webhooks(tls, settings.webhook_allowed_networks, seconds=self.seconds)
        return {Channel.MAIL: Mails(tls, settings, self.seconds).send, Channel.WEBHOOK: hooks.send}

    def tell(self, mail: str | None = "a@b.test", webhook: str | None = None, **how: Any) -> None:
        """Somebody wants to be told of missed calls."""
        allowed = self.settings.webhook_allowed_networks
        wish = notices.wish_of(mail=mail, webhook=webhook, events=["missed"], allowed=allowed, **how)
        with self.store.writing() as s:
            notices.add_notice(s, DOMAIN, "5000", wish, now=self.now)

    def misses(self, number: str = "5551", result: Result = Result.VOICEMAIL) -> str:
        """Somebody calls, and nobody answers."""
        self.hunts += 1
        hunt = f"h{self.hunts}"
        with self.store.writing() as s:
            calls.open_call(
                s,
                hunt,
                uuid=hunt,
                domain=DOMAIN,
                pilot="5000",
                group_name="Sales",
                policy="regular",
                caller_number=number,
                caller_name="Ann",
                started_at=self.now,
                policy_input=None,
                node="a",
            )
            if result is Result.ANSWERED:
                calls.note_answered(s, hunt, answered_by="1001", answered_at=self.now)
            closing = {"reason": "nobody answered", "destination": None, "ended_at": self.now}
            calls.close_call(s, hunt, result=result, **closing)
        return hunt

    def look(self, *workers: NoticeWorker) -> None:
        """Let daemons look once, and wait until what they have begun is over."""
        each = workers or (self.worker,)
        for worker in each:
            worker.look()
        for worker in each:
            worker._greenlets.join()

    def pass_time(self, length: timedelta, step: timedelta = MINUTE) -> None:
        """Let a daemon look again and again while time passes."""
        until = self.now + length
        while self.now < until:
            self.now += step
            self.look()

    def waiting(self) -> list[Delivery]:
        """What is not sent yet."""
        with self.store.reading() as s:
            return notice_deliveries.waiting(s)


@pytest.fixture
def office(store: Store) -> Iterator[Office]:
    made = Office(store)
    yield made
    made.database.close()


def told(requests: list[Any]) -> list[list[str]]:
    """The hunts that each request tells."""
    return [[each["call"]["id"] for each in json.loads(one.body)["data"]["events"]] for one in requests]


@pytest.mark.parametrize("fault", ["gone", CUT, SILENT, "450 Greylisted", "554 Service unavailable for now"])
def test_a_mail_server_is_gone_cuts_or_says_nothing_for_an_hour(office: Office, fault: str) -> None:
    office.tell()
    with ExitStack() as stack:
        if fault == "gone":
            port = free_port(mail_server)
        else:
            server = stack.enter_context(mail_server(on_recipient=fault))
            port = server.port
        office.settings = replace(office.settings, smtp_port=port)
        office.seconds = SILENT_SECONDS if fault == SILENT else TRY_SECONDS
        hunts = [office.misses(), office.misses("5552")]
        office.pass_time(60 * MINUTE, 10 * MINUTE if fault == SILENT else MINUTE)
        left = office.waiting()
        assert len(left) == 2
        assert all(each.last_error for each in left)
        if fault.startswith("554"):
            assert all(each.dead and each.tries == 1 for each in left), "a server that will never take it is not asked"
            return
        assert all(not each.dead and each.tries < 12 for each in left), "the pauses grow"
    office.seconds = TRY_SECONDS
    with mail_server(port=port) as server:
        office.pass_time(60 * MINUTE)
    assert sorted(server.ids) == [f"<1-hunt-{hunt}@pbx.test>" for hunt in hunts]
    assert office.waiting() == []


@pytest.mark.parametrize("fault", ["gone", 500, 404, 302, CUT])
def test_a_webhook_is_gone_or_answers_an_error_for_an_hour(office: Office, fault: int | str) -> None:
    with ExitStack() as stack:
        gone = fault == "gone"
        port = free_port(web_server) if gone else stack.enter_context(web_server(answer=fault)).port
        office.tell(None, f"http://127.0.0.1:{port}/hook")
        hunts = [office.misses(), office.misses("5552")]
        office.pass_time(60 * MINUTE)
        assert len(office.waiting()) == 2
    with web_server(port=port) as server:
        office.pass_time(60 * MINUTE)
    assert sorted(server.ids) == [f"1-hunt-{hunt}" for hunt in hunts]
    assert sorted(told(server.requests)) == [[hunt] for hunt in hunts]
    assert office.waiting() == []


def test_a_receiver_that_refuses_for_a_day_leaves_dead_letters_and_gets_them_later(office: Office) -> None:
    with web_server(answer=500) as server:
        office.tell(None, server.url())
        hunt = office.misses()
        office.pass_time(timedelta(hours=26), 10 * MINUTE)
        [dead] = office.waiting()
        assert (dead.dead, dead.last_error) == (True, "answered 500")
        assert 20 < dead.tries < 40
        server.answer, before = 200, len(server.requests)
        office.pass_time(timedelta(hours=2), 10 * MINUTE)
        assert len(server.requests) == before
        with office.store.writing() as s:
            assert notices.retry(s, office.waiting(), office.now) == 1
        office.look()
        assert len(server.requests) == before + 1
        assert set(server.ids) == {f"1-hunt-{hunt}"}
    assert office.waiting() == []


def test_a_receiver_that_is_silent_holds_up_no_other(office: Office) -> None:
    office.seconds = 2 * TRY_SECONDS
    with web_server(answer=SILENT) as silent, web_server() as server, mail_server() as mails:
        office.settings = replace(office.settings, smtp_port=mails.port)
        office.tell(None, silent.url())
        office.tell(None, server.url())
        office.tell()
        for _ in range(3):
            office.misses()
        office.worker.look()
        with gevent.Timeout(2 * TRY_SECONDS, AssertionError("the silent receiver holds up others")):
            while len(server.requests) < 3 or len(mails.mails) < 3:
                gevent.sleep(0.01)
        assert len(silent.requests) <= 1
        silent.over.set()
        office.worker._greenlets.join()


def test_a_pile_of_mails_for_a_dead_server_hides_no_webhook(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_deliveries, "MAX_DUE", 3)
    office.settings = replace(office.settings, smtp_port=free_port(mail_server))
    office.tell()
    office.tell("c@d.test")
    for _ in range(4):
        office.misses()
    office.look()
    with web_server() as server:
        office.tell(None, server.url())
        hunt = office.misses()
        office.look()
        assert told(server.requests) == [[hunt]]
    assert len(office.waiting()) == 10


def test_a_daemon_dies_while_it_sends_a_notice(office: Office) -> None:
    with web_server() as server:
        office.tell(None, server.url())
        office.misses()
        dying, died = office.daemon(), []

        def send_and_die(message: Any) -> None:
            office._senders(office.settings)[Channel.WEBHOOK](message)
            died.append(message.id)
            raise DatabaseError("the process is gone")

        dying._senders = lambda _settings: {Channel.WEBHOOK: send_and_die}
        dying._write_tried = lambda: None  # type: ignore[method-assign]
        office.look(dying)
        assert died == ["1-hunt-h1"]
        office.look()
        assert len(server.requests) == 1, "the next daemon does not know whether it was sent, and waits"
        office.now += LEASE
        office.look()
        assert server.ids == ["1-hunt-h1"] * 2, "the receiver knows the repeat by its id"
    assert office.waiting() == []


def test_two_daemons_with_the_lead_send_each_notice_once(office: Office) -> None:
    with web_server() as server:
        office.tell(None, server.url())
        other = Database(office.store, 10.0)
        hunts = [office.misses(str(number)) for number in range(20)]
        workers = [office.worker, office.daemon(), office.daemon(database=other)]
        for _ in range(5):
            looks = [gevent.spawn(worker.look) for worker in workers]
            gevent.joinall(looks, raise_error=True)
            for worker in workers:
                worker._greenlets.join()
        assert sorted(server.ids) == sorted(f"1-hunt-{hunt}" for hunt in hunts)
        follower = office.daemon(rank=1)
        office.misses()
        office.look(follower)
        assert len(server.requests) == 20, "only the lead sends"
    assert len(office.waiting()) == 0


def test_the_database_goes_away_when_a_notice_was_sent(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    real = office.database.run

    def fails(_job: Callable[[Any], Any], **_how: Any) -> Any:
        raise DatabaseError("the database is away")

    with web_server() as server:
        office.tell(None, server.url())
        office.misses()
        away = False

        def run(job: Callable[[Any], Any], **how: Any) -> Any:
            return (fails if away else real)(job, **how)

        def send_then_away(message: Any) -> None:
            nonlocal away
            office._senders(office.settings)[Channel.WEBHOOK](message)
            away = True

        monkeypatch.setattr(office.database, "run", run)
        monkeypatch.setattr(office.worker, "_senders", lambda _settings: {Channel.WEBHOOK: send_then_away})
        office.look()
        office.now += 2 * LEASE
        with pytest.raises(DatabaseError):
            office.look()
        away = False
        office.look()
        assert len(server.requests) == 1, "this daemon knows that it was sent"
    assert office.waiting() == []


def test_a_notice_that_cannot_be_made_holds_up_no_other(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    real = rows._tell

    def tell(s: Any, found: Any, what: Any, now: datetime) -> None:
        if what.call == "h2":
            raise ValueError("a mistake of ours")
        real(s, found, what, now)

    monkeypatch.setattr(rows, "_tell", tell)
    with web_server() as server:
        office.tell(None, server.url(), after_minutes=1)
        for number in range(4):
            office.misses(str(number))
        office.look()
        with office.store.writing() as s:
            newer = update(NoticeHappening).where(NoticeHappening.call_id == "h1")
            s.execute(newer.values(event="of a newer fshunt"))
        office.pass_time(2 * MINUTE)
        assert sorted(server.ids) == ["1-hunt-h3", "1-hunt-h4"]
    [dead] = office.waiting()
    assert (dead.id, dead.dead) == ("1-hunt-h1", True)


def test_a_daemon_is_restarted_while_notices_wait(office: Office) -> None:
    port = free_port(web_server)
    office.tell(None, f"http://127.0.0.1:{port}/", after_minutes=15)
    hunts = [office.misses("5551"), office.misses("5552")]
    office.look()
    office.worker.stop()
    with web_server(port=port) as server:
        office.worker = office.daemon()
        office.now += 14 * MINUTE
        office.look()
        assert server.requests == []
        office.pass_time(2 * MINUTE)
        assert sorted(told(server.requests)) == [[hunt] for hunt in hunts]


def test_a_caller_who_was_served_meanwhile_is_told_to_nobody(office: Office) -> None:
    with mail_server() as server:
        office.settings = replace(office.settings, smtp_port=server.port)
        office.tell(after_minutes=15)
        office.misses("5551")
        office.misses("5552")
        office.pass_time(5 * MINUTE)
        office.misses("5551", Result.ANSWERED)
        office.misses("5552")
        office.pass_time(15 * MINUTE)
    [mail] = server.mails
    assert mail["Subject"] == "2 missed calls from Ann <5552>: Sales (5000)"
    assert office.waiting() == []


def test_a_digest_is_one_mail_with_all_of_the_day(office: Office) -> None:
    with mail_server() as server:
        office.settings = replace(office.settings, smtp_port=server.port)
        office.tell(digest="18:00")
        for number in range(3):
            office.misses(str(5551 + number))
        office.pass_time(timedelta(hours=7), 30 * MINUTE)
        assert [each["Subject"] for each in server.mails] == ["3 missed calls: Sales (5000)"]
        body = server.mails[0].get_body(("plain",))
        assert body is not None
        assert all(str(5551 + number) in body.get_content() for number in range(3))
        office.pass_time(timedelta(hours=24), 30 * MINUTE)
    assert len(server.mails) == 1, "a day without missed calls has no mail"


def test_a_name_of_a_webhook_leads_to_a_private_address_later(office: Office) -> None:
    answers = ["93.184.216.34", "127.0.0.1"]
    sent: list[str] = []

    def send(message: Any) -> None:
        hook = Webhooks(trusting(), (), resolve=lambda *_: [answers.pop(0)], seconds=SILENT_SECONDS)
        try:
            hook.send(message)
        except NotSent as error:
            sent.append(str(error))
            raise

    with web_server() as server:
        office.tell(None, f"http://rebinding.example.com:{server.port}/")
        office.worker._senders = lambda _settings: {Channel.WEBHOOK: partial(send)}
        office.misses()
        office.pass_time(2 * MINUTE)
        assert server.requests == []
    assert sent[-1] == "rebinding.example.com leads to no public address (127.0.0.1)"
    assert len(office.waiting()) == 1
