"""The inbound connection: login, replies among events, bounds; and its end at every byte."""

from __future__ import annotations

import itertools
import logging
import socket as plain_socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from gevent import socket
from hypothesis import given, settings
from hypothesis import strategies as st

from fshunt.errors import FshuntError
from fshunt.esl import commands, frames, inbound
from fshunt.esl.commands import UnsafeText, command
from fshunt.esl.connection import Bounds
from fshunt.esl.inbound import CommandRefused, Inbound, LoginRefused, ProtocolError, SwitchLost, TimedOut
from tests.support.conversation import OK, WAIT_SECONDS, Switch, event
from tests.support.examples import examples

PASSWORD = "pa55-of-the-lab"
AUTH_REQUEST = frames.render_frame([("Content-Type", "auth/request")])
ACCEPTED = frames.render_reply("+OK accepted")
INVALID = frames.render_reply("-ERR invalid")
RUDE = frames.render_frame(
    [("Content-Type", "text/rude-rejection"), ("Content-Length", "24")], b"Access Denied, go away.\n"
)
GOODBYE = frames.render_frame(
    [("Content-Type", "text/disconnect-notice"), ("Content-Length", "23")], b"Disconnected, goodbye.\n"
)
SHORT_SECONDS = 0.05  # for what must not come


@contextmanager
def dialled(script: Callable[[Switch], None]) -> Iterator[dict[str, Any]]:
    """The arguments of ``Inbound.connect`` that reach a switch which plays a script."""
    ours, theirs = socket.socketpair()
    switch = Switch(theirs)
    playing = gevent.spawn(script, switch)
    yield {
        "host": "pbx.test",
        "port": 8021,
        "password": PASSWORD,
        "timeout": WAIT_SECONDS,
        "create_connection": lambda address, timeout: ours,
    }
    playing.kill()
    ours.close()
    theirs.close()


@contextmanager
def logged_in() -> Iterator[tuple[Inbound, Switch]]:
    ours, theirs = socket.socketpair()
    switch = Switch(theirs)
    switch.say(AUTH_REQUEST, ACCEPTED)
    connection = Inbound.connect(
        "pbx.test", 8021, PASSWORD, WAIT_SECONDS, create_connection=lambda address, timeout: ours
    )
    assert switch.hear() == f"auth {PASSWORD}"
    yield connection, switch
    connection.close()
    theirs.close()


def admit(switch: Switch) -> None:
    switch.say(AUTH_REQUEST)
    assert switch.hear() == f"auth {PASSWORD}"
    switch.say(ACCEPTED)


def refuse(switch: Switch) -> None:
    switch.say(AUTH_REQUEST)
    switch.hear()
    switch.say(INVALID, GOODBYE)
    switch.hang_up_rudely()


def test_it_logs_in_when_it_is_asked_to() -> None:
    with dialled(admit) as arguments:
        Inbound.connect(**arguments).close()


REFUSALS = {
    "a wrong password": (refuse, LoginRefused, "refuses the event socket's password"),
    "an address that is not allowed": (lambda switch: switch.say(RUDE), LoginRefused, "does not let this address in"),
    "another protocol": (
        lambda switch: switch.say(frames.render_frame([("Content-Type", "text/html")])),
        ProtocolError,
        "is not FreeSWITCH's event socket",
    ),
    "no protocol at all": (lambda switch: switch.say(b"SSH-2.0-x\r\n\n\n"), ProtocolError, "Content-Type"),
    "an end": (Switch.hang_up_rudely, SwitchLost, "closed the connection"),
    "an end after the question": (
        lambda switch: (switch.say(AUTH_REQUEST), switch.hear(), switch.hang_up_rudely()),
        SwitchLost,
        "closed the connection",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_failed_login_is_explained_in_one_sentence(case: str, caplog: pytest.LogCaptureFixture) -> None:
    script, error, words = REFUSALS[case]
    caplog.set_level(logging.DEBUG)
    with dialled(script) as arguments, pytest.raises(error, match=words) as raised:
        Inbound.connect(**arguments)
    assert PASSWORD not in f"{raised.value}{raised.value!r}{raised.value.__cause__!r}{caplog.text}"


def test_a_switch_that_is_silent_is_given_up_in_time() -> None:
    with dialled(lambda switch: None) as arguments, pytest.raises(TimedOut, match=r"pbx\.test:8021"):
        Inbound.connect(**arguments | {"timeout": SHORT_SECONDS})


def test_a_switch_that_does_not_answer_the_password_is_given_up_in_time() -> None:
    with dialled(lambda switch: switch.say(AUTH_REQUEST)) as arguments, pytest.raises(TimedOut):
        Inbound.connect(**arguments | {"timeout": SHORT_SECONDS})


@pytest.mark.parametrize(
    ("fault", "error"), [(TimeoutError(), TimedOut), (ConnectionRefusedError(111, "refused"), SwitchLost)]
)
def test_a_switch_that_cannot_be_reached_is_named(fault: OSError, error: type[FshuntError]) -> None:
    def create_connection(address: tuple[str, int], timeout: float) -> socket.socket:
        raise fault

    with pytest.raises(error, match=r"pbx\.test:8021"):
        Inbound.connect("pbx.test", 8021, PASSWORD, 1, create_connection=create_connection)


@pytest.mark.parametrize(
    "password", [f"{PASSWORD}\n\napi system x", f"{PASSWORD}\r", f"{PASSWORD}\0", f"{PASSWORD}\ud800"]
)
def test_a_password_that_would_be_another_command_is_refused_and_not_repeated(password: str) -> None:
    with dialled(lambda switch: None) as arguments, pytest.raises(UnsafeText, match="cannot be sent") as raised:
        Inbound.connect(**arguments | {"password": password})
    assert PASSWORD not in f"{raised.value!r}"
    assert raised.value.__cause__ is None


def test_neither_connection_nor_login_show_the_password() -> None:
    with logged_in() as (connection, _):
        assert repr(connection) == "<Inbound pbx.test:8021>"
    assert PASSWORD not in repr(commands.auth(PASSWORD))


@pytest.mark.parametrize("text", ["api status\n\napi system rm", "event plain ALL\r", "exit\0"])
def test_a_command_is_one_line(text: str) -> None:
    with logged_in() as (connection, _), pytest.raises(UnsafeText):
        connection.send(command(text))


def test_events_before_a_reply_are_kept_in_order() -> None:
    with logged_in() as (connection, switch):
        switch.say(event("CHANNEL_CREATE"), event("CHANNEL_ANSWER"), OK, event("CHANNEL_HANGUP_COMPLETE"))
        connection.send(command("event plain ALL"), WAIT_SECONDS)
        names = [connection.next_event(connection._clock() + WAIT_SECONDS) for _ in range(3)]
        assert [each and each.get("Event-Name") for each in names] == [
            "CHANNEL_CREATE",
            "CHANNEL_ANSWER",
            "CHANNEL_HANGUP_COMPLETE",
        ]
        assert connection.next_event(connection._clock()) is None


def test_replies_go_to_their_commands() -> None:
    with logged_in() as (connection, switch):
        switch.say(*(frames.render_api_response(text) for text in ("one", "two", "-ERR no")))
        replies = connection.send_all([command(f"api {n}") for n in range(3)], WAIT_SECONDS)
        assert [reply.reply_text for reply in replies] == ["one", "two", "-ERR no"]


def test_no_commands_ask_for_no_replies() -> None:
    with logged_in() as (connection, _):
        assert connection.send_all([], WAIT_SECONDS) == []


def test_a_refused_command_raises_when_all_were_answered() -> None:
    with logged_in() as (connection, switch):
        switch.say(frames.render_reply("-ERR no keywords supplied"), OK, frames.render_api_response("3"))
        with pytest.raises(CommandRefused, match="no keywords"):
            connection.send_all([command("event"), command("noevents")], WAIT_SECONDS)
        assert connection.send(command("api x"), WAIT_SECONDS).reply_text == "3"


def test_a_late_reply_is_not_mistaken_for_the_next() -> None:
    with logged_in() as (connection, switch):
        with pytest.raises(TimedOut, match="`api`"):
            connection.send(command("api show channels"), SHORT_SECONDS)
        switch.say(frames.render_api_response("late"), frames.render_api_response("in time"))
        assert connection.send(command("api uptime"), WAIT_SECONDS).reply_text == "in time"


def test_a_goodbye_ends_it_and_is_no_event() -> None:
    with logged_in() as (connection, switch):
        switch.say(event("CHANNEL_CREATE"), GOODBYE)
        first = connection.next_event(None)
        assert first is not None
        with pytest.raises(SwitchLost, match="ended the connection"):
            connection.next_event(None)


def test_a_table_of_ten_thousand_channels_can_be_read() -> None:
    table = "x" * 12_000_000
    with logged_in() as (connection, switch):
        saying = gevent.spawn(switch.say, frames.render_api_response(table))
        assert connection.send(command("api show channels as json"), WAIT_SECONDS).reply_text == table
        saying.join()


def test_a_flood_of_events_instead_of_a_reply_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "BUFFER", Bounds(events=10, bytes=10**6))
    with logged_in() as (connection, switch):
        switch.say(event("CHANNEL_CREATE") * 11)
        with pytest.raises(ProtocolError, match="flood"):
            connection.send(command("api status"), WAIT_SECONDS)


def test_closing_from_another_greenlet_wakes_the_reader() -> None:
    with logged_in() as (connection, _):
        waiting = gevent.spawn(connection.next_event, None)
        gevent.idle()
        connection.close()
        with pytest.raises(SwitchLost):
            waiting.get(timeout=WAIT_SECONDS)


def test_it_works_on_the_plain_socket_of_the_command_line() -> None:
    with plain_socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            taken, _ = server.accept()
            with taken:
                taken.sendall(AUTH_REQUEST)
                assert taken.recv(1000) == f"auth {PASSWORD}\n\n".encode()
                taken.sendall(ACCEPTED)
                assert taken.recv(1000) == b""

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        Inbound.connect("127.0.0.1", server.getsockname()[1], PASSWORD, WAIT_SECONDS).close()
        serving.join(WAIT_SECONDS)
        assert not serving.is_alive()


STREAM = [event("CHANNEL_CREATE"), OK, event("CHANNEL_ANSWER"), event("CHANNEL_HANGUP_COMPLETE"), GOODBYE]


def _listen(data: list[bytes]) -> tuple[list[str], str]:
    """What a monitor hears of these slices, and how it ends."""
    with logged_in() as (connection, switch):
        connection._connection.post(command("event plain ALL"), posted=True)

        def say() -> None:
            for piece in data:
                switch.say(piece)
                gevent.sleep(0)
            switch.say_no_more()

        saying = gevent.spawn(say)
        heard = []
        try:
            while (each := connection.next_event(None)) is not None:
                heard.append(each.get("Event-Name", ""))
        except FshuntError as error:
            end = str(error)
        saying.join()
    return heard, end


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.integers(0, sum(map(len, STREAM))), max_size=12))
def test_any_slicing_gives_the_same_frames(cuts: list[int]) -> None:
    data = b"".join(STREAM)
    at = [0, *sorted(cuts), len(data)]
    assert _listen([data[a:b] for a, b in itertools.pairwise(at)]) == _listen([data])


def test_an_end_at_every_byte_is_one_named_error_and_the_events_before_it_are_heard() -> None:
    data = b"".join(STREAM)
    whole = ["CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE"]
    for length in range(len(data)):
        heard, end = _listen([data[:length]])
        assert heard == whole[: len(heard)]
        assert "the connection" in end


@settings(max_examples=examples(100), deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_whatever_bytes_come_there_is_one_named_error(noise: bytes) -> None:
    _heard, end = _listen([noise])
    assert end
