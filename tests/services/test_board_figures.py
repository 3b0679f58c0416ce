"""The figures of a board: counted again when calls change, not at each look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fshunt.db.engine import Store
from fshunt.db.queries import calls
from fshunt.hunting.addresses import parse_member
from fshunt.hunting.availability import MemberState
from fshunt.hunting.states import Result
from fshunt.services import board_figures, boards, groups, members
from fshunt.services.board_figures import KIND_OF, KINDS, LEAST_SECONDS, MOST_SECONDS
from fshunt.services.live_feed import CHECK_SECONDS, LiveFeed, Look
from fshunt.services.watchers import Credential, CredentialKind, Wish
from fshunt.settings import Settings

pytestmark = pytest.mark.sql

DOMAIN = "pbx.test"
PLACE = (DOMAIN, "5000")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Wall:
    """A screen that looks, by a clock that the test moves."""

    def __init__(self, store: Store) -> None:
        self.store, self.seconds = store, 0.0
        with store.writing() as s:
            groups.add_group(s, *PLACE, name="Sales", time_zone="Europe/Rome")
            members.add_members(s, *PLACE, [parse_member("1001")])
            self.board, _ = boards.add_board(s, *PLACE, "Hall", now=NOON)
        self.wish = Wish(Credential(CredentialKind.BOARD, str(self.board.id)), *PLACE)
        self.feed = LiveFeed(store, Settings(), lambda: self.seconds, self.now)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def look(self, after: float = 0.0) -> Look:
        self.seconds += after
        return self.feed.look([self.wish])

    def figures(self, after: float = 0.0) -> dict[str, object]:
        return self.look(after).boards[PLACE].value["figures"]  # type: ignore[no-any-return]

    def call(self, hunt_id: str, *, answered_after: float | None = None) -> None:
        began = self.now()
        with self.store.writing() as s:
            calls.open_call(
                s, hunt_id, uuid=hunt_id, domain=DOMAIN, pilot="5000", group_name="", policy="regular",
                caller_number="100", caller_name=None, started_at=began, policy_input=None, node="n",
            )  # fmt: skip
            if answered_after is not None:
                at = began + timedelta(seconds=answered_after)
                calls.note_answered(s, hunt_id, answered_by="1001", answered_at=at)

    def end(self, hunt_id: str) -> None:
        with self.store.writing() as s:
            calls.close_call(s, hunt_id, result=Result.ABANDONED, reason=None, destination=None, ended_at=self.now())


@pytest.fixture
def wall(store: Store) -> Wall:
    return Wall(store)


def test_each_state_of_a_member_is_one_of_a_board() -> None:
    assert set(KIND_OF) == set(MemberState)
    assert set(KIND_OF.values()) == set(KINDS)


def test_callers_wait_until_they_are_answered_or_go(wall: Wall) -> None:
    wall.call("first")
    wall.seconds += 5
    wall.call("second")
    waiting = wall.figures(after=1)
    assert (waiting["waiting"], waiting["waiting_since"]) == (2, "2026-03-01T12:00:00.000Z")
    wall.end("first")
    assert wall.figures(after=1)["waiting_since"] == "2026-03-01T12:00:05.000Z"
    wall.end("second")
    assert wall.figures(after=1)["waiting"] == 0


def test_the_calls_of_the_day_are_counted_and_midnight_begins_anew(wall: Wall) -> None:
    wall.call("quick", answered_after=10)
    wall.call("slow", answered_after=30)
    wall.call("gone")
    wall.end("gone")
    today = wall.figures(after=LEAST_SECONDS)
    assert (today["answered_today"], today["missed_today"]) == (2, 1)
    assert (today["answered_quickly"], today["usual_seconds"]) == (50, 10)
    midnight_in_rome = 11 * 3600
    assert wall.figures(after=midnight_in_rome - wall.seconds - 1)["answered_today"] == 2
    assert wall.figures(after=2)["answered_today"] == 0


def test_the_calls_of_the_day_are_read_when_one_has_changed(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    report_calls = board_figures.report_calls
    monkeypatch.setattr(board_figures, "report_calls", lambda *given: read.append(1) or report_calls(*given))
    first = wall.look()
    for _ in range(5):
        wall.look(after=1)
    assert (len(read), wall.look().boards[PLACE].number) == (1, first.boards[PLACE].number)
    wall.call("new", answered_after=1)
    assert wall.figures(after=LEAST_SECONDS)["answered_today"] == 1
    assert len(read) == 2
    wall.look(after=MOST_SECONDS)
    assert len(read) == 3


def test_a_board_that_is_revoked_or_expired_shows_nothing_more(wall: Wall) -> None:
    assert wall.wish in wall.look().places
    with wall.store.writing() as s:
        boards.revoke_board(s, wall.board.id)
    look = wall.look(after=CHECK_SECONDS)
    assert wall.wish not in look.places
    assert look.boards == {}
