"""Mails and webhooks over real connections, to servers that are slow, refuse, cut, or are not who they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from fshunt.daemon.notices import webhook
from fshunt.daemon.notices.outcome import MAX_SENTENCE_CHARS, Blame, NotSent
from fshunt.daemon.notices.smtp import Mails
from fshunt.daemon.notices.webhook import Webhooks
from fshunt.notices.message import Message, Told
from fshunt.notices.notice import Channel, NoticeEvent
from fshunt.notices.signing import secret_of
from fshunt.settings import Settings
from tests.support.receivers import CUT, SILENT, MailServer, WebServer, free_port, mail_server, trusting, web_server

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = secret_of(bytes(range(32)))
LOOPBACK = [ip_network("127.0.0.0/8")]
QUICK_SECONDS = 0.3
"""How long a test waits for a server that says nothing."""

HOSTILE = 'Eve\r\nBcc: all@example.com "<script>alert(1)</script>\u202e'
CALL = Told(
    event=NoticeEvent.MISSED,
    at=NOON,
    caller=f"{HOSTILE} <5551>",
    facts=(("caller", f"{HOSTILE} <5551>"), ("result", "voicemail 1001")),
    story=((NOON + timedelta(seconds=1), "1001 rang: did not answer after 5.0 of 5 s (no-answer)"),),
    link="https://fshunt.example.com/groups/pbx.test/5000/calls/h1",
    values={"member": None, "queued": None, "call": {"id": "h1", "caller_name": HOSTILE}},
)
MAIL = Message(
    id="7-hunt-h1",
    channel=Channel.MAIL,
    target="sales@example.com",
    domain="pbx.test",
    pilot="5000",
    group_name="Sales",
    zone=UTC,
    events=(CALL,),
    secret=SECRET,
)


def mails(server: MailServer, *, seconds: float = 10.0, **settings: Any) -> Mails:
    named = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_tls": "none", "smtp_from": "fshunt@pbx.test"}
    return Mails(trusting(), replace(Settings(), **(named | settings)), seconds, lambda: NOON)


def hooks(seconds: float = 10.0, **how: Any) -> Webhooks:
    return Webhooks(trusting(), **({"allowed": LOOPBACK, "seconds": seconds, "now": NOON.timestamp} | how))


def to(server: WebServer, **url: Any) -> Message:
    return replace(MAIL, channel=Channel.WEBHOOK, target=server.url(**url))


def failure(send: Any, message: Message = MAIL) -> tuple[str, Blame]:
    with pytest.raises(NotSent) as caught:
        send(message)
    return str(caught.value), caught.value.blame


def test_a_mail_has_the_story_in_text_and_html_and_the_callers_words_break_nothing() -> None:
    with mail_server() as server:
        mails(server).send(MAIL)
    [mail] = server.mails
    assert mail["To"] == "sales@example.com"
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("Missed call from Eve")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == "<7-hunt-h1@pbx.test>"
    assert mail["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    plain, markup = text.get_content(), html.get_content()
    assert "12:00:01  1001 rang: did not answer" in plain
    assert "https://fshunt.example.com/groups" in plain
    assert "\u202e" not in plain + markup
    assert "<script>" not in markup
    assert "&lt;script&gt;" in markup
    assert "\nBcc:" not in plain


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd means STARTTLS alone
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_mail_goes_by_tls_with_a_password(tls: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    user = {"smtp_user": "fshunt", "smtp_password_file": str(tmp_path / "password")}
    with mail_server(tls=tls, password="secret") as server:
        sender = mails(server, smtp_tls=tls, smtp_host="localhost", **user)
        sender.send(MAIL)
        assert server.users == [(b"fshunt", b"secret")]
        (tmp_path / "password").write_text("wrong\n")
        sentence, blame = failure(sender.send)
    assert len(server.mails) == 1
    assert "535" in sentence
    assert blame is Blame.HOST


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_mail_server_whose_certificate_is_not_valid_gets_nothing(tls: str) -> None:
    with mail_server(tls=tls) as server:
        stranger = replace(mails(server, smtp_tls=tls, smtp_host="localhost"), tls=ssl.create_default_context())
        sentence, blame = failure(stranger.send)
    assert "certificate not valid" in sentence
    assert blame is Blame.HOST
    assert server.mails == []


def test_a_mail_server_without_starttls_gets_nothing() -> None:
    with mail_server() as server:
        sentence, _ = failure(mails(server, smtp_tls="starttls").send)
    assert "STARTTLS" in sentence
    assert server.mails == []


@pytest.mark.parametrize(
    ("said", "sentence", "blame"),
    [
        ({"on_recipient": "550 No such user"}, "refused: 550 No such user", Blame.MESSAGE),
        ({"on_recipient": "450 Greylisted"}, "refused: 450 Greylisted", Blame.TARGET),
        ({"on_data": "554 No"}, "refused: 554 No", Blame.MESSAGE),
        ({"on_data": "451 Later"}, "refused: 451 Later", Blame.TARGET),
        ({"on_recipient": CUT}, "mail server 127.0.0.1: ", Blame.HOST),
        ({"on_data": CUT}, "mail server 127.0.0.1: ", Blame.HOST),
        ({"on_data": SILENT}, "mail server 127.0.0.1: no answer within 0.3 s", Blame.HOST),
    ],
)
def test_what_a_mail_server_says_is_told(said: dict[str, str], sentence: str, blame: Blame) -> None:
    with mail_server(**said) as server:
        seconds = QUICK_SECONDS if SILENT in said.values() else 10.0
        told, whose = failure(mails(server, seconds=seconds).send)
    assert told.startswith(sentence)
    assert whose is blame


def test_the_words_of_a_server_are_one_short_line() -> None:
    with mail_server(on_recipient=f"450 \x1b[31mred\x07 {'x' * 400}") as server:
        told, _ = failure(mails(server).send)
    assert told.startswith("refused: 450 \ufffd[31mred\ufffd xxx")
    assert len(told) == MAX_SENTENCE_CHARS


def test_without_a_mail_server_no_mail_is_sent() -> None:
    server = MailServer(port=free_port(mail_server))
    assert failure(mails(server).send) == ("no connection to 127.0.0.1: Connection refused", Blame.HOST)
    assert failure(mails(server, smtp_host=None).send) == ("no `smtp_host` is set", Blame.HOST)


@pytest.mark.parametrize("https", [False, True])
def test_a_request_is_signed_and_has_the_call(https: bool) -> None:
    with web_server(https=https) as server:
        host = "localhost" if https else "127.0.0.1"
        hooks(resolve=lambda *_: ["127.0.0.1"]).send(to(server, path="/a?b=c", https=https, host=host))
    [request] = server.requests
    assert request.path == "/a?b=c"
    assert request.headers["host"] == f"{host}:{server.port}"
    stamp = request.headers["webhook-timestamp"]
    assert (request.headers["webhook-id"], stamp) == ("7-hunt-h1", str(int(NOON.timestamp())))
    signed = f"7-hunt-h1.{stamp}.".encode() + request.body
    made = base64.b64encode(hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{made}"
    told = json.loads(request.body)
    assert told["type"] == "missed"
    assert told["data"]["events"][0]["call"]["caller_name"] == HOSTILE


@pytest.mark.parametrize(
    ("answer", "sentence", "blame"),
    [
        (500, "answered 500", Blame.TARGET),
        (404, "answered 404", Blame.TARGET),
        (302, "answered 302: a webhook follows no redirect", Blame.TARGET),
        (410, "answered 410: the receiver wants no more", Blame.MESSAGE),
        (CUT, "connection to 127.0.0.1 failed", Blame.HOST),
        (b"SSH-2.0-OpenSSH\r\n", "connection to 127.0.0.1 failed: the answer is no HTTP", Blame.HOST),
        (SILENT, "no answer within 0.3 s", Blame.HOST),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "no answer within 0.3 s", Blame.HOST),
    ],
)
def test_what_a_webhook_answers_is_told(answer: Any, sentence: str, blame: Blame) -> None:
    with web_server(answer=answer) as server:
        seconds = QUICK_SECONDS if "0.3 s" in sentence else 10.0
        told, whose = failure(hooks(seconds).send, to(server))
    assert told.startswith(sentence)
    assert whose is blame
    assert len(server.requests) == 1


def test_an_answer_counts_even_if_its_body_never_ends() -> None:
    with web_server(answer=b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 1000) as server:
        hooks(1.0).send(to(server))
    assert len(server.requests) == 1


def test_a_webhook_whose_certificate_is_not_valid_gets_nothing() -> None:
    with web_server(https=True) as server:
        message = to(server, https=True, host="example.com")
        told, _ = failure(hooks(resolve=lambda *_: ["127.0.0.1"]).send, message)
    assert "Hostname mismatch" in told
    assert server.requests == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"])
def test_a_name_that_leads_to_no_public_address_is_not_connected_to(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "create_connection", None)
    message = replace(MAIL, target="https://example.com/")
    told, blame = failure(hooks(allowed=[], resolve=lambda *_: [address]).send, message)
    assert (told, blame) == (f"example.com leads to no public address ({address})", Blame.TARGET)


def test_the_address_that_was_judged_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        assert timeout > 0
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(webhook.socket, "create_connection", connect)
    answers = [["93.184.216.34"], ["127.0.0.1"], ["10.0.0.1", "93.184.216.35"]]  # the name is another one each time
    sender = hooks(allowed=[], resolve=lambda *_: answers.pop(0))
    message = replace(MAIL, target="https://rebinding.example.com/")
    assert failure(sender.send, message)[0] == "no connection to rebinding.example.com: Connection refused"
    assert failure(sender.send, message)[0].startswith("rebinding.example.com leads to no public address")
    failure(sender.send, message)
    assert connected == ["93.184.216.34", "93.184.216.35"]


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with web_server() as server:
        hooks().send(to(server))
    assert len(server.requests) == 1


def test_a_name_that_is_not_found_is_told() -> None:
    def no_name(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    told, blame = failure(hooks(resolve=no_name).send, replace(MAIL, target="https://none.example.com/"))
    assert (told, blame) == ("none.example.com not found: Name or service not known", Blame.HOST)


def test_what_the_unit_forbids_is_told_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "create_connection", forbidden)
    for send, message in ((mails(MailServer(port=25)).send, MAIL), (hooks().send, to(WebServer(port=8080)))):
        told, _ = failure(send, message)
        assert told.endswith("Operation not permitted (`IPAddressAllow` of the unit, docs/notices.md)")
