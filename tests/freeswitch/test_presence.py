"""What a lamp shows, and what is read of those who watch it: pure."""

from __future__ import annotations

import pytest

from fshunt.esl import commands
from fshunt.esl.commands import UnsafeText
from fshunt.esl.frames import Frame
from fshunt.freeswitch.presence import Address, Lamp, LampState, Watching, address_of, read_watching, told

PILOT, BLOCK, IN_GROUP = Lamp("a.test", "5000"), Lamp("a.test", None, "1001"), Lamp("a.test", "5000", "1001")


def event(**headers: str) -> Frame:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Frame("\n".join(lines).encode())


@pytest.mark.parametrize(
    ("lamp", "address"),
    [(PILOT, "5000@a.test"), (BLOCK, "block+1001@a.test"), (IN_GROUP, "block+1001@5000")],
)
def test_where_those_are_who_watch_a_lamp(lamp: Lamp, address: str) -> None:
    assert str(address_of(lamp)) == address
    headers = told(lamp, LampState.CLOSED)
    assert headers["from"] == address
    assert headers["answer-state"] == "confirmed"
    assert headers["force-status"] == "Closed"
    assert "-" not in headers["unique-id"], "FreeSWITCH would look for a call of this id"
    assert "call-id" not in headers
    assert "unique-id" not in told(lamp, LampState.OFF), "off is no dialog, and not the end of one"
    assert told(lamp, LampState.OFF, "abc")["call-id"] == "abc"


@pytest.mark.parametrize(
    ("lamp", "can"),
    [
        (PILOT, True),
        (Lamp("a.test", "*55#"), True),
        (Lamp("a.test", "+4930"), True),
        (Lamp("a.test", None, "+4930"), True),
        (Lamp("a.test", "50+00"), False),
        (Lamp("a.test", "5000", "10+01"), False),
        (Lamp("a.test", "50 00"), False),
    ],
)
def test_what_can_be_watched(lamp: Lamp, can: bool) -> None:
    assert lamp.can_be_watched is can


def test_who_watches_is_read_of_a_probe() -> None:
    probe = {"Event_Name": "PRESENCE_PROBE", "from": "1003%40a.test", "expires": "600", "sub_call_id": "abc"}
    found = read_watching(event(**probe, proto="block", to="block%2B1001%405000"))
    assert found == Watching(Address("block", "1001", "5000"), "abc", "a.test", 600)
    found = read_watching(event(**probe, proto="sip", to="5000%40a.test"))
    assert found == Watching(Address("sip", "5000", "a.test"), "abc", "a.test", 600)
    ended = read_watching(event(**{**probe, "expires": "0"}, proto="sip", to="5000%40a.test"))
    assert ended is not None
    assert ended.seconds == 0


def test_the_switchs_own_word_is_about_all_who_watch() -> None:
    said = event(Event_Name="PRESENCE_IN", proto="sip", status="Unregistered", **{"from": "5000%40a.test"})
    assert read_watching(said) == Watching(Address("sip", "5000", "a.test"), seconds=1)
    assert read_watching(event(Event_Name="PRESENCE_IN", status="Registered", **{"from": "5000%40a.test"})) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"to": "5000%40a.test"},
        {"to": "5000", "sub_call_id": "abc"},
        {"to": "%40a.test", "sub_call_id": "abc"},
        {"to": "5000%40", "sub_call_id": "abc"},
        {"to": "50%0A00%40a.test", "sub_call_id": "abc"},
        {"to": "x" * 400 + "%40a.test", "sub_call_id": "abc"},
        {"to": "5000%40a.test", "sub_call_id": "x" * 300},
        {"to": "park%2B5000%40a.test", "sub_call_id": "abc", "proto": "park"},
        {"to": "1001%40a.test", "sub_call_id": "abc", "proto": "block"},
        {"to": "block%2B%40a.test", "sub_call_id": "abc", "proto": "block"},
        {"to": "block%2B1001%2B5000%40a.test", "sub_call_id": "abc", "proto": "block"},
    ],
)
def test_what_cannot_be_ours_is_passed_over(headers: dict[str, str]) -> None:
    assert read_watching(event(Event_Name="PRESENCE_PROBE", **headers)) is None


def test_seconds_that_are_no_number_are_none() -> None:
    probe = {"Event_Name": "PRESENCE_PROBE", "to": "5000%40a.test", "sub_call_id": "abc"}
    for said in ("", "-1", "9" * 30, "soon"):
        found = read_watching(event(**probe, expires=said))
        assert found is not None
        assert found.seconds == 0


def test_the_event_is_one_command_whatever_the_call_id_is() -> None:
    made = commands.send_event("PRESENCE_IN", told(PILOT, LampState.RINGING, 'it\'s <a> "call"; id: x'))
    assert made.wire.startswith(b"sendevent PRESENCE_IN\nproto: sip\n")
    assert made.wire.count(b"\n\n") == 1
    for bad in ("a\nb", "a\rb", "unload mod_event_socket"):
        with pytest.raises(UnsafeText):
            commands.send_event("PRESENCE_IN", told(PILOT, LampState.RINGING, bad))
    with pytest.raises(UnsafeText):
        commands.send_event("PRESENCE_IN", {"a: b\nc": "d"})
    with pytest.raises(UnsafeText):
        commands.send_event("PRESENCE_IN PRESENCE", {})
