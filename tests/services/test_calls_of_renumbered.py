"""The calls of a group stay with it when its pilot changes, and another group on the old number has its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from fshunt.db.engine import Store
from fshunt.db.models import ChangeRecord
from fshunt.db.queries.call_search import Kind, Place, Question, missed_by, one_call, question_of, report_calls, search
from fshunt.db.queries.calls import list_calls_of_group
from fshunt.db.queries.pilots import Span, groups_with_pilot, pilot_spans, places_of
from fshunt.errors import NotFound
from fshunt.services import audit, groups, undo
from tests.web.calls import Rang, add_call
from tests.web.people import DOMAIN

NOW = datetime.now(UTC)
MOVED = NOW - timedelta(days=2)


@pytest.fixture
def moved(store: Store) -> Store:
    """A group that has been 5100 for two days and was 5000 before, and a newer group that is 5000 now."""
    with store.writing() as s:
        groups.add_group(s, DOMAIN, "5000")
        groups.renumber_group(s, DOMAIN, "5000", "5100")
        s.execute(update(ChangeRecord).where(ChangeRecord.id == audit.last_change_id(s)).values(at=MOVED))
        groups.add_group(s, DOMAIN, "5000", name="Newer")
    for days, pilot in ((4, "5000"), (3, "5000"), (1, "5100"), (0.5, "5000")):
        rang = Rang("1001", 0, 18)
        add_call(store, f"{pilot}-{days}", rang, at=NOW - timedelta(days=days), pilot=pilot, number=f"+49{days}")
    return store


def asked(store: Store, pilot: str, **more: object) -> Question:
    with store.reading() as s:
        return question_of(s, groups.get_group(s, DOMAIN, pilot), **more)


def found(store: Store, pilot: str, limit: int = 10, **more: object) -> list[str]:
    """All calls, page by page."""
    ids: list[str] = []
    behind: Place | None = None
    question = asked(store, pilot, **more)
    while True:
        with store.reading() as s:
            page = search(s, question, behind, limit)
        ids += [call.id for call in page.calls]
        behind = page.further
        if behind is None:
            return ids


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_calls_stay_with_their_group(moved: Store, limit: int) -> None:
    assert found(moved, "5100", limit) == ["5100-1", "5000-3", "5000-4"]
    assert found(moved, "5000", limit) == ["5000-0.5"]
    assert found(moved, "5100", limit, since=NOW - timedelta(days=3.5)) == ["5100-1", "5000-3"]
    assert found(moved, "5100", limit, kind=Kind.MISSED) == ["5100-1", "5000-3", "5000-4"]


def test_a_call_of_another_group_is_not_there(moved: Store) -> None:
    ours, theirs = asked(moved, "5100"), asked(moved, "5000")
    with moved.reading() as s:
        assert one_call(s, ours, "5000-3").pilot == "5000"
        for question, call in ((ours, "5000-0.5"), (theirs, "5000-3")):
            with pytest.raises(NotFound):
                one_call(s, question, call)


@pytest.mark.parametrize("domain", [DOMAIN, None])
def test_lists_of_calls_go_with_the_group(moved: Store, domain: str | None) -> None:
    add_call(moved, "elsewhere", Rang("1001", 0, 18), at=NOW - timedelta(days=5), pilot="5100", domain="other.test")

    def listed(pilot: str | None, limit: int = 10, **more: object) -> list[str]:
        with moved.reading() as s:
            return [call.id for call in list_calls_of_group(s, domain, pilot, limit=limit, **more)]

    others = [] if domain else ["elsewhere"]
    assert listed("5100") == ["5100-1", "5000-3", "5000-4", *others]
    assert listed("5100", 2) == ["5100-1", "5000-3"]
    assert listed("5100", before=(NOW - timedelta(days=3), "5000-3")) == ["5000-4", *others]
    assert listed("5000") == ["5000-0.5"]
    assert listed(None) == ["5000-0.5", "5100-1", "5000-3", "5000-4", *others]
    with moved.reading() as s:
        newer = places_of(s, groups_with_pilot(s, DOMAIN, "5000"))
    assert listed("5100", places=newer) == []
    assert listed(None, places=newer) == ["5000-0.5"]


def test_reports_and_missed_calls_go_with_the_group(moved: Store) -> None:
    with moved.reading() as s:
        assert len(report_calls(s, asked(moved, "5100"))) == 3
        assert [call.id for call in missed_by(s, [asked(moved, "5100")], "1001", 2)] == ["5100-1", "5000-3"]


def test_who_has_called_the_new_number_since_waits_no_more_under_the_old_one(moved: Store) -> None:
    assert found(moved, "5100", kind=Kind.WAITING) == ["5100-1", "5000-3", "5000-4"]
    add_call(moved, "again", Rang("1001", 0, 18), at=NOW, pilot="5100", number="+493")
    assert found(moved, "5100", kind=Kind.WAITING) == ["again", "5100-1", "5000-4"]


def test_an_undone_renumbering_gives_the_number_back(store: Store) -> None:
    with store.writing() as s:
        group = groups.add_group(s, DOMAIN, "5000")
        groups.renumber_group(s, DOMAIN, "5000", "5100")
        change = audit.last_change_id(s)
        assert change is not None
        undo.undo(s, change)
        spans = pilot_spans(s, group.id, DOMAIN, "5000")
    assert [span.pilot for span in spans] == ["5000", "5100", "5000"]
    assert spans[2].since is None
    with store.reading() as s:
        other = groups.get_group(s, DOMAIN, "5000")
        assert pilot_spans(s, other.id + 100, "other.test", "7000") == (Span("7000"),)
