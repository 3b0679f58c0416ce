"""The session of one call: replies, events, deadlines, a caller who leaves, and a connection that ends."""

import gc
import time
import weakref

import gevent
import pytest
from gevent import socket
from greenswitch.esl import OutboundSession

from fshunt.esl import api, commands, frames, reader, session, transport
from fshunt.esl.commands import command
from fshunt.esl.session import CallerGone, CallerTaken, CommandRefused, ProtocolError, Session, SwitchLost, TimedOut
from tests.support.conversation import (
    CHANNEL,
    CONNECTED,
    FINAL_NOTICE,
    LINGER_NOTICE,
    OK,
    UUID,
    WAIT_SECONDS,
    completion,
    event,
    talking,
)
from tests.support.tapes import TAPES, switch_frames

LEG = "eac4c44b-73e8-4b72-a833-6dc07a0fed97"


def soon() -> float:
    """A deadline for what must come; a test that passes never reaches it."""
    return time.monotonic() + WAIT_SECONDS


def past() -> float:
    return time.monotonic() - 1


def events(call: Session) -> tuple[list[frames.Frame], SwitchLost]:
    """All events until the connection ends, and how it ended."""
    found = []
    try:
        while received := call.next_event(soon()):
            found.append(received)
    except SwitchLost as ended:
        return found, ended
    raise AssertionError(found)


def names(call: Session) -> list[str]:
    return [found.get("Event-Name") or found.get("Content-Disposition", "?") for found in events(call)[0]]


def test_it_is_greenswitchs_session_without_its_greenlets() -> None:
    before = sum(isinstance(thing, gevent.Greenlet) for thing in gc.get_objects())
    with talking() as (call, _):
        assert isinstance(call, OutboundSession)
        assert sum(isinstance(thing, gevent.Greenlet) for thing in gc.get_objects()) == before


def test_connect_gives_the_channels_data() -> None:
    with talking() as (call, _):
        assert call.uuid == UUID
        assert call.channel.get("Caller-Destination-Number") == "5000"
        assert call.connect() is call.channel


@pytest.mark.parametrize("name", sorted(TAPES))
def test_every_recorded_session_is_received_in_order(name: str) -> None:
    sent = switch_frames(name)
    parsed = [reader.FrameReader().feed(frame)[0] for frame in sent]
    with talking(greeted=False) as (call, switch):
        gevent.spawn(lambda: (switch.say(*sent), switch.say_no_more()))
        call.connect(WAIT_SECONDS)
        for answered in [frame for frame in parsed[1:] if frame.is_reply]:
            if answered.reply_text.startswith("-ERR") and answered.content_type == frames.COMMAND_REPLY:
                with pytest.raises(CommandRefused):
                    call.send(command("noop"), WAIT_SECONDS)
            else:
                assert call.send(command("noop"), WAIT_SECONDS) == answered
        expected = [frame.event for frame in parsed if not frame.is_reply]
        received, ended = events(call)
        assert received == expected
        assert ended.final == (b"Content-Disposition: disconnect" in sent[-1])
        assert call.gone == any(b"Content-Disposition: linger" in frame for frame in sent)


@pytest.mark.parametrize(
    ("written", "answers", "uuid"),
    [
        ("a%41b", [], "a%41b"),
        ("a%0ab", [], "a%0ab"),
        ("a%0Ab", [], "a%0Ab"),
        ("a%22b", ["true", "false"], 'a"b'),
        ("a%22b", ["false", "true"], "a%22b"),
        ("a%22b", ["false", "false"], 'a"b'),
    ],
)
def test_a_uuid_that_looks_encoded_is_the_one_that_exists(written: str, answers: list[str], uuid: str) -> None:
    with talking(greeted=False) as (call, switch):
        reply = frames.render_connect_reply([("Event-Name", "CHANNEL_DATA"), ("Unique-ID", "UUID")])
        switch.say(reply.replace(b"UUID", written.encode()), *map(frames.render_api_response, answers))
        call.connect()
        assert call.uuid == uuid
        own = frames.Frame(f"Event-Name: CHANNEL_HANGUP\nUnique-ID: {written}".encode())
        assert call.is_callers(own)
        assert not call.is_callers(frames.Frame(b"Event-Name: CHANNEL_HANGUP\nUnique-ID: other"))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (OK, ProtocolError),
        (frames.render_connect_reply([("Event-Name", "CHANNEL_DATA")]), ProtocolError),
        (frames.render_connect_reply([("Event-Name", "CHANNEL_DATA"), ("Unique-ID", "")]), ProtocolError),
        (frames.render_connect_reply([("Event-Name", "CHANNEL_DATA"), ("Unique-ID", "a" * 257)]), ProtocolError),
        (frames.render_reply("-ERR no"), CommandRefused),
        (CONNECTED.replace(b"async", b"static"), CommandRefused),
        (CONNECTED.replace(b"full", b"single-channel"), CommandRefused),
        (b"Subject: mail\n\n", ProtocolError),
        (b"", SwitchLost),
    ],
)
def test_a_wrong_answer_to_connect_is_a_named_error(reply: bytes, error: type[Exception]) -> None:
    with talking(greeted=False) as (call, switch):
        switch.say(reply)
        switch.say_no_more()
        with pytest.raises(error):
            call.connect(WAIT_SECONDS)
        call.hand_back()
        assert not call.connected


def test_events_that_come_before_a_reply_are_kept_in_order() -> None:
    with talking() as (call, switch):
        switch.say(event("CHANNEL_PARK"), event("CHANNEL_PROGRESS"), frames.render_reply("+OK will linger"))
        assert call.send(command("linger 5")).reply_text == "+OK will linger"
        switch.say(event("CHANNEL_ANSWER"))
        switch.hang_up_rudely()
        assert names(call) == ["CHANNEL_PARK", "CHANNEL_PROGRESS", "CHANNEL_ANSWER"]


def test_replies_are_matched_in_the_order_of_the_commands() -> None:
    with talking() as (call, switch):
        call.post(command("linger 5"))
        call.execute("ring_ready")
        switch.say(OK, OK, frames.render_api_response("-ERR No such channel!\n"))
        assert call.send(api.uuid_kill(LEG, "NO_ANSWER")).reply_text == "-ERR No such channel!"
        assert switch.hear() == "linger 5"
        assert "execute-app-name: ring_ready" in switch.hear()
        assert switch.hear() == f"api uuid_kill {LEG} NO_ANSWER"


def test_a_refused_command_is_named_in_the_error() -> None:
    with talking() as (call, switch):
        switch.say(frames.render_reply("-ERR command not found"))
        with pytest.raises(CommandRefused, match=r"linger.*command not found"):
            call.send(command("linger 5"))


def test_a_late_reply_still_belongs_to_its_command() -> None:
    with talking() as (call, switch):
        with pytest.raises(TimedOut):
            call.send(command("linger 5"), timeout=0)
        switch.say(frames.render_reply("-ERR late"), frames.render_reply("+OK second"))
        assert call.send(command("noevents")).reply_text == "+OK second"


@pytest.mark.parametrize("part", [OK, frames.render_api_response("+OK")])
def test_an_unexpected_reply_ends_the_session(part: bytes) -> None:
    with talking() as (call, switch):
        switch.say(part, event("CHANNEL_ANSWER"))
        for _ in range(2):
            with pytest.raises(ProtocolError):
                call.next_event(soon())


def test_more_than_one_line_is_not_sent() -> None:
    with talking() as (call, switch):
        with pytest.raises(commands.UnsafeText):
            call.send(command("linger 5\n\napi status"))
        with pytest.raises(commands.UnsafeText):
            call.execute("set", "x=1\n\napi status")
        call.post(command("noevents"))
        assert switch.hear() == "noevents"


def test_frames_of_no_interest_are_skipped_with_their_bodies() -> None:
    with talking() as (call, switch):
        switch.say(
            frames.render_frame([("Content-Type", "log/data"), ("Content-Length", "9")], b"\n\nlog log"),
            frames.render_frame([("Content-Type", "text/event-json"), ("Content-Length", "2")], b"{}"),
            event("CHANNEL_ANSWER"),
        )
        switch.hang_up_rudely()
        assert names(call) == ["CHANNEL_ANSWER"]


def test_the_deadline_ends_a_wait_and_what_is_there_is_still_given() -> None:
    with talking() as (call, switch):
        assert call.next_event(past()) is None
        switch.say(event("CHANNEL_ANSWER")[:-5])
        assert call.next_event(past()) is None
        switch.say(event("CHANNEL_ANSWER")[-5:])
        assert call.next_event(past()) is not None
        with pytest.raises(TimedOut):
            call.wait_completion("u-1", past())


def test_an_event_that_came_in_time_counts_though_this_process_was_held_up_beyond_the_deadline() -> None:
    with talking() as (call, switch):
        deadline = time.monotonic() + 0.05
        waiting = gevent.spawn(call.next_event, deadline)
        gevent.sleep(0)  # it waits
        switch.say(event("CHANNEL_ANSWER"))
        while time.monotonic() < deadline:  # nothing else runs: the machine has no time for this process
            pass
        found = waiting.get(timeout=WAIT_SECONDS)
        assert found is not None
        assert found.get("Event-Name") == "CHANNEL_ANSWER"


def of_socket(number: int, *headers: tuple[str, str]) -> bytes:
    return completion("u-0", "socket", ("Event-Sequence", str(number)), *headers)


@pytest.mark.parametrize("by", [None, LEG])
def test_the_end_of_our_socket_action_means_that_the_caller_was_taken(by: str | None) -> None:
    with talking() as (call, switch):
        call.check_caller()
        switch.say(of_socket(7, *([("Other-Leg-Unique-ID", by)] if by else [])))
        with pytest.raises(CallerTaken) as taken:
            call.check_caller(WAIT_SECONDS)
        assert (call.taken, call.gone, taken.value.by) == (True, False, by)
        assert call.next_event(past()) is not None, "an event that was read is kept for the next wait"
        switch.say(event("CHANNEL_HANGUP"))
        with pytest.raises(CallerGone):
            call.check_caller(WAIT_SECONDS)


def test_a_late_end_of_an_earlier_daemons_socket_action_is_ignored() -> None:
    with talking(greeted=False) as (call, switch):
        switch.say(frames.render_connect_reply([*CHANNEL, ("Event-Sequence", "600")]))
        call.connect(WAIT_SECONDS)
        switch.say(of_socket(599), event("CHANNEL_ANSWER"))
        call.check_caller()
        assert not call.taken
        switch.say(of_socket(601))
        with pytest.raises(CallerTaken):
            call.check_caller(WAIT_SECONDS)


@pytest.mark.parametrize(("answer", "error"), [(of_socket(7), CallerTaken), (event("CHANNEL_HANGUP"), CallerGone)])
def test_the_check_of_the_caller_ends_when_the_answer_is_there(answer: bytes, error: type[Exception]) -> None:
    with talking() as (call, switch), gevent.Timeout(WAIT_SECONDS):
        checking = gevent.spawn(call.check_caller, 10 * WAIT_SECONDS)
        gevent.idle()
        switch.say(answer)
        with pytest.raises(error):
            checking.get()


def test_only_its_own_completion_ends_an_application() -> None:
    with talking() as (call, switch):
        bridge = call.execute("bridge", "user/1001")
        switch.say(
            OK,
            completion("other", "bridge"),
            completion("other", "set"),
            completion(bridge, "bridge", ("variable_originate_disposition", "NO_ANSWER")),
        )
        done = call.wait_completion(bridge, soon())
        assert done.get("variable_originate_disposition") == "NO_ANSWER"
        assert (done.get("Application-UUID"), done.get("Application")) == (bridge, "bridge")


def test_a_bridge_that_freeswitch_refuses_is_not_waited_for() -> None:
    with talking() as (call, switch):
        bridge = call.execute("bridge", "user/1001")
        switch.say(frames.render_reply("-ERR invalid session id"))
        with pytest.raises(CommandRefused, match="invalid session id"):
            call.wait_completion(bridge, soon())


def test_a_refused_bridge_ends_the_wait_for_events() -> None:
    with talking() as (call, switch):
        call.execute("bridge", "user/1001")
        switch.say(event("CHANNEL_PROGRESS"), frames.render_reply("-ERR invalid session id"))
        assert call.next_event(soon()) is not None
        with pytest.raises(CommandRefused, match="invalid session id"):
            call.next_event(soon())


def test_the_completion_after_the_linger_notice_is_not_lost() -> None:
    with talking() as (call, switch):
        bridge = call.execute("bridge", "user/1001")
        switch.say(OK, event("CHANNEL_HANGUP"), LINGER_NOTICE)
        with pytest.raises(TimedOut):
            call.wait_completion(bridge, past())
        assert call.gone
        switch.say(completion(bridge), event("CHANNEL_HANGUP_COMPLETE"), FINAL_NOTICE)
        assert call.wait_completion(bridge, soon()).get("Application") == "bridge"


def test_a_caller_who_hung_up_is_not_waited_for_when_no_completion_comes() -> None:
    with talking() as (call, switch):
        switch.say(OK, event("CHANNEL_HANGUP"), LINGER_NOTICE, event("CHANNEL_HANGUP_COMPLETE"))
        with pytest.raises(CallerGone):
            call.wait_completion(call.execute("set", "a=b"), soon())
        assert call.gone
        with pytest.raises(CallerGone):
            call.raise_if_disconnected()


def test_the_wait_after_a_hang_up_is_bounded_even_when_freeswitch_is_silent() -> None:
    now = [1000.0]
    ours, theirs = socket.socketpair()
    call = Session(ours, "test", clock=lambda: now[0])
    theirs.sendall(CONNECTED + OK + event("CHANNEL_HANGUP"))
    call.connect()
    bridge = call.execute("bridge", "user/1001")
    with pytest.raises(TimedOut):
        call.wait_completion(bridge, now[0])
    now[0] += session.AFTER_GONE_SECONDS
    with pytest.raises(CallerGone):
        call.wait_completion(bridge, now[0] + 3600)
    call.close()
    theirs.close()


def test_a_leg_that_hangs_up_is_not_the_caller() -> None:
    with talking() as (call, switch):
        bridge = call.execute("bridge", "user/1001")
        hangups = [event(name, unique_id=LEG) for name in ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE")]
        switch.say(OK, *hangups, completion(bridge))
        assert call.wait_completion(bridge, soon()).get("Application") == "bridge"
        assert not call.gone


def test_the_final_notice_ends_the_session_after_its_events_without_waiting_for_the_close() -> None:
    with talking() as (call, switch):
        switch.say(event("CHANNEL_ANSWER"), FINAL_NOTICE)
        assert names(call) == ["CHANNEL_ANSWER", "disconnect"]
        with pytest.raises(SwitchLost) as ended:
            call.next_event(soon())
        assert ended.value.final
        assert not call.gone


def test_the_final_notice_ends_a_wait_for_a_completion() -> None:
    with talking() as (call, switch):
        switch.say(OK, FINAL_NOTICE)
        with pytest.raises(SwitchLost):
            call.wait_completion(call.execute("bridge", "user/1001"), soon())
    with talking() as (call, switch):
        switch.say(OK, LINGER_NOTICE, FINAL_NOTICE)
        with pytest.raises(CallerGone):
            call.wait_completion(call.execute("bridge", "user/1001"), soon())


@pytest.mark.parametrize("last", [b"", event("CHANNEL_ANSWER")[:-20], b"Content-Le"])
def test_the_end_of_the_connection_wakes_every_wait(last: bytes) -> None:
    waits = [
        lambda call: call.send(command("linger 5")),
        lambda call: call.next_event(soon()),
        lambda call: call.wait_completion("u-1", soon()),
        lambda call: call.next_event(None),
    ]
    for wait in waits:
        with talking() as (call, switch):
            waiting = gevent.spawn(wait, call)
            switch.say(last)
            switch.hang_up_rudely()
            with pytest.raises(SwitchLost) as ended:
                waiting.get(timeout=WAIT_SECONDS)
            assert not ended.value.final
            with pytest.raises(SwitchLost):
                call.post(command("noevents"))
            with pytest.raises(SwitchLost):
                call.raise_if_disconnected()


def test_the_last_frames_are_read_even_when_freeswitch_takes_no_more_commands() -> None:
    with talking() as (call, switch):
        bridge = call.execute("bridge", "user/1001")
        switch.say(OK, completion(bridge))
        switch.hang_up_rudely()
        for _ in range(3):
            with pytest.raises(SwitchLost):
                call.post(command("noevents"))
        assert call.wait_completion(bridge, soon()).get("Application") == "bridge"
        with pytest.raises(SwitchLost):
            call.next_event(soon())


def test_a_reset_connection_wakes_the_wait() -> None:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    theirs = socket.create_connection(server.getsockname())
    ours, _ = server.accept()
    server.close()
    call = Session(ours, "test")
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    theirs.close()
    with pytest.raises(SwitchLost):
        call.next_event(soon())
    call.close()


def test_closing_from_another_greenlet_wakes_the_wait() -> None:
    with talking() as (call, _):
        waiting = gevent.spawn(call.next_event, soon())
        gevent.idle()
        call.close()
        with pytest.raises(SwitchLost):
            waiting.get(timeout=WAIT_SECONDS)


def test_a_session_woken_during_a_send_does_not_wait_on() -> None:
    class Slow:
        """A socket whose other end lets us wait for a moment, in which another greenlet has a turn."""

        def __init__(self, sock: socket.socket) -> None:
            self._sock = sock

        def __getattr__(self, name: str) -> object:
            return getattr(self._sock, name)

        def send(self, data: bytes) -> int:
            waking = gevent.spawn(call.wake)
            waking.join()
            return self._sock.send(data)

    with talking() as (call, switch):
        call._transport._sock = Slow(call._transport._sock)
        call._transport._outgoing += b"noevents\n\n"  # of a command whose sending was interrupted
        with gevent.Timeout(WAIT_SECONDS):
            assert call.next_event(None, wakeable=True) is None
        assert switch.hear() == "noevents"


def test_a_flood_instead_of_a_reply_is_bounded() -> None:
    with talking() as (call, switch):
        flood = gevent.spawn(switch.say, event("CHANNEL_PARK") * (session.BUFFER.events + 1))
        with pytest.raises(ProtocolError, match="flood"):
            call.send(command("linger 5"), WAIT_SECONDS)
        assert len(call._connection._events) == session.BUFFER.events + 1
        flood.kill()


def test_few_big_events_instead_of_a_reply_are_bounded_too() -> None:
    big = event("CHANNEL_PARK", ("variable_x", "x" * (reader.MAX_BODY_BYTES - 200)))
    with talking() as (call, switch):
        flood = gevent.spawn(switch.say, big * 20)
        with pytest.raises(ProtocolError, match="flood"):
            call.send(command("linger 5"), WAIT_SECONDS)
        flood.kill()


def test_an_endless_flood_leaves_a_turn_to_others() -> None:
    turns = [0]

    def other() -> None:
        while True:
            turns[0] += 1
            gevent.sleep(0)

    with talking() as (call, _):
        call._transport._frames.push(event("CHANNEL_PARK") * 1000)  # as if the socket never ran dry
        ticking = gevent.spawn(other)
        for _ in range(1000):
            assert call.next_event(past()) is not None
        ticking.kill()
    assert turns[0] >= 1000 // transport.FRAMES_BETWEEN_YIELDS - 1


class Interrupt(Exception):
    """What the hunt throws into a call's greenlet to wake it."""


def test_an_interrupt_passes_through_a_wait_and_the_session_continues() -> None:
    steps: list[object] = []

    def hunt(call: Session) -> None:
        for wait in (lambda: call.next_event(soon()), lambda: call.send(command("linger 5"), WAIT_SECONDS)):
            with pytest.raises(Interrupt):
                wait()
            steps.append("woken")
        assert call.send(command("noevents"), WAIT_SECONDS).reply_text == "+OK noevents"
        steps.append(call.next_event(soon()))

    with talking() as (call, switch):
        greenlet = gevent.spawn(hunt, call)
        switch.say(event("CHANNEL_ANSWER")[:30])
        gevent.idle()
        greenlet.kill(Interrupt, block=False)
        assert switch.hear() == "linger 5"
        greenlet.kill(Interrupt, block=False)
        assert switch.hear() == "noevents"
        switch.say(event("CHANNEL_ANSWER")[30:], frames.render_reply("+OK linger"), frames.render_reply("+OK noevents"))
        greenlet.get(timeout=WAIT_SECONDS)
    assert steps[:2] == ["woken", "woken"]
    assert isinstance(steps[2], frames.Frame)


def test_a_command_that_was_half_sent_when_interrupted_is_completed_by_the_next() -> None:
    long = "x=" + "y" * 4_000_000

    def hunt(call: Session) -> None:
        with pytest.raises(Interrupt):
            call.execute("set", long, "u-1")
        call.post(command("noevents"))

    with talking() as (call, switch):
        greenlet = gevent.spawn(hunt, call)
        gevent.idle()
        greenlet.kill(Interrupt, block=False)
        assert f"execute-app-arg: {long}\n" in switch.hear()
        assert switch.hear() == "noevents"
        greenlet.get(timeout=WAIT_SECONDS)


def test_a_peer_that_reads_nothing_does_not_hold_the_call_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SEND_SECONDS", 0.01)
    with talking() as (call, _), pytest.raises(SwitchLost):
        call.execute("set", "x=" + "y" * 50_000_000)


def test_returning_a_caller_sends_exit_and_waits_until_freeswitch_closes() -> None:
    with talking() as (call, switch):
        handing = gevent.spawn(call.hand_back)
        assert switch.hear() == "exit"
        switch.say(frames.render_reply("+OK bye"), FINAL_NOTICE)
        switch.say_no_more()
        handing.get(timeout=WAIT_SECONDS)
        switch.hear_end()
        assert not call.connected
        call.hand_back()


def test_handing_back_a_call_that_was_not_greeted_greets_it_first_and_leaves_time_to_park() -> None:
    pauses: list[float] = []
    with talking(greeted=False) as (call, switch), pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.gevent, "sleep", pauses.append)
        patch.setattr(call._transport, "farewell", lambda data, seconds: pauses.append(data))
        switch.say(CONNECTED)
        call.hand_back()
        assert switch.hear() == "connect"
    pause, farewell = pauses
    assert 0.03 < pause <= session.SAFE_EXIT_SECONDS
    assert farewell == b"exit\n\n"


def test_handing_back_never_raises() -> None:
    with talking() as (call, switch):
        switch.hang_up_rudely()
        call.hand_back()
    with talking() as (call, switch):
        switch.say(b"garbage\n\n")
        with pytest.raises(ProtocolError):
            call.next_event(soon())
        handing = gevent.spawn(call.hand_back)
        assert switch.hear() == "exit"
        switch.hang_up_rudely()
        handing.get(timeout=WAIT_SECONDS)


def test_what_greenswitch_offers_besides_does_not_wait_for_ever() -> None:
    with talking() as (call, switch):
        switch.say(OK)
        with pytest.raises(TimedOut):
            call.bridge("user/1001", response_timeout=0)
        assert "execute-app-name: bridge" in switch.hear()
        for greenswitchs_own in (call.answer, call.linger, call.playback):
            with pytest.raises(NotImplementedError):
                greenswitchs_own("x")
        with pytest.raises(NotImplementedError):
            call.register_handle("*", print)
        assert call.caller_id_number is None
        call.raise_if_disconnected()


def test_the_channel_is_not_known_before_connect() -> None:
    with talking(greeted=False) as (call, _):
        assert call.uuid == ""
        with pytest.raises(ProtocolError):
            _ = call.channel


def test_a_session_leaves_no_cycle_behind() -> None:
    gc.collect()
    gc.disable()
    try:
        with talking() as (call, switch):
            switch.say(event("CHANNEL_ANSWER"))
            switch.hang_up_rudely()
            assert names(call) == ["CHANNEL_ANSWER"]
        left = weakref.ref(call)
        del call
        assert left() is None
    finally:
        gc.enable()


def test_the_last_application_and_the_leaving_are_one_write() -> None:
    with talking() as (call, switch):
        leaving = gevent.spawn(
            call.leave_with, api.uuid_setvar("u", "socket_resume", "false"), "transfer", "5001 XML default"
        )
        said = [switch.hear() for _ in range(3)]
        switch.hang_up_rudely()
        leaving.get(timeout=WAIT_SECONDS)
        assert said[0] == "api uuid_setvar_multi u socket_resume=false"
        assert "execute-app-name: transfer\nexecute-app-arg: 5001 XML default" in said[1]
        assert said[2] == "exit"
        assert not call.connected
