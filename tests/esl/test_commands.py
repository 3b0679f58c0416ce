"""Commands reach FreeSWITCH as they were meant, or are not sent at all (design, I10)."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.esl import commands
from fshunt.esl.commands import UnsafeText

TEXT = st.text(st.one_of(st.characters(), st.sampled_from("\r\n\0 :$")), max_size=30)


def commands_in(stream: bytes) -> list[list[str]]:
    """The commands of a stream as FreeSWITCH's read_packet() takes them apart: lines up to an empty one."""
    *commands, rest = stream.split(b"\n\n")
    assert rest == b""
    return [text.replace(b"\r", b"\n").decode().split("\n") for text in commands]


@given(TEXT, TEXT, TEXT)
def test_an_execute_parses_back_to_what_was_meant(application: str, argument: str, event_uuid: str) -> None:
    with suppress(UnsafeText):
        wire = commands.execute(application, argument, event_uuid).wire
        ((first, *headers),) = commands_in(wire)
        assert first == "sendmsg"
        expected = [("call-command", "execute"), ("execute-app-name", application)]
        expected += [("execute-app-arg", argument)] if argument else []
        assert [tuple(line.split(": ", 1)) for line in headers] == [
            *expected,
            ("event-lock", "true"),
            ("Event-UUID", event_uuid),
        ]


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_an_api_command_parses_back_to_its_words(words: list[str]) -> None:
    with suppress(UnsafeText):
        ((line,),) = commands_in(commands.api(*words).wire)
        assert line.split(" ") == ["api", *words]


@given(st.lists(TEXT, max_size=4))
def test_a_command_parses_back_to_its_lines(lines: list[str]) -> None:
    with suppress(UnsafeText):
        assert commands_in(commands.command(*lines).wire) == [lines]


def test_ordinary_text_is_sent() -> None:
    sent = commands.execute("set", "effective_caller_id_name=Büro: Łódź, 24 h ", "u-1", lock=False)
    assert sent.wire.decode() == (
        "sendmsg\ncall-command: execute\nexecute-app-name: set\n"
        "execute-app-arg: effective_caller_id_name=Büro: Łódź, 24 h \nEvent-UUID: u-1\n\n"
    )
    assert sent.name == "set"
    assert commands.api("uuid_kill", "leg", "NO_ANSWER").wire == b"api uuid_kill leg NO_ANSWER\n\n"


@pytest.mark.parametrize("bad", ["a\nb", "a\r", "\0", "a\tb", "\x7f", "\ud800", "unload mod_event_socket", ""])
def test_text_that_changes_a_command_is_refused_in_every_place(bad: str) -> None:
    with pytest.raises(UnsafeText):
        commands.command("linger 5", bad)
    with pytest.raises(UnsafeText):
        commands.api("uuid_kill", bad)
    with pytest.raises(UnsafeText):
        commands.execute("set", "x", bad)
    with pytest.raises(UnsafeText):
        commands.execute(bad, "x", "u-1")
    if bad:
        with pytest.raises(UnsafeText):
            commands.execute("set", bad, "u-1")


@pytest.mark.parametrize("argument", ["x=${system(ls)}", "$$", " leading"])
def test_an_argument_that_freeswitch_would_change_is_refused(argument: str) -> None:
    with pytest.raises(UnsafeText):
        commands.execute("set", argument, "u-1")


def test_one_api_argument_cannot_become_two() -> None:
    with pytest.raises(UnsafeText):
        commands.api("uuid_kill", "leg NORMAL_CLEARING")
