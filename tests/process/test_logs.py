import io
import logging
import threading

import pytest

from fshunt.process import logs
from fshunt.process.logs import LogWriter


def said(writer: LogWriter, words: str, *values: object) -> None:
    writer.handle(logging.LogRecord("fshunt", logging.INFO, __file__, 1, words, values, None))


class Stalled(io.StringIO):
    """A log stream that takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.go_on.wait(30)
        return super().write(text)


def test_every_line_is_written_in_order_before_it_stops():
    stream = io.StringIO()
    writer = LogWriter(stream)
    for number in range(1000):
        said(writer, "line %d", number)
    writer.stop()
    assert stream.getvalue().splitlines() == [f"line {number}" for number in range(1000)]


def test_while_the_log_stream_stalls_lines_wait_and_the_last_are_lost(monkeypatch):
    monkeypatch.setattr(logs, "MAX_WAITING_LINES", 2)
    stream = Stalled()
    writer = LogWriter(stream)
    said(writer, "first")
    assert stream.reached.wait(30)
    for number in range(5):
        said(writer, "%d", number)
    stream.go_on.set()
    writer.stop()
    assert stream.getvalue().splitlines() == ["first", "0", "1"]


def test_a_stop_does_not_wait_for_a_stream_that_stalls(monkeypatch):
    monkeypatch.setattr(logs, "STOP_SECONDS", 0.01)
    stream = Stalled()
    writer = LogWriter(stream)
    said(writer, "nobody takes this")
    assert stream.reached.wait(30)
    writer.stop()
    assert stream.getvalue() == ""
    stream.go_on.set()


def test_a_closed_log_stream_ends_nothing():
    stream = io.StringIO()
    writer = LogWriter(stream)
    stream.close()
    said(writer, "nobody reads this")
    writer.stop()


@pytest.mark.filterwarnings("error")
def test_a_line_that_cannot_be_formatted_ends_nothing(capsys):
    stream = io.StringIO()
    writer = LogWriter(stream)
    said(writer, "%d", "no number")
    said(writer, "the next")
    writer.stop()
    assert stream.getvalue() == "the next\n"
    assert "no number" in capsys.readouterr().err
