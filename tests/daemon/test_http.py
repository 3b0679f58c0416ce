"""Metrics and health over HTTP: what is served, to whom, and what does not hold the daemon up."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import gevent.event
import pytest
from gevent import socket

from fshunt.daemon.net import http as web_module
from fshunt.daemon.net.http import MAX_CONNECTIONS, MAX_HEAD_BYTES, HttpServer
from fshunt.daemon.net.metrics import Metrics
from fshunt.errors import FshuntError
from fshunt.process.peers import Peers
from fshunt.settings import Address
from tests.support.waiting import WAIT_SECONDS

HEALTH: tuple[bool, dict[str, Any]] = (True, {"takes_calls": True})


@contextmanager
def serving(health: tuple[bool, dict[str, Any]] = HEALTH, **more: Any) -> Iterator[HttpServer]:
    server = HttpServer(Address("127.0.0.1", 0), Peers(), Metrics(), lambda: health)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def connect(server: HttpServer) -> socket.socket:
    return socket.create_connection(server.address, timeout=WAIT_SECONDS)


def read_all(sock: socket.socket) -> bytes:
    said = b""
    while some := sock.recv(65536):
        said += some
    return said


def ask(server: HttpServer, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """The status line, the headers and the body of the answer."""
    with connect(server) as sock:
        sock.sendall(request)
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


def get(server: HttpServer, path: str, method: str = "GET") -> tuple[str, dict[str, str], bytes]:
    return ask(server, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def test_metrics_are_served_as_prometheus_reads_them() -> None:
    with serving() as server:
        status, headers, body = get(server, "/metrics")
    assert status == "HTTP/1.1 200 OK"
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(headers["Content-Length"]) == len(body)
    assert b'fshunt_hunts_total{result="answered"} 0.0\n' in body


def test_health_is_200_while_all_is_well() -> None:
    with serving() as server:
        status, headers, body = get(server, "/healthz")
    assert status == "HTTP/1.1 200 OK"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"ok": True, "takes_calls": True}


def test_health_is_503_when_calls_had_better_go_elsewhere() -> None:
    with serving((False, {"takes_calls": False})) as server:
        status, _, body = get(server, "/healthz?from=lb")
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert json.loads(body) == {"ok": False, "takes_calls": False}


def test_head_is_answered_without_a_body() -> None:
    with serving() as server:
        status, headers, body = get(server, "/healthz", "HEAD")
    assert (status, body) == ("HTTP/1.1 200 OK", b"")
    assert int(headers["Content-Length"]) > 0


def test_an_old_plain_request_is_understood() -> None:
    with serving() as server:
        assert ask(server, b"GET /healthz HTTP/1.0\n\n")[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metricsx", "//metrics", "/../metrics", "*"])
def test_there_are_no_other_pages(path: str) -> None:
    with serving() as server:
        assert get(server, path)[0] == "HTTP/1.1 404 Not Found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_nothing_but_get_and_head_is_allowed(method: str) -> None:
    with serving() as server:
        status, headers, _ = get(server, "/metrics", method)
    assert status == "HTTP/1.1 405 Method Not Allowed"
    assert headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "line", [b"", b"GET", b"GET /metrics", b"GET /metrics FTP/1.1", b"\xff\x00\x1b", b"GET  /a HTTP/1.1"]
)
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with serving() as server:
        assert ask(server, line + b"\r\nHost: x\r\n\r\n")[0] == "HTTP/1.1 400 Bad Request"


def test_no_answer_says_which_program_made_it() -> None:
    with serving() as server:
        answers = [
            get(server, "/healthz"),
            get(server, "/"),
            get(server, "/metrics", "POST"),
            ask(server, b"x\r\n\r\n"),
        ]
    for _, headers, body in answers:
        assert "Server" not in headers
        assert not any(word in body.lower() for word in (b"gevent", b"python", b"traceback"))


def test_a_request_that_is_too_long_is_refused() -> None:
    with serving() as server:
        assert ask(server, b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * MAX_HEAD_BYTES)[0].endswith("400 Bad Request")
        assert get(server, "/healthz")[0].endswith("200 OK")


def test_a_body_is_not_read_for_its_meaning() -> None:
    with serving() as server:
        request = b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"
        assert ask(server, request)[0].endswith("405 Method Not Allowed")


def test_a_request_that_never_ends_is_closed_and_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "HEAD_SECONDS", 0.5)
    with serving() as server:
        slow = [connect(server) for _ in range(MAX_CONNECTIONS)]
        for sock in slow:
            sock.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert get(server, "/healthz")[0].endswith("200 OK")
        for sock in slow:
            assert read_all(sock) == b""
            sock.close()


def test_a_complete_request_is_answered_among_many_incomplete_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in ("HEAD_SECONDS", "REQUEST_SECONDS"):
        monkeypatch.setattr(web_module, seconds, 10 * WAIT_SECONDS)  # nobody's time is over
    with serving() as server:
        slow = [connect(server) for _ in range(10 * MAX_CONNECTIONS)]
        for sock in slow:
            sock.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert get(server, "/healthz")[0].endswith("200 OK")
        held = [sock for sock in slow if not _is_closed(sock)]
        assert len(held) < MAX_CONNECTIONS
        for sock in slow:
            sock.close()


def _is_closed(sock: socket.socket) -> bool:
    sock.settimeout(0)
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


def test_the_peer_that_has_the_most_connections_loses_its_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "MAX_CONNECTIONS", 3)
    with serving() as server:
        served = {name: gevent.spawn(gevent.event.Event().wait) for name in ("other", "first", "second")}
        peers = {"other": "192.0.2.1", "first": "192.0.2.2", "second": "192.0.2.2"}
        server._held = {served[name]: peers[name] for name in served}
        assert get(server, "/healthz")[0].endswith("200 OK")
        served["first"].join(WAIT_SECONDS)
        assert [name for name, greenlet in served.items() if greenlet.dead] == ["first"]
        gevent.killall(list(served.values()))


def test_a_peer_that_reads_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "REQUEST_SECONDS", 0.1)
    with serving((True, {"long": "x" * 50_000_000})) as server:
        with connect(server) as deaf:
            deaf.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            with gevent.Timeout(WAIT_SECONDS):
                server._server.pool.join()  # type: ignore[union-attr]
        assert len(server._server.pool) == 0  # type: ignore[union-attr]


def test_a_peer_that_goes_away_leaves_nothing() -> None:
    with serving() as server:
        for request in (b"", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"):
            with connect(server) as sock:
                sock.sendall(request)
        assert get(server, "/healthz")[0].endswith("200 OK")
        with gevent.Timeout(WAIT_SECONDS):
            server._server.pool.join()  # type: ignore[union-attr]


def test_others_are_closed_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peers, "__contains__", lambda *_: False)
    with serving() as server, connect(server) as sock:
        assert read_all(sock) == b""


def test_a_port_in_use_is_one_sentence() -> None:
    with serving() as server:
        second = HttpServer(server.address, Peers(), Metrics(), lambda: HEALTH)
        with pytest.raises(FshuntError, match=r"in use by another program; .* with the setting `http_listen`\.$"):
            second.start()
        second.stop()


def test_after_a_stop_the_port_is_free_at_once() -> None:
    with serving() as server:
        idle = connect(server)
        address = server.address
        get(server, "/healthz")
        with gevent.Timeout(WAIT_SECONDS):
            server.stop()
        assert read_all(idle) == b""
        again = HttpServer(address, Peers(), Metrics(), lambda: HEALTH)
        again.start()
        again.stop()
