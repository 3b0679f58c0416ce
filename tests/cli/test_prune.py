"""`fshunt call prune`: old calls go, a few at a time, and nothing else does."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from fshunt.db.engine import open_engine
from fshunt.db.models import CallRecord, OfferRecord, SkipRecord
from tests.support.many_calls import fill

COUNT = 10_000
"""Of 55 hours: a call every 20 s."""

YOUNG = 4320
"""Calls of one day."""


@pytest.fixture
def many(office):
    engine = open_engine(office.env["FSHUNT_DATABASE_URL"])
    fill(engine, COUNT)
    engine.dispose()
    return office


def left(store) -> list[int]:
    with store.reading() as s:
        return [s.scalar(select(func.count()).select_from(model)) for model in (CallRecord, OfferRecord, SkipRecord)]


def reopen(store, number: int) -> None:
    with store.writing() as s:
        s.get(CallRecord, f"hunt-{number:010x}").ended_at = None


def test_old_calls_go_with_their_offers_and_skips_and_open_ones_stay(many, store):
    reopen(store, 9999)
    removed = many.json("call", "prune", "--older-than", "1d", "--yes")
    calls, offers, skips = left(store)
    assert abs(calls - YOUNG) < 10
    assert (removed["removed"], offers) == (COUNT - calls, 2 * calls)
    assert abs(skips - calls / 2) < 2
    with store.reading() as s:
        assert s.get(CallRecord, f"hunt-{9999:010x}") is not None, "it is open"
        oldest = s.scalar(select(func.min(CallRecord.started_at)).where(CallRecord.ended_at.is_not(None)))
    assert oldest >= datetime.now(UTC) - timedelta(days=1, minutes=1)
    assert many.run("call", "prune", "--older-than", "1d", "--yes").stdout.startswith("Removed ")


@pytest.mark.parametrize(
    ("age", "words"), [("23h", "less than a day ago"), ("0m", "less than a day"), ("x", "not a time")]
)
def test_calls_of_today_are_not_removed(office, age, words):
    assert words in office.refused(2, "call", "prune", "--older-than", age, "--yes")


def test_it_can_be_interrupted_and_run_again(many, store, monkeypatch):
    pauses: list[float] = []

    def interrupted(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("fshunt.cli.call.sleep", interrupted)
        assert many.invoke("call", "prune", "--older-than", "1d", "--yes").exit_code == 130
    after = left(store)[0]
    assert YOUNG + 10 < after < COUNT, "what was removed stays removed, and only that"
    assert all(seconds > 0 for seconds in pauses)
    many.run("call", "prune", "--older-than", "1d", "--yes")
    assert abs(left(store)[0] - YOUNG) < 10


def test_on_a_terminal_the_number_grows_and_goes(many, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    from fshunt.cli import output

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with output.progress("Removed {} calls so far") as progress:
        progress(200)
        progress(1200)
    assert screen.getvalue() == "\rRemoved 200 calls so far\rRemoved 1200 calls so far\r\x1b[K"
