"""Connections from FreeSWITCH: who is taken, who is handed back, who is closed, and what is left afterwards."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from fshunt.daemon.net import listener as listener_module
from fshunt.daemon.net.listener import Listener
from fshunt.errors import FshuntError
from fshunt.esl import frames
from fshunt.esl.session import Session
from fshunt.process.peers import Peers
from tests.support.conversation import CONNECTED, FINAL_NOTICE, UUID, WAIT_SECONDS, Switch

LOOPBACK = ("127.0.0.1", 0)


@contextmanager
def accepting(listener: Listener) -> Iterator[None]:
    listener.start()
    running = gevent.spawn(listener.run)
    try:
        yield
    finally:
        listener.stop()
        assert running.join(WAIT_SECONDS) is None
        assert running.successful()


@contextmanager
def listening(
    handle: Callable[[Session], None] = lambda _: None, max_calls: int = 10, **more: object
) -> Iterator[Listener]:
    listener = Listener(LOOPBACK, handle, max_calls=max_calls, **more)  # type: ignore[arg-type]
    with accepting(listener):
        yield listener
        listener.calls.kill()
        listener.handing_back.kill()


def dial(listener: Listener) -> Switch:
    return Switch(socket.create_connection(("127.0.0.1", listener.port), timeout=WAIT_SECONDS))


def greet(switch: Switch) -> None:
    assert switch.hear() == "connect"
    switch.say(CONNECTED)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def until_idle(listener: Listener) -> None:
    assert listener.calls.join(WAIT_SECONDS)
    assert listener.handing_back.join(WAIT_SECONDS)


class Holding:
    """A handler that holds its calls until they are released."""

    def __init__(self) -> None:
        self.held: list[str] = []
        self.detach = Event()

    def __call__(self, session: Session) -> None:
        self.held.append(session.uuid)
        self.detach.wait(WAIT_SECONDS)


def test_a_call_is_handled_after_its_greeting_and_handed_back_at_its_end() -> None:
    seen = []
    with listening(lambda session: seen.append((session.uuid, session.peer))) as listener:
        switch = dial(listener)
        greet(switch)
        assert switch.hear() == "exit"
        assert seen == [(UUID, "127.0.0.1")]
        switch.say(FINAL_NOTICE)
        switch.say_no_more()
        switch.hear_end()
        until_idle(listener)


def test_an_error_in_a_call_is_logged_with_its_uuid_and_the_caller_is_handed_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: Session) -> None:
        raise ZeroDivisionError("on purpose")

    with listening(broken) as listener:
        for _ in range(2):
            switch = dial(listener)
            greet(switch)
            assert switch.hear() == "exit"
            switch.hang_up_rudely()
        until_idle(listener)
    assert UUID in caplog.text
    assert "ZeroDivisionError: on purpose" in caplog.text


def test_calls_beyond_the_limit_are_handed_back_and_those_beyond_twice_the_limit_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    holding = Holding()
    with listening(holding, max_calls=2) as listener:
        switches = [dial(listener) for _ in range(5)]
        for switch in switches[:4]:
            greet(switch)
        switches[4].hear_end()
        for switch in switches[2:4]:
            assert switch.hear() == "exit"
            switch.hang_up_rudely()
        assert len(holding.held) == 2
        holding.detach.set()
        for switch in switches[:2]:
            assert switch.hear() == "exit"
            switch.hang_up_rudely()
        until_idle(listener)
        greet(dial(listener))
    assert caplog.text.count("further calls are returned to the dialplan") == 1


def test_it_tells_whether_a_call_would_be_taken() -> None:
    holding = Holding()
    listener = Listener(LOOPBACK, holding, max_calls=1)
    assert not listener.takes_calls
    with accepting(listener):
        assert listener.takes_calls
        switch = dial(listener)
        greet(switch)
        assert not listener.takes_calls
        holding.detach.set()
        assert switch.hear() == "exit"
        switch.hang_up_rudely()
        until_idle(listener)
        assert listener.takes_calls
    assert not listener.takes_calls


def test_the_next_call_is_taken_when_one_has_ended() -> None:
    with listening(max_calls=1) as listener:
        for _ in range(3):
            switch = dial(listener)
            greet(switch)
            assert switch.hear() == "exit"
            switch.hang_up_rudely()
            until_idle(listener)


def test_a_probe_that_connects_and_closes_leaves_nothing_and_is_logged_at_debug_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with listening() as listener:
        open_before = open_files()
        for _ in range(20):
            probe = dial(listener)
            assert probe.hear() == "connect"
            probe.hang_up_rudely()
        until_idle(listener)
        assert open_files() == open_before
        assert len(listener.calls) == 0
    assert caplog.text == ""


def test_a_peer_that_never_answers_the_greeting_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    with listening(greet_timeout=0.01) as listener:
        silent = dial(listener)
        assert silent.hear() == "connect"
        assert silent.hear() == "exit"
        silent.hang_up_rudely()
        until_idle(listener)
    assert "did not answer `connect`" in caplog.text


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\n\n", frames.render_reply("-ERR no"), b"\xff" * 100 + b"\n\n"]
)
def test_a_peer_that_is_no_freeswitch_does_no_harm(answer: bytes) -> None:
    handled: list[str] = []
    with listening(lambda session: handled.append(session.uuid)) as listener:
        stranger = dial(listener)
        assert stranger.hear() == "connect"
        stranger.say(answer)
        stranger.say_no_more()
        until_idle(listener)
        greet(dial(listener))
        until_idle(listener)
    assert handled == [UUID]


def test_other_peers_are_closed_and_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Peers, "__contains__", lambda *_: False)
    with listening() as listener:
        for _ in range(3):
            dial(listener).hear_end()
    assert caplog.text.count("it is not in `allowed_peers`") == 1


def test_a_complaint_is_repeated_after_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(listener_module.time, "monotonic", lambda: now[0])
    notices = listener_module._Notices()
    for seconds in (0, 59, 2):
        now[0] += seconds
        notices.warn("kind", "knock %s", "knock")
    for number in range(2 * listener_module.MAX_NOTICES):
        notices.warn(str(number), "other")
    assert caplog.text.count("knock knock") == 2
    assert len(notices._next) <= listener_module.MAX_NOTICES


def test_an_address_in_use_is_one_clear_sentence() -> None:
    with listening() as listener:
        port = listener.port
        with pytest.raises(FshuntError, match=rf"^127\.0\.0\.1:{port} is in use by another program; .*\.$"):
            Listener(("127.0.0.1", port), lambda _: None, max_calls=1).bind()


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host.invalid"])
def test_an_address_of_another_machine_is_one_clear_sentence(host: str) -> None:
    with pytest.raises(FshuntError, match="not an address of this machine"):
        Listener((host, 0), lambda _: None, max_calls=1).bind()


def test_after_a_stop_new_calls_are_refused_and_current_ones_continue() -> None:
    holding = Holding()
    with listening(holding) as listener:
        switch = dial(listener)
        greet(switch)
        port = listener.port
        listener.stop()
        assert listener.port == port
        with pytest.raises(ConnectionRefusedError):
            dial(listener)
        holding.detach.set()
        assert switch.hear() == "exit"
        switch.hang_up_rudely()
        until_idle(listener)
        with accepting(listener):
            greet(dial(listener))


def test_faults_of_accept_are_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(listener_module, "LONGEST_PAUSE_SECONDS", 0.0)
    faults = [OSError(24, "Too many open files"), ConnectionAbortedError(), OSError(23, "file table overflow")]

    class Faulty(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            if faults:
                raise faults.pop()
            return super().accept()

    monkeypatch.setattr(listener_module.socket, "socket", Faulty)
    with listening() as listener:
        greet(dial(listener))
    assert faults == []


def test_a_call_that_is_killed_is_handed_back() -> None:
    with listening(Holding()) as listener:
        switch = dial(listener)
        greet(switch)
        killing = gevent.spawn(listener.calls.kill)
        assert switch.hear() == "exit"
        switch.hang_up_rudely()
        killing.get(timeout=WAIT_SECONDS)
