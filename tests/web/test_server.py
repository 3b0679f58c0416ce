"""The HTTP server of the pages: what it answers, and that slow, silent, greedy and hostile clients cost nothing."""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import Flask
from gevent import socket
from gevent.event import Event

from fshunt.errors import FshuntError
from fshunt.process.peers import Peers
from fshunt.settings import Address, Settings, SettingsError
from fshunt.web.http import connection as connection_module
from fshunt.web.http import files as files_module
from fshunt.web.http import server as server_module
from fshunt.web.http.connection import MAX_BODY_BYTES, MAX_HEAD_BYTES
from fshunt.web.http.files import LongFile
from fshunt.web.http.server import MAX_CONNECTIONS, Server
from fshunt.web.http.wsgi import Stream
from fshunt.web.serve import tls_context
from tests.support.waiting import WAIT_SECONDS, until
from tests.web.talking import ask, connect, get, is_closed, read_answer, serving

HALF_OPEN = 200
CERTIFICATE = Path(__file__).parent / "certificate"


def echo(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Answer with what the application has seen."""
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/plain")])
    said = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']} {body.decode()}"
    return [said.encode()]


def length(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Answer with how long the body is said to be, which is not there."""
    assert environ["wsgi.input"].read() == b""
    start("200 OK", [])
    return [environ["CONTENT_LENGTH"].encode()]


def client(environ: dict[str, Any], start: Any) -> list[bytes]:
    """Answer with who the application takes the client for."""
    start("200 OK", [])
    return [f"{environ['wsgi.url_scheme']} {environ['HTTP_HOST']} {environ['REMOTE_ADDR']}".encode()]


class Held:
    """An application that answers when it is let go; paths with "quick" at once."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.inside = 0

    def __call__(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        self.inside += 1
        if "quick" not in environ["PATH_INFO"]:
            assert self.let_go.wait(WAIT_SECONDS)
        start("200 OK", [])
        return [b"done"]


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held()
    yield made
    made.let_go.set()


def spawn_requests(server: Server, number: int, path: str = "/") -> list[gevent.Greenlet]:
    return [gevent.spawn(get, server, path) for _ in range(number)]


def test_a_connection_serves_one_request_after_the_other() -> None:
    with serving(echo) as server, connect(server) as sock:
        for number in range(3):
            sock.sendall(f"GET /{number}?a=b%20c HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert read_answer(sock).body == f"GET /{number}?a=b%20c ".encode()


def test_requests_that_come_at_once_are_answered_in_order() -> None:
    with serving(echo) as server, connect(server) as sock:
        sock.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in range(3)))
        assert [read_answer(sock).body for _ in range(3)] == [b"GET /0? ", b"GET /1? ", b"GET /2? "]


def test_a_body_arrives_whole_announced_or_in_chunks() -> None:
    announced = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
    chunks = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
    with serving(echo) as server:
        assert ask(server, announced).body == ask(server, chunks).body == b"POST /? hello"


def test_a_client_that_asks_first_whether_its_body_is_wanted_is_told() -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with serving(echo) as server, connect(server) as sock:
        sock.sendall(head)
        assert read_answer(sock).status == 100
        sock.sendall(b"ok")
        assert read_answer(sock).body == b"POST /? ok"


def test_the_answer_to_head_has_no_body() -> None:
    with serving(echo) as server, connect(server) as sock:
        sock.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /next HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert int(read_answer(sock, "HEAD").headers["content-length"]) > 0
        assert read_answer(sock).body == b"GET /next? "


def test_a_client_of_http_1_0_has_its_answer_and_the_end() -> None:
    with serving(echo) as server, connect(server) as sock:
        sock.sendall(b"GET /old HTTP/1.0\r\n\r\n")
        assert read_answer(sock).body == b"GET /old? "
        assert is_closed(sock)


def test_200_half_requests_leave_the_pages_as_they_are() -> None:
    with serving(echo) as server:
        halves = [connect(server) for _ in range(HALF_OPEN)]
        for number, sock in enumerate(halves):  # a head, a body, or nothing at all that never comes to its end
            half = (b"GET / HTT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", b"")[number % 3]
            sock.sendall(half)
        assert [get(server, f"/{number}").status for number in range(20)] == [200] * 20
        halves[0].sendall(b"P/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(halves[0]).status == 200, "a slow client is served when it comes to its end"
        for sock in halves:
            sock.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_silent_client_is_left(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    for limit in ("IDLE_SECONDS", "HEAD_SECONDS", "BODY_SECONDS"):
        monkeypatch.setattr(connection_module, limit, 0.05)
    with serving(echo) as server, connect(server) as sock:
        sock.sendall(said)
        assert is_closed(sock)


def test_a_client_that_takes_no_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "SEND_SECONDS", 0.05)
    closed = Event()

    def much(_environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [])
        return [b"x" * 50_000_000]

    with serving(much) as server:
        monkeypatch.setattr(server_module, "_log_access", lambda *_given: closed.set())
        with connect(server) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert closed.wait(WAIT_SECONDS)


def test_a_head_that_is_too_long_is_refused() -> None:
    with serving(echo) as server:
        assert ask(server, b"GET / HTTP/1.1\r\nX: " + b"a" * (MAX_HEAD_BYTES + 1)).status == 431


def test_a_body_that_is_too_long_is_not_read_and_the_application_says_so(app: Flask) -> None:
    request = f"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n"
    with serving(app) as server, connect(server) as sock:
        sock.sendall(f"{request}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
        answer = read_answer(sock)
        assert is_closed(sock)
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert b"A form may have one megabyte at most." in answer.body
    assert b"</html>" in answer.body


def test_a_client_that_sends_ten_megabytes_has_the_answer_all_the_same() -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with serving(length) as server, connect(server) as sock:
        sock.sendall(head)
        for _ in range(MAX_BODY_BYTES // 0x10000 + 1):
            sock.sendall(chunk)
        assert int(read_answer(sock).body) > MAX_BODY_BYTES


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnothex\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_closed(request_bytes: bytes) -> None:
    with serving(echo) as server, connect(server) as sock:
        sock.sendall(request_bytes)
        answer = read_answer(sock)
        assert 400 <= answer.status < 600
        assert answer.headers["connection"] == "close"
        assert is_closed(sock)


def test_a_length_beside_chunks_smuggles_no_second_request() -> None:
    smuggled = (
        b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    with serving(echo) as server, connect(server) as sock:
        sock.sendall(smuggled)
        assert read_answer(sock).body == b"POST /first? ", "chunks count, as RFC 9112 says"


def test_past_the_queue_a_request_is_refused_and_no_other_is_lost(held: Held) -> None:
    with serving(held) as server:
        few = server_module.OF_ONE_CLIENT
        taken = spawn_requests(server, few)
        until(lambda: server._quick._inside.total() == few, "all are inside or in the queue")
        refused = get(server)
        assert (refused.status, "retry-after" in refused.headers) == (503, True)
        told = get(server, "/api/v1/groups")
        assert (told.status, told.headers["content-type"]) == (503, "application/problem+json")
        assert json.loads(told.body)["detail"] == "There are too many requests right now: try again in a moment."
        held.let_go.set()
        assert [each.get().status for each in taken] == [200] * few


def test_a_flood_of_passwords_holds_up_no_page(held: Held) -> None:
    with serving(held, is_slow=lambda _method, path: path == "/sign-in") as server:
        flood = spawn_requests(server, server_module.SLOW_OF_ONE_CLIENT, "/sign-in")
        until(lambda: server._slow._inside.total() == len(flood), "all are inside or in the queue")
        assert get(server, "/sign-in").status == 503
        assert get(server, "/quick").status == 200
        held.let_go.set()
        assert {each.get().status for each in flood} == {200}


def test_too_many_connections_close_the_oldest_idle_one_of_the_greediest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_CONNECTIONS >= 1000
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    with serving(echo) as server:
        idle = [connect(server) for _ in range(3)]
        until(lambda: len(server._idle) == 3, "all are there")
        assert get(server).status == 200
        assert is_closed(idle[0])
        idle[1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(idle[1]).status == 200


def test_an_application_that_fails_is_a_500_and_the_next_request_is_served(caplog: pytest.LogCaptureFixture) -> None:
    def failing(environ: dict[str, Any], start: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/bad":
            raise ZeroDivisionError
        return echo(environ, start)

    with serving(failing) as server:
        assert [get(server, path).status for path in ["/bad"] * 20 + ["/good"]] == [500] * 20 + [200]
    assert "ZeroDivisionError" in caplog.text


def test_a_stop_lets_requests_end_and_takes_no_more(held: Held) -> None:
    with serving(held) as server, connect(server) as idle:
        asked = gevent.spawn(get, server)
        until(lambda: held.inside == 1, "the request is inside")
        stopping = gevent.spawn(server.stop, WAIT_SECONDS)
        assert is_closed(idle)
        with pytest.raises(ConnectionRefusedError):
            connect(server)
        held.let_go.set()
        answer = asked.get()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        stopping.get()


def test_an_address_in_use_is_told_in_a_sentence() -> None:
    with serving(echo) as server, pytest.raises(FshuntError, match="in use by another program"):
        Server(echo, server._options._replace(listen=server.address)).start()


def test_who_may_not_connect_is_closed_without_a_word() -> None:
    class Nobody(Peers):
        def __contains__(self, _host: str) -> bool:
            return False

    with serving(echo, peers=Nobody()) as server, connect(server) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert is_closed(sock)


class Ticks:
    """A stream that gives a chunk each time it is told to."""

    def __init__(self) -> None:
        self.more, self.closed = Event(), Event()

    def chunks(self) -> Iterator[bytes]:
        while True:
            self.more.wait()
            self.more.clear()
            yield b"data: tick\n\n"

    def close(self) -> None:
        self.closed.set()


def streamed(stream: Ticks) -> Any:
    def application(_environ: dict[str, Any], start: Any) -> Stream:
        start("200 OK", [("Content-Type", "text/event-stream")])
        return Stream(stream)

    return application


def open_stream(server: Server) -> socket.socket:
    sock = connect(server)
    sock.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert read_answer(sock).headers["transfer-encoding"] == "chunked"
    return sock


def test_a_stream_sends_what_comes_and_holds_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = Ticks()
    with serving(streamed(ticks)) as server, open_stream(server) as sock:
        assert server._quick._inside.total() == 0
        ticks.more.set()
        assert sock.recv(100).endswith(b"data: tick\n\n\r\n")


def test_a_stream_ends_with_its_client_and_with_the_server() -> None:
    ticks = Ticks()
    with serving(streamed(ticks)) as server:
        open_stream(server).close()
        while not ticks.closed.is_set():
            ticks.more.set()
            gevent.sleep(0)
        ticks.closed.clear()
        sock = open_stream(server)
        server.stop(WAIT_SECONDS)
        assert ticks.closed.is_set()
        assert sock.recv(1) == b""


def test_too_many_streams_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_STREAMS", 1)
    with serving(streamed(Ticks())) as server, open_stream(server):
        assert get(server, "/events").status == 503


MEGABYTE = 2**20


class Parts:
    """A file of many parts; it is told which of them is not made, and by which error."""

    def __init__(self, number: int, error: Exception | None = None) -> None:
        self.number, self.error, self.made = number, error, 0

    def __iter__(self) -> Iterator[bytes]:
        while self.made < self.number:
            self.made += 1
            yield b"x" * MEGABYTE
        if self.error is not None:
            raise self.error

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        start("200 OK", [("Content-Type", "text/csv")])
        return Stream(LongFile(iter(self))) if environ["PATH_INFO"] == "/events" else [b"page"]


def read_to_the_end(sock: socket.socket) -> bytes:
    """Read chunks until the one that is the last; what was read, where the other side closes before."""
    found = b""
    while not found.endswith(b"\r\n0\r\n\r\n") and (some := sock.recv(MEGABYTE)):
        found += some
    return found


def test_the_parts_of_a_file_are_made_when_its_client_takes_them() -> None:
    parts = Parts(40)
    with serving(parts) as server, open_stream(server) as sock:
        assert get(server).body == b"page"
        assert parts.made < parts.number
        assert read_to_the_end(sock).count(b"x") == parts.number * MEGABYTE
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answer(sock).body == b"page"


@pytest.mark.parametrize("error", [FshuntError("The database does not answer."), ValueError("surprise")])
def test_a_file_that_ends_early_looks_cut_off_to_its_client(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with serving(Parts(1, error)) as server, open_stream(server) as sock:
        assert not read_to_the_end(sock).endswith(b"0\r\n\r\n")
        assert not server._files._open
    assert any(record.name == "fshunt.web.http.files" for record in caplog.records)


def test_one_client_has_so_many_files_at_a_time_and_others_still_have_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "FILES_OF_ONE_CLIENT", 1)
    with serving(Parts(40)) as server:
        with open_stream(server):
            assert get(server, "/events").status == 503
            assert server._files.begin(LongFile(iter(())), "192.0.2.9")
            server._files.end("192.0.2.9")
        until(lambda: not server._files._open, "the file is given up")
        open_stream(server).close()


@pytest.fixture
def certified() -> Settings:
    return Settings(web_tls_cert=str(CERTIFICATE / "cert.pem"), web_tls_key=str(CERTIFICATE / "key.pem"))


def test_tls_is_done_with_the_certificate_of_the_settings(certified: Settings) -> None:
    context = ssl.create_default_context(cafile=str(CERTIFICATE / "cert.pem"))
    with serving(client, tls=tls_context(certified)) as server:

        def talk() -> bytes:
            import socket as native

            raw = native.create_connection(server.address)
            with context.wrap_socket(raw, server_hostname="localhost") as sock:
                sock.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return b"".join(iter(lambda: sock.recv(65536), b""))

        said = gevent.get_hub().threadpool.spawn(talk).get(timeout=WAIT_SECONDS)
    assert said.endswith(b"https localhost 127.0.0.1")


def test_a_client_that_never_begins_tls_is_left(monkeypatch: pytest.MonkeyPatch, certified: Settings) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_SECONDS", 0.05)
    with serving(client, tls=tls_context(certified)) as server, connect(server) as sock:
        assert is_closed(sock)


def test_old_tls_is_refused(certified: Settings) -> None:
    context = tls_context(certified)
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_certificate_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    settings = Settings(web_tls_cert=str(tmp_path / "none.pem"), web_tls_key=str(tmp_path / "none.key"))
    with pytest.raises(SettingsError, match=r"cannot be used: No such file or directory\.$"):
        tls_context(settings)


def test_the_access_log_says_who_asked_for_what_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "fshunt.web.access")
    with serving(echo) as server:
        get(server, "/groups/a?name=hidden")
        get(server, "/invitation/c2VjcmV0")
        get(server, "/%69nvitation/c2VjcmV0")
        get(server, "/a%0aforged%20line")
        ask(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
        until(lambda: "refused" in caplog.text, "all is logged")
    assert "127.0.0.1 - GET /groups/a 200 " in caplog.text
    assert caplog.text.count("GET /invitation/*** 200") == 2
    assert "127.0.0.1 - refused: 400" in caplog.text
    for hidden in ("hidden", "c2VjcmV0", "\nforged"):
        assert hidden not in caplog.text


def test_only_a_trusted_proxy_is_believed() -> None:
    forwarded = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: pbx.example.com")
    trusted = Settings(web_trusted_proxies=()).web_trusted_proxies
    with serving(client, trusted_proxies=trusted) as server:
        assert get(server, "/", *forwarded).body == b"http localhost 127.0.0.1"


def test_the_address_listened_at_has_the_actual_port() -> None:
    with serving(echo) as server:
        assert server.address != Address("127.0.0.1", 0)
