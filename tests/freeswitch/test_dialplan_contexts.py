"""Contexts that have megabytes: read in slices, and once."""

from __future__ import annotations

import pytest

from fshunt.freeswitch import dialplan_contexts
from fshunt.freeswitch.dialplan_contexts import Context, Lookups
from fshunt.freeswitch.dialplan_lookup import SLICE_CHARS, Answer, read_context
from fshunt.freeswitch.slices import SLICE

PILOTS = 3 * SLICE


def written(box: str = "1001") -> str:
    """A context with an extension for each pilot, as `fshunt dialplan` writes it, in short."""
    extensions = (
        f'<extension name="{5000 + number}"><condition field="destination_number" expression="^{5000 + number}$">'
        f'<action application="socket" data="127.0.0.1:8084"/><action application="voicemail" data="{box}"/>'
        "</condition></extension>"
        for number in range(PILOTS)
    )
    return f"<context>{''.join(extensions)}</context>"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were read."""
    texts: list[str] = []

    def read(text: str, breathe: object) -> object:
        texts.append(text)
        return read_context(text)

    monkeypatch.setattr(dialplan_contexts, "read_context", read)
    return texts


def test_a_text_is_read_once_for_a_number_until_it_changes(reads: list[str]) -> None:
    lookups, last = Lookups(), str(5000 + PILOTS - 1)
    for _ in range(3):
        found = Context(written(), lookups).find(last)
        assert found is not None
        assert (found.answer, found.controllers) == (Answer.FOUND, ("127.0.0.1:8084",))
    assert len(reads) == 1
    changed = Context(written("1002"), lookups)
    assert changed.find(last) == found
    assert changed.find("7000").answer is Answer.NOT_FOUND  # type: ignore[union-attr]
    assert len(reads) == 2, "once for both numbers"


def test_whether_the_table_has_the_number_is_another_question(reads: list[str]) -> None:
    context = Context(written(), Lookups())
    for in_table in (None, True, False, None):
        context.find("5000", in_table)
    assert len(reads) == 1


def test_what_shows_no_context_is_asked_again(reads: list[str]) -> None:
    lookups = Lookups()
    for _ in range(2):
        assert Context("can't find anything", lookups).find("5000") is None
    assert len(reads) == 2


def test_the_lookup_that_was_not_asked_for_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialplan_contexts, "MAX_LOOKUPS", 2)
    lookups = Lookups()
    context = Context(written(), lookups)
    for number in ("5000", "5001", "5000", "5002"):
        context.find(number)
    assert [key[1] for key in lookups._found] == ["5000", "5002"]


def test_others_are_served_while_a_large_context_is_read_and_looked_through() -> None:
    breaths: list[int] = []
    text = written().replace("</context>", f"<!-- {'x' * 5 * SLICE_CHARS} --></context>")
    context = Context(text, Lookups(lambda: breaths.append(1)))
    context.find("7000")
    assert len(breaths) >= len(text) // SLICE_CHARS + PILOTS // SLICE
