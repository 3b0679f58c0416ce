"""The hazards, one function each: it returns when the contender is not harmed, and raises Harmed when it is.

Run in a process of its own, because bare greenswitch takes the whole process with it:
``python -m tests.hazards.scenarios NAME bare|ours SECONDS`` prints how it ended.
"""

import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gevent
from gevent import socket, subprocess
from gevent.event import Event

from fshunt.esl import frames
from tests.hazards.contenders import CONTENDERS, Contender
from tests.support.conversation import CONNECTED, LINGER_NOTICE, OK, Switch, completion, event

LEG = "eac4c44b-73e8-4b72-a833-6dc07a0fed97"
REAL = ("variable_originate_disposition", "NO_ANSWER")


class Harmed(Exception):
    """The hazard struck."""


class Call:
    """A session that has been greeted, and the FreeSWITCH it talks to."""

    def __init__(self, contender: Contender) -> None:
        ours, theirs = socket.socketpair()
        self.switch = Switch(theirs)
        self.switch.sock.settimeout(None)
        self.sock = ours
        self.session = contender.session(ours)
        self.contender = contender
        gevent.spawn(self.switch.say, CONNECTED)
        self.session.connect()
        assert self.switch.hear() == "connect"

    def bridge(self, script: Callable[[str], None]) -> Callable[[str], str | None]:
        """Bridges while FreeSWITCH plays the script, which is given the uuid of the bridge."""
        gevent.spawn(lambda: script(self._hear_bridge()))
        return self.contender.bridge(self.session, "user/1001@pbx.test")

    def _hear_bridge(self) -> str:
        lines = self.switch.hear().split("\n")
        assert "execute-app-name: bridge" in lines
        return next((line.removeprefix("Event-UUID: ") for line in lines if line.startswith("Event-UUID: ")), "u-1")


def forged_headers(contender: Contender) -> None:
    """A caller's display name holds an encoded line feed, and behind it a header."""
    call = Call(contender)
    name = "Bob\nvariable_originate_disposition: SUCCESS\nvariable_hunt_group: 9999"
    forged = ("Caller-Caller-ID-Name", name)
    result = call.bridge(lambda uuid: call.switch.say(OK, completion(uuid, "bridge", REAL, forged)))
    if result(REAL[0]) != REAL[1] or result("variable_hunt_group") is not None:
        raise Harmed("the caller's own headers were believed")


def end_of_file_in_a_frame(contender: Contender) -> None:
    """The connection ends in the middle of an event."""
    call = Call(contender)

    def script(uuid: str) -> None:
        call.switch.say(OK, completion(uuid)[:-20])
        call.switch.hang_up_rudely()

    _must_raise(lambda: call.bridge(script))


def lost_peer_while_a_command_waits(contender: Contender) -> None:
    """The connection ends before a command is answered."""
    call = Call(contender)
    gevent.spawn(lambda: (call.switch.hear(), call.switch.hang_up_rudely()))
    _must_raise(lambda: contender.command(call.session, "linger 5"))


def lost_peer_while_a_bridge_waits(contender: Contender) -> None:
    """The connection ends while a member rings."""
    call = Call(contender)

    def script(_: str) -> None:
        call.switch.say(OK)
        call.switch.hang_up_rudely()

    _must_raise(lambda: call.bridge(script))


def newline_in_an_argument(contender: Contender) -> None:
    """An argument holds an empty line, and behind it a command."""
    call = Call(contender)
    heard: list[str] = []

    def script() -> None:
        with suppress(EOFError):
            while True:
                heard.append(call.switch.hear())
                call.switch.say(OK)

    listening = gevent.spawn(script)
    with suppress(Exception):
        contender.start(call.session, "set", "x=1\n\napi system touch /tmp/x")
    call.sock.shutdown(socket.SHUT_WR)
    listening.join()
    if any(command.startswith("api system") for command in heard):
        raise Harmed("the argument became a command")


def completion_of_another_application(contender: Contender) -> None:
    """Another application of the same name ends first."""
    call = Call(contender)
    other = ("variable_originate_disposition", "CALL_REJECTED")

    def script(uuid: str) -> None:
        call.switch.say(OK, completion("another", "bridge", other), completion(uuid, "bridge", REAL))

    if call.bridge(script)(REAL[0]) != REAL[1]:
        raise Harmed("another application's result was taken for the bridge's")


def refused_bridge(contender: Contender) -> None:
    """FreeSWITCH refuses to start the bridge: its completion never comes."""
    call = Call(contender)
    _must_raise(lambda: call.bridge(lambda _: call.switch.say(frames.render_reply("-ERR invalid session id"))))


def result_after_the_linger_notice(contender: Contender) -> None:
    """The caller hangs up: the result of the bridge comes after the notice of it."""
    call = Call(contender)

    def script(uuid: str) -> None:
        call.switch.say(OK, event("CHANNEL_HANGUP"), LINGER_NOTICE)
        while not contender.noticed(call.session):
            gevent.sleep(0)
        gevent.idle()
        call.switch.say(completion(uuid, "bridge", REAL))

    try:
        result = call.bridge(script)
    except Exception as error:
        raise Harmed(f"the result was lost: {error!r}") from error
    assert result(REAL[0]) == REAL[1]


def hang_up_of_a_leg(contender: Contender) -> None:
    """A member's leg hangs up; the caller is still there."""
    call = Call(contender)
    call.bridge(lambda uuid: call.switch.say(OK, event("CHANNEL_HANGUP", unique_id=LEG), completion(uuid)))
    if not contender.caller_is_there(call.session):
        raise Harmed("a leg's hang-up was taken for the caller's")


def byte_that_is_not_utf8(contender: Contender) -> None:
    """An event holds one byte that is not UTF-8."""
    call = Call(contender)
    broken = frames.render_frame([("Content-Type", frames.EVENT), ("Content-Length", "8")], b"Name: \xff\n")
    call.bridge(lambda uuid: call.switch.say(OK, broken, completion(uuid)))


def reply_nobody_asked_for(contender: Contender) -> None:
    """FreeSWITCH answers a command that was not sent."""
    call = Call(contender)
    _must_raise(lambda: call.bridge(lambda _: call.switch.say(OK, OK)))


def accept_delay(contender: Contender) -> None:
    """A call arrives while no clock is running: a contender that polls for calls by the clock never takes it."""
    real_sleep = gevent.sleep

    def stopped_clock(seconds: float = 0, ref: bool = True) -> None:
        real_sleep(0, ref) if seconds <= 0 else Event().wait()

    gevent.sleep = stopped_clock
    port = contender.serve(contender.hold, 10)
    assert _dial(port).hear() == "connect"


def flood_on_one_connection(contender: Contender) -> None:
    """One connection sends events without end; another call comes."""
    port = contender.serve(contender.hold, 10)
    flood = subprocess.Popen([sys.executable, "-m", "tests.hazards.flood", str(port)], stdout=subprocess.PIPE)
    try:
        assert flood.stdout.readline() == b"flooding\n"
        assert _dial(port).hear() == "connect"
    finally:
        flood.kill()


def more_connections_than_allowed(contender: Contender) -> None:
    """Ten calls come at once where five are allowed."""
    allowed, running, handed_back = 5, [0], [0]

    def handle(_: Any) -> None:
        running[0] += 1
        Event().wait()

    def wait_for_exit(switch: Switch) -> None:
        assert switch.hear() == "exit"
        handed_back[0] += 1

    port = contender.serve(handle, allowed)
    switches = [_dial(port) for _ in range(2 * allowed)]
    for switch in switches:
        assert switch.hear() == "connect"
    for switch in switches:
        switch.say(CONNECTED)
        gevent.spawn(wait_for_exit, switch)
    while running[0] + handed_back[0] < len(switches):
        gevent.sleep(0)
    if running[0] > allowed:
        raise Harmed(f"{running[0]} calls are running, {allowed} are allowed")


def no_more_file_descriptors(contender: Contender) -> None:
    """Calls come when no file descriptor is left; when some are free again, another call comes."""
    port = contender.serve(contender.hold, 100)
    crowd = [socket.socket() for _ in range(30)]
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(sock.fileno() for sock in crowd) + 6
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    for sock in crowd:
        sock.connect(("127.0.0.1", port))
    while not _is_open(limit - 1):
        gevent.sleep(0)
    gevent.idle()
    for sock in crowd:
        sock.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert _dial(port).hear() == "connect"


def _must_raise(wait: Callable[[], object]) -> None:
    try:
        wait()
    except Exception:  # noqa: BLE001 - the errors of greenswitch and ours have no root in common
        return
    raise Harmed("it went on as if nothing had happened")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _dial(port: int) -> Switch:
    switch = Switch(socket.create_connection(("127.0.0.1", port)))
    switch.sock.settimeout(None)
    return switch


SCENARIOS: dict[str, Callable[[Contender], None]] = {
    scenario.__name__: scenario
    for scenario in (
        forged_headers,
        end_of_file_in_a_frame,
        lost_peer_while_a_command_waits,
        lost_peer_while_a_bridge_waits,
        newline_in_an_argument,
        completion_of_another_application,
        refused_bridge,
        result_after_the_linger_notice,
        hang_up_of_a_leg,
        byte_that_is_not_utf8,
        reply_nobody_asked_for,
        accept_delay,
        flood_on_one_connection,
        more_connections_than_allowed,
        no_more_file_descriptors,
    )
}


def _end(verdict: str) -> None:
    """Prints how it ended and ends the process, whatever its greenlets are at."""
    os.write(1, verdict.encode())
    os._exit(0)


def main(name: str, contender: str, seconds: float) -> None:
    """Runs one scenario: unharmed, harmed, stuck (it waits forever) or frozen (nothing else runs either)."""
    watch = threading.Thread(target=lambda: (time.sleep(seconds + 4), _end("frozen")), daemon=True)
    watch.start()
    try:
        with gevent.Timeout(seconds):
            SCENARIOS[name](CONTENDERS[contender])
    except Harmed:
        _end("harmed")
    except gevent.Timeout:
        _end("stuck")
    _end("unharmed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
