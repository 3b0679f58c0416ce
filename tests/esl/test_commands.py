"""Commands reach FreeSWITCH as they were meant, or are not sent at all (design, I10)."""

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fshunt.esl import api, commands
from fshunt.esl.commands import Command, UnsafeText

TEXT = st.text(st.one_of(st.characters(), st.sampled_from("\r\n\0 :$;'\\=")), max_size=30)


def commands_in(stream: bytes) -> list[list[str]]:
    """The commands of a stream as FreeSWITCH's read_packet() takes them apart: lines up to an empty one."""
    *commands, rest = stream.split(b"\n\n")
    assert rest == b""
    return [text.replace(b"\r", b"\n").decode().split("\n") for text in commands]


def variables_in(text: str) -> list[tuple[str, str]]:
    """The variables of ``uuid_setvar_multi``, as FreeSWITCH's switch_separate_string() takes them apart at ``;``."""
    parts, part, quoted, place = [], "", False, 0
    while place < len(text):
        mark, rest = text[place], text[place + 1 :]
        place += 1
        if mark == "\\" and rest[:1] in tuple("'\";\\"):
            part, place = part + rest[0], place + 1
        elif mark == "'" and (quoted or "'" in rest):
            quoted = not quoted
        elif mark == ";" and not quoted:
            parts, part = [*parts, part], ""
        else:
            part += mark
    return [(name, value) for name, _, value in (each.strip().partition("=") for each in [*parts, part])]


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


@given(TEXT, st.one_of(TEXT, st.just("ringback")), TEXT)
def test_a_variable_of_a_channel_parses_back_to_what_was_meant(uuid: str, name: str, value: str) -> None:
    with suppress(UnsafeText):
        ((line,),) = commands_in(api.uuid_setvar(uuid, name, value).wire)
        assert line.split(" ", 3)[:3] == ["api", "uuid_setvar_multi", uuid]
        assert variables_in(line.split(" ", 3)[3]) == [(name, value)]
        assert "$" not in value


@given(TEXT, st.dictionaries(st.from_regex("[a-z_]{1,9}", fullmatch=True), TEXT, min_size=1, max_size=3))
def test_several_variables_of_a_channel_parse_back_to_what_was_meant(uuid: str, values: dict[str, str]) -> None:
    with suppress(UnsafeText):
        ((line,),) = commands_in(api.uuid_setvar_multi(uuid, values).wire)
        words = line.split(" ", 3)
        assert words[:3] == ["api", "uuid_setvar_multi", uuid]
        assert variables_in(words[3]) == list(values.items())


@given(TEXT, TEXT, TEXT)
def test_a_question_for_phones_parses_back_to_one_argument(user: str, domain: str, mark: str) -> None:
    with suppress(UnsafeText):
        ((line,),) = commands_in(api.sofia_contact(user, domain, mark).wire)
        assert line.split(" ") == ["api", "sofia_contact", f"*/{user}@{domain}/{mark}"]


BUILDERS = [
    api.uuid_break,
    api.uuid_exists,
    lambda text: api.displace(text, "/music.wav"),
    lambda text: api.displace("leg", text),
    lambda text: api.stop_displacing(text, "/music.wav"),
    lambda text: api.stop_displacing("leg", text),
    lambda text: api.uuid_kill(text, "NO_ANSWER"),
    lambda text: api.uuid_kill("leg", text),
    lambda text: api.hang_up_all("NO_ANSWER", {"fshunt_rings": text}),
    lambda text: api.uuid_setvar(text, "ringback", "x"),
    lambda text: api.uuid_setvar("leg", text, "x"),
    lambda text: api.uuid_setvar_multi(text, {"ringback": "x"}),
    lambda text: api.uuid_setvar_multi("leg", {text: "x"}),
    lambda text: api.sofia_contact(text, "pbx.test", "mark"),
    lambda text: api.sofia_contact("1001", text, "mark"),
    lambda text: api.sofia_registrations_of(text, "1001", "pbx.test"),
    lambda text: api.sofia_registrations_of("internal", text, "pbx.test"),
    lambda text: api.sofia_registrations_of("internal", "1001", text),
    lambda text: api.sofia_registrations_at(text, "1001"),
    lambda text: api.sofia_registrations_at("internal", text),
    api.sofia_registrations,
    commands.add_filter,
    commands.delete_filter,
    commands.subscribe,
]


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("text", ["", "two words", "a\nb", "unload=mod_event_socket", "Mod_Event_Socket/RELOAD"])
def test_each_argument_is_checked_where_the_command_is_built(build: Callable[[str], Command], text: str) -> None:
    with pytest.raises(UnsafeText):
        build(text)


@pytest.mark.parametrize("value", ["${system(ls)}", "$$", "a\nb"])
def test_a_value_that_freeswitch_would_expand_is_refused(value: str) -> None:
    with pytest.raises(UnsafeText):
        api.uuid_setvar("u", "ringback", value)
    with pytest.raises(UnsafeText):
        api.uuid_setvar_multi("u", {"ringback": value})


def test_one_value_cannot_become_two() -> None:
    with pytest.raises(UnsafeText):
        api.uuid_setvar_multi("u", {"ringback": "x;socket_resume=false"})


@pytest.mark.parametrize("value", ["a\\\\b", "it's 'quoted'", "a;b's"])
def test_a_value_that_would_arrive_as_another_is_refused_among_several(value: str) -> None:
    with pytest.raises(UnsafeText):
        api.uuid_setvar_multi("u", {"ringback": value})


CALL_IDS = [
    "a'b",
    "it's'x",
    'a"b',
    "a\\\\b",
    "(a)<b>[c]{d}",
    "a%20b",
    "a;b=c",
    "mod_event_socket",
    "${x}",
    "-a",
    "+a",
    "/a/",
]


@pytest.mark.parametrize("uuid", CALL_IDS)
def test_a_callers_call_id_is_one_argument_whatever_is_in_it(uuid: str) -> None:
    said = [api.uuid_break(uuid), api.uuid_exists(uuid), api.uuid_kill(uuid, "NO_ANSWER")]
    said += [api.uuid_setvar(uuid, "ringback", "a;b"), api.uuid_setvar_multi(uuid, {"ringback": "x"})]
    for each in said:
        assert each.lines[0].split(" ")[2] == uuid


@pytest.mark.parametrize("uuid", CALL_IDS)
def test_a_call_id_is_refused_where_freeswitch_would_look_for_quotes_in_it(uuid: str) -> None:
    for build in (api.displace, api.stop_displacing):
        with suppress(UnsafeText):
            assert build(uuid, "/music.wav").lines[0].split(" ")[2] == uuid == re.sub("[^A-Za-z0-9-]", "", uuid)


@pytest.mark.parametrize("uuid", CALL_IDS)
def test_a_filter_compares_with_the_uuid_and_nothing_else(uuid: str) -> None:
    value = commands.add_filter(uuid).lines[0].removeprefix("filter Unique-ID ")
    assert commands.delete_filter(uuid).lines[0].removeprefix("filter delete Unique-ID ") == value
    if uuid[0] in "+-/":
        assert value[0] == value[-1] == "/"
        assert re.fullmatch(value.strip("/"), uuid)
        assert not re.fullmatch(value.strip("/"), f"{uuid}x")
    else:
        assert value == uuid


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
    some = api.hang_up_all("NO_ANSWER", {"one": "a1", "two": "true"})
    assert some.wire == b"api hupall NO_ANSWER one a1 two true\n\n"
    assert api.uuid_kill("leg", "NO_ANSWER").wire == b"api uuid_kill leg NO_ANSWER\n\n"


@pytest.mark.parametrize("bad", ["a\nb", "a\r", "\0", "a\tb", "\x7f", "\ud800", "unload mod_event_socket", ""])
def test_text_that_changes_a_command_is_refused_in_every_place(bad: str) -> None:
    with pytest.raises(UnsafeText):
        commands.command("linger 5", bad)
    with pytest.raises(UnsafeText):
        commands.execute("set", "x", bad)
    with pytest.raises(UnsafeText):
        commands.execute(bad, "x", "u-1")
    if bad:
        with pytest.raises(UnsafeText):
            commands.execute("set", bad, "u-1")


@pytest.mark.parametrize(
    "having", [{}, {"one": ""}, {"": "1"}, {"one": "1 two"}, {"one": "${two}"}, {"one two": "1"}], ids=str
)
def test_no_command_hangs_up_every_call_of_the_switch(having: dict[str, str]) -> None:
    with pytest.raises(UnsafeText):
        api.hang_up_all("NO_ANSWER", having)


@pytest.mark.parametrize("argument", ["x=${system(ls)}", "$$", " leading"])
def test_an_argument_that_freeswitch_would_change_is_refused(argument: str) -> None:
    with pytest.raises(UnsafeText):
        commands.execute("set", argument, "u-1")


@pytest.mark.parametrize("argument", ["x${system(ls)}", "x$${y}", "x$\\{y}", "x\\n", "x\\\\", "x\\'", "x\\"])
def test_a_dial_string_that_freeswitch_would_expand_is_refused(argument: str) -> None:
    with pytest.raises(UnsafeText):
        commands.execute("bridge", argument, "u-1")


def test_a_dial_string_may_have_what_a_phones_address_has() -> None:
    text = "{a=1}[b=2]sofia/internal/sip:a$\\,b@10.0.0.2;x=$,[b=3]sofia/internal/sip:$@10.0.0.3"
    assert f"execute-app-arg: {text}\n".encode() in commands.execute("bridge", text, "u-1").wire


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), TEXT)
def test_an_inline_dialplan_takes_apart_to_the_actions_that_were_meant(
    actions: list[tuple[str, str]], name: str
) -> None:
    with suppress(UnsafeText):
        text = commands.inline_dialplan(actions, name)
        listed, dialplan, context = text.rsplit(" ", 2)
        assert (listed[:5], listed[-1], dialplan, context) == ("'m:^:", "'", "inline", name)
        assert [tuple(each.split(":", 1)) for each in listed[5:-1].split("^")] == actions
        assert not any(mark in listed[5:-1] for mark in "'\"\\$")
