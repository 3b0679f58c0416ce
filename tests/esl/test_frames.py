"""The reader of FreeSWITCH's frames, on recorded sessions, in slices, cut short and on garbage."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fshunt.esl import frames, reader
from fshunt.esl.frames import Frame, ProtocolError, array
from fshunt.esl.reader import FrameReader
from tests.support.examples import examples
from tests.support.tapes import TAPES, switch_frames

NAMES = sorted(TAPES)
REPLY = b"Content-Type: command/reply\nReply-Text: +OK\n\n"
FORGED_NAME = "Bob\nvariable_hunt_group: 9999\nEvent-Name: CHANNEL_HANGUP"


def read(stream: bytes, cuts: list[int] | None = None) -> tuple[list[Frame], str | None]:
    """Frames and error sentence of a stream that ends, fed in slices."""
    reader, got = FrameReader(), []
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts or []), len(stream)]
    try:
        for start, end in pairwise(places):
            got += reader.feed(stream[start:end])
        reader.eof()
    except ProtocolError as error:
        return got, str(error)
    return got, None


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_frame_is_read_as_it_was_sent(name: str) -> None:
    sent = switch_frames(name)
    got, error = read(b"".join(sent))
    assert error is None
    assert [frame.head + b"\n\n" + frame.body for frame in got] == sent


@pytest.mark.parametrize("name", NAMES)
def test_recorded_events_are_rendered_back_byte_for_byte(name: str) -> None:
    for sent in switch_frames(name):
        (frame,) = FrameReader().feed(sent)
        if frame.content_type == frames.EVENT:
            headers = [(key, "" if value == "_undef_" else value) for key, value in frame.event.items()]
            assert frames.render_event(headers, frame.event.body) == sent
        elif frame.is_connect_reply:
            headers = list(frame.items())[:-4]
            assert frames.render_connect_reply(headers) == sent
        else:
            assert frames.render_frame(frame.items(), frame.body) == sent


@settings(max_examples=examples(60))
@given(st.sampled_from(NAMES), st.lists(st.integers(min_value=0), max_size=40))
def test_slices_give_the_same_frames(name: str, cuts: list[int]) -> None:
    stream = b"".join(switch_frames(name))
    assert read(stream, cuts) == read(stream)


@settings(max_examples=examples(200))
@given(
    st.lists(
        st.sampled_from(
            [
                b"\n",
                b"Content-Length: ",
                b"Content-Type: ",
                b"7",
                b"-1",
                b"text/event-plain",
                b"x",
                b"api/response",
                b"\xff",
                b"%0A",
                b"log/data",
                REPLY,
            ]
        ),
        max_size=30,
    ),
    st.data(),
)
def test_garbage_gives_the_same_frames_or_the_same_error_in_any_slices(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = data.draw(st.lists(st.integers(min_value=0, max_value=len(stream)), max_size=20))
    assert read(stream, cuts) == read(stream) == read(stream, list(range(len(stream))))


@settings(max_examples=examples(200))
@given(st.binary(max_size=400))
def test_any_bytes_give_frames_or_one_named_error(stream: bytes) -> None:
    got, _ = read(stream)
    for frame in got:
        assert isinstance(frame.event.get("Event-Name", ""), str)
        assert isinstance(frame.reply_text, str)
        assert len(list(frame.items())) <= len(frame.head)


def test_a_stream_cut_at_any_byte_gives_the_complete_frames_and_then_an_error() -> None:
    sent = switch_frames("controller-dies-while-ringing")
    stream = b"".join(sent)
    ends = [len(b"".join(sent[:count])) for count in range(len(sent) + 1)]
    for cut in range(len(stream)):
        got, error = read(stream[:cut])
        whole = sum(end <= cut for end in ends) - 1
        assert len(got) == whole
        assert (error is None) == (cut in ends), f"cut at byte {cut}"


def test_a_callers_name_cannot_add_a_header() -> None:
    sent = frames.render_event([("Event-Name", "CHANNEL_ANSWER"), ("Caller-Caller-ID-Name", FORGED_NAME)])
    assert b"Bob%0Avariable_hunt_group%3A%209999%0A" in sent
    (frame,) = FrameReader().feed(sent)
    assert frame.event.get("Caller-Caller-ID-Name") == FORGED_NAME
    assert frame.event.get("Event-Name") == "CHANNEL_ANSWER"
    assert frame.event.get("variable_hunt_group") is None


def test_the_first_value_of_a_header_counts() -> None:
    frame = Frame(b"A: 1\nB: 2\nA: 3\nB: 4")
    assert (frame.get("A"), frame.get("B")) == ("1", "2")


def test_a_name_inside_another_name_or_value_is_no_header() -> None:
    frame = Frame(b"X-Unique-ID: no\nOther: Unique-ID: no\nUnique-ID: yes")
    assert frame.get("Unique-ID") == "yes"
    assert frame.get("ID") is None
    assert frame.get("Unique") is None


def test_missing_and_undefined_values_give_the_default() -> None:
    frame = Frame(b"Gone: _undef_\nEmpty: ")
    assert frame.get("Gone") is None
    assert frame.get("Gone", "x") == "x"
    assert frame.get("Missing", "y") == "y"
    assert frame.get("Empty", "z") == ""


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert Frame(b"Name: Andr%E9").get("Name") == "Andr\N{REPLACEMENT CHARACTER}"
    assert Frame(b"Name: Andr\xe9").get("Name") == "Andr\N{REPLACEMENT CHARACTER}"
    assert Frame(b"Name: Andr%C3%A9 100%").get("Name") == "André 100%"


def test_an_event_with_a_body_of_its_own() -> None:
    sent = frames.render_event([("Event-Name", "BACKGROUND_JOB"), ("Job-UUID", "7")], b"+OK done\n\nTruly: yes\n")
    (frame,) = FrameReader().feed(sent)
    assert frame.event.body == b"+OK done\n\nTruly: yes\n"
    assert frame.event.get("Job-UUID") == "7"
    assert frame.event.get("Truly") is None


def test_the_answer_to_connect_is_its_own_event_and_has_no_body() -> None:
    reply = switch_frames("answered")[0]
    (frame,) = FrameReader().feed(reply)
    assert frame.is_connect_reply
    assert frame.is_reply
    assert frame.reply_text == "+OK"
    assert frame.event is frame
    assert frame.get("Caller-Destination-Number") == "5000"
    assert frame.get("variable_DP_MATCH") == "ARRAY::5000|:5000"


def test_replies_other_than_that_of_connect_are_plain_text() -> None:
    (frame,) = FrameReader().feed(frames.render_reply("-ERR 100%41 wrong"))
    assert frame.reply_text == "-ERR 100%41 wrong"
    (frame,) = FrameReader().feed(frames.render_api_response("a%20b\nc\n"))
    assert frame.reply_text == "a%20b\nc"


@pytest.mark.parametrize(
    ("value", "parts"),
    [(None, []), ("", [""]), ("one", ["one"]), ("ARRAY::5000|:5001", ["5000", "5001"]), ("a|:b", ["a|:b"])],
)
def test_arrays(value: str | None, parts: list[str]) -> None:
    assert array(value) == parts


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5",
        b"Content-Type: text/event-plain",
        b"Content-Type: api/response",
        b"Content-Type: log/data\nContent-Length: -1",
        b"Content-Type: log/data\nContent-Length: +5",
        b"Content-Type: log/data\nContent-Length: 1_0",
        b"Content-Type: log/data\nContent-Length: ",
        b"Content-Type: log/data\nContent-Length: \xd9\xa3",
        b"Content-Type: log/data\nContent-Length: 4194305",
        b"Content-Type: log/data\nContent-Length: " + b"9" * 5000,
    ],
)
def test_a_malformed_head_ends_the_reading_after_the_good_frames(head: bytes) -> None:
    frame_reader = FrameReader()
    assert len(frame_reader.feed(REPLY + head + b"\n\n" + REPLY)) == 1
    with pytest.raises(ProtocolError) as first:
        frame_reader.feed(b"")
    with pytest.raises(ProtocolError) as second:
        frame_reader.feed(REPLY)
    assert str(second.value) == str(first.value)


LARGE = [("Event-Name", "CHANNEL_DATA"), ("Unique-ID", "7"), ("variable_large", "x" * 1_000_000), ("variable_a", "1")]
ENCODED = [("Event-Name", "CHANNEL_DATA"), ("variable_large", ":" * 1_000_000), ("variable_a", "1")]


@pytest.mark.parametrize("headers", [LARGE, ENCODED])
@pytest.mark.parametrize("slice_bytes", [1009, 65536, 5_000_000])
@pytest.mark.parametrize("render", [frames.render_event, frames.render_connect_reply])
def test_a_frame_with_a_megabyte_of_variables_is_read_in_any_slices(headers, slice_bytes, render) -> None:
    """One large value, which FreeSWITCH may write with three bytes for each; between two frames of the usual size."""
    stream = REPLY + render(headers) + REPLY
    got, error = read(stream, list(range(0, len(stream), slice_bytes)))
    assert error is None
    assert [frame.reply_text for frame in (got[0], got[2])] == ["+OK", "+OK"]
    assert got[1].event.get("variable_large") == headers[-2][1]
    assert got[1].event.get("variable_a") == "1"


def test_no_more_is_held_than_one_frame_and_what_one_read_brought() -> None:
    frame_reader = FrameReader()
    stream = frames.render_event(ENCODED)
    most = 0
    for start in range(0, len(stream), 65536):
        frame_reader.push(stream[start : start + 65536])
        most = max(most, len(frame_reader._buffer))
        found = frame_reader.pull()
    assert found is not None
    assert most <= reader.MAX_BODY_BYTES + 65536 + 100
    assert len(frame_reader._buffer) == 0


def test_an_answer_to_a_command_may_be_longer_than_an_event() -> None:
    """As a dialplan of more than a thousand pilots."""
    long = b"x" * (reader.MAX_BODY_BYTES + 1)
    (answer,), error = read(frames.render_api_response(long.decode()))
    assert error is None
    assert answer.body == long
    assert read(b"Content-Type: log/data\nContent-Length: %d\n\n" % len(long))[1] is not None
    assert read(b"Content-Type: api/response\nContent-Length: %d\n\n" % (reader.MAX_ANSWER_BYTES + 1))[1] is not None


def test_memory_is_bounded_by_one_head_and_one_body() -> None:
    assert read(b"X: " + b"x" * reader.MAX_HEAD_BYTES)[1] is not None
    longest = b"Content-Type: log/data\nX: " + b"x" * (reader.MAX_HEAD_BYTES - 26)
    assert len(longest) == reader.MAX_HEAD_BYTES
    assert read(longest + b"\n\n")[1] is None
    assert read(longest + b"x\n\n")[1] is not None
    frame_reader = FrameReader()
    with suppress(ProtocolError):
        for _ in range(200):
            frame_reader.feed(b"x" * 65536)
    assert len(frame_reader._buffer) == 0


def test_a_body_may_have_any_bytes_and_frames_may_be_parted_by_empty_lines() -> None:
    got, error = read(b"\n\nContent-Type: log/data\nContent-Length: 5\n\n\n\n\n\n\n\n\n" + REPLY)
    assert error is None
    assert [frame.body for frame in got] == [b"\n" * 5, b""]
